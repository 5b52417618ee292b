//! Steps about the devices on simulated buses: chips are connected, set, asked and disturbed.

use xmap_boards::Line;
use xmap_image::{Image, UartRow};

use super::read::{nearest, time};
use super::words::{Place, Words};
use super::{Action, ScriptErrorKind};
use crate::i2c::{
    Eeprom, I2cDevice, I2cFault, Mcp23017, Pca9552, Pcf8574, RegisterFile, Rtc, Screen, Tmp105,
};
use crate::pwm::{Fan, PwmDevice, Servo};
use crate::spi::{Flash, Mcp3008, SpiDevice};
use crate::uart::{ModbusSlave, UartDevice};
use crate::value::parse_whole;

/// The step of a device at an address of a bus.
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

/// The place of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChipPlace {
    /// On an I2C bus.
    I2c {
        /// The bus.
        bus: u8,
        /// The address.
        address: u8,
    },
    /// On an SPI bus.
    Spi {
        /// The bus.
        bus: u8,
        /// The number of the line that selects it.
        select: u8,
    },
    /// A PWM channel, whose line this is.
    Pwm(Line),
    /// A serial port, as it is declared.
    Uart(UartRow),
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
    /// [`Mcp23017`].
    Mcp23017,
    /// [`Pca9552`].
    Pca9552,
    /// [`Screen::ssd1306`], with this many rows.
    Ssd1306(u8),
    /// [`Screen::ssd0303`].
    Ssd0303,
    /// [`Mcp3008`], on an SPI bus.
    Mcp3008,
    /// [`Flash`] of the SPI buses, with this identification and this many bytes.
    Flash([u8; 3], usize),
    /// [`Servo`], on a PWM channel.
    Servo,
    /// [`Fan`], on a PWM channel.
    Fan,
    /// [`ModbusSlave`], at a serial port.
    Modbus,
}

/// The chips by their names.
const CHIPS: [(&str, Chip); 28] = [
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
    ("mcp23017", Chip::Mcp23017),
    ("pca9552", Chip::Pca9552),
    ("ssd1306", Chip::Ssd1306(64)),
    ("ssd1306-32", Chip::Ssd1306(32)),
    ("ssd0303", Chip::Ssd0303),
    ("servo", Chip::Servo),
    ("fan", Chip::Fan),
    ("modbus", Chip::Modbus),
    ("mcp3008", Chip::Mcp3008),
    // The identifications of the makers' data sheets, as QEMU has them.
    ("m25p80", Chip::Flash([0x20, 0x20, 0x14], 1 << 20)),
    ("w25q80", Chip::Flash([0xef, 0x40, 0x14], 1 << 20)),
    ("at24c32", Chip::Eeprom(4_096)),
    ("at24c64", Chip::Eeprom(8_192)),
    ("at24c256", Chip::Eeprom(32_768)),
];

impl Chip {
    /// Makes one for an I2C bus, as it is after power-on; `None` where it is for another bus.
    pub fn device(self) -> Option<Box<dyn I2cDevice>> {
        Some(match self {
            Self::Bytes => Box::new(RegisterFile::bytes()),
            Self::Words => Box::new(RegisterFile::words()),
            Self::Tmp105 => Box::new(Tmp105::default()),
            Self::Rtc => Box::new(Rtc::default()),
            Self::Eeprom(bytes) => Box::new(Eeprom::new(bytes)),
            Self::Pcf8574 => Box::new(Pcf8574::default()),
            Self::Mcp23017 => Box::new(Mcp23017::default()),
            Self::Pca9552 => Box::new(Pca9552::default()),
            Self::Ssd1306(rows) => Box::new(Screen::ssd1306(rows)),
            Self::Ssd0303 => Box::new(Screen::ssd0303()),
            _ => return None,
        })
    }

    /// Makes one for an SPI bus; `None` where it is for another bus.
    pub fn spi_device(self) -> Option<Box<dyn SpiDevice>> {
        Some(match self {
            Self::Mcp3008 => Box::new(Mcp3008::default()),
            Self::Flash(id, bytes) => Box::new(Flash::new(id, bytes)),
            _ => return None,
        })
    }

    /// Makes one for a PWM channel; `None` where it is for another bus.
    pub fn pwm_device(self) -> Option<Box<dyn PwmDevice>> {
        Some(match self {
            Self::Servo => Box::new(Servo::default()),
            Self::Fan => Box::new(Fan::default()),
            _ => return None,
        })
    }

    /// Makes one for a serial port; `None` where it is for another bus.
    pub fn uart_device(self) -> Option<Box<dyn UartDevice>> {
        Some(match self {
            Self::Modbus => Box::new(ModbusSlave::default()),
            _ => return None,
        })
    }
}

/// The devices, channels and ports that an image declares: their names, and where they are.
pub(crate) fn places<'i>(image: &'i Image<'_>) -> impl Iterator<Item = (&'i str, ChipPlace)> + Clone {
    let i2c = image.i2c().iter().map(|row| {
        let at = ChipPlace::I2c { bus: row.bus_number(), address: row.address() };
        (image.i2c_name(row), at)
    });
    let spi = image.spi().iter().map(|row| {
        let at = ChipPlace::Spi { bus: row.bus_number(), select: row.select() };
        (image.spi_name(row), at)
    });
    let pwm = image.pwm().iter().filter_map(|row| {
        let line = row.line(image.board())?.line;
        Some((image.pwm_name(row), ChipPlace::Pwm(line)))
    });
    let uart = image.uart().iter().map(|row| (image.uart_name(row), ChipPlace::Uart(*row)));
    i2c.chain(spi).chain(pwm).chain(uart)
}

/// Reads a step that begins with this command; the device follows.
pub(super) fn read(command: &str, images: &[Image<'_>], words: &mut Words<'_>) -> Place<Action> {
    let (column, name) = words.word("a device of the manifest")?;
    let all = images.iter().flat_map(|image| places(image));
    let Some((_, at)) = all.clone().find(|(known, _)| *known == name) else {
        let names = all.map(|(name, _)| name);
        let kind = ScriptErrorKind::Device { found: name.to_owned(), nearest: nearest(name, names) };
        return Err((column, kind));
    };
    let step = match command {
        "connect" => ChipStep::Connect(chip(words, at)?),
        "set" | "expect" => {
            let (_, what) = words.word("what of it, then its value")?;
            let (_, value) = words.word("the value")?;
            let (what, value) = (what.to_owned(), value.to_owned());
            if command == "set" { ChipStep::Set { what, value } } else { ChipStep::Expect { what, value } }
        }
        "disturb" if matches!(at, ChipPlace::I2c { .. }) => disturb(words)?,
        "disturb" | "restore" if !matches!(at, ChipPlace::I2c { .. }) => {
            let kind = ScriptErrorKind::Word { expected: "a device on an I2C bus", found: name.to_owned() };
            return Err((column, kind));
        }
        _ => ChipStep::Restore,
    };
    Ok(Action::Device { name: name.to_owned(), at, step })
}

fn chip(words: &mut Words<'_>, at: ChipPlace) -> Place<Chip> {
    const EXPECTED: &str = "a chip of the device's bus: tmp105, ds1338, 24c32, pcf8574, registers8, \
                            ssd1306, mcp3008, m25p80, servo, modbus or another of docs/scripts.md";
    let (column, word) = words.word(EXPECTED)?;
    let fits = |chip: Chip| match at {
        ChipPlace::I2c { .. } => chip.device().is_some(),
        ChipPlace::Spi { .. } => chip.spi_device().is_some(),
        ChipPlace::Pwm(_) => chip.pwm_device().is_some(),
        ChipPlace::Uart(_) => chip.uart_device().is_some(),
    };
    let found = CHIPS.iter().find(|(name, chip)| *name == word && fits(*chip)).map(|(_, chip)| *chip);
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
