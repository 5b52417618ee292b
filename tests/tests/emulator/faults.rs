//! What can go wrong on a device is a value that its host can read; and nothing is driven by mistake.

use std::io::Write as _;

use tempfile::NamedTempFile;
use xmap_boards::{BoardId, Line};
use xmap_client::{Client, Outcome, PortName};
use xmap_image::{Entry, Export, Function, ImageBuilder, Op, PinMode, PinRow, Pull, Safe, Ty, Word};
use xmap_link::{Boot, DeviceEventKind, Export as Name, ImageState, Life};
use xmap_tools::emulator::Machine;
use xmap_tools::linux::Store;

use crate::board::{Board, boot, bytes, flashed, patient, until};

const LAMP: u8 = 17;
/// Bytes from the GPIO block's start.
const GPCLR0: u16 = 0x28;

/// A lamp that is safe when it is high, `lamp_off`, `fail` (stores, then traps), and whatever else.
fn builder() -> ImageBuilder<'static> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.pins = vec![PinRow::new(Line::new(LAMP).unwrap(), PinMode::Out, Safe::High, Pull::None)];
    builder.exports =
        vec![export("lamp_off", &[], Entry::Direct { first: Op::LineClear.abc(LAMP, 0, 0), second: 0 })];
    code(&mut builder, "fail", &[], &[Op::LineClear.abc(LAMP, 0, 0), Op::Unreachable.abc(0, 0, 0)]);
    builder
}

fn export(name: &str, results: &[Ty], entry: Entry) -> Export {
    Export {
        key: format!("panel.{name}"),
        name: name.into(),
        params: Vec::new(),
        results: results.into(),
        entry,
    }
}

fn code(builder: &mut ImageBuilder<'_>, name: &str, results: &[Ty], code: &[Word]) {
    let results_len = results.len() as u8;
    let function = builder.add(Function { frame: 4, params: 0, results: results_len, code: code.to_vec() });
    builder.exports.push(export(name, results, Entry::Code { function, fuel: 1000 }));
}

fn is_high(client: &mut Client) -> bool {
    client.levels().unwrap()[0] & 1 << LAMP != 0
}

fn name(name: &str) -> Name {
    Name::name(name).unwrap()
}

/// Asserts that a board runs nothing, has driven nothing, and still answers.
fn asserts_nothing_runs(board: &mut Board, state: ImageState) {
    let client = &mut board.client;
    assert_eq!(client.hello().image, None);
    let error = client.call(&name("lamp_off"), &[]).unwrap_err();
    assert!(error.message.ends_with("the request was refused: no image is mounted"), "{error}");
    let status = client.status().unwrap();
    assert_eq!((status.image, status.calls, status.refused), (state, 0, 1));
    assert_eq!(client.trace(0).unwrap(), [], "no store was made");
}

#[test]
fn without_an_image_the_board_says_so_and_drives_nothing() {
    let mut board = boot(None, "");
    assert_eq!(board.client.hello().board, BoardId::Rpi4b as u16);
    assert_eq!(board.client.hello().clock_hz, 62_500_000, "the emulator's counter");
    asserts_nothing_runs(&mut board, ImageState::None);
}

#[test]
fn a_damaged_image_is_rejected_with_the_verifiers_code_and_drives_nothing() {
    let words = builder().build().unwrap();
    let mut damaged = words.clone();
    *damaged.last_mut().unwrap() ^= 1 << 31;
    let rejected = |words: &[Word]| xmap_image::Image::admit(words).unwrap_err().code().into();
    let mut board = boot(Some(&bytes(&damaged)), "");
    asserts_nothing_runs(&mut board, ImageState::Rejected { code: rejected(&damaged), detail: 0 });

    // Cut to no multiple of four: the verifier's first reason.
    let whole = bytes(&words);
    let mut board = boot(Some(&whole[..whole.len() - 1]), "");
    asserts_nothing_runs(&mut board, ImageState::Rejected { code: 1, detail: 0 });
}

#[test]
fn a_reserved_line_is_refused_before_anything_is_touched() {
    let mut builder = builder();
    let txd = Line::new(14).unwrap();
    builder.pins.push(PinRow::new(txd, PinMode::Out, Safe::Low, Pull::None));
    let mut board = boot(Some(&bytes(&builder.build().unwrap())), "");
    asserts_nothing_runs(&mut board, ImageState::Rejected { code: 256, detail: 14 });
}

#[test]
fn on_request_the_image_is_left_alone() {
    let mut board = boot(Some(&bytes(&builder().build().unwrap())), "quiet xmap.safe=1");
    assert_eq!(board.client.hello().boot, Boot::Safe);
    asserts_nothing_runs(&mut board, ImageState::None);
}

#[test]
fn a_trap_leaves_outputs_as_they_are_and_the_panel_callable() {
    let words = builder().build().unwrap();
    let mut board = boot(Some(&bytes(&words)), "");
    let client = &mut board.client;
    assert!(is_high(client), "the safe state");
    let Outcome::Trapped(trap) = client.call(&name("fail"), &[]).unwrap() else { panic!("it returned") };
    let fail = client.describe(&name("fail")).unwrap().unwrap().id;
    assert_eq!((trap.export, trap.code, trap.op), (fail, 1, 1));
    assert!(!is_high(client), "what it stored stays");
    assert_eq!(client.call(&name("panel.lamp_off"), &[]).unwrap(), Outcome::Returned(vec![]));
    let status = client.status().unwrap();
    assert_eq!((status.calls, status.traps), (2, 1));
}

#[test]
fn a_mount_that_fails_leaves_the_safe_state() {
    let mut refuses = builder();
    let off = Op::LineClear.abc(LAMP, 0, 0);
    code(&mut refuses, "on_mount", &[Ty::I32], &[off, Op::Const32.a16(1, 7), Op::RetV.abc(1, 0, 0)]);
    let mut board = boot(Some(&bytes(&refuses.build().unwrap())), "");
    assert_eq!(board.client.status().unwrap().image, ImageState::MountRefused { result: 7 });
    assert!(is_high(&mut board.client), "on_mount had cleared it");

    let mut traps = builder();
    code(&mut traps, "_initialize", &[], &[off, Op::Unreachable.abc(0, 0, 0)]);
    let mut board = boot(Some(&bytes(&traps.build().unwrap())), "");
    let ImageState::MountTrapped(trap) = board.client.status().unwrap().image else { panic!("it mounted") };
    assert_eq!((trap.code, trap.op), (1, 3));
    assert!(is_high(&mut board.client));
}

/// More memory than the device has: the image is sound, and beyond the limit of memory (801).
#[test]
fn an_image_that_needs_too_much_memory_is_refused() {
    let mut large = builder();
    large.memory_bytes = (16 << 20) + 65_536;
    (large.memory_pages, large.memory_max_pages) = (257, 257);
    let mut board = boot(Some(&bytes(&large.build().unwrap())), "");
    let detail = large.memory_bytes;
    assert_eq!(board.client.status().unwrap().image, ImageState::Rejected { code: 801, detail });
}

/// A wait takes real time; the clock does not run slower than the host's by more than a tick.
#[test]
fn time_passes() {
    let mut builder = builder();
    let wait = [Op::Const32W.abc(1, 0, 0), 200_000, Op::TimeDelay.abc(1, 0, 0), Op::Ret.abc(0, 0, 0)];
    code(&mut builder, "wait", &[], &wait);
    let mut board = boot(Some(&bytes(&builder.build().unwrap())), "");
    let outside = std::time::Instant::now();
    let before = board.client.status().unwrap().uptime_us;
    let start = std::time::Instant::now();
    assert_eq!(board.client.call(&name("wait"), &[]).unwrap(), Outcome::Returned(vec![]));
    assert!(start.elapsed().as_micros() >= 200_000);
    let passed = board.client.status().unwrap().uptime_us - before;
    // What the board measured lies within what the host measured, however long that was.
    let outside = outside.elapsed().as_micros() as u64 + 1000;
    assert!((200_000..=outside).contains(&passed), "{passed} us of {outside} us");
}

/// Noise between frames costs those frames and nothing else.
#[test]
fn noise_is_counted_and_forgotten() {
    let mut board = boot(Some(&bytes(&builder().build().unwrap())), "");
    // No COBS, too short for a frame, a wrong checksum.
    board.emulator.uart().write_all(b"\x55\0\x02\x07\0\x09abcdefgh\0").unwrap();
    assert_eq!(board.client.call(&name("lamp_off"), &[]).unwrap(), Outcome::Returned(vec![]));
    let status = board.client.status().unwrap();
    // A request that was asked again is one more good frame, and still one call.
    assert_eq!((status.frames_bad, status.calls), (3, 1));
    assert!(status.frames_good >= 3, "{status:?}");
}

/// Each start with an image is cut short by a reset, as by the watchdog's. The fourth one sets it aside:
/// nothing of it runs, its output is safe, and the link is up.
#[test]
fn an_image_that_hangs_each_start_is_set_aside_and_the_link_is_up() {
    let mut builder = builder();
    let on_mount = [Op::LineClear.abc(LAMP, 0, 0), Op::Const32.a16(1, 0), Op::RetV.abc(1, 0, 0)];
    code(&mut builder, "on_mount", &[Ty::I32], &on_mount);
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes(&builder.build().unwrap())).unwrap();
    let machine =
        Machine { panel: Some(file.path()), restarts: true, watched: true, ..Machine::new(flashed()) };
    let mut emulator = machine.start().unwrap();
    // Its safe state is high, and only its own store brings it low.
    let ran =
        |stores: &[Store]| stores.iter().any(|store| store.offset == GPCLR0 && store.value == 1 << LAMP);
    for _ in 0..3 {
        until("a mount", || ran(&emulator.stores().unwrap()));
        emulator.reset().unwrap();
    }
    let name = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&name, &patient()).unwrap();
    assert_eq!(client.module(0).unwrap().unwrap().life, Life::Unloaded);
    let (happened, _) = client.happenings(0).unwrap();
    assert!(happened.iter().any(|(_, event)| event.what == DeviceEventKind::SetAside { starts: 3 }));
    assert!(is_high(&mut client), "its safe state");
    assert!(!ran(&emulator.stores().unwrap()), "nothing of it ran");
}
