//! The chip's GPIO registers, mapped into the program; or a file in their place.
//!
//! The kernel offers the block as `/dev/gpiomem`, one page that the group `gpio` may map, and as a part of
//! `/dev/mem`, which is root's. Both are mapped as device memory, so a store goes straight to the chip. What
//! stores is the driver of `xmap-bcm2711` that bare metal has too, and nothing here ever brings a register
//! back to what it was: a line keeps its function and level when this program ends, however it ends.
//!
//! Where there is no chip, a file of one page stands in for it (`--registers FILE`). It is mapped in the same
//! way and stored to by the same driver; what the chip would do with a store, [`Simulated`] does.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::Path;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap};
use safe_mmio::UniqueMmioPointer;
use tiny_mapper::{Function, Pull};
use xmap_bcm2711::{GPIO_ADDRESS, Gpio, GpioRegisters, Pads, PinFunction};
use xmap_boards::{Bank, Line, LineSet, PinMask, RPI4B};

use crate::error::{Code, Error, Result};

/// Bytes that are mapped: a page, of which the block is the first part.
pub const PAGE: usize = 4096;

/// What the kernel offers for the block alone, at its beginning.
pub const GPIOMEM: &str = "/dev/gpiomem";
/// What the kernel offers for everything.
pub const MEM: &str = "/dev/mem";

/// The block as it was mapped: for the main loop, and for the guard that makes outputs safe where that hangs.
#[derive(Debug)]
pub struct Mapped {
    /// For the main loop.
    pub registers: Registers,
    /// For the guard.
    pub pads: Pads<'static>,
}

/// The block's registers: those of the chip, or a file's.
#[derive(Debug)]
pub enum Registers {
    /// The chip's, and what keeps other services from them.
    Chip(Gpio<'static>, Lock),
    /// A file's.
    Simulated(Simulated),
}

impl Registers {
    /// Maps the chip's registers from `device`, or from [`GPIOMEM`] or [`MEM`], whichever can be had. Whether
    /// this machine has the chip is the caller's question ([`crate::detect::detect`]).
    ///
    /// # Errors
    /// [`Code::Registers`]; [`Code::Running`] where another xmapd has them.
    pub fn map(device: Option<&Path>) -> Result<Mapped> {
        let Some(device) = device else {
            return Self::map(Some(Path::new(GPIOMEM))).or_else(|first| match first.code {
                Code::Running => Err(first),
                _ => Self::map(Some(Path::new(MEM))).map_err(|_| first),
            });
        };
        let failed = |error: io::Error| {
            let message = format!("{}: the chip's registers cannot be mapped: {error}", device.display());
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let help = if denied {
                "the group `gpio` may use /dev/gpiomem (udev rule 60-xmapd.rules), root /dev/mem"
            } else {
                "the kernel offers /dev/gpiomem with CONFIG_BCM2835_DEVGPIOMEM, /dev/mem with iomem=relaxed"
            };
            Error::new(Code::Registers, message).help(help)
        };
        let file = OpenOptions::new().read(true).write(true).open(device).map_err(failed)?;
        if !file.metadata().map_err(failed)?.file_type().is_char_device() {
            let message = format!("{}: a file, and no device that maps the chip", device.display());
            return Err(Error::new(Code::Registers, message)
                .help("`--registers FILE` takes a file in the place of the chip"));
        }
        let lock = Lock::take(device)?;
        // All of /dev/gpiomem is the block; /dev/mem is the machine's addresses.
        let offset = if device == Path::new(GPIOMEM) { 0 } else { GPIO_ADDRESS };
        let (gpio, pads) = map_block(&file, offset).map_err(failed)?;
        Ok(Mapped { registers: Self::Chip(gpio, lock), pads })
    }

    /// Maps a file in the place of the chip. One that is not there is made, as a chip after reset.
    ///
    /// # Errors
    /// [`Code::RegisterFile`] where it is a device, or of another size, or cannot be mapped;
    /// [`Code::Running`] where another xmapd has it.
    pub fn simulate(path: &Path) -> Result<Mapped> {
        let wrong = |what: String| Error::new(Code::RegisterFile, format!("{}: {what}", path.display()));
        let failed = |error: io::Error| wrong(format!("cannot stand in for the registers: {error}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(wrong("a device, which no file stands in for".into())
                .help(format!("without --registers the chip is mapped from {GPIOMEM} or {MEM}")));
        }
        let lock = Lock::take(path)?;
        match metadata.len() {
            0 => file.set_len(PAGE as u64).map_err(failed)?,
            len if len == PAGE as u64 => {}
            len => return Err(wrong(format!("{len} bytes, and the registers take {PAGE}"))),
        }
        let (gpio, pads) = map_block(&file, 0).map_err(failed)?;
        let chip = Simulated::new(gpio, file, lock).map_err(failed)?;
        Ok(Mapped { registers: Self::Simulated(chip), pads })
    }

    /// Returns whether a file stands in for the chip.
    pub const fn simulated(&self) -> bool {
        matches!(self, Self::Simulated(_))
    }

    /// Drives lines high.
    #[inline]
    pub fn set(&mut self, bank: Bank, mask: PinMask) {
        match self {
            Self::Chip(gpio, _) => gpio.set(bank, mask),
            Self::Simulated(chip) => chip.store(bank, mask, true),
        }
    }

    /// Drives lines low.
    #[inline]
    pub fn clear(&mut self, bank: Bank, mask: PinMask) {
        match self {
            Self::Chip(gpio, _) => gpio.clear(bank, mask),
            Self::Simulated(chip) => chip.store(bank, mask, false),
        }
    }

    /// The levels of a bank.
    #[inline]
    pub fn level(&mut self, bank: Bank) -> PinMask {
        match self {
            Self::Chip(gpio, _) => gpio.level(bank),
            Self::Simulated(chip) => chip.level(bank),
        }
    }

    /// Returns the levels of all lines.
    pub fn levels(&mut self) -> LineSet {
        LineSet::from_banks(&Bank::ALL.map(|bank| self.level(bank)))
    }

    /// Makes a line an input or an output.
    pub fn select(&mut self, line: Line, function: Function) {
        let function = match function {
            Function::Input => PinFunction::Input,
            Function::Output => PinFunction::Output,
        };
        match self {
            Self::Chip(gpio, _) => gpio.select(line, function),
            Self::Simulated(chip) => {
                chip.gpio.select(line, function);
                chip.refresh();
            }
        }
    }

    /// Returns whether a line is an output.
    pub fn is_output(&self, line: Line) -> bool {
        match self {
            Self::Chip(gpio, _) => gpio.is_output(line),
            Self::Simulated(chip) => chip.gpio.is_output(line),
        }
    }

    /// Connects a line's pull resistor.
    pub fn pull(&mut self, line: Line, pull: Pull) {
        match self {
            Self::Chip(gpio, _) => gpio.pull(line, pull),
            Self::Simulated(chip) => {
                chip.gpio.pull(line, pull);
                chip.pulled_up.put(line, pull == Pull::Up);
                chip.refresh();
            }
        }
    }
}

/// Keeps other services from the same lines until it goes. It has the file open a second time: a mapping
/// keeps what it was made from open, and its locks with it, until the program ends.
#[derive(Debug)]
pub struct Lock {
    _file: Option<File>,
}

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        // Not every device can be opened twice, or has locks; then there are none.
        let Ok(file) = File::open(path) else { return Ok(Self { _file: None }) };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!("{}: another xmapd drives these lines", path.display());
                Err(Error::new(Code::Running, message))
            }
            _ => Ok(Self { _file: Some(file) }),
        }
    }
}

/// Maps the block, for both drivers. It stays mapped until the program ends.
fn map_block(file: impl AsFd, offset: u64) -> io::Result<(Gpio<'static>, Pads<'static>)> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses a place that is not in use, so no memory of this program changes its
    // meaning.
    let place = unsafe { mmap(ptr::null_mut(), PAGE, protection, MapFlags::SHARED, file, offset) }?;
    let block = NonNull::new(place.cast::<GpioRegisters>())
        .ok_or_else(|| io::Error::other("the kernel maps nothing at address 0"))?;
    // SAFETY: `block` is the beginning of a page that was just mapped for reading and writing and is never
    // unmapped; the registers are smaller than a page (`assert` below) and, as a page is, aligned; any bits
    // are valid ones. The page is shared with the chip, or with a file that others may change: all accesses
    // through the pointer are volatile, and no reference to the page is ever made. Whoever has the block has
    // the file's lock too, so there is one such pointer at a time; what a reset of the device leaves mapped,
    // nobody has.
    let registers = unsafe { UniqueMmioPointer::new(block) };
    // SAFETY: as above. It is the second driver of the block: `Pads` says what keeps the two apart, and
    // `crate::guard` has the lock that this takes.
    let for_the_guard = unsafe { UniqueMmioPointer::new(block) };
    Ok((Gpio::new(registers), Pads::new(for_the_guard)))
}

const _: () = assert!(size_of::<GpioRegisters>() <= PAGE, "the block fits a page");

/// Where the file has what the chip has no register for, behind the block. Words are little-endian.
pub mod file {
    use xmap_boards::RPI4B;

    /// The levels, as the chip's first level register shows them.
    pub const LEVELS: u64 = RPI4B.gpio.level.offset as u64;
    /// Lines that something outside drives, a word for each bank: a test writes here.
    pub const DRIVEN: u64 = 0x800;
    /// The levels that it drives them to.
    pub const OUTSIDE: u64 = 0x808;
    /// What outputs were stored to last: the latch behind the set and clear registers.
    pub const LATCH: u64 = 0x810;
}

/// The effect of stores on a chip, for a file: outputs have the level that was stored last, also after the
/// program was killed, and inputs the one that something outside drives them to, or that of their pull.
#[derive(Debug)]
pub struct Simulated {
    gpio: Gpio<'static>,
    file: File,
    _lock: Lock,
    latch: LineSet,
    pulled_up: LineSet,
    /// The latch and the levels that stand in the file.
    written: Option<(LineSet, LineSet)>,
}

impl Simulated {
    fn new(gpio: Gpio<'static>, file: File, lock: Lock) -> io::Result<Self> {
        let mut word = [0; 8];
        file.read_exact_at(&mut word, file::LATCH)?;
        let (latch, pulled_up) = (lines(&word), LineSet::EMPTY);
        // Pulls from before are those of the modules, which set them up again.
        let mut chip = Self { gpio, file, _lock: lock, latch, pulled_up, written: None };
        chip.refresh();
        Ok(chip)
    }

    fn store(&mut self, bank: Bank, mask: PinMask, high: bool) {
        let lines = LineSet::of_bank(bank, mask);
        if high {
            self.gpio.set(bank, mask);
            self.latch |= lines;
        } else {
            self.gpio.clear(bank, mask);
            self.latch -= lines;
        }
        self.refresh();
    }

    fn level(&mut self, bank: Bank) -> PinMask {
        self.refresh();
        self.gpio.level(bank)
    }

    /// Brings the level registers to what the lines are now.
    fn refresh(&mut self) {
        let mut outside = [0; 16];
        // A file that shrank under the program reads as nothing driven; the mapping then ends the program.
        _ = self.file.read_exact_at(&mut outside, file::DRIVEN);
        let (driven, levels) = outside.split_at(8);
        let (driven, levels) = (lines(driven), lines(levels));
        let inputs = driven & levels | (self.pulled_up - driven);
        let outputs: LineSet = RPI4B.all_lines().iter().filter(|line| self.gpio.is_output(*line)).collect();
        let levels = self.latch & outputs | (inputs - outputs);
        if self.written != Some((self.latch, levels)) {
            self.written = Some((self.latch, levels));
            _ = self.file.write_all_at(&words(self.latch), file::LATCH);
            _ = self.file.write_all_at(&words(levels), file::LEVELS);
        }
    }
}

/// Returns the lines that the words of two banks name.
fn lines(bytes: &[u8]) -> LineSet {
    let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    LineSet::from_banks(&words)
}

/// Returns the words of two banks.
fn words(lines: LineSet) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (word, bank) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(Bank::ALL) {
        *word = lines.bank(bank).to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u8) -> Line {
        Line::new(number).unwrap()
    }

    fn word(path: &Path, offset: usize) -> u32 {
        let bytes = std::fs::read(path).unwrap();
        u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
    }

    #[test]
    fn stores_reach_the_file_and_levels_are_the_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registers");
        let mut registers = Registers::simulate(&path).unwrap().registers;
        assert!(registers.simulated());
        assert!(!registers.is_output(line(17)));
        registers.set(Bank::Zero, 1 << 17);
        assert_eq!(word(&path, 0x1c), 1 << 17, "GPSET0");
        assert_eq!(registers.level(Bank::Zero), 0, "an input drives nothing");
        registers.select(line(17), Function::Output);
        assert_eq!(word(&path, 4), 1 << 21, "GPFSEL1");
        assert_eq!(registers.level(Bank::Zero), 1 << 17, "the level that was stored before");
        assert_eq!(word(&path, 0x34), 1 << 17, "GPLEV0");
        registers.select(line(40), Function::Output);
        registers.set(Bank::One, 1 << 8);
        assert_eq!((registers.level(Bank::One), word(&path, 0x38)), (1 << 8, 1 << 8));
        registers.clear(Bank::One, 1 << 8);
        assert_eq!((word(&path, 0x2c), registers.level(Bank::One)), (1 << 8, 0));
    }

    #[test]
    fn inputs_have_the_level_from_outside_or_of_their_pull() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registers");
        let mut registers = Registers::simulate(&path).unwrap().registers;
        registers.pull(line(27), Pull::Up);
        assert_eq!(registers.level(Bank::Zero), 1 << 27);
        let outside = OpenOptions::new().write(true).open(&path).unwrap();
        outside.write_all_at(&(1u64 << 27 | 1 << 5).to_le_bytes(), file::DRIVEN).unwrap();
        outside.write_all_at(&(1u64 << 5).to_le_bytes(), file::OUTSIDE).unwrap();
        assert_eq!(registers.level(Bank::Zero), 1 << 5);
    }

    #[test]
    fn an_output_keeps_its_level_when_the_program_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registers");
        let mut registers = Registers::simulate(&path).unwrap().registers;
        registers.select(line(17), Function::Output);
        registers.set(Bank::Zero, 1 << 17);
        drop(registers);
        let before = std::fs::read(&path).unwrap();
        let mut registers = Registers::simulate(&path).unwrap().registers;
        assert_eq!(Registers::simulate(&path).unwrap_err().code, Code::Running, "nobody else may have them");
        assert!(registers.is_output(line(17)));
        assert_eq!(registers.level(Bank::Zero), 1 << 17);
        assert_eq!(std::fs::read(&path).unwrap(), before, "mapping stores nothing");
    }

    #[test]
    fn a_chip_is_no_file_and_a_file_no_chip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registers");
        std::fs::write(&path, [0; 4095]).unwrap();
        let error = Registers::simulate(&path).unwrap_err();
        assert_eq!(error.code, Code::RegisterFile);
        assert!(error.message.ends_with(": 4095 bytes, and the registers take 4096"), "{error}");
        let error = Registers::simulate(Path::new("/dev/null")).unwrap_err();
        assert!(error.message.ends_with(": a device, which no file stands in for"), "{error}");
        let error = Registers::map(Some(&path)).unwrap_err();
        assert_eq!(error.code, Code::Registers);
        assert!(error.message.ends_with(": a file, and no device that maps the chip"), "{error}");
        let error = Registers::map(Some(Path::new("/no/such/device"))).unwrap_err();
        assert!(
            error.message.contains("/no/such/device: the chip's registers cannot be mapped: "),
            "{error}"
        );
    }
}
