//! `spi.transfer`: what is checked before the device is selected.

mod common;

use common::{Did, builder, call, code, fault, ret, with};
use tiny_mapper::TrapCode;
use xmap_abi::{BusStatus, HostFunction};
use xmap_image::{ImageBuilder, Op, SpiRow, Ty};

/// An image with two devices whose export `f` is the host function.
fn image() -> ImageBuilder<'static> {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    b.time_us = 10_000;
    b.spi = vec![
        ("adc".into(), SpiRow::new([0, 0, 0], 1_000_000, 3, 1_000)),
        ("flash".into(), SpiRow::new([0, 1, 3], 8_000_000, 16, 4_000)),
    ];
    b.data = vec![(0, vec![0x10, 0x20, 0x30])];
    let op = Op::HostCall.abc(0, HostFunction::SpiTransfer as u8, 0);
    code(&mut b, "f", &[Ty::U32; 5], &[Ty::U32], &[op, ret(1)]);
    b
}

#[test]
fn the_device_and_its_bytes_reach_the_board() {
    with(&image(), |m| {
        m.port_mut().bus = Some(BusStatus::Ok);
        assert_eq!(call(m, "f", &[1, 0, 3, 8, 2]), Ok(vec![0]));
        assert_eq!(m.memory()[..12], [0x10, 0x20, 0x30, 0, 0, 0, 0, 0, 0x5a, 0x5a, 0, 0]);
        // What is read may lie on what is written.
        assert_eq!(call(m, "f", &[0, 1, 1, 0, 2]), Ok(vec![0]));
        assert_eq!(m.memory()[..3], [0x5a, 0x5a, 0x30]);
        let expected = [Did::Bus(0, 1, vec![0x10, 0x20, 0x30], 2), Did::Bus(0, 0, vec![0x20], 2)];
        assert_eq!(m.port_mut().take(), expected);
        m.port_mut().bus = Some(BusStatus::Timeout);
        assert_eq!(call(m, "f", &[1, 0, 0, 0, 0]), Ok(vec![2]), "a status is a value");
    });
}

#[test]
fn what_is_not_declared_traps_before_the_device_is_selected() {
    for (args, code, detail) in [
        ([2, 0, 1, 0, 1], TrapCode::BadArgument, 2),
        ([u64::from(u32::MAX), 0, 1, 0, 1], TrapCode::BadArgument, u32::MAX),
        ([0, 0, 4, 0, 3], TrapCode::BadArgument, 4),
        ([0, 0, 3, 0, 4], TrapCode::BadArgument, 4),
        ([0, 62, 3, 0, 3], TrapCode::OutOfBounds, 62),
        ([0, 0, 3, 63, 2], TrapCode::OutOfBounds, 63),
    ] {
        with(&image(), |m| {
            m.port_mut().bus = Some(BusStatus::Ok);
            assert_eq!(fault(call(m, "f", &args)), (code, detail), "{args:?}");
            assert_eq!(m.port_mut().take(), []);
        });
    }
}

#[test]
fn a_call_waits_no_longer_than_its_limit_and_a_board_may_have_no_bus() {
    let mut b = image();
    b.time_us = 3_999;
    with(&b, |m| {
        m.port_mut().bus = Some(BusStatus::Ok);
        assert_eq!(fault(call(m, "f", &[1, 0, 1, 0, 1])), (TrapCode::Time, 4_000));
        assert_eq!(call(m, "f", &[0, 0, 1, 0, 1]), Ok(vec![0]));
        m.port_mut().no_such_bus = true;
        let row = HostFunction::SpiTransfer as u32;
        assert_eq!(fault(call(m, "f", &[0, 0, 1, 0, 1])), (TrapCode::Unavailable, row));
        (m.port_mut().no_such_bus, m.port_mut().bus) = (false, None);
        assert_eq!(fault(call(m, "f", &[0, 0, 1, 0, 1])), (TrapCode::Unavailable, row));
    });
}
