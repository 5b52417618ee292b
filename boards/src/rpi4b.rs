//! Raspberry Pi 4 Model B.

use crate::{Board, BoardId, Line, Reserved};

const fn reserved(line: u8, reason: &'static str) -> Reserved {
    match Line::new(line) {
        Some(line) => Reserved { line, reason },
        None => panic!("no such line"),
    }
}

/// Raspberry Pi 4 Model B: 40-pin header with lines 0 to 27; the others serve the board
/// (*BCM2711 ARM Peripherals*, section 5.3, and the board's reduced schematics).
pub const RPI4B: Board = Board {
    id: BoardId::Rpi4b,
    name: "rpi4b",
    lines: (1 << Line::COUNT) - 1,
    // 2 to 27 without the link's UART.
    header: 0x0fff_3ffc,
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
