//! PWM channels: their safe duty from the load on, and wherever outputs become safe.

mod common;

use common::{Says, Small, line};
use tiny_mapper::TrapCode;
use xmap_image::{FaultPolicy, OnFault, Op, PwmRow, Ty};
use xmap_link::Life;

/// Duties of the lamp and the servo while they are safe, in nanoseconds of a period.
const SAFE: [Option<u32>; 2] = [Some(100_000), Some(0)];

fn panel(policy: FaultPolicy, channels: &[(&str, PwmRow)]) -> Small {
    let call = |row: u8| Op::HostCall.abc(0, row, 0);
    // Rows 23 and 24 of the guest ABI's table.
    let mut panel = Small::new()
        .direct("duty", &[Ty::U32, Ty::U32], &[], call(23))
        .direct("pulse", &[Ty::U32, Ty::U32], &[], call(24))
        .code("fail", &[], &[], &[Op::Unreachable.abc(0, 0, 0)])
        .policy(policy);
    panel.0.pwm = channels.iter().map(|(name, row)| (name.to_string(), *row)).collect();
    panel
}

/// A lamp that is at a tenth where the module cannot say, and a servo.
fn both() -> [(&'static str, PwmRow); 2] {
    [("lamp", PwmRow::new(line(18), 1_000, 6_554)), ("servo", PwmRow::new(line(13), 20_000, 0))]
}

fn high(device: &common::Running) -> [Option<u32>; 2] {
    [18, 13].map(|n| device.board().wave(line(n)).map(|wave| wave.high_ns))
}

fn about(found: [Option<u32>; 2], expected: [Option<u32>; 2]) {
    let near = |(found, expected): (Option<u32>, Option<u32>)| match (found, expected) {
        (Some(found), Some(expected)) => found.abs_diff(expected) < 20,
        (found, expected) => found == expected,
    };
    assert!(found.into_iter().zip(expected).all(near), "{found:?} {expected:?}");
}

fn set(device: &mut common::Running) {
    common::call(device, "duty", &[0, 65_535]).unwrap();
    common::call(device, "pulse", &[1, 1_500]).unwrap();
    about(high(device), [Some(1_000_000), Some(1_500_000)]);
}

#[test]
fn channels_are_safe_from_the_load_to_the_end() {
    let mut device = common::running(&panel(FaultPolicy::default(), &both()));
    about(high(&device), SAFE);
    set(&mut device);
    // A trap alone changes nothing, unless the policy says so.
    assert!(common::call(&mut device, "fail", &[]).is_err());
    about(high(&device), [Some(1_000_000), Some(1_500_000)]);
    device.unload(0).unwrap();
    about(high(&device), SAFE);
}

#[test]
fn a_trap_and_a_lost_host_make_channels_safe() {
    let policy = FaultPolicy { on_trap: OnFault::Safe, ..FaultPolicy::default() };
    let mut device = common::running(&panel(policy, &both()));
    set(&mut device);
    assert!(common::call(&mut device, "fail", &[]).is_err());
    assert_eq!(device.life(0), Life::Faulted);
    about(high(&device), SAFE);

    let policy = FaultPolicy { link_timeout_ms: 2, ..FaultPolicy::default() };
    let mut device = common::running(&panel(policy, &both()));
    device.heard();
    set(&mut device);
    common::pass(&mut device, 1_999);
    about(high(&device), [Some(1_000_000), Some(1_500_000)]);
    common::pass(&mut device, 1);
    about(high(&device), SAFE);
}

#[test]
fn a_swap_keeps_what_both_declare_alike() {
    let mut device = common::running(&panel(FaultPolicy::default(), &both()));
    set(&mut device);
    // The lamp as it was, under another name; the servo's line with another period.
    let [lamp, _] = both();
    let other = PwmRow::new(line(13), 10_000, 0);
    let new = panel(FaultPolicy::default(), &[("fan", other), ("light", lamp.1)]);
    device.install(0, &common::bytes(&new)).unwrap();
    about(high(&device), [Some(1_000_000), Some(0)]);
    assert_eq!(device.board().wave(line(13)).unwrap().period_us, 10_000);
    // Gone from the image: safe as the one before said.
    device.install(0, &common::bytes(&panel(FaultPolicy::default(), &[]))).unwrap();
    about(high(&device), [Some(100_000), Some(0)]);
}

#[test]
fn a_value_beyond_the_period_traps() {
    let mut device = common::running(&panel(FaultPolicy::default(), &both()));
    for (name, args) in [("duty", [0, 65_536]), ("pulse", [0, 1_001]), ("duty", [2, 0])] {
        let error = common::call(&mut device, name, &args).unwrap_err();
        let xmap_device::NotCalled::Call(tiny_mapper::CallError::Trap(trap)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(trap.code, TrapCode::BadArgument, "{name} {args:?}");
    }
    about(high(&device), SAFE);
}
