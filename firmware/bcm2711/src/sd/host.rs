//! The controller: one command, with or without blocks of data (SD Host Controller, section 2.2).
//!
//! Registers are read and written as words of 32 bits: EMMC2 takes no narrower access (Linux'
//! `drivers/mmc/host/sdhci-iproc.c`).

use safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite};

use super::card::BLOCK;
use super::{CardError, card::Wanted};
use crate::registers::chip_block;
use crate::{Clock, Counter, Registers};

/// The controller's registers.
#[derive(Debug)]
#[repr(C)]
pub struct SdRegisters {
    argument2: ReadPureWrite<u32>,
    blocks: ReadPureWrite<u32>,
    argument: ReadPureWrite<u32>,
    command: ReadPureWrite<u32>,
    response_0: ReadPure<u32>,
    response_1: ReadPure<u32>,
    response_2: ReadPure<u32>,
    response_3: ReadPure<u32>,
    data: ReadWrite<u32>,
    present: ReadPure<u32>,
    control: ReadPureWrite<u32>,
    clock: ReadPureWrite<u32>,
    status: ReadPureWrite<u32>,
    enable: ReadPureWrite<u32>,
    signal: ReadPureWrite<u32>,
    control2: ReadPureWrite<u32>,
    capabilities: ReadPure<u32>,
}

/// A register of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRegister {
    /// Block size (lower half) and block count.
    Blocks,
    /// Argument.
    Argument,
    /// Transfer mode (lower half) and command: a store begins the command.
    Command,
    /// Bits 31:0, 63:32, 95:64, 127:96 of the response.
    Response(u8),
    /// The buffer of a block.
    Data,
    /// Present state.
    Present,
    /// Host control 1, power control.
    Control,
    /// Clock control, timeout control, software reset.
    Clock,
    /// Interrupt status; ones clear.
    Status,
    /// Which bits of the status are set.
    Enable,
    /// Which of them interrupt.
    Signal,
    /// Capabilities, bits 31:0.
    Capabilities,
}

chip_block! {
    /// The registers of the chip's controller.
    pub struct SdBlock { registers: SdRegisters }
    HostRegister {
        Blocks => registers.blocks,
        Argument => registers.argument,
        Command => registers.command,
        Data => registers.data,
        Control => registers.control,
        Clock => registers.clock,
        Status => registers.status,
        Enable => registers.enable,
        Signal => registers.signal,
    }
    reads {
        Response(0) => registers.response_0,
        Response(1) => registers.response_1,
        Response(2) => registers.response_2,
        Response(_) => registers.response_3,
        Present => registers.present,
        Capabilities => registers.capabilities,
    }
}

/// Present state: a command is under way.
pub(super) const COMMAND_INHIBIT: u32 = 1;
/// Present state: the data lines are in use.
pub(super) const DATA_INHIBIT: u32 = 1 << 1;

/// Status: the command has ended.
pub(super) const COMMAND_COMPLETE: u32 = 1;
/// Status: the transfer has ended, and the card is not busy any more.
pub(super) const TRANSFER_COMPLETE: u32 = 1 << 1;
/// Status: the buffer takes a block.
pub(super) const WRITE_READY: u32 = 1 << 4;
/// Status: the buffer has a block.
pub(super) const READ_READY: u32 = 1 << 5;
/// Status: the command was not answered, or the data did not come.
pub(super) const TIMEOUTS: u32 = 1 << 16 | 1 << 20;
/// Status: what came has another checksum, end bit or number.
pub(super) const WRONG: u32 = 0b111 << 17 | 0b11 << 21;
/// Status: every error.
pub(super) const ERRORS: u32 = 0x01ff_0000;
/// Status: all that this driver looks at.
const ALL: u32 = ERRORS | READ_READY | WRITE_READY | TRANSFER_COMPLETE | COMMAND_COMPLETE;

/// Clock register: resets of everything, of the command's half, of the data's.
pub(super) const RESET_ALL: u32 = 1 << 24;
pub(super) const RESET_LINES: u32 = 0b11 << 25;
/// Clock register: the longest data timeout (2^27 clocks of the timeout's clock).
const LONGEST: u32 = 0xe << 16;
/// Clock register: the card has its clock; the controller's own is stable; is on.
const CLOCK_CARD: u32 = 1 << 2;
pub(super) const CLOCK_STABLE: u32 = 1 << 1;
pub(super) const CLOCK_ON: u32 = 1;

/// Control register: 3.3 V, and on.
const POWER: u32 = 0b1111 << 8;
/// Control register: four data lines; edges for high speed.
const WIDE: u32 = 1 << 1;
const HIGH_SPEED: u32 = 1 << 2;

/// Capabilities: MHz of the base clock, at bit 8. EMMC2 says 100.
const BASE_MHZ_AT: u32 = 8;
/// The base clock where the register does not say: no Raspberry Pi's is faster, so that a card's clock is
/// never faster than it may be.
const BASE_MHZ_MOST: u32 = 250;

/// Microseconds that a reset of the controller, its clock and the end of a command take at most.
const SOON_US: u64 = 100_000;
/// Microseconds that a block, or a card's busy time, takes at most: twice what SDXC may (section 4.6.2.2).
const DATA_US: u64 = 1_000_000;

/// Transfer mode: the count counts; CMD12 comes by itself; towards the host; several blocks.
const MODE_COUNT: u32 = 1 << 1;
const MODE_CMD12: u32 = 1 << 2;
const MODE_READ: u32 = 1 << 4;
const MODE_MULTI: u32 = 1 << 5;

/// The blocks of a command.
#[derive(Debug)]
pub(super) enum Data<'d> {
    /// None.
    None,
    /// From the card, of any size.
    Read(&'d mut [u8]),
    /// From the card.
    ReadBlocks(&'d mut [[u8; BLOCK]]),
    /// To the card.
    WriteBlocks(&'d [[u8; BLOCK]]),
}

/// The controller, with the clock that its waits end by.
#[derive(Debug)]
pub struct SdHost<R, C> {
    registers: R,
    clock: Clock<C>,
    control: u32,
}

/// The controller of the chip.
pub type ChipHost<C> = SdHost<SdBlock<'static>, C>;

impl<R: Registers<Register = HostRegister>, C: Counter> SdHost<R, C> {
    /// The driver for these registers.
    pub const fn new(registers: R, counter: C) -> Self {
        Self { registers, clock: Clock::new(counter), control: POWER }
    }

    /// Resets the controller, and gives the card power and a clock for its identification.
    pub(super) fn start(&mut self) -> Result<(), CardError> {
        self.reset(RESET_ALL)?;
        self.control = POWER;
        self.registers.store(HostRegister::Control, self.control);
        self.registers.store(HostRegister::Enable, ALL);
        // Nothing interrupts.
        self.registers.store(HostRegister::Signal, 0);
        self.set_clock(400_000)?;
        self.registers.store(HostRegister::Status, u32::MAX);
        // 74 clocks and the rise of the supply (section 6.4.1).
        self.clock.delay_us(2000);
        Ok(())
    }

    /// Sets the card's clock: as fast as wanted, or the next slower one.
    pub(super) fn set_clock(&mut self, hz: u32) -> Result<(), CardError> {
        self.registers.store(HostRegister::Clock, LONGEST);
        let stated = self.registers.load(HostRegister::Capabilities) >> BASE_MHZ_AT & 0xff;
        let base = if stated == 0 { BASE_MHZ_MOST } else { stated } * 1_000_000;
        // The base is divided by twice this; 0 leaves it as it is.
        let divider = if base <= hz { 0 } else { base.div_ceil(2 * hz).min(0x3ff) };
        let bits = (divider & 0xff) << 8 | (divider >> 8) << 6;
        self.registers.store(HostRegister::Clock, LONGEST | bits | CLOCK_ON);
        self.until(HostRegister::Clock, SOON_US, |clock| clock & CLOCK_STABLE != 0)?;
        self.registers.store(HostRegister::Clock, LONGEST | bits | CLOCK_ON | CLOCK_CARD);
        Ok(())
    }

    /// Uses four data lines, as the card does from now on.
    pub(super) fn widen(&mut self) {
        self.control |= WIDE;
        self.registers.store(HostRegister::Control, self.control);
    }

    /// Uses the edges of high speed, as the card does from now on.
    pub(super) fn hasten(&mut self) {
        self.control |= HIGH_SPEED;
        self.registers.store(HostRegister::Control, self.control);
    }

    /// Returns microseconds since the counter's zero.
    pub(super) fn now_us(&mut self) -> u64 {
        self.clock.now_us()
    }

    /// Returns the registers, for tests.
    #[cfg(test)]
    pub(super) fn registers(&mut self) -> &mut R {
        &mut self.registers
    }

    /// Sends a command, with its blocks; returns the response's words.
    pub(super) fn command(
        &mut self,
        number: u8,
        argument: u32,
        wanted: Wanted,
        data: Data<'_>,
    ) -> Result<[u32; 4], CardError> {
        let is_busy = wanted == Wanted::Busy || !matches!(data, Data::None);
        let outcome = self.send(number, argument, wanted, &data).and_then(|response| {
            match data {
                Data::None => {}
                Data::Read(bytes) => self.take(number, bytes)?,
                Data::ReadBlocks(all) => all.iter_mut().try_for_each(|block| self.take(number, block))?,
                Data::WriteBlocks(all) => all.iter().try_for_each(|block| self.give(number, block))?,
            }
            if is_busy {
                self.await_status(number, TRANSFER_COMPLETE, DATA_US)?;
            }
            Ok(response)
        });
        if outcome.is_err() {
            // Section 3.10.1: both halves are free again, whatever they were in the middle of.
            _ = self.reset(RESET_LINES);
            self.registers.store(HostRegister::Status, ERRORS | READ_READY | WRITE_READY | 0b11);
        }
        outcome
    }

    /// Sends a command and says what its blocks will be; returns the response's words.
    fn send(
        &mut self,
        number: u8,
        argument: u32,
        wanted: Wanted,
        data: &Data<'_>,
    ) -> Result<[u32; 4], CardError> {
        let is_data = !matches!(data, Data::None);
        let inhibit = if is_data || wanted == Wanted::Busy { DATA_INHIBIT } else { 0 } | COMMAND_INHIBIT;
        self.until(HostRegister::Present, DATA_US, |state| state & inhibit == 0)
            .map_err(|_| CardError::Timeout(number))?;
        self.registers.store(HostRegister::Status, ERRORS | READ_READY | WRITE_READY | 0b11);
        let (size, count, direction) = match data {
            Data::None => (0, 0, 0),
            Data::Read(bytes) => (bytes.len(), 1, MODE_READ),
            Data::ReadBlocks(blocks) => (BLOCK, blocks.len(), MODE_READ),
            Data::WriteBlocks(blocks) => (BLOCK, blocks.len(), 0),
        };
        if is_data {
            self.registers.store(HostRegister::Blocks, (count as u32) << 16 | size as u32);
        }
        let multi = if count > 1 { MODE_MULTI | MODE_COUNT | MODE_CMD12 } else { 0 };
        self.registers.store(HostRegister::Argument, argument);
        let mode = if is_data { direction | multi } else { 0 };
        let flags = wanted.flags() | if is_data { 1 << 5 } else { 0 };
        self.registers.store(HostRegister::Command, (u32::from(number) << 8 | flags) << 16 | mode);
        self.await_status(number, COMMAND_COMPLETE, SOON_US)?;
        Ok(core::array::from_fn(|word| self.registers.load(HostRegister::Response(word as u8))))
    }

    fn take(&mut self, number: u8, bytes: &mut [u8]) -> Result<(), CardError> {
        self.await_status(number, READ_READY, DATA_US)?;
        for to in bytes.as_chunks_mut::<4>().0 {
            *to = self.registers.load(HostRegister::Data).to_le_bytes();
        }
        Ok(())
    }

    fn give(&mut self, number: u8, bytes: &[u8]) -> Result<(), CardError> {
        self.await_status(number, WRITE_READY, DATA_US)?;
        for from in bytes.as_chunks::<4>().0 {
            self.registers.store(HostRegister::Data, u32::from_le_bytes(*from));
        }
        Ok(())
    }

    /// Waits until a bit of the status is set, and clears it.
    fn await_status(&mut self, number: u8, bit: u32, limit_us: u64) -> Result<(), CardError> {
        let status = self
            .until(HostRegister::Status, limit_us, |status| status & (bit | ERRORS) != 0)
            .map_err(|_| CardError::Timeout(number))?;
        match () {
            () if status & TIMEOUTS != 0 => Err(CardError::Timeout(number)),
            () if status & WRONG != 0 => Err(CardError::Crc(number)),
            () if status & ERRORS != 0 => Err(CardError::Controller),
            () => {
                self.registers.store(HostRegister::Status, bit);
                Ok(())
            }
        }
    }

    fn reset(&mut self, bits: u32) -> Result<(), CardError> {
        let clock = self.registers.load(HostRegister::Clock) & 0x00ff_ffff;
        self.registers.store(HostRegister::Clock, clock | bits);
        self.until(HostRegister::Clock, SOON_US, |clock| clock & bits == 0).map(drop)
    }

    /// Polls a register until it is as wanted.
    fn until(
        &mut self,
        register: HostRegister,
        limit_us: u64,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<u32, CardError> {
        let end_us = self.clock.now_us().saturating_add(limit_us);
        loop {
            // The clock first: what came before the limit is taken, however late this program looks.
            let late = self.clock.now_us() > end_us;
            let value = self.registers.load(register);
            match () {
                () if wanted(value) => return Ok(value),
                () if late => return Err(CardError::Controller),
                () => core::hint::spin_loop(),
            }
        }
    }
}
