//! Metrics of all devices in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use crate::device::Device;
use crate::http::App;

/// A metric's name, its kind, what it is, and its samples: labels and value.
type Family = (&'static str, &'static str, &'static str, Vec<(String, f64)>);

/// The metrics of these devices and of the gateway.
pub fn text<'a>(app: &App, devices: impl Iterator<Item = &'a Device>) -> String {
    let mut families: Vec<Family> = [
        ("xmap_device_up", "gauge", "Whether the gateway has a session with the device."),
        ("xmap_device_sessions_total", "counter", "Sessions with the device that began."),
        ("xmap_device_uptime_seconds", "gauge", "Time since the device started."),
        ("xmap_device_calls_total", "counter", "Calls that the device ran, whoever asked."),
        ("xmap_device_traps_total", "counter", "Calls of the device that trapped."),
        ("xmap_device_refused_total", "counter", "Requests that the device refused."),
        ("xmap_device_frames_bad_total", "counter", "Frames that reached the device damaged."),
        ("xmap_module_events_total", "counter", "Events that the module was given."),
        ("xmap_module_missed_total", "counter", "Deadlines of timers without a call of their own."),
        ("xmap_module_dropped_total", "counter", "Events that found no room."),
        ("xmap_module_restarts_total", "counter", "Restarts of the module after faults."),
        ("xmap_module_late_seconds", "gauge", "The longest time from an event to its handler."),
        ("xmap_module_running", "gauge", "Whether the module takes calls."),
        ("xmap_module_on_trial", "gauge", "Whether the module's image is on trial."),
        ("xmap_line_high", "gauge", "The level of a declared line."),
        ("xmap_gateway_calls_total", "counter", "Calls that the gateway made."),
        ("xmap_gateway_trapped_total", "counter", "Calls of the gateway that trapped."),
        ("xmap_gateway_failed_total", "counter", "Requests of the gateway that were not carried out."),
        ("xmap_gateway_busy_seconds_total", "counter", "Time that requests of the gateway took on the link."),
    ]
    .map(|(name, kind, help)| (name, kind, help, Vec::new()))
    .into();
    for device in devices {
        let state = device.state();
        let labels = format!("device=\"{}\"", label(&device.name));
        let counts = state.counts;
        let status = state.status.map_or([0.0; 5], |status| {
            let uptime = status.uptime_us as f64 / 1e6;
            [
                uptime,
                status.calls.into(),
                status.traps.into(),
                status.refused.into(),
                status.frames_bad.into(),
            ]
        });
        let of_device = [f64::from(u8::from(state.online)), counts.connects as f64].into_iter().chain(status);
        for ((.., samples), value) in families.iter_mut().zip(of_device) {
            samples.push((labels.clone(), value));
        }
        for module in state.modules.iter().filter(|module| module.image.is_some()) {
            let name = label(module.name.as_str());
            let labels = format!("{labels},module=\"{}\",name=\"{name}\"", module.module);
            let values = [
                f64::from(module.events),
                module.missed.into(),
                module.dropped.into(),
                module.restarts.into(),
                f64::from(module.late_us) / 1e6,
                u8::from(module.life == xmap_link::Life::Running).into(),
                u8::from(module.trial_ms > 0).into(),
            ];
            for ((.., samples), value) in families[7..14].iter_mut().zip(values) {
                samples.push((labels.clone(), value));
            }
        }
        for (_, line) in state.lines(&app.shelf) {
            let labels = format!("{labels},line=\"{}\",name=\"{}\"", line.line, label(&line.name));
            families[14].3.extend(state.high(line.line).map(|high| (labels, f64::from(u8::from(high)))));
        }
        let busy = counts.busy_us as f64 / 1e6;
        let own = [counts.calls as f64, counts.trapped as f64, counts.failed as f64, busy];
        for ((.., samples), value) in families[15..].iter_mut().zip(own) {
            samples.push((labels.clone(), value));
        }
    }
    let answers = app
        .answered
        .iter()
        .enumerate()
        .skip(1)
        .map(|(class, count)| (format!("status=\"{class}xx\""), count.load(Ordering::Relaxed) as f64));
    families.push(("xmap_gateway_answers_total", "counter", "HTTP answers, by status.", answers.collect()));
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed) as f64;
    let mqtt =
        [("connects", &app.mqtt.connects), ("commands", &app.mqtt.commands), ("refused", &app.mqtt.refused)];
    let samples = mqtt.map(|(what, of)| (format!("what=\"{what}\""), count(of)));
    families.push(("xmap_gateway_mqtt_total", "counter", "What came of MQTT.", samples.into()));
    let mut text = String::new();
    for (name, kind, help, samples) in families.iter().filter(|(.., samples)| !samples.is_empty()) {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes any text");
        for (labels, value) in samples {
            writeln!(text, "{name}{{{labels}}} {value}").expect("a string takes any text");
        }
    }
    text
}

/// A label's value: names of modules and lines are anybody's.
fn label(text: &str) -> String {
    text.chars().fold(String::new(), |mut label, c| {
        match c {
            '\\' => label.push_str("\\\\"),
            '"' => label.push_str("\\\""),
            '\n' => label.push_str("\\n"),
            c => label.push(c),
        }
        label
    })
}
