// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fan on a PWM channel of 25 kHz, as fans with four wires have it.

use crate::pwm;

/// A fan.
#[derive(Clone, Copy, Debug)]
pub struct Fan(pub i32);

/// The least that a fan turns at.
const LEAST_PERCENT: u32 = 20;

impl Fan {
    /// Sets how fast it turns, 0 to 100 percent of what it can; a little is the least that it turns at.
    pub fn percent(self, percent: u32) {
        let percent = if percent == 0 { 0 } else { percent.clamp(LEAST_PERCENT, 100) };
        pwm::duty(self.0, ((percent * 65_535 + 50) / 100) as u16);
    }
}
