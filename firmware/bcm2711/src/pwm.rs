//! The PWM controller PWM0 (section 8), with its clock (section 5.4, "General Purpose GPIO Clocks", and
//! Linux' `clk-bcm2835.c`, which has the registers of this one).
//!
//! What the chip is known for beyond its manual: a store to the control register while the clock does not run
//! is lost, so the clock comes first; and the mode that spreads pulses (PDM) is unfit for servos, so each
//! channel is in mark-space mode.

use safe_mmio::fields::ReadPureWrite;
use tiny_mapper::PwmRow;
use xmap_boards::{Line, PwmLine};

use crate::gpio::alternate;
use crate::registers::chip_block;
use crate::{Apart, Clock, Counter, Gpio, Registers};

/// The registers of the controller (section 8.6).
#[derive(Debug)]
#[repr(C)]
pub struct PwmRegisters {
    /// `CTL`: control.
    control: ReadPureWrite<u32>,
    reserved_04: [u32; 3],
    /// `RNG1`: clocks of a period of the first channel.
    range_1: ReadPureWrite<u32>,
    /// `DAT1`: those of it that are high.
    data_1: ReadPureWrite<u32>,
    reserved_18: [u32; 2],
    /// `RNG2`.
    range_2: ReadPureWrite<u32>,
    /// `DAT2`.
    data_2: ReadPureWrite<u32>,
}

/// The two registers of the controller's clock, of the clock manager at `0xfe10_1000`.
#[derive(Debug)]
#[repr(C)]
pub struct PwmClockRegisters {
    /// `CM_PWMCTL`: source, gate and state.
    control: ReadPureWrite<u32>,
    /// `CM_PWMDIV`: the divider, 12 bits and as many behind the point.
    divider: ReadPureWrite<u32>,
}

/// Control of the first channel: it is on, and in mark-space mode. The second one's are 8 bits higher.
const ON: u32 = 1 | 1 << 7;
/// What each store to the clock manager has in its upper byte.
const PASSWORD: u32 = 0x5a << 24;
/// Clock: the crystal is the source.
const CRYSTAL: u32 = 1;
/// Clock: it runs.
const ENABLE: u32 = 1 << 4;
/// Clock: it is about to start or to stop, or runs.
const BUSY: u32 = 1 << 7;
/// The crystal of the Pi 4.
const CRYSTAL_MHZ: u32 = 54;
/// The divider: 27 clocks in a microsecond.
const DIVIDER: u32 = 2;
/// How long the clock may take to start or to stop, and how long it is given to settle.
const SETTLE_US: u32 = 10;

/// A register of the controller or of its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PwmRegister {
    /// `CTL`.
    Control,
    /// `RNG1` or `RNG2`.
    Range(u8),
    /// `DAT1` or `DAT2`.
    Data(u8),
    /// `CM_PWMCTL`.
    ClockControl,
    /// `CM_PWMDIV`.
    ClockDivider,
}

chip_block! {
    /// The registers of the chip's controller, and of its clock.
    pub struct PwmBlock { controller: PwmRegisters, clock: PwmClockRegisters }
    PwmRegister {
        Control => controller.control,
        Range(0) => controller.range_1,
        Data(0) => controller.data_1,
        Range(_) => controller.range_2,
        Data(_) => controller.data_2,
        ClockControl => clock.control,
        ClockDivider => clock.divider,
    }
}

/// The controller.
#[derive(Debug)]
pub struct PwmController<R> {
    registers: R,
    /// The clock runs. Nothing touches the controller before the first channel is set.
    is_clocked: bool,
}

/// The controller of the chip.
pub type ChipPwm = PwmController<PwmBlock<'static>>;

impl<R: Registers<Register = PwmRegister>> PwmController<R> {
    /// The driver for these registers.
    pub const fn new(registers: R) -> Self {
        Self { registers, is_clocked: false }
    }

    /// Does what `tiny_mapper::Pwm::set` says. Returns whether the controller's clock runs.
    #[inline(never)]
    pub fn set<C: Counter>(
        &mut self,
        (gpio, clock): (&mut Gpio<'_>, &mut Clock<C>),
        (line, apart): (&'static PwmLine, Apart),
        row: &PwmRow,
        high_ns: u32,
    ) -> bool {
        if !self.is_clocked && !self.start_clock(clock) {
            return false;
        }
        self.is_clocked = true;
        let channel = line.channel;
        let range = row.period_us().saturating_mul(CRYSTAL_MHZ / DIVIDER);
        self.registers.store(PwmRegister::Range(channel), range);
        self.registers.store(PwmRegister::Data(channel), clocks(high_ns).min(range));
        let control = self.registers.load(PwmRegister::Control);
        let on = ON << (8 * u32::from(channel));
        if control & on != on {
            self.registers.store(PwmRegister::Control, control | on);
        }
        connect(gpio, line.line, line.alt, apart);
        true
    }

    /// Lets the controller's clock run, from the crystal. Returns whether it does.
    fn start_clock<C: Counter>(&mut self, clock: &mut Clock<C>) -> bool {
        self.registers.store(PwmRegister::ClockControl, PASSWORD | CRYSTAL);
        let until = clock.now_us() + u64::from(SETTLE_US);
        while self.registers.load(PwmRegister::ClockControl) & BUSY != 0 {
            if clock.now_us() > until {
                return false;
            }
        }
        self.registers.store(PwmRegister::ClockDivider, PASSWORD | DIVIDER << 12);
        self.registers.store(PwmRegister::ClockControl, PASSWORD | CRYSTAL | ENABLE);
        clock.delay_us(SETTLE_US);
        self.registers.load(PwmRegister::ClockControl) & BUSY != 0
    }
}

fn connect(gpio: &mut Gpio<'_>, line: Line, alt: u8, apart: Apart) {
    apart(&mut || gpio.select(line, alternate(alt)));
}

/// The clocks of so many nanoseconds, rounded.
const fn clocks(ns: u32) -> u32 {
    ((ns as u64 * (CRYSTAL_MHZ / DIVIDER) as u64 + 500) / 1_000) as u32
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use xmap_boards::{BoardId, RPI4B};

    use super::*;
    use crate::model::{LINES, Steps, block};

    /// The registers as the chip has them: a store to the controller is lost while its clock does not run.
    #[derive(Default)]
    struct Model {
        registers: BTreeMap<PwmRegister, u32>,
        stores: Vec<PwmRegister>,
        /// The clock never stops, or never starts.
        stuck: Option<bool>,
    }

    impl Registers for Model {
        type Register = PwmRegister;

        fn load(&mut self, register: PwmRegister) -> u32 {
            let value = self.registers.get(&register).copied().unwrap_or(0);
            match (register, self.stuck) {
                (PwmRegister::ClockControl, Some(true)) => value | BUSY,
                (PwmRegister::ClockControl, Some(false)) => value & !BUSY,
                (PwmRegister::ClockControl, None) if value & ENABLE != 0 => value | BUSY,
                _ => value,
            }
        }

        fn store(&mut self, register: PwmRegister, value: u32) {
            let runs = self.load(PwmRegister::ClockControl) & BUSY != 0;
            self.stores.push(register);
            match register {
                PwmRegister::ClockControl | PwmRegister::ClockDivider => {
                    assert_eq!(value >> 24, 0x5a, "the password");
                    let is_divider = register == PwmRegister::ClockDivider;
                    assert!(!is_divider || !runs, "the divider changes while the clock runs");
                    self.registers.insert(register, value & 0xff_ffff);
                }
                _ => {
                    assert!(runs, "a store that is lost");
                    self.registers.insert(register, value);
                }
            }
        }
    }

    #[test]
    fn offsets_are_the_manuals() {
        assert_eq!(offset_of!(PwmRegisters, range_1), 0x10);
        assert_eq!(offset_of!(PwmRegisters, data_1), 0x14);
        assert_eq!(offset_of!(PwmRegisters, range_2), 0x20);
        assert_eq!(offset_of!(PwmRegisters, data_2), 0x24);
    }

    fn set(pwm: &mut PwmController<Model>, row: &PwmRow, high_ns: u32) -> (bool, [u32; 6]) {
        let mut lines = [0u32; LINES];
        let (mut gpio, mut clock) = (Gpio::new(block(&mut lines)), Clock::new(Steps::US));
        let place = (row.line(BoardId::Rpi4b).unwrap(), (|f| f()) as Apart);
        let is_set = pwm.set((&mut gpio, &mut clock), place, row, high_ns);
        assert!(clock.now_us() < 50, "it does not wait for ever");
        (is_set, core::array::from_fn(|n| lines[n]))
    }

    fn row(line: u8, period_us: u32) -> PwmRow {
        PwmRow::new(Line::new(line).unwrap(), period_us, 0)
    }

    #[test]
    fn both_channels_run_from_one_clock() {
        let mut pwm = PwmController::new(Model::default());
        let (is_set, lines) = set(&mut pwm, &row(19, 20_000), 1_500_000);
        assert!(is_set);
        // ALT5 of line 19.
        assert_eq!(lines[1], 0b010 << 27);
        let register = |pwm: &PwmController<Model>, register| pwm.registers.registers.get(&register).copied();
        assert_eq!(register(&pwm, PwmRegister::ClockDivider), Some(2 << 12));
        assert_eq!(register(&pwm, PwmRegister::Range(1)), Some(540_000));
        assert_eq!(register(&pwm, PwmRegister::Data(1)), Some(40_500));
        assert_eq!(register(&pwm, PwmRegister::Control), Some(0x8100), "the second, in mark-space mode");
        pwm.registers.stores.clear();
        let (is_set, lines) = set(&mut pwm, &row(12, 1_000), 1_000_000);
        assert!(is_set);
        assert_eq!(lines[1], 0b100 << 6, "ALT0 of line 12");
        assert_eq!(register(&pwm, PwmRegister::Control), Some(0x8181));
        assert_eq!(register(&pwm, PwmRegister::Data(0)), Some(27_000));
        let once = [PwmRegister::Range(0), PwmRegister::Data(0), PwmRegister::Control];
        assert_eq!(pwm.registers.stores, once, "the clock is left alone");
    }

    #[test]
    fn a_clock_that_is_stuck_is_said() {
        for stuck in [true, false] {
            let mut pwm = PwmController::new(Model { stuck: Some(stuck), ..Model::default() });
            let (is_set, lines) = set(&mut pwm, &row(18, 1_000), 0);
            assert!(!is_set && lines == [0; 6], "the line is left alone");
        }
    }

    #[test]
    fn the_board_has_the_lines_of_the_manual() {
        let lines: Vec<_> = RPI4B.pwm.iter().map(|of| (of.line.number(), of.channel, of.alt)).collect();
        assert_eq!(lines, [(12, 0, 0), (13, 1, 0), (18, 0, 5), (19, 1, 5)]);
    }
}
