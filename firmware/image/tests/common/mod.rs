//! A small image with something in every section, and places in it.
#![allow(dead_code, unreachable_pub)]

use xmap_boards::{BoardId, Line};
use xmap_image::{
    Entry, Event, EventSource, Export, Function, HEADER_WORDS, ImageBuilder, Manifest, Op, PinMode, PinName,
    PinRow, Pull, Safe, Section, Ty, Word, field, reseal,
};

/// A line that exists.
pub fn line(number: u8) -> Line {
    Line::new(number).expect("a line")
}

/// An export with a key in the namespace `demo`.
pub fn export(name: &str, params: &[Ty], results: &[Ty], entry: Entry) -> Export {
    let (params, results) = (params.to_vec(), results.to_vec());
    Export { key: format!("demo.{name}"), name: name.into(), params, results, entry }
}

/// Words of [`sample`]'s code, by the index that a [`xmap_image::VerifyError`] names.
pub mod at {
    /// Function 0, the start function.
    pub const GLOBAL_GET: usize = 0;
    pub const ADD: usize = 1;
    /// Function 1.
    pub const CONST_WIDE: usize = 4;
    pub const SHIFT: usize = 6;
    pub const BRANCH: usize = 7;
    pub const CALL: usize = 8;
    pub const LINE_SET: usize = 9;
    pub const MASK_SET: usize = 10;
    pub const BANK_READ: usize = 12;
    pub const RET_V: usize = 13;
}

/// An image with something in every section.
pub fn sample() -> ImageBuilder<'static> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    (b.version, b.start, b.time_us) = (7, Some(0), 5_000);
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (64, 1, 2);
    b.globals = vec![41, u64::MAX];
    b.data = vec![(0, b"lamp".to_vec()), (16, vec![1, 2, 3])];
    b.pins = vec![
        PinRow::new(line(17), PinMode::Out, Safe::Low, Pull::None),
        PinRow::new(line(22), PinMode::InOut, Safe::Float, Pull::Down),
        PinRow::new(line(27), PinMode::In, Safe::Hold, Pull::Up),
    ];
    b.functions = vec![
        Function {
            frame: 4,
            params: 0,
            results: 0,
            code: vec![
                Op::GlobalGet.a16(1, 0),
                Op::AddI32.abc(1, 1, 1),
                Op::GlobalSet.a16(1, 0),
                Op::Ret.abc(0, 0, 0),
            ],
        },
        Function {
            frame: 6,
            params: 2,
            results: 1,
            code: vec![
                Op::Const32W.abc(3, 0, 0),
                0x1234_5678,
                Op::ShlI32.abc(4, 1, 3),
                Op::BrLtU.abc(1, 2, 1),
                Op::Call.a16(4, 0),
                Op::LineSet.abc(17, 0, 0),
                Op::MaskSet.abc(0, 0, 0),
                1 << 17 | 1 << 22,
                Op::BankRead.abc(5, 0, 0),
                Op::RetV.abc(5, 0, 0),
            ],
        },
    ];
    b.exports = vec![
        export("count", &[Ty::U8, Ty::U32], &[Ty::U32], Entry::Code { function: 1, fuel: 20_000 }),
        export("set", &[Ty::U8, Ty::Bool], &[], Entry::Direct { first: Op::GpioPut.abc(1, 2, 0), second: 0 }),
        export("text", &[Ty::StrPtr, Ty::Len], &[Ty::U32], Entry::Code { function: 1, fuel: 9 }),
    ];
    let mut manifest = Manifest {
        module: "sampler",
        namespace: "demo",
        pins: Default::default(),
        events: Default::default(),
    };
    manifest.pins.push(PinName { line: 17, name: "lamp" }).expect("there is room");
    let source = EventSource::Falling { line: 27, debounce_us: 5_000 };
    manifest.events.push(Event { export: 0, source }).expect("there is room");
    b.manifest = manifest;
    b
}

/// The words of [`sample`].
pub fn words() -> Vec<Word> {
    sample().build().expect("the sample verifies")
}

/// The index of a section's first word.
pub fn start(words: &[Word], section: Section) -> usize {
    let before = field::SECTIONS..field::SECTIONS + section as usize;
    HEADER_WORDS + words[before].iter().map(|len| len.div_ceil(4) as usize).sum::<usize>()
}

/// Changes a copy of the sample and seals it again.
pub fn changed(change: impl FnOnce(&mut Vec<Word>)) -> Vec<Word> {
    let mut words = words();
    change(&mut words);
    reseal(&mut words);
    words
}
