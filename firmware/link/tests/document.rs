//! docs/link.md says what the code does.

mod common;

use std::fs;
use std::path::Path;

use xmap_link::limits::*;
use xmap_link::*;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/link.md");
    fs::read_to_string(path).unwrap()
}

/// The bytes of the block that starts with this fence.
fn block(fence: &str) -> Vec<u8> {
    let document = document();
    let after = document.split_once(&format!("```{fence}\n")).unwrap().1;
    let hex = after.split_once("```").unwrap().0;
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn the_example_is_what_is_sent() {
    let call = Request::Call { export: Export::name("lamp_on").unwrap(), args: [300].into_iter().collect() };
    let mut buffer = [0; MAX_FRAME];
    assert_eq!(encode_request(42, &call, &mut buffer).unwrap(), block("frame"));

    let payload = block("payload");
    assert_eq!(common::plain_frame(0, &payload), block("frame"));
    assert_eq!(decode_request(&payload), Ok((42, call)));
    let mut reader: FrameReader = FrameReader::new();
    assert_eq!(common::read_all(&mut reader, &block("frame")), [(0, payload)]);
}

#[test]
fn the_answer_is_what_is_sent() {
    let answer = Response::Returned { results: Args::new() };
    let mut buffer = [0; MAX_FRAME];
    assert_eq!(encode_response(42, &answer, &mut buffer).unwrap(), block("answer"));
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let document = document();
    for sentence in [
        format!("The protocol version is **{PROTOCOL}**"),
        format!("| payload | 0 to {MAX_PAYLOAD} |"),
        format!("at most {MAX_FRAME} bytes"),
        format!("`args: list of u64` (at most {MAX_ARGS})"),
        format!("`results: list of u64` (at most {MAX_ARGS})"),
        format!("its wasm name, at most {MAX_NAME} bytes"),
        format!("value: u32 }}` (at most {MAX_TRACE_ENTRIES})"),
        format!("UTF-8, at most {MAX_TEXT} bytes"),
        format!("`firmware: text` (at most {MAX_VERSION} bytes)"),
        format!("CRC-32 of channel 0 and this payload is {:#010x}", 0x26cb_d252u32),
    ] {
        assert!(document.contains(&sentence), "docs/link.md does not say: {sentence}");
    }
    let retry = Retry::default();
    assert_eq!((retry.timeout_us, retry.attempts), (1_500_000, 3));
    assert!(document.contains("waits 1.5 s and sends three times"));
}
