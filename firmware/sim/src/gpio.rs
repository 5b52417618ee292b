//! The GPIO block, register by register (*BCM2711 ARM Peripherals*, section 5.2), without time and
//! without a record of accesses: those are [`crate::SimBoard`]'s.

use xmap_boards::{Bank, Line};

use crate::Register;

/// Every line that exists.
const LINES: u64 = (1 << Line::COUNT) - 1;

/// The function of a line, as `GPFSELn` has it.
const OUTPUT: u32 = 1;
/// The bits of a line in `GPFSELn`.
const SELECT_BITS: u32 = 0b111;
/// The pull of a line, as `GPIO_PUP_PDN_CNTRL_REGn` has it.
const PULL_UP: u32 = 1;
/// The bits of a line in `GPIO_PUP_PDN_CNTRL_REGn`.
const PULL_BITS: u32 = 0b11;

/// The registers and pads of the GPIO block.
///
/// After reset every line is an input without a pull and nobody drives it. (A real board's lines
/// have pulls at reset, which differ from line to line; a panel sets those that its image declares.)
///
/// What stands on a pad:
/// - an output has what was stored last to its bit of `GPSETn` or `GPCLRn`;
/// - any other line has what is connected to it from outside;
/// - and where nothing is, one with a pull towards 3.3 V, else zero.
///
/// **Auto direction.** A module without a manifest does not say which lines are outputs, and the panel leaves
/// their function select alone. [`Gpio::set_auto`] names such lines; for them the last event wins: a store to
/// `GPSETn` or `GPCLRn` makes the pad follow it as if the line were an output, and a level from outside
/// ([`Gpio::drive`]) makes it an input again, until the next store.
#[derive(Clone, Debug, Default)]
pub struct Gpio {
    select: [u32; 6],
    pull: [u32; 4],
    rising: u64,
    falling: u64,
    events: u64,
    /// What was stored last by `GPSETn` and `GPCLRn`.
    latch: u64,
    /// Lines whose function is output, as `select` has it.
    outputs: u64,
    /// Lines with a pull up, as `pull` has it.
    pulled_up: u64,
    /// Lines that something outside drives, and their levels.
    driven: u64,
    external: u64,
    /// Lines with auto direction, and those of them that follow the latch now.
    auto: u64,
    auto_out: u64,
    /// The levels, as they were when something changed last.
    levels: u64,
}

/// A line that is an output cannot be driven from outside: on a board two drivers would fight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contention {
    /// The line.
    pub line: Line,
}

impl std::fmt::Display for Contention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} is an output now: driving it from outside would short it", self.line)
    }
}

impl std::error::Error for Contention {}

impl Gpio {
    /// A block after reset.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads from a register.
    #[inline]
    pub fn read(&self, register: Register) -> u32 {
        match register {
            Register::Level(bank) => bank.of(self.levels),
            Register::Select(n) => word(&self.select, n),
            Register::Pull(n) => word(&self.pull, n),
            Register::Events(bank) => bank.of(self.events),
            Register::Rising(bank) => bank.of(self.rising),
            Register::Falling(bank) => bank.of(self.falling),
            Register::Set(_) | Register::Clear(_) => 0,
        }
    }

    /// Stores to a register. Bits of lines that do not exist are lost.
    #[inline]
    pub fn write(&mut self, register: Register, value: u32) {
        match register {
            Register::Set(bank) => {
                self.latch |= lines(bank, value);
                self.auto_out |= lines(bank, value) & self.auto;
            }
            Register::Clear(bank) => {
                self.latch &= !lines(bank, value);
                self.auto_out |= lines(bank, value) & self.auto;
            }
            Register::Level(_) => {}
            Register::Events(bank) => self.events &= !lines(bank, value),
            Register::Rising(bank) => replace(&mut self.rising, bank, value),
            Register::Falling(bank) => replace(&mut self.falling, bank, value),
            Register::Select(n) => {
                // 10 lines a register, 8 in the last one.
                let used = if n == 5 { (1 << 24) - 1 } else { (1 << 30) - 1 };
                store(&mut self.select, n, value & used);
                self.outputs = gather(&self.select, 10, SELECT_BITS, OUTPUT);
            }
            Register::Pull(n) => {
                let used = if n == 3 { (1 << 20) - 1 } else { u32::MAX };
                store(&mut self.pull, n, value & used);
                self.pulled_up = gather(&self.pull, 16, PULL_BITS, PULL_UP);
            }
        }
        self.settle();
    }

    /// Connects a level to a line from outside, or with `None` disconnects what was there.
    ///
    /// # Errors
    /// [`Contention`] where the line is an output.
    pub fn drive(&mut self, line: Line, level: Option<bool>) -> Result<(), Contention> {
        let mask = line.mask64();
        if self.outputs & mask != 0 && level.is_some() {
            return Err(Contention { line });
        }
        self.driven &= !mask;
        self.external &= !mask;
        if let Some(high) = level {
            self.driven |= mask;
            self.external |= if high { mask } else { 0 };
        }
        self.auto_out &= !mask;
        self.settle();
        Ok(())
    }

    /// What is connected to a line from outside.
    pub fn connected(&self, line: Line) -> Option<bool> {
        let mask = line.mask64();
        (self.driven & mask != 0).then_some(self.external & mask != 0)
    }

    /// Says which lines have auto direction; bit *n* is line *n*.
    pub fn set_auto(&mut self, lines: u64) {
        self.auto = lines & LINES;
        self.auto_out &= self.auto;
        self.settle();
    }

    /// Ends the auto direction of a line: from here on its function select says.
    pub(crate) fn leave_auto(&mut self, line: Line) {
        self.set_auto(self.auto & !line.mask64());
    }

    /// The levels of all lines; bit *n* is line *n*.
    #[inline]
    pub fn levels(&self) -> u64 {
        self.levels
    }

    /// Lines that drive their pad; bit *n* is line *n*.
    pub fn driving(&self) -> u64 {
        self.outputs | self.auto_out
    }

    /// Works the levels out anew and latches the edges that were asked for.
    #[inline]
    fn settle(&mut self) {
        let out = self.outputs | self.auto_out;
        let input = self.driven & self.external | !self.driven & self.pulled_up;
        let levels = (out & self.latch | !out & input) & LINES;
        let changed = levels ^ self.levels;
        self.events |= changed & (levels & self.rising | !levels & self.falling);
        self.levels = levels;
    }
}

fn word(words: &[u32], n: u8) -> u32 {
    words.get(usize::from(n)).copied().unwrap_or(0)
}

fn store(words: &mut [u32], n: u8, value: u32) {
    if let Some(word) = words.get_mut(usize::from(n)) {
        *word = value;
    }
}

/// A bank's word as a set over all banks.
fn lines(bank: Bank, value: u32) -> u64 {
    (u64::from(value) << (32 * bank as u32)) & LINES
}

fn replace(all: &mut u64, bank: Bank, value: u32) {
    *all = *all & !lines(bank, u32::MAX) | lines(bank, value);
}

/// The lines whose field, of `per_word` in each word, holds `wanted`.
fn gather(words: &[u32], per_word: u32, bits: u32, wanted: u32) -> u64 {
    let width = bits.count_ones();
    (0..u32::from(Line::COUNT))
        .filter(|n| words[(n / per_word) as usize] >> (n % per_word * width) & bits == wanted)
        .fold(0, |set, n| set | 1 << n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u8) -> Line {
        Line::new(n).unwrap()
    }

    fn output(gpio: &mut Gpio, n: u8) {
        let register = Register::select_of(line(n));
        let value = gpio.read(register) | 1 << (3 * (n % 10));
        gpio.write(register, value);
    }

    #[test]
    fn an_output_has_what_was_stored_and_an_input_keeps_it_for_later() {
        let mut gpio = Gpio::new();
        gpio.write(Register::Set(Bank::Zero), 1 << 17);
        assert_eq!(gpio.levels(), 0, "an input does not show its latch");
        output(&mut gpio, 17);
        assert_eq!(gpio.read(Register::Level(Bank::Zero)), 1 << 17);
        gpio.write(Register::Clear(Bank::Zero), 1 << 17);
        assert_eq!(gpio.levels(), 0);
    }

    #[test]
    fn set_and_clear_read_as_zero_and_level_cannot_be_stored() {
        let mut gpio = Gpio::new();
        output(&mut gpio, 40);
        gpio.write(Register::Set(Bank::One), 1 << 8);
        gpio.write(Register::Level(Bank::One), 0);
        assert_eq!(gpio.read(Register::Set(Bank::One)), 0);
        assert_eq!(gpio.read(Register::Clear(Bank::One)), 0);
        assert_eq!(gpio.read(Register::Level(Bank::One)), 1 << 8);
    }

    #[test]
    fn an_input_has_the_outside_level_before_its_pull() {
        let mut gpio = Gpio::new();
        gpio.write(Register::Pull(1), 0b01 << 2); // Line 17 up.
        assert_eq!(gpio.levels(), 1 << 17);
        gpio.drive(line(17), Some(false)).unwrap();
        assert_eq!(gpio.levels(), 0);
        gpio.drive(line(17), None).unwrap();
        assert_eq!(gpio.levels(), 1 << 17);
        gpio.write(Register::Pull(1), 0b10 << 2); // Down.
        assert_eq!(gpio.levels(), 0);
    }

    #[test]
    fn an_output_cannot_be_driven() {
        let mut gpio = Gpio::new();
        output(&mut gpio, 5);
        assert_eq!(gpio.drive(line(5), Some(true)), Err(Contention { line: line(5) }));
        assert_eq!(gpio.drive(line(5), None), Ok(()));
    }

    #[test]
    fn only_the_edges_that_were_asked_for_latch() {
        let mut gpio = Gpio::new();
        gpio.write(Register::Rising(Bank::Zero), 1 << 4);
        gpio.write(Register::Falling(Bank::Zero), 1 << 6);
        let mut pulse = |n| {
            gpio.drive(line(n), Some(true)).unwrap();
            let up = gpio.read(Register::Events(Bank::Zero));
            gpio.drive(line(n), Some(false)).unwrap();
            (up, gpio.read(Register::Events(Bank::Zero)))
        };
        assert_eq!(pulse(4), (1 << 4, 1 << 4));
        assert_eq!(pulse(6), (1 << 4, 1 << 4 | 1 << 6));
        assert_eq!(pulse(8), (1 << 4 | 1 << 6, 1 << 4 | 1 << 6));
        gpio.write(Register::Events(Bank::Zero), 1 << 4);
        assert_eq!(gpio.read(Register::Events(Bank::Zero)), 1 << 6, "ones forget");
    }

    #[test]
    fn the_last_event_wins_on_a_line_with_auto_direction() {
        let mut gpio = Gpio::new();
        gpio.set_auto(1 << 3);
        gpio.write(Register::Set(Bank::Zero), 1 << 3 | 1 << 4);
        assert_eq!(gpio.levels(), 1 << 3, "line 4 is an input still");
        gpio.drive(line(3), Some(false)).unwrap();
        assert_eq!(gpio.levels(), 0);
        gpio.write(Register::Set(Bank::Zero), 1 << 3);
        assert_eq!(gpio.levels(), 1 << 3);
        gpio.leave_auto(line(3));
        assert_eq!(gpio.levels(), 0, "an input by its function select");
    }

    #[test]
    fn lines_that_do_not_exist_stay_zero() {
        let mut gpio = Gpio::new();
        gpio.write(Register::Select(5), u32::MAX);
        gpio.write(Register::Pull(3), u32::MAX);
        gpio.write(Register::Rising(Bank::One), u32::MAX);
        assert_eq!(gpio.read(Register::Select(5)), (1 << 24) - 1);
        assert_eq!(gpio.read(Register::Pull(3)), (1 << 20) - 1);
        assert_eq!(gpio.read(Register::Rising(Bank::One)), (1 << 26) - 1);
        assert_eq!(gpio.read(Register::Select(9)), 0, "no such register");
    }
}
