//! What registers hold while the checker walks through an op: terms over the window's registers as they are
//! when the op begins. Terms that are equal have one number, so that results are compared by numbers.

use super::Why;

/// The number of a term.
pub(super) type Id = u16;

/// What a register holds of which nothing is known.
pub(super) const UNKNOWN: Id = 0;

/// Returns what a register of the window holds when the op begins.
pub(super) const fn window(register: u8) -> Id {
    register as Id
}

/// Returns what a machine register that the code only reads holds.
pub(super) const fn fixed(machine: u32) -> Id {
    256 + machine as Id
}

/// The first number of a term that is not one of those.
const FIRST: Id = 256 + 32;

/// An instruction's word without its registers is the kind of what it computes; these are no instruction's.
pub(super) mod kind {
    /// A number.
    pub(crate) const NUMBER: u32 = 1;
    /// The lower half, zero-extended.
    pub(crate) const LOWER: u32 = 2;
    /// The lower half, sign-extended.
    pub(crate) const SIGNED: u32 = 3;
    /// What `memory.size` says.
    pub(crate) const PAGES: u32 = 4;
    /// A global.
    pub(crate) const GLOBAL: u32 = 5;
    /// The address of an instruction.
    pub(crate) const PLACE: u32 = 6;
    /// The code of a function that was looked up, its words, and the flags that say whether it was found.
    pub(crate) const FOUND_CODE: u32 = 7;
    pub(crate) const FOUND_WORDS: u32 = 8;
    pub(crate) const FOUND: u32 = 9;

    pub(crate) const X: u32 = 1 << 31;
    pub(crate) const ADD: u32 = 0x0b00_0000;
    pub(crate) const SUB: u32 = 0x4b00_0000;
    pub(crate) const ADDS: u32 = 0x2b00_0000;
    pub(crate) const SUBS: u32 = 0x6b00_0000;
    pub(crate) const AND: u32 = 0x0a00_0000;
    pub(crate) const ORR: u32 = 0x2a00_0000;
    pub(crate) const EOR: u32 = 0x4a00_0000;
    /// A comparison where there was no carry before, else flags that say greater.
    pub(crate) const CCMP_NO_CARRY: u32 = 0xfa40_3000;
}

/// A term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) kind: u32,
    pub(super) of: [Id; 3],
    pub(super) number: u64,
}

/// Terms of one op.
const ROOM: usize = 96;

/// The terms of the op that is checked.
pub(super) struct Terms {
    all: [Term; ROOM],
    len: usize,
}

impl Terms {
    pub(super) const fn new() -> Self {
        Self { all: [Term { kind: 0, of: [0; 3], number: 0 }; ROOM], len: 0 }
    }

    /// Forgets all terms.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The term with a number; one of no kind for what a register holds when the op begins.
    pub(super) fn get(&self, id: Id) -> Term {
        let index = usize::from(id).checked_sub(usize::from(FIRST));
        index.and_then(|index| self.all.get(index)).copied().unwrap_or_default()
    }

    fn intern(&mut self, term: Term) -> Result<Id, Why> {
        let known = self.all.get(..self.len).unwrap_or_default();
        let index = match known.iter().position(|other| *other == term) {
            Some(index) => index,
            None => {
                *self.all.get_mut(self.len).ok_or(Why::Long)? = term;
                self.len += 1;
                self.len - 1
            }
        };
        Ok(FIRST + index as Id)
    }

    /// A term of other terms as it stands.
    pub(super) fn raw(&mut self, kind: u32, of: [Id; 3]) -> Result<Id, Why> {
        self.intern(Term { kind, of, number: 0 })
    }

    /// A term with a number of its own.
    pub(super) fn numbered(&mut self, kind: u32, number: u64) -> Result<Id, Why> {
        self.intern(Term { kind, of: [0; 3], number })
    }

    pub(super) fn number(&mut self, number: u64) -> Result<Id, Why> {
        self.numbered(kind::NUMBER, number)
    }

    /// The number that a term is, if it is one.
    pub(super) fn as_number(&self, id: Id) -> Option<u64> {
        let term = self.get(id);
        (term.kind == kind::NUMBER).then_some(term.number)
    }

    /// Returns whether no bit from 32 up is set, whatever the registers hold.
    pub(super) fn is_narrow(&self, id: Id) -> bool {
        let Term { kind, number, .. } = self.get(id);
        match kind {
            0 | kind::SIGNED | kind::GLOBAL | kind::PLACE | kind::FOUND_CODE | kind::FOUND => false,
            kind::NUMBER => number >> 32 == 0,
            kind::LOWER | kind::PAGES | kind::FOUND_WORDS => true,
            // A load by two registers: those of less than eight bytes that extend to 32 bits or by zero.
            _ if kind & 0x3f20_0c00 == 0x3820_0800 => kind >> 30 != 3 && kind >> 22 & 3 != 2,
            _ => kind & kind::X == 0,
        }
    }

    /// The lower half, zero-extended.
    pub(super) fn lower(&mut self, id: Id) -> Result<Id, Why> {
        if self.is_narrow(id) {
            return Ok(id);
        }
        match self.as_number(id) {
            Some(number) => self.number(number & 0xffff_ffff),
            None => self.raw(kind::LOWER, [id, 0, 0]),
        }
    }

    /// Returns what an instruction on the lower half may take as well.
    fn narrowed(&mut self, id: Id) -> Result<Id, Why> {
        let Term { kind, of: [inner, ..], number } = self.get(id);
        match kind {
            kind::LOWER => Ok(inner),
            kind::NUMBER => self.number(number & 0xffff_ffff),
            _ => Ok(id),
        }
    }

    /// The result of an instruction on two registers; of one that sets flags, the flags.
    pub(super) fn of_two(&mut self, kind: u32, a: Id, b: Id) -> Result<Id, Why> {
        let x = kind & kind::X;
        let [a, b] = if x == 0 { [self.narrowed(a)?, self.narrowed(b)?] } else { [a, b] };
        let (na, nb) = (self.as_number(a), self.as_number(b));
        let mask = if x == 0 { 0xffff_ffff } else { u64::MAX };
        let negated = |n: u64| n.wrapping_neg() & mask;
        match (kind & !kind::X, na, nb) {
            (kind::ADD, Some(a), Some(b)) => self.number(a.wrapping_add(b) & mask),
            (kind::ADD, None, Some(number)) => {
                let inner = self.get(a);
                // A sum of a sum.
                if inner.kind == kind
                    && let Some(before) = self.as_number(inner.of[1])
                {
                    let sum = self.number(before.wrapping_add(number) & mask)?;
                    return self.of_two(kind, inner.of[0], sum);
                }
                match number {
                    0 if x == 0 => self.lower(a),
                    0 => Ok(a),
                    _ => self.raw(kind, [a, b, 0]),
                }
            }
            (kind::ADD, Some(_), None) => self.of_two(kind, b, a),
            // What was taken away is given back.
            (kind::ADD, None, None)
                if x != 0 && self.get(a).kind == x | kind::SUB && self.get(a).of[1] == b =>
            {
                Ok(self.get(a).of[0])
            }
            (kind::SUB, _, Some(number)) => {
                let b = self.number(negated(number))?;
                self.of_two(x | kind::ADD, a, b)
            }
            (kind::ORR, Some(0), None) => {
                if x == 0 {
                    self.lower(b)
                } else {
                    Ok(b)
                }
            }
            // Flags are the same for a negative number and its opposite, but for the lowest.
            (op @ (kind::ADDS | kind::SUBS), None, Some(number))
                if number > negated(number) && number != negated(number) =>
            {
                let b = self.number(negated(number))?;
                self.raw(x | op ^ (kind::ADDS ^ kind::SUBS), [a, b, 0])
            }
            _ => self.raw(kind, [a, b, 0]),
        }
    }

    /// The result of an instruction on one register.
    pub(super) fn of_one(&mut self, kind: u32, a: Id) -> Result<Id, Why> {
        let a = if kind & kind::X == 0 { self.narrowed(a)? } else { a };
        self.raw(kind, [a, 0, 0])
    }
}
