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
/// `PM_WDOG`: the ticks.
const TICKS: u32 = 0xf_ffff;
const TICKS_PER_S: u32 = 65_536;
/// About 150 us: long enough that both registers are written before it runs out.
const SOON_TICKS: u32 = 10;

/// The watchdog.
#[derive(Debug)]
pub struct Watchdog<'a> {
    registers: UniqueMmioPointer<'a, WatchdogRegisters>,
    /// What [`Watchdog::start`] asked for; 0 before.
    ticks: u32,
}

impl<'a> Watchdog<'a> {
    /// The driver for this block.
    pub const fn new(registers: UniqueMmioPointer<'a, WatchdogRegisters>) -> Self {
        Self { registers, ticks: 0 }
    }

    /// Starts the watchdog: the chip resets when it was not fed for `timeout_ms`, 1 to 15,999 (a longer time
    /// is taken as the longest).
    pub fn start(&mut self, timeout_ms: u32) {
        self.ticks = ticks_of(timeout_ms);
        self.feed();
    }

    /// Gives it its whole time again; does nothing where it was not started.
    pub fn feed(&mut self) {
        if self.ticks != 0 {
            self.arm(self.ticks);
        }
    }

    /// Lets the watchdog run out: the chip resets within a millisecond, and every line becomes an input.
    pub fn reset(&mut self) {
        self.arm(SOON_TICKS);
    }

    /// As Linux' driver does it, to start and to feed.
    fn arm(&mut self, ticks: u32) {
        field!(self.registers, wdog).write(PASSWORD | ticks);
        field!(self.registers, rstc).modify(|rstc| PASSWORD | (rstc & !ACTION & 0xff_ffff) | FULL_RESET);
    }
}

/// Milliseconds as the counter has them, rounded up; as far as it goes.
const fn ticks_of(ms: u32) -> u32 {
    let ticks = (ms as u64 * TICKS_PER_S as u64).div_ceil(1000);
    if ticks > TICKS as u64 { TICKS } else { ticks as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_block(words: &mut [u32; 10], test: impl FnOnce(&mut Watchdog<'_>)) {
        let block = core::ptr::NonNull::from(words).cast::<WatchdogRegisters>();
        // SAFETY: the words are borrowed for longer than the driver lives, are as large and as
        // aligned as the block, and any bit pattern is a valid register.
        let registers = unsafe { UniqueMmioPointer::new(block) };
        test(&mut Watchdog::new(registers));
    }

    #[test]
    fn reset_arms_the_counter_and_asks_for_a_full_reset() {
        let mut words = [0u32; 10];
        words[0x1c / 4] = 0x0000_0112;
        with_block(&mut words, |watchdog| watchdog.reset());
        assert_eq!(words[0x24 / 4], 0x5a00_000a, "PM_WDOG");
        assert_eq!(words[0x1c / 4], 0x5a00_0122, "PM_RSTC");
        assert_eq!(words[0x20 / 4], 0, "PM_RSTS");
    }

    #[test]
    fn feeding_gives_the_time_of_the_start_and_nothing_without_one() {
        let mut words = [0u32; 10];
        with_block(&mut words, |watchdog| watchdog.feed());
        assert_eq!(words, [0; 10]);
        with_block(&mut words, |watchdog| {
            watchdog.start(15_000);
            watchdog.reset();
            watchdog.feed();
        });
        assert_eq!(words[0x24 / 4], 0x5a0f_0000, "PM_WDOG");
        assert_eq!(words[0x1c / 4], 0x5a00_0020, "PM_RSTC");
    }

    #[test]
    fn times_are_never_shorter_than_asked_for_and_fit_the_counter() {
        for (ms, ticks) in
            [(0, 0), (1, 66), (1000, 65_536), (15_999, 0xf_ffbf), (16_000, 0xf_ffff), (u32::MAX, 0xf_ffff)]
        {
            assert_eq!(ticks_of(ms), ticks, "{ms} ms");
        }
    }
}
