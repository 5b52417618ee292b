//! A new image while the lamp stays on: counted inside the board, and over its UART.

use std::io::{Read as _, Write as _};

use tempfile::NamedTempFile;
use xmap_boards::{BoardId, Line};
use xmap_image::{Entry, Event, EventSource, ImageBuilder, Op, OwnedImage, PinMode, PinRow, Pull, Safe};
use xmap_link::limits::MAX_FRAME;
use xmap_link::{
    Channel, Export, FrameReader, ImageState, Life, ModuleStatus, PROTOCOL, Refusal, Request, Response,
    decode_response, encode_request,
};
use xmap_tools::emulator::{Emulator, Machine};
use xmap_tools::swaps::{self, PERIOD_US};

use crate::board::{LIMIT, REHEARSE, boot, bytes, flashed, until};

/// Issue 4: 10,000 swaps with a lamp on and a timer running.
#[test]
fn ten_thousand_swaps_write_nothing_and_lose_no_event() {
    let counted = swaps::run(10_000).unwrap_or_else(|error| panic!("{error:#}"));
    let of = |name: &str| *counted.get(name).unwrap_or_else(|| panic!("no {name} in {counted:?}"));
    println!(
        "a switch takes {} instructions, admitting the image {}",
        of("commit") - of("admit"),
        of("admit")
    );
    assert_eq!((of("swaps"), of("stores"), of("dark")), (10_000, 0, 0));
    assert_eq!((of("missed"), of("dropped")), (0, 0));
    // The first deadline is a period after the mount, whose time is known between two readings.
    let expected = (of("end_us") - of("last_us")) / PERIOD_US..=(of("end_us") - of("first_us")) / PERIOD_US;
    assert!(expected.contains(&of("events")), "{} events, {expected:?} expected", of("events"));
    // The board's time is its instructions, so how many there are says how fast swaps are.
    assert!(of("events") > 100, "the timer ran meanwhile: {counted:?}");
}

/// A panel of `xmap_tools::swaps`, as a file has it.
fn image(version: u32) -> Vec<u8> {
    bytes(&swaps::panel(version).unwrap())
}

fn hash(image: &[u8]) -> [u8; 32] {
    OwnedImage::from_bytes(image).unwrap().image().hash()
}

const LAMP: u32 = 1 << 17;

/// A host that says what it wants, frame by frame: the wire is the board's own.
struct Host {
    emulator: Emulator,
    reader: FrameReader,
    seq: u16,
}

impl Host {
    /// Boots with an image and switches the lamp on.
    ///
    /// Its clock is the host's: a transfer and a trial do not run out while this machine does something else.
    fn boot(image: &[u8]) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(image).unwrap();
        let machine = Machine { panel: Some(file.path()), arguments: REHEARSE, ..Machine::new(flashed()) };
        let mut emulator = machine.start().unwrap();
        emulator.uart().set_read_timeout(Some(LIMIT)).unwrap();
        let mut host = Self { emulator, reader: FrameReader::new(), seq: 0 };
        let hello = host.ask(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
        assert!(matches!(hello, Response::Hello(_)), "{hello:?}");
        let args = [1].into_iter().collect();
        let on = host.ask(&Request::Call { export: Export::name("lamp").unwrap(), args });
        assert!(matches!(on, Response::Returned { .. }), "{on:?}");
        host
    }

    fn frame(&mut self, request: &Request) -> Vec<u8> {
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        encode_request(self.seq, request, &mut buffer).unwrap().to_vec()
    }

    fn ask(&mut self, request: &Request) -> Response {
        let frame = self.frame(request);
        self.emulator.uart().write_all(&frame).unwrap();
        loop {
            let mut byte = [0];
            self.emulator.uart().read_exact(&mut byte).unwrap();
            let Some(frame) = self.reader.feed(byte[0]) else { continue };
            if frame.channel == Channel::Response as u8 {
                let (seq, response) = decode_response(frame.payload).unwrap();
                if seq == self.seq {
                    return response;
                }
            }
        }
    }

    fn begin(&mut self, image: &[u8], token: u32) -> Response {
        self.ask(&Request::Begin { module: 0, bytes: image.len() as u32, hash: hash(image), token })
    }

    fn chunk(&mut self, token: u32, offset: usize, data: &[u8]) -> Response {
        let data = data.iter().copied().collect();
        self.ask(&Request::Chunk { token, offset: offset as u32, data })
    }

    fn status(&mut self) -> ModuleStatus {
        match self.ask(&Request::Module { module: 0 }) {
            Response::Module(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The lamp is on, the timer runs, and this generation is the one that runs.
    fn asserts_runs(&mut self, generation: u16) {
        let Response::Levels { banks, .. } = self.ask(&Request::Levels) else { panic!("no levels") };
        assert_eq!(banks[0] & LAMP, LAMP, "the lamp is on");
        let before = self.status();
        assert_eq!((before.life, before.generation), (Life::Running, generation));
        let passed = Request::Rehearse { lines: [0; 2], levels: [0; 2], advance_us: PERIOD_US };
        assert!(matches!(self.ask(&passed), Response::Levels { .. }));
        assert_eq!(self.status().events, before.events + 1, "the timer runs");
    }

    /// Number of stores to the registers since boot.
    fn stores(&mut self) -> u32 {
        match self.ask(&Request::Status) {
            Response::Status(status) => status.trace_next,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_transfer_that_is_cut_or_damaged_at_any_frame_leaves_what_runs() {
    const CHUNK: usize = 100;
    let next = image(2);
    let mut host = Host::boot(&image(1));
    let stores = host.stores();
    let chunks: Vec<&[u8]> = next.chunks(CHUNK).collect();
    for frame in 0..chunks.len() {
        // Cut: the frame breaks off, and the host starts again with another transfer.
        let token = frame as u32 * 2 + 1;
        assert_eq!(host.begin(&next, token), Response::Staging { next: 0 });
        for (n, chunk) in chunks[..frame].iter().enumerate() {
            host.chunk(token, n * CHUNK, chunk);
        }
        let data = chunks[frame].iter().copied().collect();
        let half = host.frame(&Request::Chunk { token, offset: (frame * CHUNK) as u32, data });
        host.emulator.uart().write_all(&half[..half.len() / 2]).unwrap();
        host.asserts_runs(1);
        assert!(matches!(host.begin(&next, token + 1), Response::Refused(Refusal::Busy { .. })));
        assert_eq!(host.ask(&Request::Abort { token }), Response::Done);

        // Damaged: every frame is whole, and one byte of the image is another.
        let token = token + 1;
        assert_eq!(host.begin(&next, token), Response::Staging { next: 0 });
        for (n, chunk) in chunks.iter().enumerate() {
            let mut chunk = chunk.to_vec();
            chunk[7] ^= if n == frame { 0x10 } else { 0 };
            host.chunk(token, n * CHUNK, &chunk);
        }
        let answer = host.ask(&Request::Commit { token });
        assert!(matches!(answer, Response::NotSwapped { state: ImageState::Rejected { .. } }), "{answer:?}");
        host.asserts_runs(1);
    }
    // And a whole one is taken.
    host.begin(&next, 1000);
    for (n, chunk) in chunks.iter().enumerate() {
        host.chunk(1000, n * CHUNK, chunk);
    }
    let answer = host.ask(&Request::Commit { token: 1000 });
    assert!(matches!(answer, Response::Swapped { generation: 2, .. }), "{answer:?}");
    host.asserts_runs(2);
    assert_eq!(host.stores(), stores, "nobody wrote to a register meanwhile");
}

#[test]
fn of_two_hosts_one_wins_and_the_other_is_told() {
    let next = image(2);
    let mut host = Host::boot(&image(1));
    assert_eq!(host.begin(&next, 1), Response::Staging { next: 0 });
    let refused = host.begin(&next, 2);
    assert!(matches!(refused, Response::Refused(Refusal::Busy { retry_ms: 1..=5000 })), "{refused:?}");
    assert_eq!(host.chunk(2, 0, &next[..8]), Response::Refused(Refusal::NoTransfer));
    assert_eq!(host.chunk(1, 0, &next[..100]), Response::Staging { next: 100 });
    // Another host greets on the same wire: that is a new session, and the transfer of the one before has
    // ended.
    host.ask(&Request::Hello { protocol: PROTOCOL, nonce: 2 });
    assert_eq!(host.chunk(1, 100, &next[100..]), Response::Refused(Refusal::NoTransfer));
    assert_eq!(host.begin(&next, 2), Response::Staging { next: 0 });
    assert_eq!(host.chunk(2, 0, &next[..100]), Response::Staging { next: 100 });
    assert_eq!(host.chunk(2, 100, &next[100..]), Response::Staging { next: next.len() as u32 });
    assert!(matches!(host.ask(&Request::Commit { token: 2 }), Response::Swapped { .. }));
    let refused = host.begin(&image(3), 2);
    assert!(
        matches!(refused, Response::Refused(Refusal::Busy { .. })),
        "the trial needs the other slot: {refused:?}"
    );
    assert_eq!(host.ask(&Request::Confirm { module: 0 }), Response::Done);
    assert_eq!(host.begin(&image(3), 2), Response::Staging { next: 0 });
}

#[test]
fn the_command_lines_client_swaps_while_the_lamp_is_on() {
    let mut board = boot(Some(&image(0)), "");
    let lamp = Export::name("lamp").unwrap();
    board.client.call(&lamp, &[1]).unwrap();
    let stores = board.client.status().unwrap().trace_next;
    for round in 1..=20u16 {
        let next = OwnedImage::from_bytes(&image(round.into())).unwrap();
        let swapped = board.client.swap(0, &next.image(), &mut |_| ()).unwrap().unwrap();
        assert_eq!(swapped.generation, round + 1);
        board.client.confirm(0).unwrap();
        assert_eq!(board.client.levels().unwrap()[0] & LAMP, LAMP);
    }
    let status = board.client.module(0).unwrap().unwrap();
    assert_eq!((status.dropped, status.traps), (0, 0), "{status:?}");
    board.client.rollback(0).unwrap().unwrap();
    assert_eq!(board.client.module(0).unwrap().unwrap().image.unwrap().version, 19);
    assert_eq!(board.client.status().unwrap().trace_next, stores);
}

/// A panel with one output that beats, under a name of its own.
fn beating(module: &'static str, line: u8) -> Vec<u8> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.pins = vec![PinRow::new(Line::new(line).unwrap(), PinMode::Out, Safe::Low, Pull::None)];
    builder.manifest.module = module;
    let entry = Entry::Direct { first: Op::LineToggle.abc(line, 0, 0), second: 0 };
    let (key, name) = (format!("{module}.beat"), "beat".to_owned());
    builder.exports = vec![xmap_image::Export { key, name, params: vec![], results: vec![], entry }];
    let source = EventSource::Every { every_us: 10_000 };
    builder.manifest.events = [Event { export: 0, source }].into_iter().collect();
    bytes(&builder.build().unwrap())
}

#[test]
fn modules_of_a_bundle_run_side_by_side_and_one_that_conflicts_is_left_out() {
    let bundle = [beating("one", 17), beating("two", 22), beating("three", 17), beating("four", 23)].concat();
    let mut board = boot(Some(&bundle), "");
    let modules = board.client.modules().unwrap();
    let lives: Vec<Life> = modules.iter().map(|module| module.life).collect();
    assert_eq!(lives, [Life::Running, Life::Running, Life::Unloaded, Life::Running]);
    for line in [17, 22, 23] {
        until(&format!("a beat of line {line}"), || {
            let stores = board.client.trace(0).unwrap();
            stores.iter().filter(|(_, store)| store.value == 1 << line).count() > 3
        });
    }
    let export = Export::name("two.beat").unwrap();
    assert!(matches!(board.client.call(&export, &[]), Ok(xmap_client::Outcome::Returned(_))));
}
