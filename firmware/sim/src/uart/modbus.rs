//! A Modbus RTU slave at the other end of a serial port.

use std::ops::Range;

use super::UartDevice;
use crate::value::parse_whole;

/// A slave with 256 holding registers, which its input registers are, too: functions 3, 4, 6 and 16 (Modbus
/// application protocol V1.1b3, section 6).
#[derive(Clone, Debug)]
pub struct ModbusSlave {
    address: u8,
    registers: Vec<u16>,
    /// It answers nothing.
    silent: bool,
    /// Its answers have a wrong sum.
    noisy: bool,
    requests: u32,
}

impl Default for ModbusSlave {
    /// Address 1, all registers zero.
    fn default() -> Self {
        Self { address: 1, registers: vec![0; 256], silent: false, noisy: false, requests: 0 }
    }
}

const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const ILLEGAL_VALUE: u8 = 3;

/// The sum of a frame: Modbus over serial line V1.02, section 6.2.2.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 != 0 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

impl ModbusSlave {
    /// A slave with this address.
    pub fn new(address: u8) -> Self {
        Self { address, ..Self::default() }
    }

    /// The registers.
    pub fn registers_mut(&mut self) -> &mut [u16] {
        &mut self.registers
    }

    fn range(&self, first: u16, count: u16, most: u16) -> Result<Range<usize>, u8> {
        if !(1..=most).contains(&count) {
            return Err(ILLEGAL_VALUE);
        }
        let first = usize::from(first);
        let range = first..first + usize::from(count);
        if range.end > self.registers.len() { Err(ILLEGAL_ADDRESS) } else { Ok(range) }
    }

    /// Returns what follows address and function in the answer.
    fn serve(&mut self, function: u8, arguments: &[u8]) -> Result<Vec<u8>, u8> {
        let word = |at: usize| match arguments.get(at..at + 2) {
            Some(bytes) => Ok(u16::from_be_bytes([bytes[0], bytes[1]])),
            None => Err(ILLEGAL_VALUE),
        };
        match function {
            3 | 4 => {
                let range = self.range(word(0)?, word(2)?, 125)?;
                let mut answer = vec![2 * range.len() as u8];
                answer.extend(self.registers[range].iter().flat_map(|register| register.to_be_bytes()));
                Ok(answer)
            }
            6 => {
                let range = self.range(word(0)?, 1, 1)?;
                self.registers[range.start] = word(2)?;
                Ok(arguments[..4].to_vec())
            }
            16 => {
                let range = self.range(word(0)?, word(2)?, 123)?;
                let values = arguments.get(5..).unwrap_or_default();
                if arguments.get(4).copied().map(usize::from) != Some(2 * range.len())
                    || values.len() != 2 * range.len()
                {
                    return Err(ILLEGAL_VALUE);
                }
                for (register, bytes) in self.registers[range].iter_mut().zip(values.chunks_exact(2)) {
                    *register = u16::from_be_bytes([bytes[0], bytes[1]]);
                }
                Ok(arguments[..4].to_vec())
            }
            _ => Err(ILLEGAL_FUNCTION),
        }
    }
}

impl UartDevice for ModbusSlave {
    fn take(&mut self, bytes: &[u8], _: u64) -> Vec<u8> {
        let Some((frame, sum)) = bytes.split_last_chunk::<2>() else { return Vec::new() };
        let [address, function, arguments @ ..] = frame else { return Vec::new() };
        let is_mine = *address == self.address || *address == 0;
        if crc(frame) != u16::from_le_bytes(*sum) || !is_mine {
            return Vec::new();
        }
        self.requests += 1;
        let mut answer = match self.serve(*function, arguments) {
            Ok(data) => [vec![self.address, *function], data].concat(),
            Err(error) => vec![self.address, *function | 0x80, error],
        };
        // A broadcast has no answer.
        if *address == 0 || self.silent {
            return Vec::new();
        }
        let sum = crc(&answer) ^ u16::from(self.noisy);
        answer.extend(sum.to_le_bytes());
        answer
    }

    fn set(&mut self, what: &str, value: &str) -> Result<(), String> {
        let number = |most: i128| parse_whole(value).filter(|number| (0..=most).contains(number));
        let flag = || value.parse::<bool>().map_err(|_| "this is `true` or `false`");
        match what {
            "address" => self.address = number(247).ok_or("an address is 1 to 247")? as u8,
            "silent" => self.silent = flag()?,
            "noisy" => self.noisy = flag()?,
            _ => {
                let at = what.strip_prefix("register").and_then(parse_whole);
                let register = at.and_then(|at| self.registers.get_mut(usize::try_from(at).ok()?));
                let register =
                    register.ok_or("it has `register0` to `register255`, `address`, `silent`, `noisy`")?;
                *register = number(0xffff).ok_or("a register holds 0 to 65535")? as u16;
            }
        }
        Ok(())
    }

    fn get(&self, what: &str) -> Option<String> {
        match what {
            "address" => Some(self.address.to_string()),
            "requests" => Some(self.requests.to_string()),
            _ => {
                let at = parse_whole(what.strip_prefix("register")?)?;
                Some(self.registers.get(usize::try_from(at).ok()?)?.to_string())
            }
        }
    }

    fn copied(&self) -> Box<dyn UartDevice> {
        Box::new(self.clone())
    }
}
