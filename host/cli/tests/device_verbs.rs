//! `xmap call`, `status` and `monitor` against the device's own service, behind a socket: what runs on the
//! board, but for the registers, which are the simulator's.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

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
    let port = device(compiled.words, 13);
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

    // The port may come last, and a number that is less than zero is no option.
    let last = xmap(&["call", "blink", "-1", "1", "--port", port]);
    assert!(text(&last.stderr).starts_with("error[X0910]"), "{}", text(&last.stderr));
    let behind = call(&["blink", "--", "--x", "1"]);
    assert!(text(&behind.stderr).starts_with("error[X0910]"), "{}", text(&behind.stderr));
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

#[test]
fn what_a_device_was_told_is_played_again() {
    let compiled = panel("lamp");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bytes = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let (image, recording) = (path("lamp.xmap"), path("day.xrec"));
    std::fs::write(&image, bytes(&compiled.words)).unwrap();
    std::fs::write(format!("{image}.map"), compiled.map.to_json()).unwrap();
    let port = device(compiled.words, 5);
    let call = |args: &[&str]| xmap(&[&["call", "--port", &port], args].concat());
    call(&["lamp_on"]);
    assert_eq!(call(&["blinks_per_minute", "0"]).status.code(), Some(3), "a trap is in it, too");
    call(&["lamp_off"]);
    let recorded = xmap(&["record", "--port", &port, "-o", &recording]);
    assert!(text(&recorded.stdout).ends_with(" bytes, 5 stores\n"), "{recorded:?}");

    let replay = |file: &str, image: &str| xmap(&["replay", file, image]);
    let played = replay(&recording, &image);
    assert!(text(&played.stdout).contains(": 5 of 5 stores compared, "), "{played:?}");
    let plain = xmap(&["replay", &recording, &image, "--plain"]);
    let expected = "GPCLR0 0x00400000\nlog INFO lamp: mounted\nGPSET0 0x00020000\nGPCLR0 0x00020000\n";
    assert_eq!(text(&plain.stdout), expected);
    let json = xmap(&["replay", &recording, &image, "--json", "--vcd", &path("day.vcd")]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["stores"], &json["compared"]), (&5.into(), &5.into()));
    assert!(std::fs::read_to_string(path("day.vcd")).unwrap().contains("lamp"));

    // Bad input, and a store that the device made otherwise.
    let error = |output: Output, with: &str| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).starts_with(&format!("error[{with}]")), "{output:?}");
    };
    let whole = std::fs::read(&recording).unwrap();
    // As the service under Linux writes it while it goes on: without stores, and cut where the power went.
    let noted = xmap_sim::Recording::from_bytes(&whole).unwrap().noted;
    let grown = [&xmap_device::GROWING[..], &noted[..noted.len() - 1]].concat();
    std::fs::write(path("grown.xrec"), grown).unwrap();
    let played = replay(&path("grown.xrec"), &image);
    assert!(text(&played.stdout).contains(": 0 of 5 stores compared, "), "{played:?}");
    std::fs::write(path("cut.xrec"), &whole[..whole.len() - 9]).unwrap();
    error(replay(&path("cut.xrec"), &image), "X1802");
    error(replay(&image, &image), "X1801");
    let other = path("other.xmap");
    std::fs::write(&other, bytes(&panel("hall").words)).unwrap();
    error(replay(&recording, &other), "X1803");
    let mut otherwise = xmap_sim::Recording::from_bytes(&whole).unwrap();
    otherwise.stores[4].value = 1 << 18;
    std::fs::write(path("otherwise.xrec"), otherwise.to_bytes()).unwrap();
    let differs = replay(&path("otherwise.xrec"), &image);
    let said = text(&differs.stderr).to_owned();
    assert!(said.contains("store 4 was GPCLR0 0x00040000, and is GPCLR0 0x00020000"), "{said}");
    error(differs, "X1804");
}

/// The device takes one connection in its life: verbs that come meanwhile get the monitor's.
#[test]
fn a_monitor_says_with_whom_it_speaks_and_lends_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let port = device(panel("lamp").words, 1);
    let verb = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xmap"));
        command.args(args).args(["--port", &port]).env("XMAP_MAPS", "").env("XDG_RUNTIME_DIR", folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut monitor = verb(&["monitor"]);
    let mut said = BufReader::new(monitor.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line
    };
    let head = line();
    let start = format!("rpi4b at {port}, firmware ");
    assert!(head.starts_with(&start) && head.ends_with(": module 0 lamp version 1\n"), "{head}");

    for (args, expected) in
        [(&["call", "forget"][..], "forget ->\n"), (&["call", "lamp_lit"], "lamp_lit -> ")]
    {
        let done = verb(args).wait_with_output().unwrap();
        assert!(text(&done.stdout).starts_with(expected), "{args:?}: {}", text(&done.stderr));
    }
    // It passed by while the port was lent. What has a time has it in front: 00:00:00.000.
    let message = line();
    let (time, rest) = message.split_once("  ").unwrap();
    assert_eq!((time.len(), rest), (12, "0 lamp  INFO  lamp: mounted\n"));
    assert!(line().ends_with("  0 lamp  WARN  counters cleared\n"));

    // Of several modules each message says whose it is.
    let porch = folder.path().join("porch.toml");
    std::fs::write(
        &porch,
        "[module]\nname = \"porch\"\nnamespace = \"porch\"\nboard = \"rpi4b\"\nwasm = \"porch.wat\"\n",
    )
    .unwrap();
    let module = r#"(module (import "log" "message" (func (param i32 i32 i32)))
        (memory (export "memory") 1) (data (i32.const 0) "open")
        (func (export "on_mount") (result i32)
          (call 0 (i32.const 1) (i32.const 0) (i32.const 4)) (i32.const 0)))"#;
    std::fs::write(folder.path().join("porch.wat"), module).unwrap();
    let swap = ["swap", porch.to_str().unwrap(), "--module", "1"];
    let swapped = verb(&swap).wait_with_output().unwrap();
    assert!(swapped.status.success(), "{}", text(&swapped.stderr));
    let of_porch = line();
    // A new image has no name before it is there.
    assert!(
        of_porch.ends_with("  1 ?  INFO  open\n") || of_porch.ends_with("  1 porch  INFO  open\n"),
        "{of_porch}"
    );
    let called = verb(&["call", "lamp.forget"]).wait_with_output().unwrap();
    assert!(called.status.success(), "{}", text(&called.stderr));
    assert!(line().ends_with("  0 lamp  WARN  counters cleared\n"));

    // Another monitor reads along; when it is gone, the first one has the port again.
    let second = verb(&["monitor", "--seconds", "1", "--json"]).wait_with_output().unwrap();
    let first: serde_json::Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!((&first["from"], &first["modules"][0]["name"]), (&"device".into(), &"lamp".into()));
    let again = verb(&["call", "forget"]).wait_with_output().unwrap();
    assert_eq!(text(&again.stdout), "forget ->\n", "{}", text(&again.stderr));
    assert!(line().ends_with("0 lamp  WARN  counters cleared\n"));

    // A killed one leaves its socket: who comes then asks the port itself.
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let late = verb(&["call", "forget", "--timeout", "1"]).wait_with_output().unwrap();
    assert!(text(&late.stderr).starts_with("error[X09"), "{}", text(&late.stderr));
}
