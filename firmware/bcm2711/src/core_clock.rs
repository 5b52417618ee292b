//! The core's clock, which the clocks of the I2C and SPI buses are parts of.

/// Hertz of it: the fastest that the Raspberry Pi's firmware sets (`core_freq` of a Pi 4). Where it is
/// slower, a bus is slower than was declared, and never faster.
pub(crate) const CORE_HZ: u32 = 500_000_000;

/// Returns the core clocks in one of a bus: an even number, so that the bus is not faster than this rate.
#[inline]
pub(crate) fn divider(hz: u32) -> u32 {
    CORE_HZ.div_ceil(hz.max(1)).next_multiple_of(2).min(0xfffe)
}
