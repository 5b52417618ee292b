//! Ready devices on SPI buses.

use super::SpiDevice;

/// A converter of eight voltages to 10 bits (MCP3008, data sheet DS21295, section 5).
///
/// A conversion is three bytes: a start bit, the kind and the channel, then the bits that come.
#[derive(Clone, Debug, Default)]
pub struct Mcp3008 {
    /// What each channel has, 0 to 1023.
    channels: [u16; 8],
    /// Bits since the start bit; 0 before it.
    bits: u32,
    /// The kind and the channel, as they came.
    command: u8,
    /// What is sent: a zero and ten bits, the highest first.
    result: u16,
}

impl Mcp3008 {
    /// Sets what a channel has; a value above 1023 is the highest.
    pub fn set_channel(&mut self, channel: usize, value: u16) {
        if let Some(of) = self.channels.get_mut(channel) {
            *of = value.min(1023);
        }
    }

    /// Returns what a conversion of this command gives: of one channel, or of two, one against the other.
    fn convert(&self) -> u16 {
        let channel = usize::from(self.command & 7);
        let [plus, minus] = [channel, channel ^ 1].map(|n| self.channels.get(n).copied().unwrap_or(0));
        if self.command & 8 != 0 { plus } else { plus.saturating_sub(minus) }
    }

    /// One clock: takes a bit and returns the one that is sent.
    fn clock(&mut self, bit: bool) -> bool {
        if self.bits == 0 {
            // The line is driven by nobody until a conversion is asked for.
            self.bits = u32::from(bit);
            return true;
        }
        self.bits += 1;
        match self.bits {
            // The kind and three bits of the channel.
            2..=5 => {
                self.command = self.command << 1 | u8::from(bit);
                true
            }
            // The sample is taken.
            6 => {
                self.result = self.convert();
                true
            }
            // A zero, then the bits.
            7 => false,
            8..=17 => self.result >> (17 - self.bits) & 1 != 0,
            _ => false,
        }
    }
}

impl SpiDevice for Mcp3008 {
    fn select(&mut self, _: u64) {
        (self.bits, self.command) = (0, 0);
    }

    fn exchange(&mut self, byte: u8) -> u8 {
        (0..8).rev().fold(0, |got, bit| got << 1 | u8::from(self.clock(byte >> bit & 1 != 0)))
    }

    fn deselect(&mut self, _: u64) {}

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let channel = what.strip_prefix("channel").and_then(|n| n.parse().ok()).filter(|n| *n < 8usize);
        let channel = channel.ok_or("it has `channel0` to `channel7`")?;
        let value = value.parse().ok().filter(|value| *value < 1024).ok_or("a channel has 0 to 1023")?;
        self.set_channel(channel, value);
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        let channel = what.strip_prefix("channel")?.parse::<usize>().ok()?;
        Some(self.channels.get(channel)?.to_string())
    }

    fn copied(&self) -> Box<dyn SpiDevice> {
        Box::new(self.clone())
    }
}

/// A serial flash memory as the m25p80 family has it: identification, status, reads, writes of a page,
/// erasing of a sector and of all.
#[derive(Clone, Debug)]
pub struct Flash {
    id: [u8; 3],
    content: Vec<u8>,
    /// A command may write: the one before was "write enable".
    writes: bool,
    /// The command, and how many bytes came since.
    command: Option<u8>,
    bytes: usize,
    address: usize,
    /// What a page is to have, from this address on.
    page: Vec<u8>,
}

/// Bytes of a page, which a write does not pass.
const PAGE: usize = 256;
/// Bytes that the smallest erase takes.
const SECTOR: usize = 4096;

impl Flash {
    /// Makes an erased memory with this identification and this many bytes: a power of two.
    pub fn new(id: [u8; 3], bytes: usize) -> Self {
        let content = vec![0xff; bytes.next_power_of_two()];
        Self { id, content, writes: false, command: None, bytes: 0, address: 0, page: Vec::new() }
    }

    /// The bytes of the memory.
    pub fn content_mut(&mut self) -> &mut [u8] {
        &mut self.content
    }

    fn at(&self, offset: usize) -> u8 {
        self.content[(self.address + offset) % self.content.len()]
    }
}

impl SpiDevice for Flash {
    fn select(&mut self, _: u64) {
        (self.command, self.bytes, self.address) = (None, 0, 0);
        self.page.clear();
    }

    fn exchange(&mut self, byte: u8) -> u8 {
        let Some(command) = self.command else {
            self.command = Some(byte);
            return 0xff;
        };
        let at = self.bytes;
        self.bytes += 1;
        match command {
            0x9f => self.id.get(at).copied().unwrap_or(0),
            0x05 => u8::from(self.writes) << 1,
            0x02 | 0x03 | 0x0b | 0x20 | 0xd8 if at < 3 => {
                self.address = self.address << 8 | usize::from(byte);
                0xff
            }
            0x03 => self.at(at - 3),
            // A byte between the address and the data.
            0x0b if at == 3 => 0xff,
            0x0b => self.at(at - 4),
            0x02 => {
                self.page.push(byte);
                0xff
            }
            _ => 0xff,
        }
    }

    fn deselect(&mut self, _: u64) {
        let len = self.content.len();
        match self.command {
            Some(0x06) => self.writes = true,
            Some(0x04) => self.writes = false,
            // A page wraps round; bits are only cleared.
            Some(0x02) if self.writes && self.bytes > 3 => {
                let first = self.address % len / PAGE * PAGE;
                for (n, byte) in self.page.iter().enumerate() {
                    self.content[first + (self.address + n) % PAGE] &= byte;
                }
                self.writes = false;
            }
            Some(command @ (0x20 | 0xd8)) if self.writes && self.bytes == 3 => {
                let size = if command == 0x20 { SECTOR } else { 16 * SECTOR }.min(len);
                let first = self.address % len / size * size;
                self.content[first..first + size].fill(0xff);
                self.writes = false;
            }
            Some(0xc7 | 0x60) if self.writes => {
                self.content.fill(0xff);
                self.writes = false;
            }
            _ => {}
        }
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let whole = |text: &str| crate::value::parse_whole(text);
        let at = whole(what).and_then(|at| usize::try_from(at).ok());
        let byte = at.and_then(|at| self.content.get_mut(at)).ok_or("it has bytes, by their addresses")?;
        *byte = whole(value).and_then(|value| u8::try_from(value).ok()).ok_or("a byte is 0 to 255")?;
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        if what == "id" {
            return Some(self.id.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        let at = usize::try_from(crate::value::parse_whole(what)?).ok()?;
        self.content.get(at).map(|byte| format!("{byte:#04x}"))
    }

    fn copied(&self) -> Box<dyn SpiDevice> {
        Box::new(self.clone())
    }
}
