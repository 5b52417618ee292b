//! No verified image writes outside its mask: every op, on every line, under every mask of one line.
//!
//! Each op of the list is written down for each line of the board in each way that its shape has room for: as
//! the line of the op, as its mask and bank, and as what stands in the registers that it reads. It goes into
//! an image that may drive one line (or none), as a function and, where there can be one, as a direct entry.
//! What verification lets through is run, and everything that reaches the port is held against the line.

mod common;

use common::{Did, Recorder, code, direct, pin};
use tiny_mapper::{Mapper, Store};
use xmap_abi::HostFunction;
use xmap_boards::{Bank, Board, BoardId, Line, LineSet};
use xmap_image::{Field, Fields, Image, ImageBuilder, Immediate, Op, PinMode, Ty, Word};

const PARAMS: [Ty; 3] = [Ty::I32; 3];

/// One way to write an op down for a line: its words, as long as the shape says.
fn words(op: Op, line: u8) -> Vec<Word> {
    let shape = op.shape();
    let mut register = 0;
    let mut field = |field: Field| match field {
        // Parameters stand in registers 1 to 3.
        Field::Def | Field::Use | Field::Mut | Field::Base => {
            register += 1;
            register
        }
        Field::LineIn | Field::LineOut | Field::U8 | Field::I8 => line,
        Field::Bank => line / 32,
        Field::Zero | Field::Args | Field::Table | Field::Off8 | Field::Back8 => 0,
        Field::Row => HostFunction::RandomGet as u8,
    };
    let first = match shape.fields {
        Fields::Abc(a, b, c) => op.abc(field(a), field(b), field(c)),
        Fields::I16(a) | Fields::U16(a) => op.a16(field(a), line.into()),
        Fields::Off16(a) | Fields::Func(a) | Fields::Global(a) | Fields::Spill(a) | Fields::Targets(a) => {
            op.a16(field(a), 0)
        }
        Fields::Off24 => op.abc(0, 0, 0),
    };
    let mut words = vec![first];
    let immediate =
        if shape.word == Immediate::Number || shape.word == Immediate::Mask { 1 << (line % 32) } else { 0 };
    words.resize(op.words(first), immediate);
    words
}

/// Returns what the registers hold: the line, or its bank and masks, whatever of it the op takes for what.
fn arguments(line: u8) -> [[u64; 3]; 5] {
    let (bank, bit) = (u64::from(line / 32), 1 << (line % 32));
    let masks = [[bank, bit, 0], [bank, 0, bit], [bank, 0xffff_ffff, 0x5555_5555]];
    [[line.into(), 1, 1], [line.into(), 0, 0], masks[0], masks[1], masks[2]]
}

/// An image that may drive `mine` (no line, where there is none), and reads the line beside it.
fn image(board: &Board, mine: Option<u8>) -> ImageBuilder<'static> {
    let mut builder = ImageBuilder::new(board.id);
    (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (256, 1, 1);
    builder.time_us = 1000;
    builder.globals = vec![0];
    let other = mine.map_or(0, |line| (line + 1) % board.lines);
    builder.pins = vec![pin(other, PinMode::In)];
    builder.pins.extend(mine.map(|line| pin(line, PinMode::InOut)));
    builder.pins.sort_by_key(|row| row.line());
    builder
}

/// Returns what reached the port of an image, with all arguments. Nothing, where it does not verify.
fn run(builder: &ImageBuilder<'_>, line: u8) -> Option<Vec<Did>> {
    let words = builder.build().ok()?;
    let image = Image::verify(&words).expect("the builder has verified it");
    let (mut stack, mut memory, mut globals) = ([0; 1024], vec![0; 1 << 16], [0; 4]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut mapper = Mapper::load(image, Recorder::default(), store).expect("the store is large enough");
    mapper.set_fuel_cap(200);
    let id = mapper.find("f").expect("it has one export");
    for args in arguments(line) {
        // A trap is as good as a result here: it is what reached the port before it that counts.
        _ = mapper.call(id, &args);
    }
    Some(mapper.port_mut().take())
}

/// The lines of a store to a register.
fn written(did: &Did) -> LineSet {
    match *did {
        Did::Set(bank, mask) | Did::Clear(bank, mask) => LineSet::of_bank(Bank::nth(bank as usize), mask),
        Did::Select(line, _) | Did::Pull(line, _) => LineSet::of(line_of(line)),
        Did::Delay(_) | Did::Log(..) | Did::Random(_) | Did::Bus(..) | Did::Pwm(..) => LineSet::EMPTY,
    }
}

fn line_of(number: u8) -> Line {
    Line::new(number).expect("a line")
}

/// A function of an op and, where there can be one, its direct entry.
fn both(board: &Board, mine: Option<u8>, words: &[Word]) -> Vec<ImageBuilder<'static>> {
    let mut function = image(board, mine);
    let body = [words, &[Op::Ret.abc(0, 0, 0)]].concat();
    code(&mut function, "f", &PARAMS, &[], &body);
    let mut images = vec![function];
    if words.len() <= 2 {
        let mut entry = image(board, mine);
        direct(&mut entry, "f", &PARAMS, &[], words);
        images.push(entry);
    }
    images
}

/// Every mask of one line of the Raspberry Pi 4B and the empty one; of other boards, those at the edges of
/// their banks.
fn masks() -> Vec<(&'static Board, Option<u8>)> {
    let of = |board: &'static Board| {
        let edges = board.banks().flat_map(|(_, first, last)| [first, last]).collect();
        let lines: Vec<u8> = if board.id == BoardId::Rpi4b { (0..board.lines).collect() } else { edges };
        lines.into_iter().map(Some).chain([None]).map(move |mine| (board, mine))
    };
    (0..8).filter_map(BoardId::from_u16).map(BoardId::board).flat_map(of).collect()
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn no_verified_image_writes_outside_its_mask() {
    let (mut verified, mut refused, mut inside) = (0u32, 0u32, 0u32);
    // Which ops reached a line of their own: the test would be worth nothing if none did.
    let mut writers = std::collections::BTreeSet::new();
    for (board, mine) in masks() {
        let allowed = mine.map_or(LineSet::EMPTY, |line| LineSet::of(line_of(line)));
        // The pull of a line that is only read is the module's, too; nothing else of it is.
        let lines = board.lines;
        let beside = LineSet::of(line_of(mine.map_or(0, |line| (line + 1) % lines)));
        for op in Op::ALL {
            let n = mine.unwrap_or(0);
            // Ops that name lines meet all of them under each mask. The others meet their own, the one beside
            // it, one of the other bank, and two that turn with the mask: so each op meets each line, too.
            let some = [n, (n + 1) % lines, (n + 32) % lines, (n + *op as u8 % lines) % lines, lines - 1 - n];
            let all: Vec<u8> =
                if op.text().starts_with("gpio.") { (0..lines).collect() } else { some.into() };
            for line in all {
                for builder in both(board, mine, &words(*op, line)) {
                    let Some(did) = run(&builder, line) else {
                        refused += 1;
                        continue;
                    };
                    verified += 1;
                    for did in did {
                        let may = if matches!(did, Did::Pull(..)) { allowed | beside } else { allowed };
                        let inside_of = (written(&did) - may).is_empty();
                        assert!(inside_of, "{} for line {line}: {did:?}, may {mine:?}", op.text());
                        if !written(&did).is_empty() {
                            inside += 1;
                            writers.insert(*op);
                        }
                    }
                }
            }
        }
    }
    let expected = [
        Op::LineSet,
        Op::LineClear,
        Op::LinePut,
        Op::LineToggle,
        Op::MaskSet,
        Op::MaskClear,
        Op::GpioSet,
        Op::GpioClear,
        Op::GpioPut,
        Op::GpioToggle,
        Op::GpioWrite,
        Op::GpioDirection,
        Op::GpioPull,
    ];
    assert!(writers.iter().eq(&expected), "{writers:?}");
    println!("{verified} images verified, {refused} refused, {inside} stores, all inside");
    assert!(verified > 50_000 && refused > 20_000 && inside > 5_000, "{verified} {refused} {inside}");
}
