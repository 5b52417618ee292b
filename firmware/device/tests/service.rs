//! The service over a wire in memory, with the link's own encoder as the host.

mod common;

use common::{Memory, Small, bytes, device, hall, line, ret};
use tiny_mapper::{LogLevel, TrapCode, prelude::*};
use xmap_boards::Bank;
use xmap_device::{Board, Device, Identity, MountError, Record, Recorder, Service};
use xmap_image::{Image, Op, Ty};
use xmap_link::limits::{MAX_FRAME, MAX_TRACE_ENTRIES};
use xmap_link::{
    Access, Args, Boot, Channel, ClockStatus, Export, FrameReader, ImageState, MetricsPage, PROTOCOL,
    Refusal, Request, Response, decode_response, decode_text, encode_request, export_id, features,
};
use xmap_sim::{Heap, SimBoard};

const IDENTITY: Identity = Identity {
    board: 1,
    boot: Boot::Normal,
    features: features::TRACE | features::TEXT,
    clock_hz: 1_000_000,
    firmware: "0.1.0",
};

/// Keeps 8 stores and 64 bytes of messages.
type Small8 = Recorder<SimBoard, 8, 64>;

/// A message of the module: how many stores stood before it, its level and text.
type Message = (u32, String);

/// A device and its host.
struct Bench<B> {
    service: Service,
    device: Device<Heap, B>,
    wire: Memory,
    seq: u16,
}

impl<B: Board + Record> Bench<B> {
    fn new(device: Device<Heap, B>) -> Self {
        let mut bench = Self { service: Service::new(IDENTITY), device, wire: Memory::default(), seq: 0 };
        let hello = bench.ask(Request::Hello { protocol: PROTOCOL, nonce: 5 });
        assert!(matches!(hello, Response::Hello(_)), "{hello:?}");
        bench
    }

    /// The frames that come back for these bytes: messages of the module, then the response.
    fn exchange(&mut self, bytes: &[u8]) -> (Vec<Message>, Option<(u16, Response)>) {
        self.wire.to_device.extend(bytes);
        while self.service.poll(&mut self.wire, &mut self.device) {}
        let mut reader: FrameReader = FrameReader::new();
        let (mut texts, mut response) = (Vec::new(), None);
        for byte in self.wire.to_host.drain(..) {
            let Some(frame) = reader.feed(byte) else { continue };
            match Channel::from_u8(frame.channel) {
                Some(Channel::Text) => {
                    assert!(response.is_none(), "messages come before the response");
                    let text = decode_text(frame.payload).unwrap();
                    texts.push((text.trace_at, format!("{} {}", text.level.name(), text.text)));
                }
                _ => response = Some(decode_response(frame.payload).unwrap()),
            }
        }
        (texts, response)
    }

    fn frame(&mut self, request: Request) -> Vec<u8> {
        self.seq += 1;
        encode_request(self.seq, &request, &mut [0; MAX_FRAME]).unwrap().to_vec()
    }

    fn ask_with_texts(&mut self, request: Request) -> (Vec<Message>, Response) {
        let frame = self.frame(request);
        let (texts, response) = self.exchange(&frame);
        let (seq, response) = response.unwrap();
        assert_eq!(seq, self.seq);
        (texts, response)
    }

    fn ask(&mut self, request: Request) -> Response {
        self.ask_with_texts(request).1
    }

    fn call(&mut self, name: &str, args: &[u64]) -> Response {
        self.ask(Request::Call { export: Export::name(name).unwrap(), args: args.iter().copied().collect() })
    }
}

fn with_panel(small: &Small, f: impl FnOnce(Bench<Small8>)) {
    let mut device = device(Recorder::new(SimBoard::new()));
    device.install(0, &bytes(small)).unwrap();
    f(Bench::new(device));
}

fn returned(results: &[u64]) -> Response {
    Response::Returned { results: results.iter().copied().collect() }
}

#[test]
fn a_host_greets_calls_and_reads_the_trace() {
    with_panel(&hall(), |mut bench| {
        let Response::Hello(hello) = bench.ask(Request::Hello { protocol: PROTOCOL, nonce: 9 }) else {
            panic!("no greeting")
        };
        let image = hello.image.unwrap();
        assert_eq!((hello.nonce, hello.board, hello.firmware.as_str()), (9, 1, "0.1.0"));
        let words = hall().words();
        assert_eq!(image.hash, Image::verify(&words).unwrap().hash());
        assert_eq!(usize::from(image.exports), hall().0.exports.len());

        assert_eq!(bench.call("lamp", &[1]), returned(&[]));
        assert_eq!(bench.call("panel.lamp", &[0]), returned(&[]));
        assert_eq!(bench.call("add", &[2, 3]), returned(&[5]));
        // The safe states of lamp and wire came first.
        let Response::Trace(trace) = bench.ask(Request::Trace { from: 2 }) else { panic!() };
        let stores: Vec<_> = trace.entries.iter().map(|e| (e.access, e.offset, e.value)).collect();
        let expected = [(Access::Write, 0x1c, 1 << 17), (Access::Write, 0x28, 1 << 17)];
        assert_eq!((stores, trace.next), (expected.to_vec(), 4));

        let Response::Levels { banks, .. } = bench.ask(Request::Levels) else { panic!() };
        assert_eq!(banks, [1 << 27, 0], "the button's pull");
        let Response::Status(status) = bench.ask(Request::Status) else { panic!() };
        assert_eq!((status.calls, status.traps, status.image), (3, 0, ImageState::Mounted));
        assert_eq!((status.trace_next, status.trace_lost, status.frames_bad), (4, 0, 0));
        assert_eq!(status.frames_good, 8, "with that of this request and the first greeting");
    });
}

#[test]
fn what_cannot_be_called_is_refused() {
    let small = hall().code("print", &[], &[Ty::StrPtr, Ty::Len], &[common::ret()]);
    with_panel(&small, |mut bench| {
        let refused = Response::Refused;
        assert_eq!(bench.call("nothing", &[]), refused(Refusal::UnknownExport));
        assert_eq!(bench.call("add", &[1]), refused(Refusal::ArgumentCount { expected: 2 }));
        assert_eq!(bench.call("print", &[]), refused(Refusal::NotCallable));
        let by_number = Request::Call { export: Export::Id(999), args: Default::default() };
        assert_eq!(bench.ask(by_number), refused(Refusal::UnknownExport));
        let Response::Status(status) = bench.ask(Request::Status) else { panic!() };
        assert_eq!((status.refused, status.calls), (4, 0));
    });
}

#[test]
fn a_trap_travels_and_the_panel_goes_on() {
    with_panel(&hall(), |mut bench| {
        let Response::Trapped(trap) = bench.call("fail", &[]) else { panic!() };
        assert_eq!((trap.code, trap.op != u32::MAX), (TrapCode::Unreachable as u8, true));
        let Response::Trapped(trap) = bench.call("lamp", &[2]) else { panic!() };
        assert_eq!((trap.code, trap.detail), (TrapCode::BadArgument as u8, 0));
        assert_eq!(bench.call("lamp", &[1]), returned(&[]));
        let Response::Status(status) = bench.ask(Request::Status) else { panic!() };
        assert_eq!((status.calls, status.traps), (3, 1), "the host's own argument is not the panel's");
        let Response::Hosts(counts) = bench.ask(Request::Hosts) else { panic!() };
        assert_eq!(counts.mistakes, 1);
    });
}

#[test]
fn a_request_that_comes_twice_runs_once() {
    with_panel(&hall(), |mut bench| {
        let toggle = Request::Call { export: Export::name("toggle").unwrap(), args: Default::default() };
        let mut buffer = [0; MAX_FRAME];
        let frame = encode_request(77, &toggle, &mut buffer).unwrap().to_vec();
        for _ in 0..3 {
            assert_eq!(bench.exchange(&frame).1, Some((77, returned(&[]))));
        }
        assert!(bench.device.board_mut().port_mut().is_high(line(17)), "toggled once");
    });
}

#[test]
fn an_export_says_what_it_takes() {
    with_panel(&hall(), |mut bench| {
        let Response::Described(add) = bench.ask(Request::Describe { export: Export::name("add").unwrap() })
        else {
            panic!()
        };
        assert_eq!(add.key.as_str(), "panel.add");
        assert_eq!((add.params.as_slice(), add.results.as_slice()), (&[7, 7][..], &[7][..]));
        let by_number = bench.ask(Request::Describe { export: Export::Id(add.id) });
        assert_eq!(by_number, Response::Described(add));
    });
}

#[test]
fn an_export_is_bound_as_what_the_host_was_made_for() {
    with_panel(&hall(), |mut bench| {
        let add = Export::name("add").unwrap();
        let line = "panel.add(i32, i32) -> (i32)";
        let hash = xmap_image::contract_hash(format_args!("{line}"));
        let Response::Contract { id, hash: found } = bench.ask(Request::Contract { export: add.clone() })
        else {
            panic!()
        };
        assert_eq!(found, hash, "the line of docs/contract.md, of the types alone");
        assert_eq!(
            bench.ask(Request::Uses { from: 0 }),
            Response::Uses { next: 0, exports: Default::default() }
        );
        let bind = |hash| Request::BindContract { export: add.clone(), hash };
        let other = Response::Refused(Refusal::OtherContract);
        assert_eq!(bench.ask(bind([0; 8])), other);
        let Response::Bound { handle } = bench.ask(bind(hash)) else { panic!() };
        let Response::Bound { .. } = bench.ask(Request::Bind { export: add.clone() }) else { panic!() };
        let Response::Uses { next: 0, exports } = bench.ask(Request::Uses { from: 0 }) else { panic!() };
        assert_eq!(exports.as_slice(), [id], "who bound without a hash said nothing");
        for _ in 0..30 {
            assert!(matches!(bench.ask(bind(hash)), Response::Bound { .. }));
        }
        assert_eq!(bench.ask(bind(hash)), Response::Refused(Refusal::NoHandle));
        assert_eq!(bench.ask(Request::Release { handle }), Response::Done);
        let Response::Uses { next: 0, exports } = bench.ask(Request::Uses { from: 5 }) else { panic!() };
        assert_eq!(exports.len(), 27, "places 5 to 31");
    });
}

#[test]
fn messages_come_before_the_response_and_in_order_with_the_trace() {
    let say = [
        Op::Const32.a16(1, 1),
        Op::Const32.a16(2, 0),
        Op::Const32.a16(3, 5),
        Op::LogMessage.abc(1, 2, 3),
        common::put(17, true),
        Op::Const32.a16(3, 2),
        Op::LogMessage.abc(2, 2, 3),
        common::ret(),
    ];
    let mut small = hall().code("say", &[], &[], &say);
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (16, 1, 1);
    small.0.data = vec![(0, b"ready".to_vec())];
    with_panel(&small, |mut bench| {
        let request = Request::Call { export: Export::name("say").unwrap(), args: Default::default() };
        let (texts, response) = bench.ask_with_texts(request.clone());
        assert_eq!(texts, [(2, "INFO ready".to_owned()), (3, "DEBUG re".to_owned())]);
        assert_eq!(response, returned(&[]));
        assert_eq!(bench.ask_with_texts(request).0.len(), 2, "not the earlier ones again");
    });
}

#[test]
fn a_device_without_an_image_says_why() {
    let state = MountError::Refused { result: 3 }.state();
    let mut device = device(Small8::new(SimBoard::new()));
    device.set_image_state(state);
    let mut bench = Bench::new(device);
    assert_eq!(bench.call("lamp", &[1]), Response::Refused(Refusal::NoImage));
    let describe = Request::Describe { export: Export::Id(0) };
    assert_eq!(bench.ask(describe), Response::Refused(Refusal::NoImage));
    let Response::Status(status) = bench.ask(Request::Status) else { panic!() };
    assert_eq!(status.image, ImageState::MountRefused { result: 3 });
    assert!(matches!(bench.ask(Request::Levels), Response::Levels { banks: [0, 0], .. }));
}

#[test]
fn a_host_sets_the_clock_and_hears_what_it_says() {
    let unset = ClockStatus { unix_us: -1, schedules: 0, next_us: -1 };
    let mut bench = Bench::new(device(Small8::new(SimBoard::new())));
    assert_eq!(bench.ask(Request::Clock), Response::Clock(unset));
    let set = ClockStatus { unix_us: 1_000_000, ..unset };
    assert_eq!(bench.ask(Request::SetClock { unix_us: 1_000_000 }), Response::Clock(set));
    assert_eq!(bench.ask(Request::Clock), Response::Clock(set));
    let refused = Response::Refused(Refusal::Unsupported);
    assert_eq!(bench.ask(Request::SetClock { unix_us: -1 }), refused);
    assert_eq!(bench.ask(Request::Clock), Response::Clock(set), "nothing has happened");
}

#[test]
fn exports_are_counted_in_pages() {
    // More exports than a page has.
    let codes = [common::ret()];
    let mut small = hall();
    for name in ["a", "b", "c", "d", "e", "f"] {
        small = small.code(name, &[], &[], &codes);
    }
    with_panel(&small, |mut bench| {
        for (n, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            (0..=n).for_each(|_| assert_eq!(bench.call(name, &[]), returned(&[])));
        }
        assert!(matches!(bench.call("lamp", &[2]), Response::Trapped(_)), "2 is no bool");
        let (mut from, mut rows) = (0, Vec::new());
        loop {
            let Response::Metrics(page) = bench.ask(Request::Metrics { from }) else { panic!() };
            rows.extend(page.exports);
            from = page.next;
            if from == 0 {
                break;
            }
        }
        let counts: Vec<_> = rows.iter().map(|row| (row.calls, row.traps, row.times.iter().sum())).collect();
        assert_eq!(counts, [(1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 0, 4), (5, 0, 5), (6, 0, 6), (1, 1, 1)]);
        assert!(rows[5].fuel > 0 && rows[5].fuel == 6 * u64::from(rows[5].fuel_max));
        let behind = bench.ask(Request::Metrics { from: 100 });
        assert_eq!(behind, Response::Metrics(MetricsPage::default()));
    });
}

#[test]
fn noise_is_counted_and_answered_with_nothing() {
    with_panel(&hall(), |mut bench| {
        assert_eq!(bench.exchange(&[0, 1, 2, 3, 0xff, 0, 9, 0]).1, None);
        let Response::Status(status) = bench.ask(Request::Status) else { panic!() };
        assert!(status.frames_bad >= 1, "{status:?}");
    });
}

#[test]
fn a_recorder_keeps_the_last_stores() {
    let mut recorder = Recorder::<_, 30, 64>::new(SimBoard::new());
    for n in 0..50 {
        recorder.delay_us(10);
        if n % 2 == 0 {
            recorder.set(Bank::One, n)
        } else {
            recorder.clear(Bank::Zero, n)
        }
        recorder.level(Bank::Zero);
    }
    assert_eq!((recorder.next(), recorder.lost(), recorder.entries().len()), (50, 20, 30));
    let page = recorder.trace(0);
    assert_eq!((page.first, page.next, page.entries.len()), (20, 50, MAX_TRACE_ENTRIES));
    assert_eq!(page.lost(0), 20);
    assert_eq!((page.entries[0].value, page.entries[0].offset, page.entries[0].time_us), (20, 0x20, 210));
    assert_eq!((page.entries[1].value, page.entries[1].offset), (21, 0x28));
    let rest = recorder.trace(page.first + MAX_TRACE_ENTRIES as u32);
    assert_eq!((rest.first, rest.entries.len()), (44, 6));
    assert_eq!(recorder.trace(50).entries.len(), 0);
    assert_eq!(recorder.trace(u32::MAX).first, 50);
}

#[test]
fn a_text_names_its_module_for_a_host_that_knows_how() {
    let say = [
        Op::Const32.a16(1, 1),
        Op::Const32.a16(2, 0),
        Op::Const32.a16(3, 2),
        Op::LogMessage.abc(1, 2, 3),
        ret(),
    ];
    let mut small = Small::new().code("say", &[], &[], &say);
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (2, 1, 1);
    small.0.data = vec![(0, b"hi".to_vec())];
    let mut device = device(Small8::new(SimBoard::new()));
    device.install(2, &bytes(&small)).unwrap();
    let mut bench = Bench::new(device);
    let said = |bench: &mut Bench<Small8>| {
        let call = Request::Call { export: Export::Id(export_id(2, 0)), args: Args::new() };
        let frame = bench.frame(call);
        bench.wire.to_device.extend(frame);
        while bench.service.poll(&mut bench.wire, &mut bench.device) {}
        let mut reader: FrameReader = FrameReader::new();
        let sent: Vec<u8> = bench.wire.to_host.drain(..).collect();
        let texts = sent.iter().filter_map(|byte| {
            let frame = reader.feed(*byte).filter(|frame| frame.channel == Channel::Text as u8)?;
            decode_text(frame.payload).map(|text| (text.text.to_owned(), text.module))
        });
        texts.collect::<Vec<_>>()
    };
    let hi = |module| [("hi".to_owned(), module)];
    assert_eq!(said(&mut bench), hi(None), "who says nothing is of the first edition");
    for (edition, module) in [(2, None), (3, Some(2)), (u8::MAX, Some(2))] {
        assert_eq!(bench.ask(Request::Edition { edition }), Response::Done);
        assert_eq!(said(&mut bench), hi(module), "{edition}");
    }
    bench.ask(Request::Hello { protocol: PROTOCOL, nonce: 6 });
    assert_eq!(said(&mut bench), hi(None), "a greeting begins anew");
}

#[test]
fn messages_that_find_no_room_are_counted() {
    let mut recorder = Small8::new(SimBoard::new());
    recorder.log(LogLevel::Info, &"a".repeat(57));
    recorder.log(LogLevel::Warn, "");
    assert_eq!(Record::texts_lost(&recorder), 1);
    let mut texts = Vec::new();
    recorder.take_texts(&mut |text| texts.push(text.text.to_owned()));
    assert_eq!(texts, ["a".repeat(57)]);
    recorder.log(LogLevel::Warn, "");
    recorder.log(LogLevel::Warn, "é");
    recorder.take_texts(&mut |text| texts.push(text.text.to_owned()));
    assert_eq!(texts[1..], ["".to_owned(), "é".to_owned()]);
    recorder.take_texts(&mut |text| panic!("{text:?}"));
}

#[test]
fn a_rehearsal_is_served_where_the_device_was_started_for_one() {
    let cue = Request::Rehearse { lines: [1 << 27, 0], levels: [1 << 27, 0], advance_us: 7 };
    for (rehearse, expected) in [
        (true, Response::Levels { time_us: 7, banks: [1 << 27, 0] }),
        (false, Response::Refused(Refusal::Unsupported)),
    ] {
        let port = xmap_device::Rehearsal::new(Small8::new(SimBoard::new()), rehearse);
        let mut bench = Bench::new(device(port));
        assert_eq!(bench.ask(cue.clone()), expected);
    }
}

/// A host asked for 2^64 - 1 microseconds, and neither got an answer nor had the device end.
#[test]
fn a_rehearsal_without_end_is_answered_in_slices() {
    let small = hall().code("tick", &[], &[], &[common::ret()]);
    let small = common::Says::on(small, "tick", xmap_image::EventSource::Every { every_us: 1000 });
    let mut device = device(xmap_device::Rehearsal::new(Small8::new(SimBoard::new()), true));
    device.install(0, &common::bytes(&small)).unwrap();
    let mut bench = Bench::new(device);
    let cue = |advance_us| Request::Rehearse { lines: [0; 2], levels: [0; 2], advance_us };
    let mut last_us = 0;
    for advance_us in [u64::MAX, u64::MAX, 1 << 40] {
        let Response::Levels { time_us, .. } = bench.ask(cue(advance_us)) else { panic!() };
        let passed_us = time_us - last_us;
        assert!((100_000..=256_000).contains(&passed_us), "{passed_us}");
        last_us = time_us;
    }
    // What fits is done at once.
    let expected = Response::Levels { time_us: last_us + 50_000, banks: [1 << 27, 0] };
    assert_eq!(bench.ask(cue(50_000)), expected);
}
