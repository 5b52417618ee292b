//! An image, the key that seals it and a policy that allows it.
#![allow(dead_code, unreachable_pub)]

use heapless::Vec;
use xmap_boards::{BoardId, Line, LineSet};
use xmap_image::{Entry, Export, Function, Image, ImageBuilder, Op, PinMode, PinRow, Pull, Safe, Ty, Word};
use xmap_trust::{OpClass, SEAL_WORDS, Seal, SecretKey, TrustPolicy, TrustedKey, seal};

/// Where the sample comes from.
pub const ORIGIN: &str = "https://panels.example";

/// The key that seals.
pub fn signer() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// The owner's key.
pub fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

pub fn pin(line: u8, mode: PinMode) -> PinRow {
    PinRow::new(Line::new(line).expect("a line"), mode, Safe::Hold, Pull::None)
}

/// Module `hall`, version 7: a function that sets line 17, and a direct entry that clears it.
pub fn sample() -> ImageBuilder<'static> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.version = 7;
    b.manifest.module = "hall";
    b.globals = vec![41];
    b.pins = vec![pin(17, PinMode::Out), pin(27, PinMode::In)];
    let code = vec![Op::LineSet.abc(17, 0, 0), Op::Ret.abc(0, 0, 0)];
    b.functions = vec![Function { frame: 2, params: 0, results: 0, code }];
    let export = |name: &str, params: &[Ty], entry| Export {
        key: format!("hall.{name}"),
        name: name.into(),
        params: params.to_vec(),
        results: vec![],
        entry,
    };
    b.exports = vec![
        export("off", &[], Entry::Direct { first: Op::LineClear.abc(17, 0, 0), second: 0 }),
        export("on", &[], Entry::Code { function: 0, fuel: 100 }),
    ];
    b
}

/// The sample and its seal.
pub fn both() -> std::vec::Vec<Word> {
    let image = sample().build().expect("it verifies");
    let seal =
        seal(&Image::verify(&image).expect("it verifies"), ORIGIN, &signer()).expect("it can be sealed");
    [&image[..], &seal.to_words()].concat()
}

/// A seal with whatever it says, signed by a key: what a key that is tricked would make.
pub fn sealed_by(claim: Seal, key: &SecretKey) -> [Word; SEAL_WORDS] {
    claim.signed(key).to_words()
}

/// A policy that allows the sample and no more.
pub fn policy() -> TrustPolicy {
    let key = TrustedKey {
        key: signer().public(),
        origins: Vec::from_slice(&[ORIGIN.try_into().unwrap()]).unwrap(),
        modules: Vec::from_slice(&["hall".try_into().unwrap()]).unwrap(),
        boards: Vec::from_slice(&[BoardId::Rpi4b as u16]).unwrap(),
        lines: LineSet::from_bits(1 << 17 | 1 << 27),
        ops: OpClass::GpioWrite.bit(),
    };
    let mut policy = TrustPolicy { version: 3, ..TrustPolicy::default() };
    policy.keys.push(key).unwrap();
    policy
}
