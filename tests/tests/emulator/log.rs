//! The device's own log: defmt frames that decode with the ELF file of the very program.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use defmt_decoder::{DecodeError, Table};
use xmap_boards::BoardId;
use xmap_client::{Client, Incoming};
use xmap_image::{Entry, Export, Function, ImageBuilder, Op};
use xmap_link::features;

use crate::board::{LIMIT, REHEARSE, boot, bytes, flashed};

/// The log up to the first message that starts with `last`; each with its level in front.
fn log(client: &mut Client, last: &str) -> Vec<String> {
    let elf = fs::read(&flashed().elf).unwrap();
    let table = Table::parse(&elf).unwrap().expect("the program has a .defmt section");
    let mut decoder = table.new_stream_decoder();
    let (mut messages, mut last_us) = (Vec::new(), 0);
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        for incoming in client.listen(Duration::from_millis(200)).unwrap() {
            let Incoming::Defmt(bytes) = incoming else { continue };
            decoder.received(&bytes);
        }
        loop {
            let frame = match decoder.decode() {
                Ok(frame) => frame,
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => panic!("a frame that does not decode after {messages:?}"),
            };
            let us = seconds(&frame.display_timestamp().unwrap().to_string());
            assert!(us >= last_us, "time goes on");
            last_us = us;
            let level = frame.level().map_or("", |level| level.as_str());
            messages.push(format!("{level} {}", frame.display_message()));
            if messages.last().is_some_and(|message| message.starts_with(last)) {
                return messages;
            }
        }
    }
    panic!("no message {last:?} among {messages:?}")
}

/// `0.012345` in microseconds.
fn seconds(text: &str) -> u64 {
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("{text} is no time"))
}

#[test]
fn boot_mount_trap_and_bad_frames_are_logged() {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    let code = vec![Op::Unreachable.abc(0, 0, 0)];
    builder.functions.push(Function { frame: 1, params: 0, results: 0, code });
    builder.exports.push(Export {
        key: "panel.fail".into(),
        name: "fail".into(),
        params: vec![],
        results: vec![],
        entry: Entry::Code { function: 0, fuel: 10 },
    });
    let words = builder.build().unwrap();
    let hash = xmap_image::Image::verify(&words).unwrap().hash();
    let prefix: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();

    let mut board = boot(Some(&bytes(&words)), REHEARSE);
    let client = &mut board.client;
    assert_ne!(client.hello().features & features::DEFMT, 0);
    let version = client.hello().firmware.clone();
    assert_eq!(
        log(client, "info module 0 mounted"),
        [
            format!("info xmap {version} on rpi4b, counter 62500000 Hz"),
            "warn rehearsal: inputs and clock are the host's".into(),
            "warn no card: 00010000: nothing outlives a restart".into(),
            "warn DEVELOPMENT build: any image is taken, whoever made it".into(),
            "warn OPEN link: whoever reaches it may call and swap".into(),
            format!("info module 0 mounted {prefix}: 1 exports"),
        ]
    );
    client.call(&xmap_link::Export::Id(0), &[]).unwrap();
    assert_eq!(log(client, "warn"), ["warn export 0 trapped: code 1 at op 0, detail 0"]);
    board.emulator.uart().write_all(b"\x55\0").unwrap();
    assert_eq!(log(&mut board.client, "warn"), ["warn bad frame: 1 so far, 0 broken bytes"]);
}

#[test]
fn a_rejected_image_is_logged() {
    let mut board = boot(Some(b"not an image"), "");
    let messages = log(&mut board.client, "error");
    assert_eq!(messages.last().unwrap(), "error module 0 rejected: reason 2, at 0");
}
