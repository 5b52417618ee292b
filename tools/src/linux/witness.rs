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
}

impl Witness {
    /// A file for QEMU to write to.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { file: NamedTempFile::with_prefix("xmap-witness-")?, read: 0 })
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
        let text = self.new_lines()?;
        let lines = text.lines().filter(|line| line.contains(REGION));
        lines.map(|line| parse(line).with_context(|| format!("QEMU traced {line:?}"))).collect()
    }

    /// Returns what the I2C buses carried since the trace was last asked.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a line in another form.
    pub(crate) fn bus(&mut self) -> Result<Vec<String>> {
        let text = self.new_lines()?;
        let lines = text.lines().filter(|line| line.contains("i2c_"));
        lines.map(|line| parse_bus(line).with_context(|| format!("QEMU traced {line:?}"))).collect()
    }

    /// Returns the tags of the questions to the VideoCore's firmware since the trace was last asked.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has a line in another form.
    pub(crate) fn questions(&mut self) -> Result<Vec<u32>> {
        let text = self.new_lines()?;
        let lines = text.lines().filter(|line| line.contains(QUESTION_EVENT));
        lines.map(|line| parse_question(line).with_context(|| format!("QEMU traced {line:?}"))).collect()
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

/// `i2c_event start(addr:0x48)`, `i2c_send send(addr:0x48) data:0x00`
fn parse_bus(line: &str) -> Option<String> {
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
