//! `uart.write` and `uart.read`: what is checked before a port is asked.

mod common;

use common::{Did, builder, call, code, fault, ret, with};
use tiny_mapper::TrapCode;
use xmap_abi::{BusStatus, HostFunction};
use xmap_image::{Format, ImageBuilder, Op, Ty, UartRow};

/// What a write is charged: 160 bits at 9600 bits a second, and the slack.
const WORST: u64 = 16_667 + 20_000;

/// An image with two ports whose exports are the host functions.
fn image() -> ImageBuilder<'static> {
    let mut b = builder();
    b.pins.clear();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    b.time_us = 60_000;
    let format = Format::parse("8N1").unwrap();
    b.uart = vec![
        ("bus".into(), UartRow::new(3, 9_600, format, None, [16, 8])),
        ("other".into(), UartRow::new(4, 115_200, format, None, [4, 4])),
    ];
    b.data = vec![(0, vec![0x10, 0x20, 0x30])];
    for (name, function) in [("write", HostFunction::UartWrite), ("read", HostFunction::UartRead)] {
        let op = Op::HostCall.abc(0, function as u8, 0);
        code(&mut b, name, &[Ty::U32; 3], &[Ty::U32], &[op, ret(1)]);
    }
    b
}

#[test]
fn bytes_reach_the_port_and_come_from_it() {
    with(&image(), |m| {
        m.port_mut().bus = Some(BusStatus::Ok);
        assert_eq!(call(m, "write", &[0, 0, 3]), Ok(vec![0]));
        assert_eq!(call(m, "read", &[1, 8, 56]), Ok(vec![3]));
        assert_eq!(m.memory()[7..12], [0, 0x77, 0x77, 0x77, 0]);
        assert_eq!(call(m, "read", &[0, 0, 0]), Ok(vec![0]));
        let expected = [
            Did::Bus(3, 0, vec![0x10, 0x20, 0x30], 0),
            // No more than can wait.
            Did::Bus(4, 1, vec![], 4),
            Did::Bus(3, 1, vec![], 0),
        ];
        assert_eq!(m.port_mut().take(), expected);
        m.port_mut().bus = Some(BusStatus::Timeout);
        assert_eq!(call(m, "write", &[0, 0, 3]), Ok(vec![2]), "a status is a value");
    });
}

#[test]
fn what_is_not_declared_traps_before_the_first_bit() {
    with(&image(), |m| {
        m.port_mut().bus = Some(BusStatus::Ok);
        for (name, args, expected) in [
            ("write", [2, 0, 1], (TrapCode::BadArgument, 2)),
            ("read", [u64::from(u32::MAX), 0, 1], (TrapCode::BadArgument, u32::MAX)),
            ("write", [0, 0, 17], (TrapCode::BadArgument, 17)),
            ("write", [0, 60, 5], (TrapCode::OutOfBounds, 60)),
            ("read", [0, 60, 5], (TrapCode::OutOfBounds, 60)),
        ] {
            assert_eq!(fault(call(m, name, &args)), expected, "{name} {args:?}");
        }
        assert_eq!(m.port_mut().take(), []);
        m.port_mut().bus = None;
        let row = HostFunction::UartRead as u32;
        assert_eq!(fault(call(m, "read", &[0, 0, 1])), (TrapCode::Unavailable, row));
    });
    let mut b = image();
    b.time_us = WORST as u32 - 1;
    with(&b, |m| {
        m.port_mut().bus = Some(BusStatus::Ok);
        assert_eq!(fault(call(m, "write", &[0, 0, 1])), (TrapCode::Time, WORST as u32));
    });
}
