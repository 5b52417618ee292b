//! `pwm.duty` and `pwm.pulse_us`: what is checked before a channel is set.

use xmap_abi::HostFunction;

use crate::host::unavailable;
use crate::native::Native;
use crate::{Fault, Port, TrapCode};

impl<P: Port> Native<'_, P> {
    /// Sets a channel: by `pwm.duty` or by `pwm.pulse_us`.
    ///
    /// # Errors
    /// `BadArgument` with the index of a channel that is not declared, or a value beyond what there is;
    /// `Unavailable`.
    pub(crate) fn pwm_set(&mut self, row: u8, index: u32, value: u32) -> Result<(), Fault> {
        let bad = |value: u32| Fault::new(TrapCode::BadArgument, value);
        let channel = self.image.pwm().get(index as usize).ok_or(bad(index))?;
        let is_duty = row == HostFunction::PwmDuty as u8;
        let high_ns = if is_duty { channel.duty_ns(value) } else { channel.pulse_ns(value) };
        let high_ns = high_ns.ok_or(bad(value))?;
        let is_set = self.port.pwm().is_some_and(|pwm| pwm.set(channel, high_ns));
        if is_set { Ok(()) } else { Err(unavailable(row)) }
    }
}
