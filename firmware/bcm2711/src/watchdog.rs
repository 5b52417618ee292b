//! The power-management block's watchdog (base `0xfe10_0000`), which is also how the board resets.
//!
//! *BCM2711 ARM Peripherals* leaves it out; the facts are from Linux' `drivers/watchdog/bcm2835_wdt.c`.

use safe_mmio::{UniqueMmioPointer, field, fields::ReadPureWrite};

/// The block's registers that concern the watchdog.
#[derive(Debug)]
#[repr(C)]
pub struct WatchdogRegisters {
    reserved_00: [u32; 7],
    /// `PM_RSTC`: what happens when the watchdog runs out, in bits 5:4.
    rstc: ReadPureWrite<u32>,
    /// `PM_RSTS`: why the last reset was, and the partition to boot from.
    rsts: ReadPureWrite<u32>,
    /// `PM_WDOG`: ticks of 1/65536 s that are left, 20 bits.
    wdog: ReadPureWrite<u32>,
}

/// Every write carries this in its top byte, or is ignored.
const PASSWORD: u32 = 0x5a00_0000;
/// `PM_RSTC` bits 5:4.
const ACTION: u32 = 0b11 << 4;
/// `PM_RSTC` bits 5:4: reset the whole chip.
const FULL_RESET: u32 = 0b10 << 4;
/// About 150 us: long enough that both registers are written before it runs out.
const SOON_TICKS: u32 = 10;

/// The watchdog.
#[derive(Debug)]
pub struct Watchdog<'a> {
    registers: UniqueMmioPointer<'a, WatchdogRegisters>,
}

impl<'a> Watchdog<'a> {
    /// The driver for this block.
    pub const fn new(registers: UniqueMmioPointer<'a, WatchdogRegisters>) -> Self {
        Self { registers }
    }

    /// Lets the watchdog run out: the chip resets within a millisecond, and every line becomes an input.
    pub fn reset(&mut self) {
        field!(self.registers, wdog).write(PASSWORD | SOON_TICKS);
        field!(self.registers, rstc).modify(|rstc| PASSWORD | (rstc & !ACTION & 0xff_ffff) | FULL_RESET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_arms_the_counter_and_asks_for_a_full_reset() {
        let mut words = [0u32; 10];
        words[0x1c / 4] = 0x0000_0112;
        let block = core::ptr::NonNull::from(&mut words).cast::<WatchdogRegisters>();
        // SAFETY: the words are borrowed for longer than the driver lives, are as large and as
        // aligned as the block, and any bit pattern is a valid register.
        let registers = unsafe { UniqueMmioPointer::new(block) };
        Watchdog::new(registers).reset();
        assert_eq!(words[0x24 / 4], 0x5a00_000a, "PM_WDOG");
        assert_eq!(words[0x1c / 4], 0x5a00_0122, "PM_RSTC");
        assert_eq!(words[0x20 / 4], 0, "PM_RSTS");
    }
}
