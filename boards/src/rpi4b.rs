//! Raspberry Pi 4 Model B.

use crate::{
    Board, BoardId, I2cBus, Limits, Line, LineSet, PwmLine, RegisterMap, Registers, Reserved, SpiBus,
    UartPort, line,
};

mod costs;

pub(crate) use costs::COSTS;

/// The number of lines, in two banks (*BCM2711 ARM Peripherals*, section 5.1).
pub(crate) const LINES: u8 = 58;

const fn reserved(number: u8, reason: &'static str) -> Reserved {
    Reserved { line: line(number), reason }
}

/// A pin of the header that carries a line.
const fn gpio(number: u8) -> Option<Line> {
    Some(line(number))
}

/// A pin of the header that carries power or ground.
const POWER: Option<Line> = None;

const fn i2c(number: u8, sda: u8, scl: u8, alt: u8) -> I2cBus {
    I2cBus { number, sda: line(sda), scl: line(scl), alt }
}

const fn pwm(number: u8, channel: u8, alt: u8) -> PwmLine {
    PwmLine { line: line(number), channel, alt }
}

const fn uart(number: u8, tx: u8, rx: u8) -> UartPort {
    UartPort { number, tx: line(tx), rx: line(rx), alt: 4 }
}

/// Raspberry Pi 4 Model B: 40-pin header with lines 0 to 27; the others serve the board
/// (*BCM2711 ARM Peripherals*, section 5.3, and the board's reduced schematics).
pub const RPI4B: Board = Board {
    id: BoardId::Rpi4b,
    name: "rpi4b",
    lines: LINES,
    // 2 to 27 without the link's UART.
    header: LineSet::from_bits(0x0fff_3ffc),
    // Raspberry Pi 4 Model B reduced schematics, connector J8: odd pins on the left, even ones on the right.
    #[rustfmt::skip]
    pins: &[
        POWER, POWER,
        gpio(2), POWER,
        gpio(3), POWER,
        gpio(4), gpio(14),
        POWER, gpio(15),
        gpio(17), gpio(18),
        gpio(27), POWER,
        gpio(22), gpio(23),
        POWER, gpio(24),
        gpio(10), POWER,
        gpio(9), gpio(25),
        gpio(11), gpio(8),
        POWER, gpio(7),
        gpio(0), gpio(1),
        gpio(5), POWER,
        gpio(6), gpio(12),
        gpio(13), POWER,
        gpio(19), gpio(16),
        gpio(26), gpio(20),
        POWER, gpio(21),
    ],
    // Section 5.2 ("Register View").
    gpio: RegisterMap {
        select: Registers { name: "GPFSEL", offset: 0x00, bits: 3 },
        set: Registers { name: "GPSET", offset: 0x1c, bits: 1 },
        clear: Registers { name: "GPCLR", offset: 0x28, bits: 1 },
        level: Registers { name: "GPLEV", offset: 0x34, bits: 1 },
        events: Registers { name: "GPEDS", offset: 0x40, bits: 1 },
        rising: Registers { name: "GPREN", offset: 0x4c, bits: 1 },
        falling: Registers { name: "GPFEN", offset: 0x58, bits: 1 },
        pull: Registers { name: "GPIO_PUP_PDN_CNTRL_REG", offset: 0xe4, bits: 2 },
    },
    // Section 5.3 ("Alternative Function Assignments"). Bus 0 is that of the HAT's EEPROM, 2 and 7 are the
    // board's own. Where a bus can be on other lines too, these are those of Linux' overlays.
    i2c: &[i2c(1, 2, 3, 0), i2c(3, 4, 5, 5), i2c(4, 8, 9, 5), i2c(5, 12, 13, 5), i2c(6, 22, 23, 5)],
    // PWM0, of the same section; the lines of PWM1 are the board's own.
    pwm: &[pwm(12, 0, 0), pwm(13, 1, 0), pwm(18, 0, 5), pwm(19, 1, 5)],
    // UART3 to UART5; the lines of UART2 are those of a HAT's EEPROM, those of the mini UART are the link's.
    uart: &[uart(3, 4, 5), uart(4, 8, 9), uart(5, 12, 13)],
    // SPI0, of the same section.
    spi: &[SpiBus {
        number: 0,
        sclk: line(11),
        mosi: line(10),
        miso: line(9),
        selects: &[line(8), line(7)],
        alt: 0,
    }],
    limits: Limits {
        // 4 MiB: a panel of Go brings its runtime, and has 1.5 to 3; other large panels have 12 KiB.
        image_bytes: 4 << 20,
        // Of 1 GiB, eight slots take an eighth.
        memory_bytes: 16 << 20,
        // As many globals as the format allows, and three tables of the largest capacity: 2 MiB.
        slots: 4 << 16,
        // What an image may ask for at most (`xmap_image::limits::MAX_STACK_SLOTS`): 512 KiB.
        stack_slots: 1 << 16,
    },
    shortest_period_us: 100,
    reserved: &[
        reserved(0, "the ID EEPROM of a HAT (ID_SD)"),
        reserved(1, "the ID EEPROM of a HAT (ID_SC)"),
        reserved(14, "the link's UART (TXD0)"),
        reserved(15, "the link's UART (RXD0)"),
        reserved(28, "the Ethernet PHY's management bus"),
        reserved(29, "the Ethernet PHY's management bus"),
        reserved(30, "the Bluetooth UART"),
        reserved(31, "the Bluetooth UART"),
        reserved(32, "the Bluetooth UART"),
        reserved(33, "the Bluetooth UART"),
        reserved(34, "the Wi-Fi chip's SDIO bus"),
        reserved(35, "the Wi-Fi chip's SDIO bus"),
        reserved(36, "the Wi-Fi chip's SDIO bus"),
        reserved(37, "the Wi-Fi chip's SDIO bus"),
        reserved(38, "the Wi-Fi chip's SDIO bus"),
        reserved(39, "the Wi-Fi chip's SDIO bus"),
        reserved(40, "the audio outputs"),
        reserved(41, "the audio outputs"),
        reserved(43, "the board's own clock output"),
        reserved(44, "the board's internal I2C bus"),
        reserved(45, "the board's internal I2C bus"),
        reserved(46, "the RGMII interrupt and the SD card's detection"),
        reserved(47, "the RGMII interrupt and the SD card's detection"),
        reserved(48, "the SD card"),
        reserved(49, "the SD card"),
        reserved(50, "the SD card"),
        reserved(51, "the SD card"),
        reserved(52, "the SD card"),
        reserved(53, "the SD card"),
        reserved(54, "the Ethernet interface"),
        reserved(55, "the Ethernet interface"),
        reserved(56, "the Ethernet interface"),
        reserved(57, "the Ethernet interface"),
    ],
};

/// Where the boot loader can say that it booted from, and with it the panel's image; `boot` where it does not
/// say.
pub const BOOT_MEDIA: [&str; 7] = ["sd", "network", "rpiboot", "usb", "nvme", "http", "boot"];

/// The medium of a boot mode of the Raspberry Pi's boot loader (its documentation of `BOOT_ORDER` and of
/// `/chosen/bootloader`).
pub const fn boot_medium(boot_mode: u64) -> &'static str {
    let n = match boot_mode {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 | 5 => 3,
        6 => 4,
        7 => 5,
        _ => 6,
    };
    BOOT_MEDIA[n]
}
