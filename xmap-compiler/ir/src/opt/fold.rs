//! Constant folding, copy propagation, identities and the removal of repeated computations, in one
//! walk over the blocks.

use std::collections::{BTreeMap, HashMap};

use xmap_abi::HostFunction;

use super::ParamRanges;
use super::range::largest;
use crate::work::Exhausted;
use crate::{Binary, BlockId, Compare, Func, Inst, Kind, Term, Unary, Value, Width};

/// Returns whether anything changed.
pub(super) fn fold(func: &mut Func, ranges: &ParamRanges) -> Result<bool, Exhausted> {
    let mut folding = Folding {
        is: (0..func.values() as u32).map(Value).collect(),
        definitions: vec![None; func.values()],
        largest: vec![u64::MAX; func.values()],
        changed: false,
        func,
    };
    for (param, range) in folding.func.params.clone().into_iter().zip(ranges) {
        folding.largest[param.0 as usize] = *range;
    }
    let known = Known::of(folding.func);
    folding.run(known)?;
    Ok(folding.changed)
}

/// Computations that were seen, with their values. What a block has computed holds in those that are only
/// reached through it: blocks with one predecessor are a tree, and each block is a stretch of its numbering.
struct Known {
    /// For each block: its first number, and the last one below it in the tree.
    stretches: Vec<(u32, u32)>,
    /// A number for each computation.
    computations: HashMap<Computation, u32>,
    /// By computation and first number of a block: the block's last number, and the value.
    values: BTreeMap<(u32, u32), (u32, Value)>,
}

/// An operation on at most three operands.
type Computation = (Kind, [Value; 3]);

impl Known {
    fn of(func: &Func) -> Self {
        let predecessors = func.predecessors();
        let order = func.order();
        let mut place = vec![usize::MAX; func.blocks.len()];
        order.iter().enumerate().for_each(|(n, id)| place[id.0 as usize] = n);
        // The blocks that are reached through a block alone and stand behind it, the last one first.
        let mut children: Vec<Vec<BlockId>> = vec![Vec::new(); func.blocks.len()];
        let mut roots = Vec::new();
        for (n, id) in order.iter().enumerate().rev() {
            match &predecessors[id.0 as usize][..] {
                [one] if place[one.0 as usize] < n => children[one.0 as usize].push(*id),
                _ => roots.push(*id),
            }
        }
        let mut stretches = vec![(0, 0); func.blocks.len()];
        let (mut next, mut open) = (0, Vec::new());
        let mut pending = roots;
        while let Some(id) = pending.pop() {
            if open.last() == Some(&id) {
                // All below it have their numbers.
                open.pop();
                stretches[id.0 as usize].1 = next - 1;
                continue;
            }
            stretches[id.0 as usize].0 = next;
            next += 1;
            open.push(id);
            pending.push(id);
            pending.extend(&children[id.0 as usize]);
        }
        Self { stretches, computations: HashMap::new(), values: BTreeMap::new() }
    }

    /// The value of a computation in a block, where it is known; else it is `new` from here on.
    fn value(&mut self, block: BlockId, computation: Computation, new: Value) -> Option<Value> {
        let numbers = self.computations.len() as u32;
        let number = *self.computations.entry(computation).or_insert(numbers);
        let (first, last) = self.stretches[block.0 as usize];
        let before = self.values.range(..=(number, first)).next_back();
        if let Some(((known, _), (end, value))) = before
            && *known == number
            && *end >= first
        {
            return Some(*value);
        }
        self.values.insert((number, first), (last, new));
        None
    }
}

/// Where a computation has no operand.
const NO_VALUE: Value = Value(u32::MAX);

struct Folding<'f> {
    func: &'f mut Func,
    /// The value that each value turned out to be.
    is: Vec<Value>,
    /// The instruction with two operands that defines a value, operands folded.
    definitions: Vec<Option<(Kind, [Value; 2])>>,
    /// The largest value of each value.
    largest: Vec<u64>,
    changed: bool,
}

/// What became of an instruction.
enum Folded {
    /// It stays, perhaps changed.
    Stays,
    /// Its value is another value.
    Is(Value),
    /// Its value is a constant.
    Bits(u64),
}

impl Folding<'_> {
    fn run(&mut self, mut known: Known) -> Result<(), Exhausted> {
        for id in self.func.order() {
            let block = self.func.at(id);
            let steps = 4 + 8 * block.insts.len() + block.term.edges().map(|e| e.args.len()).sum::<usize>();
            self.func.work.spend(steps)?;
            self.block(id, &mut known);
        }
        let is = std::mem::take(&mut self.is);
        self.func.replace_with(is);
        Ok(())
    }

    fn block(&mut self, id: BlockId, known: &mut Known) {
        let insts = std::mem::take(&mut self.func.at_mut(id).insts);
        let mut kept = Vec::with_capacity(insts.len());
        for mut inst in insts {
            inst.args.iter_mut().for_each(|v| *v = resolve(&self.is, *v));
            match self.inst(&mut inst) {
                Folded::Is(value) => {
                    self.is[inst.results[0].0 as usize] = value;
                    self.changed = true;
                    continue;
                }
                Folded::Bits(bits) => {
                    self.func.set_constant(inst.results[0], bits);
                    self.changed = true;
                    continue;
                }
                Folded::Stays => {}
            }
            if inst.kind.is_function_of_operands() {
                let mut args = [NO_VALUE; 3];
                args.iter_mut().zip(&inst.args).for_each(|(to, v)| *to = self.constant_as_one(*v));
                if let Some(value) = known.value(id, (inst.kind, args), inst.results[0]) {
                    self.is[inst.results[0].0 as usize] = value;
                    self.changed = true;
                    continue;
                }
            }
            if let [result] = inst.results[..] {
                let mut args = [0; 3];
                args.iter_mut().zip(&inst.args).for_each(|(to, v)| *to = self.largest(*v));
                let count = inst.args.len().min(3);
                self.largest[result.0 as usize] = largest(inst.kind, &args[..count]);
                if let [a, b] = inst.args[..] {
                    self.definitions[result.0 as usize] = Some((inst.kind, [a, b]));
                }
            }
            kept.push(inst);
        }
        self.func.at_mut(id).insts = kept;
        let mut term = self.func.at(id).term.clone();
        term.args_mut().iter_mut().for_each(|v| *v = resolve(&self.is, *v));
        if let Term::Branch { compare, width, args, then, other } = &mut term {
            let before = (*compare, *width, *args);
            match self.compare(*compare, *width, *args) {
                Compared::Bits(holds) => {
                    let edge = if holds { then.clone() } else { other.clone() };
                    term = Term::Jump(edge);
                    self.changed = true;
                }
                Compared::Stays(new_compare, new_width, new_args) => {
                    (*compare, *width, *args) = (new_compare, new_width, new_args);
                    self.changed |= before.0 != new_compare || !self.same(&before.2, &new_args);
                }
            }
        }
        self.func.at_mut(id).term = term;
    }

    fn same(&self, a: &[Value], b: &[Value]) -> bool {
        let one = |v: &Value| self.constant_as_one(*v);
        a.iter().map(one).eq(b.iter().map(one))
    }

    /// Values that are equal constants become one value, so that computations can be compared.
    fn constant_as_one(&self, value: Value) -> Value {
        match self.func.as_constant(value) {
            // Numbers beyond those of real values. Large constants stay as they are: a repeated
            // computation with one is then not recognised, which costs an op and no more.
            Some(bits) if bits < 1 << 30 => Value(1 << 31 | bits as u32),
            _ => value,
        }
    }

    fn constant(&self, value: Value) -> Option<u64> {
        self.func.as_constant(value)
    }

    fn largest(&self, value: Value) -> u64 {
        self.constant(value).unwrap_or_else(|| self.largest[value.0 as usize])
    }

    fn new_constant(&mut self, bits: u64) -> Value {
        let value = self.func.constant(bits);
        self.is.push(value);
        self.definitions.push(None);
        self.largest.push(bits);
        value
    }

    fn definition(&self, value: Value) -> Option<(Kind, [Value; 2])> {
        self.definitions[value.0 as usize]
    }

    fn inst(&mut self, inst: &mut Inst) -> Folded {
        match inst.kind {
            Kind::Binary(op, width) => self.binary(op, width, inst),
            Kind::Unary(op) => self.unary(op, inst.args[0]),
            Kind::Compare(compare, width) => {
                match self.compare(compare, width, [inst.args[0], inst.args[1]]) {
                    Compared::Bits(holds) => Folded::Bits(u64::from(holds)),
                    // `x != 0` of what is 0 or 1 already.
                    Compared::Stays(Compare::Ne, _, [x, zero])
                        if self.constant(zero) == Some(0) && self.largest(x) <= 1 =>
                    {
                        Folded::Is(x)
                    }
                    Compared::Stays(compare, width, args) => {
                        inst.kind = Kind::Compare(compare, width);
                        inst.args = args.to_vec();
                        Folded::Stays
                    }
                }
            }
            Kind::Select => self.select(inst),
            Kind::Load(load, offset) => {
                inst.kind = Kind::Load(load, self.merge_offset(inst, offset));
                Folded::Stays
            }
            Kind::Store(store, offset) => {
                inst.kind = Kind::Store(store, self.merge_offset(inst, offset));
                Folded::Stays
            }
            // Any value but zero is high, so `x != 0` says no more than `x`.
            Kind::Host(HostFunction::GpioSet | HostFunction::GpioDirection) => {
                while let Some((Kind::Compare(Compare::Ne, Width::W32), [x, zero])) =
                    self.definition(inst.args[1])
                    && self.constant(zero) == Some(0)
                {
                    inst.args[1] = x;
                    self.changed = true;
                }
                Folded::Stays
            }
            _ => Folded::Stays,
        }
    }

    /// Moves a constant that is added to an address into the offset, where the sum cannot wrap.
    fn merge_offset(&mut self, inst: &mut Inst, mut offset: u32) -> u32 {
        while let Some((Kind::Binary(Binary::Add, Width::W32), [x, c])) = self.definition(inst.args[0])
            && let Some(c) = self.constant(c)
            && let Some(sum) = self.largest(x).checked_add(c)
            && sum <= u64::from(u32::MAX)
            && let Some(more) = offset.checked_add(c as u32)
        {
            inst.args[0] = x;
            offset = more;
            self.changed = true;
        }
        offset
    }

    fn binary(&mut self, mut op: Binary, width: Width, inst: &mut Inst) -> Folded {
        use Binary::{Add, And, DivU, Mul, Or, RemU, Rotl, Rotr, Shl, ShrS, ShrU, Sub, Xor};
        let [mut a, mut b] = [inst.args[0], inst.args[1]];
        let (ca, cb) = (self.constant(a), self.constant(b));
        if let (Some(x), Some(y)) = (ca, cb) {
            if let Some(bits) = evaluate(op, width, x, y) {
                return Folded::Bits(bits);
            }
            return Folded::Stays;
        }
        // Constants stand on the right.
        if ca.is_some() && matches!(op, Add | Mul | And | Or | Xor) {
            (a, b) = (b, a);
        }
        let all = mask(width);
        if let Some(c) = self.constant(b) {
            let known = self.largest(a);
            match (op, c) {
                (Add | Sub | Or | Xor, 0) | (Mul | DivU, 1) => return Folded::Is(a),
                (Shl | ShrS | ShrU | Rotl | Rotr, c) if c & (bits(width) - 1) == 0 => return Folded::Is(a),
                (And | Mul, 0) | (RemU, 1) => return Folded::Bits(0),
                // Nothing of the operand is masked off.
                (And, c) if c == all || (c & (c + 1) == 0 && known <= c) => return Folded::Is(a),
                (Or, c) if c == all => return Folded::Bits(all),
                (Sub, c) => {
                    op = Add;
                    b = self.new_constant(c.wrapping_neg() & all);
                }
                (DivU, c) if c.is_power_of_two() => {
                    op = ShrU;
                    b = self.new_constant(u64::from(c.trailing_zeros()));
                }
                (RemU, c) if c.is_power_of_two() => {
                    op = And;
                    b = self.new_constant(c - 1);
                }
                (Mul, c) if c.is_power_of_two() => {
                    op = Shl;
                    b = self.new_constant(u64::from(c.trailing_zeros()));
                }
                (Rotr, c) => {
                    op = Rotl;
                    b = self.new_constant((bits(width) - (c & (bits(width) - 1))) & (bits(width) - 1));
                }
                _ => {}
            }
            // `(x op c1) op c2` is `x op (c1 op c2)` for what is associative.
            if matches!(op, Add | And | Or | Xor | Mul)
                && let Some((Kind::Binary(inner, inner_width), [x, c1])) = self.definition(a)
                && (inner, inner_width) == (op, width)
                && let (Some(c1), Some(c2)) = (self.constant(c1), self.constant(b))
            {
                let both = evaluate(op, width, c1, c2).expect("these operations do not trap");
                a = x;
                b = self.new_constant(both);
                self.changed = true;
            }
        } else if a == b {
            match op {
                Sub | Xor => return Folded::Bits(0),
                And | Or => return Folded::Is(a),
                _ => {}
            }
        }
        let before = (inst.kind, inst.args.clone());
        inst.kind = Kind::Binary(op, width);
        inst.args = vec![a, b];
        self.changed |= before.0 != inst.kind || !self.same(&before.1, &inst.args);
        Folded::Stays
    }

    fn unary(&mut self, op: Unary, arg: Value) -> Folded {
        if let Some(x) = self.constant(arg) {
            return Folded::Bits(evaluate_unary(op, x));
        }
        let known = self.largest(arg);
        let unchanged = match op {
            Unary::Wrap => known <= u64::from(u32::MAX),
            Unary::Ext8S(_) => known < 1 << 7,
            Unary::Ext16S(_) => known < 1 << 15,
            Unary::Ext32S => known < 1 << 31,
            _ => false,
        };
        if unchanged { Folded::Is(arg) } else { Folded::Stays }
    }

    fn select(&mut self, inst: &mut Inst) -> Folded {
        let [condition, then, other] = [inst.args[0], inst.args[1], inst.args[2]];
        if let Some(c) = self.constant(condition) {
            return Folded::Is(if c as u32 != 0 { then } else { other });
        }
        if self.same(&[then], &[other]) {
            return Folded::Is(then);
        }
        match (self.constant(then), self.constant(other)) {
            (Some(1), Some(0)) => {
                let zero = self.new_constant(0);
                inst.kind = Kind::Compare(Compare::Ne, Width::W32);
                inst.args = vec![condition, zero];
                self.changed = true;
                self.inst(inst)
            }
            (Some(0), Some(1)) => {
                let zero = self.new_constant(0);
                inst.kind = Kind::Compare(Compare::Eq, Width::W32);
                inst.args = vec![condition, zero];
                self.changed = true;
                self.inst(inst)
            }
            _ => {
                // The condition of a comparison with zero is what is compared.
                match self.definition(condition) {
                    Some((Kind::Compare(Compare::Ne, Width::W32), [x, zero]))
                        if self.constant(zero) == Some(0) =>
                    {
                        inst.args[0] = x;
                        self.changed = true;
                    }
                    Some((Kind::Compare(Compare::Eq, Width::W32), [x, zero]))
                        if self.constant(zero) == Some(0) =>
                    {
                        inst.args = vec![x, other, then];
                        self.changed = true;
                    }
                    _ => {}
                }
                Folded::Stays
            }
        }
    }

    /// Decides a comparison, or brings it into its shortest form: constants on the right where the
    /// comparison allows it, and comparisons of comparisons resolved.
    fn compare(&mut self, mut compare: Compare, mut width: Width, args: [Value; 2]) -> Compared {
        use Compare::{Eq, LeS, LeU, LtS, LtU, Ne};
        let [mut a, mut b] = args;
        for _ in 0..8 {
            let (ca, cb) = (self.constant(a), self.constant(b));
            if let (Some(x), Some(y)) = (ca, cb) {
                return Compared::Bits(holds(compare, width, x, y));
            }
            if a == b {
                return Compared::Bits(matches!(compare, Eq | LeS | LeU));
            }
            if ca.is_some() && matches!(compare, Eq | Ne) {
                (a, b) = (b, a);
                continue;
            }
            let most = mask(width);
            match (compare, ca, cb) {
                (LtU, None, Some(0)) | (LtU, Some(_), None) if ca == Some(most) || cb == Some(0) => {
                    return Compared::Bits(false);
                }
                (LtU, None, Some(c)) if self.largest(a) < c => return Compared::Bits(true),
                (LtU, None, Some(1)) => (compare, b) = (Eq, self.new_constant(0)),
                (LtU, Some(0), None) => (compare, a, b) = (Ne, b, a),
                (LeU, None, Some(c)) if c == most => return Compared::Bits(true),
                (LeU, Some(0), None) => return Compared::Bits(true),
                (LeU, None, Some(c)) => (compare, b) = (LtU, self.new_constant(c + 1)),
                (LeU, Some(c), None) => (compare, a) = (LtU, self.new_constant(c - 1)),
                (LeS, None, Some(c)) if c == most >> 1 => return Compared::Bits(true),
                (LeS, Some(c), None) if c == (most >> 1) + 1 => return Compared::Bits(true),
                (LeS, None, Some(c)) => (compare, b) = (LtS, self.new_constant(c.wrapping_add(1) & most)),
                (LeS, Some(c), None) => (compare, a) = (LtS, self.new_constant(c.wrapping_sub(1) & most)),
                // What has no sign bit compares alike either way; unsigned has the shorter ops.
                (LtS, None, Some(c)) if c <= most >> 1 && self.largest(a) <= most >> 1 => compare = LtU,
                (LtS, Some(c), None) if c <= most >> 1 && self.largest(b) <= most >> 1 => compare = LtU,
                (Eq | Ne, None, Some(0)) => {
                    // `(x cmp y) == 0` is the opposite comparison, `!= 0` is itself.
                    match self.definition(a) {
                        Some((Kind::Compare(inner, inner_width), [x, y])) => {
                            let (inner, swap) = if compare == Ne { (inner, false) } else { opposite(inner) };
                            (compare, width) = (inner, inner_width);
                            (a, b) = if swap { (y, x) } else { (x, y) };
                        }
                        _ => break,
                    }
                }
                _ => break,
            }
        }
        Compared::Stays(compare, width, [a, b])
    }
}

enum Compared {
    Bits(bool),
    Stays(Compare, Width, [Value; 2]),
}

/// The comparison that holds where this one does not, and whether its operands are exchanged.
pub fn opposite(compare: Compare) -> (Compare, bool) {
    match compare {
        Compare::Eq => (Compare::Ne, false),
        Compare::Ne => (Compare::Eq, false),
        Compare::LtS => (Compare::LeS, true),
        Compare::LtU => (Compare::LeU, true),
        Compare::LeS => (Compare::LtS, true),
        Compare::LeU => (Compare::LtU, true),
    }
}

fn resolve(is: &[Value], mut value: Value) -> Value {
    while is[value.0 as usize] != value {
        value = is[value.0 as usize];
    }
    value
}

fn bits(width: Width) -> u64 {
    match width {
        Width::W32 => 32,
        Width::W64 => 64,
    }
}

fn mask(width: Width) -> u64 {
    match width {
        Width::W32 => u64::from(u32::MAX),
        Width::W64 => u64::MAX,
    }
}

/// Returns whether a comparison of two constants holds.
pub fn holds(compare: Compare, width: Width, x: u64, y: u64) -> bool {
    let signed = |v: u64| match width {
        Width::W32 => i64::from(v as u32 as i32),
        Width::W64 => v as i64,
    };
    match compare {
        Compare::Eq => x == y,
        Compare::Ne => x != y,
        Compare::LtU => x < y,
        Compare::LeU => x <= y,
        Compare::LtS => signed(x) < signed(y),
        Compare::LeS => signed(x) <= signed(y),
    }
}

/// The result of an operation on constants; none where it traps.
fn evaluate(op: Binary, width: Width, x: u64, y: u64) -> Option<u64> {
    macro_rules! evaluate {
        ($unsigned:ty, $signed:ty) => {{
            let (x, y) = (x as $unsigned, y as $unsigned);
            let (sx, sy) = (x as $signed, y as $signed);
            u64::from(match op {
                Binary::Add => x.wrapping_add(y),
                Binary::Sub => x.wrapping_sub(y),
                Binary::Mul => x.wrapping_mul(y),
                Binary::DivS => sx.checked_div(sy)? as $unsigned,
                Binary::DivU => x.checked_div(y)?,
                Binary::RemS if sy == 0 => return None,
                Binary::RemS => sx.wrapping_rem(sy) as $unsigned,
                Binary::RemU => x.checked_rem(y)?,
                Binary::And => x & y,
                Binary::Or => x | y,
                Binary::Xor => x ^ y,
                Binary::Shl => x.wrapping_shl(y as u32),
                Binary::ShrS => sx.wrapping_shr(y as u32) as $unsigned,
                Binary::ShrU => x.wrapping_shr(y as u32),
                Binary::Rotl => x.rotate_left((y % <$unsigned>::BITS as $unsigned) as u32),
                Binary::Rotr => x.rotate_right((y % <$unsigned>::BITS as $unsigned) as u32),
            })
        }};
    }
    Some(match width {
        Width::W32 => evaluate!(u32, i32),
        Width::W64 => evaluate!(u64, i64),
    })
}

fn evaluate_unary(op: Unary, x: u64) -> u64 {
    let extended = |bits: i64, width| match width {
        Width::W32 => u64::from(bits as u32),
        Width::W64 => bits as u64,
    };
    match op {
        Unary::Clz(Width::W32) => u64::from((x as u32).leading_zeros()),
        Unary::Clz(Width::W64) => u64::from(x.leading_zeros()),
        Unary::Ctz(Width::W32) => u64::from((x as u32).trailing_zeros()),
        Unary::Ctz(Width::W64) => u64::from(x.trailing_zeros()),
        Unary::Popcnt => u64::from(x.count_ones()),
        Unary::Ext8S(width) => extended(i64::from(x as i8), width),
        Unary::Ext16S(width) => extended(i64::from(x as i16), width),
        Unary::Ext32S => i64::from(x as i32) as u64,
        Unary::Wrap => u64::from(x as u32),
    }
}
