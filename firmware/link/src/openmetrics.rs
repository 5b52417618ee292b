//! Metrics of a device as text, for programs that have its answers: the command line and the service under
//! Linux.

use core::fmt::{self, Display, Write};

use crate::{BUCKETS, ExportMetrics, HostCounts, Life, ModuleStatus};

/// The form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0, where a counter's family has the name without `_total`.
    OpenMetrics,
    /// Prometheus' older text format, which node_exporter's textfile collector and promtool read: a family of
    /// counters has the name of its samples.
    Prometheus,
}

impl Format {
    /// The media type of the text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Text of a form.
struct Text<'w> {
    out: &'w mut dyn Write,
    format: Format,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }
}

/// The upper bounds of the buckets in seconds, as the format writes floats.
const BOUNDS_S: [&str; BUCKETS] = [
    "1e-06", "4e-06", "1.6e-05", "6.4e-05", "0.000256", "0.001024", "0.004096", "0.016384", "0.065536",
    "0.262144", "1.048576", "+Inf",
];

/// What a device has answered.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Microseconds since boot.
    pub uptime_us: u64,
    /// Calls that were run, and those of them that trapped.
    pub calls: [u32; 2],
    /// Register accesses that were recorded.
    pub accesses: u32,
    /// Frames that arrived whole, and those that did not.
    pub frames: [u32; 2],
    /// Requests that were refused, where that is counted.
    pub refused: Option<u32>,
    /// How its hosts fare.
    pub hosts: &'a HostCounts,
    /// Its modules.
    pub modules: &'a [ModuleStatus],
    /// Its exports, each with its key; those without one are shown as `other`.
    pub exports: &'a [(&'a str, ExportMetrics)],
}

/// Microseconds as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The value of a label: names of modules and exports are anybody's.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

/// The labels of a module.
struct OfModule<'a>(&'a ModuleStatus);

impl Display for OfModule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module=\"{}\",name=\"{}\"", self.0.module, Label(&self.0.name))
    }
}

/// The labels of an export.
struct OfExport<'a>(&'a str, &'a ExportMetrics);

impl Display for OfExport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.1.export.is_some() { self.0 } else { "other" };
        write!(f, "module=\"{}\",export=\"{}\"", self.1.module, Label(key))
    }
}

/// Begins a family of metrics.
fn family(out: &mut Text<'_>, name: &str, kind: &str, help: &str) -> fmt::Result {
    let prometheus = out.format == Format::Prometheus;
    let total = if prometheus && kind == "counter" { "_total" } else { "" };
    writeln!(out, "# TYPE {name}{total} {kind}")?;
    if name.ends_with("_seconds") && !prometheus {
        writeln!(out, "# UNIT {name} seconds")?;
    }
    writeln!(out, "# HELP {name}{total} {help}")
}

/// Writes a family of one number.
fn one(out: &mut Text<'_>, name: &str, kind: &str, help: &str, value: &dyn Display) -> fmt::Result {
    family(out, name, kind, help)?;
    writeln!(out, "{name}{} {value}", if kind == "counter" { "_total" } else { "" })
}

/// Writes a family with a number for each of some things.
fn each<T, L: Display, V: Display>(
    out: &mut Text<'_>,
    [name, kind, help]: [&str; 3],
    things: impl Iterator<Item = T>,
    of: impl Fn(&T) -> (L, V),
) -> fmt::Result {
    family(out, name, kind, help)?;
    let total = if kind == "counter" { "_total" } else { "" };
    for thing in things {
        let (labels, value) = of(&thing);
        writeln!(out, "{name}{total}{{{labels}}} {value}")?;
    }
    Ok(())
}

/// Writes the metrics of a device.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn Write, format: Format, snapshot: &Snapshot<'_>) -> fmt::Result {
    let out = &mut Text { out, format };
    let Snapshot { uptime_us, calls, accesses, frames, hosts, .. } = snapshot;
    let up = "Time since the device started.";
    one(out, "xmap_uptime_seconds", "gauge", up, &Seconds(*uptime_us))?;
    let counters: [(&str, &str, Option<u32>); 9] = [
        ("xmap_calls", "Calls that were run, of hosts and of events.", Some(calls[0])),
        ("xmap_traps", "Calls that trapped by the module's own doing.", Some(calls[1])),
        ("xmap_mistakes", "Calls that trapped by their host's own arguments.", Some(hosts.mistakes)),
        ("xmap_requests_refused", "Requests of hosts that were refused.", snapshot.refused),
        ("xmap_frames_good", "Frames of the link that arrived whole.", Some(frames[0])),
        ("xmap_frames_bad", "Frames of the link that arrived damaged.", Some(frames[1])),
        ("xmap_texts_lost", "Messages of modules that found no room.", Some(hosts.texts_lost)),
        ("xmap_lines_lost", "Lines of the journal that were left out.", Some(hosts.lines_lost)),
        ("xmap_register_accesses", "Register accesses that were recorded.", Some(*accesses)),
    ];
    for (name, help, value) in counters {
        if let Some(value) = value {
            one(out, name, "counter", help, &value)?;
        }
    }
    modules(out, snapshot.modules)?;
    exports(out, snapshot.exports)?;
    if format == Format::OpenMetrics { out.write_str("# EOF\n") } else { Ok(()) }
}

fn modules(out: &mut Text<'_>, modules: &[ModuleStatus]) -> fmt::Result {
    type Of = fn(&ModuleStatus) -> u32;
    let numbers: [([&str; 3], Of); 9] = [
        (["xmap_module_events", "counter", "Events that the module was given."], |m| m.events),
        (["xmap_module_missed", "counter", "Deadlines of timers without a call of their own."], |m| m.missed),
        (["xmap_module_dropped", "counter", "Events that found no room."], |m| m.dropped),
        (["xmap_module_coalesced", "counter", "Timer events that became one with another."], |m| m.coalesced),
        (["xmap_module_restarts", "counter", "Restarts after a fault."], |m| m.restarts),
        (["xmap_module_activations", "counter", "Images that became active."], |m| m.generation.into()),
        (["xmap_module_running", "gauge", "Whether the module takes calls."], |m| {
            (m.life == Life::Running).into()
        }),
        (["xmap_module_on_trial", "gauge", "Whether the image is on trial."], |m| (m.trial_ms > 0).into()),
        (["xmap_module_version", "gauge", "The version of the image."], |m| {
            m.image.map_or(0, |image| image.version)
        }),
    ];
    let loaded = || modules.iter().filter(|module| module.image.is_some());
    for (family, value) in numbers {
        each(out, family, loaded(), |module| (OfModule(module), value(module)))?;
    }
    let late = ["xmap_module_late_max_seconds", "gauge", "The longest time from an event to its handler."];
    each(out, late, loaded(), |module| (OfModule(module), Seconds(module.late_us.into())))
}

fn exports(out: &mut Text<'_>, exports: &[(&str, ExportMetrics)]) -> fmt::Result {
    type Of = fn(&ExportMetrics) -> u64;
    let counters: [([&str; 3], Of); 5] = [
        (["xmap_export_calls", "counter", "Calls of the export since its image became active."], |m| {
            m.calls.into()
        }),
        (["xmap_export_traps", "counter", "Calls that trapped."], |m| m.traps.into()),
        (["xmap_export_refused", "counter", "Calls that the module refused."], |m| m.refused.into()),
        (["xmap_export_fuel", "counter", "Words of fuel that calls took."], |m| m.fuel),
        (["xmap_export_fuel_max", "gauge", "The most fuel that a call took."], |m| m.fuel_max.into()),
    ];
    for (family, value) in counters {
        each(out, family, exports.iter(), |(key, of)| (OfExport(key, of), value(of)))?;
    }
    let late = ["xmap_export_late_max_seconds", "gauge", "The longest time from an event to the call."];
    each(out, late, exports.iter(), |(key, of)| (OfExport(key, of), Seconds(of.late_us_max.into())))?;
    let name = "xmap_export_time_seconds";
    family(out, name, "histogram", "How long calls took.")?;
    for (key, of) in exports {
        let labels = OfExport(key, of);
        let mut below = 0u64;
        for (bound, count) in BOUNDS_S.iter().zip(of.times) {
            below += u64::from(count);
            writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}")?;
        }
        writeln!(out, "{name}_count{{{labels}}} {below}\n{name}_sum{{{labels}}} {}", Seconds(of.time_us))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;

    use super::*;
    use crate::{BOUNDS_US, ImageInfo};

    #[test]
    fn bounds_are_those_of_the_buckets() {
        for (text, us) in BOUNDS_S.iter().zip(BOUNDS_US) {
            assert_eq!(text.parse::<f64>().unwrap(), f64::from(us) / 1e6);
        }
    }

    #[test]
    fn a_device_reads_like_this() {
        let image = ImageInfo { hash: [1; 32], version: 7, exports: 2 };
        let mut module = ModuleStatus { image: Some(image), life: Life::Running, ..ModuleStatus::default() };
        module.name.push_str("a\"b\\c").unwrap();
        let mut export = ExportMetrics { export: Some(1), calls: 3, time_us: 20, ..ExportMetrics::default() };
        (export.times[0], export.times[2]) = (1, 2);
        let others = ExportMetrics { export: None, calls: 1, ..ExportMetrics::default() };
        let snapshot = Snapshot {
            uptime_us: 3_000_001,
            calls: [3, 1],
            accesses: 4,
            frames: [9, 2],
            refused: None,
            hosts: &HostCounts::default(),
            modules: &[module, ModuleStatus::default()],
            exports: &[("panel.set", export), ("", others)],
        };
        let mut text = String::new();
        write(&mut text, Format::OpenMetrics, &snapshot).unwrap();
        for line in [
            "# TYPE xmap_uptime_seconds gauge\n# UNIT xmap_uptime_seconds seconds",
            "xmap_uptime_seconds 3.000001",
            "# TYPE xmap_calls counter",
            "xmap_calls_total 3",
            "xmap_module_running{module=\"0\",name=\"a\\\"b\\\\c\"} 1",
            "xmap_export_calls_total{module=\"0\",export=\"panel.set\"} 3",
            "xmap_export_calls_total{module=\"0\",export=\"other\"} 1",
            "xmap_export_time_seconds_bucket{module=\"0\",export=\"panel.set\",le=\"1e-06\"} 1",
            "xmap_export_time_seconds_bucket{module=\"0\",export=\"panel.set\",le=\"4e-06\"} 1",
            "xmap_export_time_seconds_bucket{module=\"0\",export=\"panel.set\",le=\"+Inf\"} 3",
            "xmap_export_time_seconds_count{module=\"0\",export=\"panel.set\"} 3",
            "xmap_export_time_seconds_sum{module=\"0\",export=\"panel.set\"} 0.000020",
        ] {
            assert!(text.contains(&std::format!("{line}\n")), "{line}: {text}");
        }
        assert!(!text.contains("xmap_requests_refused"), "what is not counted is left out");
        assert_eq!(text.matches("xmap_module_running{").count(), 1, "a module without an image has none");
        assert!(text.ends_with("# EOF\n"));

        let mut older = String::new();
        write(&mut older, Format::Prometheus, &snapshot).unwrap();
        assert!(older.contains("# TYPE xmap_calls_total counter\n# HELP xmap_calls_total "), "{older}");
        let samples = |text: &str| -> std::vec::Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
        };
        assert_eq!(samples(&older), samples(&text));
        // Each family is declared under the name of its samples.
        for sample in samples(&older) {
            let name = sample.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
            let declared = std::format!("# HELP {} ", family.unwrap_or(name));
            assert_eq!(older.matches(&declared).count(), 1, "{sample}");
        }
        assert!(!older.contains("# UNIT") && !older.contains("# EOF"));
    }
}
