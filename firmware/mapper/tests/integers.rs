//! The mapper for integers alone, beside a verifier that knows all ops:
//! `cargo test -p tiny-mapper --no-default-features --test integers`.

#![cfg(not(feature = "full"))]

use tiny_mapper::{LoadError, Mapper, STACK_SLOTS, Store};
use xmap_boards::{Bank, BoardId, Line, PinMask};
use xmap_image::{Entry, Export, Function, Image, ImageBuilder, Op, Ty, Word};

struct Nothing;

impl tiny_mapper::Gpio for Nothing {
    fn set(&mut self, _: Bank, _: PinMask) {}
    fn clear(&mut self, _: Bank, _: PinMask) {}
    fn level(&mut self, _: Bank) -> PinMask {
        0
    }
    fn select(&mut self, _: Line, _: tiny_mapper::Function) {}
    fn pull(&mut self, _: Line, _: tiny_mapper::Pull) {}
}

impl tiny_mapper::Clock for Nothing {
    fn now_us(&mut self) -> u64 {
        0
    }
    fn delay_us(&mut self, _: u32) {}
}

impl tiny_mapper::Log for Nothing {
    fn log(&mut self, _: tiny_mapper::LogLevel, _: &str) {}
}

impl tiny_mapper::Port for Nothing {}

/// Returns what becomes of `f(x, y)` with this op between.
fn call(op: Op, x: u64, y: u64) -> Result<u64, LoadError> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    let code: Vec<Word> = vec![op.abc(1, 1, 2), Op::Ret.abc(0, 0, 0)];
    builder.functions = vec![Function { frame: 3, params: 2, results: 1, code }];
    builder.exports = vec![Export {
        key: "panel.f".into(),
        name: "f".into(),
        params: vec![Ty::U64; 2],
        results: vec![Ty::U64],
        entry: Entry::Code { function: 0, fuel: 100 },
    }];
    let words = builder.build().unwrap();
    let image = Image::verify(&words).unwrap();
    let store = Store { stack: &mut [0; STACK_SLOTS], memory: &mut [], globals: &mut [] };
    let mut mapper = Mapper::load(image, Nothing, store)?;
    let id = mapper.find("f").unwrap();
    Ok(mapper.call(id, &[x, y]).unwrap()[0])
}

#[test]
fn integers_are_computed_and_floats_are_not_loaded() {
    assert_eq!(call(Op::Mul64, 6, 7), Ok(42));
    assert_eq!(call(Op::FMul64, 6, 7), Err(LoadError::Unsupported));
}
