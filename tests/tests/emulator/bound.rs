//! No call takes more instructions than the bound that `xmap build` prints: random programs without
//! loops, and the real panels, counted in the emulator.

use std::fs;
use std::path::Path;

use xmap_boards::{BoardId, Line, RPI4B};
use xmap_compiler::bounds::{self, Program};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::report::How;
use xmap_image::{
    Entry, Export, ExportId, Field, Fields, Function, Image, ImageBuilder, Immediate, Op, PinMode, PinRow,
    Pull, Safe, Ty, Word, decode,
};
use xmap_sim::{Action, Script};
use xmap_tests::Panel;
use xmap_tools::measure::{Bench, Call, Measured, What};

/// Random programs, and calls of each.
const PROGRAMS: usize = 400;
const CALLS: usize = 4;
const PARAMS: u8 = 3;
const FRAME: u8 = 12;
const LINES: [u8; 3] = [17, 22, 42];

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn register(&mut self) -> u8 {
        1 + self.below(usize::from(FRAME) - 1) as u8
    }

    fn line(&mut self) -> u8 {
        LINES[self.below(LINES.len())]
    }

    /// Small numbers, lines, edges and anything.
    fn value(&mut self) -> u64 {
        match self.below(4) {
            0 => self.next() % 8,
            1 => self.line().into(),
            2 => [u64::MAX, 1 << 31, 1 << 63, 0xffff_ffff, 1.5f64.to_bits()][self.below(5)],
            _ => self.next(),
        }
    }
}

/// Ops that a program is made of: all but those that take as long as their operands say, and those
/// that end a function or name what these images do not have.
fn candidates() -> Vec<Op> {
    let unknown = |op: &Op| {
        matches!(
            op,
            Op::Ret
                | Op::RetV
                | Op::BrTable
                | Op::CallIndirect
                | Op::RefFunc
                | Op::MemoryGrow
                | Op::TimeDelay
        ) || matches!(op, Op::TableGet | Op::TableSet | Op::TableSize | Op::TableGrow)
            || matches!(op, Op::LogMessage | Op::HostCall | Op::MemoryCopy | Op::MemoryFill)
            || matches!(op.shape().fields, Fields::Spill(_))
            || !matches!(op.shape().word, Immediate::Number | Immediate::Mask)
    };
    Op::ALL.iter().copied().filter(|op| !unknown(op)).collect()
}

/// A function without a way back: branches go forward, calls to functions in front of this one.
fn function(random: &mut Random, callees: usize, candidates: &[Op]) -> Function {
    let count = 4 + random.below(40);
    let mut ops: Vec<Vec<Word>> = Vec::new();
    for _ in 0..count {
        let op = candidates[random.below(candidates.len())];
        // A trap ends the call: one in a while is enough. Calls need a callee.
        if (op == Op::Unreachable && random.below(20) != 0) || (op == Op::Call && callees == 0) {
            continue;
        }
        let mut field = |field: Field| match field {
            Field::Zero | Field::Table | Field::Off8 | Field::Back8 => 0,
            Field::Def | Field::Use | Field::Mut => random.register(),
            Field::U8 | Field::I8 => random.below(32) as u8,
            Field::LineIn | Field::LineOut => random.line(),
            Field::Bank => random.below(2) as u8,
            Field::Base | Field::Args => FRAME - PARAMS - 1,
            Field::Row => 0,
        };
        let first = match op.shape().fields {
            Fields::Abc(a, b, c) => {
                let [a, b, c] = [field(a), field(b), field(c)];
                op.abc(a, b, c)
            }
            Fields::I16(f) | Fields::U16(f) | Fields::Global(f) | Fields::Off16(f) => op.a16(field(f), 0),
            Fields::Func(f) => {
                let base = field(f);
                op.a16(base, random.below(callees) as u16)
            }
            Fields::Off24 | Fields::Targets(_) | Fields::Spill(_) => op.a24(0),
        };
        let mut words = vec![first];
        let mask = if first >> 8 & 1 == 0 { 1 << 17 | 1 << 22 } else { 1 << (42 - 32) };
        for _ in 0..op.shape().words {
            words.push(if op.shape().word == Immediate::Mask { mask } else { random.below(64) as u32 });
        }
        ops.push(words);
    }
    ops.push(vec![Op::Ret.abc(0, 0, 0)]);
    Function { frame: FRAME, params: PARAMS, results: 0, code: aim(random, ops) }
}

/// Lets each branch go to some op behind it, near enough for its field.
fn aim(random: &mut Random, mut ops: Vec<Vec<Word>>) -> Vec<Word> {
    let mut starts = Vec::new();
    let mut at = 0;
    for words in &ops {
        starts.push(at as i32);
        at += words.len();
    }
    for n in 0..ops.len() {
        let Some(op) = Op::from_u8(ops[n][0] as u8) else { continue };
        let last = (n + 1 + random.below(8)).min(ops.len() - 1);
        let offset = starts[last] - (starts[n] + 1);
        ops[n][0] |= match op.shape().fields {
            Fields::Abc(_, _, Field::Off8) => (offset as u32) << 24,
            Fields::Off16(_) => (offset as u32) << 16,
            Fields::Off24 => (offset as u32) << 8,
            _ => 0,
        };
    }
    ops.concat()
}

fn image() -> ImageBuilder<'static> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (65_536, 1, 1);
    builder.globals = vec![5];
    let pin = |line| PinRow::new(Line::new(line).unwrap(), PinMode::InOut, Safe::Low, Pull::None);
    builder.pins = LINES.map(pin).into();
    builder
}

/// The worst and the mean of measured against bound, in percent.
fn tightness(pairs: &[(u64, u64)]) -> (f64, f64) {
    let shares = pairs.iter().map(|(measured, bound)| *measured as f64 * 100.0 / *bound as f64);
    (shares.clone().fold(0.0, f64::max), shares.sum::<f64>() / pairs.len() as f64)
}

#[test]
fn no_random_program_exceeds_its_bound() {
    let mut random = Random(7);
    let mut builder = image();
    let candidates = candidates();
    let mut calls = Vec::new();
    for n in 0..PROGRAMS {
        // Some call others, none deeper than the bound can follow.
        let function = function(&mut random, n.min(8), &candidates);
        builder.functions.push(function);
        builder.exports.push(Export {
            key: format!("p.{n:05}"),
            name: String::new(),
            params: vec![Ty::U64; PARAMS.into()],
            results: vec![],
            entry: Entry::Code { function: n as u32, fuel: 1_000_000 },
        });
        for _ in 0..CALLS {
            let args = (0..PARAMS).map(|_| random.value()).collect();
            calls.push(Call { export: n as u16, args });
        }
    }
    let bounds = bounds::bounds(Program { functions: &builder.functions, ..Program::default() });
    let measured = Bench::build().unwrap().run(What::Return, &builder.build().unwrap(), &calls).unwrap();
    let costs = BoardId::Rpi4b.costs();
    let mut returned = Vec::new();
    let mut trapped = 0;
    for (call, Measured { insns, trap }) in calls.iter().zip(measured.calls) {
        let insns = u64::from(insns.unwrap());
        let bound = bounds[usize::from(call.export)].expect("there is no way back").insns
            + costs.call
            + u64::from(PARAMS) * costs.param;
        assert!(insns <= bound, "{call:x?}: {insns} instructions, trap {trap}, bound {bound}");
        if trap == 0 {
            returned.push((insns, bound));
        } else {
            trapped += 1;
        }
    }
    assert!(returned.len() > PROGRAMS / 4 && trapped > PROGRAMS / 4, "{} of {trapped}", returned.len());
    let (most, mean) = tightness(&returned);
    println!(
        "{} calls returned with {mean:.0} % of their bound on average, {most:.0} % at most",
        returned.len()
    );
}

/// The exports of `tests/panels` that have a static bound, called as their scripts call them.
#[test]
fn no_panel_exceeds_what_xmap_build_prints() {
    let bench = Bench::build().unwrap();
    let mut pairs = Vec::new();
    for panel in Panel::all().unwrap() {
        let manifest = Manifest::read(&panel.manifest_path()).unwrap();
        let compiled = compile(&manifest, &panel.wasm).unwrap();
        let image = Image::verify(&compiled.words).unwrap();
        let script = Script::parse(&fs::read_to_string(panel.script_path()).unwrap(), &image).unwrap();
        let waits = decode(image.code()).any(|(_, op, _)| op == Op::TimeDelay);
        let mut calls = Vec::new();
        let mut bounds = Vec::new();
        for step in script.steps() {
            let Action::Call { export, args, .. } = &step.action else { continue };
            let key = image.key(*export).unwrap();
            let report = compiled.report.exports.iter().find(|report| report.key == key).unwrap();
            match report.how {
                How::Fuelled(_) => continue,
                // A wait is bounded by time, not by instructions; and here it would take a real one.
                How::Direct(Op::TimeDelay) => continue,
                // As much work as the function says: no bound is printed.
                How::Direct(Op::HostCall) => continue,
                How::Bounded(_) if waits => continue,
                _ => {}
            }
            calls.push(Call { export: export.0, args: args.raw.clone() });
            bounds.push((image.name(*export).unwrap(), report.bound().1.unwrap()));
        }
        let measured = bench.run(What::Return, &compiled.words, &calls).unwrap();
        for ((name, bound), Measured { insns, trap }) in bounds.into_iter().zip(measured.calls) {
            let insns = u64::from(insns.unwrap());
            assert!(insns <= bound, "{}: {name}: {insns}, trap {trap}, bound {bound}", panel.name);
            pairs.push((insns, bound));
        }
    }
    assert!(pairs.len() > 100, "{} calls", pairs.len());
    let (most, mean) = tightness(&pairs);
    println!(
        "{} calls of panels took {mean:.0} % of their bound on average, {most:.0} % at most",
        pairs.len()
    );
}

/// Loops that are left at their head, at their end and from their middle, and texts of constant length.
const LOOPS: &str = r#"(module
    (import "log" "message" (func $log (param i32 i32 i32)))
    (memory 1)
    (data (i32.const 0) "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 ")
    (func (export "at_head") (param $x i32) (result i32) (local $i i32)
        (block $out
            (loop $on
                (br_if $out (i32.ge_u (local.get $i) (i32.const 20)))
                (local.set $x (i32.rotl (i32.mul (local.get $x) (local.get $x)) (i32.const 3)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $on)))
        (local.get $x))
    (func (export "at_end") (param $x i32) (result i32) (local $i i32)
        (loop $on
            (local.set $x (i32.rotl (i32.mul (local.get $x) (local.get $x)) (i32.const 3)))
            (br_if $on (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
        (local.get $x))
    (func (export "from_middle") (param $x i32) (result i32) (local $i i32)
        (block $out
            (loop $on
                (br_if $out (i32.ge_u (local.get $i) (i32.const 20)))
                (local.set $x (i32.rotl (i32.mul (local.get $x) (local.get $x)) (i32.const 3)))
                (if (i32.eq (local.get $x) (i32.const 0)) (then (return (i32.popcnt (local.get $i)))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $on)))
        (local.get $x))
    (func (export "nested") (param $x i32) (result i32) (local $i i32) (local $k i32)
        (block $out
            (loop $on
                (br_if $out (i32.ge_u (local.get $i) (i32.const 3)))
                (local.set $k (i32.const 0))
                (block $inner_out
                    (loop $inner
                        (br_if $inner_out (i32.ge_u (local.get $k) (i32.const 5)))
                        (local.set $x (i32.add (i32.xor (local.get $x) (local.get $k)) (i32.const 7)))
                        (local.set $k (i32.add (local.get $k) (i32.const 1)))
                        (br $inner)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $on)))
        (local.get $x))
    (func (export "texts") (param $x i32) (result i32)
        (call $log (i32.const 1) (i32.const 3) (i32.const 0))
        (call $log (i32.const 1) (i32.const 0) (i32.const 5))
        (call $log (i32.const 1) (i32.const 1) (i32.const 79))
        (local.get $x))
    (func (export "long_text") (param $x i32) (result i32)
        (call $log (i32.const 1) (i32.const 0) (i32.const 1000))
        (local.get $x)))"#;

#[test]
fn no_loop_and_no_text_exceeds_its_bound() {
    let manifest = Manifest::verbatim(&RPI4B, Path::new("loops.wasm"));
    let compiled = compile(&manifest, &wat::parse_str(LOOPS).unwrap()).unwrap();
    let image = Image::verify(&compiled.words).unwrap();
    let mut calls = Vec::new();
    for export in 0..image.exports().len() as u16 {
        calls.extend([0, 1, 3, 0xdead_beef].map(|x| Call { export, args: vec![x] }));
    }
    let measured = Bench::build().unwrap().run(What::Return, &compiled.words, &calls).unwrap();
    for (call, Measured { insns, trap }) in calls.iter().zip(measured.calls) {
        let (key, name) =
            (image.key(ExportId(call.export)).unwrap(), image.name(ExportId(call.export)).unwrap());
        let report = compiled.report.exports.iter().find(|report| report.key == key).unwrap();
        assert!(matches!(report.how, How::Bounded(_)), "{name} has a bound: {:?}", report.how);
        let (insns, bound) = (u64::from(insns.unwrap()), report.bound().1.unwrap());
        assert!(insns <= bound && trap == 0, "{name}: {insns}, trap {trap}, bound {bound}");
        println!("{name}({:#x}): {insns}, {} % of its bound", call.args[0], insns * 100 / bound);
    }
}

/// Bytes that are moved, and from where to where: every alignment, stretches that overlap either way, and
/// apart.
const LENGTHS: [u32; 14] = [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 144, 1000, 20_000];
const PLACES: [(u32, u32); 8] =
    [(0, 1), (1, 0), (1, 32_771), (7, 32_769), (3, 9), (9, 3), (4, 32_768), (8, 16)];

#[test]
fn no_bulk_operation_exceeds_its_bound() {
    use std::fmt::Write as _;
    let mut text = String::from(
        r#"(module (memory 1) (table 300 funcref) (elem func 0) (func)
        (data "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
        (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
        (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
        (func (export "grow") (param i32 i32 i32) (drop (memory.grow (local.get 0))))
        "#,
    );
    for len in LENGTHS {
        let at = "(local.get 0) (local.get 1)";
        _ = writeln!(
            text,
            "(func (export \"copy{len}\") (param i32 i32 i32) (memory.copy {at} (i32.const {len})))"
        );
        _ = writeln!(
            text,
            "(func (export \"fill{len}\") (param i32 i32 i32) (memory.fill {at} (i32.const {len})))"
        );
    }
    for len in [1, 8, 33, 64] {
        _ = writeln!(
            text,
            "(func (export \"init{len}\") (param i32 i32 i32) \
             (memory.init 0 (local.get 0) (i32.const 0) (i32.const {len})))"
        );
    }
    for len in [1, 2, 16, 200] {
        _ = writeln!(
            text,
            "(func (export \"table_fill{len}\") (param i32 i32 i32) \
             (table.fill 0 (i32.const 3) (ref.null func) (i32.const {len})))
             (func (export \"table_copy{len}\") (param i32 i32 i32) \
             (table.copy 0 0 (i32.const 3) (i32.const 50) (i32.const {len})))"
        );
    }
    text += "(func (export \"table_init\") (param i32 i32 i32) (table.init 0 0 (i32.const 3) (i32.const 0) (i32.const 1))))";
    let manifest = Manifest::verbatim(&RPI4B, Path::new("bulk.wasm"));
    let compiled = compile(&manifest, &wat::parse_str(&text).unwrap()).unwrap();
    let image = Image::verify(&compiled.words).unwrap();
    let mut calls = Vec::new();
    for export in 0..image.exports().len() as u16 {
        calls.extend(PLACES.map(|(to, from)| Call { export, args: vec![to.into(), from.into(), 30_000] }));
    }
    let measured = Bench::build().unwrap().run(What::Return, &compiled.words, &calls).unwrap();
    for (call, Measured { insns, trap }) in calls.iter().zip(measured.calls) {
        let key = image.key(ExportId(call.export)).unwrap();
        let report = compiled.report.exports.iter().find(|report| report.key == key).unwrap();
        let (insns, bound) = (u64::from(insns.unwrap()), report.bound().1.expect("there is no loop"));
        println!("{key}({:?}): {insns}, {} % of its bound", call.args, insns * 100 / bound);
        assert!(insns <= bound && trap == 0, "{key}: {insns}, trap {trap}, bound {bound}");
    }
}
