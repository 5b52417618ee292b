//! I2C buses of the kernel, `/dev/i2c-N`.
//!
//! The kernel's driver clocks the bus: its rate is that of the device tree, its time limit has steps of 10
//! ms, and freeing a bus is its own affair. A transfer is one request of two messages, with a repeated start
//! between them.

use std::io;

use rppal::i2c::{Error, I2c};
use tiny_mapper::{BusStatus, I2cRow};

/// The steps of the kernel's time limits, in microseconds.
const STEP_US: u32 = 10_000;

/// The buses that were used, each opened when it is first asked for.
#[derive(Debug, Default)]
pub struct Buses(Vec<I2c>);

impl Buses {
    /// Does what [`tiny_mapper::I2c::write_read`] says. A bus that is not there is looked for again each
    /// time.
    pub fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let number = device.bus_number();
        let at = match self.0.iter().position(|bus| bus.bus() == number) {
            Some(at) => at,
            None => {
                self.0.push(I2c::with_bus(number).ok()?);
                self.0.len() - 1
            }
        };
        let bus = self.0.get_mut(at)?;
        // Refused where a driver of the kernel has the device.
        bus.set_slave_address(device.address().into()).ok()?;
        bus.set_timeout(limit_ms(device.timeout_us())).ok()?;
        let done = match (write, &mut *read) {
            ([], []) => bus.smbus_quick_command(false),
            (write, []) => bus.write(write).map(drop),
            ([], read) => bus.read(read).map(drop),
            (write, read) => bus.write_read(write, read),
        };
        Some(match done {
            Ok(()) => BusStatus::Ok,
            Err(Error::Io(error)) => status(&error)?,
            Err(_) => return None,
        })
    }
}

/// The limit as rppal takes it: whole steps, rounded up.
const fn limit_ms(us: u32) -> u32 {
    us.div_ceil(STEP_US) * (STEP_US / 1000)
}

/// Returns how a transfer ended by the kernel's error (its `Documentation/i2c/fault-codes.rst`); `None` where
/// no transfer began.
fn status(error: &io::Error) -> Option<BusStatus> {
    use rustix::io::Errno;

    const NACK: [Errno; 2] = [Errno::NXIO, Errno::REMOTEIO];
    let errno = Errno::from_io_error(error)?;
    Some(match errno {
        errno if NACK.contains(&errno) => BusStatus::Nack,
        // Also a device that holds the clock for longer than the controller waits.
        Errno::TIMEDOUT | Errno::IO => BusStatus::Timeout,
        Errno::AGAIN => BusStatus::ArbitrationLost,
        Errno::BUSY => BusStatus::Busy,
        Errno::OVERFLOW => BusStatus::Overrun,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn limits_are_rounded_up_to_steps() {
        assert_eq!([1, 10_000, 10_001, 100_000].map(limit_ms), [10, 10, 20, 100]);
    }

    #[test]
    fn errors_of_the_kernel_are_statuses() {
        for (errno, expected) in [
            (Errno::NXIO, Some(BusStatus::Nack)),
            (Errno::REMOTEIO, Some(BusStatus::Nack)),
            (Errno::TIMEDOUT, Some(BusStatus::Timeout)),
            (Errno::IO, Some(BusStatus::Timeout)),
            (Errno::AGAIN, Some(BusStatus::ArbitrationLost)),
            (Errno::BUSY, Some(BusStatus::Busy)),
            (Errno::OVERFLOW, Some(BusStatus::Overrun)),
            (Errno::OPNOTSUPP, None),
        ] {
            assert_eq!(status(&errno.into()), expected, "{errno}");
        }
    }

    #[test]
    fn a_bus_that_is_not_there_is_none() {
        let device = I2cRow::new(6, 0x48, 100_000, [1, 1], 1_000);
        assert_eq!(Buses::default().write_read(&device, &[0], &mut [0]), None);
    }
}
