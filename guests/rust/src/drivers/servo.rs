// SPDX-License-Identifier: MIT OR Apache-2.0
//! A servo on a PWM channel with a period of 20 ms.

use crate::pwm;

/// A servo of 180 degrees.
#[derive(Clone, Copy, Debug)]
pub struct Servo(pub i32);

impl Servo {
    /// Turns to so many degrees, 0 to 180: pulses of 1 to 2 ms. More is 180.
    pub fn degrees(self, degrees: u32) {
        pwm::pulse_us(self.0, 1000 + degrees.min(180) * 1000 / 180);
    }

    /// Sends no pulse: the servo holds nothing.
    pub fn release(self) {
        pwm::pulse_us(self.0, 0);
    }
}
