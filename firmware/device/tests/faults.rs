//! What follows a fault: the policies, and the safe state from wherever it happens.

mod common;

use common::{Says, Small, bytes, call, device, happened, line, pass, put, ret, running};
use tiny_mapper::{CallError, TrapCode};
use xmap_device::NotCalled;
use xmap_image::{EventSource, FaultPolicy, OnFault, Op, PinMode, Pull, Safe};
use xmap_link::{DeviceEventKind, Life, Refusal};
use xmap_sim::SimBoard;

/// Outputs of every safe state; `work` drives them all the other way, `fail` does so and traps.
fn plant() -> Small {
    let work = [put(2, true), put(3, false), put(4, true), put(5, true)];
    Small::new()
        .pin(2, "pump", PinMode::Out, Safe::Low, Pull::None)
        .pin(3, "valve", PinMode::Out, Safe::High, Pull::None)
        .pin(4, "lamp", PinMode::Out, Safe::Hold, Pull::None)
        .pin(5, "relay", PinMode::Out, Safe::Float, Pull::None)
        .code("work", &[], &[], &[&work[..], &[ret()]].concat())
        .code("fail", &[], &[], &[&work[..], &[Op::Unreachable.abc(0, 0, 0)]].concat())
        .code("spin", &[], &[], &[&work[..], &[Op::Br.a24(-1)]].concat())
        .counter("count", "loads")
}

fn on_trap(on_trap: OnFault) -> FaultPolicy {
    FaultPolicy { on_trap, on_fuel: on_trap, ..FaultPolicy::default() }
}

fn levels(board: &SimBoard) -> [bool; 4] {
    [2, 3, 4, 5].map(|n| board.is_high(line(n)))
}

fn trapped<T: core::fmt::Debug>(outcome: Result<T, NotCalled>) -> TrapCode {
    match outcome {
        Err(NotCalled::Call(CallError::Trap(trap))) => trap.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hold_leaves_outputs_and_module_alone() {
    let mut device = running(&plant().policy(on_trap(OnFault::Hold)));
    assert_eq!(trapped(call(&mut device, "fail", &[])), TrapCode::Unreachable);
    assert_eq!(levels(device.board()), [true, false, true, true]);
    assert_eq!(device.life(0), Life::Running);
    call(&mut device, "work", &[]).unwrap();
}

#[test]
fn safe_drives_each_output_as_it_declares_and_the_module_rests() {
    for (export, code) in [("fail", TrapCode::Unreachable), ("spin", TrapCode::Fuel)] {
        let mut device =
            running(&plant().policy(on_trap(OnFault::Safe)).on("count", EventSource::Every { every_us: 10 }));
        call(&mut device, "work", &[]).unwrap();
        assert_eq!(trapped(call(&mut device, export, &[])), code);
        assert_eq!(levels(device.board()), [false, true, true, false], "low, high, held, floating");
        assert!(!device.board().is_output(line(5)));
        assert_eq!(device.life(0), Life::Faulted);
        assert_eq!(call(&mut device, "work", &[]), Err(NotCalled::Faulted));
        pass(&mut device, 1000);
        assert_eq!(device.status(0).unwrap().events, 0, "its timers rest");
        assert!(happened(&device).ends_with(&[DeviceEventKind::MadeSafe, DeviceEventKind::Faulted]));

        device.reset(0).unwrap();
        assert_eq!(device.life(0), Life::Running);
        assert!(device.board().is_output(line(5)));
        pass(&mut device, 100);
        assert_eq!(device.status(0).unwrap().events, 10);
    }
}

#[test]
fn the_end_of_fuel_can_have_a_policy_of_its_own() {
    let policy = FaultPolicy { on_trap: OnFault::Hold, on_fuel: OnFault::Safe, ..FaultPolicy::default() };
    let mut device = running(&plant().policy(policy));
    trapped(call(&mut device, "fail", &[]));
    assert_eq!(device.life(0), Life::Running);
    assert_eq!(trapped(call(&mut device, "spin", &[])), TrapCode::Fuel);
    assert_eq!(device.life(0), Life::Faulted);
}

#[test]
fn restarts_are_limited_and_forgiven() {
    let policy = FaultPolicy { restarts: 2, ..on_trap(OnFault::Restart) };
    let mut device = running(&plant().policy(policy));
    for round in 0..2 {
        call(&mut device, "count", &[]).unwrap();
        trapped(call(&mut device, "fail", &[]));
        assert_eq!(device.life(0), Life::Running, "restart {round}");
        assert_eq!(call(&mut device, "loads", &[]).unwrap(), [0], "globals are new");
        assert_eq!(levels(device.board())[..2], [false, true], "safe, until the module says otherwise");
    }
    pass(&mut device, xmap_device::FORGIVEN_US);
    trapped(call(&mut device, "fail", &[]));
    assert_eq!(device.life(0), Life::Running, "it is a minute later");
    trapped(call(&mut device, "fail", &[]));
    trapped(call(&mut device, "fail", &[]));
    assert_eq!(device.life(0), Life::Faulted);
    let status = device.status(0).unwrap();
    assert_eq!((status.restarts, status.traps), (4, 5));
}

#[test]
fn a_lost_host_makes_outputs_safe_and_one_that_is_back_starts_anew() {
    let policy = FaultPolicy { link_timeout_ms: 2, ..FaultPolicy::default() };
    let mut device = running(&plant().policy(policy));
    device.heard();
    call(&mut device, "work", &[]).unwrap();
    pass(&mut device, 1999);
    assert!(device.board().is_high(line(2)));
    pass(&mut device, 1);
    assert_eq!(levels(device.board()), [false, true, true, false]);
    assert_eq!(device.life(0), Life::Faulted);
    assert_eq!(device.next_wake_us(), u64::MAX, "nothing to wait for");
    device.heard();
    assert_eq!(device.life(0), Life::Running);
    assert!(happened(&device).ends_with(&[
        DeviceEventKind::HostLost,
        DeviceEventKind::MadeSafe,
        DeviceEventKind::Faulted,
        DeviceEventKind::HostBack
    ]));
}

#[test]
fn a_reset_is_no_restart_after_a_fault() {
    let mut device = running(&plant().policy(on_trap(OnFault::Restart)));
    call(&mut device, "count", &[]).unwrap();
    device.reset(0).unwrap();
    assert_eq!(call(&mut device, "loads", &[]).unwrap(), [0], "globals are new");
    assert_eq!(happened(&device).last(), Some(&DeviceEventKind::Reset));
    assert_eq!(device.status(0).unwrap().restarts, 0);
    trapped(call(&mut device, "fail", &[]));
    assert_eq!(happened(&device).last(), Some(&DeviceEventKind::Restarted));
    assert_eq!(device.status(0).unwrap().restarts, 1);
}

#[test]
fn a_module_that_trapped_leaves_the_others_on_time() {
    let mut device = running(&plant().policy(on_trap(OnFault::Safe)));
    let other = Small::new()
        .pin(22, "", PinMode::Out, Safe::Low, Pull::None)
        .code("beat", &[], &[], &[Op::LineToggle.abc(22, 0, 0), ret()])
        .named("other")
        .on("beat", EventSource::Every { every_us: 10 });
    device.install(1, &bytes(&other)).unwrap();
    pass(&mut device, 45);
    trapped(call(&mut device, "fail", &[]));
    pass(&mut device, 55);
    let status = device.status(1).unwrap();
    assert_eq!((status.events, status.missed, status.late_us), (10, 0, 0));
    assert_eq!((device.life(0), device.life(1)), (Life::Faulted, Life::Running));
}

#[test]
fn nothing_to_reset_is_refused() {
    let mut device = device(SimBoard::new());
    assert_eq!(device.reset(0), Err(Refusal::NoImage));
    assert_eq!(device.reset(9), Err(Refusal::NoModule));
}
