//! The same verification for each board: what an image may name is what its board has.

use xmap_boards::{Board, BoardId, Line, RPI4B, SIM96};
use xmap_image::{
    BuildError, Entry, Export, Function, Image, ImageBuilder, Op, PinMode, PinRow, Pull, Safe, VerifyError,
    Word,
};

const BOARDS: [&Board; 2] = [&RPI4B, &SIM96];

/// An image with one line, driven, and this code.
fn image(board: BoardId, line: u8, code: &[Word]) -> Result<Vec<Word>, BuildError> {
    let mut builder = ImageBuilder::new(board);
    let line = Line::new(line).expect("a line of one of the boards");
    builder.pins = vec![PinRow::new(line, PinMode::Out, Safe::Low, Pull::None)];
    let code = [code, &[Op::Ret.abc(0, 0, 0)]].concat();
    builder.functions = vec![Function { frame: 2, params: 0, results: 0, code }];
    let (key, name) = ("a.f".into(), "f".into());
    let entry = Entry::Code { function: 0, fuel: 10 };
    builder.exports = vec![Export { key, name, params: vec![], results: vec![], entry }];
    builder.build()
}

fn refused(built: Result<Vec<Word>, BuildError>) -> Option<VerifyError> {
    match built {
        Ok(words) => {
            assert!(Image::verify(&words).is_ok());
            None
        }
        Err(BuildError::Verify(error)) => Some(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn an_image_declares_lines_of_its_board() {
    for board in BOARDS {
        for line in 0..Line::COUNT {
            let expected = (line >= board.lines).then_some(VerifyError::Pin(0));
            assert_eq!(refused(image(board.id, line, &[])), expected, "{} line {line}", board.name);
        }
    }
}

#[test]
fn ops_name_declared_lines_and_banks_of_the_board() {
    for board in BOARDS {
        for line in 0..board.lines {
            let built = |op: &[Word]| refused(image(board.id, line, op));
            assert_eq!(built(&[Op::LineSet.abc(line, 0, 0)]), None);
            let (bank, bit) = (line / 32, 1 << (line % 32));
            assert_eq!(built(&[Op::MaskSet.abc(bank, 0, 0), bit]), None);
            for other in
                [line ^ 1, line ^ 32, line ^ 64, line ^ 128, 58, 96].into_iter().filter(|n| *n != line)
            {
                let outside = Some(VerifyError::Line(0));
                assert_eq!(built(&[Op::LineSet.abc(other, 0, 0)]), outside, "{} line {other}", board.name);
            }
            for other in (0..5).filter(|other| *other != bank) {
                assert_eq!(built(&[Op::MaskSet.abc(other, 0, 0), bit]), Some(VerifyError::Line(0)));
            }
            assert_eq!(built(&[Op::MaskSet.abc(bank, 0, 0), bit.rotate_left(1)]), Some(VerifyError::Line(0)));
        }
        for bank in 0..=u8::MAX {
            let read = refused(image(board.id, 1, &[Op::BankRead.abc(1, bank, 0)]));
            let exists = usize::from(bank) < board.banks().count();
            assert_eq!(read, (!exists).then_some(VerifyError::Line(0)), "{} bank {bank}", board.name);
        }
    }
}

#[test]
fn a_board_that_is_not_known_has_no_images() {
    let mut words = image(BoardId::Rpi4b, 1, &[]).unwrap();
    for board in (0..=u16::MAX).filter(|id| BoardId::from_u16(*id).is_none()) {
        words[1] = words[1] & 0xffff | Word::from(board) << 16;
        assert_eq!(Image::verify(&words).unwrap_err(), VerifyError::Board(board));
    }
    assert_eq!(BOARDS.map(|board| (board.id as u16, board.lines)), [(1, 58), (2, 96)]);
}
