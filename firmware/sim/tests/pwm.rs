//! PWM channels of the simulated board: what scripts ask, the record and the waveform.

mod common;

use common::{channels, line};
use xmap_sim::{Script, Sim, run, trace_line, write_vcd};

fn sim() -> Sim {
    channels("lamp", "flap")
}

fn played(script: &str) -> Result<Sim, String> {
    let mut sim = sim();
    let script = Script::parse(script, &sim.image()).map_err(|error| error.to_string())?;
    run(&mut sim, &script, &mut |_| {}).map_err(|error| error.to_string())?;
    Ok(sim)
}

#[test]
fn a_script_asks_what_a_channel_has() {
    let script = "expect device lamp duty 0\ncall duty 0 16384\nexpect device lamp duty 16384\n\
                  expect device lamp percent 25\nexpect device lamp pulse_us 250\n\
                  call pulse 1 1500\nexpect device flap servo 90\ncall pulse 1 900\nexpect device flap servo 0\n";
    played(script).unwrap();
    for (script, message) in [
        ("expect device lamp duty 1", "lamp duty 1: it is 0"),
        ("expect device lamp angle 1", "`lamp`: it has no `angle`"),
        ("set lamp duty 1", "the module sets a channel"),
        ("connect lamp tmp105", "a chip of the device's bus"),
        ("disturb lamp nack", "a device on an I2C bus"),
        ("restore lamp", "a device on an I2C bus"),
        ("expect device lam duty 1", "the nearest is `lamp`"),
    ] {
        let error = played(script).map(drop).unwrap_err();
        assert!(error.contains(message), "{script}: {error}");
    }
}

#[test]
fn record_and_waveform_have_the_channel() {
    let script =
        "call duty 0 16384\nadvance 2500us\ncall duty 0 65535\nadvance 1ms\ncall duty 0 0\nadvance 500us\n";
    let sim = played(script).unwrap();
    let lines: Vec<String> = sim.board().events().iter().filter_map(trace_line).collect();
    assert_eq!(
        lines,
        [
            "         0us PWM18 1000us high 0ns",
            "         0us PWM13 20000us high 0ns",
            "         0us PWM18 1000us high 250004ns",
            "      2500us PWM18 1000us high 1000000ns",
            "      3500us PWM18 1000us high 0ns"
        ]
    );
    let signals = sim.signals();
    let lamp = signals.iter().find(|signal| signal.name == "lamp").unwrap();
    let changes: Vec<_> = lamp.changes.iter().map(|change| (change.time_us, change.high)).collect();
    let edges = [(0, true), (251, false), (1_000, true), (1_251, false), (2_000, true), (2_251, false)];
    assert_eq!(changes, [&edges[..], &[(2_500, true), (3_500, false)]].concat());
    assert!(!lamp.initial);
    let flap = signals.iter().find(|signal| signal.name == "flap").unwrap();
    assert_eq!(flap.changes, []);
    let mut vcd = Vec::new();
    write_vcd(&mut vcd, "stairs", &signals, &sim.traffic(), sim.time_us()).unwrap();
    let vcd = String::from_utf8(vcd).unwrap();
    assert!(vcd.contains(" lamp $end") && vcd.contains("#1251\n") && vcd.contains("#3500\n"), "{vcd}");
    assert_eq!(sim.board().wave_level(line(18)), Some(false));
}
