//! Calls of an image, counted in the emulator: the host's half of `firmware/rpi4b/src/bin/bench.rs`.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::NamedTempFile;
use xmap_image::Word;

use crate::emulator::Machine;
use crate::firmware::{self, Built, Program};

/// A whole plan may take this long.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The chips of a board whose buses are counted: a transfer that nobody acknowledges ends before its first
/// byte.
const BUS_CHIPS: [&str; 2] = ["tmp105,address=0x48", "w25q80bl,bus=spi"];

/// The counts, in AArch64 instructions: from the first of a function that is `Mapper::call` and
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// To the call's return, with the port of the flashed program: the board's, with a record that is full.
    Return = 0,
    /// To the first store to a set or clear register, with the board's bare port.
    Store = 1,
    /// To the first store, with the port of the flashed program.
    StoreAsFlashed = 2,
    /// Events of a timer: [`Bench::events`].
    Events = 3,
    /// To the call's return, with the board's bare port.
    BareReturn = 4,
    /// What it takes until an image answers: [`Bench::mount`].
    Mount = 5,
    /// To the store of the first byte to a bus's FIFO, with the board's bare port, in the order of the buses.
    Bus = 6,
}

/// A call of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The export's number in the image.
    pub export: u16,
    /// Its arguments, at most 16.
    pub args: Vec<u64>,
}

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Instructions; `None` where a store was to be counted, and there was none.
    pub insns: Option<u32>,
    /// The trap's code, or 0.
    pub trap: u8,
}

/// The counting program with what it printed beside the counts.
pub struct Bench {
    program: Built,
}

/// Counts, and the RAM that a mapper takes.
#[derive(Clone, Debug)]
pub struct Counts {
    /// One for each call of the plan.
    pub calls: Vec<Measured>,
    /// Bytes of the mapper itself without its port, and of its stack, where returns were counted.
    pub ram: Option<(u32, u32)>,
}

impl Bench {
    /// Builds the counting program.
    ///
    /// # Errors
    /// As [`firmware::build`].
    pub fn build() -> Result<Self> {
        Ok(Self { program: firmware::build(Program::Bench)? })
    }

    /// Makes the calls, one after the other on one mounted image, and counts.
    ///
    /// # Errors
    /// The emulator is missing, or the program fails: the error has what it printed.
    pub fn run(&self, what: What, image: &[Word], calls: &[Call]) -> Result<Counts> {
        let mut plan = vec![0, what as u32];
        for call in calls {
            plan.extend([u32::from(call.export), call.args.len() as u32]);
            plan.extend(call.args.iter().flat_map(|arg| [*arg as u32, (*arg >> 32) as u32]));
        }
        plan[0] = plan.len() as u32;
        let sent = self.hand_over(&plan, image, if what == What::Bus { &BUS_CHIPS } else { &[] })?;
        let counts = parse(&sent).with_context(|| format!("the counting program sent:\n{}", tail(&sent)))?;
        ensure!(counts.calls.len() == calls.len(), "{} of {} calls", counts.calls.len(), calls.len());
        Ok(counts)
    }

    /// Runs a plan and gives what the program printed.
    fn hand_over(&self, plan: &[Word], image: &[Word], chips: &[&str]) -> Result<String> {
        let mut file = NamedTempFile::new()?;
        let bytes: Vec<u8> = plan.iter().chain(image).flat_map(|word| word.to_le_bytes()).collect();
        file.write_all(&bytes)?;
        self.print(Machine { panel: Some(file.path()), chips, ..Machine::new(&self.program) })
    }

    fn print(&self, machine: Machine<'_>) -> Result<String> {
        let (sent, status) = Machine { counting: true, ..machine }.start()?.finish(LIMIT)?;
        ensure!(status.success(), "the counting program failed ({status}):\n{}", tail(&sent));
        Ok(sent)
    }

    /// Returns what interrupts cost, by name: instructions of the timer's handler (`handler`), and by how
    /// many nanoseconds the main loop, asleep, runs again after an alarm's time (`late_ns_min`,
    /// `late_ns_max`; an instruction takes one).
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn interrupts(&self) -> Result<Vec<(String, u64)>> {
        numbers(&self.print(Machine { arguments: "interrupts", ..Machine::new(&self.program) })?)
    }

    /// Returns what an event of the ring costs, in instructions: by kind, and of the dearest (`event`).
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn ring(&self) -> Result<Vec<(String, u64)>> {
        numbers(&self.print(Machine { arguments: "ring", ..Machine::new(&self.program) })?)
    }

    /// Instructions from where the main loop runs again after a timer's interrupt to the store of the timer's
    /// handler, the fewest and the most of so many events (`store_min`, `store_max`), and the mean of the
    /// whole turn (`turn`). The image has one handler, of a timer. `recorded`: the flight recorder notes
    /// them.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn events(&self, image: &[Word], events: u32, recorded: bool) -> Result<Vec<(String, u64)>> {
        numbers(&self.hand_over(&[4, What::Events as u32, events, recorded.into()], image, &[])?)
    }

    /// Instructions of an image's mount, its start functions included, and of a call of one of its exports
    /// with the argument 1, by the device program (`mount`, `call`).
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn mount(&self, image: &[Word], export: u16) -> Result<Vec<(String, u64)>> {
        numbers(&self.hand_over(&[3, What::Mount as u32, export.into()], image, &[])?)
    }
}

/// Lines of a name and a number.
fn numbers(sent: &str) -> Result<Vec<(String, u64)>> {
    let line = |line: &str| {
        let (name, number) = line.split_once(' ').with_context(|| format!("the line {line:?}"))?;
        Ok((name.to_owned(), number.parse()?))
    };
    sent.lines().map(line).collect()
}

fn parse(sent: &str) -> Result<Counts> {
    let mut counts = Counts { calls: Vec::new(), ram: None };
    for line in sent.lines() {
        if let Some(ram) = line.strip_prefix("ram mapper ") {
            let (mapper, stack) = ram.split_once(" stack ").context("a line about RAM")?;
            counts.ram = Some((mapper.parse()?, stack.parse()?));
            continue;
        }
        let (insns, trap) = line.split_once(' ').with_context(|| format!("the line {line:?}"))?;
        let insns = if insns == "none" { None } else { Some(insns.parse()?) };
        counts.calls.push(Measured { insns, trap: trap.parse()? });
    }
    Ok(counts)
}

/// The last lines of a long text.
fn tail(text: &str) -> &str {
    text.char_indices().rev().nth(600).map_or(text, |(at, _)| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let counts = parse("ram mapper 200 stack 3584\n31 0\nnone 5\n").unwrap();
        assert_eq!(counts.ram, Some((200, 3584)));
        assert_eq!(counts.calls, [Measured { insns: Some(31), trap: 0 }, Measured { insns: None, trap: 5 }]);
        assert!(parse("PANIC\n").is_err());
        assert!(parse("12\n").is_err());
        assert_eq!(numbers("a 1\nb 2\n").unwrap(), [("a".into(), 1), ("b".into(), 2)]);
        assert!(numbers("PANIC\n").is_err());
    }
}
