//! Panels that keep themselves busy: a run ends, and says which handler did not let time pass.

mod common;

use common::{Small, ret};
use xmap_image::{Event, EventSource, Op, PinMode, Pull, Safe, Ty};
use xmap_sim::{MAX_EVENTS_AT_ONCE, Script, Sim, Standstill, StepError, StepErrorKind, run};

/// A wire (22) whose handler toggles it, with what a script needs to make it an output.
fn feedback(debounce_us: u32) -> Sim {
    let mut panel = Small::new()
        .pin(22, "wire", PinMode::InOut, Safe::Low, Pull::Up)
        .code("drive", &[], &[], &[Op::LineSet.abc(22, 0, 0), ret()])
        .code("on_edge", &[], &[], &[Op::LineToggle.abc(22, 0, 0), ret()])
        .direct("out", &[Ty::U8, Ty::Bool], &[], Op::GpioDirection.abc(1, 2, 0));
    let source = EventSource::Both { line: 22, debounce_us };
    panel.0.manifest.events.push(Event { export: 1, source }).unwrap();
    panel.sim()
}

fn play(sim: &mut Sim, script: &str) -> (Vec<String>, Result<(), StepError>) {
    let script = Script::parse(script, &sim.image()).unwrap();
    let mut shown = Vec::new();
    let played = run(sim, &script, &mut |one| shown.push(one.to_string()));
    (shown, played)
}

#[test]
fn a_handler_that_toggles_its_own_line_ends_the_run() {
    let mut sim = feedback(0);
    let (shown, played) = play(&mut sim, "advance 1500\ncall out 22 1\ncall drive\ncall drive");
    let error = played.unwrap_err();
    let line = common::line(22);
    let feedback = Standstill::Feedback { handler: "panel.on_edge".into(), line: Some(line), time_us: 1500 };
    assert_eq!(error.kind, StepErrorKind::Standstill(feedback));
    assert_eq!(
        error.to_string(),
        format!(
            "line {}: 1000 events without time passing, at 1.5ms: the handler `panel.on_edge` is called again \
             and again by edges of line 22",
            error.line
        )
    );
    // What was played stands in front, with the step that did not end.
    let stores = shown.iter().filter(|line| line.starts_with("GP")).count();
    assert!(stores >= MAX_EVENTS_AT_ONCE as usize, "{stores}");
    assert!(shown.contains(&"out ->".into()), "{shown:?}");
    assert_eq!(sim.time_us(), 1500);
}

#[test]
fn a_feedback_through_time_runs_on() {
    let mut sim = feedback(10);
    let (_, played) = play(&mut sim, "call out 22 1\nadvance 100000");
    played.unwrap();
    assert_eq!(sim.time_us(), 100_000);
    assert!(sim.stores().count() > 1000);
}

#[test]
fn an_advance_beyond_the_end_of_time_is_an_error() {
    let mut sim = feedback(0);
    let (_, played) = play(&mut sim, "advance 1\nadvance 18446744073709551615");
    let error = played.unwrap_err();
    assert_eq!((error.line, &error.kind), (2, &StepErrorKind::Standstill(Standstill::End)));
}

#[test]
#[should_panic(expected = "events without time passing")]
fn a_test_of_a_panel_ends_as_well() {
    let mut sim = feedback(0);
    sim.call("out", &[22u8.into(), true.into()]).unwrap();
    sim.call("drive", &[]).unwrap();
}
