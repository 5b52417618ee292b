//! What each op costs at most: code with an op against the same code without, for operands of all kinds.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use xmap_abi::HostFunction;
use xmap_boards::{BoardId, Line};
use xmap_image::{
    Elements, Entry, Export, Field, Fields, Function, ImageBuilder, Immediate, Op, PinMode, PinRow, Pull,
    Safe, Table, Ty, TypeRow, Word, fuel,
};

use crate::measure::{Bench, Call, What};

/// Instructions on AArch64, at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Of each op, on its way to the next.
    pub ops: BTreeMap<Op, u64>,
    /// Of a call of a function beside its ops, whether it returns or traps; three parameters, no result.
    pub call: u64,
    /// Of each parameter; text of a `str` is checked beyond that.
    pub param: u64,
    /// Of each result, with the op that makes it.
    pub result: u64,
    /// Of `log.message` with a text, beside the text's bytes, and of each byte.
    pub text: (u64, u64),
    /// Of a call of a direct entry that is this op.
    pub direct: BTreeMap<Op, u64>,
    /// Bytes of the mapper itself without its port, and of its stack.
    pub ram: (u32, u32),
}

/// Bytes of text that the cost of `log.message` is for: what one frame of the link carries.
pub const LOG_BYTES: u64 = 256;

/// Instructions that one word of fuel pays for at most, as docs/format.md (*Fuel*) states: those of
/// `log.message` with as much text as the op itself pays for, and those of any other op.
pub const FUEL_INSNS: [u64; 2] = [4400, 200];

/// Instructions of each byte that an op copies or fills, of each reference that it copies or writes, and of
/// any number of them beyond none, at most.
pub const STRETCH_INSNS: [u64; 3] = [8, 48, 96];

/// Instructions of random numbers of any length, and of each byte of them, at most.
pub const RANDOM_INSNS: [u64; 2] = [16_384, 320];

/// Operands of the ops whose work is as long as an operand says, and that length: up to all that the image
/// has.
fn lengths(op: Op) -> Vec<([u64; PARAMS], u32)> {
    let three = |lens: &[u32]| lens.iter().map(|len| ([0, 0, u64::from(*len)], *len)).collect();
    match op {
        Op::MemoryCopy => [1, 15, 16, 17, 1000, 4096, 32_768]
            .into_iter()
            .flat_map(|len| [[1, 32_768, len], [32_768, 1, len], [0, 3, len]].map(|args| (args, len as u32)))
            .collect(),
        Op::MemoryFill => three(&[1, 15, 16, 17, 1000, 4096, 65_536]),
        Op::MemoryInit => three(&[1, 15, 16, 17, 100, 1000, 4096]),
        Op::TableFill | Op::TableCopy | Op::TableInit => three(&[1, 2, 3, 4]),
        Op::TableGrow => vec![([1, 1, 1], 1)],
        Op::MemoryGrow => vec![([0, 1, 0], 1)],
        // Texts of each kind of character, whole.
        Op::LogMessage => [0, 1024, 2048, 3072]
            .into_iter()
            .flat_map(|at| [252, 516, 1020].map(|len| ([1, at, len], len as u32)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Parameters of most of the functions here: the operands of an op.
const PARAMS: usize = 3;
/// Copies of an op in a row.
const COPIES: usize = 4;
/// Registers: a call's window begins at 100.
const FRAME: u8 = 120;
const LAMP: u8 = 17;
const WIRE: u8 = 22;
const BUTTON: u8 = 27;
/// A line of bank 1 that the board does not need.
const FAR: u8 = 42;

fn ret() -> Word {
    Op::Ret.abc(0, 0, 0)
}

/// A way to write an op: with operands in registers 1 to 3, between what has to stand around it.
struct Variant {
    before: Vec<Word>,
    body: Vec<Word>,
    after: Vec<Word>,
}

/// Slots of a function that spills.
const SLOTS: u16 = 4;

/// Ways to write an op.
fn variants(op: Op) -> Vec<Variant> {
    let shape = op.shape();
    let field = |field: Field, register: u8, line: u8| match field {
        Field::Zero | Field::Off8 | Field::Back8 | Field::Table => 0,
        Field::Def | Field::Use | Field::Mut => register,
        Field::U8 | Field::I8 => 3,
        Field::LineIn | Field::LineOut => line,
        Field::Bank => line / 32,
        Field::Base => 100,
        // Arguments are the registers from 1 on.
        Field::Args => 0,
        Field::Row => HostFunction::RandomGet as u8,
    };
    let one = |line: u8| {
        let first = match shape.fields {
            Fields::Abc(a, b, c) => op.abc(field(a, 1, line), field(b, 2, line), field(c, 3, line)),
            Fields::I16(_) => op.a16(1, 5),
            Fields::U16(_) => op.a16(1, 64),
            Fields::Off16(_) => op.a16(1, 0),
            Fields::Off24 => op.a24(0),
            Fields::Func(f) => op.a16(field(f, 1, line), 0),
            Fields::Global(_) => op.a16(1, 0),
            Fields::Spill(Field::Zero) => op.a16(0, SLOTS),
            Fields::Spill(_) => op.a16(1, SLOTS - 1),
            // Three targets, all of them the op behind.
            Fields::Targets(_) => op.a16(1, 2),
        };
        let immediate = if shape.word == Immediate::Mask { Line::new(line).map_or(0, Line::mask) } else { 8 };
        let immediate = match shape.word {
            Immediate::Number | Immediate::Mask => immediate,
            // The first type, table, segment.
            _ => 0,
        };
        let mut words = vec![first];
        words.extend(std::iter::repeat_n(immediate, shape.words as usize));
        if matches!(shape.fields, Fields::Targets(_)) {
            words.extend([3, 3, 3]);
        }
        words
    };
    let put = |high: bool| vec![if high { Op::LineSet } else { Op::LineClear }.abc(LAMP, 0, 0)];
    let alone = |body| Variant { before: Vec::new(), body, after: Vec::new() };
    let leave = || vec![Op::SpillLeave.a16(0, SLOTS)];
    match op {
        // What it does depends on the line's level.
        Op::LineToggle | Op::GpioToggle => {
            [true, false].map(|high| Variant { before: put(high), ..alone(one(LAMP)) }).into()
        }
        Op::Spill | Op::Fill => {
            let before = vec![Op::SpillEnter.a16(0, SLOTS)];
            vec![Variant { before, body: one(LAMP), after: leave() }]
        }
        // Its other half is counted with it: a function has both or none.
        Op::SpillEnter => vec![alone([one(LAMP), leave()].concat())],
        Op::SpillLeave => Vec::new(),
        _ => [LAMP, FAR].map(|line| alone(one(line))).into(),
    }
}

/// Operands of all kinds: numbers at the edges, lines, addresses, floats.
fn operands() -> Vec<[u64; PARAMS]> {
    let f32s = [1.5f32, -2.75, 0.5, 1e30, -1e30, 1e-40, 8_388_609.0, f32::NAN, -0.0];
    let f64s = [1.5f64, -2.75, 0.5, 1e300, -1e300, 1e-310, 4_503_599_627_370_497.5, f64::NAN, -0.0];
    let mut values = vec![0, 1, 2, 3, 64, 255, 65_528, 65_536];
    values.extend([LAMP, WIRE, BUTTON, FAR].map(u64::from));
    values.extend([0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX]);
    values.extend(f32s.map(|f| u64::from(f.to_bits())));
    values.extend(f64s.map(f64::to_bits));
    let at = |n: usize| values[n % values.len()];
    let mut all: Vec<[u64; PARAMS]> = (0..values.len()).map(|n| [at(n); PARAMS]).collect();
    for step in [1, 5, 11] {
        all.extend((0..values.len()).map(|n| [at(n), at(n + step), at(n + 2 * step)]));
    }
    // A quotient that does not fit, in both widths; a bank with a line to clear and one to set.
    all.extend([[1, 0x8000_0000, 0xffff_ffff], [1, 1 << 63, u64::MAX]]);
    all.extend([[0, 1 << LAMP, 1 << WIRE], [1, 1 << (FAR - 32), 0], [0, 0, 1 << LAMP], [0, 0, 0]]);
    // Lines with a direction and a pull.
    all.extend([0, 1, 2].map(|n| [u64::from(WIRE), n, n]));
    // Text of each width of character, and how long it may be for the cost that is stated.
    all.extend([(0, 0), (1024, 0), (2048, 1), (3072, 0)].map(|(at, cut)| [1, at, LOG_BYTES - cut]));
    all
}

/// Operands of `log.message`: texts of many lengths, each kind of character, at places of every alignment.
fn texts() -> Vec<[u64; PARAMS]> {
    let lengths = || (0..=40).chain((48..=LOG_BYTES).step_by(16)).chain(LOG_BYTES - 20..=LOG_BYTES);
    let places = (0..8).chain([1024, 1026, 1028, 2048, 2051, 2054, 3072, 3076]);
    places.flat_map(|at| lengths().map(move |len| [1, at, len])).collect()
}

/// Returns whether a call with these operands is beyond what the cost of an op is stated for.
fn is_excluded(op: Op, [x, y, z]: [u64; PARAMS]) -> bool {
    let bulk = [Op::TableFill, Op::TableCopy, Op::TableInit, Op::MemoryCopy, Op::MemoryFill, Op::MemoryInit];
    match op {
        // Its wait is bounded by time.
        Op::TimeDelay => x as u32 != 0,
        Op::LogMessage => z as u32 as u64 > LOG_BYTES,
        Op::MemoryGrow => y as u32 != 0,
        Op::TableGrow => x as u32 != 0,
        // Its work is its length.
        Op::HostCall => y as u32 != 0,
        op if bulk.contains(&op) => z as u32 != 0,
        _ => false,
    }
}

/// Text with characters of one to four bytes, each kind in a stretch of its own.
fn text() -> Vec<u8> {
    let mut bytes = Vec::new();
    for (n, c) in ['a', 'é', '水', '😀'].into_iter().enumerate() {
        bytes.resize(n * 1024, b' ');
        while bytes.len() + c.len_utf8() <= n * 1024 + 1024 {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
        }
    }
    bytes
}

/// An image on its way, with a type for each function.
struct Builder(ImageBuilder<'static>);

impl Builder {
    fn new() -> Self {
        let mut builder = ImageBuilder::new(BoardId::Rpi4b);
        (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (65_536, 1, 4);
        builder.globals = vec![7];
        builder.data = vec![(0, text())];
        let pin = |line: u8, mode, pull| Line::new(line).map(|line| PinRow::new(line, mode, Safe::Low, pull));
        builder.pins = [
            pin(LAMP, PinMode::Out, Pull::None),
            pin(WIRE, PinMode::InOut, Pull::None),
            pin(BUTTON, PinMode::In, Pull::Up),
            pin(FAR, PinMode::Out, Pull::None),
        ]
        .into_iter()
        .flatten()
        .collect();
        builder.tables = vec![Table { initial: 4, capacity: 8 }];
        builder.elements = vec![
            Elements { place: Some((0, 0)), items: vec![0; 4] },
            Elements { place: None, items: vec![0; 4] },
        ];
        builder.passive_data = vec![vec![1; 4096]];
        let mut builder = Self(builder);
        // What calls call, and tables hold.
        builder.function(PARAMS, 0, vec![ret()]);
        builder
    }

    fn function(&mut self, params: usize, results: usize, code: Vec<Word>) -> u32 {
        let builder = &mut self.0;
        let row = TypeRow { params: params as u8, results: results as u8 };
        let ty = builder.types.iter().position(|ty| *ty == row).unwrap_or_else(|| {
            builder.types.push(row);
            builder.types.len() - 1
        });
        builder.function_types.push(ty as u16);
        let (params, results) = (row.params, row.results);
        builder.functions.push(Function { frame: FRAME, params, results, code });
        builder.functions.len() as u32 - 1
    }

    /// An export whose number is its place: keys sort as they come.
    fn export(&mut self, params: Vec<Ty>, results: Vec<Ty>, entry: Entry) -> u16 {
        let number = self.0.exports.len() as u16;
        let key = format!("b.{number:05}");
        self.0.exports.push(Export { key, name: String::new(), params, results, entry });
        number
    }

    fn code(&mut self, params: usize, results: usize, code: Vec<Word>) -> u16 {
        self.typed(Ty::U64, params, results, code)
    }

    /// The same with parameters and results of one type.
    fn typed(&mut self, ty: Ty, params: usize, results: usize, code: Vec<Word>) -> u16 {
        let function = self.function(params, results, code);
        let types = |n| vec![ty; n];
        self.export(types(params), types(results), Entry::Code { function, fuel: 100_000 })
    }
}

/// A call that is planned, and what it is for.
struct Planned {
    call: Call,
    subject: Subject,
}

#[derive(Clone, Copy)]
enum Subject {
    /// Code without the op, with it, with it several times; in this group of three.
    Plain(usize),
    Once(usize, Op),
    Often(usize, Op),
    /// Code with `log.message` and a text of so many bytes, in this group.
    Text(usize, u64),
    Direct(Op),
    /// A function that does nothing, with this many parameters and results of a type.
    Empty(Ty, usize, usize),
    /// Nothing but this op, which does not go on.
    Last(Op),
    /// Code with an op and a length, in this group.
    Length(usize, Op, u32),
}

/// Counts everything.
///
/// # Errors
/// As [`Bench::run`].
pub fn costs(bench: &Bench) -> Result<Costs> {
    let mut builder = Builder::new();
    let mut planned = Vec::new();
    let mut plan = |export, args: &[u64], subject| {
        planned.push(Planned { call: Call { export, args: args.to_vec() }, subject });
    };
    for ty in Ty::ALL.into_iter().filter(|ty| is_plain(*ty)) {
        for (params, results) in SHAPES {
            // A result is what its register held before.
            let clear = (1..=results as u8).map(|register| Op::Const32.a16(register, 0));
            let code = clear.chain([ret()]).collect();
            let export = builder.typed(ty, params, results, code);
            plan(export, &vec![0; params], Subject::Empty(ty, params, results));
        }
    }
    let retv = builder.code(0, 1, vec![Op::RetV.abc(1, 0, 0)]);
    plan(retv, &[], Subject::Last(Op::RetV));
    let unreachable = builder.code(0, 0, vec![Op::Unreachable.abc(0, 0, 0)]);
    plan(unreachable, &[], Subject::Last(Op::Unreachable));

    let operands = operands();
    let mut groups = 0;
    // All else is measured with the memory as it is at load.
    let mut at_the_end = Vec::new();
    // Messages first: the stores of other ops write over their text.
    let others = Op::ALL.iter().copied().filter(|op| !is_last(*op) && *op != Op::LogMessage);
    for op in [Op::LogMessage].into_iter().chain(others) {
        for Variant { before, body, after } in variants(op) {
            let code = |copies| [before.clone(), body.repeat(copies), after.clone(), vec![ret()]].concat();
            let plain = builder.code(PARAMS, 0, code(0));
            let once = builder.code(PARAMS, 0, code(1));
            // There is one to a function.
            let copies = if op == Op::SpillEnter { 1 } else { COPIES };
            let often = builder.code(PARAMS, 0, code(copies));
            plan(plain, &operands[0], Subject::Plain(groups));
            for args in operands.iter().filter(|args| !is_excluded(op, **args)) {
                plan(once, args, Subject::Once(groups, op));
            }
            for args in operands.iter().filter(|args| !is_excluded(op, **args)).step_by(7) {
                plan(often, args, Subject::Often(groups, op));
            }
            for (args, len) in lengths(op) {
                let later = op == Op::MemoryGrow;
                let subject = Subject::Length(groups, op, len);
                if later { at_the_end.push((once, args, subject)) } else { plan(once, &args, subject) }
            }
            if op == Op::LogMessage {
                for args in texts() {
                    plan(once, &args, Subject::Text(groups, args[2]));
                }
            }
            groups += 1;
            if op.is_native() {
                let (params, results) = direct_shape(op);
                let results = vec![Ty::U64; results];
                let entry = Entry::Direct { first: body[0], second: body.get(1).copied().unwrap_or(0) };
                let export = builder.export(vec![Ty::U64; params], results, entry);
                for args in operands.iter().filter(|args| !is_excluded(op, **args)) {
                    plan(export, &args[..params], Subject::Direct(op));
                }
            }
        }
    }
    for (export, args, subject) in at_the_end {
        plan(export, &args, subject);
    }
    let image = builder.0.build()?;
    let calls: Vec<Call> = planned.iter().map(|p| p.call.clone()).collect();
    let counts = bench.run(What::Return, &image, &calls)?;
    let ram = counts.ram.unwrap_or_default();
    let measured = planned
        .iter()
        .zip(counts.calls)
        .map(|(p, m)| (p.subject, u64::from(m.insns.unwrap_or(0)), m.trap != 0));
    judge(&measured.collect::<Vec<_>>(), groups, ram)
}

/// Parameters and results of the empty functions.
const SHAPES: [(usize, usize); 6] = [(0, 0), (1, 0), (8, 0), (PARAMS, 0), (0, 1), (0, 8)];

/// Types that one register holds whole.
fn is_plain(ty: Ty) -> bool {
    !matches!(ty, Ty::BytesPtr | Ty::StrPtr | Ty::Len)
}

/// Parameters and results of a direct entry that is this op. The operands of an op with a result stand
/// behind it, and its first register is the result's place.
fn direct_shape(op: Op) -> (usize, usize) {
    match op.shape().fields {
        Fields::Abc(Field::Def, _, _) => (PARAMS, 1),
        Fields::Abc(Field::Args, ..) => (HostFunction::RandomGet.row().params.len(), 0),
        _ => (used(op), 0),
    }
}

/// Returns how many registers an op without a result reads, counted from the first.
fn used(op: Op) -> usize {
    match op.shape().fields {
        Fields::Abc(a, b, c) => {
            [a, b, c].iter().rposition(|f| matches!(f, Field::Use | Field::Mut)).map_or(0, |n| n + 1)
        }
        _ => 0,
    }
}

/// Ops that nothing can stand behind.
fn is_last(op: Op) -> bool {
    matches!(op, Op::Ret | Op::RetV | Op::Unreachable)
}

fn judge(measured: &[(Subject, u64, bool)], groups: usize, ram: (u32, u32)) -> Result<Costs> {
    let typed = |ty, params, results| {
        let found = measured.iter().find(
            |(subject, ..)| matches!(subject, Subject::Empty(t, p, r) if (*t, *p, *r) == (ty, params, results)),
        );
        found.map_or(0, |(_, insns, _)| *insns)
    };
    let empty = |params, results| typed(Ty::U64, params, results);
    // The first of a kind and the others differ.
    let each =
        |one: u64, eight: u64| one.saturating_sub(empty(0, 0)).max(eight.saturating_sub(one).div_ceil(7));
    let param = |ty| each(typed(ty, 1, 0), typed(ty, 8, 0));
    let result = |ty| each(typed(ty, 0, 1), typed(ty, 0, 8));
    let plain_types = || Ty::ALL.into_iter().filter(|ty| is_plain(*ty));
    let worst_param = plain_types().map(param).max().unwrap_or(0);
    let worst_result = plain_types().map(result).max().unwrap_or(0);
    let (param, result) = (param(Ty::U64), result(Ty::U64));
    let mut plain = vec![0; groups];
    for (subject, insns, _) in measured {
        if let Subject::Plain(group) = subject {
            plain[*group] = *insns;
        }
    }
    let mut ops: BTreeMap<Op, u64> = BTreeMap::new();
    let mut direct: BTreeMap<Op, u64> = BTreeMap::new();
    let mut most = |op: Op, insns: u64| {
        let cost = ops.entry(op).or_default();
        *cost = insns.max(*cost);
    };
    for (subject, insns, trapped) in measured {
        match *subject {
            Subject::Once(group, op) if !trapped => most(op, insns - plain[group]),
            Subject::Often(group, op) if !trapped => {
                most(op, (insns - plain[group]).div_ceil(COPIES as u64));
            }
            Subject::Direct(op) => {
                let cost = direct.entry(op).or_default();
                // It was counted with the types that take anything; others take longer to check.
                let (params, results) = direct_shape(op);
                let insns = insns
                    + params as u64 * worst_param.saturating_sub(param)
                    + results as u64 * worst_result.saturating_sub(result);
                *cost = insns.max(*cost);
            }
            _ => {}
        }
    }
    check_fuel(measured, &plain)?;
    let text = text_cost(measured, &plain);
    // A function ends with one return, and begins with a call: what both cost together is measured, and
    // only their sum matters. Half of it is the return's.
    let both = ops.get(&Op::Call).copied().unwrap_or(0);
    let back = both / 2;
    for op in [Op::Call, Op::CallIndirect] {
        ops.entry(op).and_modify(|cost| *cost -= back);
    }
    let retv = measured.iter().find(|(s, ..)| matches!(s, Subject::Last(Op::RetV))).map_or(0, |m| m.1);
    ops.insert(Op::Ret, back);
    ops.insert(Op::SpillLeave, 0);
    // The empty function with a result makes it with an op of its own.
    let constant = ops.get(&Op::Const32).copied().unwrap_or(0);
    ops.insert(Op::RetV, (back + retv + constant).saturating_sub(empty(0, 1)));
    // What a call costs that returns at once, or whose first op traps: the op itself is counted apart.
    let mut call = empty(PARAMS, 0) - back;
    for (subject, insns, trapped) in measured {
        match *subject {
            Subject::Once(group, op) | Subject::Often(group, op) if *trapped => {
                // Ops in front of it are in `plain`, and a return that was not reached.
                let before = plain[group] - empty(PARAMS, 0);
                call = call.max(insns.saturating_sub(before + ops.get(&op).copied().unwrap_or(0)));
            }
            Subject::Last(Op::Unreachable) => {
                let cost = insns.saturating_sub(empty(0, 0) - back);
                ops.insert(Op::Unreachable, cost);
            }
            _ => {}
        }
    }
    // The parameters are counted apart.
    let call = call.saturating_sub(PARAMS as u64 * param).max(empty(0, 0) - back);
    for op in Op::ALL {
        ensure!(ops.contains_key(op), "no operands were found with which `{}` does not trap", op.text());
    }
    Ok(Costs { ops, call, param: worst_param, result: worst_result, text, direct, ram })
}

/// Holds the work of each op that was measured against its charge: one word for the op, and what its length
/// costs.
fn check_fuel(measured: &[(Subject, u64, bool)], plain: &[u64]) -> Result<()> {
    let mut longest: BTreeMap<Op, u32> = BTreeMap::new();
    for (subject, insns, trapped) in measured {
        let (group, op, charge) = match *subject {
            Subject::Once(group, op) => (group, op, 0),
            Subject::Length(group, op, len) => {
                ensure!(!trapped, "`{}` of length {len} traps", op.text());
                longest.entry(op).and_modify(|most| *most = len.max(*most)).or_insert(len);
                let charge = match op {
                    Op::LogMessage => fuel::of_text(len),
                    Op::MemoryGrow => fuel::of_pages(len),
                    _ => fuel::of_stretch(op as u8, len),
                };
                (group, op, charge)
            }
            _ => continue,
        };
        let [text, other] = FUEL_INSNS;
        let words = 1 + u64::from(charge);
        // What is beyond the text that the op itself pays for is paid for as in any other op.
        let most = if op == Op::LogMessage { text + u64::from(charge) * 16 * 16 } else { other * words };
        let work = insns.saturating_sub(plain[group]);
        ensure!(
            *trapped || work <= most,
            "`{}`: {work} instructions for {words} words of fuel, at most {most}",
            op.text()
        );
    }
    for op in Op::ALL.iter().filter(|op| !lengths(**op).is_empty()) {
        ensure!(longest.contains_key(op), "no length of `{}` was measured", op.text());
    }
    Ok(())
}

/// Returns what `log.message` costs by its text's length: a line above everything that was measured. It is as
/// steep as the steepest kind of text is over its length.
fn text_cost(measured: &[(Subject, u64, bool)], plain: &[u64]) -> (u64, u64) {
    let all = || {
        measured.iter().filter_map(|(subject, insns, trapped)| match subject {
            // Lengths that cut a character trap.
            Subject::Text(group, len) if !trapped => Some((*len, insns - plain[*group])),
            _ => None,
        })
    };
    let empty = all().filter(|(len, _)| *len == 0).map(|(_, insns)| insns).max().unwrap_or(0);
    let steep = |(len, insns): (u64, u64)| insns.saturating_sub(empty).div_ceil(len.max(1));
    let byte = all().filter(|(len, _)| *len > LOG_BYTES / 2).map(steep).max().unwrap_or(0);
    let text = all().map(|(len, insns)| insns.saturating_sub(byte * len)).max().unwrap_or(0);
    (text, byte)
}
