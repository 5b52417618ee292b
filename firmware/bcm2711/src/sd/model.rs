//! A controller with a card in it, as far as the specifications say what each does.

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use super::BLOCK;
use super::host::{
    CLOCK_ON, CLOCK_STABLE, COMMAND_COMPLETE, HostRegister, READ_READY, RESET_ALL, RESET_LINES,
    TRANSFER_COMPLETE, WRITE_READY,
};
use crate::{Counter, Registers};

/// A counter of microseconds, of which each look takes some.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticks(u64);

impl Counter for Ticks {
    fn ticks(&mut self) -> u64 {
        self.0 += 40;
        self.0
    }

    fn hz(&self) -> u32 {
        1_000_000
    }
}

/// What goes wrong with a command, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not answered.
    Silent,
    /// These bits of the error status are set instead of an answer.
    Error(u32),
    /// The same, with this block of its data.
    Data(u32, u32),
    /// Its answer has these bits of the card's status.
    Status(u32),
    /// The controller says nothing, for ever.
    Dead,
}

/// The model.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) blocks: BTreeMap<u32, [u8; BLOCK]>,
    /// Every command that came, with its argument.
    pub(super) commands: Vec<(u8, u32)>,
    pub(super) fault: Option<(u8, Fault)>,
    pub(super) absent: bool,
    pub(super) protected: bool,
    /// A card of up to 2 GB, which counts in bytes.
    pub(super) small: bool,
    /// It knows no CMD8.
    pub(super) old: bool,
    /// It has no high speed.
    pub(super) slow: bool,
    pub(super) control: u32,
    pub(super) clock: u32,
    /// ACMD41 says so many times that it is not ready.
    pub(super) late: u32,
    /// CMD13 says so many times that it is busy.
    pub(super) busy: u32,
    pub(super) sizes: u32,
    pub(super) argument: u32,
    pub(super) status: u32,
    pub(super) enable: u32,
    pub(super) response: [u32; 4],
    pub(super) application: bool,
    pub(super) fifo: VecDeque<u32>,
    /// Blocks that are still to come, and where the next one is; written where the flag says so.
    pub(super) left: u32,
    pub(super) at: u32,
    pub(super) writes: bool,
    pub(super) data_fault: Option<(u32, u32)>,
    pub(super) card_status: u32,
    pub(super) stuck: bool,
}

/// The address that the card gives itself.
const RCA: u32 = 0x4711_0000;
/// Blocks of the large card: 64 MiB, and of the small one: 1 MiB.
pub(super) const LARGE: u32 = 128 * 1024;
pub(super) const SMALL: u32 = 2048;

impl Model {
    fn command(&mut self, word: u32) {
        let (number, is_data) = ((word >> 24 & 0x3f) as u8, word >> 16 & 1 << 5 != 0);
        self.commands.push((number, self.argument));
        let fault = self.fault.take_if(|(of, _)| *of == number).map(|(_, fault)| fault);
        let application = std::mem::take(&mut self.application);
        match fault {
            Some(Fault::Silent) => return self.raise(1 << 16),
            Some(Fault::Error(bits)) => return self.raise(bits),
            Some(Fault::Dead) => return self.stuck = true,
            Some(Fault::Data(block, bits)) => self.data_fault = Some((block, bits)),
            Some(Fault::Status(bits)) => self.card_status |= bits,
            None => {}
        }
        if self.absent && number != 0 {
            return self.raise(1 << 16);
        }
        let short = 4 << 9 | 1 << 8 | std::mem::take(&mut self.card_status);
        self.response = [short, 0, 0, 0];
        match number {
            8 if self.old => return self.raise(1 << 16),
            8 => self.response[0] = self.argument & 0xfff,
            55 => self.application = true,
            41 if application => {
                let ready = if self.late == 0 { 1 << 31 } else { 0 };
                self.late = self.late.saturating_sub(1);
                self.response[0] = ready | if self.small { 0 } else { 1 << 30 } | 0xff_8000;
            }
            3 => self.response[0] = RCA | 0x500,
            9 => self.response = self.csd(),
            13 if self.busy > 0 => {
                self.busy -= 1;
                self.response[0] = 7 << 9;
            }
            6 if !application => {
                if self.slow {
                    return self.raise(1 << 16);
                }
                let mut answer = [0u8; 64];
                answer[16] = 1;
                self.fifo = answer.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
                return self.raise(COMMAND_COMPLETE | READ_READY);
            }
            17 | 18 | 24 | 25 => return self.transfer(number, word),
            _ => {}
        }
        assert!(!is_data, "CMD{number} has no data");
        self.raise(COMMAND_COMPLETE | TRANSFER_COMPLETE);
    }

    fn transfer(&mut self, number: u8, word: u32) {
        let many = number == 18 || number == 25;
        assert_eq!(self.sizes & 0xffff, 512);
        assert_eq!(word >> 5 & 1 == 1, many, "the mode says several");
        assert_eq!(word >> 2 & 0b11, u32::from(many), "CMD12 comes by itself behind several");
        self.at = if self.small { self.argument / 512 } else { self.argument };
        self.left = if many { self.sizes >> 16 } else { 1 };
        self.writes = number >= 24;
        self.fifo.clear();
        self.raise(COMMAND_COMPLETE);
        self.next_block();
    }

    fn next_block(&mut self) {
        if self.left == 0 {
            return self.raise(TRANSFER_COMPLETE);
        }
        if let Some((0, bits)) = self.data_fault {
            self.data_fault = None;
            return self.raise(bits);
        }
        self.data_fault = self.data_fault.map(|(block, bits)| (block - 1, bits));
        if self.writes {
            return self.raise(WRITE_READY);
        }
        let block = self.blocks.get(&self.at).copied().unwrap_or([0; BLOCK]);
        self.fifo.extend(block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
        self.raise(READ_READY);
    }

    fn raise(&mut self, bits: u32) {
        self.status |= bits & self.enable;
    }

    fn csd(&self) -> [u32; 4] {
        let mut csd = 0u128;
        let mut put = |at: u32, value: u32| csd |= u128::from(value) << at;
        if self.small {
            // 2048 blocks: (511 + 1) * 2^2 * 512 bytes.
            put(80, 9);
            put(62, 511);
        } else {
            put(126, 1);
            put(48, LARGE / 1024 - 1);
        }
        put(12, self.protected.into());
        let response = csd >> 8;
        core::array::from_fn(|word| (response >> (32 * word)) as u32)
    }
}

impl Registers for Model {
    type Register = HostRegister;

    fn load(&mut self, register: HostRegister) -> u32 {
        match register {
            HostRegister::Blocks => self.sizes,
            HostRegister::Argument => self.argument,
            HostRegister::Command => 0,
            HostRegister::Response(word) => self.response[usize::from(word)],
            HostRegister::Data => {
                let word = self.fifo.pop_front().expect("the buffer has a block");
                if self.fifo.is_empty() {
                    if self.left > 0 {
                        (self.left, self.at) = (self.left - 1, self.at + 1);
                    }
                    self.next_block();
                }
                word
            }
            HostRegister::Present => u32::from(self.stuck) * 0b11,
            HostRegister::Control => self.control,
            HostRegister::Clock => self.clock | if self.clock & CLOCK_ON != 0 { CLOCK_STABLE } else { 0 },
            HostRegister::Status => self.status,
            HostRegister::Enable => self.enable,
            HostRegister::Signal => 0,
            HostRegister::Capabilities => 100 << 8,
        }
    }

    fn store(&mut self, register: HostRegister, value: u32) {
        match register {
            HostRegister::Blocks => self.sizes = value,
            HostRegister::Argument => self.argument = value,
            HostRegister::Command => self.command(value),
            HostRegister::Data => {
                self.fifo.push_back(value);
                if self.fifo.len() == BLOCK / 4 {
                    let mut block = [0; BLOCK];
                    let words = block.as_chunks_mut::<4>().0.iter_mut().zip(self.fifo.drain(..));
                    words.for_each(|(to, word)| *to = word.to_le_bytes());
                    self.blocks.insert(self.at, block);
                    (self.left, self.at) = (self.left - 1, self.at + 1);
                    self.next_block();
                }
            }
            HostRegister::Control => self.control = value,
            HostRegister::Clock => {
                if value & RESET_ALL != 0 {
                    (self.status, self.enable, self.control, self.left) = (0, 0, 0, 0);
                }
                if value & RESET_LINES != 0 {
                    self.fifo.clear();
                }
                self.clock = value & 0x00ff_ffff;
            }
            HostRegister::Status => self.status &= !value,
            HostRegister::Enable => self.enable = value,
            HostRegister::Signal => assert_eq!(value, 0, "nothing interrupts"),
            HostRegister::Response(_) | HostRegister::Present | HostRegister::Capabilities => {
                panic!("{register:?} is read-only")
            }
        }
    }
}
