//! `i2c.write_read`: what is checked before the first bit goes out.

mod common;

use common::{Did, Recorder, builder, call, code, direct, fault, ret, with};
use tiny_mapper::TrapCode;
use xmap_abi::{BusStatus, HostFunction};
use xmap_image::{I2cRegisters, I2cRow, ImageBuilder, Op, Ty, Word};

const CALL: Word = Op::HostCall.abc(0, HostFunction::I2cWriteRead as u8, 0);
/// What a transfer of the second device is charged: its time limit and twelve clocks.
const WORST: u64 = 4_000 + 120;

/// An image with two devices whose export `f` is the host function, as a direct entry or in a function.
fn images() -> [ImageBuilder<'static>; 2] {
    [true, false].map(|is_direct| {
        let mut b = builder();
        (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
        b.time_us = 10_000;
        b.i2c = vec![
            ("temp".into(), I2cRow::new(1, 0x48, 400_000, [1, 2], 1_000)),
            ("clock".into(), I2cRow::new(1, 0x68, 100_000, [8, 16], 4_000)),
        ];
        b.data = vec![(0, vec![0x10, 0x20, 0x30])];
        let types = [&[Ty::U32; 5][..], &[Ty::U32]];
        match is_direct {
            true => direct(&mut b, "f", types[0], types[1], &[CALL]),
            false => _ = code(&mut b, "f", types[0], types[1], &[CALL, ret(1)]),
        }
        b
    })
}

fn with_bus(
    b: &ImageBuilder<'_>,
    status: Option<BusStatus>,
    f: impl FnOnce(&mut tiny_mapper::Mapper<'_, Recorder>),
) {
    with(b, |m| {
        m.port_mut().bus = status;
        f(m);
    });
}

#[test]
fn the_device_and_its_bytes_reach_the_board() {
    for b in images() {
        with_bus(&b, Some(BusStatus::Ok), |m| {
            assert_eq!(call(m, "f", &[1, 0, 3, 8, 2]), Ok(vec![0]));
            assert_eq!(m.memory()[..12], [0x10, 0x20, 0x30, 0, 0, 0, 0, 0, 0xa5, 0xa5, 0, 0]);
            // What is read may lie on what is written.
            assert_eq!(call(m, "f", &[0, 1, 1, 0, 2]), Ok(vec![0]));
            assert_eq!(m.memory()[..3], [0xa5, 0xa5, 0x30]);
            let expected = [Did::Bus(1, 0x68, vec![0x10, 0x20, 0x30], 2), Did::Bus(1, 0x48, vec![0x20], 2)];
            assert_eq!(m.port_mut().take(), expected);
            m.port_mut().bus = Some(BusStatus::Nack);
            assert_eq!(call(m, "f", &[1, 0, 0, 0, 0]), Ok(vec![1]), "a status is a value");
        });
    }
}

#[test]
fn what_is_not_declared_traps_before_the_first_bit() {
    for b in images() {
        with_bus(&b, Some(BusStatus::Ok), |m| {
            for (arguments, expected) in [
                ([2, 0, 1, 0, 1], (TrapCode::BadArgument, 2)),
                ([u64::from(u32::MAX), 0, 1, 0, 1], (TrapCode::BadArgument, u32::MAX)),
                ([0, 0, 2, 0, 1], (TrapCode::BadArgument, 2)),
                ([0, 0, 1, 0, 3], (TrapCode::BadArgument, 3)),
                ([1, 57, 8, 0, 1], (TrapCode::OutOfBounds, 57)),
                ([1, 0, 8, 49, 16], (TrapCode::OutOfBounds, 49)),
                ([1, 65, 0, 0, 1], (TrapCode::OutOfBounds, 65)),
                ([1, u64::from(u32::MAX), 8, 0, 1], (TrapCode::OutOfBounds, u32::MAX)),
            ] {
                assert_eq!(fault(call(m, "f", &arguments)), expected, "{arguments:?}");
            }
            assert_eq!(m.port_mut().take(), []);
        });
        // A board without the bus, and one without any.
        for bus in [None, Some(BusStatus::Ok)] {
            with_bus(&b, bus, |m| {
                m.port_mut().no_such_bus = true;
                let row = HostFunction::I2cWriteRead as u32;
                assert_eq!(fault(call(m, "f", &[1, 0, 1, 0, 1])), (TrapCode::Unavailable, row));
            });
        }
    }
}

#[test]
fn a_register_that_is_not_declared_traps() {
    for mut b in images() {
        b.i2c[1].1 = b.i2c[1].1.with_registers(1);
        b.i2c_registers = vec![I2cRegisters::new([0x10], [0x20])];
        with_bus(&b, Some(BusStatus::Ok), |m| {
            assert_eq!(call(m, "f", &[1, 0, 1, 8, 2]), Ok(vec![0]), "0x10 is read");
            assert_eq!(call(m, "f", &[1, 1, 2, 8, 0]), Ok(vec![0]), "0x20 is written");
            m.port_mut().take();
            assert_eq!(
                fault(call(m, "f", &[1, 1, 1, 8, 2])),
                (TrapCode::BadArgument, 0x20),
                "0x20 is not read"
            );
            assert_eq!(
                fault(call(m, "f", &[1, 0, 2, 8, 0])),
                (TrapCode::BadArgument, 0x10),
                "0x10 is not written"
            );
            assert_eq!(m.port_mut().take(), []);
            assert_eq!(call(m, "f", &[0, 2, 1, 8, 2]), Ok(vec![0]), "the other device has no such sets");
        });
    }
}

#[test]
fn a_call_has_time_for_as_many_transfers_as_it_may_wait() {
    let mut b = builder();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 1);
    b.i2c = vec![("clock".into(), I2cRow::new(1, 0x68, 100_000, [8, 16], 4_000))];
    b.time_us = 2 * WORST as u32 + 4_000;
    let transfer = Op::HostCall.abc(1, HostFunction::I2cWriteRead as u8, 0);
    // Two transfers, then a wait of as long as the argument says.
    let body = [transfer, transfer, Op::TimeDelay.abc(7, 0, 0), Op::Copy.abc(7, 1, 0), ret(7)];
    let mut wait = vec![Op::Copy.abc(7, 1, 0), Op::Const32.a16(2, 0)];
    (3..=6).for_each(|r| wait.push(Op::Const32.a16(r, 0)));
    wait.push(Op::Copy.abc(1, 2, 0));
    wait.extend(body);
    code(&mut b, "f", &[Ty::U32], &[Ty::U32], &wait);
    let third = [&wait[..wait.len() - 3], &[transfer, ret(2)]].concat();
    code(&mut b, "g", &[Ty::U32], &[Ty::U32], &third);
    with_bus(&b, Some(BusStatus::Ok), |m| {
        // The host function's index stands behind the base: register 2 is the device.
        assert_eq!(call(m, "f", &[4_000]), Ok(vec![0]));
        m.port_mut().take();
        assert_eq!(fault(call(m, "f", &[4_001])), (TrapCode::Time, 4_001));
        assert_eq!(m.port_mut().take().len(), 2);
        assert_eq!(fault(call(m, "g", &[0])), (TrapCode::Time, WORST as u32), "refused before it begins");
        assert_eq!(m.port_mut().take().len(), 2);
    });
}
