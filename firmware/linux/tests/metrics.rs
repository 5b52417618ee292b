//! Metrics over HTTP, as a program on the same machine reads them.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use common::{Device, panel};

/// Asks, and returns the answer whole.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(common::LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n").unwrap();
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

#[test]
fn metrics_are_read_over_http() {
    let mut device = configured("127.0.0.1:0");
    device.start();
    device.says("metrics on http://");
    let said = device.said();
    let (_, behind) = said.split_once("metrics on http://").unwrap();
    let address = behind.split_once("/metrics").unwrap().0;
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

#[test]
fn only_programs_of_this_machine_read_them() {
    for address in ["0.0.0.0:9464", "192.168.1.1:9464", "9464"] {
        let output = configured(address).command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("expected a loopback address") && said.contains("X1201"), "{said}");
    }
}
