//! What `xmap metrics --prometheus` writes, by the checker that Prometheus has.

use std::io::Write as _;
use std::process::{Command, Stdio};

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_device::Service;
use xmap_rig::{IDENTITY, serve};

#[test]
fn promtool_finds_nothing_in_the_metrics() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("metrics: SKIPPED promtool, it is not on this machine: `apt install prometheus`");
        return;
    }
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n";
    let manifest = Manifest::parse("panel.toml", manifest).unwrap();
    let module = r#"(module (func (export "work")) (func (export "trap") unreachable))"#;
    let built = compile(&manifest, &wat::parse_str(module).unwrap()).unwrap();
    let port = serve(built.words, 3, |_| Service::new(IDENTITY));
    let run = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_xmap")).args(args).output().unwrap();
    for export in ["work", "trap"] {
        run(&["call", "--port", &port, export]);
    }
    let metrics = run(&["metrics", "--port", &port, "--prometheus"]);
    assert!(metrics.status.success(), "{}", String::from_utf8_lossy(&metrics.stderr));
    assert!(String::from_utf8_lossy(&metrics.stdout).contains("xmap_export_calls_total{"));
    let check = |text: &[u8]| {
        let mut promtool = Command::new("promtool");
        promtool
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut promtool = promtool.spawn().unwrap();
        promtool.stdin.take().unwrap().write_all(text).unwrap();
        let output = promtool.wait_with_output().unwrap();
        (output.status.success(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (success, stdout, said) = check(&metrics.stdout);
    assert!(success && stdout.is_empty() && said.is_empty(), "{said}");
    // The checker finds what is wrong.
    assert!(!check(b"# TYPE a counter\na{ 1\n").0);
}
