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
    // A sentence may go on in the next line.
    let document = document().split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        format!("The protocol version is **{PROTOCOL}**"),
        format!("| payload | 0 to {MAX_PAYLOAD} |"),
        format!("at most {MAX_FRAME} bytes"),
        format!("`args: list of u64` (at most {MAX_ARGS})"),
        format!("`results: list of u64` (at most {MAX_ARGS})"),
        format!("`bytes: bytes` (at most {MAX_RESULT_BYTES})"),
        format!("`bytes: bytes` (at most {MAX_ARGUMENT_BYTES}) | returned bytes"),
        format!("its wasm name, at most {MAX_NAME} bytes"),
        format!("value: u32 }}` (at most {MAX_TRACE_ENTRIES})"),
        format!("UTF-8, at most {MAX_TEXT} bytes"),
        format!("`data: bytes` (at most {MAX_CHUNK})"),
        format!("`name: text` (cut to {MAX_MODULE_NAME} bytes)"),
        format!("module: u8, what }}` (at most {MAX_HAPPENINGS})"),
        format!("times: [u32; {BUCKETS}] }}` (at most {MAX_METRICS})"),
        format!("`ops: list of u32` (at most {MAX_CALLERS})"),
        format!("`bytes: bytes` (at most {RING_BLOCK_BYTES}) |"),
        format!("up to {} microseconds each, and longer", BOUNDS_US.map(|us| us.to_string()).join(", ")),
        format!("<-   staging {{ next: {MAX_CHUNK} }}"),
        format!("`firmware: text` (at most {MAX_VERSION} bytes)"),
        format!("`text: text` (at most {MAX_REASON} bytes)"),
        format!("CRC-32 of channel 0 and this payload is {:#010x}", 0x26cb_d252u32),
    ] {
        let words = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(document.contains(&words), "docs/link.md does not say: {sentence}");
    }
    let retry = Retry::default();
    assert_eq!((retry.timeout_us, retry.attempts), (1_500_000, 3));
    assert!(document.contains("waits 1.5 s and sends three times"));
}

/// The rows of the table behind this heading: kind and name.
fn kinds(heading: &str) -> Vec<(u32, String)> {
    let document = document();
    let after = document.split_once(&format!("### {heading}\n")).unwrap().1;
    let rows = after.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            (cells.next().unwrap().parse().unwrap(), cells.next().unwrap().to_string())
        })
        .collect()
}

/// `CallHandle` is `call handle` in the document.
fn spaced(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn the_tables_name_every_kind() {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeMap;

    let mut runner = TestRunner::deterministic();
    let mut buffer = [0; MAX_FRAME];
    let mut found = [BTreeMap::new(), BTreeMap::new()];
    // Enough that each kind comes up; the count below notices one that did not.
    for _ in 0..2000 {
        let request = common::request().new_tree(&mut runner).unwrap().current();
        let sent = encode_request(0, &request, &mut buffer).unwrap();
        let payload = common::read_all(&mut FrameReader::<517>::new(), sent).remove(0).1;
        found[0].insert(u32::from(payload[2]), format!("{request:?}"));
        let response = common::response().new_tree(&mut runner).unwrap().current();
        let sent = encode_response(0, &response, &mut buffer).unwrap();
        let payload = common::read_all(&mut FrameReader::<517>::new(), sent).remove(0).1;
        found[1].insert(u32::from(payload[2]), format!("{response:?}"));
    }
    for (heading, found) in ["Requests", "Responses"].into_iter().zip(found) {
        let named: Vec<(u32, String)> = found
            .into_iter()
            .map(|(kind, text)| (kind, spaced(text.split([' ', '(']).next().unwrap())))
            .collect();
        assert_eq!(kinds(heading), named);
    }
    assert_eq!((kinds("Requests").len(), kinds("Responses").len()), (39, 30));
}

/// Returns what stands behind `- \`NAME\`: ` in the list of enums, whole.
fn entry(name: &str) -> String {
    let document = document();
    let after = document.split_once(&format!("\n- `{name}`: ")).unwrap().1;
    after.split("\n- ").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_lists_name_every_variant() {
    let trap = TrapReport { image: 0, export: 0, code: 0, op: 0, detail: 0 };
    let state = ImageState::None;
    let whats = [
        (DeviceEventKind::Mounted, "mounted"),
        (DeviceEventKind::NotMounted(state), "not mounted `{ image state }`"),
        (DeviceEventKind::Swapped, "swapped"),
        (DeviceEventKind::Confirmed, "confirmed"),
        (DeviceEventKind::RolledBack(RollbackReason::Asked), "rolled back `{ why }`"),
        (DeviceEventKind::Trapped(trap), "trapped `{ trap }`"),
        (DeviceEventKind::MadeSafe, "outputs made safe"),
        (DeviceEventKind::Restarted, "restarted"),
        (DeviceEventKind::Faulted, "faulted"),
        (DeviceEventKind::Reset, "reset by a host"),
        (DeviceEventKind::HostLost, "host lost"),
        (DeviceEventKind::HostBack, "host back"),
        (DeviceEventKind::Overrun, "overrun"),
        (DeviceEventKind::TransferEnded, "transfer given up"),
        (DeviceEventKind::Policy { version: 1 }, "new policy `{ version: u32 }`"),
        (DeviceEventKind::Disallowed { code: 1 }, "stopped by a policy `{ code: u16 }`"),
        (DeviceEventKind::Mistaken(trap), "mistake of a host `{ trap }`"),
        (
            DeviceEventKind::NotKept { thing: Thing::Image, fault: KeepFault::Budget },
            "not on the storage `{ thing, keep fault }`",
        ),
        (DeviceEventKind::KeptAgain { thing: Thing::Image }, "on the storage again `{ thing }`"),
        (DeviceEventKind::SetAside { starts: 3 }, "set aside `{ starts: u8 }`"),
        (DeviceEventKind::Refused(trap), "refused by the module `{ trap }`"),
    ];
    let text = entry("what");
    for (number, (what, name)) in whats.into_iter().enumerate() {
        assert_eq!(variant(DeviceEvent { time_us: 0, module: 0, what }), number as u8);
        assert!(text.contains(&format!("{number} {name}")), "{number} {name}: {text}");
    }
    let whys = [
        (RollbackReason::Trap(trap), "trap `{ trap }`"),
        (RollbackReason::NotMounted(state), "not mounted `{ image state }`"),
        (RollbackReason::Unconfirmed, "not confirmed in time"),
        (RollbackReason::Asked, "a host asked"),
    ];
    let text = entry("why");
    for (number, (why, name)) in whys.into_iter().enumerate() {
        let what = DeviceEventKind::RolledBack(why);
        assert_eq!(why_variant(DeviceEvent { time_us: 0, module: 0, what }), number as u8);
        assert!(text.contains(&format!("{number} {name}")), "{number} {name}: {text}");
    }
    let lives =
        [Life::Unloaded, Life::Verified, Life::Mounted, Life::Running, Life::Faulted, Life::Unmounted];
    let text = entry("life");
    for (number, life) in lives.into_iter().enumerate() {
        let status = Response::Module(ModuleStatus { life, ..ModuleStatus::default() });
        assert_eq!(content(&status)[2], number as u8);
        assert!(text.contains(&format!("{number} {}", life.name())), "{text}");
    }
}

/// The bytes of a response behind its sequence number.
fn content(response: &Response) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let sent = encode_response(0, response, &mut buffer).unwrap();
    common::read_all(&mut FrameReader::<517>::new(), sent).remove(0).1.split_off(2)
}

/// The number of a happening's `what`: kind, first, next and length of the list, time and module are before
/// it.
fn variant(happening: DeviceEvent) -> u8 {
    content(&Response::Happened(DeviceEvents { first: 0, next: 1, entries: [happening].into() }))[6]
}

fn why_variant(happening: DeviceEvent) -> u8 {
    content(&Response::Happened(DeviceEvents { first: 0, next: 1, entries: [happening].into() }))[7]
}
