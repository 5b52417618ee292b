//! Classes of host functions, as an owner's policy allows them.

use core::fmt;

/// The class of a host function: its effect on the world outside the module. Operations that only compute
/// have no class: a policy has nothing to say about them, since fuel and memory bound them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpClass {
    /// Sets, clears, puts or toggles lines.
    GpioWrite = 0,
    /// Reads levels.
    GpioRead = 1,
    /// Changes direction or pull of a line.
    GpioConfigure = 2,
    /// Reads the clock.
    TimeNow = 3,
    /// Waits.
    TimeDelay = 4,
    /// Writes messages for people.
    Log = 5,
    /// Takes random numbers.
    Random = 6,
    /// Transfers on an I2C bus, to the devices that the image declares.
    I2c = 7,
    /// Transfers on an SPI bus, to the devices that the image declares.
    Spi = 8,
    /// Sets the PWM channels that the image declares.
    Pwm = 9,
    /// Sends and receives on the serial ports that the image declares.
    Uart = 10,
}

impl OpClass {
    /// Every class, by number.
    pub const ALL: [OpClass; 11] = [
        Self::GpioWrite,
        Self::GpioRead,
        Self::GpioConfigure,
        Self::TimeNow,
        Self::TimeDelay,
        Self::Log,
        Self::Random,
        Self::I2c,
        Self::Spi,
        Self::Pwm,
        Self::Uart,
    ];

    /// Returns its bit in a policy's set of classes.
    pub const fn bit(self) -> u16 {
        1 << self as u8
    }

    /// Returns its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GpioWrite => "gpio.write",
            Self::GpioRead => "gpio.read",
            Self::GpioConfigure => "gpio.configure",
            Self::TimeNow => "time.now",
            Self::TimeDelay => "time.delay",
            Self::Log => "log",
            Self::Random => "random",
            Self::I2c => "i2c",
            Self::Spi => "spi",
            Self::Pwm => "pwm",
            Self::Uart => "uart",
        }
    }
}

impl fmt::Display for OpClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_a_bit_and_a_name_of_its_own() {
        for (n, class) in OpClass::ALL.iter().enumerate() {
            assert_eq!(class.bit(), 1 << n);
            assert!(OpClass::ALL[..n].iter().all(|other| other.name() != class.name()));
        }
    }
}
