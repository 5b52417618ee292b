//! A port that keeps a digest of what it is asked.

use tiny_mapper::{Clock, Function, Gpio, Log, LogLevel, Port, Pull, Random};
use xmap_boards::{BANKS, Bank, Line, PinMask};

/// The digest, and what the port answers by.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Digest {
    digest: u64,
    now_us: u64,
    levels: [PinMask; BANKS],
}

impl Digest {
    fn note(&mut self, what: u32, value: u64) {
        let value = value ^ u64::from(what) << 56;
        self.digest = (self.digest.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Gpio for Digest {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.levels[bank as usize] |= mask;
        self.note(1 + bank as u32, mask.into());
    }
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.levels[bank as usize] &= !mask;
        self.note(3 + bank as u32, mask.into());
    }
    fn level(&mut self, bank: Bank) -> PinMask {
        self.levels[bank as usize] ^ self.now_us as u32
    }
    fn select(&mut self, line: Line, function: Function) {
        self.note(5, u64::from(line.number()) << 8 | function as u64);
    }
    fn pull(&mut self, line: Line, pull: Pull) {
        self.note(6, u64::from(line.number()) << 8 | pull as u64);
    }
}

impl Clock for Digest {
    fn now_us(&mut self) -> u64 {
        self.now_us += 1;
        self.now_us
    }
    fn delay_us(&mut self, us: u32) {
        self.now_us += u64::from(us);
        self.note(7, us.into());
    }
}

impl Log for Digest {
    fn log(&mut self, level: LogLevel, text: &str) {
        self.note(8, level as u64);
        text.chars().for_each(|c| self.note(9, u32::from(c).into()));
    }
}

impl Random for Digest {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.now_us += 1;
        bytes.fill(self.now_us as u8);
        self.note(11, bytes.len() as u64);
        true
    }
}

impl Port for Digest {
    fn random(&mut self) -> Option<&mut dyn Random> {
        Some(self)
    }
}
