//! Encodes selected ops: moves, branches and their distances.

use std::collections::HashMap;

use xmap_image::{Function, Op, Word, limits};

use super::Emitted;
use super::gaps::Gaps;
use super::moves::{From, Move, sequence};
use super::registers::Registers;
use super::select::{Callee, Condition, End, Machine, MachineBlock, Selected, Slot, load_constant};
use super::trips::by_word;
use crate::ir::{BlockId, Edge, Func, Value};

/// Encodes a function.
///
/// # Errors
/// Its number of words, where that is more than a function may have.
pub(super) fn encode(func: &Func, selected: &Selected, registers: &Registers) -> Result<Emitted, usize> {
    let labels = selected.blocks.iter().map(|b| b.id.0 + 1).max().unwrap_or(0);
    let mut encoder = Encoder {
        selected,
        registers,
        gaps: Gaps::new(selected, registers, labels),
        items: Vec::new(),
        // Behind the registers in use, and behind those that the results leave in.
        scratch: registers.frame.max(func.results as u8 + 1),
        scratch_used: false,
        calls: 0,
        offset: 0,
    };
    if selected.spill_slots != 0 {
        encoder.words(vec![Op::SpillEnter.a16(0, selected.spill_slots)]);
    }
    for (n, block) in selected.blocks.iter().enumerate() {
        encoder.stubs(n);
        encoder.block(n, block);
    }
    encoder.stubs(selected.blocks.len());
    let frame = if encoder.scratch_used { encoder.scratch + 1 } else { registers.frame };
    let Linked { code, offsets, places } = link(encoder.items, labels)?;
    let loops =
        by_word(selected.trips.iter().map(|(head, rounds)| (places[head.0 as usize] as u32, *rounds)));
    let params = func.params.len() as u8;
    let results = func.results as u8;
    let frame = frame.max(params + 1).max(results + 1);
    Ok(Emitted {
        function: Function { frame, params, results, code },
        offsets,
        sites: func.sites.clone(),
        loops,
        steps: 0,
    })
}

/// A piece of code before its place is known.
struct Item {
    what: What,
    offset: u32,
}

enum What {
    Words(Vec<Word>),
    /// The place of a block or of a stub.
    Label(u32),
    /// A branch: its first word without the distance, the field that the distance is in, the label.
    Branch(Word, Reach, u32),
    /// The targets of a `br_table`, counted from the word behind its first one.
    Targets(Vec<u32>),
}

/// How far a branch reaches.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// Back only, by up to 255 words. Where that does not do, the op becomes the two that it stands for.
    Back8,
    Bits8,
    Bits16,
    Bits24,
    /// Two branches: the short one over an unconditional one.
    Long(Bits),
}

#[derive(Clone, Copy, PartialEq)]
enum Bits {
    Eight,
    Sixteen,
}

impl Reach {
    fn words(self) -> usize {
        match self {
            Reach::Long(_) => 3,
            _ => 1,
        }
    }

    fn fits(self, distance: i64) -> bool {
        match self {
            Reach::Back8 => (-255..0).contains(&distance),
            Reach::Bits8 => i8::try_from(distance).is_ok(),
            Reach::Bits16 => i16::try_from(distance).is_ok(),
            Reach::Bits24 | Reach::Long(_) => true,
        }
    }
}

struct Encoder<'s> {
    selected: &'s Selected,
    registers: &'s Registers,
    gaps: Gaps<'s>,
    items: Vec<Item>,
    scratch: u8,
    scratch_used: bool,
    /// How many calls there were.
    calls: usize,
    offset: u32,
}

impl Encoder<'_> {
    /// The stubs in front of block `n`. The last one falls into it, if it leads there.
    fn stubs(&mut self, n: usize) {
        let next = self.selected.blocks.get(n).map(|b| b.id);
        let mut stubs = self.gaps.take(n).into_iter().peekable();
        while let Some(stub) = stubs.next() {
            self.offset = stub.offset;
            self.push(What::Label(stub.label));
            self.moves(&stub.moves);
            if stubs.peek().is_some() || Some(stub.to) != next {
                self.jump(stub.to);
            }
        }
    }

    fn block(&mut self, n: usize, block: &MachineBlock) {
        self.offset = block.end_offset;
        self.push(What::Label(block.id.0));
        for inst in &block.insts {
            self.offset = inst.offset;
            self.inst(&inst.what);
        }
        self.offset = block.end_offset;
        match &block.end {
            End::Jump(edge) => {
                self.edge_moves(edge);
                self.jump_unless_next(n, edge.to);
            }
            End::Branch { condition, then, other } => {
                let (condition, taken, on) = self.gaps.branch(n, *condition, [then, other]);
                let label = self.gaps.label(n, taken, self.offset);
                let (first, reach) = match condition {
                    Condition::Short(op, a, b) => (op.abc(self.field(a), self.field(b), 0), Reach::Bits8),
                    Condition::Long(op, a) => match self.counted(op, self.field(a)) {
                        Some(first) => (first, Reach::Back8),
                        None => (op.a16(self.field(a), 0), Reach::Bits16),
                    },
                };
                self.push(What::Branch(first, reach, label));
                self.edge_moves(on);
                self.jump_unless_next(n, on.to);
            }
            End::Table { index, targets } => {
                // Equal ways share their moves: a table may have thousands of them.
                let mut known: HashMap<(BlockId, &[Value]), u32> = HashMap::new();
                let labels: Vec<u32> = targets
                    .iter()
                    .map(|t| {
                        let label = || self.gaps.label(n, t, self.offset);
                        *known.entry((t.to, &t.args)).or_insert_with(label)
                    })
                    .collect();
                let index = self.registers.of(*index);
                self.words(vec![Op::BrTable.a16(index, (targets.len() - 1) as u16)]);
                self.push(What::Targets(labels));
            }
            End::Return(values) => self.ret(values),
            End::Unreachable => self.words(vec![Op::Unreachable.abc(0, 0, 0)]),
        }
    }

    /// The first word of an op that counts and branches, where the op in front has just added an immediate to
    /// the register that is compared with zero. That op is taken back.
    fn counted(&mut self, op: Op, register: u8) -> Option<Word> {
        let Some(Item { what: What::Words(words), .. }) = self.items.last() else { return None };
        let [word] = words[..] else { return None };
        let [_, _, _, imm] = word.to_le_bytes();
        if op != Op::BrIf || word != Op::AddI32.abc(register, register, imm) {
            return None;
        }
        self.items.pop();
        Some(Op::BrAddI32.abc(register, imm, 0))
    }

    fn push(&mut self, what: What) {
        self.items.push(Item { what, offset: self.offset });
    }

    fn words(&mut self, words: Vec<Word>) {
        self.push(What::Words(words));
    }

    fn field(&self, slot: Slot) -> u8 {
        match slot {
            Slot::Imm(imm) => imm,
            Slot::Def(v) | Slot::Use(v) | Slot::Mut(v, _) => self.registers.of(v),
        }
    }

    fn inst(&mut self, what: &Machine) {
        match what {
            Machine::Abc(op, slots, immediates) => {
                for slot in slots {
                    if let Slot::Mut(result, before) = slot {
                        let before = From::Register(self.registers.of(*before));
                        self.moves(&[(self.registers.of(*result), before)]);
                    }
                }
                let [a, b, c] = slots.map(|s| self.field(s));
                let mut words = vec![op.abc(a, b, c)];
                words.extend(immediates);
                self.words(words);
            }
            Machine::A16(op, slot, imm) => self.words(vec![op.a16(self.field(*slot), *imm)]),
            Machine::RefFunc(result, function) => {
                self.words(vec![Op::RefFunc.a16(self.registers.of(*result), *function as u16)]);
            }
            Machine::Call { callee, args, results } => {
                let base = self.registers.bases[self.calls];
                self.calls += 1;
                let moves: Vec<Move> =
                    args.iter().zip(base + 1..).map(|(v, to)| (to, self.from(*v))).collect();
                self.moves(&moves);
                self.words(match *callee {
                    Callee::Function(function) => vec![Op::Call.a16(base, function as u16)],
                    Callee::Host(function) => vec![Op::HostCall.abc(base, function as u8, 0)],
                    Callee::Table { index, table, ty } => {
                        vec![Op::CallIndirect.abc(base, self.registers.of(index), table), ty]
                    }
                });
                let moves: Vec<Move> = results
                    .iter()
                    .zip(base + 1..)
                    .map(|(v, from)| (self.registers.of(*v), From::Register(from)))
                    .collect();
                self.moves(&moves);
            }
        }
    }

    fn from(&self, value: Value) -> From {
        match self.selected.constants[value.0 as usize] {
            Some(bits) => From::Constant(bits),
            None => From::Register(self.registers.of(value)),
        }
    }

    fn moves(&mut self, moves: &[Move]) {
        let scratch = self.scratch;
        for (to, from) in sequence(moves, scratch) {
            self.scratch_used |= to == scratch;
            match from {
                From::Register(from) => self.words(vec![Op::Copy.abc(to, from, 0)]),
                From::Constant(bits) => match load_constant(Value(0), bits) {
                    Machine::A16(op, _, imm) => self.words(vec![op.a16(to, imm)]),
                    Machine::Abc(op, _, immediates) => {
                        let mut words = vec![op.abc(to, 0, 0)];
                        words.extend(immediates);
                        self.words(words);
                    }
                    Machine::Call { .. } | Machine::RefFunc(..) => unreachable!("a constant is a number"),
                },
            }
        }
    }

    fn edge_moves(&mut self, edge: &Edge) {
        let moves = self.gaps.moves(edge);
        self.moves(&moves);
    }

    fn jump(&mut self, to: BlockId) {
        self.push(What::Branch(Op::Br.a24(0), Reach::Bits24, to.0));
    }

    /// Goes on from block `n`, over the stubs that stand behind it.
    fn jump_unless_next(&mut self, n: usize, to: BlockId) {
        let next = self.selected.blocks.get(n + 1).map(|b| b.id);
        if next != Some(to) || self.gaps.follows(n) {
            self.jump(to);
        }
    }

    fn ret(&mut self, values: &[Value]) {
        let mut last = Op::Ret.abc(0, 0, 0);
        match values {
            [] => {}
            [one] if self.selected.constants[one.0 as usize].is_none() => {
                // In its place already, most often.
                if self.registers.of(*one) != 1 {
                    last = Op::RetV.abc(self.registers.of(*one), 0, 0);
                }
            }
            many => {
                let moves: Vec<Move> = many.iter().zip(1..).map(|(v, to)| (to, self.from(*v))).collect();
                self.moves(&moves);
            }
        }
        if self.selected.spill_slots != 0 {
            self.words(vec![Op::SpillLeave.a16(0, self.selected.spill_slots)]);
        }
        self.words(vec![last]);
    }
}

/// A function with its branches resolved.
struct Linked {
    code: Vec<Word>,
    /// For each op: its first word's index, and its offset in the module.
    offsets: Vec<(u32, u32)>,
    /// The first word of each block.
    places: Vec<usize>,
}

/// Chooses the reach of each branch, then writes the words and where each op came from.
fn link(mut items: Vec<Item>, labels: u32) -> Result<Linked, usize> {
    let stubs = items.iter().filter(|i| matches!(i.what, What::Label(l) if l >= labels)).count();
    let mut places = vec![0usize; labels as usize + stubs];
    let mut total;
    loop {
        total = 0;
        for item in &items {
            match &item.what {
                What::Label(label) => places[*label as usize] = total,
                what => total += size(what),
            }
        }
        let mut at = 0;
        let mut again = false;
        let mut apart = Vec::new();
        for (n, item) in items.iter_mut().enumerate() {
            if let What::Branch(_, reach, label) = &mut item.what {
                let distance = places[*label as usize] as i64 - (at as i64 + 1);
                if !reach.fits(distance) {
                    // Branches only ever grow, so this ends.
                    match reach {
                        Reach::Back8 => apart.push(n),
                        Reach::Bits8 => *reach = Reach::Long(Bits::Eight),
                        _ => *reach = Reach::Long(Bits::Sixteen),
                    }
                    again = true;
                }
            }
            at += size(&item.what);
        }
        if !again {
            break;
        }
        for n in apart.into_iter().rev() {
            take_apart(&mut items, n);
        }
    }
    if total > limits::MAX_FUNCTION_WORDS {
        return Err(total);
    }
    let mut code: Vec<Word> = Vec::with_capacity(total);
    let mut offsets = Vec::new();
    for item in &items {
        let at = code.len();
        match &item.what {
            What::Label(_) => continue,
            What::Words(words) => code.extend(words),
            What::Branch(first, reach, label) => {
                let target = places[*label as usize] as i32;
                let distance = target - (at as i32 + 1);
                match reach {
                    Reach::Back8 => code.push(first | distance.unsigned_abs() << 24),
                    Reach::Bits8 => code.push(first | (distance as u32) << 24),
                    Reach::Bits16 => code.push(first | (distance as u32) << 16),
                    Reach::Bits24 => code.push(first | (distance as u32) << 8),
                    Reach::Long(bits) => {
                        // Taken: over the next op, to the far branch.
                        let shift = if *bits == Bits::Eight { 24 } else { 16 };
                        code.push(first | 1 << shift);
                        code.push(Op::Br.a24(1));
                        offsets.extend([(at as u32, item.offset), (at as u32 + 1, item.offset)]);
                        offsets.push((at as u32 + 2, item.offset));
                        code.push(Op::Br.a24(target - (at as i32 + 3)));
                        continue;
                    }
                }
            }
            What::Targets(labels) => {
                // The op's first word is the one before.
                let from = at as i64;
                code.extend(labels.iter().map(|l| (places[*l as usize] as i64 - from) as u32));
                continue;
            }
        }
        offsets.push((at as u32, item.offset));
    }
    Ok(Linked { code, offsets, places })
}

/// Makes the two ops of one that counts and branches.
fn take_apart(items: &mut Vec<Item>, n: usize) {
    let Item { what: What::Branch(first, _, label), offset } = items[n] else { return };
    let [_, register, imm, _] = first.to_le_bytes();
    let add = What::Words(vec![Op::AddI32.abc(register, register, imm)]);
    let branch = What::Branch(Op::BrIf.a16(register, 0), Reach::Bits16, label);
    items.splice(n..=n, [add, branch].map(|what| Item { what, offset }));
}

fn size(what: &What) -> usize {
    match what {
        What::Words(words) => words.len(),
        What::Label(_) => 0,
        What::Branch(_, reach, _) => reach.words(),
        What::Targets(labels) => labels.len(),
    }
}
