//! The library, as a panel's author uses it.

mod common;

use common::{Small, hall, line, put, ret};
use tiny_mapper::{LogLevel, TrapCode};
use xmap_boards::Bank;
use xmap_device::{Hook, MountError};
use xmap_image::{Op, OwnedImage, PinMode, Pull, Safe, Ty, VerifyError};
use xmap_sim::{CallError, EventKind, Sim, SimBoard, SimError, Unfit, Value};

#[test]
fn values_are_checked_before_anything_runs() {
    let mut sim = hall().sim();
    let unfit = |position, ty| CallError::Argument { position, unfit: Unfit { ty } };
    assert_eq!(sim.call("set", &[300.into(), true.into()]), Err(unfit(0, Ty::U8)));
    assert_eq!(sim.call("set", &[17.into(), 2.into()]), Err(unfit(1, Ty::Bool)));
    assert_eq!(sim.call("add", &[1.into(), 0.5.into()]), Err(unfit(1, Ty::I32)));
    let count = CallError::ArgumentCount { expected: 2, given: 1 };
    assert_eq!(sim.call("add", &[1.into()]), Err(count));
    assert_eq!(sim.call("minus", &[]), Err(CallError::UnknownExport("minus".into())));
    assert_eq!(sim.counters().calls, 0);
    assert_eq!(sim.call("add", &[(-3).into(), 1.into()]), Ok(vec![Value::I32(-2)]));
    let same = sim.call("same", &[0.1f32.into(), 0.1.into(), i64::MIN.into()]);
    assert_eq!(same, Ok(vec![Value::F32(0.1), Value::F64(0.1), Value::I64(i64::MIN)]));
}

#[test]
fn a_trap_leaves_the_panel_as_it_is_and_callable() {
    let mut sim = hall().sim();
    let Err(CallError::Trap(trap)) = sim.call("fail", &[]) else { panic!("it trapped not") };
    assert_eq!((trap.code, trap.image), (TrapCode::Unreachable, sim.image().hash_prefix()));
    assert!(sim.level(line(17)), "what it stored before stays");
    assert_eq!(sim.call("lamp", &[false.into()]), Ok(vec![]));
}

#[test]
fn inputs_are_what_the_test_connects() {
    let mut sim = hall().sim();
    let button = sim.line("button").unwrap();
    assert!(sim.level(button), "its pull");
    sim.set_input(button, false).unwrap();
    assert_eq!(sim.call("button", &[]), Ok(vec![Value::Bool(false)]));
    sim.release_input(button).unwrap();
    assert_eq!(sim.call("button", &[]), Ok(vec![Value::Bool(true)]));
    let lamp = sim.line("lamp").unwrap();
    assert_eq!(sim.set_input(lamp, true).unwrap_err().line, lamp);
    assert_eq!(sim.line("Lamp"), None);
    let driven = sim.board().events().iter().filter(|e| matches!(e.kind, EventKind::Driven { .. }));
    assert_eq!(driven.count(), 2, "what was refused did not happen");
}

/// The state of a module is in its store, and the mapper is made anew for each call: memory that
/// has grown, globals and counters must come along.
#[test]
fn state_lives_from_call_to_call() {
    let mut small = Small::new()
        .code("grow", &[Ty::I32], &[Ty::I32], &[Op::MemoryGrow.abc(1, 1, 0), ret()])
        .code("poke", &[Ty::I32, Ty::I32], &[], &[Op::St32.abc(2, 1, 0), ret()])
        .code("peek", &[Ty::I32], &[Ty::I32], &[Op::Ld32U.abc(1, 1, 0), ret()])
        .code(
            "count",
            &[],
            &[Ty::I64],
            &[Op::GlobalGet.a16(1, 0), Op::AddI64.abc(1, 1, 1), Op::GlobalSet.a16(1, 0), ret()],
        );
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (65_536, 1, 3);
    small.0.globals = vec![40];
    small.0.data = vec![(4, vec![1, 2, 3, 4])];
    let mut sim = small.sim();
    let beyond = || Value::from(65_536);
    assert_eq!(sim.call("peek", &[4.into()]), Ok(vec![Value::I32(0x0403_0201)]));
    let Err(CallError::Trap(trap)) = sim.call("peek", &[beyond()]) else { panic!("it is outside") };
    assert_eq!((trap.code, trap.detail), (TrapCode::OutOfBounds, 65_536));
    assert_eq!(sim.call("grow", &[2.into()]), Ok(vec![Value::I32(1)]));
    assert_eq!(sim.call("grow", &[1.into()]), Ok(vec![Value::I32(-1)]), "three pages at most");
    sim.call("poke", &[beyond(), 77.into()]).unwrap();
    assert_eq!(sim.call("peek", &[beyond()]), Ok(vec![Value::I32(77)]));
    assert_eq!((sim.memory().len(), sim.memory()[65_536]), (3 << 16, 77));
    for n in 41..44 {
        assert_eq!(sim.call("count", &[]), Ok(vec![Value::I64(n)]));
    }
    assert_eq!((sim.counters().calls, sim.counters().traps), (9, 1));
}

#[test]
fn a_simulation_that_cannot_begin_says_why() {
    assert!(matches!(Sim::load(b"XMA"), Err(SimError::Image(VerifyError::Alignment))));
    assert!(matches!(Sim::load(b"XMAP"), Err(SimError::Image(VerifyError::TooShort))));
    let trap = hall().code("_initialize", &[], &[], &[put(17, true), Op::Unreachable.abc(0, 0, 0)]);
    let Err(SimError::Mount { error, board }) = Sim::from_words(trap.words()) else { panic!() };
    assert!(matches!(error, MountError::Trap(Hook::Initialize, _)), "{error}");
    assert!(!board.is_high(line(17)), "the safe state");
    assert_eq!(board.accesses().last().unwrap().to_string(), "GPCLR0 0x00400000");
    let reserved = hall().pin(0, "", PinMode::In, Safe::Hold, Pull::None);
    let Err(SimError::Mount { error, .. }) = Sim::from_words(reserved.words()) else { panic!() };
    assert_eq!(error.to_string(), "line 0 is reserved for the ID EEPROM of a HAT (ID_SD)");
}

#[test]
fn an_image_is_read_from_bytes_at_any_address() {
    let words = hall().words();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    for shift in 0..4 {
        let shifted = [vec![0; shift], bytes.clone()].concat();
        let image = OwnedImage::from_bytes(&shifted[shift..]).unwrap();
        assert_eq!(image.image().words(), words);
        let mut sim = Sim::from_image(image).unwrap();
        sim.call("lamp_on", &[]).unwrap();
        assert_eq!(sim.stores().map(ToString::to_string).collect::<Vec<_>>(), ["GPSET0 0x00020000"]);
    }
}

#[test]
fn messages_are_kept() {
    let say = [Op::Const32.a16(1, 2), Op::Const32.a16(2, 0), Op::Const32.a16(3, 3)];
    let code = [&say[..], &[Op::LogMessage.abc(1, 2, 3), ret()]].concat();
    let mut small = Small::new().code("say", &[], &[], &code);
    (small.0.memory_bytes, small.0.memory_pages, small.0.memory_max_pages) = (16, 1, 1);
    small.0.data = vec![(0, b"hot".to_vec())];
    let mut sim = small.sim();
    sim.call("say", &[]).unwrap();
    assert_eq!(sim.log().collect::<Vec<_>>(), [(LogLevel::Warn, "hot")]);
}

#[test]
fn an_unmount_ends_in_the_safe_state() {
    let mut sim = hall().code("on_unmount", &[], &[], &[Op::Unreachable.abc(0, 0, 0)]).sim();
    sim.call("lamp_on", &[]).unwrap();
    let (board, outcome) = sim.unmount();
    assert!(matches!(outcome, Err(MountError::Trap(Hook::OnUnmount, _))));
    assert!(!board.is_high(line(17)));
}

#[test]
fn edges_are_seen_and_taken_once() {
    let mut sim = hall().sim();
    let button = sim.line("button").unwrap();
    sim.board_mut().detect(button, false, true);
    sim.set_input(button, false).unwrap();
    sim.set_input(button, true).unwrap();
    assert_eq!(sim.board_mut().take_edges(Bank::Zero), 1 << 27);
    assert_eq!(sim.board_mut().take_edges(Bank::Zero), 0);
    sim.board_mut().detect(button, false, false);
    sim.set_input(button, false).unwrap();
    assert_eq!(sim.board_mut().take_edges(Bank::Zero), 0);
}

#[test]
fn a_board_that_does_not_record_still_works_and_resumes_with_the_levels_of_now() {
    let mut board = SimBoard::new();
    board.record(false);
    board.drive(line(4), Some(true)).unwrap();
    board.drive(line(5), Some(true)).unwrap();
    board.drive(line(5), Some(false)).unwrap();
    assert!(board.is_high(line(4)) && board.events().is_empty() && board.changes().is_empty());
    board.advance(5);
    board.record(true);
    let changes: Vec<_> = board.changes().iter().map(|c| (c.time_us, c.line, c.high)).collect();
    assert_eq!(changes, [(5, line(4), true)]);
}
