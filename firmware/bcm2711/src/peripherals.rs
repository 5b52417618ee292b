//! Where the blocks are.

use core::ptr::NonNull;

use safe_mmio::UniqueMmioPointer;

use crate::{Gpio, Uart, Watchdog};

/// Section 5.2.
const GPIO: usize = 0xfe20_0000;
/// UART0 (section 11.5).
const UART0: usize = 0xfe20_1000;
/// Linux' `bcm2711.dtsi`: `watchdog@7e100000`.
const POWER: usize = 0xfe10_0000;

/// Every block of the chip that this crate drives, each once.
pub struct Peripherals {
    /// The GPIO lines.
    pub gpio: Gpio<'static>,
    /// The first PL011, not yet enabled.
    pub uart: Uart<'static>,
    /// The watchdog.
    pub watchdog: Watchdog<'static>,
}

impl Peripherals {
    /// The chip's blocks at their addresses.
    ///
    /// # Safety
    ///
    /// The program runs on a BCM2711 (or an emulated one) with `0xfe00_0000` to `0xff7f_ffff` mapped
    /// to the same addresses as device memory, and nothing else that is still running uses a block
    /// that this program uses.
    pub unsafe fn new() -> Self {
        // SAFETY: the caller promises that the block is there, mapped and ours.
        let gpio = unsafe { block(GPIO) };
        // SAFETY: as above.
        let uart = unsafe { block(UART0) };
        // SAFETY: as above.
        let power = unsafe { block(POWER) };
        Self { gpio: Gpio::new(gpio), uart: Uart::new(uart), watchdog: Watchdog::new(power) }
    }
}

/// The registers at this address.
///
/// # Safety
///
/// As for [`Peripherals::new`], and a block of this type is at `address`.
unsafe fn block<T>(address: usize) -> UniqueMmioPointer<'static, T> {
    let Some(address) = NonNull::new(core::ptr::with_exposed_provenance_mut(address)) else {
        unreachable!("no block is at address 0")
    };
    // SAFETY: the caller promises that a block of this type is there and is not used by anybody else.
    unsafe { UniqueMmioPointer::new(address) }
}
