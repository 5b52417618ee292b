//! The script language: what is expected, what comes later, what is played again.

mod common;

use common::{hall, line, put, ret};
use tiny_mapper::TrapCode;
use xmap_image::{Confirm, Event, EventSource, FaultPolicy, Op, OwnedImage, Ty};
use xmap_sim::{Player, Script, ScriptErrorKind, Shown, Sim, StepError, StepErrorKind, run};

fn play(sim: &mut Sim, script: &str) -> Result<Vec<String>, StepError> {
    let script = Script::parse(script, &sim.image()).unwrap_or_else(|error| panic!("{error}"));
    let mut shown = Vec::new();
    run(sim, &script, &mut |line| shown.push(line.to_string())).map(|()| shown)
}

fn error(script: &str) -> String {
    play(&mut hall().sim(), script).unwrap_err().to_string()
}

/// A handler of the button's edges that puts the lamp on after 2 ms, and a lamp that stays on.
fn on_press() -> Sim {
    let wait = [Op::Const32.a16(1, 2000), Op::TimeDelay.abc(1, 0, 0), put(17, true), ret()];
    let mut small = hall().code("zz_on_press", &[], &[], &wait);
    let export = small.0.exports.len() as u16 - 1;
    let source = EventSource::Falling { line: 27, debounce_us: 1000 };
    small.0.manifest.events.push(Event { export, source }).unwrap();
    small.sim()
}

#[test]
fn times_have_units() {
    let mut sim = hall().sim();
    play(&mut sim, "advance 1500\nadvance 5ms\nadvance 2 s\nadvance 0x10\nadvance 0.5min\n").unwrap();
    assert_eq!(sim.time_us(), 1500 + 5000 + 2_000_000 + 16 + 30_000_000);
}

#[test]
fn a_level_is_expected_now_or_within_a_time() {
    let mut sim = on_press();
    let script = "\
        expect lamp low\n\
        press button for 5ms\n\
        expect lamp high\n\
        expect button 1\n\
        call lamp 0\n\
        advance 2ms\n\
        level 27 low\n\
        wait until lamp high within 1s\n";
    play(&mut sim, script).unwrap();
    // The press, a pause, the debounce and the wait of the handler: not the whole second.
    assert_eq!(sim.time_us(), 5_000 + 2_000 + 1_000 + 2_000);
    assert_eq!(error("expect lamp high"), "line 1: expected lamp (line 17) high: it is low at 0");
    let late = error("level wire 1\nexpect lamp high within 20ms");
    assert_eq!(late, "line 2: expected lamp (line 17) high within 20ms: it is low at 20ms");
    assert_eq!(error("expect 5 high"), "line 1: expected line 5 high: it is low at 0");
}

#[test]
fn a_pulse_that_a_call_makes_is_seen() {
    let pulse = [put(17, true), Op::Const32.a16(1, 50), Op::TimeDelay.abc(1, 0, 0), put(17, false), ret()];
    let mut small = hall().code("zz_pulse", &[], &[], &pulse);
    let export = small.0.exports.len() as u16 - 1;
    small.0.manifest.events.push(Event { export, source: EventSource::After { after_us: 100 } }).unwrap();
    let mut sim = small.sim();
    play(&mut sim, "expect lamp high within 1ms").unwrap();
    assert!(!sim.level(line(17)), "it is low again behind the handler");
}

#[test]
fn a_press_ends_with_what_was_connected_before() {
    let mut sim = hall().sim();
    play(
        &mut sim,
        "press button for 50ms\nexpect button high\nlevel button 0\npress button for 1ms\nexpect button low",
    )
    .unwrap();
    play(&mut sim, "release button\nexpect button high").unwrap();
    assert!(error("call direction 22 1\npress wire for 1ms").contains("line 22 is an output now"));
}

#[test]
fn results_are_expected_of_a_call_or_of_the_latest() {
    let mut sim = hall().sim();
    let script = "call add 2 3 -> 5\ncall button\nexpect button -> true\nexpect panel.add -> 5\n\
                  call same 0.5 -0.25 -1 -> 0.5 -0.25 -1\ncall lamp_on ->\ncall add -1 0 -> 4294967295";
    play(&mut sim, script).unwrap();
    assert_eq!(error("call add 2 3 -> 6"), "line 1: expected `add -> 6`: `add -> 5`");
    assert_eq!(error("expect add -> 6"), "line 1: expected `add -> 6`: `add` was not called");
    assert_eq!(error("call fail\nexpect fail ->"), "line 2: expected `fail ->`: `fail trap unreachable`");
}

#[test]
fn traps_are_expected_with_their_places() {
    let mut sim = hall().sim();
    let script =
        Script::parse("call fail\nexpect trap unreachable at panel.c:7\ncall lamp_on", &sim.image()).unwrap();
    let places = |_: &tiny_mapper::Trap| vec!["src/panel.c:7:3".to_owned()];
    let mut player = Player::new(&mut sim, &mut |_| {}).with_places(&places);
    for step in script.unrolled() {
        player.play(&mut sim, step, &mut |_| {}).unwrap();
    }
    player.finish(&mut sim).unwrap();
    assert_eq!(player.unexpected(), []);

    assert_eq!(error("call fail\nexpect trap fuel"), "line 2: expected a trap fuel: `fail trap unreachable`");
    assert_eq!(
        error("call fail\nexpect trap unreachable at a.c:1"),
        "line 2: expected a trap unreachable at a.c:1: `fail trap unreachable`, whose source line is not known"
    );
    assert_eq!(
        error("call fail\nadvance 0\nexpect trap unreachable"),
        "line 3: expected a trap unreachable: none was met in the step before"
    );
}

#[test]
fn a_trap_that_nobody_expected_is_told() {
    let mut sim = hall().sim();
    let script =
        Script::parse("call lamp_on\ncall fail\ncall fail\nexpect trap unreachable\n", &sim.image()).unwrap();
    let mut player = Player::new(&mut sim, &mut |_| {});
    script.unrolled().for_each(|step| player.play(&mut sim, step, &mut |_| {}).unwrap());
    player.finish(&mut sim).unwrap();
    let unexpected = player.unexpected();
    let [one] = &unexpected[..] else { panic!("{unexpected:?}") };
    assert_eq!((one.line, one.name.as_str(), one.trap.code), (2, "fail", TrapCode::Unreachable));
}

#[test]
fn a_level_comes_in_the_middle_of_a_call() {
    let code = [Op::Const32.a16(1, 1000), Op::TimeDelay.abc(1, 0, 0), Op::LineGet.abc(1, 27, 0), ret()];
    let mut sim = hall().code("zz_echo", &[], &[Ty::Bool], &code).sim();
    let script = "at 500us level button 0\ncall zz_echo -> false\nat +400us press button for 200us\n\
                  call zz_echo -> false\nexpect button low\nat +1ms release button\nadvance 1ms\nexpect button high";
    play(&mut sim, script).unwrap();
    let button: Vec<_> = sim.signals().into_iter().find(|s| s.name == "button").unwrap().changes;
    let times: Vec<(u64, bool)> = button.iter().map(|change| (change.time_us, change.high)).collect();
    assert_eq!(times, [(500, false), (1400, true), (1600, false), (3000, true)]);
    assert_eq!(error("advance 2ms\nat 1ms level button 0"), "line 2: 1ms has passed: it is 2ms");
    assert_eq!(
        error("at 5ms level button 0\nadvance 1ms"),
        "line 1: the script ends before 5ms, when this was to happen"
    );
    assert!(
        error("at 5ms level wire 0\ncall direction 22 1\nadvance 9ms").contains("line 22 is an output now")
    );
}

#[test]
fn handlers_see_a_scheduled_level_at_its_time() {
    let mut sim = on_press();
    play(&mut sim, "at 10ms level button 0\nadvance 1s").unwrap();
    let lamp = sim.signals().into_iter().find(|s| s.name == "lamp").unwrap();
    assert_eq!(lamp.changes.iter().map(|change| change.time_us).collect::<Vec<_>>(), [13_000]);
}

#[test]
fn blocks_are_played_again() {
    let mut sim = hall().sim();
    let script = "repeat 2\n call toggle\n repeat 3\n  advance 1ms\n end\nend\ncall toggle";
    assert_eq!(play(&mut sim, script).unwrap().len(), 6);
    assert_eq!(sim.time_us(), 6000);
    let errors = |text: &str| {
        let read = Script::read(text, &[sim.image()], &mut |_| Err("no".into())).unwrap_err();
        read.into_iter().map(|error| (error.line, error.kind)).collect::<Vec<_>>()
    };
    assert_eq!(errors("end"), [(1, ScriptErrorKind::NoBlock)]);
    assert_eq!(errors("repeat 2\nadvance 1"), [(1, ScriptErrorKind::NoEnd)]);
    let long = "repeat 1000\nrepeat 1001\nadvance 1\nend\nend";
    assert_eq!(errors(long), [(5, ScriptErrorKind::Long)]);
    let endless = "repeat 4294967295\n".repeat(8) + "advance 1\n" + &"end\n".repeat(8);
    assert!(errors(&endless).iter().all(|(_, kind)| *kind == ScriptErrorKind::Long));
    assert!(matches!(errors("repeat 0\nend")[..], [(1, ScriptErrorKind::Word { .. })]));
}

#[test]
fn every_mistake_is_found() {
    let sim = hall().sim();
    let text = "cal\nlevel lamp 1\npress button 5ms\nexpect lamp\nexpect trap fule\nlose host\n\
                call add 1 2 -> \nswap x.xmap\nat 5 call lamp_on\nexpect log text\nexpect button -> 2";
    let errors = Script::read(text, &[sim.image()], &mut |_| Err("no such file".into())).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "line 1, column 1: `cal` is no command; the nearest is `call`",
        "line 2, column 7: line 17 is an output of the module: nothing else may drive it",
        "line 3, column 14: expected `for` and a time, found `5ms`",
        "line 4, column 12: the line ends too early: expected a level, 0, 1, low or high",
        "line 5, column 13: no trap is called `fule`; the nearest is `fuel`",
        "line 6, column 1: the manifest does not say how long a host may be silent (`link_timeout_ms`)",
        "line 7, column 16: add has 1 result, 0 expected",
        "line 8, column 6: `x.xmap` cannot be loaded: no such file",
        "line 9, column 6: expected `level`, `release` or `press`, found `call`",
        "line 10, column 12: expected a text in quotes, found `text`",
        "line 11, column 18: expected a bool: true, false, 1 or 0, found `2`",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn a_panel_is_reset_and_unmounted() {
    let mut sim = hall().sim();
    play(
        &mut sim,
        "call lamp_on\nreset\nexpect lamp low\ncall lamp_on\nunmount\nexpect lamp low\nadvance 1ms",
    )
    .unwrap();
    assert!(!sim.is_mounted());
    assert_eq!(sim.signals().len(), 3, "lines stay known");
    let sim = hall().sim();
    let read = Script::parse("unmount\ncall lamp_on", &sim.image()).unwrap_err();
    assert_eq!(read.kind, ScriptErrorKind::Unmounted { line: 1 });
    assert_eq!(error("repeat 2\ncall lamp_on\nunmount\nend"), "line 2: the panel was unmounted");
    assert_eq!(error("repeat 2\nunmount\nend"), "line 2: the panel was unmounted");
}

#[test]
fn another_image_is_swapped_in() {
    let second = hall().code("zz_second", &[], &[Ty::I32], &[Op::Const32.a16(1, 7), ret()]).words();
    let mut sim = hall().sim();
    let image = sim.image();
    let mut open = |file: &str| match file {
        "b c.xmap" => OwnedImage::new(second.clone()).map_err(|error| error.to_string()),
        _ => Err("no such file".into()),
    };
    let text = "call lamp_on\nswap \"b c.xmap\"\nexpect lamp high\ncall zz_second -> 7";
    let script = Script::read(text, &[image], &mut open).unwrap();
    run(&mut sim, &script, &mut |_| {}).unwrap();
    // The export is known behind the swap alone.
    let early =
        Script::read("call zz_second\nswap \"b c.xmap\"", &[hall().sim().image()], &mut open).unwrap_err();
    assert!(matches!(early[..], [ref one] if one.line == 1), "{early:?}");
}

#[test]
fn a_host_is_lost_and_found() {
    let mut small = hall();
    small.0.manifest.policy =
        FaultPolicy { link_timeout_ms: 200, confirm: Confirm::Device, ..FaultPolicy::default() };
    let mut sim = small.sim();
    let shown = play(
        &mut sim,
        "advance 150ms\ncall lamp_on\nadvance 150ms\nexpect lamp high\nlose host\nexpect lamp low\n\
         find host\ncall lamp_on\nexpect lamp high",
    );
    shown.unwrap();
}

#[test]
fn a_plain_script_shows_what_it_did() {
    let shown =
        play(&mut hall().sim(), "call add 1 2 -> 3\nexpect add -> 3\npress button for 1ms\ncall fail")
            .unwrap();
    assert_eq!(shown, ["add -> 3", "GPSET0 0x00020000", "fail trap unreachable"]);
    assert_eq!(Shown::Faulted { name: "x".into() }.to_string(), "x faulted");
    assert!(matches!(
        play(&mut hall().sim(), "expect lamp high").unwrap_err().kind,
        StepErrorKind::Expected { .. }
    ));
}
