//! Scripts on small panels: what the plain trace shows, and what a bad script says.

mod common;

use common::{Small, hall, line, put, ret};
use xmap_image::{Op, PinMode, Pull, Safe, Ty};
use xmap_sim::{Script, ScriptError, ScriptErrorKind, Sim, StepErrorKind, run, trace_line, write_vcd};

fn plain(sim: &mut Sim, script: &str) -> Vec<String> {
    let script = Script::parse(script, &sim.image()).unwrap();
    let mut shown = Vec::new();
    run(sim, &script, &mut |one| shown.push(one.to_string())).unwrap();
    shown
}

#[test]
fn a_run_shows_stores_and_results_in_order() {
    let mut sim = hall().sim();
    let script = "\
# The lamp follows the hand.
call lamp true
call panel.lamp 0       # by its key

level button 0
call button
level 27 1
\tcall button
advance 250
call toggle
call fail
call lamp 0
call add -1 0x10
call add 4294967295 0
call same 0.1 1e3 -9223372036854775808
call wait 40
call direction 22 1
call set 22 true
call set 5 1
";
    let expected = [
        "GPSET0 0x00020000",
        "lamp ->",
        "GPCLR0 0x00020000",
        "panel.lamp ->",
        "button -> false",
        "button -> true",
        "GPSET0 0x00020000",
        "toggle ->",
        "GPSET0 0x00020000",
        "fail trap unreachable",
        "GPCLR0 0x00020000",
        "lamp ->",
        "add -> 15",
        "add -> -1",
        "same -> 0.1 1000 -9223372036854775808",
        "wait ->",
        "direction ->",
        "GPSET0 0x00400000",
        "set ->",
        "set trap undeclared_line",
    ];
    assert_eq!(plain(&mut sim, script), expected);
    assert_eq!(sim.time_us(), 290);
    let counters = sim.counters();
    assert_eq!((counters.calls, counters.traps), (14, 2));
    assert!(sim.level(line(22)));
}

#[test]
fn the_module_speaks_before_the_script_and_the_safe_states_do_not() {
    let mut panel = Small::new()
        .pin(4, "", PinMode::Out, Safe::High, Pull::None)
        .start(&[put(4, false), ret()])
        .code("_initialize", &[], &[], &[put(4, true), ret()])
        .code(
            "on_mount",
            &[],
            &[Ty::I32],
            &[
                Op::Const32.a16(1, 0),
                Op::Const32.a16(2, 8),
                Op::Const32.a16(3, 5),
                Op::LogMessage.abc(1, 2, 3),
                Op::Const32.a16(1, 0),
                ret(),
            ],
        );
    panel.0.memory_bytes = 64;
    panel.0.memory_pages = 1;
    panel.0.memory_max_pages = 1;
    panel.0.data = vec![(8, b"a\nb\\c".to_vec())];
    let mut sim = panel.sim();
    assert_eq!(plain(&mut sim, ""), ["GPCLR0 0x00000010", "GPSET0 0x00000010", r"log DEBUG a\nb\c"]);
    assert_eq!(plain(&mut sim, ""), [""; 0], "shown once");
    let trace: Vec<String> = sim.board().events().iter().filter_map(trace_line).collect();
    let expected = [
        "         0us W GPSET0 0x00000010",
        "         0us R GPFSEL0 0x00000000",
        "         0us W GPFSEL0 0x00001000",
        "         0us R GPIO_PUP_PDN_CNTRL_REG0 0x00000000",
        "         0us W GPIO_PUP_PDN_CNTRL_REG0 0x00000000",
        "         0us W GPCLR0 0x00000010",
        "         0us W GPSET0 0x00000010",
    ];
    assert_eq!(trace, expected);
}

#[test]
fn the_record_has_virtual_time() {
    let mut sim = hall().sim();
    plain(&mut sim, "advance 120\ncall lamp 1\ncall wait 7\ncall lamp 0");
    let trace: Vec<String> = sim.board().events().iter().filter_map(trace_line).collect();
    let last = &trace[trace.len() - 2..];
    assert_eq!(last, ["       120us W GPSET0 0x00020000", "       127us W GPCLR0 0x00020000"]);
}

#[test]
fn driving_a_wire_that_is_an_output_stops_the_run() {
    let mut sim = hall().sim();
    let script = "level wire 1\ncall direction 22 1\nlevel wire 0\ncall lamp 1";
    let script = Script::parse(script, &sim.image()).unwrap();
    let error = run(&mut sim, &script, &mut |_| ()).unwrap_err();
    let StepErrorKind::Contention(contention) = error.kind else { panic!("{error}") };
    assert_eq!((error.line, contention.line), (3, line(22)));
    assert!(!sim.level(line(17)), "what follows did not run");
}

#[test]
fn a_bare_module_drives_what_it_stores_to() {
    let bare = Small::new()
        .pin(4, "", PinMode::Any, Safe::Hold, Pull::None)
        .pin(5, "", PinMode::Any, Safe::Hold, Pull::None)
        .direct("toggle", &[], &[], Op::LineToggle.abc(4, 0, 0))
        .direct("get", &[Ty::I32], &[Ty::I32], Op::GpioGet.abc(1, 1, 0));
    let mut sim = bare.sim();
    assert_eq!(sim.trace().count(), 0, "function select and pulls are left alone");
    let script = "call toggle\ncall get 4\ncall toggle\nlevel 4 1\ncall get 4\ncall toggle\ncall get 4";
    let expected = [
        "GPSET0 0x00000010",
        "toggle ->",
        "get -> 1",
        "GPCLR0 0x00000010",
        "toggle ->",
        "get -> 1",
        "GPCLR0 0x00000010",
        "toggle ->",
        "get -> 0",
    ];
    assert_eq!(plain(&mut sim, script), expected);
    let names: Vec<String> = sim.signals().into_iter().map(|signal| signal.name).collect();
    assert_eq!(names, ["gpio4"], "only what changed");
}

#[test]
fn a_direction_settles_a_line_of_a_bare_module() {
    let bare = Small::new()
        .pin(4, "", PinMode::Any, Safe::Hold, Pull::None)
        .direct("direction", &[Ty::I32, Ty::I32], &[], Op::GpioDirection.abc(1, 2, 0))
        .direct("set", &[Ty::I32, Ty::I32], &[], Op::GpioPut.abc(1, 2, 0))
        .direct("get", &[Ty::I32], &[Ty::I32], Op::GpioGet.abc(1, 1, 0));
    let mut sim = bare.sim();
    let script = "\
call set 4 1
call direction 4 0
call get 4
call set 4 1
call get 4
call direction 4 1
call get 4
";
    let shown = plain(&mut sim, script);
    let levels: Vec<&String> = shown.iter().filter(|line| line.starts_with("get")).collect();
    assert_eq!(levels, ["get -> 0", "get -> 0", "get -> 1"]);
    assert!(sim.set_input(line(4), false).is_err(), "an output now");
}

#[test]
fn signals_begin_behind_the_load() {
    let mut sim = hall().sim();
    plain(&mut sim, "advance 10\ncall lamp 1\nadvance 10\nlevel button 0\nadvance 10");
    let signals = sim.signals();
    let summary: Vec<(&str, bool, usize)> =
        signals.iter().map(|s| (s.name.as_str(), s.initial, s.changes.len())).collect();
    assert_eq!(summary, [("lamp", false, 1), ("wire", false, 0), ("button", true, 1)]);
    let mut file = Vec::new();
    write_vcd(&mut file, "hall", &signals, &sim.traffic(), sim.time_us()).unwrap();
    let mut parser = vcd::Parser::new(file.as_slice());
    let header = parser.parse_header().unwrap();
    assert!(header.find_var(&["hall", "lamp"]).is_some());
    let times: Vec<u64> = parser
        .filter_map(|command| match command.unwrap() {
            vcd::Command::Timestamp(time) => Some(time),
            _ => None,
        })
        .collect();
    assert_eq!(times, [0, 10, 20, 30]);
}

#[test]
fn a_bad_script_says_where_and_what() {
    let sim = hall().sim();
    let cases = [
        ("cal lamp_on", 1, 1, "`cal` is no command; the nearest is `call`"),
        ("\n  call lamp_onn", 2, 8, "the image has no export `lamp_onn`; the nearest is `lamp_on`"),
        ("call zzzzzzzz", 1, 6, "the image has no export `zzzzzzzz`"),
        ("call", 1, 5, "the line ends too early: expected the name of an export"),
        ("call set 17", 1, 12, "set(u8, bool) takes 2 arguments, 1 given"),
        ("call lamp_on 1 # x", 1, 14, "lamp_on() takes no arguments, 1 given"),
        ("call set 256 1", 1, 10, "expected a u8: 0 to 255, found `256`"),
        ("call set é 1", 1, 10, "expected a u8: 0 to 255, found `é`"),
        ("level é 1", 1, 7, "expected a line, 0 to 57 or a pin's name, found `é`"),
        ("call lamp é é", 1, 13, "lamp(bool) takes 1 argument, 2 given"),
        ("call  add 1  two", 1, 14, "expected an i32: -2147483648 to 4294967295, found `two`"),
        (
            "level buton 1",
            1,
            7,
            "expected a line, 0 to 57 or a pin's name, found `buton`; the nearest is `button`",
        ),
        ("level 58 1", 1, 7, "expected a line, 0 to 57 or a pin's name, found `58`"),
        ("level 300 1", 1, 7, "expected a line, 0 to 57 or a pin's name, found `300`"),
        ("level lamp 1", 1, 7, "line 17 is an output of the module: nothing else may drive it"),
        ("level 27 2", 1, 10, "expected a level, 0, 1, low or high, found `2`"),
        ("level 27", 1, 9, "the line ends too early: expected a level, 0, 1, low or high"),
        ("level 27 1 1", 1, 12, "expected the end of the line, found `1`"),
        ("advance -1", 1, 9, "expected a time, in microseconds or as `5ms`, `1.5s`, `2min`, found `-1`"),
        ("advance 1.5", 1, 9, "expected a time, in microseconds or as `5ms`, `1.5s`, `2min`, found `1.5`"),
        ("advance", 1, 8, "the line ends too early: expected a time, such as 20000 (microseconds) or 5ms"),
    ];
    for (script, line, column, message) in cases {
        let error = Script::parse(script, &sim.image()).unwrap_err();
        assert_eq!(error.to_string(), format!("line {line}, column {column}: {message}"), "{script}");
    }
}

#[test]
fn nothing_runs_of_a_script_with_a_mistake_at_its_end() {
    let sim = hall().sim();
    let error = Script::parse("call lamp 1\ncall lamp maybe\n", &sim.image()).unwrap_err();
    let kind = ScriptErrorKind::Argument { found: "maybe".into(), ty: Ty::Bool };
    assert_eq!(error, ScriptError { line: 2, column: 11, kind });
}

#[test]
fn lines_may_end_as_on_other_systems() {
    let sim = hall().sim();
    let script = Script::parse("\u{feff}call lamp 1\r\n\r\nadvance 0x10\r\n", &sim.image()).unwrap();
    let places: Vec<usize> = script.steps().iter().map(|step| step.at).collect();
    assert_eq!(places, [1, 3]);
}

proptest::proptest! {
    /// Any text is a script or has a mistake, whose place is in the text.
    #[test]
    fn any_text_is_read(text in "((call|level|advance|expect|press|at|repeat|end|swap|unmount|within|for|trap|->|5ms|\"|lamp|add|27|-?0x?|[ \t\r\n#]|\\PC){0,4}\n?){0,6}") {
        let sim = hall().sim();
        if let Err(error) = Script::parse(&text, &sim.image()) {
            let line = text.lines().nth(error.line - 1).unwrap();
            proptest::prop_assert!(error.column <= line.chars().count() + 1, "{}", error);
        }
    }
}
