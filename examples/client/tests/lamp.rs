//! The program against a simulated device behind a socket.

use std::process::Command;

use xmap_device::Service;
use xmap_rig::{IDENTITY, panel, serve};

#[test]
fn it_calls_an_export_and_says_what_is_wrong() {
    let port = serve(panel("lamp").words, 4, |_| Service::new(IDENTITY));
    let run = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_example-client")).arg(&port).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    };
    let (text, status) = run(&["lamp_on"]);
    assert!(text.starts_with(&format!("{port}: up for ")) && text.ends_with("lamp_on -> []\n"), "{text}");
    assert_eq!(status, Some(0));
    assert!(run(&["lamp_lit"]).0.ends_with("lamp_lit -> [1]\n"));
    let (text, status) = run(&["blinks_per_minute", "0"]);
    assert!(text.contains("blinks_per_minute trapped: "), "{text}");
    assert_eq!(status, Some(3));
    assert_eq!(run(&["lamp_onn"]).1, Some(1));
    assert_eq!(run(&["lamp_on", "x"]).1, Some(2));
}
