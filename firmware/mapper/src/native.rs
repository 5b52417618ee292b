//! The native operations of the guest ABI, on a [`Port`].
//!
//! Where the compiler knew the line, verification has checked it and the operation goes straight to
//! the port. Where only the call knows it, it is checked here against the lines that the image declares.

use xmap_boards::{BANKS, Bank, BoardId, Line, LineSet, PinMask};
use xmap_image::{Image, PinMode, Word, fuel as charge, opcode as op};

use crate::window::Window;
use crate::{Fault, Function, LogLevel, Port, Pull, TrapCode, memory};

/// A set of lines, by bank: the place of a line and whether it is in the set come from the same shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BankMasks([PinMask; BANKS]);

impl BankMasks {
    /// Splits a set of lines.
    fn of(lines: LineSet) -> Self {
        Self(Bank::ALL.map(|bank| lines.bank(bank)))
    }

    /// The bank of a line and its bit there, if it is in the set.
    #[inline(always)]
    pub(crate) fn find(&self, line: u64) -> Option<Place> {
        let (number, mask) = ((line >> 5) as usize, 1 << (line & 31));
        let lines = self.0.get(number)?;
        (lines & mask != 0).then_some((Bank::nth(number), mask))
    }

    /// The lines of a bank.
    const fn lines(&self, bank: Bank) -> PinMask {
        self.0[bank as usize]
    }
}

/// What an image may do with each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinMasks {
    /// The board whose banks may be named.
    board: BoardId,
    /// Lines to read.
    pub(crate) declared: BankMasks,
    /// Lines to drive.
    pub(crate) writable: BankMasks,
    /// Lines whose direction the module sets.
    pub(crate) selectable: BankMasks,
    /// Lines whose pull the module sets.
    pub(crate) pullable: BankMasks,
}

impl PinMasks {
    /// The lines of an image.
    pub(crate) fn of(image: &Image<'_>) -> Self {
        let (mut selectable, mut pullable) = (LineSet::EMPTY, LineSet::EMPTY);
        for pin in image.pins() {
            let bit = LineSet::of(pin.line());
            match pin.mode() {
                PinMode::Out => {}
                PinMode::In => pullable |= bit,
                PinMode::InOut | PinMode::Any => {
                    pullable |= bit;
                    selectable |= bit;
                }
            }
        }
        Self {
            board: image.board(),
            declared: BankMasks::of(image.declared()),
            writable: BankMasks::of(image.writable()),
            selectable: BankMasks::of(selectable),
            pullable: BankMasks::of(pullable),
        }
    }
}

/// The bank of a line and its bit there.
pub(crate) type Place = (Bank, PinMask);

/// The place of a line that verification has shown to exist.
#[inline(always)]
pub(crate) const fn place(line: u8) -> Place {
    (Bank::of(line), 1 << (line & 31))
}

const fn undeclared(number: u32) -> Fault {
    Fault::new(TrapCode::UndeclaredLine, number)
}

/// The place of a line, if it is in the set.
#[inline(always)]
fn checked(lines: &BankMasks, line: u32) -> Result<Place, Fault> {
    lines.find(u64::from(line)).ok_or(undeclared(line))
}

/// The line, if it is in the set.
fn known(lines: &BankMasks, line: u32) -> Result<Line, Fault> {
    checked(lines, line)?;
    Line::new(line as u8).ok_or(undeclared(line))
}

/// Pays for the length of an operation.
#[inline(always)]
pub(crate) fn paid(fuel: i64, words: u32) -> Result<i64, Fault> {
    let left = fuel - i64::from(words);
    if left < 0 { Err(Fault::new(TrapCode::Fuel, 0)) } else { Ok(left) }
}

/// Drives the line at a place.
#[inline(always)]
pub(crate) fn drive<P: Port>(port: &mut P, (bank, mask): Place, high: bool) {
    if high { port.set(bank, mask) } else { port.clear(bank, mask) }
}

/// The operations of one call.
#[derive(Debug)]
pub(crate) struct Native<'r, P> {
    pub(crate) port: &'r mut P,
    pub(crate) lines: PinMasks,
    /// The image, whose devices and zone calls ask for.
    #[cfg(feature = "host-calls")]
    pub(crate) image: &'r Image<'r>,
    /// Microseconds that the call may still wait.
    pub(crate) time_us: u32,
}

impl<P: Port> Native<'_, P> {
    /// Returns whether the line at a place is high.
    #[inline(always)]
    pub(crate) fn is_high(&mut self, (bank, mask): Place) -> bool {
        self.port.level(bank) & mask != 0
    }

    /// The clock. Apart from the loop: how a port reads it is often an instruction that the compiler does
    /// not look into, and a function that has one gets a table of arms of twice the size.
    #[inline(never)]
    pub(crate) fn now(&mut self) -> u64 {
        self.port.now_us()
    }

    /// Runs an op that takes its time anyway. `word` is its first. Returns the fuel that is left of `fuel`.
    ///
    /// # Errors
    /// Where a line, a bank or a pull is none that the image declares, where the call would wait too long,
    /// where a text is none, and where the fuel does not cover a text.
    // One function for all of them, so that the loop of ops stays small; cold, so that it keeps its own
    // values in registers.
    #[cold]
    #[inline(never)]
    pub(crate) fn rare(
        &mut self,
        word: Word,
        window: &mut Window,
        memory: &mut [u8],
        mut fuel: i64,
    ) -> Result<i64, Fault> {
        let [opcode, a, b, c] = word.to_le_bytes();
        let [x, y, z] = [a, b, c].map(|r| window[usize::from(r)] as u32);
        match opcode {
            op::GpioWrite => self.write(x, y, z)?,
            op::GpioDirection => {
                let function = if y != 0 { Function::Output } else { Function::Input };
                self.port.select(known(&self.lines.selectable, x)?, function);
            }
            op::GpioPull => {
                let line = known(&self.lines.pullable, x)?;
                let pull = Pull::from_u32(y).ok_or(Fault::new(TrapCode::BadArgument, y))?;
                self.port.pull(line, pull);
            }
            op::TimeDelay => {
                // Refused before it waits.
                self.time_us = self.time_us.checked_sub(x).ok_or(Fault::new(TrapCode::Time, x))?;
                self.port.delay_us(x);
            }
            #[cfg(feature = "host-calls")]
            op::HostCall => fuel = self.host_call([a, b], window, memory, fuel)?,
            // The last of them, `log.message`.
            _ => {
                let bytes = memory::range(memory, y, z)?;
                // Refused before it is read.
                fuel = paid(fuel, charge::of_text(z))?;
                self.port.log(LogLevel::from_i32(x as i32), memory::text(bytes, y)?);
            }
        }
        Ok(fuel)
    }

    /// The levels of the declared lines of a bank; bits of all other lines are zero.
    #[inline(always)]
    pub(crate) fn levels(&mut self, bank: Bank) -> PinMask {
        self.port.level(bank) & self.lines.declared.lines(bank)
    }

    /// Drives the line at a place to the opposite of its level.
    #[inline(never)]
    pub(crate) fn flip(&mut self, place: Place) {
        let high = !self.is_high(place);
        drive(self.port, place, high);
    }

    /// `gpio.read`.
    #[inline(always)]
    pub(crate) fn read(&mut self, bank: u32) -> Result<PinMask, Fault> {
        let bank = self.lines.board.board().bank(bank).ok_or(undeclared(bank))?;
        Ok(self.levels(bank))
    }

    /// `gpio.write`: checks everything, then clears, then sets.
    fn write(&mut self, number: u32, set: PinMask, clear: PinMask) -> Result<(), Fault> {
        let bank = self.lines.board.board().bank(number).ok_or(undeclared(number))?;
        let refused = (set | clear) & !self.lines.writable.lines(bank);
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
}
