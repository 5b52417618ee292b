//! Rows of SPI devices: what verification takes, how they come back, what two images may not both have.

mod common;

use common::{between, each_changed_bit, line, named, with_devices};
use xmap_boards::BoardId;
use xmap_image::{
    BuildError, Conflict, Extension, I2cRow, Image, ImageBuilder, SpiRow, VerifyError, Word, limits,
};

const ADC: SpiRow = SpiRow::new([0, 0, 0], 1_000_000, 3, 1_000);
const FLASH: SpiRow = SpiRow::new([0, 1, 3], 8_000_000, 260, 5_000);

fn module(
    name: &'static str,
    devices: &[(&str, SpiRow)],
    i2c: &[I2cRow],
    pins: &[u8],
) -> Result<Vec<Word>, BuildError> {
    with_devices(name, pins, |b| {
        b.spi = named(devices);
        b.i2c = i2c.iter().map(|row| ("chip".to_string(), *row)).collect();
    })
}

#[test]
fn devices_keep_their_order_and_names() {
    let words = module("a", &[("flash", FLASH), ("adc", ADC)], &[], &[22]).unwrap();
    let image = Image::verify(&words).unwrap();
    let rows: Vec<_> = image.spi().iter().map(|row| (image.spi_name(row), row.select())).collect();
    assert_eq!(rows, [("flash", 1), ("adc", 0)]);
    let lines: Vec<u8> = image.bus_lines().iter().map(|line| line.number()).collect();
    assert_eq!(lines, [7, 8, 9, 10, 11]);
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), words);
    // A line that selects another device is free.
    assert!(module("a", &[("adc", ADC)], &[], &[7]).is_ok());
}

#[test]
fn rows_that_mean_nothing_do_not_verify() {
    let refused = Err(BuildError::Verify(VerifyError::Extension(Extension::Spi)));
    assert_eq!(module("a", &[("", ADC)], &[], &[]), refused, "no name");
    assert_eq!(module("a", &[("a", ADC), ("b", ADC)], &[], &[]), refused, "one select line twice");
    for pin in [8, 9, 10, 11] {
        assert_eq!(module("a", &[("a", ADC)], &[], &[pin]), refused, "a line of the bus is declared");
    }
    // I2C bus 4 is on lines 8 and 9.
    let chip = I2cRow::new(4, 0x48, 400_000, [1, 2], 1_000);
    assert_eq!(module("a", &[("a", ADC)], &[chip], &[]), refused, "a line of another bus");
    let many: Vec<_> = (0..9).map(|_| ("x", ADC)).collect();
    let most = limits::MAX_SPI_DEVICES;
    assert_eq!(module("a", &many, &[], &[]), Err(BuildError::TooMany("SPI devices", 9, most)));
    // Any change of a word of the section is a row that holds or none.
    let words = module("a", &[("adc", ADC)], &[], &[]).unwrap();
    each_changed_bit(&words, 5, |image| {
        let row = image.spi()[0];
        assert!(row.select_line(BoardId::Rpi4b).is_some() && (1..=512).contains(&row.max_bytes()));
        assert!((10_000..=32_000_000).contains(&row.clock_hz()) && row.mode() < 4);
        assert!(row.timeout_us() <= 100_000 && row.timeout_us() >= row.wire_us(row.max_bytes()));
        assert!(!image.spi_name(&row).is_empty());
    });
}

#[test]
fn a_bus_is_shared_and_a_select_line_is_not() {
    let left = module("left", &[("adc", ADC)], &[], &[]).unwrap();
    let between = |right: Vec<Word>| between(&left, &right);
    assert_eq!(between(module("right", &[("flash", FLASH)], &[], &[4]).unwrap()), []);
    let claim = |n: u8| Conflict::Claim(line(n));
    assert_eq!(between(module("right", &[("other", ADC)], &[], &[]).unwrap()), [claim(8)]);
    let chip = I2cRow::new(4, 0x48, 400_000, [1, 2], 1_000);
    assert_eq!(between(module("right", &[], &[chip], &[]).unwrap()), [claim(8), claim(9)]);
    let lines = [8, 11].map(|n| Conflict::Bus(line(n)));
    assert_eq!(between(module("right", &[], &[], &[7, 8, 11]).unwrap()), lines);
}
