//! Rows of PWM channels: what verification takes, how they come back, what two images may not both have.

mod common;

use common::{between, each_changed_bit, line, named, with_devices};
use xmap_boards::BoardId;
use xmap_image::{BuildError, Conflict, Extension, I2cRow, Image, ImageBuilder, PwmRow, VerifyError, Word};

fn row(number: u8) -> PwmRow {
    PwmRow::new(line(number), 1_000, 7)
}

fn module(name: &'static str, channels: &[(&str, PwmRow)], pins: &[u8]) -> Result<Vec<Word>, BuildError> {
    with_devices(name, pins, |b| b.pwm = named(channels))
}

#[test]
fn channels_keep_their_order_and_names() {
    let words = module("a", &[("lamp", row(18)), ("fan", row(13))], &[12, 19]).unwrap();
    let image = Image::verify(&words).unwrap();
    let rows: Vec<_> = image.pwm().iter().map(|row| (image.pwm_name(row), row.line_number())).collect();
    assert_eq!(rows, [("lamp", 18), ("fan", 13)]);
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), words);
}

#[test]
fn rows_that_mean_nothing_do_not_verify() {
    let refused = Err(BuildError::Verify(VerifyError::Extension(Extension::Pwm)));
    assert_eq!(module("a", &[("", row(18))], &[]), refused, "no name");
    assert_eq!(module("a", &[("a", row(18))], &[18]), refused, "the line is declared");
    assert_eq!(module("a", &[("a", row(18)), ("b", row(18))], &[]), refused, "one channel twice");
    assert_eq!(module("a", &[("a", row(18)), ("b", row(12))], &[]), refused, "one channel on two lines");
    assert_eq!(module("a", &[("a", row(17))], &[]), refused, "a line without a channel");
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.pwm = vec![("fan".into(), row(13))];
    b.i2c = vec![("chip".into(), I2cRow::new(5, 0x48, 400_000, [1, 2], 1_000))];
    assert_eq!(b.build(), refused, "a line of an I2C bus");
    let words = module("a", &[("lamp", row(18))], &[]).unwrap();
    each_changed_bit(&words, 3, |image| {
        let row = image.pwm()[0];
        assert!(row.line(BoardId::Rpi4b).is_some() && (10..=1_000_000).contains(&row.period_us()));
        assert!(!image.pwm_name(&row).is_empty());
    });
}

#[test]
fn a_channel_has_one_module() {
    let left = module("left", &[("lamp", row(18))], &[]).unwrap();
    let between = |right: Vec<Word>| between(&left, &right);
    assert_eq!(between(module("right", &[("fan", row(13))], &[12]).unwrap()), []);
    assert_eq!(between(module("right", &[], &[18]).unwrap()), [Conflict::Bus(line(18))]);
    let both = [12, 18].map(|n| Conflict::Claim(line(n)));
    assert_eq!(between(module("right", &[("other", row(18))], &[]).unwrap()), both);
    assert_eq!(between(module("right", &[("other", row(12))], &[]).unwrap()), both);
}
