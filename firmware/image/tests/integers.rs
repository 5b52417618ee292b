//! The verifier for integers alone: `cargo test -p xmap-image --no-default-features --test integers`. It
//! takes what is integer code, and says of the rest what it is, as it says of words that are no op.

#![cfg(not(feature = "full"))]

mod common;

use common::{export, extended, sample};
use xmap_image::{BuildError, Entry, Function, Image, Op, Ty, VerifyError, Word};

/// The sample and a function of these ops.
fn with(code: &[Word]) -> Result<Vec<Word>, BuildError> {
    let mut builder = sample();
    let code = [code, &[Op::Ret.abc(0, 0, 0)]].concat();
    let function = builder.functions.len() as u32;
    builder.functions.push(Function { frame: 4, params: 0, results: 0, code });
    builder.exports.push(export("more", &[] as &[Ty], &[], Entry::Code { function, fuel: 100 }));
    builder.build()
}

#[test]
fn integer_code_verifies() {
    let words = sample().build().unwrap();
    assert!(!Image::verify(&words).unwrap().is_beyond_integers());
    assert!(with(&[Op::Add64.abc(1, 2, 3)]).is_ok());
}

#[test]
fn every_op_that_is_left_out_is_refused_for_what_it_is() {
    let mut left_out = 0;
    for op in Op::ALL.iter().filter(|op| op.is_beyond_integers()) {
        let code = [op.abc(1, 2, 3), 0];
        let expected = Err(BuildError::Verify(VerifyError::Unsupported));
        assert_eq!(with(&code[..1 + usize::from(op.shape().words)]), expected, "{op:?}");
        left_out += 1;
    }
    assert!(left_out > 60);
    let word = 0xff;
    assert!(matches!(with(&[word]), Err(BuildError::Verify(VerifyError::Opcode(_)))), "no op at all");
}

#[test]
fn sections_of_tables_and_segments_are_refused() {
    assert_eq!(extended().build(), Err(BuildError::Verify(VerifyError::Unsupported)));
    // A deeper stack, and a shadow stack, are nothing that integers do without.
    let mut builder = sample();
    builder.stack_slots = 4096;
    builder.stack_pointer = Some(0);
    assert!(builder.build().is_ok());
}
