//! Images in which each function is one op on chosen values: those at the edges of what ops distinguish.

use xmap_boards::{BoardId, Line};
use xmap_image::{
    Elements, Entry, Export, Field, Fields, Function, ImageBuilder, Immediate, NO_FUNCTION, Op, PinMode,
    PinRow, Pull, Safe, Table, TypeRow, Word,
};

use xmap_bodies::Entropy;

/// Functions of an image.
const FUNCTIONS: u16 = 24;
/// Registers of a function: more than have a machine register.
const FRAME: u8 = 60;
/// Bytes of memory.
const MEMORY: u32 = 300;

/// A value at an edge, or any.
fn value(entropy: &mut Entropy<'_>) -> u64 {
    const EDGES: [u64; 44] = [
        0,
        1,
        2,
        3,
        4,
        31,
        32,
        33,
        63,
        64,
        127,
        128,
        255,
        256,
        291,
        292,
        293,
        296,
        297,
        298,
        299,
        300,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fff0,
        0xffff_ffff,
        0x1_0000_0000,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        0xffff_ffff_0000_0000,
        u64::MAX,
        u64::MAX - 1,
        0xffff_ffff_ffff_ff80,
        // Floats: 1.0, -0.0, infinities, NaNs, the ends of integers.
        0x3f80_0000,
        0x7f80_0000,
        0xffc0_0001,
        0x7fa0_0000,
        0x4f00_0000,
        0x3ff0_0000_0000_0000,
        0x7ff0_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0xfff8_0000_0000_0000,
        0x41df_ffff_ffc0_0000,
        0x43e0_0000_0000_0000,
    ];
    let any = |entropy: &mut Entropy<'_>| u64::from(entropy.u32()) << 32 | u64::from(entropy.u32());
    match entropy.below(8) {
        0 => any(entropy),
        1 => any(entropy) & 0xffff_ffff,
        2 => (f64::from(entropy.u32() as i32) / 1024.0 * f64::from(entropy.u8())).to_bits(),
        3 => u64::from((f32::from(entropy.u8()) / 16.0 - 5.0).to_bits()),
        4 => entropy.pick(&EDGES) ^ any(entropy) << 32,
        _ => entropy.pick(&EDGES),
    }
}

/// An image.
pub(crate) fn ops(entropy: &mut Entropy<'_>) -> Vec<Word> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    let row = |n| PinRow::new(Line::new(n).expect("a line"), PinMode::InOut, Safe::Low, Pull::None);
    b.pins = [4, 17, 33].map(row).to_vec();
    b.globals = vec![0, 1, u64::MAX];
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) =
        entropy.pick(&[(MEMORY, 1, 1), (65_536, 1, 2), (3, 1, 1)]);
    b.time_us = 50;
    b.types = vec![TypeRow { params: 0, results: 0 }, TypeRow { params: 2, results: 1 }];
    b.tables = vec![Table { initial: 4, capacity: 6 }];
    b.elements = vec![
        Elements { place: Some((0, 0)), items: vec![0, NO_FUNCTION, 1, 2] },
        Elements { place: None, items: vec![0, 1] },
    ];
    b.passive_data = vec![b"passive".to_vec()];
    // What calls call: it leaves its mark in the window.
    let callee =
        vec![Op::Add64.abc(1, 1, 2), Op::Const32.a16(20, 77), Op::Const32.a16(5, 78), Op::RetV.abc(1, 0, 0)];
    b.functions.push(Function { frame: FRAME, params: 2, results: 1, code: callee });
    b.function_types.push(1);
    for n in 1..FUNCTIONS {
        b.functions.push(Function { frame: FRAME, params: 0, results: 0, code: code(entropy) });
        b.function_types.push(0);
        b.exports.push(Export {
            key: format!("any.f{n:02}"),
            name: format!("f{n}"),
            params: Vec::new(),
            results: Vec::new(),
            entry: Entry::Code { function: n.into(), fuel: if entropy.u8() < 20 { 45 } else { 300 } },
        });
    }
    b.build().expect("each field is one that its shape allows")
}

fn code(entropy: &mut Entropy<'_>) -> Vec<Word> {
    // With a machine register, at the end of those, and without one.
    const REGISTERS: [u8; 9] = [1, 2, 3, 15, 16, 17, 18, 19, 59];
    let op = loop {
        let op = entropy.pick(Op::ALL);
        if !matches!(op, Op::Spill | Op::Fill | Op::SpillEnter | Op::SpillLeave | Op::RetV | Op::HostCall) {
            break op;
        }
    };
    // Over a place for branches back.
    let mut code = vec![Op::Br.a24(2), Op::Const32.a16(4, 1), Op::Ret.abc(0, 0, 0)];
    let mut registers = [0; 3].map(|_| entropy.pick(&REGISTERS));
    if entropy.below(3) == 0 {
        registers[2] = registers[1];
    }
    for register in registers {
        let value = value(entropy);
        code.extend([Op::Const64W.abc(register, 0, 0), value as u32, (value >> 32) as u32]);
    }
    let at = code.len();
    let back = 1 - (at as i32 + 1);
    let mut n = 0;
    let mut field = |field: Field, entropy: &mut Entropy<'_>| {
        n += 1;
        match field {
            Field::Zero | Field::Off8 | Field::Table | Field::Args | Field::Row => 0,
            Field::Def | Field::Use | Field::Mut => registers[n - 1],
            Field::U8 => match op {
                Op::ShlI64 | Op::ShrSI64 | Op::ShrUI64 | Op::RotlI64 => entropy.u8() % 64,
                Op::ShlI32 | Op::ShrSI32 | Op::ShrUI32 | Op::RotlI32 | Op::XorShrI32 => entropy.u8() % 32,
                _ => entropy.u8(),
            },
            Field::I8 => entropy.u8(),
            Field::LineIn | Field::LineOut => entropy.pick(&[4, 17, 33]),
            Field::Bank => entropy.below(2) as u8,
            Field::Base => entropy.pick(&[1, 14, 40]),
            Field::Back8 => (at + 1 - 1) as u8,
        }
    };
    let is_back = entropy.below(2) == 0;
    // Behind the op, a mark, then the return.
    let offset = if is_back { back } else { 1 };
    let shape = op.shape();
    let half = value(entropy) as u16;
    code.push(match shape.fields {
        Fields::Abc(a, b, c) => {
            let last = if c == Field::Off8 { offset as u8 } else { 0 };
            let fields = [a, b, c].map(|kind| field(kind, entropy));
            op.abc(fields[0], fields[1], fields[2] | last)
        }
        Fields::I16(a) | Fields::U16(a) => op.a16(field(a, entropy), half),
        Fields::Off16(a) => op.a16(field(a, entropy), offset as u16),
        Fields::Off24 => op.a24(offset),
        Fields::Func(a) => op.a16(field(a, entropy), 0),
        Fields::Global(a) => op.a16(field(a, entropy), half % 3),
        Fields::Spill(_) => Op::Ret.abc(0, 0, 0),
        Fields::Targets(a) => op.a16(field(a, entropy), 2),
    });
    if let Fields::Targets(_) = shape.fields {
        code.extend([back as u32, 4, 3]);
    } else {
        for _ in 0..shape.words {
            code.push(match shape.word {
                Immediate::Number => value(entropy) as u32,
                Immediate::Mask => [1 << 17, 1 << 1][usize::from((code[at] >> 8) as u8 == 1)],
                Immediate::Type => 1,
                Immediate::Table | Immediate::Tables | Immediate::Data => 0,
                Immediate::TableAndElements | Immediate::Elements => 0,
            });
        }
    }
    code.extend([Op::Const32.a16(6, 2), Op::Ret.abc(0, 0, 0)]);
    code
}
