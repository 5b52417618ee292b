//! Ready devices with pins: expanders, and a driver of LEDs.

use super::I2cDevice;
use super::chips::whole;

/// A PCF8574: eight pins, each of which it drives low or lets go of.
#[derive(Clone, Copy, Debug)]
pub struct Pcf8574 {
    /// Ones let go.
    latch: u8,
    /// What something outside pulls low, as zeros.
    outside: u8,
}

impl Default for Pcf8574 {
    fn default() -> Self {
        Self { latch: 0xff, outside: 0xff }
    }
}

impl I2cDevice for Pcf8574 {
    fn start(&mut self, _: bool, _: u64) -> bool {
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        self.latch = byte;
        true
    }

    fn read(&mut self) -> u8 {
        self.latch & self.outside
    }

    fn stop(&mut self, _: u64) {}

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        if what != "inputs" {
            return Err("it has `inputs`: a zero is a pin that something pulls low".into());
        }
        self.outside = whole(value, 0xff).ok_or("`inputs` are 0 to 255")? as u8;
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        match what {
            "outputs" => Some(format!("{:#04x}", self.latch)),
            "inputs" => Some(format!("{:#04x}", self.outside)),
            _ => None,
        }
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(*self)
    }
}

/// An MCP23017: sixteen pins in two ports, A the lower half (data sheet DS20001952, section 3).
///
/// A pin to which nothing is connected is high where its pull-up is on, else low.
#[derive(Clone, Debug)]
pub struct Mcp23017 {
    /// Registers by their numbers in the order of IOCON.BANK = 0, without GPIO, which follows from others.
    registers: [u8; 22],
    /// The levels of what is connected outside; `None` where nothing is.
    outside: Option<[u8; 2]>,
    pointer: u8,
    has_pointer: bool,
}

/// Registers of port A; those of port B follow each.
const IODIR: usize = 0x00;
const IPOL: usize = 0x02;
const GPINTEN: usize = 0x04;
const DEFVAL: usize = 0x06;
const INTCON: usize = 0x08;
const IOCON: usize = 0x0a;
const GPPU: usize = 0x0c;
const INTF: usize = 0x0e;
const INTCAP: usize = 0x10;
const GPIO: usize = 0x12;
const OLAT: usize = 0x14;

/// Bits of IOCON: registers of a port together, and a pointer that does not grow.
const BANK: u8 = 0x80;
const SEQOP: u8 = 0x20;

impl Default for Mcp23017 {
    fn default() -> Self {
        let mut registers = [0; 22];
        registers[IODIR..IODIR + 2].fill(0xff);
        Self { registers, outside: None, pointer: 0, has_pointer: false }
    }
}

impl Mcp23017 {
    /// Connects levels to the pins from outside, those of port A in the lower half. Outputs go their own way.
    pub fn connect(&mut self, levels: u16) {
        let before = [self.level(0), self.level(1)];
        self.outside = Some(levels.to_le_bytes());
        for (port, before) in before.into_iter().enumerate() {
            self.note_changes(port, before);
        }
    }

    /// Returns the levels of the pins.
    pub fn levels(&self) -> u16 {
        u16::from_le_bytes([self.level(0), self.level(1)])
    }

    fn level(&self, port: usize) -> u8 {
        let outside = self.outside.map_or(self.registers[GPPU + port], |levels| levels[port]);
        let inputs = self.registers[IODIR + port];
        self.registers[OLAT + port] & !inputs | outside & inputs
    }

    /// The register GPIO: levels, turned round where IPOL says so.
    fn gpio(&self, port: usize) -> u8 {
        self.level(port) ^ self.registers[IPOL + port] & self.registers[IODIR + port]
    }

    /// Notes pins whose interrupt comes; the levels at the first one are kept until they are read.
    fn note_changes(&mut self, port: usize, before: u8) {
        let level = self.level(port);
        let against_default = self.registers[INTCON + port];
        let differs = (level ^ self.registers[DEFVAL + port]) & against_default;
        let changed = (level ^ before) & !against_default;
        let seen = (differs | changed) & self.registers[GPINTEN + port];
        if seen != 0 && self.registers[INTF + port] == 0 {
            self.registers[INTF + port] = seen;
            self.registers[INTCAP + port] = self.gpio(port);
        }
    }

    /// The register that the pointer names, in the order of BANK = 0; `None` between those of BANK = 1.
    fn register(&self) -> Option<usize> {
        let pointer = usize::from(self.pointer);
        if self.registers[IOCON] & BANK == 0 {
            return (pointer < self.registers.len()).then_some(pointer);
        }
        let (port, at) = (pointer >> 4 & 1, pointer & 15);
        (pointer < 0x20 && at < 11).then_some(2 * at + port)
    }

    /// The pointer goes on. In the byte mode it stays, and with BANK = 0 alternates between two ports.
    fn go_on(&mut self) {
        let iocon = self.registers[IOCON];
        self.pointer = match (iocon & BANK != 0, iocon & SEQOP != 0) {
            (true, true) => self.pointer,
            (false, true) => self.pointer ^ 1,
            (true, false) if self.pointer == 0x0a => 0x10,
            (true, false) if self.pointer >= 0x1a => 0,
            (false, false) if self.pointer >= 0x15 => 0,
            _ => self.pointer + 1,
        };
    }
}

impl I2cDevice for Mcp23017 {
    fn start(&mut self, read: bool, _: u64) -> bool {
        self.has_pointer = read;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if !self.has_pointer {
            (self.pointer, self.has_pointer) = (byte, true);
            return true;
        }
        if let Some(register) = self.register() {
            let (kind, port) = (register & !1, register & 1);
            let before = self.level(port);
            match kind {
                IOCON => self.registers[IOCON..IOCON + 2].fill(byte & !1),
                GPIO | OLAT => self.registers[OLAT + port] = byte,
                INTF | INTCAP => {}
                _ => self.registers[register] = byte,
            }
            self.note_changes(port, before);
        }
        self.go_on();
        true
    }

    fn read(&mut self) -> u8 {
        let value = match self.register() {
            Some(register) => {
                let (kind, port) = (register & !1, register & 1);
                let value = if kind == GPIO { self.gpio(port) } else { self.registers[register] };
                if matches!(kind, GPIO | INTCAP) {
                    self.registers[INTF + port] = 0;
                    // A pin that still differs from its default asks again.
                    let level = self.level(port);
                    self.note_changes(port, level);
                }
                value
            }
            None => 0,
        };
        self.go_on();
        value
    }

    fn stop(&mut self, _: u64) {}

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        if what != "inputs" {
            return Err("it has `inputs`: the levels outside, those of port A in the lower half".into());
        }
        self.connect(whole(value, 0xffff).ok_or("`inputs` are 0 to 65535")? as u16);
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        let both = |at: usize| u16::from_le_bytes([self.registers[at], self.registers[at + 1]]);
        let value = match what {
            "levels" => self.levels(),
            "outputs" => both(OLAT) & !both(IODIR),
            "directions" => both(IODIR),
            "interrupts" => both(INTF),
            "inputs" => u16::from_le_bytes(self.outside.unwrap_or_default()),
            _ => return None,
        };
        Some(format!("{value:#06x}"))
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}

/// A PCA9552: sixteen LEDs, each on, off, or blinking at one of two rates (data sheet of NXP, section 6).
#[derive(Clone, Debug)]
pub struct Pca9552 {
    /// PSC0, PWM0, PSC1, PWM1, LS0 to LS3: registers 2 to 9.
    registers: [u8; 8],
    /// The register in bits 0 to 3; bit 4 lets it grow.
    control: u8,
    has_control: bool,
}

impl Default for Pca9552 {
    fn default() -> Self {
        let registers = [0xff, 0x80, 0xff, 0x80, 0x55, 0x55, 0x55, 0x55];
        Self { registers, control: 0, has_control: false }
    }
}

/// States of an LED, by their two bits.
const LED_STATES: [&str; 4] = ["on", "off", "blink0", "blink1"];

impl Pca9552 {
    /// Returns the state of an LED: 0 on, 1 off, 2 and 3 blinking.
    fn led(&self, number: usize) -> u8 {
        self.registers[4 + number / 4] >> (2 * (number % 4)) & 3
    }

    /// The registers INPUT0 and INPUT1: a pin is low where its LED is on, for those that are steady.
    fn input(&self, half: usize) -> u8 {
        (0..8).fold(0, |input, bit| input | u8::from(self.led(8 * half + bit) != 0) << bit)
    }

    fn go_on(&mut self) {
        if self.control & 0x10 != 0 {
            let next = (self.control & 15) + 1;
            self.control = 0x10 | if next > 9 { 0 } else { next };
        }
    }
}

impl I2cDevice for Pca9552 {
    fn start(&mut self, read: bool, _: u64) -> bool {
        self.has_control = read;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if !self.has_control {
            (self.control, self.has_control) = (byte, true);
            return true;
        }
        let at = usize::from(self.control & 15).checked_sub(2);
        if let Some(register) = at.and_then(|at| self.registers.get_mut(at)) {
            *register = byte;
        }
        self.go_on();
        true
    }

    fn read(&mut self) -> u8 {
        let value = match usize::from(self.control & 15) {
            half @ (0 | 1) => self.input(half),
            n => self.registers.get(n - 2).copied().unwrap_or(0xff),
        };
        self.go_on();
        value
    }

    fn stop(&mut self, _: u64) {}

    fn set(&mut self, _: &str, _: &str) -> Result<(), String> {
        Err("nothing of it comes from outside".into())
    }

    fn get(&self, what: &str) -> Option<String> {
        let register = |n: usize| Some(format!("{:#04x}", self.registers[n]));
        match what {
            "psc0" => register(0),
            "pwm0" => register(1),
            "psc1" => register(2),
            "pwm1" => register(3),
            _ => {
                let number = what.strip_prefix("led")?.parse().ok().filter(|n| *n < 16usize)?;
                Some(LED_STATES[usize::from(self.led(number))].into())
            }
        }
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}
