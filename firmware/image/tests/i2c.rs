//! Rows of I2C devices: what verification takes, how they come back, what two images may not both have.

mod common;

use common::{between, each_changed_bit, line, named, with_devices};
use xmap_boards::BoardId;
use xmap_image::{
    BuildError, Conflict, Extension, I2cRegisters, I2cRow, Image, ImageBuilder, VerifyError, Word, field,
    limits,
};

const TEMP: I2cRow = I2cRow::new(1, 0x48, 400_000, [1, 2], 1_000);

fn module(name: &'static str, devices: &[(&str, I2cRow)], pins: &[u8]) -> Result<Vec<Word>, BuildError> {
    with_devices(name, pins, |b| b.i2c = named(devices))
}

#[test]
fn devices_keep_their_order_and_names() {
    let clock = I2cRow::new(3, 0x48, 100_000, [8, 256], 100_000);
    let words = module("a", &[("temp", TEMP), ("clock", clock)], &[2 + 20]).unwrap();
    let image = Image::verify(&words).unwrap();
    let rows: Vec<_> = image.i2c().iter().map(|row| (image.i2c_name(row), row.address())).collect();
    assert_eq!(rows, [("temp", 0x48), ("clock", 0x48)]);
    let lines: Vec<u8> = image.bus_lines().iter().map(|line| line.number()).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), words);
    // An image without devices has no section for them.
    let words = module("a", &[], &[]).unwrap();
    assert_eq!(words[field::EXTENSIONS], 0);
}

#[test]
fn rows_that_mean_nothing_do_not_verify() {
    let refused = Err(BuildError::Verify(VerifyError::Extension(Extension::I2c)));
    assert_eq!(module("a", &[("", TEMP)], &[]), refused, "no name");
    assert_eq!(module("a", &[("a", TEMP), ("b", TEMP)], &[]), refused, "one place twice");
    assert_eq!(module("a", &[("a", TEMP)], &[3]), refused, "a line of the bus is declared");
    assert_eq!(module("a", &[("a", I2cRow::new(2, 0x48, 400_000, [1, 2], 1_000))], &[]), refused, "no bus");
    let many: Vec<_> = (0..17).map(|n| ("x", I2cRow::new(1, 0x10 + n, 400_000, [1, 2], 1_000))).collect();
    assert!(module("a", &many[..16], &[]).is_ok());
    let most = limits::MAX_I2C_DEVICES;
    assert_eq!(module("a", &many, &[]), Err(BuildError::TooMany("I2C devices", 17, most)));
    // Any change of a word of the section is a row that holds or none.
    let words = module("a", &[("temp", TEMP)], &[]).unwrap();
    each_changed_bit(&words, 5, |image| {
        let row = image.i2c()[0];
        assert!(row.bus(BoardId::Rpi4b).is_some() && row.write_max() <= 256 && row.read_max() <= 256);
        assert!((10_000..=400_000).contains(&row.speed_hz()) && row.timeout_us() <= 100_000);
        assert!(row.timeout_us() >= row.wire_us(row.write_max(), row.read_max()));
        assert!(!image.i2c_name(&row).is_empty());
    });
}

#[test]
fn devices_name_their_registers_in_order() {
    let other = I2cRow::new(1, 0x49, 100_000, [1, 2], 1_000);
    let [one, two] = [I2cRegisters::new([0], [1]), I2cRegisters::new([2], [3])];
    let build = |numbers: [u8; 2], registers: &[I2cRegisters]| {
        let mut b = ImageBuilder::new(BoardId::Rpi4b);
        b.i2c = vec![
            ("a".into(), TEMP.with_registers(numbers[0])),
            ("b".into(), other.with_registers(numbers[1])),
        ];
        b.i2c_registers = registers.to_vec();
        b.build()
    };
    let words = build([0, 1], &[two]).unwrap();
    let image = Image::verify(&words).unwrap();
    let found: Vec<_> = image.i2c().iter().map(|row| image.i2c_registers(row).copied()).collect();
    assert_eq!(found, [None, Some(two)]);
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), words);
    assert!(build([1, 2], &[one, two]).is_ok());
    let refused = Err(BuildError::Verify(VerifyError::Extension(Extension::I2cRegisters)));
    for (numbers, registers) in
        [([0, 1], &[][..]), ([0, 0], &[one]), ([2, 1], &[one, two]), ([1, 1], &[one]), ([1, 0], &[one, two])]
    {
        assert_eq!(build(numbers, registers), refused, "{numbers:?}");
    }
}

#[test]
fn a_bus_is_shared_and_a_device_is_not() {
    let other = I2cRow::new(1, 0x49, 100_000, [1, 2], 1_000);
    let left = module("left", &[("temp", TEMP)], &[]).unwrap();
    let between = |right: Vec<Word>| between(&left, &right);
    assert_eq!(between(module("right", &[("other", other)], &[4]).unwrap()), []);
    let device = Conflict::Device { bus: 1, address: 0x48 };
    assert_eq!(between(module("right", &[("other", other), ("t", TEMP)], &[]).unwrap()), [device]);
    let lines = [2, 3].map(|n| Conflict::Bus(line(n)));
    assert_eq!(between(module("right", &[], &[2, 3, 4]).unwrap()), lines);
}
