//! The wall clock of a device, and the schedules that wait for it.

use serde_json::{Value as Json, json};
use xmap_image::Stamp;
use xmap_link::ClockStatus;

/// Returns what the clock says, in one line.
pub fn clock_text(status: &ClockStatus) -> String {
    let ClockStatus { unix_us, schedules, next_us } = *status;
    let plural = if schedules == 1 { "" } else { "s" };
    match (unix_us < 0, schedules) {
        (true, 0) => "not known: nobody has set it".into(),
        (true, _) => {
            let waits = if schedules == 1 { "waits" } else { "wait" };
            format!(
                "NOT KNOWN: {schedules} schedule{plural} {waits} for it, and never run (`xmap clock set`)"
            )
        }
        (false, 0) => Stamp(unix_us).to_string(),
        (false, _) if next_us < 0 => format!("{}, {schedules} schedule{plural}", Stamp(unix_us)),
        (false, _) => {
            format!("{}, {schedules} schedule{plural}, next at {}", Stamp(unix_us), Stamp(next_us))
        }
    }
}

/// The line of `xmap status`; nothing for firmware that knows no wall clock.
pub fn clock_report(status: Option<&ClockStatus>) -> String {
    status.map_or(String::new(), |status| format!("{:<9} {}\n", "time", clock_text(status)))
}

/// The same for scripts: null where it is not known.
pub(super) fn clock_json(status: Option<&ClockStatus>) -> Json {
    let Some(status) = status else { return Json::Null };
    let stamp = |us: i64| (us >= 0).then(|| Stamp(us).to_string());
    let number = |us: i64| (us >= 0).then_some(us);
    json!({
        "utc": stamp(status.unix_us),
        "unix_us": number(status.unix_us),
        "schedules": status.schedules,
        "next": stamp(status.next_us),
        "next_us": number(status.next_us),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_known_says_what_never_runs() {
        let of = |unix_us, schedules, next_us| clock_text(&ClockStatus { unix_us, schedules, next_us });
        assert_eq!(of(-1, 0, -1), "not known: nobody has set it");
        assert_eq!(of(-1, 1, -1), "NOT KNOWN: 1 schedule waits for it, and never run (`xmap clock set`)");
        assert_eq!(of(0, 0, -1), "1970-01-01T00:00:00Z");
        assert_eq!(of(0, 2, 60_000_000), "1970-01-01T00:00:00Z, 2 schedules, next at 1970-01-01T00:01:00Z");
        assert_eq!(
            clock_json(Some(&ClockStatus { unix_us: -1, schedules: 1, next_us: -1 }))["utc"],
            Json::Null
        );
    }
}
