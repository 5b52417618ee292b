//! The translator: each op becomes a few instructions, in the order of the ops.
//!
//! An op that would trap, that the fuel does not cover, or that is rare, branches *out*: to a few words
//! behind the function that say which op it is. The interpreter then runs that op from the same state, so
//! that traps, their details and what is left of the fuel are the interpreter's own.

use xmap_image::{FunctionRow, Image, Word, opcode as op};

use self::ops::i8_of;
use crate::asm::{self, ADD, ADDS, B, B_COND, BL, OUT, TARGET, X, cond};
use crate::convention::{CACHED, FUEL, INDIRECT, LEAVE, Named, PRELUDE, WINDOW, machine, words};

/// Why an image has no machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCode {
    /// The code takes more words than there is room for.
    Words {
        /// Words that the code takes, as far as it is known.
        needed: usize,
    },
    /// The table has fewer entries than the image has words of code.
    Table {
        /// Entries that it needs.
        needed: usize,
    },
    /// A function is so long that a branch of its machine code does not reach.
    Distance,
}

impl core::fmt::Display for NoCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Words { needed } => write!(f, "the machine code takes at least {needed} words"),
            Self::Table { needed } => write!(f, "the table of ops takes {needed} words"),
            Self::Distance => write!(f, "a function is too long for machine code"),
        }
    }
}

impl core::error::Error for NoCode {}

mod forms;
mod ops;

/// The function that no `bl` in the words of a function names: [`INDIRECT`].
const THE_PRELUDE: u32 = 1 << 16;

/// Temporary registers: for what an op reads as `a`, `b` and `c`.
const A: u32 = 15;
const B_: u32 = 16;
const C: u32 = 17;

/// Translates the ops of an image. Writes the code to `words`, and for each op the index of its first word
/// to `table`, which has an entry for each word of the image's code. Returns how many words there are.
///
/// # Errors
/// Where the room does not suffice; the image is then run by the interpreter.
pub fn translate(image: &Image<'_>, words: &mut [u32], table: &mut [u32]) -> Result<usize, NoCode> {
    let needed = image.code().len();
    let Some(table) = table.get_mut(..needed) else { return Err(NoCode::Table { needed }) };
    table.fill(0);
    let mut out = Out { words, len: 0 };
    PRELUDE.iter().for_each(|word| out.put(*word));
    for row in image.functions() {
        let (from, len) = (row.start as usize, row.words() as usize);
        // Verification has shown that it is there.
        let code = image.code().get(from..).and_then(|rest| rest.get(..len)).unwrap_or_default();
        Function::new(image, code, row, &mut out, table).translate()?;
    }
    if out.len > out.words.len() {
        return Err(NoCode::Words { needed: out.len });
    }
    link(image.functions(), &mut out, table)?;
    Ok(out.len)
}

/// Where the code goes.
struct Out<'b> {
    words: &'b mut [u32],
    /// Words so far; more than `words` has, where the room does not suffice.
    len: usize,
}

impl Out<'_> {
    #[inline(always)]
    fn put(&mut self, word: u32) {
        if let Some(place) = self.words.get_mut(self.len) {
            *place = word;
        }
        self.len += 1;
    }

    fn get(&self, at: usize) -> u32 {
        self.words.get(at).copied().unwrap_or(0)
    }

    /// Lets the branch at `at` lead to `to`.
    fn aim(&mut self, at: usize, to: usize) -> Result<(), NoCode> {
        if let Some(word) = self.words.get_mut(at) {
            *word = asm::over(*word, to as i64 - at as i64).ok_or(NoCode::Distance)?;
        }
        Ok(())
    }
}

/// Lets each call lead to its function: until here it holds the function's number.
fn link(functions: &[FunctionRow], out: &mut Out<'_>, table: &[u32]) -> Result<(), NoCode> {
    for at in PRELUDE.len()..out.len {
        let word = out.get(at);
        if word >> 26 == BL >> 26 {
            let callee = functions.get((word & 0x3ff_ffff) as usize);
            let to = callee.and_then(|row| table.get(row.start as usize)).copied();
            let to = to.map_or(INDIRECT, |to| to as usize);
            out.aim(at, to)?;
        }
    }
    Ok(())
}

/// A function on its way to machine code.
struct Function<'f, 'b> {
    image: &'f Image<'f>,
    code: &'f [Word],
    /// The index of its first op.
    start: u32,
    named: Named,
    out: &'f mut Out<'b>,
    table: &'f mut [u32],
}

impl<'f, 'b> Function<'f, 'b> {
    fn new(
        image: &'f Image<'f>,
        code: &'f [Word],
        row: &FunctionRow,
        out: &'f mut Out<'b>,
        table: &'f mut [u32],
    ) -> Self {
        Self { image, code, start: row.start, named: Named::of(code), out, table }
    }

    fn put(&mut self, word: u32) {
        self.out.put(word);
    }

    fn translate(mut self) -> Result<(), NoCode> {
        let code = self.code;
        let mut resumes = true;
        let mut at = 0;
        while let Some(first) = code.get(at) {
            if let Some(entry) = self.table.get_mut(self.start as usize + at) {
                *entry = self.out.len as u32;
            }
            if resumes {
                self.load_window();
            }
            resumes = matches!(*first as u8, op::Call | op::CallIndirect);
            self.op(at, *first);
            at += words(*first);
        }
        self.finish()
    }

    /// Loads what the function names of the window.
    fn load_window(&mut self) {
        let mut register = 1;
        while register <= CACHED {
            let pair = self.named.used >> register & 3;
            match (machine(register), machine(register + 1)) {
                (Some(first), Some(second)) if pair != 0 => {
                    self.put(asm::ldp(first, second, WINDOW, register.into()));
                }
                (Some(first), None) if pair & 1 != 0 => self.put(asm::ldr(first, WINDOW, register.into())),
                _ => {}
            }
            register += 2;
        }
    }

    /// Stores what the function writes of the window. What it only reads is there anyway.
    fn store_window(&mut self) {
        let mut register = 1;
        while register <= CACHED {
            let (used, written) = (self.named.used >> register, self.named.written >> register);
            match (machine(register), machine(register + 1)) {
                (Some(first), Some(second)) if used & 3 == 3 && written & 3 != 0 => {
                    self.put(asm::stp(first, second, WINDOW, register.into()));
                }
                (first, second) => {
                    if let Some(first) = first.filter(|_| written & 1 != 0) {
                        self.put(asm::str(first, WINDOW, register.into()));
                    }
                    if let Some(second) = second.filter(|_| written & 2 != 0) {
                        self.put(asm::str(second, WINDOW, u32::from(register) + 1));
                    }
                }
            }
            register += 2;
        }
    }

    /// Returns where an op's code begins for a branch: behind the loads of the window.
    fn body(&self, at: usize) -> usize {
        let mut to = self.table.get(self.start as usize + at).copied().unwrap_or(0) as usize;
        while is_window_load(self.out.get(to)) {
            to += 1;
        }
        to
    }

    /// Writes the ways out behind the function, and lets its branches lead where they should.
    fn finish(mut self) -> Result<(), NoCode> {
        let cold = self.out.len;
        self.store_window();
        self.number(C, self.start.into());
        self.branch_to(LEAVE)?;
        let code = self.code;
        let mut at = 0;
        while let Some(first) = code.get(at) {
            let len = words(*first);
            let place = |at: usize| self.table.get(self.start as usize + at).copied().unwrap_or(0) as usize;
            let from = place(at);
            let to = if at + len < code.len() { place(at + len) } else { cold };
            if *first as u8 == op::BrTable {
                self.finish_table(at, to, cold)?;
            } else {
                self.finish_op(at, *first, [from, to], cold)?;
            }
            at += len;
        }
        Ok(())
    }

    fn branch_to(&mut self, to: usize) -> Result<(), NoCode> {
        self.put(B);
        let at = self.out.len - 1;
        self.out.aim(at, to)
    }

    /// The way out of the op at `at`.
    fn way_out(&mut self, at: usize, cold: usize) -> Result<(), NoCode> {
        self.put(0x5280_0000 | (at as u32 & 0xffff) << 5 | B_);
        self.branch_to(cold)
    }

    fn finish_op(
        &mut self,
        at: usize,
        first: Word,
        [from, to]: [usize; 2],
        cold: usize,
    ) -> Result<(), NoCode> {
        let mut out = None;
        for place in from..to {
            match asm::distance(self.out.get(place)) {
                Some(OUT) => {
                    let way = match out {
                        Some(way) => way,
                        None => {
                            let way = self.out.len;
                            self.undo(first);
                            self.way_out(at, cold)?;
                            way
                        }
                    };
                    out = Some(way);
                    self.out.aim(place, way)?;
                }
                Some(TARGET) => {
                    let offset = match first as u8 {
                        op::Br => first as i32 >> 8,
                        op::BrIf | op::BrIfz => first as i32 >> 16,
                        op::BrAddI32 => -((first >> 24) as i32),
                        _ => first as i32 >> 24,
                    };
                    let target = self.body((at as i64 + 1 + i64::from(offset)) as usize);
                    self.out.aim(place, target)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Undoes what an op has done before it goes out.
    fn undo(&mut self, first: Word) {
        let [opcode, a, b, c] = first.to_le_bytes();
        let fuel = match opcode {
            op::Br => -(first as i32 >> 8),
            op::BrIf | op::BrIfz => -(first as i32 >> 16),
            op::BrEq..=op::BrGtSI32 => -i8_of(c),
            op::BrAddI32 => {
                let register = self.value(a, A);
                self.add(ADD, register, register, -i64::from(i8_of(b)), C);
                self.keep(a, register);
                c.into()
            }
            op::Call => {
                self.image.functions().get((first >> 16) as usize).map_or(0, |row| row.words() as i32)
            }
            op::CallIndirect => return self.put(asm::three(X | ADD, FUEL, FUEL, C)),
            _ => 0,
        };
        if fuel > 0 {
            self.add(X | ADD, FUEL, FUEL, fuel.into(), C);
        }
    }

    /// The branches of a table, whose last word stands in front of `to`.
    fn finish_table(&mut self, at: usize, to: usize, cold: usize) -> Result<(), NoCode> {
        let code = self.code;
        let targets = words(code.get(at).copied().unwrap_or(0)) - 1;
        for n in 0..targets {
            let offset = code.get(at + 1 + n).copied().unwrap_or(0) as i32;
            let target = self.body((at as i64 + 1 + i64::from(offset)) as usize);
            let place = to - targets + n;
            if offset >= 0 {
                self.out.aim(place, target)?;
                continue;
            }
            let way = self.out.len;
            self.out.aim(place, way)?;
            let fuel = -i64::from(offset);
            self.add(X | ADDS, FUEL, FUEL, -fuel, B_);
            self.put(B_COND | cond::PL);
            let branch = self.out.len - 1;
            self.out.aim(branch, target)?;
            self.add(X | ADD, FUEL, FUEL, fuel, C);
            self.way_out(at, cold)?;
        }
        Ok(())
    }
}

/// Returns whether a word loads registers of the window that have a machine register: what stands in front of
/// an op that is gone on with from elsewhere.
fn is_window_load(word: u32) -> bool {
    let from_window = word >> 5 & 31 == WINDOW;
    from_window
        && (word >> 22 == 0xa940_0000 >> 22
            || word >> 22 == 0xf940_0000 >> 22 && !(A..=C).contains(&(word & 31)))
}
