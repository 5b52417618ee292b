//! A rehearsal is the simulator's world over the link: the same script gives the same levels and times.

mod common;

use common::{Says, line};
use tiny_mapper::{Function, Pull, prelude::*};
use xmap_boards::{Bank, Line, LineSet};
use xmap_device::{Cue, Record, Recorder, Rehearsal};
use xmap_image::EventSource;
use xmap_sim::SimBoard;

type Device = Rehearsal<Recorder<SimBoard, 64, 64>>;

fn device(rehearse: bool) -> Device {
    Rehearsal::new(Recorder::new(SimBoard::new()), rehearse)
}

/// Returns what a cue does to one line of bank 0.
fn press(number: u8, high: bool) -> Cue {
    let levels = if high { LineSet::below(Line::COUNT) } else { LineSet::EMPTY };
    Cue { lines: LineSet::of(line(number)), levels, advance_us: 0 }
}

fn is_high(device: &mut Device, number: u8) -> bool {
    device.level(line(number).bank()) & line(number).mask() != 0
}

#[test]
fn an_input_has_its_pull_until_the_host_connects_something() {
    let mut device = device(true);
    device.pull(line(27), Pull::Up);
    device.select(line(27), Function::Input);
    assert!(is_high(&mut device, 27));
    assert!(device.rehearse(&press(27, false)));
    assert!(!is_high(&mut device, 27));
    assert!(device.rehearse(&press(26, true)));
    assert!(!is_high(&mut device, 27) && is_high(&mut device, 26), "other lines keep what they have");
    assert!(device.rehearse(&press(27, true)));
    assert!(is_high(&mut device, 27));
    device.pull(line(4), Pull::Down);
    assert!(!is_high(&mut device, 4));
}

#[test]
fn an_output_is_read_back_from_the_port_within() {
    let mut device = device(true);
    device.select(line(40), Function::Output);
    assert!(device.rehearse(&Cue {
        lines: LineSet::of_bank(Bank::One, u32::MAX),
        levels: LineSet::EMPTY,
        advance_us: 0
    }));
    device.set(Bank::One, line(40).mask());
    assert!(is_high(&mut device, 40));
    device.select(line(40), Function::Input);
    assert!(!is_high(&mut device, 40), "now it is the host's");
    assert_eq!(device.next(), 1, "the store was recorded");
}

#[test]
fn time_is_the_hosts_and_the_modules_waits() {
    let mut device = device(true);
    device.delay_us(30);
    assert!(device.rehearse(&Cue { lines: LineSet::EMPTY, levels: LineSet::EMPTY, advance_us: 12 }));
    assert_eq!(device.now_us(), 42);
    assert_eq!(device.port_mut().now_us(), 0, "nobody has waited");
    assert!(device.rehearse(&Cue { lines: LineSet::EMPTY, levels: LineSet::EMPTY, advance_us: u64::MAX }));
    assert_eq!(device.now_us(), u64::MAX);
}

#[test]
fn without_a_rehearsal_everything_passes_through_and_a_cue_is_refused() {
    let mut device = device(false);
    device.pull(line(27), Pull::Up);
    assert!(!device.rehearse(&press(27, false)));
    assert!(is_high(&mut device, 27));
    device.delay_us(30);
    assert_eq!((device.now_us(), device.port_mut().now_us()), (30, 30));
}

#[test]
fn a_mounted_panel_rehearses_its_inputs_and_edges() {
    let on_press = common::hall()
        .code("on_press", &[], &[], &[common::put(17, true), common::ret()])
        .on("on_press", EventSource::Falling { line: 27, debounce_us: 50 });
    let mut panel = common::device(device(true));
    panel.install(0, &common::bytes(&on_press)).unwrap();
    assert_eq!(common::call(&mut panel, "button", &[]).unwrap(), [1], "pulled up");
    assert!(panel.board_mut().rehearse(&press(27, false)));
    assert_eq!(common::call(&mut panel, "button", &[]).unwrap(), [0]);

    let tick = |board: &mut Device, us| {
        board.rehearse(&Cue { lines: LineSet::EMPTY, levels: LineSet::EMPTY, advance_us: us });
    };
    panel.pass(49, tick);
    assert!(!is_high(panel.board_mut(), 17), "it has not settled");
    panel.pass(1, tick);
    assert!(is_high(panel.board_mut(), 17));
}

#[test]
fn edges_that_the_board_lost_are_counted_for_those_that_wait_for_edges() {
    let on_press = common::hall()
        .code("on_press", &[], &[], &[common::ret()])
        .on("on_press", EventSource::Falling { line: 27, debounce_us: 50 });
    let mut other = common::Small::new()
        .code("beat", &[], &[], &[common::ret()])
        .named("other")
        .on("beat", EventSource::Every { every_us: 1_000_000 });
    other.0.manifest.namespace = "other";
    let mut panel = common::device(device(true));
    panel.install(0, &common::bytes(&on_press)).unwrap();
    panel.install(1, &common::bytes(&other)).unwrap();
    let dropped = |panel: &mut xmap_device::Device<_, Device>, number| panel.status(number).unwrap().dropped;
    panel.poll();
    assert_eq!(dropped(&mut panel, 0), 0);
    for press_it in 0..1000 {
        assert!(panel.board_mut().rehearse(&press(27, press_it % 2 != 0)));
    }
    panel.poll();
    let lost = dropped(&mut panel, 0);
    assert!((1..1000).contains(&lost), "{lost}");
    panel.poll();
    assert_eq!((dropped(&mut panel, 0), dropped(&mut panel, 1)), (lost, 0), "once, and no one else");
}
