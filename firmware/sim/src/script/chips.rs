//! Steps about the devices on simulated buses: chips are connected, set, asked and disturbed.

use xmap_image::Image;

use super::read::{nearest, time};
use super::words::{Place, Words};
use super::{Action, ScriptErrorKind};
use crate::i2c::{Eeprom, I2cDevice, I2cFault, Pcf8574, RegisterFile, Rtc, Tmp105};
use crate::value::parse_whole;

/// What a step does to the device at an address of a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChipStep {
    /// Connects a chip, in the place of the one that is there.
    Connect(Chip),
    /// Sets something of it.
    Set {
        /// What.
        what: String,
        /// Its value.
        value: String,
    },
    /// Holds something of it against a value.
    Expect {
        /// What.
        what: String,
        /// The value that it must have.
        value: String,
    },
    /// Lets something go wrong in the next transfer on the bus.
    Disturb {
        /// The clock at which it does.
        clock: u32,
        /// What does.
        fault: I2cFault,
    },
    /// Lets all be well again.
    Restore,
}

/// A ready chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// [`RegisterFile::bytes`].
    Bytes,
    /// [`RegisterFile::words`].
    Words,
    /// [`Tmp105`].
    Tmp105,
    /// [`Rtc`].
    Rtc,
    /// [`Eeprom`], with this many bytes.
    Eeprom(usize),
    /// [`Pcf8574`].
    Pcf8574,
}

/// The chips by their names.
const CHIPS: [(&str, Chip); 17] = [
    ("registers8", Chip::Bytes),
    ("registers16", Chip::Words),
    ("tmp105", Chip::Tmp105),
    ("lm75", Chip::Tmp105),
    ("ds1307", Chip::Rtc),
    ("ds1338", Chip::Rtc),
    ("24c01", Chip::Eeprom(128)),
    ("24c02", Chip::Eeprom(256)),
    ("24c32", Chip::Eeprom(4_096)),
    ("24c64", Chip::Eeprom(8_192)),
    ("24c128", Chip::Eeprom(16_384)),
    ("24c256", Chip::Eeprom(32_768)),
    ("24c512", Chip::Eeprom(65_536)),
    ("pcf8574", Chip::Pcf8574),
    ("at24c32", Chip::Eeprom(4_096)),
    ("at24c64", Chip::Eeprom(8_192)),
    ("at24c256", Chip::Eeprom(32_768)),
];

impl Chip {
    /// Makes one, as it is after power-on.
    pub fn device(self) -> Box<dyn I2cDevice> {
        match self {
            Self::Bytes => Box::new(RegisterFile::bytes()),
            Self::Words => Box::new(RegisterFile::words()),
            Self::Tmp105 => Box::new(Tmp105::default()),
            Self::Rtc => Box::new(Rtc::default()),
            Self::Eeprom(bytes) => Box::new(Eeprom::new(bytes)),
            Self::Pcf8574 => Box::new(Pcf8574::default()),
        }
    }
}

/// Reads a step that begins with this command; the device follows.
pub(super) fn read(command: &str, image: &Image<'_>, words: &mut Words<'_>) -> Place<Action> {
    let (column, name) = words.word("a device of the manifest")?;
    let Some(row) = image.i2c().iter().find(|row| image.i2c_name(row) == name) else {
        let names = image.i2c().iter().map(|row| image.i2c_name(row));
        let kind = ScriptErrorKind::Device { found: name.to_owned(), nearest: nearest(name, names) };
        return Err((column, kind));
    };
    let step = match command {
        "connect" => ChipStep::Connect(chip(words)?),
        "set" | "expect" => {
            let (_, what) = words.word("what of it, then its value")?;
            let (_, value) = words.word("the value")?;
            let (what, value) = (what.to_owned(), value.to_owned());
            if command == "set" { ChipStep::Set { what, value } } else { ChipStep::Expect { what, value } }
        }
        "disturb" => disturb(words)?,
        _ => ChipStep::Restore,
    };
    Ok(Action::Device { name: name.to_owned(), bus: row.bus_number(), address: row.address(), step })
}

fn chip(words: &mut Words<'_>) -> Place<Chip> {
    const EXPECTED: &str = "a chip: tmp105, ds1338, 24c32, pcf8574, registers8, registers16 or another of \
                            docs/scripts.md";
    let (column, word) = words.word(EXPECTED)?;
    let found = CHIPS.iter().find(|(name, _)| *name == word).map(|(_, chip)| *chip);
    found.ok_or_else(|| (column, ScriptErrorKind::Word { expected: EXPECTED, found: word.to_owned() }))
}

/// `nack`, `stuck-data`, `stuck-clock TIME`, `other-controller` or `gone`, then `at CLOCK`.
fn disturb(words: &mut Words<'_>) -> Place<ChipStep> {
    const FAULTS: &str = "nack, stuck-data, stuck-clock with a time, other-controller or gone";
    const CLOCK: &str = "the number of a clock, from 0";
    let (column, word) = words.word(FAULTS)?;
    let fault = match word {
        "nack" => I2cFault::Nack,
        "stuck-data" => I2cFault::StuckData(u8::MAX),
        "stuck-clock" => I2cFault::StuckClock(time(words)?),
        "other-controller" => I2cFault::OtherController,
        "gone" => I2cFault::Gone,
        _ => return Err((column, ScriptErrorKind::Word { expected: FAULTS, found: word.to_owned() })),
    };
    if words.peek().is_none() {
        return Ok(ChipStep::Disturb { clock: 0, fault });
    }
    words.exactly("at", "`at` and the number of a clock, or the end of the line")?;
    let (column, word) = words.word(CLOCK)?;
    let clock = parse_whole(word).and_then(|clock| u32::try_from(clock).ok());
    let unfit = || ScriptErrorKind::Word { expected: CLOCK, found: word.to_owned() };
    Ok(ChipStep::Disturb { clock: clock.ok_or_else(|| (column, unfit()))?, fault })
}
