//! A board as a script sees it: levels, time, and the trace of what the module did.

use std::fmt::{self, Write as _};

use super::clock::Clock;
use super::hosted::Held;
use super::{Manifest, Mode, Safe};

/// Why the board stops a call; the text is the trap's code in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop(pub(super) &'static str);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

pub(super) const UNDECLARED: Stop = Stop("undeclared_line");
pub(super) const BAD_ARGUMENT: Stop = Stop("bad_argument");
pub(super) const TIME: Stop = Stop("time");

#[derive(Clone, Copy, Default)]
struct Line {
    mode: Option<Mode>,
    is_output: bool,
    /// What was written last; the level of an output.
    written: bool,
    /// What the world outside drives, if it does.
    outside: Option<bool>,
    pull_up: bool,
}

impl Line {
    fn level(self) -> bool {
        if self.is_output { self.written } else { self.outside.unwrap_or(self.pull_up) }
    }
}

/// The board and its trace.
pub(super) struct Board {
    /// What the board is: its lines, and the names of its registers.
    data: &'static xmap_boards::Board,
    lines: Vec<Line>,
    now_us: u64,
    pub(super) clock: Clock,
    /// The state of the simulator's random numbers (SplitMix64).
    random: u64,
    /// Microseconds that the running call may still wait, and that each call may wait.
    left_us: u64,
    time_us: u64,
    /// The lines of the plain trace.
    pub(super) trace: String,
    /// What a program has written of a line.
    pub(super) held: Held,
    /// The memory of the module, once there is one.
    pub(super) memory: Option<wasmi::Memory>,
}

impl Board {
    /// The board with every line in its safe state, which leaves no trace.
    pub(super) fn new(manifest: &Manifest) -> Board {
        let mut lines = vec![Line::default(); usize::from(manifest.board.lines)];
        for (number, pin) in &manifest.pins {
            lines[usize::from(*number)] = Line {
                mode: Some(pin.mode),
                is_output: pin.mode == Mode::Out,
                written: pin.safe == Safe::High,
                outside: None,
                pull_up: pin.pull_up,
            };
        }
        let time_us = manifest.time_us;
        Board {
            data: manifest.board,
            lines,
            now_us: 0,
            clock: Clock::new(manifest.zone),
            random: 0,
            left_us: time_us,
            time_us,
            trace: String::new(),
            held: Held::default(),
            memory: None,
        }
    }

    /// A call begins: it may wait as long as any.
    pub(super) fn begin_call(&mut self) {
        self.left_us = self.time_us;
    }

    /// Brings the outputs into their safe state.
    pub(super) fn make_safe(&mut self, manifest: &Manifest) {
        for (number, pin) in manifest.pins.iter().filter(|(_, pin)| pin.mode != Mode::In) {
            let (bank, mask) = (usize::from(number / 32), 1 << (number % 32));
            match pin.safe {
                Safe::Low => self.store(bank, mask, false),
                Safe::High => self.store(bank, mask, true),
                Safe::Hold => {}
                Safe::Float => self.lines[usize::from(*number)].is_output = false,
            }
        }
    }

    /// A module takes the place of one that rested: outputs that floated are outputs again.
    pub(super) fn wake(&mut self, manifest: &Manifest) {
        for (number, pin) in &manifest.pins {
            if (pin.mode, pin.safe) == (Mode::Out, Safe::Float) {
                self.lines[usize::from(*number)].is_output = true;
            }
        }
    }

    /// Brings the lines into their state before the module runs, as at the first load: levels before
    /// directions.
    pub(super) fn prepare(&mut self, manifest: &Manifest) {
        let before = self.lines.clone();
        for (number, pin) in &manifest.pins {
            let (bank, mask) = (usize::from(number / 32), 1 << (number % 32));
            let was = before[usize::from(*number)];
            match pin.safe {
                _ if pin.mode == Mode::In => {}
                Safe::Low => self.store(bank, mask, false),
                Safe::High => self.store(bank, mask, true),
                // The level that it has; that of an output is stored already.
                Safe::Hold if !was.is_output => self.store(bank, mask, was.level()),
                Safe::Hold | Safe::Float => {}
            }
            let line = &mut self.lines[usize::from(*number)];
            line.pull_up = pin.pull_up;
            line.is_output = pin.mode == Mode::Out;
        }
    }

    /// Returns whether a line is high.
    pub(super) fn level(&self, line: u8) -> bool {
        self.lines[usize::from(line)].level()
    }

    /// Adds a line to the trace that is no store and no message.
    pub(super) fn tell(&mut self, line: &str) {
        let _ = writeln!(self.trace, "{line}");
    }

    pub(super) fn advance(&mut self, us: u64) {
        self.now_us += us;
    }

    /// Drives a line from outside. Returns false where there is no such line, or where it is an output: on a
    /// board, two drivers would fight.
    pub(super) fn drive_from_outside(&mut self, line: u8, high: bool) -> bool {
        let Some(line) = self.lines.get_mut(usize::from(line)) else { return false };
        line.outside = Some(high);
        !line.is_output
    }

    fn bank(&self, bank: i32) -> Result<usize, Stop> {
        let bank = usize::try_from(bank).ok();
        bank.filter(|bank| bank * 32 < self.lines.len()).ok_or(UNDECLARED)
    }

    fn line(&mut self, pin: i32, allowed: &[Mode]) -> Result<&mut Line, Stop> {
        let line = usize::try_from(pin).ok().and_then(|n| self.lines.get_mut(n));
        line.filter(|l| l.mode.is_some_and(|m| allowed.contains(&m))).ok_or(UNDECLARED)
    }

    /// One store to a set or a clear register.
    fn store(&mut self, bank: usize, mask: u32, high: bool) {
        if mask == 0 {
            return;
        }
        let register = if high { self.data.gpio.set.name } else { self.data.gpio.clear.name };
        let _ = writeln!(self.trace, "{register}{bank} 0x{mask:08x}");
        for bit in 0..32 {
            if mask >> bit & 1 != 0 {
                self.lines[bank * 32 + bit].written = high;
            }
        }
    }

    pub(super) fn set(&mut self, pin: i32, val: i32) -> Result<(), Stop> {
        self.line(pin, &[Mode::Out, Mode::InOut])?;
        self.store(pin as usize / 32, 1 << (pin % 32), val != 0);
        Ok(())
    }

    pub(super) fn get(&mut self, pin: i32) -> Result<i32, Stop> {
        let line = self.line(pin, &[Mode::In, Mode::Out, Mode::InOut])?;
        Ok(line.level().into())
    }

    pub(super) fn toggle(&mut self, pin: i32) -> Result<(), Stop> {
        let high = self.line(pin, &[Mode::Out, Mode::InOut])?.level();
        self.set(pin, (!high).into())
    }

    pub(super) fn write(&mut self, bank: i32, set: u32, clear: u32) -> Result<(), Stop> {
        let bank = self.bank(bank)?;
        for bit in 0..32 {
            if (set | clear) >> bit & 1 != 0 {
                self.line((bank * 32 + bit) as i32, &[Mode::Out, Mode::InOut])?;
            }
        }
        self.store(bank, clear, false);
        self.store(bank, set, true);
        Ok(())
    }

    pub(super) fn read(&self, bank: i32) -> Result<u32, Stop> {
        let lines = self.lines.iter().skip(self.bank(bank)? * 32).take(32);
        let declared = lines.enumerate().filter(|(_, line)| line.mode.is_some());
        Ok(declared.fold(0, |word, (bit, line)| word | u32::from(line.level()) << bit))
    }

    pub(super) fn direction(&mut self, pin: i32, out: i32) -> Result<(), Stop> {
        self.line(pin, &[Mode::InOut])?.is_output = out != 0;
        Ok(())
    }

    pub(super) fn pull(&mut self, pin: i32, pull: i32) -> Result<(), Stop> {
        let line = self.line(pin, &[Mode::In, Mode::InOut])?;
        match pull {
            0 | 2 => line.pull_up = false,
            1 => line.pull_up = true,
            _ => return Err(BAD_ARGUMENT),
        }
        Ok(())
    }

    /// Microseconds since boot.
    pub(super) fn now_us(&self) -> u64 {
        self.now_us
    }

    pub(super) fn delay(&mut self, us: u32) -> Result<(), Stop> {
        self.left_us = self.left_us.checked_sub(us.into()).ok_or(TIME)?;
        self.now_us += u64::from(us);
        Ok(())
    }

    /// The simulator's random bytes: SplitMix64 from state 0, whole words of 8 bytes for each request.
    pub(super) fn random(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend((z ^ z >> 31).to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    pub(super) fn log(&mut self, level: i32, text: &str) {
        let level = match level {
            0 => "DEBUG",
            1 => "INFO",
            _ => "WARN",
        };
        // A tab would act on a terminal, so traces show it.
        let _ = writeln!(self.trace, "log {level} {}", text.replace('\t', "\\t"));
    }
}
