//! The forms that ops share: operands, comparisons, branches, accesses to memory, floats, calls.

use xmap_image::FunctionRow;

use super::{A, B_, C, Function, THE_PRELUDE};
use crate::asm::{self, ADD, ADDS, B, B_COND, BL, CBZ, EOR, ORR, SUB, SUBS, TARGET, X, cond};
use crate::convention::{FUEL, LAST, LESS_1, LESS_4, LESS_8, MEMORY, WINDOW, ZERO, machine};

impl Function<'_, '_> {
    /// The machine register with a register's value; `temporary` where it has none of its own.
    #[inline(always)]
    pub(super) fn value(&mut self, register: u8, temporary: u32) -> u32 {
        machine(register).unwrap_or_else(|| {
            self.put(asm::ldr(temporary, WINDOW, register.into()));
            temporary
        })
    }

    /// Stores a result that has no machine register of its own.
    #[inline(always)]
    pub(super) fn keep(&mut self, register: u8, result: u32) {
        if machine(register).is_none() {
            self.put(asm::str(result, WINDOW, register.into()));
        }
    }

    /// `a =` an instruction, which is given its target.
    #[inline(always)]
    pub(super) fn set(&mut self, a: u8, instruction: impl FnOnce(u32) -> u32) {
        let target = machine(a).unwrap_or(A);
        self.put(instruction(target));
        self.keep(a, target);
    }

    /// A number in a machine register.
    pub(super) fn number(&mut self, target: u32, number: u64) {
        let inverted = !(number as u32);
        if number >> 32 == 0 && inverted <= 0xffff {
            return self.put(0x1280_0000 | inverted << 5 | target);
        }
        let halves = |filler: u64| (0..4).filter(move |n| number >> (16 * n) & 0xffff != filler);
        let is_negative = halves(0xffff).count() < halves(0).count();
        let (filler, op) = if is_negative { (0xffff, 0x9280_0000) } else { (0, 0xd280_0000) };
        let half = |n: u64| (number >> (16 * n) & 0xffff) as u32;
        let mut rest = halves(filler);
        let n = rest.next().unwrap_or(0);
        let first = if is_negative { half(n) ^ 0xffff } else { half(n) };
        self.put(op | (n as u32) << 21 | first << 5 | target);
        rest.for_each(|n| self.put(0xf280_0000 | (n as u32) << 21 | half(n) << 5 | target));
    }

    /// `target = source + number`, with `op` one of `ADD`, `ADDS` and their wide forms. Takes `temporary`
    /// where the number fits no immediate.
    pub(super) fn add(&mut self, op: u32, target: u32, source: u32, number: i64, temporary: u32) {
        let sub = op ^ (ADD ^ SUB);
        let short = match u32::try_from(number.unsigned_abs()) {
            Ok(size) if number >= 0 => asm::with_12_bits(op, target, source, size),
            Ok(size) => asm::with_12_bits(sub, target, source, size),
            Err(_) => None,
        };
        match short {
            Some(word) => self.put(word),
            None => {
                self.number(temporary, if op & X == 0 { number as u32 as u64 } else { number as u64 });
                self.put(asm::three(op, target, source, temporary));
            }
        }
    }

    /// `a = b op c`.
    #[inline(always)]
    pub(super) fn binary(&mut self, [a, b, c]: [u8; 3], op: u32) {
        let (b, c) = (self.value(b, B_), self.value(c, C));
        self.set(a, |target| asm::three(op, target, b, c));
    }

    /// `a = b op` a number.
    pub(super) fn bitwise(&mut self, [a, b]: [u8; 2], op: u32, number: u32) {
        let b = self.value(b, B_);
        match asm::with_run(op, 0, b, number.into()) {
            Some(word) => self.set(a, |target| word | target),
            None => {
                self.number(C, number.into());
                self.set(a, |target| asm::three(op, target, b, C));
            }
        }
    }

    /// Compares two registers.
    pub(super) fn compare(&mut self, x: bool, b: u8, c: u8) {
        let (b, c) = (self.value(b, B_), self.value(c, C));
        self.put(asm::cmp(x, b, c));
    }

    /// Compares a register with a small number.
    pub(super) fn compare_number(&mut self, x: bool, b: u8, number: i32) {
        let b = self.value(b, B_);
        let op = if number < 0 { ADDS } else { SUBS } | if x { X } else { 0 };
        // Eight bits fit.
        self.put(asm::with_12_bits(op, ZERO, b, number.unsigned_abs()).unwrap_or(0));
    }

    /// `a =` whether the condition holds.
    pub(super) fn flag(&mut self, a: u8, cond: u32) {
        self.set(a, |target| asm::cset(target, cond));
    }

    /// Out of the op if the condition holds.
    pub(super) fn out_if(&mut self, cond: u32) {
        self.put(B_COND | cond);
    }

    /// Out of the op.
    pub(super) fn leave(&mut self) {
        self.put(B);
    }

    /// A branch by a condition.
    pub(super) fn branch_if(&mut self, cond: u32, offset: i32) {
        self.branch(B_COND | cond, B_COND | (cond ^ 1), offset);
    }

    /// A branch with an instruction, or, where it leads back, over the payment with the opposite one.
    pub(super) fn branch(&mut self, taken: u32, not_taken: u32, offset: i32) {
        if offset >= 0 {
            return self.put(asm::over(taken, TARGET).unwrap_or(0));
        }
        let skip = self.out.len;
        self.put(not_taken);
        self.back(-i64::from(offset));
        let behind = self.out.len;
        // It is a few words.
        _ = self.out.aim(skip, behind);
    }

    /// Pays for a way back and takes it; out of the op where the fuel does not cover it.
    pub(super) fn back(&mut self, fuel: i64) {
        self.add(X | ADDS, FUEL, FUEL, -fuel, B_);
        self.put(asm::over(B_COND | cond::PL, TARGET).unwrap_or(0));
        self.leave();
    }

    /// Compares an address, which is left in a register, with the memory. Out of the op unless `bytes` are
    /// there. Returns the register and the extension by which the access takes it.
    pub(super) fn bounds(&mut self, b: u8, offset: u32, bytes: u32) -> u32 {
        const UXTW: u32 = 0x4000;
        const LSL: u32 = 0x6000;
        let b = self.value(b, B_);
        if offset == 0 {
            let last = self.last_place(bytes);
            self.put(asm::cmp_extended(last, b));
            self.out_if(cond::LT);
            return b << 16 | UXTW;
        }
        self.add(ADDS, B_, b, offset.into(), C);
        let last = self.last_place(bytes);
        self.put(asm::ccmp_no_carry(B_, last));
        self.out_if(cond::GT);
        B_ << 16 | LSL
    }

    /// The same for an address in `x16`, of which no bit from 32 up is set.
    pub(super) fn bounds_of_16(&mut self, bytes: u32) -> u32 {
        let last = self.last_place(bytes);
        self.put(asm::cmp(true, B_, last));
        self.out_if(cond::GT);
        B_ << 16 | 0x6000
    }

    /// The register with the last address for an access.
    pub(super) fn last_place(&mut self, bytes: u32) -> u32 {
        match bytes {
            1 => LESS_1,
            2 => {
                self.put(asm::with_12_bits(X | SUB, C, LESS_1, 1).unwrap_or(0));
                C
            }
            4 => LESS_4,
            _ => LESS_8,
        }
    }

    pub(super) fn load(&mut self, a: u8, place: u32, op: u32) {
        self.set(a, |target| op | place | MEMORY << 5 | target);
    }

    pub(super) fn store(&mut self, a: u8, place: u32, op: u32) {
        let a = self.value(a, A);
        self.put(op | place | MEMORY << 5 | a);
    }

    /// Two floats into `v0` and `v1`.
    pub(super) fn floats(&mut self, b: u8, c: u8, double: bool) {
        for (n, register) in [b, c].into_iter().enumerate() {
            let from = self.value(register, B_);
            self.put(asm::two(if double { 0x9e67_0000 } else { 0x1e27_0000 }, n as u32, from));
        }
    }

    /// `a = v0`.
    pub(super) fn set_float(&mut self, a: u8, double: bool) {
        self.set(a, |target| asm::two(if double { 0x9e66_0000 } else { 0x1e26_0000 }, target, 0));
    }

    /// `a = b op c` of floats.
    pub(super) fn float_binary(&mut self, [a, b, c]: [u8; 3], op: u32) {
        let double = op & 1 << 22 != 0;
        self.floats(b, c, double);
        self.put(op | 1 << 16);
        self.set_float(a, double);
    }

    /// `a =` whether floats compare so.
    pub(super) fn float_compare(&mut self, [a, b, c]: [u8; 3], double: bool, cond: u32) {
        self.floats(b, c, double);
        self.put(if double { 0x1e61_2000 } else { 0x1e21_2000 });
        self.flag(a, cond);
    }

    /// `b` as a float in `v0`.
    pub(super) fn float(&mut self, b: u8, double: bool) {
        let from = self.value(b, B_);
        self.put(asm::two(if double { 0x9e67_0000 } else { 0x1e27_0000 }, 0, from));
    }

    /// `a = op b`, of a float and to one.
    pub(super) fn float_unary(&mut self, a: u8, b: u8, op: u32, to_double: bool) {
        self.float(b, op & 1 << 22 != 0);
        self.put(op);
        self.set_float(a, to_double);
    }

    /// `a = op b`, of a float and to an integer.
    pub(super) fn float_to_integer(&mut self, a: u8, b: u8, op: u32) {
        self.float(b, op & 1 << 22 != 0);
        self.set(a, |target| op | target);
    }

    /// `a = op b`, of a float and to an i32; out of the op where it does not fit.
    pub(super) fn float_to_i32(&mut self, a: u8, b: u8, double: bool, signed: bool) {
        self.float(b, double);
        self.put(if double { 0x1e60_2000 } else { 0x1e20_2000 });
        self.out_if(cond::VS);
        // As an i64, then as an i32.
        let to_i64 = if double { 0x9e78_0000 } else { 0x9e38_0000 };
        self.put(to_i64 | B_);
        self.put(if signed { asm::cmp_sign_extended(B_, B_) } else { asm::cmp_extended(B_, B_) });
        self.out_if(cond::NE);
        self.set(a, |target| asm::three(ORR, target, ZERO, B_));
    }

    /// `a = op b`, of an integer and to a float.
    pub(super) fn integer_to_float(&mut self, a: u8, b: u8, op: u32) {
        let from = self.value(b, B_);
        self.put(asm::two(op, 0, from));
        self.set_float(a, op & 1 << 22 != 0);
    }

    /// `a = b / c` or the remainder; out of the op where it may trap.
    pub(super) fn divide(&mut self, [a, b, c]: [u8; 3], op: u32, remainder: bool) {
        let wide = op & X;
        let (b, c) = (self.value(b, B_), self.value(c, C));
        self.put(wide | CBZ | c);
        // Only a division by -1 overflows; the remainder of one is zero.
        if op & !X == asm::SDIV && !remainder {
            self.put(asm::with_12_bits(wide | ADDS, ZERO, c, 1).unwrap_or(0));
            self.out_if(cond::EQ);
        }
        if remainder {
            self.put(asm::three(op, A, b, c));
            self.set(a, |target| asm::three(wide | asm::MSUB, target, A, c) | b << 10);
        } else {
            self.set(a, |target| asm::three(op, target, b, c));
        }
    }

    /// The link of a call: where it comes from, and by how much the window moves.
    pub(super) fn link(&mut self, target: u32, at: usize, base: u8) {
        self.number(target, u64::from(self.start + at as u32) << 8 | u64::from(base));
    }

    pub(super) fn call(&mut self, at: usize, base: u8, callee: u32) {
        self.store_window();
        let words = self.image.functions().get(callee as usize).map_or(0, FunctionRow::words);
        self.add(X | ADDS, FUEL, FUEL, -i64::from(words), B_);
        self.out_if(cond::MI);
        self.link(C, at, base);
        self.put(asm::with_12_bits(X | ADD, B_, WINDOW, u32::from(base) * 8).unwrap_or(0));
        self.put(asm::cmp(true, B_, LAST));
        self.out_if(cond::HI);
        self.put(asm::str(C, B_, 0));
        self.put(asm::mov(WINDOW, B_));
        self.put(BL | callee);
    }

    pub(super) fn call_indirect(&mut self, at: usize, [base, index, table]: [u8; 3], ty: u32) {
        self.store_window();
        let index = self.value(index, A);
        self.put(asm::three(ORR, A, ZERO, index));
        let slot = self.image.tables().get(usize::from(table)).map_or(0, |row| row.slot);
        self.number(B_, slot.into());
        self.number(C, ty.into());
        self.put(BL | THE_PRELUDE);
        self.out_if(cond::NE);
        self.put(asm::three(X | SUBS, FUEL, FUEL, C));
        self.out_if(cond::MI);
        self.put(asm::with_12_bits(X | ADD, A, WINDOW, u32::from(base) * 8).unwrap_or(0));
        self.put(asm::cmp(true, A, LAST));
        self.out_if(cond::HI);
        self.link(30, at + 1, base);
        self.put(asm::str(30, A, 0));
        self.put(asm::mov(WINDOW, A));
        self.put(0xd63f_0000 | B_ << 5);
    }

    /// The address of an op that computes one from two registers and a number.
    pub(super) fn load_of_table(&mut self, [a, b, c]: [u8; 3], table: u32) {
        let (b, c) = (self.value(b, B_), self.value(c, C));
        self.put(asm::three(EOR, B_, b, c));
        self.put(asm::bitfield(false, false, B_, B_, 0, 7));
        self.number(A, (table << 1 >> 1).into());
        self.put(asm::three(X | ADD, B_, A, B_) | 2 << 10);
        let place = self.bounds_of_16(4);
        if table >> 31 == 0 {
            return self.load(a, place, 0xb860_0800);
        }
        self.put(0xb860_0800 | place | MEMORY << 5 | B_);
        self.set(a, |target| asm::three(EOR | 1 << 22, target, B_, c) | 8 << 10);
    }

    pub(super) fn br_table(&mut self, a: u8, n: u32) {
        let a = self.value(a, A);
        self.number(B_, n.into());
        self.put(asm::cmp(false, a, B_));
        self.put(asm::csel(false, B_, a, B_, cond::LO));
        // The first of the branches, three words on.
        self.put(0x1000_0060 | C);
        self.put(asm::three(X | ADD, C, C, B_) | 2 << 10);
        self.put(0xd61f_0000 | C << 5);
        (0..=n).for_each(|_| self.leave());
    }

    pub(super) fn constant(&mut self, a: u8, number: u64) {
        let target = machine(a).unwrap_or(A);
        self.number(target, number);
        self.keep(a, target);
    }

    pub(super) fn add_number(&mut self, a: u8, b: u8, wide: u32, number: i64) {
        let b = self.value(b, B_);
        let target = machine(a).unwrap_or(A);
        self.add(wide | ADD, target, b, number, C);
        self.keep(a, target);
    }
}
