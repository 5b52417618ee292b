//! Images that verify, with any op in them: each field is chosen by what its shape says.

use xmap_abi::HostFunction;
use xmap_boards::{BoardId, Line};
use xmap_image::{
    Elements, Entry, Export, Field, Fields, Function, ImageBuilder, Immediate, NO_FUNCTION, Op, PinMode,
    PinRow, Pull, Safe, Table, Ty, TypeRow, Word,
};

use super::Entropy;

/// Lines that a generated image declares.
const LINES: [(u8, PinMode); 6] = [
    (4, PinMode::In),
    (17, PinMode::Out),
    (22, PinMode::InOut),
    (31, PinMode::Any),
    (32, PinMode::Out),
    (57, PinMode::In),
];
const READABLE: [u8; 6] = [4, 17, 22, 31, 32, 57];
const WRITABLE: [u8; 4] = [17, 22, 31, 32];
const GLOBALS: u16 = 3;
const FUNCTIONS: u32 = 4;
const SPILLS: u16 = 5;

/// What a function takes, leaves and has room for.
#[derive(Clone, Copy)]
struct Frame {
    params: u8,
    results: u8,
    size: u8,
}

/// An image of a few functions with a few dozen ops each, and an export for each of them.
///
/// # Panics
/// Where a chosen image does not verify: then the shape of an op promises what the verifier refuses.
pub fn generate(entropy: &mut Entropy<'_>) -> Vec<Word> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    let row = |(n, mode)| PinRow::new(Line::new(n).expect("a line"), mode, Safe::Low, Pull::None);
    b.pins = LINES.map(row).to_vec();
    b.globals = vec![0, 1, u64::MAX];
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) =
        entropy.pick(&[(256, 1, 1), (65_536, 1, 2), (0, 0, 1)]);
    b.time_us = entropy.below(1000);
    b.data = vec![(0, b"text in memory".to_vec())];
    b.data.retain(|_| b.memory_bytes > 0);
    let frames: Vec<Frame> = (0..FUNCTIONS)
        .map(|_| {
            let (params, results) = (entropy.below(4) as u8, entropy.below(3) as u8);
            // Most functions have few registers, as compiled ones do.
            let more = entropy.pick(&[0, 0, 0, 10, 100, 235]);
            Frame { params, results, size: 8 + entropy.below(12) as u8 + more }
        })
        .collect();
    // Each function has a type of its own; two tables, two passive segments of each kind.
    b.types = frames.iter().map(|f| TypeRow { params: f.params, results: f.results }).collect();
    b.function_types = (0..FUNCTIONS as u16).collect();
    b.tables = vec![Table { initial: 4, capacity: 6 }, Table { initial: 0, capacity: 9 }];
    let items = vec![0, NO_FUNCTION, 1, 2];
    b.elements = [Some((0, 0)), None, None].map(|place| Elements { place, items: items.clone() }).to_vec();
    b.passive_data = vec![b"passive".to_vec(), b"text".to_vec()];
    let types = [Ty::Bool, Ty::U8, Ty::I16, Ty::U32, Ty::I32, Ty::I64];
    for (n, frame) in frames.iter().enumerate() {
        let Frame { params, results, size } = *frame;
        b.functions.push(Function { frame: size, params, results, code: code(entropy, &frames, *frame) });
        b.exports.push(Export {
            key: format!("any.f{n}"),
            name: format!("f{n}"),
            params: (0..params).map(|_| entropy.pick(&types)).collect(),
            results: (0..results).map(|_| entropy.pick(&types)).collect(),
            entry: Entry::Code { function: n as u32, fuel: entropy.u32() },
        });
    }
    b.build().expect("each field is one that its shape allows")
}

fn code(entropy: &mut Entropy<'_>, frames: &[Frame], frame: Frame) -> Vec<Word> {
    let mut code: Vec<Word> = Vec::new();
    let mut starts = Vec::new();
    let spills = entropy.below(2) != 0;
    if spills {
        code.push(Op::SpillEnter.a16(0, SPILLS));
    }
    // Branches reach anywhere in 8 bits.
    while code.len() < 100 && (code.len() < 8 || entropy.below(32) != 0) {
        let op = match entropy.pick(Op::ALL) {
            // They have their places.
            Op::SpillEnter | Op::SpillLeave => Op::Copy,
            Op::Spill | Op::Fill if !spills => Op::Copy,
            Op::RetV if frame.results != 1 => Op::Ret,
            op => op,
        };
        starts.push(code.len());
        if spills && matches!(op, Op::Ret | Op::RetV) {
            code.push(Op::SpillLeave.a16(0, SPILLS));
        }
        let mut field = |field: Field| match field {
            Field::Zero => 0,
            Field::Def | Field::Use | Field::Mut => 1 + entropy.below(u32::from(frame.size) - 1) as u8,
            Field::U8 => shift(op, entropy.u8()),
            Field::I8 => entropy.u8(),
            Field::LineIn => entropy.pick(&READABLE),
            Field::LineOut => entropy.pick(&WRITABLE),
            Field::Bank | Field::Table => entropy.below(2) as u8,
            // Filled in below.
            Field::Off8 | Field::Back8 => 0,
            Field::Base => 1,
            // Room for two arguments behind it.
            Field::Args => entropy.below(u32::from(frame.size) - 2) as u8,
            Field::Row => HostFunction::RandomGet as u8,
        };
        let shape = op.shape();
        let first = match shape.fields {
            Fields::Abc(a, b, c) => op.abc(field(a), field(b), field(c)),
            Fields::I16(a) | Fields::U16(a) => {
                let a = field(a);
                op.a16(a, entropy.u32() as u16 % 512)
            }
            Fields::Off16(a) => op.a16(field(a), 0),
            Fields::Off24 => op.a24(0),
            Fields::Func(a) if a != Field::Base => {
                let a = field(a);
                op.a16(a, entropy.below(FUNCTIONS) as u16)
            }
            Fields::Func(_) => {
                let callee = entropy.below(frames.len() as u32);
                let Frame { params, results, .. } = frames[callee as usize];
                let room = frame.size - params.max(results) - 1;
                op.a16(1 + entropy.below(u32::from(room)) as u8, callee as u16)
            }
            Fields::Global(a) => {
                let a = field(a);
                op.a16(a, entropy.u32() as u16 % GLOBALS)
            }
            Fields::Spill(a) => {
                let a = field(a);
                op.a16(a, entropy.below(u32::from(SPILLS)) as u16)
            }
            Fields::Targets(a) => op.a16(field(a), 2),
        };
        code.push(first);
        let more = Op::from_u8(first as u8).map_or(0, |op| op.words(first) - 1);
        for _ in 0..more {
            let either = |entropy: &mut Entropy<'_>| entropy.below(2);
            code.push(match shape.word {
                Immediate::Number => entropy.u32(),
                Immediate::Mask => [1 << 17 | 1 << 22, 1][usize::from((first >> 8) as u8 == 1)],
                Immediate::Type => entropy.below(FUNCTIONS),
                Immediate::Table | Immediate::Elements | Immediate::Data => either(entropy),
                Immediate::Tables | Immediate::TableAndElements => either(entropy) | either(entropy) << 16,
            });
        }
    }
    starts.push(code.len());
    if spills {
        code.push(Op::SpillLeave.a16(0, SPILLS));
    }
    code.push(Op::Ret.abc(0, 0, 0));
    aim(entropy, &mut code, &starts);
    code
}

/// A shift by an immediate is below the width.
fn shift(op: Op, value: u8) -> u8 {
    match op {
        Op::ShlI32 | Op::ShrSI32 | Op::ShrUI32 | Op::RotlI32 | Op::XorShrI32 => value % 32,
        Op::ShlI64 | Op::ShrSI64 | Op::ShrUI64 | Op::RotlI64 => value % 64,
        _ => value,
    }
}

/// Gives each branch an op to go to.
fn aim(entropy: &mut Entropy<'_>, code: &mut [Word], starts: &[usize]) {
    for (n, at) in starts.iter().enumerate() {
        let Some(op) = Op::from_u8(code[*at] as u8) else { continue };
        let mut offset = || entropy.pick(starts) as i32 - *at as i32 - 1;
        match op.shape().fields {
            Fields::Abc(_, _, Field::Off8) => code[*at] |= (offset() as u32) << 24,
            // To an op that is not behind it.
            Fields::Abc(_, _, Field::Back8) => {
                let back = at + 1 - entropy.pick(&starts[..=n]);
                code[*at] |= (back as u32) << 24;
            }
            Fields::Off16(_) => code[*at] |= (offset() as u32) << 16,
            Fields::Off24 => code[*at] |= (offset() as u32) << 8,
            Fields::Targets(_) => (1..=3).for_each(|n| code[at + n] = offset() as u32),
            _ => {}
        }
    }
}
