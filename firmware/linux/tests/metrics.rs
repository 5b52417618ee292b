//! Metrics over HTTP, as a program on the same machine reads them.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::{Device, panel};

/// Asks, and returns the answer whole.
fn get(address: &str, path: &str) -> String {
    get_as(address, path, "*/*")
}

/// Asks for a form of the text.
fn get_as(address: &str, path: &str, accept: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(common::LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn configured(metrics: &str) -> Device {
    let device = Device::new(&panel(1, ""));
    let config = format!("realtime_priority = 0\n[link]\nmetrics = \"{metrics}\"\n");
    fs::write(device.path("xmapd.toml"), config).unwrap();
    device
}

/// Starts a device, and returns it with the address of its metrics.
fn started() -> (Device, String) {
    let mut device = configured("127.0.0.1:0");
    device.start();
    device.says("metrics on http://");
    let said = device.said();
    let (_, behind) = said.split_once("metrics on http://").unwrap();
    let address = behind.split_once("/metrics").unwrap().0.to_owned();
    (device, address)
}

#[test]
fn metrics_are_read_over_http() {
    let (mut device, address) = started();
    let address = address.as_str();
    let mut host = device.host();
    (0..3).for_each(|_| assert!(host.call("held", &[1]).is_empty()));
    let text = get(address, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0"));
    for line in [
        "xmap_export_calls_total{module=\"0\",export=\"default.held\"} 3",
        "xmap_export_time_seconds_count{module=\"0\",export=\"default.held\"} 3",
        "xmap_module_running{module=\"0\",name=\"hall\"} 1",
        "xmap_frames_bad_total 0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(get(address, "/").starts_with("HTTP/1.1 404 "));
    // What frames a host sent is still counted when it is gone.
    let good = |text: &str| -> u32 {
        let (_, behind) = text.split_once("\nxmap_frames_good_total ").unwrap();
        behind.lines().next().unwrap().parse().unwrap()
    };
    let before = good(&text);
    assert!(before >= 4, "a greeting and three calls");
    drop(host);
    device.until("the host is gone", || good(&get(address, "/metrics")) >= before);
}

/// What a Prometheus reads that asks for its older form, by the checker that Prometheus has.
#[test]
fn promtool_finds_nothing_in_what_is_read_over_http() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("metrics: SKIPPED promtool, it is not on this machine: `apt install prometheus`");
        return;
    }
    let (device, address) = started();
    let mut host = device.host();
    (0..3).for_each(|_| assert!(host.call("held", &[1]).is_empty()));
    host.call("count", &[]);
    let answer = get_as(&address, "/metrics", "text/plain");
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(text.contains("xmap_export_calls_total{module=\"0\",export=\"default.held\"} 3\n"), "{text}");
    let check = |text: &str| {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]);
        promtool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = promtool.spawn().unwrap();
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), said)
    };
    let (success, said) = check(text);
    assert!(success && said.is_empty(), "{said}\n{text}");
    // The checker finds what is wrong: here a type that is no type.
    assert!(!check(&text.replacen(" counter\n", " wrong\n", 1)).0);
}

#[test]
fn only_programs_of_this_machine_read_them() {
    for address in ["0.0.0.0:9464", "192.168.1.1:9464", "9464"] {
        let output = configured(address).command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("expected a loopback address") && said.contains("X1201"), "{said}");
    }
}
