//! Where the blocks are.

use core::ptr::NonNull;

use safe_mmio::UniqueMmioPointer;

use crate::{
    BscBlock, ChipBsc, ChipPwm, ChipSerial, ChipSerialReceiver, ChipSpi, Gic, Gpio, LASTING_PLACE, Lasting,
    Mailbox, Pads, PwmBlock, Receiver, SdBlock, SerialBlock, SpiBlock, Uart, Watchdog,
};

/// Section 5.2.
const GPIO: usize = 0xfe20_0000;
/// Where the cores see the GPIO block: for a program that maps it.
pub const GPIO_ADDRESS: u64 = GPIO as u64;
/// The I2C controllers of modules' buses, each with the bus's number (section 3.2; Linux' `bcm2711.dtsi`,
/// which has that of bus 5 at another place than the manual, and is right).
const I2C: [(u8, usize); I2C_BUSES] =
    [(1, 0xfe80_4000), (3, 0xfe20_5600), (4, 0xfe20_5800), (5, 0xfe20_5a00), (6, 0xfe20_5c00)];
/// PWM0 (section 8.6).
const PWM: usize = 0xfe20_c000;
/// The clock of both PWM controllers (Linux' `clk-bcm2835.c`: `CM_PWMCTL`).
const PWM_CLOCK: usize = 0xfe10_10a0;
/// SPI0 (section 9.5).
const SPI: usize = 0xfe20_4000;
/// I2C buses that modules may use.
pub const I2C_BUSES: usize = 5;
/// The UARTs of modules' ports, each with the port's number (section 11.5).
const SERIAL: [(u8, usize); SERIAL_PORTS] = [(3, 0xfe20_1600), (4, 0xfe20_1800), (5, 0xfe20_1a00)];
/// Serial ports that modules may use.
pub const SERIAL_PORTS: usize = 3;
/// EMMC2, the controller of the slot (Linux' `bcm2711.dtsi`: `mmc@7e340000`).
const EMMC2: usize = 0xfe34_0000;
/// EMMC, the older controller of the same kind (`mmcnr@7e300000`): the radio on a board, and where QEMU's
/// raspi4b has the card.
const EMMC: usize = 0xfe30_0000;
/// UART0 (section 11.5).
const UART0: usize = 0xfe20_1000;
/// Linux' `bcm2711.dtsi`: `watchdog@7e100000`.
const POWER: usize = 0xfe10_0000;
/// Linux' `bcm2711.dtsi`: `mailbox@7e00b880`.
const MAILBOX: usize = 0xfe00_b880;
/// The memory of its questions: behind the words that outlive a reset, on the same page.
const MAILBOX_WORDS: usize = LASTING_PLACE.start + 0xc00;
const _: () = assert!(LASTING_PLACE.start + 4 * crate::LASTING_WORDS <= MAILBOX_WORDS);
/// The interrupt controller's distributor (section 6.5.1; Linux' `bcm2711.dtsi`:
/// `interrupt-controller@40041000`).
const GIC_DISTRIBUTOR: usize = 0xff84_1000;
/// Its interface to the core that asks.
const GIC_CORE: usize = 0xff84_2000;

/// Returns the controllers of buses, channels and ports, each with its kind as device trees name it and its
/// address: `serial`, `0xfe20_1600`.
pub fn bus_devices() -> impl Iterator<Item = (&'static str, usize)> {
    let i2c = I2C.map(|(_, address)| ("i2c", address));
    let serial = SERIAL.map(|(_, address)| ("serial", address));
    i2c.into_iter().chain(serial).chain([("spi", SPI), ("pwm", PWM)])
}

/// Where the program sees the first GiB of memory a second time, as device memory.
pub const UNCACHED: usize = 4 << 30;

/// Every block of the chip that this crate drives, each once.
pub struct Peripherals {
    /// The GPIO lines.
    pub gpio: Gpio<'static>,
    /// The GPIO lines as interrupt handlers use them.
    pub pads: Pads<'static>,
    /// The I2C controllers, each with the number of its bus.
    pub i2c: [(u8, ChipBsc); I2C_BUSES],
    /// The SPI controller.
    pub spi: ChipSpi,
    /// The PWM controller.
    pub pwm: ChipPwm,
    /// The UARTs of serial ports, each with the number of its port.
    pub serial: [(u8, ChipSerial); SERIAL_PORTS],
    /// Their receiving halves, in the same order.
    pub serial_receivers: [ChipSerialReceiver; SERIAL_PORTS],
    /// The controller of the SD card's slot, as it was left by the earlier boot stage.
    pub sd: SdBlock<'static>,
    /// EMMC, which is a board's radio and the emulator's card.
    pub emmc: SdBlock<'static>,
    /// The first PL011, not yet enabled.
    pub uart: Uart<'static>,
    /// Its receiving half.
    pub receiver: Receiver<'static>,
    /// The interrupt controller, as it was left by the earlier boot stage.
    pub gic: Gic<'static>,
    /// The watchdog.
    pub watchdog: Watchdog<'static>,
    /// The words that outlive a reset.
    pub lasting: Lasting<'static>,
    /// The mailbox to the VideoCore's firmware.
    pub mailbox: Mailbox<'static>,
}

impl Peripherals {
    /// The chip's blocks at their addresses.
    ///
    /// # Safety
    ///
    /// The program runs on a BCM2711 (or an emulated one) with `0xfe00_0000` to `0xffff_ffff` mapped
    /// to the same addresses as device memory, and the first GiB of memory at [`UNCACHED`]; nothing else that
    /// is still running uses a block that this program uses, and nothing at all the memory of
    /// [`LASTING_PLACE`].
    pub unsafe fn new() -> Self {
        // SAFETY: the caller promises that the block is there, mapped and ours. Two drivers have it, whose
        // docs say what keeps them apart.
        let gpio = unsafe { block(GPIO) };
        // SAFETY: as above.
        let pads = unsafe { block(GPIO) };
        // SAFETY: as above.
        let i2c = I2C.map(|(bus, address)| (bus, ChipBsc::new(BscBlock::new(unsafe { block(address) }))));
        // SAFETY: as above.
        let spi = unsafe { block(SPI) };
        // SAFETY: as above.
        let pwm = unsafe { block(PWM) };
        // SAFETY: as above.
        let pwm_clock = unsafe { block(PWM_CLOCK) };
        // SAFETY: as above. Two drivers have each of these, too, whose docs say what keeps them apart.
        let serial = SERIAL
            .map(|(port, address)| (port, ChipSerial::new(SerialBlock::new(unsafe { block(address) }))));
        // SAFETY: as above.
        let serial_receivers =
            SERIAL.map(|(_, address)| ChipSerialReceiver::new(SerialBlock::new(unsafe { block(address) })));
        // SAFETY: as above.
        let sd = unsafe { block(EMMC2) };
        // SAFETY: as above.
        let emmc = unsafe { block(EMMC) };
        // SAFETY: as above, for the UART's halves.
        let uart = unsafe { block(UART0) };
        // SAFETY: as above.
        let receiver = unsafe { block(UART0) };
        // SAFETY: as above.
        let power = unsafe { block(POWER) };
        // SAFETY: as above.
        let distributor = unsafe { block(GIC_DISTRIBUTOR) };
        // SAFETY: as above.
        let core = unsafe { block(GIC_CORE) };
        // SAFETY: as above; it is memory, of which any bits are words, and nothing reaches it by its address.
        let lasting = unsafe { block(UNCACHED + LASTING_PLACE.start) };
        // SAFETY: as for the other blocks.
        let mailbox = unsafe { block(MAILBOX) };
        // SAFETY: as for the lasting words, behind which these are.
        let words = unsafe { block(UNCACHED + MAILBOX_WORDS) };
        Self {
            gpio: Gpio::new(gpio),
            pads: Pads::new(pads),
            i2c,
            spi: ChipSpi::new(SpiBlock::new(spi)),
            pwm: ChipPwm::new(PwmBlock::new(pwm, pwm_clock)),
            serial,
            serial_receivers,
            sd: SdBlock::new(sd),
            emmc: SdBlock::new(emmc),
            uart: Uart::new(uart),
            receiver: Receiver::new(receiver),
            gic: Gic::new(distributor, core),
            watchdog: Watchdog::new(power),
            lasting: Lasting::new(lasting),
            mailbox: Mailbox::new(mailbox, words, MAILBOX_WORDS as u32),
        }
    }
}

/// UART0 as a serial port, in both halves: for a program without a link, in an emulator that has no other
/// UART of this kind.
///
/// # Safety
///
/// As for [`Peripherals::new`], and [`Uart`] and [`Receiver`] are not used any more.
pub unsafe fn link_as_serial() -> (ChipSerial, ChipSerialReceiver) {
    // SAFETY: the caller promises that the block is there, mapped and ours. Two drivers have it, whose docs
    // say what keeps them apart.
    let sends = unsafe { block(UART0) };
    // SAFETY: as above.
    let receives = unsafe { block(UART0) };
    (ChipSerial::new(SerialBlock::new(sends)), ChipSerialReceiver::new(SerialBlock::new(receives)))
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
