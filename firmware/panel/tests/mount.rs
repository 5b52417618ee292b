//! Mounting on a simulated board: the order of accesses, and what a failed mount leaves behind.

#[path = "../../sim/tests/common/mod.rs"]
mod common;

use common::{Small, line, put, ret};
use tiny_mapper::{Function, LoadError, Port, STACK_SLOTS, Store, TrapCode};
use xmap_image::{Image, Op, PinMode, Pull, Safe, Section, Ty, VerifyError, field};
use xmap_link::ImageState;
use xmap_panel::{Hook, MountError, NotMounted, Panel};
use xmap_sim::{Access, SimBoard, trace_line};

/// Mounts on a board, with what the board was asked for and what `f` finds on the panel.
fn mount<T>(
    small: &Small,
    board: &mut SimBoard,
    f: impl FnOnce(&mut Panel<'_, &mut SimBoard>) -> T,
) -> Result<T, MountError> {
    let words = small.words();
    let image = Image::verify(&words).unwrap();
    let (mut stack, mut memory, mut globals) = ([0; STACK_SLOTS], [0; 64], [0; 4]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut panel = Panel::mount(image, board, store).map_err(MountError::from)?;
    Ok(f(&mut panel))
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
    let mut board = SimBoard::new();
    let small = all_modes().code("on_mount", &[], &[Ty::I32], &returns(0));
    mount(&small, &mut board, |_| ()).unwrap();
    let pull = "GPIO_PUP_PDN_CNTRL_REG0";
    let expected = [
        format!("{pull} 0x00000000"),
        "GPCLR0 0x00000004".into(),
        "GPFSEL0 0x00000040".into(),
        format!("{pull} 0x00000000"),
        "GPSET0 0x00000008".into(),
        "GPFSEL0 0x00000240".into(),
        format!("{pull} 0x00000000"),
        "GPFSEL0 0x00001240".into(),
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
    assert_eq!(stores(&board), expected);
    assert!(board.changes().iter().all(|change| change.line != line(2)), "it never glitched");
    assert!(board.is_output(line(5)) && !board.is_output(line(7)));
}

#[test]
fn a_floating_output_waits_in_its_latch_until_the_mount() {
    let mut board = SimBoard::new();
    let on_mount = [put(5, true), Op::LineGet.abc(1, 6, 0), ret()];
    let mut small = all_modes().code("on_mount", &[], &[Ty::I32], &on_mount);
    small.0.pins.iter_mut().for_each(|pin| {
        if pin.line() == line(5) {
            *pin = xmap_image::PinRow::new(line(5), PinMode::Out, Safe::Float, Pull::None);
        }
    });
    mount(&small, &mut board, |_| ()).unwrap();
    let changes: Vec<bool> = board.changes().iter().filter(|c| c.line == line(5)).map(|c| c.high).collect();
    assert_eq!(changes, [true], "from floating to the level that on_mount stored, with nothing between");
}

#[test]
fn a_mount_that_says_no_leaves_the_safe_state() {
    for (code, expected) in [
        (vec![Op::Const32.a16(1, 7), ret()], MountError::Refused { result: 7 }),
        (vec![Op::Const32.a16(1, 0xffff), ret()], MountError::Refused { result: -1 }),
    ] {
        let mut board = SimBoard::new();
        let code = [vec![put(2, true), put(3, false), put(4, true)], code].concat();
        let small = all_modes().code("on_mount", &[], &[Ty::I32], &code);
        assert_eq!(mount(&small, &mut board, |_| ()), Err(expected));
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
        let mut board = SimBoard::new();
        match mount(&small, &mut board, |_| ()) {
            Err(MountError::Trap(which, trap)) => {
                assert_eq!((which, trap.code), (hook, TrapCode::Unreachable));
            }
            other => panic!("{other:?}"),
        }
        assert!(!board.is_high(line(2)), "safe again");
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
        let outcome = mount(&small, &mut SimBoard::new(), |_| ());
        assert_eq!(outcome, Err(MountError::Signature(hook)));
    }
}

#[test]
fn a_reserved_line_stops_everything() {
    let mut board = SimBoard::new();
    let small = all_modes().pin(14, "", PinMode::In, Safe::Hold, Pull::None);
    match mount(&small, &mut board, |_| ()) {
        Err(MountError::Reserved(reserved)) => assert_eq!(reserved.line, line(14)),
        other => panic!("{other:?}"),
    }
    assert_eq!(board.events(), []);
}

#[test]
fn a_store_that_is_too_small_gives_everything_back() {
    let mut small = all_modes();
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (100, 1, 1);
    let words = small.words();
    let image = Image::verify(&words).unwrap();
    let (mut stack, mut memory) = ([0; STACK_SLOTS], [0; 99]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
    let NotMounted { error, mut port, store } = Panel::mount(image, SimBoard::new(), store).unwrap_err();
    assert_eq!(error, MountError::Load(LoadError::Memory { needed: 100, given: 99 }));
    assert_eq!((store.memory.len(), store.stack.len()), (99, STACK_SLOTS));
    port.select(line(2), Function::Input);
}

/// Such an image comes in nowhere, but a panel may be given one that was only verified.
#[test]
fn a_manifest_that_does_not_hold_is_refused_before_anything_is_touched() {
    let mut words = all_modes().words();
    // The block ends the image.
    let len = words[field::SECTIONS + Section::Manifest as usize] as usize;
    // Its first byte is the length of the module's name.
    let first = words.len() - len.div_ceil(4);
    words[first] |= 0xff;
    let image = Image::verify(&words).unwrap();
    let store = Store { stack: &mut [0; STACK_SLOTS], memory: &mut [], globals: &mut [] };
    let NotMounted { error, port, .. } = Panel::mount(image, SimBoard::new(), store).unwrap_err();
    assert_eq!(error, MountError::Manifest(VerifyError::Manifest));
    let code = VerifyError::Manifest.code().into();
    assert_eq!(error.state(), ImageState::Rejected { code, detail: 0 });
    assert_eq!(port.events(), []);
}

#[test]
fn an_unmount_calls_the_module_and_leaves_the_safe_state() {
    let small = all_modes().code("on_unmount", &[], &[], &[put(4, true), put(3, false), ret()]);
    let words = small.words();
    let image = Image::verify(&words).unwrap();
    let (mut stack, mut memory) = ([0; STACK_SLOTS], [0; 0]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
    let mut panel = Panel::mount(image, SimBoard::new(), store).unwrap();
    let drive = panel.find("drive_all").unwrap();
    panel.call(drive, &[]).unwrap();
    assert!(panel.port().is_high(line(2)));
    assert_eq!(panel.counters().calls, 1);
    let (board, _, outcome) = panel.unmount();
    assert_eq!(outcome, Ok(()));
    let high = [2, 3, 4].map(|n| board.is_high(line(n)));
    assert_eq!(high, [false, true, true]);
    assert!(!board.is_output(line(5)), "it floats");
    let last: Vec<String> = board.events().iter().rev().take(3).filter_map(trace_line).collect();
    assert!(last[0].ends_with("GPSET0 0x00000080"), "{last:?}");
}
