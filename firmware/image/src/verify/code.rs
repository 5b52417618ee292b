//! Code: every op of every function, in one walk for what an op says and one for where branches go.

use xmap_abi::HostFunction;
use xmap_boards::Bank;

use super::Result;
use crate::layout::{Extension, Section};
use crate::op::{Immediate, Op, Word};
use crate::parts::Parts;
use crate::shapes::{Packed, check, is_left_out, packed};
use crate::{FULL, FunctionRow, HOST_CALLS, Image, TypeRow, VerifyError, limits};

/// Starts of ops are marked for a stretch of the function at a time, so that a fixed set of bits does for
/// any function. A function has at most 65,535 words, so there are at most 16 stretches.
const STRETCH: usize = 4096;

/// What is wrong with an op.
#[derive(Clone, Copy)]
enum Wrong {
    Immediate,
    Line,
    Call,
    Global,
    Table,
}

impl Wrong {
    /// The error of the op at this place in the code section.
    const fn at(self, at: u32) -> VerifyError {
        match self {
            Self::Immediate => VerifyError::Immediate(at),
            Self::Line => VerifyError::Line(at),
            Self::Call => VerifyError::Call(at),
            Self::Global => VerifyError::Global(at),
            Self::Table => VerifyError::Table(at),
        }
    }
}

impl Image<'_> {
    /// Functions, without gaps; their ops.
    #[inline(never)]
    pub(super) fn check_code(&mut self, parts: &Parts<'_>) -> Result<()> {
        let types: &[TypeRow] = parts[Extension::Types.part()].halves();
        let mut rest = self.code;
        #[cfg(feature = "full")]
        let mut beyond = false;
        for (n, row) in self.functions.iter().enumerate() {
            let err = VerifyError::Function(n as u32);
            let start = self.code.len() - rest.len();
            let typed = match types.get(row.ty() as usize) {
                Some(ty) => (ty.params, ty.results) == (row.params(), row.results()),
                None => types.is_empty() && row.ty() == 0,
            };
            let fits = row.is_well_formed() && row.params().max(row.results()) < row.frame();
            if !(fits && typed && row.start as usize == start) {
                return Err(err);
            }
            let (code, behind) = rest.split_at_checked(row.words() as usize).ok_or(err)?;
            let mut scope = Scope::new(self, parts, row.frame(), row.results());
            scope.check_function(n as u32, row, code)?;
            #[cfg(feature = "full")]
            (beyond |= scope.beyond_integers);
            rest = behind;
        }
        #[cfg(feature = "full")]
        (self.beyond_integers = beyond);
        if rest.is_empty() { Ok(()) } else { Err(VerifyError::Section(Section::Code)) }
    }
}

/// The op at the beginning of `code`, with all its words.
fn first_op(code: &[Word]) -> Option<(Packed, &[Word])> {
    let first = *code.first()?;
    let shape = packed(first as u8)?;
    let targets = if is(shape, check::TARGETS) { (first >> 16) as usize + 1 } else { 0 };
    Some((shape, code.get(..1 + shape.words() + targets)?))
}

/// Returns why no op is at the beginning of `code`.
fn not_an_op(code: &[Word], place: u32) -> VerifyError {
    match code.first().is_some_and(|word| is_left_out(*word as u8)) {
        true => VerifyError::Unsupported,
        false => VerifyError::Opcode(place),
    }
}

/// Returns whether the upper half of the op's first word is this.
const fn is(shape: Packed, half: u32) -> bool {
    shape.fields() >> 5 & 31 == half
}

/// What the ops of one function may name.
pub(super) struct Scope<'i, 'a> {
    image: &'i Image<'a>,
    parts: &'i Parts<'a>,
    frame: u32,
    results: u8,
    /// Spill slots that the function has made room for.
    slots: u32,
    /// An op that is not for integers was there.
    beyond_integers: bool,
}

impl<'i, 'a> Scope<'i, 'a> {
    pub(super) fn new(image: &'i Image<'a>, parts: &'i Parts<'a>, frame: u8, results: u8) -> Self {
        Self { image, parts, frame: frame.into(), results, slots: 0, beyond_integers: false }
    }

    /// Every op is one that the function may have, and every branch meets the start of one. A function makes
    /// room for its spill slots once, with its first op, names only those, and gives the room back before
    /// each return; no branch meets its first op or a return then.
    fn check_function(&mut self, n: u32, row: &FunctionRow, code: &[Word]) -> Result<()> {
        let mut from = 0;
        while from < code.len() {
            let mut starts = [0u32; STRETCH / 32];
            let (mut at, mut ended, mut leaving, mut branches) = (0, false, false, false);
            while at < code.len() {
                let place = row.start + at as u32;
                let rest = code.get(at..).unwrap_or_default();
                let Some((shape, words)) = first_op(rest) else { return Err(not_an_op(rest, place)) };
                if from == 0 {
                    if is(shape, check::ENTER) && at != 0 {
                        return Err(VerifyError::Immediate(place));
                    }
                    self.check_op(place, words, shape)?;
                    if self.slots != 0 && leaving != shape.returns() {
                        return Err(VerifyError::Immediate(place));
                    }
                }
                leaving = is(shape, check::LEAVE);
                ended = shape.ends_block();
                branches |= shape.is_branch() || is(shape, check::TARGETS);
                let hidden = self.slots != 0 && (at == 0 || shape.returns());
                let bits = starts.get_mut(at.wrapping_sub(from) / 32);
                if let Some(bits) = bits.filter(|_| !hidden) {
                    *bits |= 1 << (at % 32);
                }
                at += words.len();
            }
            if !ended {
                return Err(VerifyError::End(n));
            }
            if !branches {
                break;
            }
            check_branches(row.start, code, from, &starts)?;
            from += STRETCH;
        }
        Ok(())
    }

    /// Checks everything of an op but where its branches go. `at` is its place in the code section.
    pub(super) fn check_op(&mut self, at: u32, words: &[Word], shape: Packed) -> Result<()> {
        let first = words.first().copied().unwrap_or(0);
        self.beyond_integers |= FULL && Op::is_number_beyond_integers(first as u8);
        let (image, half, a) = (self.image, first >> 16, first >> 8 & 0xff);
        let (mut fields, mut kinds) = (first >> 8, shape.fields());
        for _ in 0..3 {
            let (value, kind) = (fields & 0xff, kinds & 31);
            (fields, kinds) = (fields >> 8, kinds >> 5);
            // Most fields are registers.
            if kind.wrapping_sub(check::DEF) <= check::MUT - check::DEF {
                if value.wrapping_sub(1) >= self.frame.wrapping_sub(1) {
                    return Err(VerifyError::Register(at));
                }
                continue;
            }
            let (ok, wrong) = match kind {
                check::ZERO => (value == 0, Wrong::Immediate),
                check::LINE_IN => (image.declared.has(value), Wrong::Line),
                check::LINE_OUT => (image.writable.has(value), Wrong::Line),
                check::BANK => (image.board().board().bank(value).is_some(), Wrong::Line),
                check::TABLE if FULL => ((value as usize) < image.tables().len(), Wrong::Table),
                check::BASE => (value != 0, Wrong::Call),
                // Arguments and results of the host function fit the frame.
                check::ROW if HOST_CALLS => (
                    arity(value)
                        .is_some_and(|[params, results]| a + u32::from(params.max(results)) < self.frame),
                    Wrong::Call,
                ),
                check::BITS32 => (value < 32, Wrong::Immediate),
                check::BITS64 => (value < 64, Wrong::Immediate),
                check::ONE_RESULT => (value == 0 && self.results == 1, Wrong::Immediate),
                check::FUNCTION => {
                    // A call's parameters and results fit the frame. What is no call has no base.
                    let base = if shape.fields() & 31 == check::BASE { a } else { 0 };
                    let room = |row: &FunctionRow| {
                        base == 0 || base + u32::from(row.params().max(row.results())) < self.frame
                    };
                    (image.functions.get(half as usize).is_some_and(room), Wrong::Call)
                }
                check::GLOBAL => (
                    (half as usize) < self.parts[Section::Globals as usize].rows::<[Word; 2], 2>().len(),
                    Wrong::Global,
                ),
                check::TARGETS => (half as usize <= limits::MAX_TARGETS, Wrong::Immediate),
                check::ENTER => {
                    self.slots = half;
                    (half != 0, Wrong::Immediate)
                }
                check::LEAVE => (half == self.slots, Wrong::Immediate),
                check::SLOT => (half < self.slots, Wrong::Immediate),
                _ => (true, Wrong::Immediate),
            };
            if !ok {
                return Err(wrong.at(at));
            }
        }
        match words.get(1) {
            Some(word) => self.check_immediate(at, shape.immediate(), a, *word),
            None => Ok(()),
        }
    }

    /// Checks the word behind the first, which the shape says the meaning of.
    fn check_immediate(&self, at: u32, meaning: u32, a: u32, word: Word) -> Result<()> {
        crate::numbers! {
            u32 of Immediate {
                MASK = Mask,
                TYPE = Type,
                TABLE = Table,
                TABLES = Tables,
                TABLE_AND_ELEMENTS = TableAndElements,
                ELEMENTS = Elements,
                DATA = Data,
            }
        }
        let image = self.image;
        let tables = image.tables().len();
        // How many there are of what the halves name; of what is always zero, one.
        let (low, high) = match meaning {
            MASK => {
                let ours = |bank: Bank| word != 0 && word & !image.writable.bank(bank) == 0;
                let ok = Bank::new(a).is_some_and(ours);
                return if ok { Ok(()) } else { Err(VerifyError::Line(at)) };
            }
            // Any function of the type has its parameters and results; they must fit the frame.
            TYPE if FULL => {
                let types: &[TypeRow] = self.parts[Extension::Types.part()].halves();
                let room = |ty: &TypeRow| a + u32::from(ty.params.max(ty.results)) < self.frame;
                let ok = types.get(word as usize).is_some_and(room);
                return if ok { Ok(()) } else { Err(VerifyError::Table(at)) };
            }
            TABLE if FULL => (tables, 1),
            TABLES if FULL => (tables, tables),
            TABLE_AND_ELEMENTS if FULL => (tables, image.passive_elements().len()),
            ELEMENTS if FULL => (image.passive_elements().len(), 1),
            DATA if FULL => (image.passive_data().len(), 1),
            // A number.
            _ => return Ok(()),
        };
        let ok = ((word & 0xffff) as usize) < low && ((word >> 16) as usize) < high;
        if ok { Ok(()) } else { Err(VerifyError::Table(at)) }
    }
}

/// The numbers of rows up to the last one.
const NUMBERS: usize = HostFunction::ALL[HostFunction::ALL.len() - 1] as usize + 1;

/// How many parameters and results each host function has that `host_call` names by its row: more than a
/// frame holds where it is none.
static ARITY: [[u8; 2]; NUMBERS] = {
    let mut all = [[u8::MAX; 2]; NUMBERS];
    let mut n = 0;
    while n < all.len() {
        if let Some(arity) = HostFunction::arity(n as u8) {
            all[n] = arity;
        }
        n += 1;
    }
    all
};

/// Parameters and results of a row.
pub(super) fn arity(row: u32) -> Option<[u8; 2]> {
    ARITY.get(row as usize).copied()
}

/// Every branch of a function into the stretch at `from` meets an op that is marked, and none leaves the
/// function.
fn check_branches(start: u32, code: &[Word], from: usize, starts: &[u32; STRETCH / 32]) -> Result<()> {
    let mut at = 0;
    while let Some((shape, words)) = code.get(at..).and_then(first_op) {
        let [first, behind @ ..] = words else { break };
        let one = shape.branch(*first).map(|offset| offset as Word);
        let offsets = if is(shape, check::TARGETS) { behind } else { one.as_slice() };
        for offset in offsets {
            let target = (at as i64 + 1 + i64::from(*offset as i32)) as usize;
            let bits = starts.get(target.wrapping_sub(from) / 32);
            let meets = bits.is_none_or(|bits| bits >> (target % 32) & 1 != 0);
            if target >= code.len() || !meets {
                return Err(VerifyError::Branch(start + at as u32));
            }
        }
        at += words.len();
    }
    Ok(())
}
