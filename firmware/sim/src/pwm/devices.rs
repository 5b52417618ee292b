//! Ready devices on PWM channels: a servo and a fan. Both are slower than their pulses.

use super::{PwmDevice, Wave};

/// A value that goes to another at a rate, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Slow {
    value: u64,
    since_us: u64,
    target: u64,
    /// Thousandths in a second.
    per_s: u64,
}

impl Slow {
    const fn new(value: u64, per_s: u64) -> Self {
        Self { value, since_us: 0, target: value, per_s }
    }

    fn at(&self, now_us: u64) -> u64 {
        let most = u128::from(now_us.saturating_sub(self.since_us)) * u128::from(self.per_s) / 1_000_000;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        if self.target >= self.value {
            self.value.saturating_add(most).min(self.target)
        } else {
            self.value.saturating_sub(most).max(self.target)
        }
    }

    fn go_to(&mut self, target: u64, now_us: u64) {
        (self.value, self.since_us, self.target) = (self.at(now_us), now_us, target);
    }
}

/// A value of a script that is yes or no.
fn flag(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "this is `true` or `false`".to_owned())
}

/// A servo of 180 degrees: pulses of 1 to 2 ms, 300 degrees in a second. Without pulses it stays where it is.
#[derive(Clone, Debug)]
pub struct Servo {
    millidegrees: Slow,
    /// The angle of the latest pulse.
    asked: u64,
    blocked: bool,
}

impl Default for Servo {
    /// In the middle.
    fn default() -> Self {
        Self { millidegrees: Slow::new(90_000, 300_000), asked: 90_000, blocked: false }
    }
}

impl Servo {
    fn go(&mut self, now_us: u64) {
        let target = if self.blocked { self.millidegrees.at(now_us) } else { self.asked };
        self.millidegrees.go_to(target, now_us);
    }
}

impl PwmDevice for Servo {
    fn drive(&mut self, wave: &Wave, now_us: u64) {
        if wave.high_ns != 0 {
            let pulse = u64::from(wave.high_ns.clamp(1_000_000, 2_000_000)) - 1_000_000;
            self.asked = pulse * 180 / 1_000;
        } else {
            self.asked = self.millidegrees.at(now_us);
        }
        self.go(now_us);
    }

    fn set(&mut self, what: &str, value: &str, now_us: u64) -> Result<(), String> {
        if what != "blocked" {
            return Err("it can be `blocked`".into());
        }
        self.blocked = flag(value)?;
        self.go(now_us);
        Ok(())
    }

    fn get(&self, what: &str, now_us: u64) -> Option<String> {
        match what {
            "degrees" => Some(((self.millidegrees.at(now_us) + 500) / 1_000).to_string()),
            "blocked" => Some(self.blocked.to_string()),
            _ => None,
        }
    }

    fn copied(&self) -> Box<dyn PwmDevice> {
        Box::new(self.clone())
    }
}

/// A fan of 3000 turns a minute at a full duty, which it reaches in two seconds. It stands below a fifth.
#[derive(Clone, Debug)]
pub struct Fan {
    millirpm: Slow,
    asked: u64,
    blocked: bool,
}

/// Turns a minute, in thousandths.
const FULL_MILLIRPM: u64 = 3_000_000;

impl Default for Fan {
    /// It stands.
    fn default() -> Self {
        Self { millirpm: Slow::new(0, FULL_MILLIRPM / 2), asked: 0, blocked: false }
    }
}

impl PwmDevice for Fan {
    fn drive(&mut self, wave: &Wave, now_us: u64) {
        let (high, period) = (u64::from(wave.high_ns), u64::from(wave.period_us) * 1_000);
        let asked = FULL_MILLIRPM * high / period.max(1);
        self.asked = if asked * 5 < FULL_MILLIRPM { 0 } else { asked };
        if !self.blocked {
            self.millirpm.go_to(self.asked, now_us);
        }
    }

    fn set(&mut self, what: &str, value: &str, now_us: u64) -> Result<(), String> {
        if what != "blocked" {
            return Err("it can be `blocked`".into());
        }
        self.blocked = flag(value)?;
        if self.blocked {
            // What blocks it stops it at once.
            self.millirpm = Slow::new(0, self.millirpm.per_s);
        }
        self.millirpm.go_to(if self.blocked { 0 } else { self.asked }, now_us);
        Ok(())
    }

    fn get(&self, what: &str, now_us: u64) -> Option<String> {
        match what {
            "rpm" => Some(((self.millirpm.at(now_us) + 500) / 1_000).to_string()),
            "blocked" => Some(self.blocked.to_string()),
            _ => None,
        }
    }

    fn copied(&self) -> Box<dyn PwmDevice> {
        Box::new(self.clone())
    }
}
