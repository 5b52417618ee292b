//! A small image with something in every section, and places in it.
#![allow(dead_code, unreachable_pub)]

use xmap_boards::{BoardId, Line};
use xmap_image::{
    BuildError, Conflict, Elements, Entry, Event, EventSource, Export, Extension, Function, HEADER_WORDS,
    Image, ImageBuilder, Manifest, NO_FUNCTION, Op, PinMode, PinName, PinRow, Pull, Safe, Section, Table, Ty,
    TypeRow, Word, conflicts, field, reseal,
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

/// An image of a module with these input lines and the devices that `put` gives it.
pub fn with_devices(
    name: &'static str,
    pins: &[u8],
    put: impl FnOnce(&mut ImageBuilder<'static>),
) -> Result<Vec<Word>, BuildError> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.manifest = Manifest { module: name, namespace: "demo", ..Manifest::default() };
    b.pins = pins.iter().map(|n| PinRow::new(line(*n), PinMode::In, Safe::Hold, Pull::None)).collect();
    put(&mut b);
    b.build()
}

/// Devices with their names, as a builder has them.
pub fn named<R: Copy>(rows: &[(&str, R)]) -> Vec<(String, R)> {
    rows.iter().map(|(name, row)| (name.to_string(), *row)).collect()
}

/// Checks every image that verifies with one bit of its last words changed.
pub fn each_changed_bit(words: &[Word], last: usize, check: impl Fn(&Image<'_>)) {
    for word in words.len() - last..words.len() {
        for bit in 0..32 {
            let mut words = words.to_vec();
            words[word] ^= 1 << bit;
            reseal(&mut words);
            if let Ok(image) = Image::verify(&words) {
                check(&image);
            }
        }
    }
}

/// Returns what two images may not both have, which is the same from either side.
pub fn between(left: &[Word], right: &[Word]) -> Vec<Conflict> {
    let [left, right] = [left, right].map(|words| Image::verify(words).unwrap());
    let found: Vec<_> = conflicts(&left, &right).collect();
    assert_eq!(conflicts(&right, &left).collect::<Vec<_>>(), found);
    found
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
        policy: Default::default(),
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

/// The sample with something in every extension section, and function 2, which uses them.
pub fn extended() -> ImageBuilder<'static> {
    let mut b = sample();
    b.types = vec![TypeRow { params: 0, results: 0 }, TypeRow { params: 2, results: 1 }];
    b.function_types = vec![0, 1, 0];
    b.tables = vec![Table { initial: 3, capacity: 5 }, Table { initial: 1, capacity: 1 }];
    b.elements = vec![
        Elements { place: Some((0, 1)), items: vec![0, NO_FUNCTION] },
        Elements { place: None, items: vec![1, 2, 1] },
        Elements { place: Some((1, 0)), items: vec![2] },
    ];
    b.passive_data = vec![b"lamp".to_vec(), b"passive".to_vec()];
    b.stack_slots = 300;
    b.stack_pointer = Some(0);
    b.functions.push(Function {
        frame: 8,
        params: 0,
        results: 0,
        code: vec![
            Op::CallIndirect.abc(4, 1, 0),
            1,
            Op::TableGet.abc(1, 2, 1),
            Op::TableFill.abc(1, 2, 3),
            1,
            Op::TableCopy.abc(1, 2, 3),
            1 << 16,
            Op::TableInit.abc(1, 2, 3),
            1,
            Op::ElemDrop.abc(0, 0, 0),
            0,
            Op::MemoryInit.abc(1, 2, 3),
            1,
            Op::DataDrop.abc(0, 0, 0),
            1,
            Op::FAdd64.abc(1, 2, 3),
            Op::Ret.abc(0, 0, 0),
        ],
    });
    b
}

/// The index of a section's first word.
pub fn start(words: &[Word], section: Section) -> usize {
    let before = field::SECTIONS..field::SECTIONS + section as usize;
    let lens = words[before].iter().map(|len| len.div_ceil(4) as usize).sum::<usize>();
    HEADER_WORDS + words[field::EXTENSIONS].count_ones() as usize + lens
}

/// The index of an extension section's first word, in an image that has all of them.
pub fn start_of(words: &[Word], extension: Extension) -> usize {
    let before = HEADER_WORDS..HEADER_WORDS + extension as usize;
    let lens = words[before].iter().map(|len| len.div_ceil(4) as usize).sum::<usize>();
    let manifest = words[field::SECTIONS + Section::Manifest as usize].div_ceil(4) as usize;
    start(words, Section::Manifest) + manifest + lens
}

/// Changes a copy of the sample and seals it again.
pub fn changed(change: impl FnOnce(&mut Vec<Word>)) -> Vec<Word> {
    let mut words = words();
    change(&mut words);
    reseal(&mut words);
    words
}
