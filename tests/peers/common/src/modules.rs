//! The modules, as bytes: `guests/` has their sources.

/// `gpio.wat`: `call_gpio_set(line, value)`, `blink(n)`, `blink_line(line, n)`.
pub const GPIO: &[u8] = include_bytes!("../../guests/gpio.wasm");
/// `fib.wat`: `fib(n)`.
pub const FIB: &[u8] = include_bytes!("../../guests/fib.wasm");
/// `crc.c`: `prepare()`, `crc32()`.
pub const CRC: &[u8] = include_bytes!("../../guests/crc.wasm");
/// `panel.c`: 23 exports.
pub const PANEL: &[u8] = include_bytes!("../../guests/panel.wasm");

/// Bytes that `crc.c` works on.
pub const CRC_BYTES: usize = 1 << 20;

/// The bytes that `prepare` of `crc.c` makes.
pub fn crc_buffer() -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..CRC_BYTES).map(next).collect()
}

/// The table that `prepare` of `crc.c` makes.
pub fn crc_table() -> [u32; 256] {
    std::array::from_fn(|n| {
        (0..8).fold(n as u32, |crc, _| if crc & 1 != 0 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// The checksum that everybody has to find.
pub fn crc_expected() -> u32 {
    let table = crc_table();
    let step = |crc: u32, byte: u8| table[usize::from(crc as u8 ^ byte)] ^ crc >> 8;
    !crc_buffer().into_iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_crc_32() {
        let table = crc_table();
        let step = |crc: u32, byte: &u8| table[usize::from(crc as u8 ^ byte)] ^ crc >> 8;
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(!b"123456789".iter().fold(!0, step), 0xcbf4_3926);
    }
}
