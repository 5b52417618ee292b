//! The driver on the model.

use std::vec::Vec;

use super::model::{Fault, LARGE, Model, SMALL, Ticks};
use super::{BLOCK, CardError, SdCard, SdHost};

type Card = SdCard<Model, Ticks>;

fn start(model: Model) -> Result<Card, CardError> {
    SdCard::start(SdHost::new(model, Ticks::default()))
}

fn block(n: u8) -> [u8; BLOCK] {
    core::array::from_fn(|at| n.wrapping_add(at as u8))
}

fn model(card: &mut Card) -> &mut Model {
    card.host().registers()
}

fn numbers(card: &mut Card) -> Vec<u8> {
    core::mem::take(&mut model(card).commands).into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_card_becomes_ready_at_its_fastest() {
    let mut card = start(Model { late: 3, ..Model::default() }).unwrap();
    assert_eq!((card.blocks(), card.is_protected(), card.is_fast()), (LARGE, false, true));
    assert_eq!(numbers(&mut card), [0, 8, 55, 41, 55, 41, 55, 41, 55, 41, 2, 3, 9, 7, 55, 6, 6]);
    // 100 MHz by two, four lines, the edges of high speed, 3.3 V.
    assert_eq!((model(&mut card).clock & 0xffff, model(&mut card).control), (0x0105, 0x0f06));
    let mut card = start(Model { small: true, slow: true, ..Model::default() }).unwrap();
    assert_eq!((card.blocks(), card.is_fast()), (SMALL, false));
    assert!(numbers(&mut card).contains(&16), "a card that counts in bytes gets the size of a block");
    assert_eq!((model(&mut card).clock & 0xfffd, model(&mut card).control), (0x0205, 0x0f02));
}

#[test]
fn blocks_come_as_they_went_one_and_many() {
    for small in [false, true] {
        let mut card = start(Model { small, busy: 2, ..Model::default() }).unwrap();
        let written: [_; 9] = core::array::from_fn(|n| block(n as u8));
        numbers(&mut card);
        card.write(5, &written[..1]).unwrap();
        card.write(6, &written[1..]).unwrap();
        assert_eq!(numbers(&mut card), [24, 13, 13, 13, 25, 13]);
        let mut read = [[0; BLOCK]; 9];
        card.read(5, &mut read).unwrap();
        assert_eq!(read, written);
        let mut one = [[0; BLOCK]];
        card.read(7, &mut one).unwrap();
        assert_eq!(one, [block(2)]);
        assert_eq!(numbers(&mut card), [18, 17]);
        card.read(0, &mut []).unwrap();
        assert_eq!(numbers(&mut card), []);
        let last = if small { SMALL } else { LARGE } - 1;
        card.write(last, &one).unwrap();
        assert_eq!(card.write(last, &[one[0]; 2]), Err(CardError::Range));
        assert_eq!(card.read(u32::MAX, &mut read), Err(CardError::Range));
    }
}

#[test]
fn what_is_no_card_for_this_driver_is_said() {
    let error = |model| start(model).err();
    assert_eq!(error(Model { absent: true, ..Model::default() }), Some(CardError::Absent));
    assert_eq!(error(Model { old: true, ..Model::default() }), Some(CardError::Unknown));
    assert_eq!(error(Model { late: u32::MAX, ..Model::default() }), Some(CardError::Unknown));
    let crc = Some((9, Fault::Error(1 << 17)));
    assert_eq!(error(Model { fault: crc, ..Model::default() }), Some(CardError::Crc(9)));
    let dead = Some((2, Fault::Dead));
    assert_eq!(error(Model { fault: dead, ..Model::default() }), Some(CardError::Timeout(2)));
}

#[test]
fn a_transfer_that_fails_says_why_and_the_next_one_goes() {
    let data = [block(1), block(2), block(3)];
    for (number, fault, error) in [
        (25, Fault::Silent, CardError::Timeout(25)),
        (25, Fault::Data(1, 1 << 20), CardError::Timeout(25)),
        (25, Fault::Data(2, 1 << 21), CardError::Crc(25)),
        (25, Fault::Error(1 << 19), CardError::Crc(25)),
        (25, Fault::Error(1 << 24), CardError::Controller),
        (25, Fault::Status(1 << 26), CardError::Protected),
        (25, Fault::Status(1 << 21), CardError::Status(1 << 21)),
        (13, Fault::Status(1 << 19), CardError::Status(1 << 19)),
        (13, Fault::Error(1 << 17), CardError::Crc(13)),
        (18, Fault::Data(0, 1 << 20), CardError::Timeout(18)),
        (18, Fault::Data(1, 1 << 21), CardError::Crc(18)),
        (18, Fault::Data(2, 1 << 22), CardError::Crc(18)),
        (18, Fault::Status(1 << 31), CardError::Range),
    ] {
        let mut card = start(Model::default()).unwrap();
        model(&mut card).fault = Some((number, fault));
        let mut read = [[0; BLOCK]; 3];
        let outcome = if number == 18 { card.read(9, &mut read) } else { card.write(9, &data) };
        assert_eq!(outcome, Err(error), "CMD{number}, {fault:?}");
        card.write(9, &data).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        card.read(9, &mut read).unwrap();
        assert_eq!(read, data);
    }
}

#[test]
fn a_card_that_goes_is_missed_and_one_that_comes_is_taken() {
    let mut card = start(Model::default()).unwrap();
    card.write(1, &[block(7)]).unwrap();
    model(&mut card).absent = true;
    let mut read = [[0; BLOCK]];
    assert_eq!(card.read(1, &mut read), Err(CardError::Removed));
    numbers(&mut card);
    assert_eq!(card.write(1, &[block(8)]), Err(CardError::Removed));
    assert_eq!(numbers(&mut card), [], "nobody is asked");
    assert_eq!(card.again(), Err(CardError::Absent));
    assert_eq!(card.read(1, &mut read), Err(CardError::Removed));
    model(&mut card).absent = false;
    card.again().unwrap();
    card.read(1, &mut read).unwrap();
    assert_eq!(read, [block(7)]);
}

#[test]
fn a_protected_card_is_read_and_never_written() {
    let mut card = start(Model { protected: true, ..Model::default() }).unwrap();
    assert!(card.is_protected());
    card.read(1, &mut [[0; BLOCK]]).unwrap();
    numbers(&mut card);
    assert_eq!(card.write(1, &[block(8)]), Err(CardError::Protected));
    assert_eq!(numbers(&mut card), []);
}
