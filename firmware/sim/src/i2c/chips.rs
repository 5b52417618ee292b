//! Ready devices: register files and chips that many panels have.

use xmap_image::{Stamp, calendar};

use super::I2cDevice;

/// A device with registers of 8 or 16 bits behind a pointer of one byte, which a write sets first and which
/// grows with each register: most sensors.
#[derive(Clone, Debug)]
pub struct RegisterFile {
    registers: Vec<u16>,
    /// Bytes of a register: 1 or 2, the higher byte first.
    width: u8,
    pointer: Pointer,
}

/// The pointer of a chip with registers: the first byte that is written, then bytes of registers.
#[derive(Clone, Copy, Debug, Default)]
struct Pointer {
    register: u8,
    /// Bytes since the device was addressed, the pointer not counted.
    at: u8,
    has_come: bool,
}

impl Pointer {
    /// The device is addressed: what is written next is the pointer.
    fn start(&mut self, read: bool) {
        (self.at, self.has_come) = (0, read);
    }

    /// Returns whether a byte that is written is the pointer; it is taken then.
    fn takes(&mut self, byte: u8) -> bool {
        let is_pointer = !self.has_come;
        if is_pointer {
            (self.register, self.has_come) = (byte, true);
        }
        is_pointer
    }

    /// The number of the byte that is transferred.
    fn byte(&mut self) -> u8 {
        let at = self.at;
        self.at = at.wrapping_add(1);
        at
    }
}

impl RegisterFile {
    /// 256 registers of 8 bits, all zero.
    pub fn bytes() -> Self {
        Self::of(1)
    }

    /// 256 registers of 16 bits, all zero; the higher byte is transferred first.
    pub fn words() -> Self {
        Self::of(2)
    }

    fn of(width: u8) -> Self {
        Self { registers: vec![0; 256], width, pointer: Pointer::default() }
    }

    /// Sets a register.
    pub fn put(&mut self, register: u8, value: u16) {
        self.registers[usize::from(register)] = value;
    }

    /// Returns a register.
    pub fn at(&self, register: u8) -> u16 {
        self.registers[usize::from(register)]
    }

    /// The register and the shift of the next byte.
    fn place(&mut self) -> (usize, u32) {
        let byte = self.pointer.byte();
        let register = self.pointer.register.wrapping_add(byte / self.width);
        (usize::from(register), 8 * u32::from(self.width - 1 - byte % self.width))
    }
}

impl I2cDevice for RegisterFile {
    fn start(&mut self, read: bool, _: u64) -> bool {
        self.pointer.start(read);
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if !self.pointer.takes(byte) {
            let (register, shift) = self.place();
            let old = self.registers[register];
            self.registers[register] = old & !(0xff << shift) | u16::from(byte) << shift;
        }
        true
    }

    fn read(&mut self) -> u8 {
        let (register, shift) = self.place();
        (self.registers[register] >> shift) as u8
    }

    fn stop(&mut self, _: u64) {
        let Pointer { register, at, .. } = &mut self.pointer;
        *register = register.wrapping_add(*at / self.width);
        *at = 0;
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let most = if self.width == 1 { 0xff } else { 0xffff };
        let register = whole(what, 0xff).ok_or("it has registers, from 0 to 255")?;
        let value = whole(value, most).ok_or_else(|| format!("a register holds 0 to {most}"))?;
        self.put(register as u8, value as u16);
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        Some(format!("{:#04x}", self.at(whole(what, 0xff)? as u8)))
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}

/// A TMP105, which an LM75 is but for its resolution: register 0 is the temperature, 12 bits of 1/16 degree,
/// 1 the configuration, 2 and 3 the limits.
#[derive(Clone, Debug)]
pub struct Tmp105 {
    sixteenths: i16,
    configuration: u8,
    limits: [u16; 2],
    pointer: Pointer,
    taken: [u8; 2],
}

impl Default for Tmp105 {
    fn default() -> Self {
        // The limits after power-on: 75 and 80 degrees.
        let limits = [0x4b00, 0x5000];
        Self { sixteenths: 0, configuration: 0, limits, pointer: Pointer::default(), taken: [0; 2] }
    }
}

impl Tmp105 {
    /// Sets the temperature in degrees; the chip has steps of 1/16 degree, and rounds down.
    pub fn set_degrees(&mut self, degrees: f64) {
        self.sixteenths = (degrees * 16.0).floor().clamp(-2048.0, 2047.0) as i16;
    }

    fn register(&self) -> [u8; 2] {
        match self.pointer.register & 3 {
            // The resolution is in bits 5 and 6 of the configuration: 9 bits and up.
            0 => {
                let unused = 3 - u32::from(self.configuration >> 5 & 3);
                ((self.sixteenths >> unused << unused << 4) as u16).to_be_bytes()
            }
            1 => [self.configuration; 2],
            n => self.limits[usize::from(n) - 2].to_be_bytes(),
        }
    }
}

impl I2cDevice for Tmp105 {
    fn start(&mut self, read: bool, _: u64) -> bool {
        self.pointer.start(read);
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.pointer.takes(byte) {
            return true;
        }
        let at = self.pointer.byte();
        if let Some(taken) = self.taken.get_mut(usize::from(at)) {
            *taken = byte;
        }
        match (self.pointer.register & 3, at) {
            (1, 0) => self.configuration = byte,
            (n @ 2.., 1) => self.limits[usize::from(n) - 2] = u16::from_be_bytes(self.taken),
            _ => {}
        }
        true
    }

    fn read(&mut self) -> u8 {
        let at = self.pointer.byte();
        self.register().get(usize::from(at)).copied().unwrap_or(0xff)
    }

    fn stop(&mut self, _: u64) {
        self.pointer.at = 0;
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        if what != "temperature" {
            return Err("it has a `temperature`".into());
        }
        let degrees: f64 = value.parse().map_err(|_| "a temperature is a number of degrees, `21.5`")?;
        if !(-128.0..128.0).contains(&degrees) {
            return Err("its temperature is -128 to 127.9 degrees".into());
        }
        self.set_degrees(degrees);
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        match what {
            "temperature" => Some(format!("{}", f64::from(self.sixteenths) / 16.0)),
            "configuration" => Some(format!("{:#04x}", self.configuration)),
            _ => None,
        }
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}

/// A clock, DS1307 or DS1338: seconds, minutes, hours, day of the week, day, month and year in decimal digits
/// of four bits, the control register, and 56 bytes that it keeps. It runs from the time that was set, with
/// the board's.
#[derive(Clone, Debug)]
pub struct Rtc {
    /// Registers 7 to 63.
    kept: [u8; 57],
    /// What it was set to, in seconds since 1970 (from 2000 on), and the board's time then.
    set: (i64, u64),
    /// The registers of time when the device was addressed last: they do not change within a transfer.
    latched: [u8; 7],
    pointer: u8,
    has_pointer: bool,
    changed: bool,
}

impl Default for Rtc {
    fn default() -> Self {
        Self {
            kept: [0; 57],
            set: (YEAR_2000_S, 0),
            latched: [0; 7],
            pointer: 0,
            has_pointer: false,
            changed: false,
        }
    }
}

const DAY_S: i64 = 86_400;
/// 1 January 2000: the chip counts years from there.
const YEAR_2000_S: i64 = 10_957 * DAY_S;
const YEAR_2100_S: i64 = 47_482 * DAY_S;

impl Rtc {
    /// Registers of a time. The week begins with Sunday, and 1 January 1970 was a Thursday.
    fn registers(seconds: i64) -> [u8; 7] {
        let (days, second) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
        let (year, month, day) = calendar::date(days);
        let week = (days + 4).rem_euclid(7) + 1;
        let digits =
            [second % 60, second / 60 % 60, second / 3600, week, day.into(), month.into(), year % 100];
        digits.map(|n| bcd(n as u8))
    }

    fn seconds(registers: [u8; 7]) -> i64 {
        let masks = [0x7f, 0x7f, 0x3f, 7, 0x3f, 0x1f, 0xff];
        let mut digits = [0; 7];
        for ((to, from), mask) in digits.iter_mut().zip(registers).zip(masks) {
            *to = i64::from((from & mask) >> 4) * 10 + i64::from(from & mask & 15);
        }
        let [second, minute, hour, _, day, month, year] = digits;
        let first = calendar::days(2000 + year, month.clamp(1, 12) as u8, 1);
        (first + day.max(1) - 1) * DAY_S + hour * 3600 + minute * 60 + second
    }

    fn now(&self, now_us: u64) -> i64 {
        self.set.0 + (now_us.saturating_sub(self.set.1) / 1_000_000) as i64
    }
}

const fn bcd(n: u8) -> u8 {
    ((n / 10) << 4) | (n % 10)
}

impl I2cDevice for Rtc {
    fn start(&mut self, read: bool, now_us: u64) -> bool {
        if !self.changed {
            self.latched = Self::registers(self.now(now_us));
        }
        self.has_pointer = read;
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if !self.has_pointer {
            (self.pointer, self.has_pointer) = (byte & 63, true);
            return true;
        }
        let at = usize::from(self.pointer);
        match self.latched.get_mut(at) {
            Some(register) => {
                *register = byte;
                self.changed = true;
            }
            None => self.kept[at - 7] = byte,
        }
        self.pointer = (self.pointer + 1) & 63;
        true
    }

    fn read(&mut self) -> u8 {
        let at = usize::from(self.pointer);
        self.pointer = (self.pointer + 1) & 63;
        self.latched.get(at).copied().unwrap_or_else(|| self.kept[at - 7])
    }

    fn stop(&mut self, now_us: u64) {
        if std::mem::take(&mut self.changed) {
            self.set = (Self::seconds(self.latched), now_us);
        }
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let form = "a time is `2026-11-28T07:00:00`";
        if what != "time" {
            return Err("it has a `time`".into());
        }
        let time = Stamp::parse(&format!("{value}Z")).ok_or(form)?.0.div_euclid(1_000_000);
        if !(YEAR_2000_S..YEAR_2100_S).contains(&time) {
            return Err("the chip has the years 2000 to 2099".into());
        }
        self.set = (time, 0);
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        let time = || Stamp(self.set.0 * 1_000_000).to_string().trim_end_matches('Z').to_owned();
        (what == "time").then(time)
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}

/// An EEPROM of the 24Cxx kind. A write changes bytes of one page, wraps at its end, and takes its time,
/// during which the chip does not acknowledge.
#[derive(Clone, Debug)]
pub struct Eeprom {
    bytes: Vec<u8>,
    page: usize,
    /// Bytes of an address: 1 up to 256 bytes, else 2.
    address_bytes: u8,
    write_us: u64,
    pointer: usize,
    /// Bytes of the address that are still to come.
    missing: u8,
    written: bool,
    ready_us: u64,
}

impl Eeprom {
    /// A chip of so many bytes, all 0xff, with pages of 8 bytes (up to 256 bytes), else of 32. A write takes
    /// 5 ms.
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.clamp(1, 65_536);
        let (page, address_bytes) = if bytes <= 256 { (8, 1) } else { (32, 2) };
        Self {
            bytes: vec![0xff; bytes],
            page,
            address_bytes,
            write_us: 5_000,
            pointer: 0,
            missing: 0,
            written: false,
            ready_us: 0,
        }
    }

    /// Returns what it holds.
    pub fn content(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what it holds, to change it.
    pub fn content_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The same chip with another time for a write.
    #[must_use]
    pub fn with_write_us(self, write_us: u64) -> Self {
        Self { write_us, ..self }
    }
}

impl I2cDevice for Eeprom {
    fn start(&mut self, read: bool, now_us: u64) -> bool {
        if now_us < self.ready_us {
            return false;
        }
        if !read {
            (self.missing, self.written) = (self.address_bytes, false);
        }
        true
    }

    fn write(&mut self, byte: u8) -> bool {
        if self.missing != 0 {
            let higher = if self.missing == self.address_bytes { 0 } else { self.pointer << 8 };
            self.pointer = (higher | usize::from(byte)) % self.bytes.len();
            self.missing -= 1;
            return true;
        }
        self.bytes[self.pointer] = byte;
        self.written = true;
        let first = self.pointer / self.page * self.page;
        self.pointer = (first + (self.pointer + 1 - first) % self.page) % self.bytes.len();
        true
    }

    fn read(&mut self) -> u8 {
        let byte = self.bytes[self.pointer];
        self.pointer = (self.pointer + 1) % self.bytes.len();
        byte
    }

    fn stop(&mut self, now_us: u64) {
        if std::mem::take(&mut self.written) {
            self.ready_us = now_us + self.write_us;
        }
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let last = self.bytes.len() as u64 - 1;
        let at = whole(what, last).ok_or_else(|| format!("it has bytes, from 0 to {last}"))?;
        self.bytes[at as usize] = whole(value, 0xff).ok_or("a byte is 0 to 255")? as u8;
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        let at = whole(what, self.bytes.len() as u64 - 1)?;
        Some(format!("{:#04x}", self.bytes[at as usize]))
    }

    fn copied(&self) -> Box<dyn I2cDevice> {
        Box::new(self.clone())
    }
}

/// A whole number up to `most`, decimal or hexadecimal.
pub(super) fn whole(text: &str, most: u64) -> Option<u64> {
    let number = crate::value::parse_whole(text)?;
    u64::try_from(number).ok().filter(|number| *number <= most)
}
