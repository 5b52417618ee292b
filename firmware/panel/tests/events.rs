//! Timers and edges call their handlers, at their times and in their order.

mod common;

use common::{Says, Small, call, happened, line, pass, put, ret, running};
use xmap_image::{EventSource, Op, PinMode, Policy, Pull, Safe, Ty};
use xmap_link::What;

/// A module that counts: `tick`, `tock` and `press` add to globals 0, 1 and 2, and the globals can be read.
fn counting() -> Small {
    let count = |n| {
        [
            Op::GlobalGet.a16(1, n),
            Op::Const32.a16(2, 1),
            Op::Add32.abc(1, 1, 2),
            Op::GlobalSet.a16(1, n),
            ret(),
        ]
    };
    let mut small = Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .pin(27, "button", PinMode::In, Safe::Hold, Pull::Up)
        .code("tick", &[], &[], &count(0))
        .code("tock", &[], &[], &count(1))
        .code("press", &[], &[], &count(2))
        .code("ticks", &[], &[Ty::U32], &[Op::GlobalGet.a16(1, 0), ret()])
        .code("tocks", &[], &[Ty::U32], &[Op::GlobalGet.a16(1, 1), ret()])
        .code("presses", &[], &[Ty::U32], &[Op::GlobalGet.a16(1, 2), ret()]);
    small.0.globals = vec![0, 0, 0];
    small
}

fn read(device: &mut xmap_panel::Device<xmap_sim::Heap, xmap_sim::SimBoard>, name: &str) -> u64 {
    call(device, name, &[]).unwrap()[0]
}

#[test]
fn timers_run_as_often_as_time_allows() {
    let small = counting()
        .on("tick", EventSource::Every { every_us: 10 })
        .on("tock", EventSource::After { after_us: 25 });
    let mut device = running(&small);
    pass(&mut device, 9);
    assert_eq!((read(&mut device, "ticks"), read(&mut device, "tocks")), (0, 0));
    pass(&mut device, 91);
    assert_eq!((read(&mut device, "ticks"), read(&mut device, "tocks")), (10, 1));
    let status = device.status(0).unwrap();
    assert_eq!(
        (status.events, status.missed, status.dropped, status.coalesced, status.late_us),
        (11, 0, 0, 0, 0)
    );
    assert_eq!(device.next_wake_us(), 110);
}

#[test]
fn an_edge_counts_when_it_has_settled() {
    let small = counting().on("press", EventSource::Falling { line: 27, debounce_us: 5000 });
    let mut device = running(&small);
    for (high, us) in [(false, 100), (true, 100), (false, 4999)] {
        device.board_mut().drive(line(27), Some(high)).unwrap();
        pass(&mut device, us);
    }
    assert_eq!(read(&mut device, "presses"), 0, "it bounces");
    pass(&mut device, 1);
    assert_eq!(read(&mut device, "presses"), 1);
    device.board_mut().drive(line(27), Some(true)).unwrap();
    pass(&mut device, 10_000);
    assert_eq!(read(&mut device, "presses"), 1, "a rising edge is not asked for");
}

#[test]
fn a_call_comes_behind_the_events_that_wait() {
    let small = counting().on("tick", EventSource::Every { every_us: 10 });
    let mut device = running(&small);
    // Time has passed, and nobody has polled: the tick is due, and comes first.
    device.board_mut().advance(10);
    assert_eq!(read(&mut device, "ticks"), 1);
}

/// A handler that takes longer than its period.
fn slow() -> Small {
    counting().direct("wait", &[Ty::U32], &[], Op::TimeDelay.abc(1, 0, 0)).code(
        "slow",
        &[],
        &[],
        &[Op::Const32.a16(1, 35), Op::TimeDelay.abc(1, 0, 0), put(17, true), ret()],
    )
}

#[test]
fn a_timer_that_cannot_keep_up_coalesces_and_counts() {
    let mut device = running(&slow().on("slow", EventSource::Every { every_us: 10 }));
    pass(&mut device, 200);
    let status = device.status(0).unwrap();
    assert!((5..=7).contains(&status.events), "{status:?}");
    assert!(status.missed >= 12, "{status:?}");
    assert_eq!(status.dropped, 0);
}

#[test]
fn without_coalescing_events_wait_and_then_go() {
    let policy = Policy { coalesce: false, ..Policy::default() };
    let mut device = running(&slow().policy(policy).on("slow", EventSource::Every { every_us: 10 }));
    pass(&mut device, 2000);
    let status = device.status(0).unwrap();
    assert!(status.dropped > 50, "{status:?}");
    assert_eq!(status.coalesced, 0);
    let told = happened(&device).iter().filter(|what| **what == What::Overrun).count();
    assert!((1..status.dropped as usize).contains(&told), "not once for each: {told}");
}

#[test]
fn a_slow_module_takes_nothing_from_the_queue_of_another() {
    let policy = Policy { coalesce: false, ..Policy::default() };
    let mut device = running(&slow().policy(policy).on("slow", EventSource::Every { every_us: 10 }));
    let mut other = Small::new()
        .pin(22, "", PinMode::Out, Safe::Low, Pull::None)
        .code("beat", &[], &[], &[Op::LineToggle.abc(22, 0, 0), ret()])
        .named("other")
        .on("beat", EventSource::Every { every_us: 1000 });
    other.0.manifest.namespace = "other";
    device.install(1, &common::bytes(&other)).unwrap();
    pass(&mut device, 10_000);
    let status = device.status(1).unwrap();
    assert_eq!((status.dropped, status.missed), (0, 0), "{status:?}");
    assert!((9..=10).contains(&status.events), "{status:?}");
}
