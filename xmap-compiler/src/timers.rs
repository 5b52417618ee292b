//! The share of its time that a device spends on buses, over the timers of its modules.

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::report::{How, Report};
use xmap_image::{EventSource, ExportId, Image};

/// A timer whose handler transfers on buses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusTimer {
    /// The handler's key.
    pub key: String,
    /// The handler.
    pub export: ExportId,
    /// The most microseconds that the transfers of a call take.
    pub bus_us: u64,
    /// The timer's period.
    pub period_us: u32,
}

impl BusTimer {
    /// Returns the share of the time in millionths, rounded up.
    fn share(&self) -> u64 {
        (self.bus_us.saturating_mul(WHOLE)).div_ceil(u64::from(self.period_us.max(1)))
    }
}

/// All of the time, in millionths.
const WHOLE: u64 = 1_000_000;

/// The timers of an image whose handlers have a bound and transfer on buses.
pub fn bus_timers(image: &Image<'_>, report: &Report) -> Vec<BusTimer> {
    let events = image.manifest().unwrap_or_default().events;
    let timers = events.iter().filter_map(|event| {
        let EventSource::Every { every_us: period_us } = event.source else { return None };
        let export = ExportId(event.export);
        let key = image.key(export)?;
        let found = report.exports.iter().find(|export| export.key == key)?;
        // What has no bound is ended by its limits; nothing says how much of them is spent on a bus.
        let bus_us = if matches!(found.how, How::Fuelled(_)) { 0 } else { report.bus_us(found) };
        (bus_us != 0).then(|| BusTimer { key: key.to_string(), export, bus_us, period_us })
    });
    timers.collect()
}

/// Returns how much of the time timers spend on buses at most, in percent, with one digit behind the point.
pub fn percent(timers: &[BusTimer]) -> String {
    let tenths = timers.iter().map(BusTimer::share).sum::<u64>().div_ceil(WHOLE / 1_000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Checks that the transfers of timers take no more time than there is: a device does one thing at a time.
///
/// # Errors
/// X1313 with each of the handlers.
pub fn check(timers: &[BusTimer], place: Place) -> Result<(), Diagnostic> {
    if timers.iter().map(BusTimer::share).sum::<u64>() <= WHOLE {
        return Ok(());
    }
    let all: Vec<String> = timers
        .iter()
        .map(|timer| format!("{} takes {} us of each {} us", timer.key, timer.bus_us, timer.period_us))
        .collect();
    let message = format!("transfers of timers may take {} of the time: {}", percent(timers), all.join(", "));
    let help = "lengthen a period, lower `timeout_us` of a device, or transfer less often";
    Err(Diagnostic::new(Code::BusTime, place, message).help(help.to_string()))
}
