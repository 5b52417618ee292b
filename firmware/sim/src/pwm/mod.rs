//! Simulated PWM channels: what each has, and its level over time, which is worked out when it is asked for.

mod devices;

use std::collections::BTreeMap;
use std::fmt;

use tiny_mapper::Pwm;
use xmap_boards::Line;
use xmap_image::{FULL_DUTY, PwmRow};

pub use devices::{Fan, Servo};

use crate::{Change, EventKind, SimBoard};

/// A device that a PWM channel drives. A device that is written for a test implements this; [`Servo`] and
/// [`Fan`] are ready.
pub trait PwmDevice: fmt::Debug + Send + Sync {
    /// The channel has this from now on.
    fn drive(&mut self, wave: &Wave, now_us: u64);

    /// Sets something of the device from outside, as a script does (`set vent blocked true`).
    ///
    /// # Errors
    /// Why the device has not that, or not that value.
    fn set(&mut self, what: &str, value: &str, now_us: u64) -> Result<(), String>;

    /// Returns something of the device as it is at this time; `None` where it has not that.
    fn get(&self, what: &str, now_us: u64) -> Option<String>;

    /// Returns the same device once more, for a board that is copied.
    fn copied(&self) -> Box<dyn PwmDevice>;
}

/// What a PWM channel has from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wave {
    /// The line.
    pub line: Line,
    /// Microseconds from one rising edge to the next.
    pub period_us: u32,
    /// Nanoseconds of it that are high, from its beginning.
    pub high_ns: u32,
}

/// `PWM18 1000us high 250000ns`.
impl fmt::Display for Wave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PWM{} {}us high {}ns", self.line, self.period_us, self.high_ns)
    }
}

impl Wave {
    /// Returns whether the line is high so long after the beginning of a period.
    const fn is_high(&self, after_us: u64) -> bool {
        (after_us % self.period_us as u64) * 1000 < self.high_ns as u64
    }

    /// Returns something of the wave, as a script asks for it: `duty` of 65535, `percent`, `pulse_us`, or the
    /// degrees, 0 to 180, that a `servo` turns to by a pulse of 1 to 2 ms.
    pub fn get(&self, what: &str) -> Option<String> {
        let (high, period) = (u64::from(self.high_ns), u64::from(self.period_us) * 1000);
        let of = |all: u64| (high * all + period / 2) / period;
        Some(match what {
            "duty" => of(FULL_DUTY.into()).to_string(),
            "percent" => of(100).to_string(),
            "pulse_us" => ((high + 500) / 1000).to_string(),
            "servo" => ((high.clamp(1_000_000, 2_000_000) - 1_000_000) * 180 / 1_000_000).to_string(),
            _ => return None,
        })
    }
}

/// The channels of a board, by their lines.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// Those that were set, each with the time at which its periods began.
    waves: BTreeMap<Line, (Wave, u64)>,
    devices: BTreeMap<Line, Box<dyn PwmDevice>>,
}

impl Clone for Channels {
    fn clone(&self) -> Self {
        let devices = self.devices.iter().map(|(line, device)| (*line, device.copied()));
        Self { waves: self.waves.clone(), devices: devices.collect() }
    }
}

/// Edges of a channel that a waveform has at most: beyond, the line stays as it is.
const MAX_EDGES: usize = 1 << 20;

impl SimBoard {
    /// Connects a device to the channel of a line, in the place of the one that is there.
    pub fn attach_pwm(&mut self, line: Line, device: impl PwmDevice + 'static) {
        self.attach_pwm_boxed(line, Box::new(device));
    }

    pub(crate) fn attach_pwm_boxed(&mut self, line: Line, mut device: Box<dyn PwmDevice>) {
        if let Some(wave) = self.wave(line) {
            device.drive(&wave, self.time_us());
        }
        self.pwm.devices.insert(line, device);
    }

    /// The device that the channel of a line drives.
    pub fn pwm_device(&mut self, line: Line) -> Option<&mut dyn PwmDevice> {
        Some(&mut **self.pwm.devices.get_mut(&line)?)
    }

    /// Returns what the channel of a line has, once it was set.
    pub fn wave(&self, line: Line) -> Option<Wave> {
        Some(self.pwm.waves.get(&line)?.0)
    }

    /// The level of the line of a channel, once it was set.
    pub fn wave_level(&self, line: Line) -> Option<bool> {
        let (wave, since_us) = self.pwm.waves.get(&line)?;
        Some(wave.is_high(self.time_us() - since_us))
    }

    /// The changes of a channel's line up to now, as the record has the channel.
    pub(crate) fn wave_changes(&self, line: Line) -> Vec<Change> {
        let mut edges = Edges { line, high: false, changes: Vec::new() };
        let mut waves = self.events().iter().filter_map(|event| match &event.kind {
            EventKind::Wave(wave) if wave.line == line => Some((event.time_us, *wave)),
            _ => None,
        });
        // Periods go on where they began, unless they are others.
        let mut began: Option<(u32, u64)> = None;
        let mut next = waves.next();
        while let Some((from_us, wave)) = next {
            next = waves.next();
            let end_us = next.map_or(self.time_us(), |(time_us, _)| time_us);
            let goes_on = began.filter(|(period_us, _)| *period_us == wave.period_us);
            let (_, since_us) = *began.insert(goes_on.unwrap_or((wave.period_us, from_us)));
            edges.of(&wave, since_us, from_us, end_us);
        }
        edges.changes
    }
}

/// The edges of a channel's line.
struct Edges {
    line: Line,
    high: bool,
    changes: Vec<Change>,
}

impl Edges {
    fn push(&mut self, time_us: u64, high: bool) {
        if high != self.high && self.changes.len() < MAX_EDGES {
            self.high = high;
            self.changes.push(Change { time_us, step: u32::MAX, line: self.line, high });
        }
    }

    /// Those of a wave whose periods began at `since_us`, from one time to another.
    fn of(&mut self, wave: &Wave, since_us: u64, from_us: u64, end_us: u64) {
        let (period_us, high_us) = (u64::from(wave.period_us), u64::from(wave.high_ns.div_ceil(1000)));
        let first_us = from_us - (from_us - since_us) % period_us;
        self.push(from_us, wave.is_high(from_us - since_us));
        if high_us == 0 || high_us >= period_us {
            return;
        }
        let mut start_us = first_us;
        while start_us <= end_us && self.changes.len() < MAX_EDGES {
            for (time_us, high) in [(start_us, true), (start_us + high_us, false)] {
                if time_us > from_us && time_us <= end_us {
                    self.push(time_us, high);
                }
            }
            start_us += period_us;
        }
    }
}

impl Pwm for SimBoard {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        let Some(line) = channel.line(self.gpio().board().id) else { return false };
        let wave = Wave { line: line.line, period_us: channel.period_us(), high_ns };
        let before = self.pwm.waves.get(&wave.line).copied();
        if before.is_some_and(|(before, _)| before == wave) {
            return true;
        }
        let now_us = self.time_us();
        let same = before.filter(|(before, _)| before.period_us == wave.period_us);
        let since_us = same.map_or(now_us, |(_, since_us)| since_us);
        self.pwm.waves.insert(wave.line, (wave, since_us));
        if let Some(device) = self.pwm.devices.get_mut(&wave.line) {
            device.drive(&wave, now_us);
        }
        self.note_at(now_us, EventKind::Wave(wave));
        true
    }
}
