//! What both sides see of a board: a port that notes everything that changes it, and whose answers
//! depend on all of that. So a change too many, too few or out of order shows, and a question asked too
//! early or too late. Questions themselves are not noted: the compiler may leave out what nobody uses.

use tiny_mapper::{Clock, Function, Gpio, Log, LogLevel, Port, Random};
use xmap_boards::{BANKS, Bank, Line, PinMask};
use xmap_image::Pull;

/// One operation on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A store to a set register.
    Set(Bank, PinMask),
    /// A store to a clear register.
    Clear(Bank, PinMask),
    /// A line became an input or an output.
    Select(u8, Function),
    /// A pull was connected.
    Pull(u8, Pull),
    /// A wait in microseconds.
    Delay(u32),
    /// A message.
    Log(LogLevel, String),
    /// So many random bytes.
    Random(usize),
}

/// The board.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// Everything since the load.
    pub(super) events: Vec<Event>,
    latch: [PinMask; BANKS],
    now_us: u64,
}

impl World {
    fn note(&mut self, event: Event) {
        // Time goes on a little with each change.
        self.now_us += 3;
        self.events.push(event);
    }
}

impl Gpio for World {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.latch[bank as usize] |= mask;
        self.note(Event::Set(bank, mask));
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.latch[bank as usize] &= !mask;
        self.note(Event::Clear(bank, mask));
    }

    fn level(&mut self, bank: Bank) -> PinMask {
        // What was written last, but for some bits that the world outside changes all the time.
        let outside = (self.now_us as u32).wrapping_mul(0x9e37_79b9) & 0x1248_1248;
        self.latch[bank as usize] ^ outside
    }

    fn select(&mut self, line: Line, function: Function) {
        self.note(Event::Select(line.number(), function));
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.note(Event::Pull(line.number(), pull));
    }
}

impl Clock for World {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }

    fn delay_us(&mut self, us: u32) {
        self.now_us += u64::from(us);
        self.note(Event::Delay(us));
    }
}

impl Log for World {
    fn log(&mut self, level: LogLevel, text: &str) {
        self.note(Event::Log(level, text.to_string()));
    }
}

impl Random for World {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.note(Event::Random(bytes.len()));
        let start = self.now_us as u8;
        let numbers = (1u32..).map(|n| n.wrapping_mul(0x9e37_79b9) as u8 ^ start);
        bytes.iter_mut().zip(numbers).for_each(|(byte, number)| *byte = number);
        true
    }
}

impl Port for World {
    fn random(&mut self) -> Option<&mut dyn Random> {
        Some(self)
    }
}
