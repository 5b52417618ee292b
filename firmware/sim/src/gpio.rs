//! The GPIO block of a board, register by register, without time and without a record of accesses: those are
//! [`crate::SimBoard`]'s.

use xmap_boards::{Board, BoardId, Line, LineSet, Register, RegisterKind, Registers};

/// The value of an output in a select register.
const OUTPUT: u32 = 1;
/// The value of a pull towards 3.3 V in a pull register.
const PULL_UP: u32 = 1;
/// Select or pull registers of a board.
const WORDS: usize = 16;

/// The registers and pads of the GPIO block.
///
/// After reset every line is an input without a pull and nobody drives it. (A real board's lines
/// have pulls at reset, which differ from line to line; a panel sets those that its image declares.)
///
/// What stands on a pad:
/// - an output has what was stored last to its bit of a set or a clear register;
/// - any other line has what is connected to it from outside;
/// - and where nothing is, one with a pull towards 3.3 V, else zero.
///
/// **Auto direction.** A module without a manifest does not say which lines are outputs, and the panel leaves
/// their function select alone. [`Gpio::set_auto`] names such lines; for them the last event wins: a store to
/// a set or a clear register makes the pad follow it as if the line were an output, and a level from outside
/// ([`Gpio::drive`]) makes it an input again, until the next store.
#[derive(Clone, Debug)]
pub struct Gpio {
    board: &'static Board,
    /// Every line that exists.
    lines: LineSet,
    select: [u32; WORDS],
    pull: [u32; WORDS],
    rising: LineSet,
    falling: LineSet,
    events: LineSet,
    /// The levels that were stored last.
    latch: LineSet,
    /// Lines whose function is output, as `select` has it.
    outputs: LineSet,
    /// Lines with a pull up, as `pull` has it.
    pulled_up: LineSet,
    /// Lines that something outside drives, and their levels.
    driven: LineSet,
    external: LineSet,
    /// Lines with auto direction, and those of them that follow the latch now.
    auto: LineSet,
    auto_out: LineSet,
    /// The levels, as they were when something changed last.
    levels: LineSet,
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
    /// Makes the block of a board, as it is after reset.
    pub fn new(board: BoardId) -> Self {
        let (board, none) = (board.board(), LineSet::EMPTY);
        Self {
            board,
            lines: board.all_lines(),
            select: [0; WORDS],
            pull: [0; WORDS],
            rising: none,
            falling: none,
            events: none,
            latch: none,
            outputs: none,
            pulled_up: none,
            driven: none,
            external: none,
            auto: none,
            auto_out: none,
            levels: none,
        }
    }

    /// Returns the board.
    pub fn board(&self) -> &'static Board {
        self.board
    }

    /// Loads from a register.
    #[inline]
    pub fn read(&self, register: Register) -> u32 {
        let of = |lines: LineSet| register.bank().map_or(0, |bank| lines.bank(bank));
        match register.kind {
            RegisterKind::Level => of(self.levels),
            RegisterKind::Select => word(&self.select, register.index),
            RegisterKind::Pull => word(&self.pull, register.index),
            RegisterKind::Events => of(self.events),
            RegisterKind::Rising => of(self.rising),
            RegisterKind::Falling => of(self.falling),
            RegisterKind::Set | RegisterKind::Clear => 0,
        }
    }

    /// Stores to a register. Bits of lines that do not exist are lost.
    #[inline]
    pub fn write(&mut self, register: Register, value: u32) {
        let of =
            |value| register.bank().map_or(LineSet::EMPTY, |bank| LineSet::of_bank(bank, value)) & self.lines;
        let (lines, bank) = (of(value), of(u32::MAX));
        match register.kind {
            RegisterKind::Set => {
                self.latch |= lines;
                self.auto_out |= lines & self.auto;
            }
            RegisterKind::Clear => {
                self.latch -= lines;
                self.auto_out |= lines & self.auto;
            }
            RegisterKind::Level => {}
            RegisterKind::Events => self.events -= lines,
            RegisterKind::Rising => self.rising = (self.rising - bank) | lines,
            RegisterKind::Falling => self.falling = (self.falling - bank) | lines,
            RegisterKind::Select => {
                store(&mut self.select, register.index, value, self.board, &self.board.gpio.select);
                self.outputs = gather(&self.select, self.lines, &self.board.gpio.select, OUTPUT);
            }
            RegisterKind::Pull => {
                store(&mut self.pull, register.index, value, self.board, &self.board.gpio.pull);
                self.pulled_up = gather(&self.pull, self.lines, &self.board.gpio.pull, PULL_UP);
            }
        }
        self.settle();
    }

    /// Connects a level to a line from outside, or with `None` disconnects what was there.
    ///
    /// # Errors
    /// [`Contention`] where the line is an output.
    pub fn drive(&mut self, line: Line, level: Option<bool>) -> Result<(), Contention> {
        if self.outputs.contains(line) && level.is_some() {
            return Err(Contention { line });
        }
        self.driven.put(line, level.is_some());
        self.external.put(line, level == Some(true));
        self.auto_out.put(line, false);
        self.settle();
        Ok(())
    }

    /// Returns what is connected to a line from outside.
    pub fn connected(&self, line: Line) -> Option<bool> {
        self.driven.contains(line).then_some(self.external.contains(line))
    }

    /// Sets the lines with auto direction.
    pub fn set_auto(&mut self, lines: LineSet) {
        self.auto = lines & self.lines;
        self.auto_out &= self.auto;
        self.settle();
    }

    /// Ends the auto direction of a line: from here on its function select says.
    pub(crate) fn leave_auto(&mut self, line: Line) {
        self.set_auto(self.auto - LineSet::of(line));
    }

    /// Returns the lines that are high.
    #[inline]
    pub fn levels(&self) -> LineSet {
        self.levels
    }

    /// Returns the lines that drive their pad.
    pub fn driving(&self) -> LineSet {
        self.outputs | self.auto_out
    }

    /// Works the levels out anew and latches the edges that were asked for.
    #[inline]
    fn settle(&mut self) {
        let out = self.outputs | self.auto_out;
        let input = self.driven & self.external | (self.pulled_up - self.driven);
        let levels = (out & self.latch | (input - out)) & self.lines;
        let changed = levels ^ self.levels;
        self.events |= changed & (levels & self.rising | (self.falling - levels));
        self.levels = levels;
    }
}

fn word(words: &[u32], n: u8) -> u32 {
    words.get(usize::from(n)).copied().unwrap_or(0)
}

/// Stores to a word those bits that a line of the board has.
fn store(words: &mut [u32], n: u8, value: u32, board: &Board, registers: &Registers) {
    if let Some(word) = words.get_mut(usize::from(n)) {
        let lines = board.lines.saturating_sub(n * registers.lines()).min(registers.lines());
        let used = u32::MAX.checked_shr(32 - u32::from(lines * registers.bits)).unwrap_or(0);
        *word = value & used;
    }
}

/// Returns the lines whose bits hold `wanted`.
fn gather(words: &[u32], lines: LineSet, registers: &Registers, wanted: u32) -> LineSet {
    let holds = |line: &Line| {
        word(words, registers.index(*line)) >> registers.shift(*line) & registers.mask() == wanted
    };
    lines.iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use xmap_boards::{Bank, RPI4B};

    use super::*;

    fn line(n: u8) -> Line {
        Line::new(n).unwrap()
    }

    fn lines(low: u32) -> LineSet {
        LineSet::of_bank(Bank::Zero, low)
    }

    fn register(kind: RegisterKind, bank: Bank) -> Register {
        RPI4B.register(kind, bank)
    }

    fn output(gpio: &mut Gpio, n: u8) {
        let register = RPI4B.register_of(RegisterKind::Select, line(n));
        let value = gpio.read(register) | 1 << (3 * (n % 10));
        gpio.write(register, value);
    }

    #[test]
    fn an_output_has_what_was_stored_and_an_input_keeps_it_for_later() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.write(register(RegisterKind::Set, Bank::Zero), 1 << 17);
        assert_eq!(gpio.levels(), LineSet::EMPTY, "an input does not show its latch");
        output(&mut gpio, 17);
        assert_eq!(gpio.read(register(RegisterKind::Level, Bank::Zero)), 1 << 17);
        gpio.write(register(RegisterKind::Clear, Bank::Zero), 1 << 17);
        assert_eq!(gpio.levels(), LineSet::EMPTY);
    }

    #[test]
    fn set_and_clear_read_as_zero_and_level_cannot_be_stored() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        output(&mut gpio, 40);
        gpio.write(register(RegisterKind::Set, Bank::One), 1 << 8);
        gpio.write(register(RegisterKind::Level, Bank::One), 0);
        assert_eq!(gpio.read(register(RegisterKind::Set, Bank::One)), 0);
        assert_eq!(gpio.read(register(RegisterKind::Clear, Bank::One)), 0);
        assert_eq!(gpio.read(register(RegisterKind::Level, Bank::One)), 1 << 8);
    }

    #[test]
    fn an_input_has_the_outside_level_before_its_pull() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.write(RPI4B.register_of(RegisterKind::Pull, line(16)), 0b01 << 2); // Line 17 up.
        assert_eq!(gpio.levels(), lines(1 << 17));
        gpio.drive(line(17), Some(false)).unwrap();
        assert_eq!(gpio.levels(), LineSet::EMPTY);
        gpio.drive(line(17), None).unwrap();
        assert_eq!(gpio.levels(), lines(1 << 17));
        gpio.write(RPI4B.register_of(RegisterKind::Pull, line(16)), 0b10 << 2); // Down.
        assert_eq!(gpio.levels(), LineSet::EMPTY);
    }

    #[test]
    fn an_output_cannot_be_driven() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        output(&mut gpio, 5);
        assert_eq!(gpio.drive(line(5), Some(true)), Err(Contention { line: line(5) }));
        assert_eq!(gpio.drive(line(5), None), Ok(()));
    }

    #[test]
    fn only_the_edges_that_were_asked_for_latch() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.write(register(RegisterKind::Rising, Bank::Zero), 1 << 4);
        gpio.write(register(RegisterKind::Falling, Bank::Zero), 1 << 6);
        let mut pulse = |n| {
            gpio.drive(line(n), Some(true)).unwrap();
            let up = gpio.read(register(RegisterKind::Events, Bank::Zero));
            gpio.drive(line(n), Some(false)).unwrap();
            (up, gpio.read(register(RegisterKind::Events, Bank::Zero)))
        };
        assert_eq!(pulse(4), (1 << 4, 1 << 4));
        assert_eq!(pulse(6), (1 << 4, 1 << 4 | 1 << 6));
        assert_eq!(pulse(8), (1 << 4 | 1 << 6, 1 << 4 | 1 << 6));
        gpio.write(register(RegisterKind::Events, Bank::Zero), 1 << 4);
        assert_eq!(gpio.read(register(RegisterKind::Events, Bank::Zero)), 1 << 6, "ones forget");
    }

    #[test]
    fn the_last_event_wins_on_a_line_with_auto_direction() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.set_auto(lines(1 << 3));
        gpio.write(register(RegisterKind::Set, Bank::Zero), 1 << 3 | 1 << 4);
        assert_eq!(gpio.levels(), lines(1 << 3), "line 4 is an input still");
        gpio.drive(line(3), Some(false)).unwrap();
        assert_eq!(gpio.levels(), LineSet::EMPTY);
        gpio.write(register(RegisterKind::Set, Bank::Zero), 1 << 3);
        assert_eq!(gpio.levels(), lines(1 << 3));
        gpio.leave_auto(line(3));
        assert_eq!(gpio.levels(), LineSet::EMPTY, "an input by its function select");
    }

    #[test]
    fn lines_that_do_not_exist_stay_zero() {
        let mut gpio = Gpio::new(BoardId::Rpi4b);
        gpio.write(RPI4B.register_of(RegisterKind::Select, line(50)), u32::MAX);
        gpio.write(RPI4B.register_of(RegisterKind::Pull, line(48)), u32::MAX);
        gpio.write(register(RegisterKind::Rising, Bank::One), u32::MAX);
        assert_eq!(gpio.read(RPI4B.register_of(RegisterKind::Select, line(50))), (1 << 24) - 1);
        assert_eq!(gpio.read(RPI4B.register_of(RegisterKind::Pull, line(48))), (1 << 20) - 1);
        assert_eq!(gpio.read(register(RegisterKind::Rising, Bank::One)), (1 << 26) - 1);
    }
}
