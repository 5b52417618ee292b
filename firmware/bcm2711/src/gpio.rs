//! The GPIO block (section 5, base `0xfe20_0000`).

use safe_mmio::{
    UniqueMmioPointer, field, field_shared,
    fields::{ReadPure, ReadPureWrite, WriteOnly},
};
use tiny_mapper::Pull;
use xmap_boards::{Bank, Line, PinMask, RPI4B};

use crate::bits::Field;

/// The registers of the GPIO block that this crate uses (section 5.2, table of registers).
#[derive(Debug)]
#[repr(C)]
pub struct GpioRegisters {
    /// `GPFSEL0` to `GPFSEL5`: 3 bits a line.
    pub(crate) gpfsel: [ReadPureWrite<u32>; 6],
    reserved_18: u32,
    /// `GPSET0`, `GPSET1`: a one drives the line high, a zero does nothing.
    pub(crate) gpset: [WriteOnly<u32>; 2],
    reserved_24: u32,
    /// `GPCLR0`, `GPCLR1`: a one drives the line low, a zero does nothing.
    pub(crate) gpclr: [WriteOnly<u32>; 2],
    reserved_30: u32,
    /// `GPLEV0`, `GPLEV1`: the level at the pad, of inputs and outputs alike.
    pub(crate) gplev: [ReadPure<u32>; 2],
    reserved_3c: u32,
    /// `GPEDS0`, `GPEDS1`: lines that saw what was asked for; a one clears.
    pub(crate) gpeds: [ReadPureWrite<u32>; 2],
    reserved_48: u32,
    /// `GPREN0`, `GPREN1`: lines whose rising edges are seen.
    pub(crate) gpren: [ReadPureWrite<u32>; 2],
    reserved_54: u32,
    /// `GPFEN0`, `GPFEN1`: lines whose falling edges are seen.
    pub(crate) gpfen: [ReadPureWrite<u32>; 2],
    /// Detection of levels, and of edges without the block's clock.
    reserved_60: [u32; 33],
    /// `GPIO_PUP_PDN_CNTRL_REG0` to `REG3`: 2 bits a line.
    pup_pdn_cntrl: [ReadPureWrite<u32>; 4],
}

/// The function that a line is connected to: the values of a `GPFSEL` field (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PinFunction {
    /// An input: every line's state after reset.
    Input = 0b000,
    /// An output, driven by `GPSET` and `GPCLR`.
    Output = 0b001,
    /// Alternate function 0: on lines 14 and 15, the UART's TXD0 and RXD0 (section 5.3).
    Alt0 = 0b100,
    /// Alternate function 1.
    Alt1 = 0b101,
    /// Alternate function 2.
    Alt2 = 0b110,
    /// Alternate function 3.
    Alt3 = 0b111,
    /// Alternate function 4.
    Alt4 = 0b011,
    /// Alternate function 5: on some lines, an I2C bus.
    Alt5 = 0b010,
}

/// Runs what changes `GPFSEL` while no interrupt handler may.
pub type Apart = fn(&mut dyn FnMut());

/// The value of an alternate function's number.
pub(crate) const fn alternate(number: u8) -> PinFunction {
    match number {
        0 => PinFunction::Alt0,
        1 => PinFunction::Alt1,
        2 => PinFunction::Alt2,
        3 => PinFunction::Alt3,
        4 => PinFunction::Alt4,
        _ => PinFunction::Alt5,
    }
}

/// The GPIO block's driver: every method is one or two accesses to its registers.
#[derive(Debug)]
pub struct Gpio<'a> {
    registers: UniqueMmioPointer<'a, GpioRegisters>,
}

impl<'a> Gpio<'a> {
    /// The driver for this block.
    pub const fn new(registers: UniqueMmioPointer<'a, GpioRegisters>) -> Self {
        Self { registers }
    }

    /// Drives the lines of `mask` high: one store.
    #[inline(always)]
    pub fn set(&mut self, bank: Bank, mask: PinMask) {
        if let Some(mut register) = field!(self.registers, gpset).get(bank as usize) {
            register.write(mask);
        }
    }

    /// Drives the lines of `mask` low: one store.
    #[inline(always)]
    pub fn clear(&mut self, bank: Bank, mask: PinMask) {
        if let Some(mut register) = field!(self.registers, gpclr).get(bank as usize) {
            register.write(mask);
        }
    }

    /// The levels of a bank's lines: one load. Bits of lines that do not exist are zero.
    #[inline(always)]
    pub fn level(&self, bank: Bank) -> PinMask {
        // Bits 31:26 of GPLEV1 are reserved and read as anything.
        let levels = field_shared!(self.registers, gplev).get(bank as usize).map_or(0, |r| r.read());
        levels & RPI4B.all_lines().bank(bank)
    }

    /// Connects a line to `function`.
    pub fn select(&mut self, line: Line, function: PinFunction) {
        let field = Field::function(line);
        if let Some(mut register) = field!(self.registers, gpfsel).get(field.register) {
            register.modify(|word| field.insert(word, function as u32));
        }
    }

    /// Returns whether a line is an input, and so driven by nobody here.
    pub fn is_input(&self, line: Line) -> bool {
        self.function(line) == PinFunction::Input as u32
    }

    /// Returns whether a line is an output, and not what an alternate function drives.
    pub fn is_output(&self, line: Line) -> bool {
        self.function(line) == PinFunction::Output as u32
    }

    /// The `GPFSEL` field of a line.
    fn function(&self, line: Line) -> u32 {
        let field = Field::function(line);
        let word = field_shared!(self.registers, gpfsel).get(field.register).map_or(0, |r| r.read());
        field.extract(word)
    }

    /// Connects a line's pull resistor.
    pub fn pull(&mut self, line: Line, pull: Pull) {
        let value = match pull {
            Pull::None => 0b00,
            Pull::Up => 0b01,
            Pull::Down => 0b10,
        };
        let field = Field::pull(line);
        if let Some(mut register) = field!(self.registers, pup_pdn_cntrl).get(field.register) {
            register.modify(|word| field.insert(word, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;
    use crate::model::{LINES, block};

    fn with_block(words: &mut [u32; LINES], test: impl FnOnce(&mut Gpio<'_>)) {
        test(&mut Gpio::new(block(words)));
    }

    fn line(number: u8) -> Line {
        Line::new(number).unwrap()
    }

    #[test]
    fn offsets_are_the_manuals() {
        assert_eq!(offset_of!(GpioRegisters, gpset), 0x1c);
        assert_eq!(offset_of!(GpioRegisters, gpclr), 0x28);
        assert_eq!(offset_of!(GpioRegisters, gplev), 0x34);
        assert_eq!(offset_of!(GpioRegisters, gpeds), 0x40);
        assert_eq!(offset_of!(GpioRegisters, gpren), 0x4c);
        assert_eq!(offset_of!(GpioRegisters, gpfen), 0x58);
        assert_eq!(offset_of!(GpioRegisters, pup_pdn_cntrl), 0xe4);
        assert_eq!(size_of::<GpioRegisters>(), 0xf4);
    }

    #[test]
    fn set_and_clear_store_the_mask_and_touch_nothing_else() {
        let mut words = [0; LINES];
        with_block(&mut words, |gpio| {
            gpio.set(Bank::Zero, 1 << 17);
            gpio.set(Bank::One, 1 << 3);
            gpio.clear(Bank::Zero, 0x0fff_fffc);
            gpio.clear(Bank::One, 1);
        });
        let mut expected = [0; LINES];
        expected[0x1c / 4] = 1 << 17;
        expected[0x20 / 4] = 1 << 3;
        expected[0x28 / 4] = 0x0fff_fffc;
        expected[0x2c / 4] = 1;
        assert_eq!(words, expected);
    }

    #[test]
    fn level_hides_lines_that_do_not_exist() {
        let mut words = [0; LINES];
        words[0x34 / 4] = 0xdead_beef;
        words[0x38 / 4] = u32::MAX;
        with_block(&mut words, |gpio| {
            assert_eq!(gpio.level(Bank::Zero), 0xdead_beef);
            assert_eq!(gpio.level(Bank::One), (1 << 26) - 1);
        });
    }

    #[test]
    fn select_and_pull_keep_the_neighbours() {
        let mut words = [u32::MAX; LINES];
        with_block(&mut words, |gpio| {
            gpio.select(line(17), PinFunction::Output);
            gpio.select(line(14), PinFunction::Alt0);
            assert!(!gpio.is_input(line(17)) && !gpio.is_input(line(14)));
            gpio.select(line(18), PinFunction::Input);
            assert!(gpio.is_input(line(18)) && !gpio.is_input(line(19)));
            gpio.pull(line(17), Pull::Down);
            gpio.pull(line(18), Pull::None);
        });
        let mut expected = [u32::MAX; LINES];
        expected[1] = !(0b110 << 21) & !(0b011 << 12) & !(0b111 << 24);
        expected[0xe8 / 4] = !(0b01 << 2) & !(0b11 << 4);
        assert_eq!(words, expected);
    }
}
