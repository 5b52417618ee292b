//! `xmap call`, `status` and `monitor` against the device's own service, behind a socket: what runs on the
//! board, but for the registers, which are the simulator's.

use std::process::{Command, Output};

use xmap_device::Service;
use xmap_rig::{IDENTITY, panel};

/// Serves so many connections, one after the other, with one panel; says where.
fn device(words: Vec<u32>, hosts: usize) -> String {
    xmap_rig::serve(words, hosts, |_| Service::new(IDENTITY))
}

fn xmap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xmap")).env("XMAP_MAPS", "").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_panel_is_called_over_a_socket() {
    let compiled = panel("lamp");
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("lamp.map");
    std::fs::write(&map, compiled.map.to_json()).unwrap();
    let port = device(compiled.words, 8);
    let port = port.as_str();
    let call = |args: &[&str]| xmap(&[&["call", "--port", port], args].concat());

    let lit = call(&["--trace", "lamp_on"]);
    assert_eq!(text(&lit.stdout), "GPSET0 0x00020000\nlamp_on ->\n", "{}", text(&lit.stderr));
    assert_eq!(text(&call(&["lamp_lit"]).stdout), "lamp_lit -> true\n");
    assert_eq!(text(&call(&["lamp.off"]).stdout), "lamp.off ->\n");
    let logged = call(&["-t", "forget"]);
    assert_eq!(text(&logged.stdout), "log WARN counters cleared\nforget ->\n");

    let trapped = call(&["--map", map.to_str().unwrap(), "blinks_per_minute", "0"]);
    assert_eq!(trapped.status.code(), Some(3), "a trap is a result with a status of its own");
    assert_eq!(text(&trapped.stdout), "blinks_per_minute trap divide_by_zero\n");
    assert!(text(&trapped.stderr).contains("lamp.c:72:18, function $blinks_per_minute"));

    let wide = call(&["blink", "256", "1"]);
    assert_eq!(wide.status.code(), Some(1));
    assert!(text(&wide.stderr).starts_with("error[X0910]"), "{}", text(&wide.stderr));
    let unknown = call(&["lamp_onn"]);
    assert!(text(&unknown.stderr).contains("did you mean `lamp_on`?"), "{}", text(&unknown.stderr));

    let status = xmap(&["status", "--port", port]);
    let shown = text(&status.stdout);
    for line in ["board     rpi4b", "state     mounted", "calls     6, 1 trapped"] {
        assert!(shown.contains(line), "{line} is not in\n{shown}{}", text(&status.stderr));
    }
}
