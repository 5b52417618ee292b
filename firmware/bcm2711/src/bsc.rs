//! The serial controllers that are I2C masters (section 3, "BSC"), polled against the clock.
//!
//! What the chip is known for beyond its manual: a repeated start is made by programming the next transfer
//! while the one before still shifts its last byte; a device that holds the clock in the middle of a byte can
//! make the controller misread it, which no driver can mend.

use safe_mmio::fields::{ReadPureWrite, ReadWrite};
use tiny_mapper::{BusStatus, I2cRow};
use xmap_boards::{I2cBus, Line};

use crate::core_clock;
use crate::gpio::alternate;
use crate::registers::chip_block;
use crate::{Apart, Clock, Counter, Gpio, PinFunction, Registers};

/// The registers of a controller (section 3.2).
#[derive(Debug)]
#[repr(C)]
pub struct BscRegisters {
    /// `C`: control.
    control: ReadPureWrite<u32>,
    /// `S`: status; ones clear [`CLKT`], [`ERR`] and [`DONE`].
    status: ReadPureWrite<u32>,
    /// `DLEN`: bytes to transfer.
    length: ReadPureWrite<u32>,
    /// `A`: the address.
    address: ReadPureWrite<u32>,
    /// `FIFO`: 16 bytes, for both directions.
    fifo: ReadWrite<u32>,
    /// `DIV`: core clocks in one of the bus.
    divider: ReadPureWrite<u32>,
    /// `DEL`: core clocks from an edge to the sample (lower half), and to the next bit.
    delay: ReadPureWrite<u32>,
    /// `CLKT`: bus clocks that a device may hold the clock; 0 is for ever.
    stretch: ReadPureWrite<u32>,
}

/// Control: the controller is on.
const I2CEN: u32 = 1 << 15;
/// Control: starts a transfer.
const ST: u32 = 1 << 7;
/// Control: empties the FIFO, before a transfer that starts with the same store.
const CLEAR: u32 = 0b11 << 4;
/// Control: the transfer reads.
const READ: u32 = 1;
/// Status: a device held the clock for too long.
const CLKT: u32 = 1 << 9;
/// Status: no acknowledgement.
const ERR: u32 = 1 << 8;
/// Status: the FIFO has a byte.
const RXD: u32 = 1 << 5;
/// Status: the FIFO has room.
const TXD: u32 = 1 << 4;
/// Status: the FIFO is empty.
const TXE: u32 = 1 << 6;
/// Status: the transfer is done.
const DONE: u32 = 1 << 1;
/// Status: a transfer is going on.
const TA: u32 = 1;

/// Clocks with which a recovery frees a device that waits in the middle of a byte (UM10204, section 3.1.16).
const RECOVERY_CLOCKS: u32 = 9;

chip_block! {
    /// The registers of a controller of the chip.
    pub struct BscBlock { registers: BscRegisters }
    /// A register of a controller.
    pub enum BscRegister {
        /// `C`.
        Control => control,
        /// `S`.
        Status => status,
        /// `DLEN`.
        Length => length,
        /// `A`.
        Address => address,
        /// `FIFO`.
        Fifo => fifo,
        /// `DIV`.
        Divider => divider,
        /// `DEL`.
        Delay => delay,
        /// `CLKT`.
        Stretch => stretch,
    }
}

/// A controller.
#[derive(Debug)]
pub struct Bsc<R> {
    registers: R,
}

/// A controller of the chip.
pub type ChipBsc = Bsc<BscBlock<'static>>;

/// What one transfer needs beside the controller: the clock, the lines, and when it has to be over.
struct Wire<'w, 'a, C> {
    clock: &'w mut Clock<C>,
    gpio: &'w mut Gpio<'a>,
    bus: &'static I2cBus,
    apart: Apart,
    /// Ticks of half a bus clock.
    half: u64,
    deadline: u64,
}

impl<R: Registers<Register = BscRegister>> Bsc<R> {
    /// The driver for this block.
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Returns the driver for registers that stand in front of its own: of a program that measures it.
    pub fn over<S>(self, front: impl FnOnce(R) -> S) -> Bsc<S> {
        Bsc { registers: front(self.registers) }
    }

    /// Does what `tiny_mapper::I2c::write_read` says, on a bus whose controller this is.
    #[inline(never)]
    pub fn write_read<C: Counter>(
        &mut self,
        (gpio, clock): (&mut Gpio<'_>, &mut Clock<C>),
        (bus, apart): (&'static I2cBus, Apart),
        device: &I2cRow,
        write: &[u8],
        read: &mut [u8],
    ) -> BusStatus {
        let hz = u64::from(clock.counter().hz());
        let half = hz.div_ceil(2 * u64::from(device.speed_hz().max(1)));
        let limit = hz * u64::from(device.timeout_us()) / 1_000_000;
        let deadline = clock.counter().ticks() + limit;
        let mut wire = Wire { clock, gpio, bus, apart, half, deadline };
        wire.connect();
        let outcome = wire.free().and_then(|()| self.run(&mut wire, device, write, read));
        let status = outcome.err().unwrap_or(BusStatus::Ok);
        if status == BusStatus::Nack {
            // The controller sends the stop condition by itself.
            let soon = wire.clock.counter().ticks() + 40 * wire.half;
            wire.deadline = wire.deadline.min(soon);
            _ = self.until(&mut wire, |status| status & DONE != 0 || status & TA == 0);
        }
        self.end();
        if !matches!(status, BusStatus::Ok | BusStatus::Nack) {
            wire.recover();
        }
        wire.let_go();
        status
    }

    fn run<C: Counter>(
        &mut self,
        wire: &mut Wire<'_, '_, C>,
        device: &I2cRow,
        write: &[u8],
        read: &mut [u8],
    ) -> Result<(), BusStatus> {
        self.set_rate(device.speed_hz());
        self.registers.store(BscRegister::Address, device.address().into());
        let writes = !write.is_empty() || read.is_empty();
        if writes {
            self.begin(write.len(), CLEAR);
            for byte in write {
                let status = self.until(wire, |status| status & (TXD | DONE) != 0)?;
                // Done before all was sent: the device did not take it.
                if status & DONE != 0 && status & TA == 0 {
                    return Err(BusStatus::Nack);
                }
                self.registers.store(BscRegister::Fifo, (*byte).into());
            }
            if read.is_empty() {
                return self.until(wire, is_over).map(drop);
            }
            // The next transfer is programmed when the last byte has left the FIFO, where bytes that come
            // would be mistaken for it, and before it has left the controller, so that no stop is sent.
            self.until(wire, |status| status & (TXE | DONE) != 0)?;
        }
        self.begin(read.len(), if writes { READ } else { READ | CLEAR });
        for byte in read {
            let status = self.until(wire, |status| status & (RXD | DONE) != 0)?;
            if status & RXD == 0 {
                return Err(BusStatus::Nack);
            }
            *byte = self.registers.load(BscRegister::Fifo) as u8;
        }
        self.until(wire, is_over).map(drop)
    }

    /// Starts a transfer of this many bytes.
    fn begin(&mut self, bytes: usize, control: u32) {
        self.registers.store(BscRegister::Status, CLKT | ERR | DONE);
        self.registers.store(BscRegister::Length, bytes as u32);
        self.registers.store(BscRegister::Control, I2CEN | ST | control);
    }

    /// Polls the status until it is as wanted.
    ///
    /// # Errors
    /// The device did not acknowledge; the time limit passed.
    fn until<C: Counter>(
        &mut self,
        wire: &mut Wire<'_, '_, C>,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<u32, BusStatus> {
        loop {
            // The clock first: what came before the limit is taken, however late this program looks.
            let late = wire.is_late();
            let status = self.registers.load(BscRegister::Status);
            if status & ERR != 0 {
                return Err(BusStatus::Nack);
            }
            if wanted(status) {
                return Ok(status);
            }
            if late || status & CLKT != 0 {
                return Err(BusStatus::Timeout);
            }
            core::hint::spin_loop();
        }
    }

    /// Switches the controller off and forgets what it has.
    fn end(&mut self) {
        self.registers.store(BscRegister::Control, CLEAR);
        self.registers.store(BscRegister::Status, CLKT | ERR | DONE);
    }

    /// Sets the rate of the clock: an even divider, so that the bus is not faster.
    fn set_rate(&mut self, hz: u32) {
        let divider = core_clock::divider(hz);
        self.registers.store(BscRegister::Divider, divider);
        // Sampled a quarter of a clock after the rising edge, changed a sixteenth after the falling one.
        self.registers.store(BscRegister::Delay, (divider / 16).max(1) << 16 | (divider / 4).max(1));
        // The time limit is kept by the clock.
        self.registers.store(BscRegister::Stretch, 0);
    }
}

impl<C: Counter> Wire<'_, '_, C> {
    fn is_late(&mut self) -> bool {
        self.clock.counter().ticks() > self.deadline
    }

    /// Connects both lines to the controller. What they are latched to is high, so that neither is pulled low
    /// should it become an output.
    fn connect(&mut self) {
        for line in [self.bus.sda, self.bus.scl] {
            self.gpio.set(line.bank(), line.mask());
            self.select(line, alternate(self.bus.alt));
        }
    }

    /// Makes both lines inputs, which the resistors pull up: so they are between two transfers, and nothing
    /// is left of a module that goes.
    fn let_go(&mut self) {
        self.wait_half();
        for line in [self.bus.sda, self.bus.scl] {
            self.select(line, PinFunction::Input);
        }
    }

    fn select(&mut self, line: Line, function: PinFunction) {
        (self.apart)(&mut || self.gpio.select(line, function));
    }

    fn is_high(&self, line: Line) -> bool {
        self.gpio.level(line.bank()) & line.mask() != 0
    }

    /// Waits until the clock line is free, and frees the data line where something holds it: the controller
    /// itself takes a line that is held low for one acknowledgement after the other.
    ///
    /// # Errors
    /// `Timeout`, `Busy`.
    fn free(&mut self) -> Result<(), BusStatus> {
        while !self.is_high(self.bus.scl) {
            if self.is_late() {
                return Err(BusStatus::Timeout);
            }
        }
        if self.is_high(self.bus.sda) || self.recover() { Ok(()) } else { Err(BusStatus::Busy) }
    }

    /// Frees the bus: up to nine clocks until the data line is high, then a stop condition. Returns whether
    /// it is.
    fn recover(&mut self) -> bool {
        let I2cBus { sda, scl, .. } = *self.bus;
        for line in [sda, scl] {
            self.select(line, PinFunction::Input);
            self.gpio.clear(line.bank(), line.mask());
        }
        // A line is pulled low as an output, and let go as an input.
        for _ in 0..RECOVERY_CLOCKS {
            if self.is_high(sda) {
                break;
            }
            self.select(scl, PinFunction::Output);
            self.wait_half();
            self.select(scl, PinFunction::Input);
            self.wait_half();
        }
        self.select(scl, PinFunction::Output);
        self.select(sda, PinFunction::Output);
        self.wait_half();
        self.select(scl, PinFunction::Input);
        self.wait_half();
        self.select(sda, PinFunction::Input);
        self.wait_half();
        let is_free = self.is_high(sda);
        self.connect();
        is_free
    }

    fn wait_half(&mut self) {
        let until = self.clock.counter().ticks() + self.half;
        while self.clock.counter().ticks() < until {
            core::hint::spin_loop();
        }
    }
}

/// Returns whether a status is that of a transfer whose stop condition was sent.
const fn is_over(status: u32) -> bool {
    status & DONE != 0 && status & TA == 0
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fmt::Write as _;

    use xmap_boards::RPI4B;

    use super::*;
    use crate::model::{LINES, Steps, block};

    const DEVICE: I2cRow = I2cRow::new(1, 0x48, 100_000, [20, 20], 5_000);

    /// A controller with a device that sends 1, 2, 3, as the manual and the chip have it: a transfer is one
    /// step further with each load of the status, and the FIFO is one for both directions.
    #[derive(Default)]
    struct Model {
        wire: String,
        flags: u32,
        length: u32,
        fifo: VecDeque<u32>,
        address: u32,
        divider: u32,
        delay: u32,
        /// The transfer that goes on: whether it reads, what is left, whether the address is to come.
        active: Option<(bool, u32, bool)>,
        sent: u32,
        /// The byte that is not acknowledged, the address being 0.
        nack: Option<u32>,
        /// The byte from which on nothing happens any more.
        stops: Option<u32>,
        bytes: u32,
    }

    impl Model {
        fn stop(&mut self, flags: u32) {
            self.flags |= flags;
            self.active = None;
            self.wire += " P";
        }

        fn step(&mut self) {
            let Some((reads, left, addresses)) = self.active else { return };
            if self.stops == Some(self.bytes) {
                return;
            }
            let byte = match (addresses, reads, left) {
                (true, ..) => self.address << 1 | u32::from(reads),
                (false, _, 0) => return self.stop(DONE),
                (false, true, _) if self.fifo.len() == 16 => return,
                (false, true, _) => {
                    self.sent += 1;
                    self.fifo.push_back(self.sent);
                    self.sent
                }
                (false, false, _) => match self.fifo.pop_front() {
                    Some(byte) => byte,
                    None => return,
                },
            };
            write!(self.wire, " {byte:02x}").unwrap();
            let is_taken = addresses || !reads;
            self.bytes += 1;
            self.active = Some((reads, left - u32::from(!addresses), false));
            if is_taken && self.nack == Some(self.bytes - 1) {
                self.wire += "-";
                self.stop(ERR | DONE);
            }
        }
    }

    impl Registers for Model {
        type Register = BscRegister;

        fn load(&mut self, register: BscRegister) -> u32 {
            match register {
                BscRegister::Status => {
                    self.step();
                    self.flags
                        | if self.active.is_some() { TA } else { 0 }
                        | if self.fifo.is_empty() { TXE } else { RXD }
                        | if self.fifo.len() < 16 { TXD } else { 0 }
                }
                BscRegister::Fifo => self.fifo.pop_front().unwrap_or(0xff),
                _ => panic!("nobody asks for {register:?}"),
            }
        }

        fn store(&mut self, register: BscRegister, value: u32) {
            match register {
                BscRegister::Control => {
                    if value & CLEAR != 0 {
                        self.fifo.clear();
                    }
                    if value & I2CEN == 0 {
                        self.active = None;
                    } else if value & ST != 0 {
                        assert!(value & READ == 0 || self.fifo.is_empty(), "bytes to send would be read");
                        self.wire += " S";
                        self.active = Some((value & READ != 0, self.length, true));
                    }
                }
                BscRegister::Status => self.flags &= !value,
                BscRegister::Length => self.length = value,
                BscRegister::Address => self.address = value,
                BscRegister::Fifo => {
                    assert!(self.fifo.len() < 16);
                    self.fifo.push_back(value);
                }
                BscRegister::Divider => self.divider = value,
                BscRegister::Delay => self.delay = value,
                BscRegister::Stretch => assert_eq!(value, 0),
            }
        }
    }

    #[test]
    fn lines_have_the_function_of_the_board() {
        let mut lines = [0u32; LINES];
        let mut clock = Clock::new(Steps::US);
        let mut gpio = Gpio::new(block(&mut lines));
        for bus in RPI4B.i2c {
            let mut wire =
                Wire { clock: &mut clock, gpio: &mut gpio, bus, apart: |f| f(), half: 1, deadline: u64::MAX };
            wire.connect();
        }
        // Section 5.3: ALT0 of lines 2 and 3, ALT5 of 4, 5, 8, 9, 12, 13, 22 and 23.
        let [alt0, alt5] = [0b100, 0b010];
        let field = |line: u32, value: u32| value << (line % 10 * 3);
        let low = field(2, alt0)
            | field(3, alt0)
            | field(4, alt5)
            | field(5, alt5)
            | field(8, alt5)
            | field(9, alt5);
        assert_eq!(lines[..3], [low, field(12, alt5) | field(13, alt5), field(22, alt5) | field(23, alt5)]);
    }

    /// Runs a transfer with these levels on the lines, which never change. Returns how it ended, the ticks
    /// that it took, the model, and the words of the lines' block.
    fn run(
        model: Model,
        levels: u32,
        write: &[u8],
        read: &mut [u8],
    ) -> (BusStatus, u64, Model, [u32; LINES]) {
        let mut lines = [0u32; LINES];
        lines[0x34 / 4] = levels;
        let mut clock = Clock::new(Steps::US);
        let mut gpio = Gpio::new(block(&mut lines));
        let bus = RPI4B.i2c_bus(1).unwrap();
        let mut bsc = Bsc::new(model);
        let parts = (&mut gpio, &mut clock);
        let outcome = bsc.write_read(parts, (bus, |f| f()), &DEVICE, write, read);
        (outcome, clock.counter().0, bsc.registers, lines)
    }

    /// Both lines are high.
    const FREE: u32 = 0b1100;

    #[test]
    fn bytes_go_out_and_come_in_with_a_repeated_start() {
        let mut read = [0; 3];
        let (status, _, model, lines) = run(Model::default(), FREE, &[0xaa, 0xbb], &mut read);
        assert_eq!((status, read), (BusStatus::Ok, [1, 2, 3]));
        assert_eq!(model.wire, " S 90 aa bb S 91 01 02 03 P");
        assert_eq!(lines[0], 0, "both lines are inputs again");
        let (status, _, model, _) = run(Model::default(), FREE, &[], &mut []);
        assert_eq!((status, &*model.wire), (BusStatus::Ok, " S 90 P"), "an address alone");
        let (status, _, model, _) = run(Model::default(), FREE, &[], &mut read);
        assert_eq!((status, &*model.wire), (BusStatus::Ok, " S 91 01 02 03 P"));
        // More than the FIFO holds, both ways.
        let mut long = [0; 20];
        let (status, _, model, _) = run(Model::default(), FREE, &[7; 20], &mut long);
        assert_eq!((status, long[19], model.wire.matches(" 07").count()), (BusStatus::Ok, 20, 21));
    }

    #[test]
    fn a_byte_that_is_not_taken_ends_the_transfer() {
        for byte in 0..4 {
            let model = Model { nack: Some(byte), ..Model::default() };
            let (status, ticks, model, _) = run(model, FREE, &[0xaa, 0xbb], &mut [0; 2]);
            assert_eq!(status, BusStatus::Nack, "{byte}");
            assert!(model.wire.ends_with("- P") && model.active.is_none() && ticks < 500, "{}", model.wire);
        }
    }

    #[test]
    fn a_controller_that_stops_ends_at_the_limit() {
        for byte in 0..6 {
            let model = Model { stops: Some(byte), ..Model::default() };
            let (status, ticks, model, lines) = run(model, FREE, &[0xaa, 0xbb], &mut [0; 2]);
            assert_eq!(status, BusStatus::Timeout, "{byte}");
            assert!(ticks > 5_000 && ticks <= u64::from(DEVICE.worst_us()), "{ticks} ticks");
            assert!(model.active.is_none() && model.fifo.is_empty(), "switched off");
            assert_eq!(lines[0], 0, "the lines are let go");
        }
    }

    #[test]
    fn a_bus_that_is_held_is_not_used() {
        let (status, ticks, model, _) = run(Model::default(), 0b0100, &[1], &mut []);
        assert_eq!((status, &*model.wire), (BusStatus::Timeout, ""), "the clock line");
        assert!(ticks <= u64::from(DEVICE.worst_us()), "{ticks} ticks");
        let (status, ticks, model, lines) = run(Model::default(), 0b1000, &[1], &mut []);
        assert_eq!((status, &*model.wire), (BusStatus::Busy, ""), "the data line");
        assert!(ticks <= 3 * u64::from(DEVICE.recovery_us()), "{ticks} ticks");
        // Latched high at last.
        assert_eq!((lines[0x1c / 4], lines[0]), (8, 0));
    }

    #[test]
    fn the_bus_is_never_faster_than_declared() {
        for (hz, divider) in [(100_000, 5_000), (400_000, 1_250), (10_000, 50_000), (333_333, 1_502)] {
            let mut bsc = Bsc::new(Model::default());
            bsc.set_rate(hz);
            let Model { divider: found, delay, .. } = bsc.registers;
            assert_eq!(found, divider, "{hz}");
            assert!(core_clock::CORE_HZ / found <= hz);
            assert!(delay >> 16 < divider / 2 && delay & 0xffff < divider / 2, "less than half a clock");
        }
    }
}
