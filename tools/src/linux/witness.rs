//! What the emulated chip's GPIO registers were given, as the emulator saw it.
//!
//! This is QEMU's own trace of accesses: it owes nothing to the program under test.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

/// The event that QEMU has for each store to a device.
pub(crate) const EVENT: &str = "memory_region_ops_write";
/// The event that QEMU has for each question to the VideoCore's firmware.
pub(crate) const QUESTION_EVENT: &str = "bcm2835_mbox_property";
/// The events that QEMU has for what its buses carry: I2C, and flash memories on SPI.
pub(crate) const BUS_EVENTS: [&str; 4] = ["i2c_event", "i2c_send", "i2c_recv", "m25p80_transfer"];
/// What QEMU calls the block.
const REGION: &str = "name 'bcm2838_gpio'";

/// A store to the GPIO block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Bytes from the block's start: 0x1c is GPSET0.
    pub offset: u16,
    /// What was stored.
    pub value: u32,
}

/// The trace's file, and how far it was read.
#[derive(Debug)]
pub struct Witness {
    file: NamedTempFile,
    read: u64,
    /// What was read and not asked for yet, of each kind.
    stores: Vec<Store>,
    carried: Vec<String>,
    questions: Vec<u32>,
}

impl Witness {
    /// A file for QEMU to write to.
    pub(crate) fn new() -> Result<Self> {
        let file = NamedTempFile::with_prefix("xmap-witness-")?;
        Ok(Self { file, read: 0, stores: Vec::new(), carried: Vec::new(), questions: Vec::new() })
    }

    /// QEMU's options: `on` from the start, or only once it is asked for.
    pub(crate) fn options(&self, on: bool) -> Vec<String> {
        let path = self.path().display();
        let enable = if on { format!("enable={EVENT},") } else { String::new() };
        vec!["-trace".into(), format!("{enable}file={path}")]
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    /// The stores since this was last asked, in their order. A store is in it once the program that made it
    /// goes on.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a line in another form.
    pub fn stores(&mut self) -> Result<Vec<Store>> {
        self.take_new()?;
        Ok(std::mem::take(&mut self.stores))
    }

    /// Returns what buses carried since this was last asked.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a line in another form.
    pub(crate) fn bus(&mut self) -> Result<Vec<String>> {
        self.take_new()?;
        Ok(std::mem::take(&mut self.carried))
    }

    /// Returns the tags of the questions to the VideoCore's firmware since this was last asked.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a line in another form.
    pub(crate) fn questions(&mut self) -> Result<Vec<u32>> {
        self.take_new()?;
        Ok(std::mem::take(&mut self.questions))
    }

    /// Reads what is new, of all kinds.
    fn take_new(&mut self) -> Result<()> {
        for line in self.new_lines()?.lines() {
            let strange = || format!("QEMU traced {line:?}");
            if line.contains(REGION) {
                self.stores.push(parse(line).with_context(strange)?);
            } else if line.contains(QUESTION_EVENT) {
                self.questions.push(parse_question(line).with_context(strange)?);
            } else if BUS_EVENTS.iter().any(|event| line.contains(event)) {
                self.carried.push(parse_bus(line).with_context(strange)?);
            }
        }
        Ok(())
    }

    fn new_lines(&mut self) -> Result<String> {
        let mut file = File::open(self.path())?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // A line that is being written is for the next time.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        self.read += text.len() as u64;
        Ok(text)
    }
}

/// `i2c_event start(addr:0x48)`, `i2c_send send(addr:0x48) data:0x00`,
/// `m25p80_transfer [0x55] Transfer state 0x0 len 0x0 needed 0x0 pos 0x0 wr_addr 0x0 t 0x9f`
fn parse_bus(line: &str) -> Option<String> {
    if let Some((_, behind)) = line.split_once("m25p80_transfer ") {
        let byte = u8::from_str_radix(behind.rsplit_once(" 0x")?.1.trim(), 16).ok()?;
        return Some(format!("x {byte:02x}"));
    }
    let rest = &line[line.find("i2c_")?..];
    let (event, behind) = rest.split_once(' ')?;
    let hex = |mark: &str| Some(behind.split_once(mark)?.1.get(..2)?.to_owned());
    Some(match event {
        "i2c_send" => format!("w {}", hex("data:0x")?),
        "i2c_recv" => format!("r {}", hex("data:0x")?),
        "i2c_event" if behind.starts_with("start") => format!("start {}", hex("addr:0x")?),
        "i2c_event" => "stop".into(),
        _ => return None,
    })
}

/// `bcm2835_mbox_property mbox property tag:0x00038064 in_sz:4 out_sz:0`
fn parse_question(line: &str) -> Option<u32> {
    u32::from_str_radix(line.split_once("tag:0x")?.1.get(..8)?, 16).ok()
}

/// `memory_region_ops_write cpu 2 mr 0x7f addr 0xfe20001c value 0x20000 size 4 name 'bcm2838_gpio'`
fn parse(line: &str) -> Option<Store> {
    let field = |name: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        u64::from_str_radix(words.nth(1)?.strip_prefix("0x")?, 16).ok()
    };
    Some(Store { offset: (field("addr")? & 0xfff) as u16, value: field("value")? as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_trace_are_read() {
        let line = "memory_region_ops_write cpu 2 mr 0x7f66027f9690 addr 0xfe20001c value 0x20000 size 4 name 'bcm2838_gpio'";
        assert_eq!(parse(line), Some(Store { offset: 0x1c, value: 0x2_0000 }));
        assert_eq!(parse("memory_region_ops_write name 'bcm2838_gpio'"), None);
    }

    #[test]
    fn what_buses_carry_is_read() {
        for (line, event) in [
            ("i2c_event start(addr:0x48)", "start 48"),
            ("i2c_event finish(addr:0x48)", "stop"),
            ("i2c_send send(addr:0x48) data:0x1f", "w 1f"),
            ("i2c_recv recv(addr:0x48) data:0xe0", "r e0"),
            (
                "m25p80_transfer [0x55] Transfer state 0x0 len 0x0 needed 0x0 pos 0x0 wr_addr 0x0 t 0x9f",
                "x 9f",
            ),
        ] {
            assert_eq!(parse_bus(line).as_deref(), Some(event), "{line}");
        }
        assert_eq!(parse_bus("i2c_send send(addr:0x48)"), None);
    }

    #[test]
    fn questions_are_read() {
        let line = "bcm2835_mbox_property mbox property tag:0x00038064 in_sz:4 out_sz:0";
        assert_eq!(parse_question(line), Some(0x0003_8064));
        assert_eq!(parse_question("bcm2835_mbox_property tag:0x38"), None);
    }

    #[test]
    fn stores_come_once_and_only_whole() {
        let mut witness = Witness::new().unwrap();
        let line = |value| format!("addr 0xfe200028 value {value:#x} size 4 name 'bcm2838_gpio'\n");
        let write = |text: &str| {
            let path = witness.path().to_owned();
            let mut all = std::fs::read_to_string(&path).unwrap();
            all += text;
            std::fs::write(path, all).unwrap();
        };
        write(&(line(1) + "addr 0xfe980008 value 0x2 size 4 name 'dwc2'\n" + &line(2)[..20]));
        assert_eq!(witness.stores().unwrap(), [Store { offset: 0x28, value: 1 }]);
        assert_eq!(witness.stores().unwrap(), []);
        let path = witness.path().to_owned();
        let all = std::fs::read_to_string(&path).unwrap() + &line(2)[20..];
        std::fs::write(path, all).unwrap();
        assert_eq!(witness.stores().unwrap(), [Store { offset: 0x28, value: 2 }]);
    }
}
