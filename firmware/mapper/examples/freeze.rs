//! How `firmware/image/tests/frozen/format1.xmap` was made: an image with something in every
//! section and every op that format 1 began with.
//!
//! It is made once. From then on `tests/frozen.rs` holds every later version to it; another image
//! is frozen beside it, never in its place:
//! `cargo run -p tiny-mapper --example freeze -- NEW-DIRECTORY`

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;

use common::transcript::transcript;
use common::{RET, builder, code, direct, fib, function, pin, ret};
use xmap_image::{
    Elements, Event, EventSource, Field, Fields, ImageBuilder, NO_FUNCTION, Op, PinMode, PinName, Table, Ty,
    TypeRow, Word, field, opcode,
};

/// Registers: the arguments, the value of an op, the sum of all so far.
const X: u8 = 1;
const Y: u8 = 2;
const VALUE: u8 = 3;
const SUM: u8 = 4;

/// Takes register `VALUE` into the sum.
fn take() -> [Word; 2] {
    [Op::RotlI64.abc(SUM, SUM, 7), Op::Xor.abc(SUM, SUM, VALUE)]
}

/// A function over all ops that `choose` takes: each one's value goes into the sum.
fn sum(ops: impl Iterator<Item = Vec<Word>>) -> Vec<Word> {
    let mut body = vec![Op::Const64.a16(SUM, 0)];
    for op in ops {
        body.extend(op);
        body.extend(take());
    }
    body.push(ret(SUM));
    body
}

fn arithmetic() -> Vec<Word> {
    let ops = Op::ALL.iter().filter(|op| (opcode::Eq..opcode::MemorySize).contains(&(**op as u8)));
    sum(ops.map(|op| {
        let shape = op.shape();
        let first = match shape.fields {
            Fields::Abc(Field::Def, Field::Use, Field::Use) => op.abc(VALUE, X, Y),
            Fields::Abc(Field::Def, Field::Use, Field::Zero) => op.abc(VALUE, X, 0),
            _ => op.abc(VALUE, X, 23),
        };
        std::iter::once(first).chain((0..shape.words).map(|_| 0x89ab_cdef)).collect()
    }))
}

fn branches() -> Vec<Word> {
    let ops = Op::ALL.iter().filter(|op| (opcode::BrEq..opcode::Eq).contains(&(**op as u8)));
    sum(ops.map(|op| {
        let b = if let Fields::Abc(_, Field::Use, _) = op.shape().fields { Y } else { 100 };
        vec![Op::Const32.a16(VALUE, 1), op.abc(X, b, 1), Op::Const32.a16(VALUE, 2)]
    }))
}

fn loads() -> Vec<Word> {
    let ops = Op::ALL.iter().filter(|op| (opcode::Ld8U..opcode::St8).contains(&(**op as u8)));
    sum(ops.map(|op| match op.shape() {
        shape if shape.words == 1 => vec![op.abc(VALUE, X, 0), 3],
        shape if matches!(shape.fields, Fields::U16(_)) => vec![op.a16(VALUE, 5)],
        _ => vec![op.abc(VALUE, X, 2)],
    }))
}

/// Stores each width at its own place, then sums up what stands there.
fn stores() -> Vec<Word> {
    let ops = Op::ALL.iter().filter(|op| (opcode::St8..opcode::CallIndirect).contains(&(**op as u8)));
    let mut body = Vec::new();
    for (n, op) in ops.enumerate() {
        let place = 64 + 8 * n as u32;
        match op.shape() {
            shape if shape.words == 1 => body.extend([op.abc(X, Y, 0), place]),
            shape if matches!(shape.fields, Fields::U16(_)) => body.push(op.a16(X, place as u16)),
            _ => body.push(op.abc(X, Y, place as u8)),
        }
    }
    let places = (0..12).map(|n| vec![Op::Ld64At.a16(VALUE, 64 + 8 * n)]);
    body.extend(sum(places));
    body
}

fn control() -> Vec<Word> {
    vec![
        // Counts up to the argument, then leaves by the table.
        Op::Const32.a16(5, 0),
        Op::BrIfz.a16(1, 4),
        Op::AddI32.abc(5, 5, 1),
        Op::AddI32.abc(1, 1, -1i8 as u8),
        Op::BrIf.a16(1, -3i16 as u16),
        Op::Br.a24(0),
        Op::BrTable.a16(5, 2),
        3,
        5,
        7,
        Op::Const32.a16(6, 100),
        ret(6),
        Op::Const32W.abc(6, 0, 0),
        0x00c0_ffee,
        Op::Copy.abc(7, 5, 0),
        Op::CmovNz.abc(7, 2, 6),
        Op::CmovZ.abc(5, 2, 6),
        Op::GlobalGet.a16(8, 1),
        Op::Add64.abc(8, 8, 7),
        Op::GlobalSet.a16(8, 1),
        Op::Const64W.abc(9, 0, 0),
        0x5555_aaaa,
        0x0102_0304,
        Op::Xor.abc(8, 8, 9),
        Op::Const64.a16(9, -2i16 as u16),
        Op::And.abc(8, 8, 9),
        Op::Xor.abc(1, 8, 5),
        ret(1),
    ]
}

/// All ops on floats but those that trap where their operand does not fit.
fn floats() -> Vec<Word> {
    let fit = |op: &Op| !(opcode::I32TruncF32S..opcode::I32SatF32S).contains(&(*op as u8));
    let ops = Op::ALL.iter().filter(|op| (opcode::FAdd32..=opcode::Promote).contains(&(**op as u8)));
    sum(ops.filter(|op| fit(op)).map(|op| {
        let c = if let Fields::Abc(_, _, Field::Use) = op.shape().fields { Y } else { 0 };
        vec![op.abc(VALUE, X, c)]
    }))
}

/// The ops that trap where their operand does not fit, on an f32 and an f64.
fn conversions() -> Vec<Word> {
    let ops = (opcode::I32TruncF32S..opcode::I32SatF32S).filter_map(Op::from_u8);
    sum(ops.map(|op| {
        let double = matches!(op, Op::I32TruncF64S | Op::I32TruncF64U | Op::I64TruncF64S | Op::I64TruncF64U);
        vec![op.abc(VALUE, if double { Y } else { X }, 0)]
    }))
}

/// Tables: grown by the argument, filled, copied, filled from a segment.
fn tables() -> Vec<Word> {
    vec![
        Op::Copy.abc(5, X, 0),
        Op::Const32.a16(6, 0),
        Op::Const32.a16(7, 1),
        Op::TableGrow.abc(5, 6, 0),
        Op::TableSize.abc(VALUE, 0, 0),
        Op::TableGet.abc(8, 7, 0),
        Op::RefFunc.a16(8, 0),
        Op::TableSet.abc(6, 8, 0),
        Op::TableFill.abc(6, 8, 7),
        1,
        Op::TableCopy.abc(7, 6, 7),
        1,
        Op::TableInit.abc(5, 7, 7),
        0,
        Op::Add32.abc(1, VALUE, 5),
        RET,
    ]
}

/// A call through the index given.
const INDIRECT: [Word; 4] = [Op::Copy.abc(21, X, 0), Op::CallIndirect.abc(20, X, 0), 0, ret(21)];

/// Stretches of memory.
fn stretches() -> Vec<Word> {
    vec![
        Op::Const32.a16(5, 300),
        Op::Const32.a16(6, 3),
        Op::Const32.a16(7, 11),
        Op::MemoryFill.abc(5, X, 7),
        Op::MemoryInit.abc(5, 6, 6),
        0,
        Op::DataDrop.abc(0, 0, 0),
        1,
        Op::AddI32.abc(6, 5, 2),
        Op::MemoryCopy.abc(6, 5, 7),
        Op::Ld64.abc(1, 5, 3),
        RET,
    ]
}

fn image() -> ImageBuilder<'static> {
    let mut b = builder();
    (b.version, b.time_us) = (3, 400);
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (65_536, 1, 2);
    b.globals = vec![5, u64::MAX];
    let bytes: Vec<u8> = (0..32u8).map(|n| n.wrapping_mul(37) ^ 0xa5).collect();
    b.data = vec![(0, bytes), (400, "gr\u{fc}n".as_bytes().to_vec())];
    b.pins.push(pin(5, PinMode::Any));
    let start = [Op::GlobalGet.a16(1, 0), Op::AddI64.abc(1, 1, 1), Op::GlobalSet.a16(1, 0), RET];
    b.functions.push(function(0, 0, &start));
    b.start = Some(0);

    code(&mut b, "fib", &[Ty::U8], &[Ty::U32], &fib(1));
    code(&mut b, "arithmetic", &[Ty::I64; 2], &[Ty::U64], &arithmetic());
    code(&mut b, "branches", &[Ty::I64; 2], &[Ty::U64], &branches());
    code(&mut b, "loads", &[Ty::U32], &[Ty::U64], &loads());
    code(&mut b, "stores", &[Ty::U64, Ty::U8], &[Ty::U64], &stores());
    code(&mut b, "control", &[Ty::U8, Ty::Bool], &[Ty::U64], &control());
    code(&mut b, "floats", &[Ty::U64; 2], &[Ty::U64], &floats());
    code(&mut b, "conversions", &[Ty::F32, Ty::F64], &[Ty::U64], &conversions());
    code(&mut b, "tables", &[Ty::U32], &[Ty::U32], &tables());
    code(&mut b, "indirect", &[Ty::U32], &[Ty::U32], &INDIRECT);
    code(&mut b, "forget", &[], &[], &[Op::ElemDrop.abc(0, 0, 0), 0, RET]);
    code(&mut b, "stretches", &[Ty::U32], &[Ty::U64], &stretches());
    code(&mut b, "trap", &[], &[], &[Op::Unreachable.abc(0, 0, 0)]);
    let spin = [Op::Br.a24(-1), RET];
    code(&mut b, "spin", &[], &[], &spin);
    if let Some(xmap_image::Entry::Code { fuel, .. }) = b.exports.last_mut().map(|export| &mut export.entry) {
        *fuel = 500;
    }
    let pages = [Op::MemoryGrow.abc(2, 1, 0), Op::MemorySize.abc(1, 0, 0), RET];
    code(&mut b, "pages", &[Ty::U32], &[Ty::U32, Ty::I32], &pages);

    /// Name, parameters, results, the op and its immediate.
    type Native<'a> = (&'a str, &'a [Ty], &'a [Ty], &'a [Word]);
    let natives: [Native<'_>; 20] = [
        ("line_set", &[], &[], &[Op::LineSet.abc(17, 0, 0)]),
        ("line_clear", &[], &[], &[Op::LineClear.abc(42, 0, 0)]),
        ("line_put", &[Ty::Bool], &[], &[Op::LinePut.abc(17, 1, 0)]),
        ("line_toggle", &[], &[], &[Op::LineToggle.abc(17, 0, 0)]),
        ("line_get", &[], &[Ty::Bool], &[Op::LineGet.abc(1, 27, 0)]),
        ("mask_set", &[], &[], &[Op::MaskSet.abc(0, 0, 0), 1 << 17 | 1 << 22]),
        ("mask_clear", &[], &[], &[Op::MaskClear.abc(1, 0, 0), 1 << 10]),
        ("bank_read", &[], &[Ty::U32], &[Op::BankRead.abc(1, 0, 0)]),
        ("set", &[Ty::U8], &[], &[Op::GpioSet.abc(1, 0, 0)]),
        ("clear", &[Ty::U8], &[], &[Op::GpioClear.abc(1, 0, 0)]),
        ("put", &[Ty::U8, Ty::Bool], &[], &[Op::GpioPut.abc(1, 2, 0)]),
        ("toggle", &[Ty::U8], &[], &[Op::GpioToggle.abc(1, 0, 0)]),
        ("get", &[Ty::U8], &[Ty::Bool], &[Op::GpioGet.abc(1, 1, 0)]),
        ("read", &[Ty::U8], &[Ty::U32], &[Op::GpioRead.abc(1, 1, 0)]),
        ("write", &[Ty::U8, Ty::U32, Ty::U32], &[], &[Op::GpioWrite.abc(1, 2, 3)]),
        ("direction", &[Ty::U8, Ty::Bool], &[], &[Op::GpioDirection.abc(1, 2, 0)]),
        ("pull", &[Ty::U8, Ty::U8], &[], &[Op::GpioPull.abc(1, 2, 0)]),
        ("now", &[], &[Ty::U64], &[Op::TimeNow.abc(1, 0, 0)]),
        ("delay", &[Ty::U32], &[], &[Op::TimeDelay.abc(1, 0, 0)]),
        ("log", &[Ty::I8, Ty::StrPtr, Ty::Len], &[], &[Op::LogMessage.abc(1, 2, 3)]),
    ];
    for (name, params, results, words) in natives {
        direct(&mut b, name, params, results, words);
    }
    // Type 0 is that of `fib`, function 1.
    b.types = vec![TypeRow { params: 1, results: 1 }];
    for f in &b.functions {
        let ty = TypeRow { params: f.params, results: f.results };
        let known = b.types.iter().position(|known| *known == ty);
        b.function_types.push(known.unwrap_or(b.types.len()) as u16);
        if known.is_none() {
            b.types.push(ty);
        }
    }
    b.tables = vec![Table { initial: 6, capacity: 10 }, Table { initial: 4, capacity: 4 }];
    b.elements = vec![
        Elements { place: Some((0, 1)), items: vec![1, NO_FUNCTION, 0] },
        Elements { place: None, items: vec![NO_FUNCTION, 1] },
        Elements { place: Some((1, 0)), items: vec![1] },
    ];
    b.passive_data = vec![b"passive".to_vec(), vec![1, 2, 3]];
    b.manifest.module = "frozen";
    b.manifest.namespace = "test";
    b.manifest.pins.push(PinName { line: 17, name: "lamp" }).expect("there is room");
    let sources = [
        EventSource::Rising { line: 27, debounce_us: 1 },
        EventSource::Falling { line: 27, debounce_us: 5_000 },
        EventSource::Both { line: 22, debounce_us: 0 },
        EventSource::Every { every_us: 10_000 },
        EventSource::After { after_us: 70_000 },
    ];
    for (export, source) in sources.into_iter().enumerate() {
        let event = Event { export: export as u16, source };
        b.manifest.events.push(event).expect("there is room");
    }
    b
}

fn main() -> std::io::Result<()> {
    let dir = PathBuf::from(std::env::args_os().nth(1).expect("a directory to write to"));
    std::fs::create_dir_all(&dir)?;
    let words = image().build().expect("the image verifies");
    assert_eq!(words[field::LENGTH] as usize, words.len() * 4);
    let script = include_str!("../../image/tests/frozen/format1.script");
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(dir.join("format1.xmap"), bytes)?;
    std::fs::write(dir.join("format1.txt"), transcript(&words, script))
}
