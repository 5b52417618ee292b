//! Timers and edges call their handlers, at their times and in their order.

mod common;

use common::{Says, Small, call, happened, line, pass, put, ret, running};
use tiny_mapper::Clock as _;
use xmap_image::{EventSource, FaultPolicy, OnOverrun, Op, PinMode, Pull, Safe, Ty};
use xmap_link::DeviceEventKind;

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

fn read(device: &mut xmap_device::Device<xmap_sim::Heap, xmap_sim::SimBoard>, name: &str) -> u64 {
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

/// Sixteen handlers that each wait for 50 ms: all of them are due.
fn sixteen() -> xmap_device::Device<xmap_sim::Heap, xmap_sim::SimBoard> {
    let names: Vec<String> = (0..16).map(|n| format!("h{n}")).collect();
    let wait = [Op::Const32W.abc(1, 0, 0), 50_000, Op::TimeDelay.abc(1, 0, 0), ret()];
    let mut small = counting();
    small = names.iter().fold(small, |small, name| small.code(name, &[], &[], &wait));
    small =
        names.iter().fold(small, |small, name| small.on(name, EventSource::Every { every_us: 10_000_000 }));
    let mut device = running(&small);
    device.board_mut().advance(10_000_000);
    device
}

/// However many events wait, each as long as it may be: a call and a swap let 100 ms of them go before them.
#[test]
fn a_call_and_a_swap_wait_for_some_events_and_not_for_all() {
    let mut device = sixteen();
    assert_eq!(read(&mut device, "ticks"), 0);
    assert_eq!(device.board_mut().now_us(), 10_000_000 + 100_000);
    assert_eq!(device.status(0).unwrap().events, 2);
    pass(&mut device, 1_000_000);
    assert_eq!(device.status(0).unwrap().events, 16, "the others come behind it");

    let mut device = sixteen();
    assert!(device.poll(), "one runs, and all are in the queue");
    device.install(0, &common::bytes(&counting())).unwrap();
    assert_eq!(device.board_mut().now_us(), 10_050_000 + 100_000);
    pass(&mut device, 1_000_000);
    assert_eq!(device.status(0).unwrap().events, 3, "the others were the old image's, and are forgotten");
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
    let policy = FaultPolicy { coalesce: false, ..FaultPolicy::default() };
    let mut device = running(&slow().policy(policy).on("slow", EventSource::Every { every_us: 10 }));
    pass(&mut device, 2000);
    let status = device.status(0).unwrap();
    assert!(status.dropped > 50, "{status:?}");
    assert_eq!(status.coalesced, 0);
    let told = happened(&device).iter().filter(|what| **what == DeviceEventKind::Overrun).count();
    assert!((1..status.dropped as usize).contains(&told), "not once for each: {told}");
}

#[test]
fn a_slow_module_takes_nothing_from_the_queue_of_another() {
    let policy = FaultPolicy { coalesce: false, ..FaultPolicy::default() };
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

/// 32 handlers that are due at every microsecond, and a neighbour with a timer of 10 ms.
fn storm(policy: FaultPolicy) -> xmap_device::Device<xmap_sim::Heap, xmap_sim::SimBoard> {
    let names: Vec<String> = (0..32).map(|n| format!("h{n:02}")).collect();
    let mut small = Small::new().policy(policy);
    for name in &names {
        small = small.code(name, &[], &[], &[ret()]);
    }
    for name in &names {
        small = small.on(name, EventSource::Every { every_us: 1 });
    }
    let mut device = running(&small);
    let mut other = Small::new()
        .pin(22, "", PinMode::Out, Safe::Low, Pull::None)
        .code("beat", &[], &[], &[Op::LineToggle.abc(22, 0, 0), ret()])
        .named("other")
        .on("beat", EventSource::Every { every_us: 10_000 });
    other.0.manifest.namespace = "other";
    device.install(1, &common::bytes(&other)).unwrap();
    device
}

#[test]
fn a_storm_of_timers_leaves_a_neighbour_its_events() {
    let policies = [
        FaultPolicy::default(),
        FaultPolicy { coalesce: false, ..FaultPolicy::default() },
        FaultPolicy { coalesce: false, on_overrun: OnOverrun::DropNewest, ..FaultPolicy::default() },
    ];
    for policy in policies {
        let mut device = storm(policy.clone());
        let mut beats = 0;
        // Each event takes 20 us, and 640 fall due meanwhile.
        for _ in 0..100_000 / 20 {
            device.board_mut().advance(20);
            assert!(device.poll(), "there is always one");
            let events = device.status(1).unwrap().events;
            beats = events;
        }
        let (evil, victim) = (device.status(0).unwrap(), device.status(1).unwrap());
        assert!((9..=10).contains(&beats), "{policy:?}: {victim:?}");
        assert_eq!((victim.missed, victim.dropped), (0, 0), "{policy:?}");
        // It waits for the storm's share of the queue and for nothing else.
        assert!(victim.late_us <= 20 * 40, "{policy:?}: {victim:?}");
        let lost = u64::from(evil.missed) + u64::from(evil.dropped) + u64::from(evil.events);
        assert!((3_100_000..=6_500_000).contains(&lost), "all 3.2 million are accounted for: {evil:?}");
    }
}

/// A clock that steps, or a process that was stopped: 8 s of one handler were 1.5 s without an answer.
#[test]
fn after_a_pause_no_more_events_wait_than_a_share_and_the_delay_is_told() {
    for (coalesce, on_overrun) in
        [(true, OnOverrun::DropOldest), (false, OnOverrun::DropOldest), (false, OnOverrun::DropNewest)]
    {
        for pause_us in [8_000_000, 86_400_000_000, u64::MAX / 2] {
            let mut device = storm(FaultPolicy { coalesce, on_overrun, ..FaultPolicy::default() });
            device.board_mut().advance(pause_us);
            let polls = (0..1000).take_while(|_| device.poll()).count();
            // A share, or what is due at the same moment.
            assert!((16..=34).contains(&polls), "{coalesce} {on_overrun:?} {pause_us}: {polls}");
            for module in 0..2 {
                let status = device.status(module).unwrap();
                let expected = u32::try_from(pause_us - 10_000).unwrap_or(u32::MAX);
                assert!(status.late_us >= expected, "{coalesce} {on_overrun:?} {pause_us}: {status:?}");
            }
            let evil = device.status(0).unwrap();
            let lost = evil.missed.max(evil.dropped);
            assert!(lost >= u32::try_from(pause_us).unwrap_or(u32::MAX), "{evil:?}");
        }
    }
}
