//! `pwm.duty` and `pwm.pulse_us`: what is checked before a channel is set.

mod common;

use common::{Did, builder, call, code, fault, with};
use tiny_mapper::TrapCode;
use xmap_abi::HostFunction;
use xmap_boards::Line;
use xmap_image::{ImageBuilder, Op, PwmRow, Ty};

fn line(number: u8) -> Line {
    Line::new(number).unwrap()
}

/// An image with two channels whose exports are the host functions.
fn image() -> ImageBuilder<'static> {
    let mut b = builder();
    b.pins.clear();
    b.pwm = vec![
        ("lamp".into(), PwmRow::new(line(18), 1_000, 0)),
        ("servo".into(), PwmRow::new(line(13), 20_000, 0)),
    ];
    for (name, function) in [("duty", HostFunction::PwmDuty), ("pulse", HostFunction::PwmPulseUs)] {
        let op = Op::HostCall.abc(0, function as u8, 0);
        code(&mut b, name, &[Ty::U32; 2], &[], &[op, Op::Ret.abc(0, 0, 0)]);
    }
    b
}

#[test]
fn a_channel_is_set_within_its_period() {
    with(&image(), |m| {
        m.port_mut().has_pwm = true;
        for (name, args, expected) in [
            ("duty", [0, 0], (18, 0)),
            ("duty", [0, 65_535], (18, 1_000_000)),
            ("duty", [1, 0x8000], (13, 10_000_153)),
            ("pulse", [1, 1_500], (13, 1_500_000)),
            ("pulse", [0, 1_000], (18, 1_000_000)),
        ] {
            assert_eq!(call(m, name, &args), Ok(vec![]), "{name} {args:?}");
            let (line, high_ns) = expected;
            assert_eq!(m.port_mut().take(), [Did::Pwm(line, high_ns)]);
        }
        for (name, args, detail) in [
            ("duty", [2, 0], 2),
            ("duty", [0, 65_536], 65_536),
            ("duty", [0, u64::from(u32::MAX)], u32::MAX),
            ("pulse", [u64::from(u32::MAX), 0], u32::MAX),
            ("pulse", [0, 1_001], 1_001),
            ("pulse", [1, 20_001], 20_001),
        ] {
            assert_eq!(fault(call(m, name, &args)), (TrapCode::BadArgument, detail), "{name} {args:?}");
        }
        assert_eq!(m.port_mut().take(), []);
        m.port_mut().has_pwm = false;
        let row = HostFunction::PwmPulseUs as u32;
        assert_eq!(
            fault(call(m, "pulse", &[0, 0])),
            (TrapCode::Unavailable, row),
            "a board without channels"
        );
    });
}
