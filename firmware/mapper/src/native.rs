//! The native operations of the guest ABI, on a [`Port`].
//!
//! Where the compiler knew the line, verification has checked it and the operation goes straight to
//! the port. Where only the call knows it, it is checked here against the lines that the image declares.

use xmap_boards::{Bank, Line, PinMask};
use xmap_image::{Image, PinMode};

use crate::{Fault, Function, LogLevel, Port, Pull, TrapCode, memory};

/// What an image may do with each line: bit *n* of a set is line *n*.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Lines to read.
    pub(crate) declared: u64,
    /// Lines to drive.
    pub(crate) writable: u64,
    /// Lines whose direction the module sets.
    pub(crate) selectable: u64,
    /// Lines whose pull the module sets.
    pub(crate) pullable: u64,
}

impl Lines {
    /// The lines of an image.
    pub(crate) fn of(image: &Image<'_>) -> Self {
        let mut lines =
            Self { declared: image.declared(), writable: image.writable(), selectable: 0, pullable: 0 };
        for pin in image.pins() {
            let bit = pin.line().mask64();
            match pin.mode() {
                PinMode::Out => {}
                PinMode::In => lines.pullable |= bit,
                PinMode::InOut | PinMode::Any => {
                    lines.pullable |= bit;
                    lines.selectable |= bit;
                }
            }
        }
        lines
    }
}

/// Whether `line` is in a set of lines.
#[inline(always)]
pub(crate) const fn is_in(lines: u64, line: u64) -> bool {
    line < 64 && lines >> line & 1 != 0
}

/// The bank of a line and its bit there. `line` is below 64; those that exist are below 58.
#[inline(always)]
pub(crate) const fn place(line: u8) -> (Bank, PinMask) {
    (if line < 32 { Bank::Zero } else { Bank::One }, 1 << (line & 31))
}

const fn undeclared(number: u32) -> Fault {
    Fault::new(TrapCode::UndeclaredLine, number)
}

/// The line, if it is in the set.
#[inline(always)]
const fn checked(lines: u64, line: u32) -> Result<u8, Fault> {
    if is_in(lines, line as u64) { Ok(line as u8) } else { Err(undeclared(line)) }
}

/// Drives a line.
#[inline(always)]
pub(crate) fn drive<P: Port>(port: &mut P, line: u8, high: bool) {
    let (bank, mask) = place(line);
    if high { port.set(bank, mask) } else { port.clear(bank, mask) }
}

/// The operations of one call.
#[derive(Debug)]
pub(crate) struct Native<'r, P> {
    pub(crate) port: &'r mut P,
    pub(crate) lines: Lines,
    /// Microseconds that the call may still wait.
    pub(crate) time_us: u32,
}

impl<P: Port> Native<'_, P> {
    /// Drives a line that verification has checked.
    #[inline(always)]
    pub(crate) fn drive(&mut self, line: u8, high: bool) {
        drive(self.port, line, high);
    }

    /// The level of a line that verification has checked, 0 or 1.
    #[inline(always)]
    pub(crate) fn level(&mut self, line: u8) -> u32 {
        let (bank, mask) = place(line);
        u32::from(self.port.level(bank) & mask != 0)
    }

    /// Drives a line that verification has checked to the opposite of its level.
    #[inline(always)]
    pub(crate) fn flip(&mut self, line: u8) {
        let high = self.level(line) == 0;
        self.drive(line, high);
    }

    /// `gpio.set`.
    #[inline(always)]
    pub(crate) fn put(&mut self, line: u32, high: bool) -> Result<(), Fault> {
        let line = checked(self.lines.writable, line)?;
        self.drive(line, high);
        Ok(())
    }

    /// `gpio.toggle`.
    pub(crate) fn toggle(&mut self, line: u32) -> Result<(), Fault> {
        let line = checked(self.lines.writable, line)?;
        self.flip(line);
        Ok(())
    }

    /// `gpio.get`.
    #[inline(always)]
    pub(crate) fn get(&mut self, line: u32) -> Result<u32, Fault> {
        let line = checked(self.lines.declared, line)?;
        Ok(self.level(line))
    }

    /// `gpio.read`.
    pub(crate) fn read(&mut self, bank: u32) -> Result<PinMask, Fault> {
        let bank = Bank::new(bank).ok_or(undeclared(bank))?;
        Ok(self.port.level(bank))
    }

    /// `gpio.write`: checks everything, then clears, then sets.
    pub(crate) fn write(&mut self, bank: u32, set: PinMask, clear: PinMask) -> Result<(), Fault> {
        let number = bank;
        let bank = Bank::new(bank).ok_or(undeclared(bank))?;
        let refused = (set | clear) & !bank.of(self.lines.writable);
        if refused != 0 {
            return Err(undeclared(number * 32 + refused.trailing_zeros()));
        }
        if clear != 0 {
            self.port.clear(bank, clear);
        }
        if set != 0 {
            self.port.set(bank, set);
        }
        Ok(())
    }

    /// `gpio.direction`.
    pub(crate) fn direction(&mut self, line: u32, out: bool) -> Result<(), Fault> {
        let number = checked(self.lines.selectable, line)?;
        let known = Line::new(number).ok_or(undeclared(line))?;
        self.port.select(known, if out { Function::Output } else { Function::Input });
        Ok(())
    }

    /// `gpio.pull`.
    pub(crate) fn pull(&mut self, line: u32, pull: u32) -> Result<(), Fault> {
        let number = checked(self.lines.pullable, line)?;
        let known = Line::new(number).ok_or(undeclared(line))?;
        let pull = Pull::from_u32(pull).ok_or(Fault::new(TrapCode::BadArgument, pull))?;
        self.port.pull(known, pull);
        Ok(())
    }

    /// `time.delay_us`: refused before it waits.
    pub(crate) fn delay(&mut self, us: u32) -> Result<(), Fault> {
        self.time_us = self.time_us.checked_sub(us).ok_or(Fault::new(TrapCode::Time, us))?;
        self.port.delay_us(us);
        Ok(())
    }

    /// `log.message`.
    #[cold]
    pub(crate) fn log(&mut self, memory: &[u8], level: u32, at: u32, len: u32) -> Result<(), Fault> {
        let text = memory::text(memory::range(memory, at, len)?, at)?;
        self.port.log(LogLevel::from_i32(level as i32), text);
        Ok(())
    }
}
