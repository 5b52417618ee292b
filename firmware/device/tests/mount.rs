//! Mounting on a simulated board: the order of accesses, and what a failed mount leaves behind.

mod common;

use common::{Small, bytes, call, device, line, put, ret};
use tiny_mapper::{LoadError, TrapCode};
use xmap_device::{Device, Failure, Hook, MountError};
use xmap_image::{Op, PinMode, Pull, Safe, Ty};
use xmap_sim::{Access, Heap, SimBoard, trace_line};

/// Mounts on a device; the device, and what came of it.
fn try_mount(small: &Small) -> (Device<Heap, SimBoard>, Result<(), Failure>) {
    let mut device = device(SimBoard::new());
    let outcome = device.install(0, &bytes(small));
    (device, outcome)
}

/// Mounts an image that mounts.
fn mount(small: &Small) -> Device<Heap, SimBoard> {
    let (device, outcome) = try_mount(small);
    outcome.unwrap();
    device
}

/// The stores that were made, without the loads.
fn stores(board: &SimBoard) -> Vec<String> {
    board.accesses().filter(|access| access.write).map(Access::to_string).collect()
}

/// Code of `on_mount` that returns this.
fn returns(n: u16) -> [u32; 2] {
    [Op::Const32.a16(1, n), ret()]
}

fn all_modes() -> Small {
    Small::new()
        .pin(2, "", PinMode::Out, Safe::Low, Pull::None)
        .pin(3, "", PinMode::Out, Safe::High, Pull::None)
        .pin(4, "", PinMode::Out, Safe::Hold, Pull::None)
        .pin(5, "", PinMode::Out, Safe::Float, Pull::Up)
        .pin(6, "", PinMode::In, Safe::Hold, Pull::Down)
        .pin(7, "", PinMode::InOut, Safe::High, Pull::None)
        .code("drive_all", &[], &[], &[put(2, true), put(3, false), put(4, true), put(5, false), ret()])
}

#[test]
fn levels_stand_before_lines_become_outputs() {
    let small = all_modes().code("on_mount", &[], &[Ty::I32], &returns(0));
    let device = mount(&small);
    let board = device.board();
    let pull = "GPIO_PUP_PDN_CNTRL_REG0";
    let expected = [
        "GPCLR0 0x00000004".into(),
        "GPFSEL0 0x00000040".into(),
        format!("{pull} 0x00000000"),
        "GPSET0 0x00000008".into(),
        "GPFSEL0 0x00000240".into(),
        format!("{pull} 0x00000000"),
        // Low is the level that it has.
        "GPCLR0 0x00000010".into(),
        "GPFSEL0 0x00001240".into(),
        format!("{pull} 0x00000000"),
        format!("{pull} 0x00000400"),
        "GPFSEL0 0x00001240".into(),
        format!("{pull} 0x00002400"),
        "GPFSEL0 0x00001240".into(),
        format!("{pull} 0x00002400"),
        "GPSET0 0x00000080".into(),
        "GPFSEL0 0x00001240".into(),
        // Mounted: the floating output drives from here on.
        "GPFSEL0 0x00009240".into(),
    ];
    assert_eq!(stores(board), expected);
    assert!(board.changes().iter().all(|change| change.line != line(2)), "it never glitched");
    assert!(board.is_output(line(5)) && !board.is_output(line(7)));
}

#[test]
fn a_floating_output_waits_in_its_latch_until_the_mount() {
    let on_mount = [put(5, true), Op::LineGet.abc(1, 6, 0), ret()];
    let mut small = all_modes().code("on_mount", &[], &[Ty::I32], &on_mount);
    small.0.pins.iter_mut().for_each(|pin| {
        if pin.line() == line(5) {
            *pin = xmap_image::PinRow::new(line(5), PinMode::Out, Safe::Float, Pull::None);
        }
    });
    let device = mount(&small);
    let changes: Vec<bool> =
        device.board().changes().iter().filter(|c| c.line == line(5)).map(|c| c.high).collect();
    assert_eq!(changes, [true], "from floating to the level that on_mount stored, with nothing between");
}

#[test]
fn a_mount_that_says_no_leaves_the_safe_state() {
    for (code, expected) in [
        (vec![Op::Const32.a16(1, 7), ret()], MountError::Refused { result: 7 }),
        (vec![Op::Const32.a16(1, 0xffff), ret()], MountError::Refused { result: -1 }),
    ] {
        let code = [vec![put(2, true), put(3, false), put(4, true)], code].concat();
        let small = all_modes().code("on_mount", &[], &[Ty::I32], &code);
        let (device, outcome) = try_mount(&small);
        assert_eq!(outcome, Err(Failure::Mount(expected)));
        let board = device.board();
        let high = [2, 3, 4, 5].map(|n| board.is_high(line(n)));
        assert_eq!(high, [false, true, true, true], "low, high, held, floating with a pull up");
        assert!(!board.is_output(line(5)));
    }
}

#[test]
fn a_trap_says_which_function_it_was() {
    let trap = [put(2, true), Op::Unreachable.abc(0, 0, 0)];
    let cases = [
        (all_modes().start(&trap), Hook::Start),
        (all_modes().code("_initialize", &[], &[], &trap), Hook::Initialize),
        (all_modes().code("on_mount", &[], &[Ty::I32], &trap), Hook::OnMount),
    ];
    for (small, hook) in cases {
        let (device, outcome) = try_mount(&small);
        match outcome {
            Err(Failure::Mount(MountError::Trap(which, trap))) => {
                assert_eq!((which, trap.code), (hook, TrapCode::Unreachable));
            }
            other => panic!("{other:?}"),
        }
        assert!(!device.board().is_high(line(2)), "safe again");
    }
}

#[test]
fn hooks_have_their_signature_or_are_refused() {
    let cases = [
        (all_modes().code("on_mount", &[Ty::I32], &[Ty::I32], &[ret()]), Hook::OnMount),
        (all_modes().code("on_mount", &[], &[], &[ret()]), Hook::OnMount),
        (all_modes().code("on_mount", &[], &[Ty::I64], &returns(0)), Hook::OnMount),
        (all_modes().code("_initialize", &[], &[Ty::I32], &returns(0)), Hook::Initialize),
    ];
    for (small, hook) in cases {
        let (_, outcome) = try_mount(&small);
        assert_eq!(outcome, Err(Failure::Mount(MountError::Signature(hook))));
    }
}

#[test]
fn reserved_lines_are_refused_in_every_mode() {
    let modes = [PinMode::In, PinMode::Out, PinMode::InOut, PinMode::Any];
    let mut refused = 0;
    for reserved in xmap_boards::RPI4B.reserved {
        for mode in modes {
            let small = all_modes().pin(reserved.line.number(), "", mode, Safe::Hold, Pull::None);
            let (device, outcome) = try_mount(&small);
            match outcome {
                Err(Failure::Mount(MountError::Reserved(found))) => {
                    assert_eq!((found.line, found.reason), (reserved.line, reserved.reason));
                    refused += 1;
                }
                other => panic!("line {} as {mode:?}: {other:?}", reserved.line),
            }
            assert_eq!(device.board().events(), [], "nothing was stored");
        }
    }
    assert_eq!(refused, 33 * modes.len());
    for mode in modes {
        let (_, outcome) = try_mount(&all_modes().pin(42, "", mode, Safe::Hold, Pull::None));
        assert_eq!(outcome, Ok(()), "a free line beside them");
    }
}

#[test]
fn a_room_that_is_too_small_changes_nothing() {
    let mut small = all_modes();
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (257, 1, 1);
    let (device, outcome) = try_mount(&small);
    let error = LoadError::Memory { needed: 257, given: 256 };
    assert_eq!(outcome, Err(Failure::Mount(MountError::Load(error))));
    assert_eq!(device.board().events(), []);
}

#[test]
fn an_unmount_calls_the_module_and_leaves_the_safe_state() {
    let small = all_modes().code("on_unmount", &[], &[], &[put(4, true), put(3, false), ret()]);
    let mut device = mount(&small);
    call(&mut device, "drive_all", &[]).unwrap();
    assert!(device.board().is_high(line(2)));
    assert_eq!(device.calls(), (1, 0));
    assert_eq!(device.unload(0), Ok(()));
    let board = device.board();
    let high = [2, 3, 4].map(|n| board.is_high(line(n)));
    assert_eq!(high, [false, true, true]);
    assert!(!board.is_output(line(5)), "it floats");
    let last: Vec<String> = board.events().iter().rev().take(3).filter_map(trace_line).collect();
    assert!(last[0].ends_with("GPSET0 0x00000080"), "{last:?}");
    assert!(device.image(0).is_none());
}
