//! The wall clock: what a host sets, what a module reads, and what runs by it.

mod common;

use common::{Says, Small, line, put, ret};
use tiny_mapper::prelude::*;
use xmap_image::{Change, EventSource, Op, PinMode, Pull, Safe, Ty, YearDay, Zone};
use xmap_link::ClockStatus;
use xmap_sim::SimBoard;

/// Midnight UTC of a Wednesday in summer, in microseconds since 1970.
const DAY_US: i64 = 20_269 * 86_400_000_000;
const MINUTE_US: i64 = 60_000_000;

fn berlin() -> Zone {
    let change = |month, minute| Change { day: YearDay::Month { month, week: 5, weekday: 0 }, minute };
    Zone { standard: 60, daylight: 120, changes: Some([change(3, 120), change(10, 180)]) }
}

/// A panel that drives line 17 high at seven, and has the clock's functions as exports.
fn panel() -> Small {
    // Rows 20 and 21 of the guest ABI's table.
    let call = |row: u8| Op::HostCall.abc(0, row, 0);
    let mut panel = Small::new()
        .pin(17, "valve", PinMode::Out, Safe::Low, Pull::None)
        .code("water", &[], &[], &[put(17, true), ret()])
        .direct("unix", &[], &[Ty::I64], call(20))
        .direct("minute", &[], &[Ty::I32], call(21))
        .on("water", EventSource::At { minute: 420, days: 0x7f });
    panel.0.zone = berlin();
    panel
}

#[test]
fn a_module_reads_the_clock_that_a_host_has_set() {
    let mut device = common::running(&panel());
    assert_eq!(common::call(&mut device, "unix", &[]).unwrap(), [-1i64 as u64]);
    assert_eq!(common::call(&mut device, "minute", &[]).unwrap(), [u64::from(u32::MAX)]);
    assert_eq!(device.clock(), ClockStatus { unix_us: -1, schedules: 1, next_us: -1 });
    common::pass(&mut device, 1_000);
    assert!(device.set_clock(DAY_US));
    common::pass(&mut device, 7);
    assert_eq!(common::call(&mut device, "unix", &[]).unwrap(), [DAY_US as u64 + 7]);
    assert_eq!(common::call(&mut device, "minute", &[]).unwrap(), [120], "two hours ahead in summer");
    for bad in [-1, i64::MIN, i64::MAX] {
        assert!(!device.set_clock(bad));
    }
    assert_eq!(device.clock().unix_us, DAY_US + 7);
}

#[test]
fn a_schedule_runs_in_the_zone_of_its_image() {
    let mut device = common::running(&panel());
    common::pass(&mut device, 2 * 86_400_000_000);
    let is_high = |device: &common::Running| device.board().is_high(line(17));
    assert!(!is_high(&device), "the time is not known");
    assert!(device.set_clock(DAY_US + 299 * MINUTE_US));
    assert_eq!(device.clock().next_us, DAY_US + 300 * MINUTE_US, "seven there is five of UTC");
    common::pass(&mut device, MINUTE_US as u64 - 1);
    assert!(!is_high(&device));
    common::pass(&mut device, 1);
    assert!(is_high(&device));
    assert_eq!(device.status(0).unwrap().events, 1);
    common::pass(&mut device, 2 * 86_400_000_000);
    assert_eq!(device.status(0).unwrap().events, 3);
}

#[test]
fn swaps_and_resets_neither_lose_nor_repeat_a_schedule() {
    let mut device = common::running(&panel());
    assert!(device.set_clock(DAY_US + 300 * MINUTE_US - 1));
    common::pass(&mut device, 1);
    assert_eq!(device.status(0).unwrap().events, 1);
    // At the very same time.
    device.reset(0).unwrap();
    device.install(0, &common::bytes(&panel())).unwrap();
    common::pass(&mut device, 0);
    assert_eq!(device.status(0).unwrap().events, 1, "it has run today");
    assert_eq!(device.clock().next_us, DAY_US + 86_400_000_000 + 300 * MINUTE_US);
    // The clock passes the time while the image is replaced.
    device.board_mut().advance(86_400_000_001);
    device.install(0, &common::bytes(&panel())).unwrap();
    common::pass(&mut device, 0);
    assert_eq!(device.status(0).unwrap().events, 2);
    device.unload(0).unwrap();
    assert_eq!(device.clock(), ClockStatus { schedules: 0, next_us: -1, ..device.clock() });
}

#[test]
fn a_board_without_a_clock_takes_none() {
    #[derive(Debug)]
    struct Bare(SimBoard);
    tiny_mapper::over!([] Bare => 0: SimBoard);
    impl tiny_mapper::Layer for Bare {
        fn unix_us(&mut self) -> i64 {
            -1
        }
    }
    impl xmap_device::BoardLayer for Bare {
        fn set_unix_us(&mut self, _: i64) -> bool {
            false
        }
    }
    let mut device = common::device(Bare(SimBoard::new()));
    device.install(0, &common::bytes(&panel())).unwrap();
    assert!(!device.set_clock(DAY_US));
    assert_eq!(device.clock(), ClockStatus { unix_us: -1, schedules: 1, next_us: -1 });
    assert_eq!(device.board_mut().now_us(), 0);
}
