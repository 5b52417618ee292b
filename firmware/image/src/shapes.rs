//! The shapes of all ops as a table, for the verifier: what `op.rs` says of each, packed into a word.

use crate::op::{Field, Fields, Immediate, Op, Shape, Word};
use crate::{FULL, HOST_CALLS};

/// What a field of an op must be: [`Field`], and what stands in the upper half of a word. Number for
/// number the same where both have it, so that a shape is packed without a table of its own.
pub(crate) mod check {
    use crate::op::Field;

    crate::numbers! {
        pub(crate) u32 of Field {
            ZERO = Zero,
            DEF = Def,
            USE = Use,
            MUT = Mut,
            /// Any byte.
            ANY = U8,
            LINE_IN = LineIn,
            LINE_OUT = LineOut,
            BANK = Bank,
            TABLE = Table,
            BASE = Base,
            ARGS = Args,
            ROW = Row,
        }
    }
    /// A number of bits by which an i32 is shifted.
    pub(crate) const BITS32: u32 = 16;
    /// A number of bits by which an i64 is shifted.
    pub(crate) const BITS64: u32 = 17;
    /// Zero, in a function of one result.
    pub(crate) const ONE_RESULT: u32 = 18;
    /// The index of a function, in the upper half.
    pub(crate) const FUNCTION: u32 = 19;
    /// The index of a global, in the upper half.
    pub(crate) const GLOBAL: u32 = 20;
    /// The number of targets of a `br_table`, in the upper half.
    pub(crate) const TARGETS: u32 = 21;
    /// Room for spill slots, in the upper half.
    pub(crate) const ENTER: u32 = 22;
    /// The same, given back.
    pub(crate) const LEAVE: u32 = 23;
    /// A spill slot, in the upper half.
    pub(crate) const SLOT: u32 = 24;
}

/// Stands for a shift in [`Packed`]: the upper byte is how far back a branch leads.
const BACK: u32 = 25;

/// A shape in a word, from the lowest bit: what the three fields must be (5 bits each), the number of words
/// behind the first (2), what the first of them means (3), by how much the first word is shifted to give the
/// offset of a branch (5; 0 for no branch, [`BACK`] for one that only leads back), whether the op ends a
/// block (1), whether it returns (1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed(u32);

impl Packed {
    /// Returns what the fields must be, 5 bits each, and more above.
    #[inline(always)]
    pub(crate) const fn fields(self) -> u32 {
        self.0
    }

    /// Returns how many words follow the first; the targets of a `br_table` are not counted.
    #[inline(always)]
    pub(crate) const fn words(self) -> usize {
        (self.0 >> 15 & 3) as usize
    }

    /// Returns what the first word behind means, as [`Immediate`] has it.
    #[inline(always)]
    pub(crate) const fn immediate(self) -> u32 {
        self.0 >> 17 & 7
    }

    /// The offset of the branch that the first word is, if this is an op with one.
    #[inline(always)]
    pub(crate) const fn branch(self, first: Word) -> Option<i32> {
        match self.0 >> 20 & 31 {
            0 => None,
            BACK => Some(-((first >> 24) as i32)),
            shift => Some(first as i32 >> shift),
        }
    }

    /// Returns whether it is an op with a branch, the targets of a `br_table` left out.
    #[inline(always)]
    pub(crate) const fn is_branch(self) -> bool {
        self.0 >> 20 & 31 != 0
    }

    /// Returns whether control never goes on to the op behind it.
    #[inline(always)]
    pub(crate) const fn ends_block(self) -> bool {
        self.0 >> 25 & 1 != 0
    }

    /// Returns whether it leaves the function.
    #[inline(always)]
    pub(crate) const fn returns(self) -> bool {
        self.0 >> 26 & 1 != 0
    }

    const fn of(op: Op) -> Self {
        let Shape { fields, words, word } = op.shape();
        let half = match op {
            Op::SpillEnter => check::ENTER,
            Op::SpillLeave => check::LEAVE,
            _ => check::SLOT,
        };
        // A field that is part of another one's half.
        const REST: u32 = check::ANY;
        let [a, b, c] = match fields {
            Fields::Abc(a, b, c) => [a as u32, b as u32, c as u32],
            Fields::I16(a) | Fields::U16(a) | Fields::Off16(a) => [a as u32, REST, REST],
            Fields::Off24 => [REST, REST, REST],
            Fields::Func(a) => [a as u32, check::FUNCTION, REST],
            Fields::Global(a) => [a as u32, check::GLOBAL, REST],
            Fields::Spill(a) => [a as u32, half, REST],
            Fields::Targets(a) => [a as u32, check::TARGETS, REST],
        };
        let [b, c] = match op {
            Op::ShlI32 | Op::ShrSI32 | Op::ShrUI32 | Op::RotlI32 | Op::XorShrI32 => [b, check::BITS32],
            Op::ShlI64 | Op::ShrSI64 | Op::ShrUI64 | Op::RotlI64 => [b, check::BITS64],
            Op::RetV => [check::ONE_RESULT, c],
            _ => [b, c],
        };
        let branch = match fields {
            Fields::Off24 => 8,
            Fields::Off16(_) => 16,
            Fields::Abc(_, _, Field::Off8) => 24,
            Fields::Abc(_, _, Field::Back8) => BACK,
            _ => 0,
        };
        let returns = matches!(op, Op::Ret | Op::RetV);
        Self(
            a | b << 5
                | c << 10
                | (words as u32) << 15
                | (word as u32) << 17
                | branch << 20
                | (op.ends_block() as u32) << 25
                | (returns as u32) << 26,
        )
    }
}

/// No op.
const NONE: u8 = u8::MAX;

/// An op that this build does without.
const LEFT_OUT: u8 = NONE - 1;

/// Returns whether this build does without an op.
const fn is_op_left_out(op: Op) -> bool {
    !FULL && op.is_beyond_integers() || !HOST_CALLS && op as u8 == Op::HostCall as u8
}

/// The number of each opcode's shape, room for the shapes, and how many there are.
const fn table() -> ([u8; 256], [Packed; 256], usize) {
    let mut numbers = [NONE; 256];
    let mut shapes = [Packed(0); 256];
    let mut used = 0;
    let mut n = 0;
    while n < Op::ALL.len() {
        let op = Op::ALL[n];
        n += 1;
        if is_op_left_out(op) {
            numbers[op as usize] = LEFT_OUT;
            continue;
        }
        let packed = Packed::of(op);
        let mut at = 0;
        while at < used && shapes[at].0 != packed.0 {
            at += 1;
        }
        if at == used {
            shapes[used] = packed;
            used += 1;
        }
        numbers[op as usize] = at as u8;
    }
    (numbers, shapes, used)
}

/// How many shapes there are: far fewer than ops.
const SHAPES: usize = table().2;

/// The number of each opcode's shape.
static NUMBERS: [u8; 256] = table().0;

/// The shapes.
static PACKED: [Packed; SHAPES] = {
    let mut packed = [Packed(0); SHAPES];
    let mut n = 0;
    while n < SHAPES {
        packed[n] = table().1[n];
        n += 1;
    }
    packed
};

/// The shape of the op with this number, if there is one.
#[inline(always)]
pub(crate) fn packed(opcode: u8) -> Option<Packed> {
    PACKED.get(usize::from(NUMBERS[usize::from(opcode)])).copied()
}

/// Returns whether this is the number of an op that this build does without.
pub(crate) fn is_left_out(opcode: u8) -> bool {
    !(FULL && HOST_CALLS) && NUMBERS[usize::from(opcode)] == LEFT_OUT
}

const _: () = assert!(Field::Row as u32 <= 15 && Immediate::Data as u32 <= 7);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_op_has_its_shape_and_nothing_else_has_one() {
        for byte in 0..=u8::MAX {
            let op = Op::from_u8(byte).filter(|op| !is_op_left_out(*op));
            let expected = op.map(Packed::of);
            assert_eq!(is_left_out(byte), op.is_none() && Op::from_u8(byte).is_some());
            assert_eq!(packed(byte), expected, "{byte:#04x}");
            if let (Some(op), Some(packed)) = (Op::from_u8(byte), expected) {
                assert_eq!(packed.words(), usize::from(op.shape().words));
                assert_eq!(packed.immediate(), op.shape().word as u32);
                assert_eq!(packed.ends_block(), op.ends_block());
            }
        }
    }
}
