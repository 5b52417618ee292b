//! The level of a line while an image is loaded: for each safe state, from each level, with each pull.

mod common;

use common::{Says, Small, bytes, call, device, line, pass, put, ret};
use tiny_mapper::{Clock, Function, Gpio, Log, LogLevel, Port};
use xmap_boards::{Bank, Line, PinMask, RegisterKind};
use xmap_device::{Device, prepare_lines};
use xmap_image::{EventSource, FaultPolicy, Image, OnFault, Op, PinMode, Pull, Safe, Ty};
use xmap_sim::{Access, Heap, SimBoard};

const SAFE: [Safe; 4] = [Safe::Low, Safe::High, Safe::Hold, Safe::Float];
const PULLS: [Pull; 3] = [Pull::None, Pull::Up, Pull::Down];
const OUTSIDE: [Option<bool>; 3] = [None, Some(false), Some(true)];

/// What stands at a line before the image comes: the pull that the chip has after a reset, and what is wired
/// to it.
#[derive(Clone, Copy, Debug)]
struct World {
    line: u8,
    chip: Pull,
    outside: Option<bool>,
}

impl World {
    fn all() -> impl Iterator<Item = Self> {
        let lines = [17, 42].into_iter();
        let pulled = lines.flat_map(|line| PULLS.map(|chip| (line, chip)));
        pulled.flat_map(|(line, chip)| OUTSIDE.map(|outside| Self { line, chip, outside }))
    }

    fn board(self) -> SimBoard {
        let mut board = SimBoard::new();
        board.pull(line(self.line), self.chip);
        board.drive(line(self.line), self.outside).unwrap();
        board
    }

    /// The level that the line has.
    fn high(self) -> bool {
        self.outside.unwrap_or(self.chip == Pull::Up)
    }
}

fn panel(world: World, mode: PinMode, safe: Safe, pull: Pull) -> Small {
    let turn = [Op::Const32.a16(1, world.line.into()), Op::Const32.a16(2, 1), Op::GpioDirection.abc(1, 2, 0)];
    let mut small = Small::new().pin(world.line, "", mode, safe, pull);
    if mode == PinMode::InOut {
        small = small.code("turn", &[], &[], &[&turn[..], &[ret()]].concat());
    }
    if mode != PinMode::In {
        small = small.code("up", &[], &[], &[put(world.line, true), ret()]);
    }
    small.code("trip", &[], &[], &[Op::Unreachable.abc(0, 0, 0)])
}

/// The levels that the line went to from record entry `from` on.
fn changes(board: &SimBoard, from: usize, n: u8) -> Vec<bool> {
    board
        .changes()
        .iter()
        .skip(from)
        .filter(|change| change.line == line(n))
        .map(|change| change.high)
        .collect()
}

#[test]
fn an_output_goes_to_its_safe_level_at_once_or_stays_where_it_is() {
    for world in World::all() {
        for safe in SAFE {
            for pull in PULLS {
                let at = format!("{world:?} {safe:?} {pull:?}");
                let mut device = device(world.board());
                let from = device.board().changes().len();
                device.install(0, &bytes(&panel(world, PinMode::Out, safe, pull))).unwrap();
                let board = device.board();
                assert!(board.is_output(line(world.line)), "{at}");
                let moved = changes(board, from, world.line);
                let to = |level: bool| if world.high() == level { vec![] } else { vec![level] };
                match safe {
                    Safe::Low => assert_eq!(moved, to(false), "{at}"),
                    Safe::High => assert_eq!(moved, to(true), "{at}"),
                    Safe::Hold => assert_eq!(moved, [], "{at}"),
                    // Until it is mounted the line has what stands outside, or its new pull.
                    Safe::Float => assert!(!board.is_high(line(world.line)), "{at}: nothing was stored"),
                }
            }
        }
    }
}

#[test]
fn a_line_of_both_directions_is_an_input_and_turns_round_at_its_level() {
    for world in World::all() {
        for safe in SAFE {
            for pull in PULLS {
                let at = format!("{world:?} {safe:?} {pull:?}");
                let mut device = device(world.board());
                device.install(0, &bytes(&panel(world, PinMode::InOut, safe, pull))).unwrap();
                assert!(!device.board().is_output(line(world.line)), "{at}");
                let input = world.outside.unwrap_or(pull == Pull::Up);
                assert_eq!(device.board().is_high(line(world.line)), input, "{at}");
                call(&mut device, "turn", &[]).unwrap();
                let turned = match safe {
                    Safe::Low | Safe::Float => false,
                    Safe::High => true,
                    // As it was when the image came, before its pull was changed.
                    Safe::Hold => world.high(),
                };
                assert_eq!(device.board().is_high(line(world.line)), turned, "{at}");
            }
        }
    }
}

/// The stores to set, clear, select and pull registers, without their values.
fn kinds(board: &SimBoard, from: usize) -> Vec<&'static str> {
    let kind = |access: &Access| match access.register.kind {
        RegisterKind::Set => "set",
        RegisterKind::Clear => "clear",
        RegisterKind::Select => "select",
        RegisterKind::Pull => "pull",
        _ => "other",
    };
    board.accesses().skip(from).filter(|access| access.write).map(kind).collect()
}

#[test]
fn the_level_is_latched_before_the_line_is_an_output_and_its_pull_comes_last() {
    for world in World::all() {
        let mut device = device(world.board());
        let from = device.board().accesses().count();
        device.install(0, &bytes(&panel(world, PinMode::Out, Safe::Hold, Pull::None))).unwrap();
        let level = if world.high() { "set" } else { "clear" };
        assert_eq!(kinds(device.board(), from), [level, "select", "pull"], "{world:?}");
    }
}

#[test]
fn a_restart_leaves_the_level_that_the_module_drove() {
    let policy = FaultPolicy { on_trap: OnFault::Restart, ..FaultPolicy::default() };
    for world in World::all() {
        let mut device = device(world.board());
        let small = panel(world, PinMode::Out, Safe::Hold, Pull::None).policy(policy.clone());
        device.install(0, &bytes(&small)).unwrap();
        call(&mut device, "up", &[]).unwrap();
        let (from, changed) = (device.board().accesses().count(), device.board().changes().len());
        assert!(call(&mut device, "trip", &[]).is_err());
        assert_eq!(device.status(0).unwrap().restarts, 1);
        assert_eq!(kinds(device.board(), from), ["select", "pull"], "its latch is kept");
        assert_eq!(changes(device.board(), changed, world.line), []);
        assert!(device.board().is_high(line(world.line)));
    }
}

/// A device whose module 0 ran `first` and runs `second` now; the record's entries before the swap.
fn swapped(world: World, first: &Small, up: bool, second: &Small) -> (Device<Heap, SimBoard>, usize) {
    let mut device = device(world.board());
    device.install(0, &bytes(first)).unwrap();
    if up {
        call(&mut device, "up", &[]).unwrap();
    }
    let from = device.board().changes().len();
    device.install(0, &bytes(second)).unwrap();
    (device, from)
}

#[test]
fn a_swap_holds_the_level_of_a_line_that_was_no_output() {
    let hold = |world| panel(world, PinMode::Out, Safe::Hold, Pull::None);
    for world in World::all() {
        // Not declared before.
        let beside =
            Small::new().pin(5, "", PinMode::Out, Safe::Low, Pull::None).code("f", &[], &[], &[ret()]);
        let (device, from) = swapped(world, &beside, false, &hold(world));
        assert_eq!(changes(device.board(), from, world.line), [], "{world:?}");
        assert!(device.board().is_output(line(world.line)));
        // Read before, with each pull.
        for pull in PULLS {
            let read = panel(world, PinMode::In, Safe::Hold, pull);
            let (device, from) = swapped(world, &read, false, &hold(world));
            assert_eq!(changes(device.board(), from, world.line), [], "{world:?} {pull:?}");
            let high = world.outside.unwrap_or(pull == Pull::Up);
            assert_eq!(device.board().is_high(line(world.line)), high, "{world:?} {pull:?}");
        }
        // An output before, of any safe state: it stays as it is.
        for safe in SAFE {
            let (device, from) =
                swapped(world, &panel(world, PinMode::Out, safe, Pull::None), true, &hold(world));
            assert_eq!(changes(device.board(), from, world.line), [], "{world:?} {safe:?}");
            assert!(device.board().is_high(line(world.line)));
        }
    }
}

#[test]
fn a_line_that_was_driven_in_both_directions_holds_what_it_drove() {
    let world = World { line: 17, chip: Pull::None, outside: None };
    let hold = panel(world, PinMode::Out, Safe::Hold, Pull::None);
    for safe in [Safe::Hold, Safe::Float] {
        for high in [false, true] {
            let mut device = device(world.board());
            device.install(0, &bytes(&panel(world, PinMode::InOut, safe, Pull::Up))).unwrap();
            if high {
                call(&mut device, "up", &[]).unwrap();
            } else {
                device.board_mut().clear(Bank::Zero, 1 << 17);
            }
            call(&mut device, "turn", &[]).unwrap();
            device.install(0, &bytes(&hold)).unwrap();
            assert_eq!(device.board().is_high(line(17)), high, "{safe:?}");
            assert!(device.board().is_output(line(17)));
        }
    }
}

#[test]
fn an_image_that_comes_back_drives_what_it_drove() {
    for world in World::all() {
        for pull in PULLS {
            let at = format!("{world:?} {pull:?}");
            let drives = panel(world, PinMode::Out, Safe::Hold, Pull::None);
            let reads = || panel(world, PinMode::In, Safe::Hold, pull);
            let refuses = reads().code("on_mount", &[], &[Ty::I32], &[Op::Const32.a16(1, 3), ret()]);
            let mut device = device(world.board());
            device.install(0, &bytes(&drives)).unwrap();
            call(&mut device, "up", &[]).unwrap();
            assert!(device.install(0, &bytes(&refuses)).is_err());
            assert!(
                device.board().is_output(line(world.line)) && device.board().is_high(line(world.line)),
                "{at}"
            );
            device.install(0, &bytes(&reads())).unwrap();
            assert!(!device.board().is_output(line(world.line)));
            pass(&mut device, 1000);
            device.rollback(0).unwrap().unwrap();
            assert!(
                device.board().is_output(line(world.line)) && device.board().is_high(line(world.line)),
                "{at}"
            );
        }
    }
}

/// A chip whose output is overloaded: it drives high, and its pad is low.
#[derive(Debug, Default)]
struct Overloaded {
    did: Vec<&'static str>,
}

impl Gpio for Overloaded {
    fn set(&mut self, _: Bank, _: PinMask) {
        self.did.push("set");
    }
    fn clear(&mut self, _: Bank, _: PinMask) {
        self.did.push("clear");
    }
    fn level(&mut self, _: Bank) -> PinMask {
        0
    }
    fn is_output(&mut self, _: Line) -> bool {
        true
    }
    fn select(&mut self, _: Line, function: Function) {
        self.did.push(if function == Function::Output { "output" } else { "input" });
    }
    fn pull(&mut self, _: Line, _: Pull) {
        self.did.push("pull");
    }
}

impl Clock for Overloaded {
    fn now_us(&mut self) -> u64 {
        0
    }
    fn delay_us(&mut self, _: u32) {}
}

impl Log for Overloaded {
    fn log(&mut self, _: LogLevel, _: &str) {}
}

impl Port for Overloaded {}

#[test]
fn an_output_keeps_its_latch_whatever_its_pad_shows() {
    let world = World { line: 17, chip: Pull::None, outside: None };
    for (mode, expected) in [(PinMode::Out, ["output", "pull"]), (PinMode::InOut, ["pull", "input"])] {
        let words = panel(world, mode, Safe::Hold, Pull::None).words();
        let mut port = Overloaded::default();
        prepare_lines(&Image::verify(&words).unwrap(), &mut port);
        assert_eq!(port.did, expected);
    }
}

/// A module without a manifest has no safe states: what it made an output becomes an input where it stops.
#[test]
fn outputs_of_a_bare_module_become_inputs() {
    let turn = |n: u16| [Op::Const32.a16(1, n), Op::Const32.a16(2, 1), Op::GpioDirection.abc(1, 2, 0)];
    let policy = FaultPolicy { on_trap: OnFault::Safe, ..FaultPolicy::default() };
    let bare = || {
        Small::new()
            .pin(4, "", PinMode::Any, Safe::Hold, Pull::None)
            .pin(5, "", PinMode::Any, Safe::Hold, Pull::None)
            .pin(42, "", PinMode::Any, Safe::Hold, Pull::None)
            .code(
                "drive",
                &[],
                &[],
                &[&turn(4)[..], &turn(42), &[put(4, true), put(42, true), ret()]].concat(),
            )
            .code("trip", &[], &[], &[Op::Unreachable.abc(0, 0, 0)])
    };
    let outputs = |device: &Device<Heap, SimBoard>| [4, 5, 42].map(|n| device.board().is_output(line(n)));
    for way in ["trap", "unload", "another image", "the end"] {
        let mut device = device(SimBoard::new());
        device.install(0, &bytes(&bare().policy(policy.clone()))).unwrap();
        call(&mut device, "drive", &[]).unwrap();
        assert_eq!(outputs(&device), [true, false, true]);
        match way {
            "trap" => assert!(call(&mut device, "trip", &[]).is_err()),
            "unload" => device.unload(0).unwrap(),
            "another image" => {
                let other = Small::new().pin(5, "", PinMode::Out, Safe::Low, Pull::None);
                device
                    .install(0, &bytes(&other.code("f", &[], &[Ty::I32], &[Op::Const32.a16(1, 0), ret()])))
                    .unwrap();
            }
            _ => device.make_all_safe(),
        }
        assert_eq!(outputs(&device), [false, way == "another image", false], "{way}");
    }
    // Another build of the same module goes on with them.
    let mut device = device(SimBoard::new());
    device.install(0, &bytes(&bare())).unwrap();
    call(&mut device, "drive", &[]).unwrap();
    device.install(0, &bytes(&bare().on("drive", EventSource::Every { every_us: 1000 }))).unwrap();
    assert_eq!(outputs(&device), [true, false, true]);
    pass(&mut device, 1);
}
