//! One path through the code of an op, from its first instruction to where it leaves the op.
//!
//! The decoder knows the forms that code may have, and refuses every other word. What an instruction computes
//! becomes a term; what it does to memory, window and globals is noted, and compared with what the op does.

use super::Why;
use super::spec::Op;
use super::state::{State, Stored};
use super::terms::{Id, Term, Terms, UNKNOWN, fixed, kind, window};
use crate::convention::{
    FRAME_PAGES, FUEL, INDIRECT, LAST, LESS_1, LESS_4, LESS_8, MEMORY, SLOTS, WINDOW, ZERO, machine,
    window_register,
};

type Result<T> = core::result::Result<T, Why>;

/// Conditions.
pub(super) mod cond {
    pub(crate) const EQ: u32 = 0;
    pub(crate) const NE: u32 = 1;
    pub(crate) const CC: u32 = 3;
    pub(crate) const PL: u32 = 5;
    pub(crate) const VC: u32 = 7;
    pub(crate) const LS: u32 = 9;
    pub(crate) const GE: u32 = 10;
    pub(crate) const LE: u32 = 13;
}

/// Where an instruction leads.
pub(super) enum Flow {
    /// To the next.
    On,
    /// By this many words, if the condition holds of the flags.
    If(Id, u32, i64),
    /// By this many words.
    To(i64),
    /// Into a function, by this many words.
    Call(i64),
    /// To what a register holds.
    ToRegister(Id),
    /// Into the function that a register holds.
    CallRegister(Id),
}

/// The register fields.
const fn rd(word: u32) -> u32 {
    word & 31
}
const fn rn(word: u32) -> u32 {
    word >> 5 & 31
}
const fn rm(word: u32) -> u32 {
    word >> 16 & 31
}

const X: u32 = kind::X;

/// What a walk needs beside the state.
pub(super) struct Walk<'w> {
    pub(super) terms: &'w mut Terms,
    pub(super) op: &'w Op,
    /// Registers of the window in machine registers.
    pub(super) used: u32,
}

impl Walk<'_> {
    /// Returns what a register holds, the zero register included.
    fn read(&mut self, state: &State, machine: u32) -> Result<Id> {
        if machine == ZERO {
            return self.terms.number(0);
        }
        match state.register(machine) {
            UNKNOWN => Err(Why::Register),
            value => Ok(value),
        }
    }

    /// Writes a register that code may write.
    fn write(&mut self, state: &mut State, machine: u32, value: Id) -> Result<()> {
        match machine {
            15..=17 | 30 | FUEL => {}
            WINDOW => {
                let above = self.above()?;
                if value != above || !state.linked {
                    return Err(Why::Window);
                }
                state.moved = true;
            }
            _ if window_register(machine).is_some() => {}
            _ => return Err(Why::Register),
        }
        state.set(machine, value);
        Ok(())
    }

    /// Returns where the window of the function that the op calls is.
    pub(super) fn above(&mut self) -> Result<Id> {
        let bytes = self.terms.number(u64::from(self.op.base) * 8)?;
        self.terms.of_two(X | kind::ADD, fixed(WINDOW), bytes)
    }

    /// Runs an instruction, the word at `at`.
    pub(super) fn step(&mut self, state: &mut State, word: u32, at: usize) -> Result<Flow> {
        // Behind the move of the window there is only the way into the function.
        if state.moved && word >> 26 != 0x25 && word & 0xffff_fc1f != 0xd63f_0000 {
            return Err(Why::Window);
        }
        match word >> 25 & 15 {
            0b1000 | 0b1001 => self.immediate(state, word, at)?,
            0b0101 | 0b1101 => self.registers(state, word)?,
            0b1010 | 0b1011 => return self.flow(state, word),
            0b0100 | 0b0110 | 0b1100 | 0b1110 => self.memory(state, word)?,
            _ => self.float(state, word)?,
        }
        Ok(Flow::On)
    }

    /// Writes a result, or compares: an addition or subtraction that may set flags.
    fn sum(&mut self, state: &mut State, word: u32, op: u32, a: Id, b: Id) -> Result<()> {
        let is_flagged = op & 0x2000_0000 != 0;
        if is_flagged {
            state.flags = self.terms.of_two(op, a, b)?;
        }
        if rd(word) == ZERO && is_flagged {
            return Ok(());
        }
        let value = self.terms.of_two(op & !0x2000_0000, a, b)?;
        self.write(state, rd(word), value)
    }

    /// Data processing with an immediate.
    fn immediate(&mut self, state: &mut State, word: u32, at: usize) -> Result<()> {
        let x = word & X;
        let wide = x != 0;
        let value = match word >> 23 & 7 {
            // adr
            0 | 1 if word & 0x9f00_0000 == 0x1000_0000 => {
                let bytes = ((word << 8) as i32 >> 13 << 2) as i64 | i64::from(word >> 29 & 3);
                if bytes & 3 != 0 {
                    return Err(Why::Form);
                }
                self.terms.numbered(kind::PLACE, (at as i64 + bytes / 4) as u64)?
            }
            // add, sub
            2 => {
                if rn(word) == ZERO {
                    return Err(Why::Form);
                }
                let number = u64::from(word >> 10 & 0xfff) << if word >> 22 & 1 != 0 { 12 } else { 0 };
                let (a, b) = (self.read(state, rn(word))?, self.terms.number(number)?);
                let op = word & 0xe000_0000 | 0x0b00_0000;
                return self.sum(state, word, op, a, b);
            }
            // and, orr, eor
            4 => {
                let (n, immr, imms) = (word >> 22 & 1 != 0, word >> 16 & 63, word >> 10 & 63);
                // One run of ones in the whole width.
                let width = if wide { 64 } else { 32 };
                if n != wide || immr >= width || imms >= width - 1 || word >> 29 & 3 == 3 {
                    return Err(Why::Form);
                }
                let run = (2u64 << imms) - 1;
                let number = if immr == 0 { run } else { run >> immr | run << (width - immr) };
                let number = self.terms.number(number & (u64::MAX >> (64 - width)))?;
                let a = self.read(state, rn(word))?;
                self.terms.of_two(word & 0xe000_0000 | 0x0a00_0000, a, number)?
            }
            // movn, movz, movk
            5 => {
                let (half, shift) = (u64::from(word >> 5 & 0xffff), 16 * (word >> 21 & 3));
                if !wide && shift > 16 {
                    return Err(Why::Form);
                }
                let mask = if wide { u64::MAX } else { 0xffff_ffff };
                let number = match word >> 29 & 3 {
                    0 => !(half << shift) & mask,
                    2 => half << shift,
                    3 => {
                        let before = self.read(state, rd(word))?;
                        let before = self.terms.as_number(before).ok_or(Why::Form)?;
                        (before & !(0xffff << shift) | half << shift) & mask
                    }
                    _ => return Err(Why::Form),
                };
                self.terms.number(number)?
            }
            // sbfm, ubfm
            6 => {
                let signed_or_not = matches!(word >> 29 & 3, 0 | 2);
                let narrow = word & 0x0020_8000 == 0;
                if !signed_or_not || (word >> 22 & 1 != 0) != wide || !(wide || narrow) {
                    return Err(Why::Form);
                }
                let a = self.read(state, rn(word))?;
                self.terms.of_one(word & 0xffff_fc00, a)?
            }
            // ror, as extr of one register
            7 => {
                let form = word & 0x7fa0_0000 == 0x1380_0000 && (word >> 22 & 1 != 0) == wide;
                if !form || rn(word) != rm(word) || !(wide || word & 0x8000 == 0) {
                    return Err(Why::Form);
                }
                let a = self.read(state, rn(word))?;
                self.terms.of_one(word & 0xffe0_fc00, a)?
            }
            _ => return Err(Why::Form),
        };
        self.write(state, rd(word), value)
    }

    /// Data processing with registers.
    fn registers(&mut self, state: &mut State, word: u32) -> Result<()> {
        let wide = word & X != 0;
        let (amount, shift_fits) = (word >> 10 & 63, wide || word & 0x8000 == 0);
        // Bitwise, not inverted.
        if word & 0x1f20_0000 == 0x0a00_0000 && word >> 29 & 3 != 3 && shift_fits {
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            let value = self.terms.of_two(word & 0xffe0_fc00, a, b)?;
            return self.write(state, rd(word), value);
        }
        // add, sub
        if word & 0x1f20_0000 == 0x0b00_0000 && word >> 22 & 3 != 3 && shift_fits {
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            if amount != 0 && word & 0x2000_0000 != 0 {
                return Err(Why::Form);
            }
            let op = if amount == 0 { word & 0xff00_0000 } else { word & 0xffe0_fc00 };
            return self.sum(state, word, op, a, b);
        }
        // cmp xn, wm, uxtw or sxtw
        if word & 0xffe0_7c1f == 0xeb20_401f {
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            if rn(word) == ZERO {
                return Err(Why::Form);
            }
            let lower = self.terms.lower(b)?;
            let b = if word >> 15 & 1 == 0 { lower } else { self.terms.raw(kind::SIGNED, [b, 0, 0])? };
            state.flags = self.terms.of_two(X | kind::SUBS, a, b)?;
            return Ok(());
        }
        // ccmp xn, xm, #0, cc
        if word & 0xffe0_fc1f == kind::CCMP_NO_CARRY {
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            state.flags = self.terms.raw(kind::CCMP_NO_CARRY, [state.flags, a, b])?;
            return Ok(());
        }
        let value = if word & 0x7fe0_0800 == 0x1a80_0000 && word >> 12 & 15 < 14 {
            // csel, csinc
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            if state.flags == UNKNOWN {
                return Err(Why::Form);
            }
            self.terms.raw(word & 0xffe0_fc00, [a, b, state.flags])?
        } else if word & 0x7fe0_0000 == 0x1ac0_0000 && matches!(word >> 10 & 63, 2 | 3 | 8..=11) {
            // udiv, sdiv, lslv, lsrv, asrv, rorv
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            self.terms.of_two(word & 0xffe0_fc00, a, b)?
        } else if word & 0x7fff_0000 == 0x5ac0_0000 && matches!(word >> 10 & 63, 0 | 4) {
            // rbit, clz
            let a = self.read(state, rn(word))?;
            self.terms.of_one(word & 0xffff_fc00, a)?
        } else if word & 0x7fe0_fc00 == 0x1b00_7c00 {
            // mul
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            self.terms.of_two(word & 0xffe0_fc00, a, b)?
        } else if word & 0x7fe0_8000 == 0x1b00_8000 {
            // msub
            let (a, b) = (self.read(state, rn(word))?, self.read(state, rm(word))?);
            let from = self.read(state, word >> 10 & 31)?;
            let [a, b, from] = [a, b, from];
            self.terms.raw(word & 0xffe0_8000, [a, b, from])?
        } else {
            return Err(Why::Form);
        };
        self.write(state, rd(word), value)
    }

    /// Branches.
    fn flow(&mut self, state: &mut State, word: u32) -> Result<Flow> {
        let by_19 = ((word << 8) as i32 >> 13) as i64;
        let by_26 = ((word << 6) as i32 >> 6) as i64;
        if word >> 26 == 0x05 {
            return Ok(Flow::To(by_26));
        }
        if word >> 26 == 0x25 {
            return Ok(Flow::Call(by_26));
        }
        if word & 0xff00_0010 == 0x5400_0000 && word & 15 < 14 && state.flags != UNKNOWN {
            return Ok(Flow::If(state.flags, word & 15, by_19));
        }
        // cbz, cbnz
        if word & 0x7e00_0000 == 0x3400_0000 {
            let (a, zero) = (self.read(state, rd(word))?, self.terms.number(0)?);
            let flags = self.terms.of_two(word & X | kind::SUBS, a, zero)?;
            return Ok(Flow::If(flags, word >> 24 & 1, by_19));
        }
        match word & 0xffff_fc1f {
            0xd61f_0000 => Ok(Flow::ToRegister(self.read(state, rn(word))?)),
            0xd63f_0000 => Ok(Flow::CallRegister(self.read(state, rn(word))?)),
            _ => Err(Why::Form),
        }
    }

    /// Loads and stores.
    fn memory(&mut self, state: &mut State, word: u32) -> Result<()> {
        // ldr wt, [sp, #pages]
        if word & !31 == 0xb940_03e0 | (FRAME_PAGES / 4) << 10 {
            let pages = self.terms.raw(kind::PAGES, [0; 3])?;
            return self.write(state, rd(word), pages);
        }
        let is_load = word >> 22 & 1 != 0;
        // ldr, str of 64 bits at a slot
        if word & 0xff80_0000 == 0xf900_0000 {
            return self.slot(state, [rd(word), rn(word)], word >> 10 & 0xfff, is_load);
        }
        // stp
        if word & 0xffc0_0000 == 0xa900_0000 && rn(word) == WINDOW && word >> 21 & 1 == 0 {
            let slot = word >> 15 & 63;
            self.slot(state, [rd(word), WINDOW], slot, false)?;
            return self.slot(state, [word >> 10 & 31, WINDOW], slot + 1, false);
        }
        // By two registers.
        if word & 0x3f20_0c00 != 0x3820_0800 {
            return Err(Why::Form);
        }
        let kind = word & 0xffe0_0c00;
        let (option, scaled) = (word >> 13 & 7, word >> 12 & 1 != 0);
        let at = self.read(state, rm(word))?;
        if rn(word) == SLOTS && option == 3 && scaled && matches!(kind, 0xf860_0800 | 0xf820_0800) {
            let index = self.terms.as_number(at).ok_or(Why::Global)?;
            let is_load = kind == 0xf860_0800;
            return self.global(state, rd(word), index, is_load);
        }
        let at = match option {
            2 => self.terms.lower(at)?,
            3 => at,
            _ => return Err(Why::Form),
        };
        if rn(word) != MEMORY || scaled {
            return Err(Why::Form);
        }
        let (size, opc) = (word >> 30, word >> 22 & 3);
        // Signed forms of eight bytes and of four to 32 bits are others.
        if opc == 3 && size >= 2 || opc == 2 && size == 3 {
            return Err(Why::Form);
        }
        if !self.is_inside(state, at, 1 << size)? {
            return Err(Why::Bounds);
        }
        if opc == 0 {
            let value = self.read(state, rd(word))?;
            let value = if size == 3 { value } else { self.terms.lower(value)? };
            return self.store(state, Stored { kind, at, value });
        }
        let value = self.terms.raw(kind, [at, 0, 0])?;
        self.write(state, rd(word), value)
    }

    fn store(&mut self, state: &mut State, stored: Stored) -> Result<()> {
        if state.stored.is_some() {
            return Err(Why::Effect);
        }
        state.stored = Some(stored);
        Ok(())
    }

    /// A register of the window, a global by its number in the instruction, or the link of a call.
    fn slot(&mut self, state: &mut State, [rt, rn]: [u32; 2], slot: u32, is_load: bool) -> Result<()> {
        if rn == SLOTS {
            return self.global(state, rt, slot.into(), is_load);
        }
        if rn != WINDOW {
            // The link of a call, below the place that was compared with the last one.
            let place = self.read(state, rn)?;
            let above = self.above()?;
            let flags = self.terms.of_two(X | kind::SUBS, above, fixed(LAST))?;
            let value = self.read(state, rt)?;
            let link = self.terms.number(self.op.link.ok_or(Why::Window)?)?;
            if place != above || slot != 0 || is_load || value != link || !state.holds(flags, cond::LS) {
                return Err(Why::Window);
            }
            state.linked = true;
            return Ok(());
        }
        let register = match u8::try_from(slot) {
            Ok(register) if register != 0 => register,
            _ => return Err(Why::Window),
        };
        match (machine(register), is_load) {
            (Some(_), false) => {
                let is_used = self.used >> register & 1 != 0;
                let returned = if register == 1 { self.op.returned } else { None };
                let value = self.read(state, rt)?;
                let is_same = value == window(returned.unwrap_or(register));
                if !is_used || !is_same && Some(value) != self.op.before.filter(|_| self.op.is_def(register))
                {
                    return Err(Why::Window);
                }
                state.synced |= 1 << register;
                Ok(())
            }
            (Some(_), true) => Err(Why::Window),
            (None, true) => {
                let value = match state.slot {
                    Some((written, value)) if written == register => value,
                    _ => window(register),
                };
                self.write(state, rt, value)
            }
            (None, false) => {
                if state.slot.is_some_and(|(written, _)| written != register) {
                    return Err(Why::Effect);
                }
                state.slot = Some((register, self.read(state, rt)?));
                Ok(())
            }
        }
    }

    fn global(&mut self, state: &mut State, rt: u32, index: u64, is_load: bool) -> Result<()> {
        if self.op.global != Some(index) {
            return Err(Why::Global);
        }
        if is_load {
            let value = self.terms.numbered(kind::GLOBAL, index)?;
            return self.write(state, rt, value);
        }
        let (at, value) = (self.terms.number(index)?, self.read(state, rt)?);
        self.store(state, Stored { kind: kind::GLOBAL, at, value })
    }

    /// Returns whether the conditions of the path say that bytes at an address are inside the memory.
    fn is_inside(&mut self, state: &State, at: Id, bytes: u32) -> Result<bool> {
        for (flags, cond) in state.conditions() {
            let Term { kind, of: [first, second, third], .. } = self.terms.get(*flags);
            let (address, last) = match (kind, *cond) {
                // At most the last place, where the sum did not wrap.
                (kind::CCMP_NO_CARRY, cond::LE) if self.is_sum(second, first)? => (second, third),
                // The last place is at least it. 32 bits are never negative.
                (COMPARED, cond::GE) if self.terms.is_narrow(second) => (second, first),
                (COMPARED, cond::LE) if self.is_address(first) => (first, second),
                _ => continue,
            };
            if address == at && self.bytes_from(last)? >= bytes {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether a sum of 32 bits was compared with the last place where it did not wrap.
    pub(super) fn has_fitted(&mut self, state: &State, sum: Id) -> Result<bool> {
        for (flags, cond) in state.conditions() {
            let Term { kind, of: [before, compared, _], .. } = self.terms.get(*flags);
            let is_fit = kind == kind::CCMP_NO_CARRY && *cond == cond::LE && compared == sum;
            if is_fit && self.is_sum(sum, before)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether the flags are those of the sum of 32 bits that a term is.
    fn is_sum(&mut self, sum: Id, flags: Id) -> Result<bool> {
        let Term { kind, of: [a, b, _], .. } = self.terms.get(sum);
        Ok(kind == kind::ADD && self.terms.of_two(kind::ADDS, a, b)? == flags)
    }

    /// Returns whether a term is below 2^63 whatever registers hold: 32 bits, or an item of a table.
    fn is_address(&self, id: Id) -> bool {
        let Term { kind, of: [table, item, _], .. } = self.terms.get(id);
        let is_item = kind == X | kind::ADD | 2 << 10
            && self.terms.as_number(table).is_some_and(|table| table >> 32 == 0)
            && self.terms.is_narrow(item);
        self.terms.is_narrow(id) || is_item
    }

    /// Returns how many bytes there are from the last place for an access on.
    fn bytes_from(&mut self, last: Id) -> Result<u32> {
        const ONE: Id = fixed(LESS_1);
        const FOUR: Id = fixed(LESS_4);
        const EIGHT: Id = fixed(LESS_8);
        let one_less = self.terms.number(u64::MAX)?;
        let two = self.terms.of_two(X | kind::ADD, ONE, one_less)?;
        Ok(match last {
            ONE => 1,
            FOUR => 4,
            EIGHT => 8,
            _ if last == two => 2,
            _ => 0,
        })
    }

    /// Floats, in `v0` and `v1`.
    fn float(&mut self, state: &mut State, word: u32) -> Result<()> {
        let register = |n: u32| if n < 2 { Ok(n as usize) } else { Err(Why::Register) };
        let held = |state: &State, n: u32| match state.floats.get(register(n)?).copied() {
            Some(UNKNOWN) | None => Err(Why::Register),
            Some(value) => Ok(value),
        };
        let is_double = word >> 22 & 1 != 0;
        let kind = word & 0xffe0_fc00;
        let value = match word & 0xffff_fc00 {
            // fmov to and from, of equal width
            0x1e27_0000 | 0x9e67_0000 => {
                let from = self.read(state, rn(word))?;
                self.terms.of_one(word & 0xffff_fc00, from)?
            }
            0x1e26_0000 | 0x9e66_0000 => {
                let value = self.terms.raw(word & 0xffff_fc00, [held(state, rn(word))?, 0, 0])?;
                return self.write(state, rd(word), value);
            }
            // cnt v.8b; addv b, v.8b
            0x0e20_5800 | 0x0e31_b800 => {
                self.terms.raw(word & 0xffff_fc00, [held(state, rn(word))?, 0, 0])?
            }
            // fsqrt, frintn, frintp, frintm, frintz; fcvt of both ways
            0x1e21_c000 | 0x1e61_c000 | 0x1e24_4000 | 0x1e64_4000 | 0x1e24_c000 | 0x1e64_c000
            | 0x1e25_4000 | 0x1e65_4000 | 0x1e25_c000 | 0x1e65_c000 | 0x1e22_c000 | 0x1e62_4000 => {
                self.terms.raw(word & 0xffff_fc00, [held(state, rn(word))?, 0, 0])?
            }
            // scvtf, ucvtf
            form if matches!(form & 0x7fbf_fc00, 0x1e22_0000 | 0x1e23_0000) => {
                let from = self.read(state, rn(word))?;
                self.terms.of_one(form, from)?
            }
            // fcvtzs, fcvtzu
            form if matches!(form & 0x7fbf_fc00, 0x1e38_0000 | 0x1e39_0000) => {
                let value = self.terms.raw(form, [held(state, rn(word))?, 0, 0])?;
                return self.write(state, rd(word), value);
            }
            // fmul, fdiv, fadd, fsub, fmax, fmin
            _ if kind & 0xffa0_0c00 == 0x1e20_0800 && kind >> 12 & 15 <= 5 => {
                let (a, b) = (held(state, rn(word))?, held(state, rm(word))?);
                self.terms.raw(kind, [a, b, 0])?
            }
            // fcmp
            _ if word & 0xffa0_fc1f == 0x1e20_2000 => {
                let (a, b) = (held(state, rn(word))?, held(state, rm(word))?);
                state.flags = self.terms.raw(0x1e20_2000 | (is_double as u32) << 22, [a, b, 0])?;
                return Ok(());
            }
            _ => return Err(Why::Form),
        };
        if let Some(place) = state.floats.get_mut(register(rd(word))?) {
            *place = value;
        }
        Ok(())
    }

    /// The routine that looks up a function: its operands, and what it gives.
    pub(super) fn look_up(&mut self, state: &mut State, to: usize) -> Result<()> {
        let Some(look_up) = self.op.look_up else { return Err(Why::Branch) };
        let index = self.terms.lower(window(look_up.index))?;
        let (slot, ty) = (self.terms.number(look_up.slot.into())?, self.terms.number(look_up.ty.into())?);
        if to != INDIRECT || [15, 16, 17].map(|machine| state.register(machine)) != [index, slot, ty] {
            return Err(Why::Branch);
        }
        state.forget();
        state.set(16, self.terms.raw(kind::FOUND_CODE, [0; 3])?);
        state.set(17, self.terms.raw(kind::FOUND_WORDS, [0; 3])?);
        state.flags = self.terms.raw(kind::FOUND, [0; 3])?;
        Ok(())
    }

    /// The fuel that is left where the op is left, if it was paid for: the condition that it suffices holds.
    pub(super) fn fuel_less(&mut self, state: &State, words: Id) -> Result<bool> {
        let left = self.terms.of_two(X | kind::SUB, fixed(FUEL), words)?;
        let flags = self.terms.of_two(X | kind::SUBS, fixed(FUEL), words)?;
        Ok(state.register(FUEL) == left && state.holds(flags, cond::PL))
    }
}

/// A comparison of 64 bits.
const COMPARED: u32 = X | kind::SUBS;
