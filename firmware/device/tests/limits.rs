//! What an image may ask for: held against the device's limits before anything of it runs, however it comes.

mod common;

use common::{Says, Small, bytes, device, pass, ret, running};
use xmap_device::{Device, Failure, Record as _, Recorder};
use xmap_image::{Entry, EventSource, FaultPolicy, Keep, Op, Ty};
use xmap_link::{ImageState, Life, POLICY_CODES};
use xmap_sim::{Heap, SimBoard};
use xmap_trust::{Exceeded, Limit, Limits, Reject};

fn plain() -> Small {
    Small::new().code("work", &[], &[], &[ret()])
}

/// For each limit that an image states, one that is beyond what a device allows by default.
fn beyond() -> Vec<(Limit, Small)> {
    let mut fuel = plain();
    if let Entry::Code { fuel, .. } = &mut fuel.0.exports[0].entry {
        *fuel = u32::MAX;
    }
    let mut waits = Small::new().direct("wait", &[Ty::U32], &[], Op::TimeDelay.abc(1, 0, 0));
    waits.0.time_us = u32::MAX;
    let mut kept = plain();
    (kept.0.memory_bytes, kept.0.memory_pages, kept.0.memory_max_pages) = (2 << 20, 32, 32);
    let keep = [Keep::Memory { from: 0, bytes: 2 << 20 }].into_iter().collect();
    let kept = kept.policy(FaultPolicy { layout: 1, keep, ..FaultPolicy::default() });
    let mut memory = plain();
    (memory.0.memory_bytes, memory.0.memory_pages, memory.0.memory_max_pages) = (17 << 20, 272, 272);
    let mut storm = Small::new();
    let names: Vec<String> = (0..32).map(|n| format!("h{n:02}")).collect();
    for name in &names {
        storm = storm.code(name, &[], &[], &[ret()]);
    }
    for name in &names {
        storm = storm.on(name, EventSource::Every { every_us: 1000 });
    }
    vec![
        (Limit::Memory, memory),
        (Limit::Kept, kept),
        (Limit::Fuel, fuel),
        (Limit::Time, waits),
        (Limit::Period, plain().on("work", EventSource::Every { every_us: 99 })),
        (Limit::Events, storm),
    ]
}

#[test]
fn a_development_device_refuses_what_is_beyond_its_limits_and_says_which() {
    for (limit, small) in beyond() {
        let mut device = device(SimBoard::new());
        device.install(0, &bytes(&plain())).unwrap();
        let before = device.board().accesses().count();
        let Err(Failure::Trust(Reject::Limit(exceeded))) = device.install(0, &bytes(&small)) else {
            panic!("{limit}");
        };
        let allowed = Limit::default(limit);
        assert_eq!(exceeded, Exceeded { limit, asked: exceeded.asked, allowed });
        assert_eq!(device.board().accesses().count(), before, "nothing was touched");
        assert_eq!(device.life(0), Life::Running, "what ran before runs on");
        let last = device.trust_status().last.unwrap();
        let told = Reject::from_parts(last.code, last.details, &last.text);
        assert_eq!(told, Some(Reject::Limit(exceeded)), "a host can say the same");
        let state = device.status(0).map(|_| Failure::Trust(Reject::Limit(exceeded)).state());
        let code = POLICY_CODES + 32 + limit as u16;
        assert_eq!(state, Some(ImageState::Rejected { code, detail: exceeded.asked }));
        // Whoever owns the device can let it in, as far as it fits.
        device.set_limits(Limits::none());
        assert!(!matches!(device.install(0, &bytes(&small)), Err(Failure::Trust(_))), "{limit}");
    }
}

#[test]
fn an_image_at_the_limit_is_taken_and_one_beyond_it_is_not() {
    let small = plain().on("work", EventSource::Every { every_us: 250 });
    for (limits, taken) in [
        (Limits::default(), true),
        (Limits::default().with(Limit::Events, 4000), true),
        (Limits::default().with(Limit::Events, 3999), false),
        (Limits::default().with(Limit::Period, 250), true),
        (Limits::default().with(Limit::Period, 251), false),
        (Limits::default().with(Limit::Image, bytes(&small).len() as u32), true),
        (Limits::default().with(Limit::Image, bytes(&small).len() as u32 - 1), false),
    ] {
        let mut device = device(SimBoard::new());
        device.set_limits(limits);
        assert_eq!(device.install(0, &bytes(&small)).is_ok(), taken, "{limits:?}");
    }
}

/// A module that says 200 bytes every millisecond, and one that says a word every 100 ms.
fn chatty() -> [Small; 2] {
    let say = |len: i16| {
        [
            Op::Const32.a16(1, 1),
            Op::Const32.a16(2, 0),
            Op::Const32.a16(3, len as u16),
            Op::LogMessage.abc(1, 2, 3),
            ret(),
        ]
    };
    let module = |name, byte: u8, len: i16, every_us| {
        let mut small = Small::new().code("say", &[], &[], &say(len)).named(name);
        (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (200, 1, 1);
        small.0.data = vec![(0, vec![byte; 200])];
        small.0.manifest.namespace = name;
        small.on("say", EventSource::Every { every_us })
    };
    [module("loud", b'l', 200, 1000), module("quiet", b'q', 5, 100_000)]
}

type Kept = Recorder<SimBoard, 8, 65_536>;

/// Bytes of text of each module in so many seconds.
fn said(device: &mut Device<Heap, Kept>, seconds: u64) -> [usize; 2] {
    let mut said = [0; 2];
    for _ in 0..seconds * 10 {
        device.pass(100_000, |board, us| board.port_mut().advance(us));
        device.board_mut().take_texts(&mut |text| {
            let speaker = if text.text.starts_with('l') { 0 } else { 1 };
            assert_eq!(text.module, Some(speaker), "{text:?}");
            said[0] += text.text.bytes().filter(|byte| *byte == b'l').count();
            said[1] += text.text.bytes().filter(|byte| *byte == b'q').count();
        });
    }
    said
}

#[test]
fn a_module_that_floods_the_log_is_cut_to_its_bytes_a_second_and_nobody_else() {
    for per_s in [0, 1000, 16_384] {
        let mut device = device(Kept::new(SimBoard::new()));
        device.set_limits(Limits::default().with(Limit::Log, per_s));
        let [loud, quiet] = chatty();
        device.install(0, &bytes(&loud)).unwrap();
        device.install(1, &bytes(&quiet)).unwrap();
        let [loud, quiet] = said(&mut device, 5);
        // One second's worth at once, and as much a second.
        assert!(loud <= 6 * per_s as usize, "{per_s}: {loud}");
        assert!(loud * 10 >= 5 * 9 * per_s as usize, "{per_s}: {loud}");
        assert_eq!(quiet, if per_s == 0 { 0 } else { 5 * 10 * 5 }, "{per_s}");
        assert!(device.board().texts_lost() > 4000, "what was dropped is counted");
    }
}

#[test]
fn limits_are_asked_for_over_the_link() {
    let mut device = running(&plain());
    assert_eq!(device.limits().get(Limit::Period), 1);
    device.set_limits(Limits::default().with(Limit::Fuel, 5));
    assert_eq!(device.limits().values()[Limit::Fuel as usize], 5);
    pass(&mut device, 10);
    assert_eq!(device.life(0), Life::Running, "what is there already is left alone");
}
