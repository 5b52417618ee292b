//! Rows of serial ports: what verification takes, how they come back, what two images may not both have.

mod common;

use common::{between, each_changed_bit, line, named, with_devices};
use xmap_boards::BoardId;
use xmap_image::{
    BuildError, Conflict, Extension, Format, Image, ImageBuilder, PwmRow, UartRow, VerifyError, Word,
};

fn row(port: u8, de: Option<u8>) -> UartRow {
    UartRow::new(port, 19_200, Format::parse("8E1").unwrap(), de.map(line), [64, 256])
}

fn module(name: &'static str, ports: &[(&str, UartRow)], pins: &[u8]) -> Result<Vec<Word>, BuildError> {
    with_devices(name, pins, |b| b.uart = named(ports))
}

#[test]
fn ports_keep_their_order_and_names() {
    let words = module("a", &[("bus", row(5, Some(17))), ("log", row(3, None))], &[18]).unwrap();
    let image = Image::verify(&words).unwrap();
    let rows: Vec<_> = image.uart().iter().map(|row| (image.uart_name(row), row.port_number())).collect();
    assert_eq!(rows, [("bus", 5), ("log", 3)]);
    let lines: Vec<u8> = image.bus_lines().iter().map(|line| line.number()).collect();
    assert_eq!(lines, [4, 5, 12, 13, 17]);
    assert_eq!(ImageBuilder::from_image(&image).unwrap().build().unwrap(), words);
}

#[test]
fn rows_that_mean_nothing_do_not_verify() {
    let refused = Err(BuildError::Verify(VerifyError::Extension(Extension::Uart)));
    assert_eq!(module("a", &[("", row(3, None))], &[]), refused, "no name");
    assert_eq!(module("a", &[("a", row(3, None)), ("b", row(3, None))], &[]), refused, "one port twice");
    assert_eq!(module("a", &[("a", row(3, Some(17))), ("b", row(4, Some(17)))], &[]), refused, "one line");
    assert_eq!(module("a", &[("a", row(3, Some(17)))], &[17]), refused, "the line is declared");
    assert_eq!(module("a", &[("a", row(3, None))], &[4]), refused, "a line of the port is declared");
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.uart = vec![("a".into(), row(5, None))];
    b.pwm = vec![("fan".into(), PwmRow::new(line(13), 1_000, 0))];
    assert_eq!(b.build(), refused, "a line of a PWM channel");
    let words = module("a", &[("bus", row(3, Some(17)))], &[]).unwrap();
    each_changed_bit(&words, 4, |image| {
        let row = image.uart()[0];
        assert!(row.port(BoardId::Rpi4b).is_some() && (300..=1_000_000).contains(&row.baud()));
        assert!((1..=256).contains(&row.write_max()) && (1..=256).contains(&row.rx_buffer()));
        assert!(row.worst_us() <= 320_000 && !image.uart_name(&row).is_empty());
    });
}

#[test]
fn a_port_has_one_module() {
    let left = module("left", &[("bus", row(3, Some(17)))], &[]).unwrap();
    let between = |right: Vec<Word>| between(&left, &right);
    assert_eq!(between(module("right", &[("bus", row(4, Some(18)))], &[]).unwrap()), []);
    assert_eq!(
        between(module("right", &[("bus", row(4, Some(17)))], &[]).unwrap()),
        [Conflict::Claim(line(17))]
    );
    let both = [4, 5].map(|n| Conflict::Claim(line(n)));
    assert_eq!(between(module("right", &[("bus", row(3, None))], &[]).unwrap()), both);
    assert_eq!(between(module("right", &[], &[17]).unwrap()), [Conflict::Bus(line(17))]);
}
