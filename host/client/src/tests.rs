//! The client against a device on a socket, with wires that misbehave.

use std::time::{Duration, Instant};

use xmap_link::{Export, PROTOCOL};

use super::fake::{Fake, Faults};
use super::*;
use crate::error::{Error, ErrorCode};

/// How long a client waits for what is lost, in microseconds.
const LOSSY_US: u64 = 400_000;

fn connect(faults: Faults) -> (Fake, Client) {
    Fake::connected(faults, LOSSY_US)
}

fn fails(faults: Faults) -> Error {
    let options = faults.options(LOSSY_US);
    let fake = Fake::start(faults);
    Client::connect(&fake.port, &options).err().expect("no session")
}

fn plain(client: &mut Client, name: &str, args: &[&str]) -> Result<String, Error> {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    run_call(client, name, &args).map(|called| called.to_string())
}

#[test]
fn greets_and_asks() {
    let (_fake, mut client) = connect(Faults::default());
    assert_eq!(client.hello().image.unwrap().version, 3);
    assert_eq!(client.status().unwrap().calls, 0);
    assert_eq!(client.levels().unwrap(), [0x2_0000, 0]);
    assert_eq!(client.call(&Export::Id(0), &[1, 2]).unwrap(), Outcome::Returned(vec![3]));
    assert_eq!(client.describe(&Export::Id(5)).unwrap(), None);
    assert_eq!(client.rehearse([1, 0], [1, 0], 5).unwrap_err().code, ErrorCode::DeviceRefused);
}

#[test]
fn calls_by_name_with_text() {
    let (_fake, mut client) = connect(Faults::default());
    assert_eq!(plain(&mut client, "panel.add", &["-3", "0x10"]).unwrap(), "panel.add -> 13");
    assert_eq!(plain(&mut client, "add", &["-128", "0"]).unwrap(), "add -> -128");
    assert_eq!(plain(&mut client, "#1", &[]).unwrap(), "#1 -> 3");
    assert_eq!(plain(&mut client, "lamp", &["1"]).unwrap(), "lamp ->");
    assert_eq!(plain(&mut client, "scale", &["1"]).unwrap(), "scale -> 0.1 true");
    assert_eq!(plain(&mut client, "fail", &[]).unwrap(), "fail trap unreachable");
}

#[test]
fn a_wrong_call_is_not_made() {
    let (fake, mut client) = connect(Faults::default());
    let port = fake.port.to_string();
    for (name, args, code, message) in [
        ("lampp", &["1"][..], ErrorCode::CallName, "the image has no export `lampp`"),
        ("add", &["1"], ErrorCode::CallArgument, "add: expected 2 arguments, found 1"),
        ("lamp", &[], ErrorCode::CallArgument, "lamp: expected 1 argument, found 0"),
        (
            "add",
            &["1", "65536"],
            ErrorCode::CallArgument,
            "add: argument 1: expected a u16: 0 to 65535, found `65536`",
        ),
        (
            "add",
            &["x", "1"],
            ErrorCode::CallArgument,
            "add: argument 0: expected an i8: -128 to 127, found `x`",
        ),
    ] {
        let error = plain(&mut client, name, args).unwrap_err();
        assert_eq!((error.code, error.message), (code, format!("{port}: {message}")));
    }
    let error = plain(&mut client, "lampp", &[]).unwrap_err();
    let unknown = error.unknown.unwrap();
    assert!(unknown.name == "lampp" && unknown.known.iter().any(|name| name == "lamp"), "{unknown:?}");
    let error = plain(&mut client, &"n".repeat(65), &[]).unwrap_err();
    assert_eq!(error.code, ErrorCode::CallName);
    let error = client.call(&Export::Id(0), &[0; 17]).unwrap_err();
    assert_eq!(error.code, ErrorCode::CallArgument);
    let error = client.call(&Export::Id(0), &[0]).unwrap_err();
    assert_eq!(error.message, format!("{port}: the request was refused: the export takes 2 arguments"));
    assert_eq!(error.code, ErrorCode::DeviceRefused);
    assert_eq!(fake.calls(), 0);
}

#[test]
fn a_device_writes_the_lines_of_the_simulator() {
    let (_fake, mut client) = connect(Faults::default());
    plain(&mut client, "fail", &[]).unwrap();
    let mut recorder = Recorder::start(&mut client).unwrap();
    plain(&mut client, "lamp", &["1"]).unwrap();
    let long = format!("log INFO {}", "lämp ".repeat(200));
    assert_eq!(recorder.lines(&mut client).unwrap(), [&long, "GPSET0 0x00020000", "log INFO done"]);
    assert_eq!(recorder.lines(&mut client).unwrap(), [""; 0]);
    // The fourth call stores 120 times, and the device holds the latest 60.
    plain(&mut client, "lamp", &["0"]).unwrap();
    recorder.lines(&mut client).unwrap();
    plain(&mut client, "count", &[]).unwrap();
    let error = recorder.lines(&mut client).unwrap_err();
    assert_eq!(error.code, ErrorCode::TraceLost);
    assert!(
        error.message.ends_with(": 60 register accesses were overwritten before they were read"),
        "{error}"
    );
}

#[test]
fn a_trace_of_several_pages_is_read_whole() {
    let (_fake, mut client) = connect(Faults::default());
    let mut recorder = Recorder::start(&mut client).unwrap();
    let first = client.status().unwrap().trace_next;
    plain(&mut client, "add", &["1", "1"]).unwrap();
    plain(&mut client, "count", &[]).unwrap();
    let lines = recorder.lines(&mut client).unwrap();
    assert_eq!(lines.len(), 60);
    assert_eq!(lines[..2], ["GPSET0 0x00000020", "GPCLR0 0x00000020"]);
    let latest = client.trace(first + 58).unwrap();
    assert_eq!(latest.iter().map(|(n, _)| *n - first).collect::<Vec<_>>(), [58, 59]);
    assert_eq!(client.trace(first + 60).unwrap(), []);
}

#[test]
fn a_trace_that_goes_round_in_circles_is_an_error() {
    let (_fake, mut client) = connect(Faults { rewinds: true, ..Faults::default() });
    plain(&mut client, "count", &[]).unwrap();
    assert_eq!(client.trace(0).unwrap_err().code, ErrorCode::BadAnswer);
}

#[test]
fn noise_changes_nothing() {
    let (_fake, mut client) = connect(Faults { noise: true, ..Faults::default() });
    let mut recorder = Recorder::start(&mut client).unwrap();
    for n in 0..20 {
        let line = plain(&mut client, "add", &["1", &n.to_string()]).unwrap();
        assert_eq!(line, format!("add -> {}", n + 1));
    }
    plain(&mut client, "lamp", &["0"]).unwrap();
    let lines = recorder.lines(&mut client).unwrap();
    assert_eq!(lines[1..], ["GPCLR0 0x00020000", "log INFO done"]);
}

#[test]
fn what_comes_unasked_is_handed_out_in_order() {
    let (_fake, mut client) = connect(Faults { noise: true, ..Faults::default() });
    client.take_incoming().for_each(drop);
    plain(&mut client, "lamp", &["1"]).unwrap();
    let incoming: Vec<_> = client.listen(Duration::from_secs(5)).unwrap().collect();
    // One defmt frame for the description, one for the call, then its messages.
    let defmt = Incoming::Defmt(b"\x01\x00defmt".to_vec());
    assert_eq!(incoming[..2], [defmt.clone(), defmt]);
    assert!(matches!(&incoming[3], Incoming::Message(message) if message.text == "done"));
    assert_eq!(incoming.len(), 4);
    let start = Instant::now();
    assert_eq!(client.listen(Duration::from_millis(50)).unwrap().count(), 0);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn a_lost_request_is_sent_again() {
    // The greeting, and the call (after its description).
    let (fake, mut client) = connect(Faults { lose_requests: vec![0, 3], ..Faults::default() });
    assert_eq!(plain(&mut client, "count", &[]).unwrap(), "count -> 1");
    assert_eq!(fake.calls(), 1);
}

#[test]
fn a_call_whose_answer_is_lost_runs_once() {
    let (fake, mut client) = connect(Faults { lose_answers: vec![2, 3], ..Faults::default() });
    assert_eq!(plain(&mut client, "count", &[]).unwrap(), "count -> 1");
    assert_eq!(fake.calls(), 1);
    assert_eq!(plain(&mut client, "count", &[]).unwrap(), "count -> 2");
}

#[test]
fn a_device_of_another_protocol_says_so() {
    for (protocol, help) in [
        (PROTOCOL - 1, "the firmware is older: flash the one that belongs to this xmap"),
        (PROTOCOL + 1, "xmap is older: use the one that belongs to the firmware"),
    ] {
        let error = fails(Faults { protocol: Some(protocol), noise: true, ..Faults::default() });
        assert_eq!(error.code, ErrorCode::OtherProtocol);
        let message = format!("the device speaks protocol {protocol}, this xmap speaks {PROTOCOL}");
        assert!(error.message.ends_with(&message), "{error}");
        assert_eq!(error.help.as_deref(), Some(help));
    }
}

#[test]
fn a_device_that_never_answers_is_given_up() {
    let start = Instant::now();
    let error = fails(Faults { lose_requests: (0..9).collect(), ..Faults::default() });
    assert_eq!(error.code, ErrorCode::NoAnswer);
    assert!(error.message.contains(": no answer to 3 requests in "), "{error}");
    assert!(error.help.unwrap().starts_with("nothing came"));
    assert!(start.elapsed() >= Duration::from_millis(1200));
}

#[test]
fn wires_that_are_shorted_are_known_as_such() {
    let error = fails(Faults { echo: true, ..Faults::default() });
    assert_eq!(error.code, ErrorCode::NoAnswer);
    assert!(error.help.unwrap().starts_with("what was sent came back"));
}

#[test]
fn a_device_that_closes_says_so() {
    let error = fails(Faults { close_at: Some(0), ..Faults::default() });
    assert_eq!(error.code, ErrorCode::LinkBroken);
    assert!(error.message.ends_with(": the other side closed the connection"), "{error}");
    let (fake, mut client) = connect(Faults { close_at: Some(1), ..Faults::default() });
    let error = client.status().unwrap_err();
    assert_eq!(error.code, ErrorCode::LinkBroken);
    assert!(error.message.starts_with(&fake.port.to_string()), "{error}");
    // Nobody listens any more.
    let error = Client::connect(&fake.port, &Options::default()).err().unwrap();
    assert_eq!(error.code, ErrorCode::PortUnavailable);
    assert!(error.message.ends_with(": cannot be opened: connection refused"), "{error}");
}

#[test]
fn a_device_that_restarted_runs_no_call_before_it_is_greeted_again() {
    let (fake, mut client) = connect(Faults { restart_at: vec![1], ..Faults::default() });
    let call = |client: &mut Client| client.call(&Export::Id(1), &[]);
    assert_eq!(call(&mut client).unwrap_err().code, ErrorCode::DeviceRestarted);
    assert_eq!(fake.calls(), 0);
    client.greet().unwrap();
    assert_eq!(call(&mut client).unwrap(), Outcome::Returned(vec![1]));
}

#[test]
fn an_answer_of_another_kind_is_an_error() {
    let (_fake, mut client) = connect(Faults { mixed_up_at: Some(1), ..Faults::default() });
    assert_eq!(client.status().unwrap_err().code, ErrorCode::BadAnswer);
    assert_eq!(client.status().unwrap().calls, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_serial_port_works_alike() {
    let fake = Fake::on_terminal(Faults { noise: true, ..Faults::default() });
    let mut client = Client::connect(&fake.port, &Faults::default().options(LOSSY_US)).unwrap();
    assert_eq!(plain(&mut client, "add", &["1", "2"]).unwrap(), "add -> 3");
    let mut recorder = Recorder::start(&mut client).unwrap();
    plain(&mut client, "count", &[]).unwrap();
    assert_eq!(recorder.lines(&mut client).unwrap().len(), 60);
}
