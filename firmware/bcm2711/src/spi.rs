//! The SPI controller (section 9, "SPI0"), polled against the clock.

use safe_mmio::fields::{ReadPureWrite, ReadWrite};
use tiny_mapper::{BusStatus, Pull, SpiRow};
use xmap_boards::{Line, SpiBus};

use crate::core_clock::divider;
use crate::gpio::alternate;
use crate::registers::chip_block;
use crate::{Apart, Clock, Counter, Gpio, PinFunction, Registers};

/// The registers of the controller (section 9.5).
#[derive(Debug)]
#[repr(C)]
pub struct SpiRegisters {
    /// `CS`: control and status.
    control: ReadPureWrite<u32>,
    /// `FIFO`: bytes to send, and bytes that came.
    fifo: ReadWrite<u32>,
    /// `CLK`: core clocks in one of the bus.
    divider: ReadPureWrite<u32>,
}

/// Control: the receiving FIFO has a byte.
const RXD: u32 = 1 << 17;
/// Control: the sending FIFO has room.
const TXD: u32 = 1 << 18;
/// Control: all was sent.
const DONE: u32 = 1 << 16;
/// Control: a transfer is going on.
const TA: u32 = 1 << 7;
/// Control: empties both FIFOs.
const CLEAR: u32 = 0b11 << 4;
/// Control: the mode's two bits, CPOL and CPHA, begin here.
const MODE: u32 = 2;

/// Bytes that each FIFO holds: no more are on their way than the receiving one has room for.
const FIFO: usize = 64;

chip_block! {
    /// The registers of the chip's controller.
    pub struct SpiBlock { registers: SpiRegisters }
    /// A register of the controller.
    pub enum SpiRegister {
        /// `CS`.
        Control => control,
        /// `FIFO`.
        Fifo => fifo,
        /// `CLK`.
        Divider => divider,
    }
}

/// The controller.
#[derive(Debug)]
pub struct SpiController<R> {
    registers: R,
}

/// The controller of the chip.
pub type ChipSpi = SpiController<SpiBlock<'static>>;

impl<R: Registers<Register = SpiRegister>> SpiController<R> {
    /// The driver for this block.
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Returns the driver for registers that stand in front of its own: of a program that measures it.
    pub fn over<S>(self, front: impl FnOnce(R) -> S) -> SpiController<S> {
        SpiController { registers: front(self.registers) }
    }

    /// Does what `tiny_mapper::Spi::transfer` says, on the bus whose controller this is; `select` is the line
    /// that selects the device.
    #[inline(never)]
    pub fn transfer<C: Counter>(
        &mut self,
        (gpio, clock): (&mut Gpio<'_>, &mut Clock<C>),
        (bus, select, apart): (&'static SpiBus, Line, Apart),
        device: &SpiRow,
        write: &[u8],
        read: &mut [u8],
    ) -> BusStatus {
        let limit = u64::from(clock.counter().hz()) * u64::from(device.timeout_us()) / 1_000_000;
        let deadline = clock.counter().ticks() + limit;
        // The level of the clock between transfers, before the line is the bus's.
        let idle = u32::from(device.mode()) << MODE | u32::from(device.select());
        self.registers.store(SpiRegister::Control, idle | CLEAR);
        self.registers.store(SpiRegister::Divider, divider(device.clock_hz()));
        // A line that is let go selects nothing.
        gpio.pull(select, Pull::Up);
        let mut connect = |line: Line, function| apart(&mut || gpio.select(line, function));
        let lines = [bus.sclk, bus.mosi, bus.miso, select];
        lines.into_iter().for_each(|line| connect(line, alternate(bus.alt)));
        self.registers.store(SpiRegister::Control, idle | TA);
        let is_late = &mut || clock.counter().ticks() > deadline;
        let done = self.exchange(is_late, write, read);
        self.registers.store(SpiRegister::Control, idle | CLEAR);
        // The device is let go first: so are the lines between two transfers, and nothing is left of a module
        // that goes.
        lines.into_iter().rev().for_each(|line| connect(line, PinFunction::Input));
        if done { BusStatus::Ok } else { BusStatus::Timeout }
    }

    /// Sends and takes bytes. Returns whether all were sent before the time limit.
    fn exchange(&mut self, is_late: &mut dyn FnMut() -> bool, write: &[u8], read: &mut [u8]) -> bool {
        let len = write.len().max(read.len());
        let (mut sent, mut got) = (0, 0);
        loop {
            // The clock first: what came before the limit is taken, however late this program looks.
            let late = is_late();
            let status = self.registers.load(SpiRegister::Control);
            if status & RXD != 0 && got < len {
                let byte = self.registers.load(SpiRegister::Fifo) as u8;
                if let Some(to) = read.get_mut(got) {
                    *to = byte;
                }
                got += 1;
            } else if status & TXD != 0 && sent < len && sent - got < FIFO {
                let byte = write.get(sent).copied().unwrap_or(0);
                self.registers.store(SpiRegister::Fifo, byte.into());
                sent += 1;
            } else if got == len && (len == 0 || status & DONE != 0) {
                return true;
            } else if late {
                return false;
            } else {
                core::hint::spin_loop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::vec::Vec;

    use xmap_boards::RPI4B;

    use super::*;
    use crate::model::{LINES, Steps, block};

    /// A controller with a device that answers each byte with its complement, one for each load of the
    /// status.
    #[derive(Default)]
    struct Model {
        control: u32,
        divider: u32,
        sent: Vec<u8>,
        out: VecDeque<u8>,
        input: VecDeque<u8>,
        /// Bytes after which nothing happens any more.
        stops: Option<usize>,
    }

    impl Registers for Model {
        type Register = SpiRegister;

        fn load(&mut self, register: SpiRegister) -> u32 {
            match register {
                SpiRegister::Control => {
                    let flags = self.control
                        | if self.input.is_empty() { 0 } else { RXD }
                        | if self.out.len() < 64 { TXD } else { 0 }
                        | if self.out.is_empty() { DONE } else { 0 };
                    if self.control & TA != 0
                        && self.stops != Some(self.sent.len())
                        && let Some(byte) = self.out.pop_front()
                    {
                        self.sent.push(byte);
                        self.input.push_back(!byte);
                        assert!(self.input.len() <= 64, "bytes are lost");
                    }
                    flags
                }
                SpiRegister::Fifo => self.input.pop_front().expect("there is a byte").into(),
                SpiRegister::Divider => self.divider,
            }
        }

        fn store(&mut self, register: SpiRegister, value: u32) {
            match register {
                SpiRegister::Control => {
                    if value & CLEAR != 0 {
                        self.out.clear();
                        self.input.clear();
                    }
                    self.control = value & !CLEAR;
                }
                SpiRegister::Fifo => {
                    assert!(self.control & TA != 0 && self.out.len() < 64);
                    self.out.push_back(value as u8);
                }
                SpiRegister::Divider => self.divider = value,
            }
        }
    }

    /// Runs a transfer. Returns how it ended, the ticks that it took, the model, and the words of the lines'
    /// block.
    fn run(
        model: Model,
        row: &SpiRow,
        write: &[u8],
        read: &mut [u8],
    ) -> (BusStatus, u64, Model, [u32; LINES]) {
        let mut lines = [0u32; LINES];
        let mut clock = Clock::new(Steps::US);
        let mut gpio = Gpio::new(block(&mut lines));
        let bus = RPI4B.spi_bus(0).unwrap();
        let mut spi = SpiController::new(model);
        let place = (bus, bus.selects[usize::from(row.select())], (|f| f()) as Apart);
        let status = spi.transfer((&mut gpio, &mut clock), place, row, write, read);
        (status, clock.counter().0, spi.registers, lines)
    }

    #[test]
    fn offsets_are_the_manuals() {
        assert_eq!(core::mem::offset_of!(SpiRegisters, fifo), 4);
        assert_eq!(core::mem::offset_of!(SpiRegisters, divider), 8);
    }

    #[test]
    fn bytes_go_out_and_come_in_at_once() {
        let row = SpiRow::new([0, 1, 3], 1_000_000, 512, 50_000);
        let mut read = [0; 2];
        let (status, _, model, lines) = run(Model::default(), &row, &[0x9f, 1, 2], &mut read);
        assert_eq!((status, read), (BusStatus::Ok, [0x60, 0xfe]));
        assert_eq!(model.sent, [0x9f, 1, 2]);
        assert_eq!((model.control, model.divider), (0b1101, 500), "mode 3, the second select line");
        // All lines are inputs again, and the select line is pulled up.
        assert_eq!((lines[0], lines[1], lines[0xe4 / 4]), (0, 0, 1 << 14));
        // Zeros go out for what there is to read beyond what is written.
        let mut long = [0; 300];
        let (status, _, model, _) = run(Model::default(), &row, &[7], &mut long);
        assert_eq!((status, model.sent.len(), model.sent[299]), (BusStatus::Ok, 300, 0));
        assert_eq!((long[0], long[299]), (0xf8, 0xff));
        let (status, _, model, _) = run(Model::default(), &row, &[], &mut []);
        assert_eq!((status, model.sent.len()), (BusStatus::Ok, 0));
    }

    #[test]
    fn a_controller_that_stops_ends_at_the_limit() {
        let row = SpiRow::new([0, 0, 0], 1_000_000, 8, 500);
        for stops in 0..4 {
            let model = Model { stops: Some(stops), ..Model::default() };
            let (status, ticks, model, lines) = run(model, &row, &[1; 4], &mut [0; 4]);
            assert_eq!(status, BusStatus::Timeout, "{stops}");
            assert!(ticks > 500 && ticks < 510, "{ticks} ticks");
            assert_eq!((model.control, lines[0], lines[1]), (0, 0, 0), "off, and the lines are let go");
        }
    }

    #[test]
    fn the_bus_is_never_faster_than_declared() {
        for (hz, expected) in [(1_000_000, 500), (32_000_000, 16), (10_000, 50_000), (3_333_333, 152)] {
            assert_eq!(divider(hz), expected, "{hz}");
            assert!(crate::core_clock::CORE_HZ / divider(hz) <= hz);
        }
    }
}
