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
    let port = device(compiled.words, 11);
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

    let metrics = xmap(&["metrics", "--port", port]);
    let shown = text(&metrics.stdout);
    for line in [
        "xmap_calls_total 6",
        "xmap_module_running{module=\"0\",name=\"lamp\"} 1",
        "xmap_export_calls_total{module=\"0\",export=\"lamp.off\"} 1",
        "xmap_export_traps_total{module=\"0\",export=\"lamp.blinks_per_minute\"} 1",
        "xmap_export_time_seconds_count{module=\"0\",export=\"lamp.blinks_per_minute\"} 1",
    ] {
        assert!(shown.contains(&format!("{line}\n")), "{line} is not in\n{shown}{}", text(&metrics.stderr));
    }
    assert!(shown.ends_with("\n# EOF\n"));
    let older = xmap(&["metrics", "--port", port, "--prometheus"]);
    assert!(
        text(&older.stdout).contains("# TYPE xmap_export_calls_total counter\n"),
        "{}",
        text(&older.stderr)
    );
    let metrics = xmap(&["metrics", "--port", port, "--json"]);
    let metrics: serde_json::Value = serde_json::from_slice(&metrics.stdout).unwrap();
    let traps = |export: &serde_json::Value| (export["export"].clone(), export["traps"].clone());
    let traps: Vec<_> = metrics["exports"].as_array().unwrap().iter().map(traps).collect();
    assert!(traps.contains(&("lamp.blinks_per_minute".into(), 1.into())), "{metrics}");
}
