//! Classes of operations, as a policy allows them.

use core::fmt;

use xmap_image::Op;

/// What an operation does to the world outside the module. Operations that only compute have no class: a
/// policy has nothing to say about them, since fuel and memory bound them.
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
}

impl OpClass {
    /// Every class, by number.
    pub const ALL: [OpClass; 6] =
        [Self::GpioWrite, Self::GpioRead, Self::GpioConfigure, Self::TimeNow, Self::TimeDelay, Self::Log];

    /// Its bit in [`crate::TrustedKey::ops`].
    pub const fn bit(self) -> u16 {
        1 << self as u8
    }

    /// Its name in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GpioWrite => "gpio.write",
            Self::GpioRead => "gpio.read",
            Self::GpioConfigure => "gpio.configure",
            Self::TimeNow => "time.now",
            Self::TimeDelay => "time.delay",
            Self::Log => "log",
        }
    }

    /// The class of an operation, where it has one.
    pub const fn of(op: Op) -> Option<Self> {
        Some(match op {
            Op::LineSet | Op::LineClear | Op::LinePut | Op::LineToggle | Op::MaskSet | Op::MaskClear => {
                Self::GpioWrite
            }
            Op::GpioSet | Op::GpioClear | Op::GpioPut | Op::GpioToggle | Op::GpioWrite => Self::GpioWrite,
            Op::LineGet | Op::BankRead | Op::GpioGet | Op::GpioRead => Self::GpioRead,
            Op::GpioDirection | Op::GpioPull => Self::GpioConfigure,
            Op::TimeNow => Self::TimeNow,
            Op::TimeDelay => Self::TimeDelay,
            Op::LogMessage => Self::Log,
            _ => return None,
        })
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
    fn every_native_operation_has_a_class_and_no_other_has() {
        for op in Op::ALL {
            let native = ["gpio.", "time.", "log."].iter().any(|start| op.text().starts_with(start));
            assert_eq!(OpClass::of(*op).is_some(), native, "{}", op.text());
        }
        assert_eq!(Op::ALL.iter().filter(|op| OpClass::of(**op).is_some()).count(), 20);
    }

    #[test]
    fn each_class_has_a_bit_and_a_name_of_its_own() {
        for (n, class) in OpClass::ALL.iter().enumerate() {
            assert_eq!(class.bit(), 1 << n);
            assert!(OpClass::ALL[..n].iter().all(|other| other.name() != class.name()));
        }
    }
}
