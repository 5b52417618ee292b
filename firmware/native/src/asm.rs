//! Words of AArch64 instructions, for the translator. The checker has a decoder of its own.

use crate::convention::ZERO;

/// Conditions (*Arm ARM*, C1.2.4).
pub(crate) mod cond {
    pub(crate) const EQ: u32 = 0;
    pub(crate) const NE: u32 = 1;
    pub(crate) const CC: u32 = 3;
    pub(crate) const LO: u32 = 3;
    pub(crate) const MI: u32 = 4;
    pub(crate) const PL: u32 = 5;
    pub(crate) const VS: u32 = 6;
    pub(crate) const HI: u32 = 8;
    pub(crate) const LS: u32 = 9;
    pub(crate) const LT: u32 = 11;
    pub(crate) const GT: u32 = 12;
    pub(crate) const LE: u32 = 13;
}

/// The bit of 64-bit forms of most integer instructions.
pub(crate) const X: u32 = 1 << 31;

pub(crate) const ADD: u32 = 0x0b00_0000;
pub(crate) const SUB: u32 = 0x4b00_0000;
pub(crate) const ADDS: u32 = 0x2b00_0000;
pub(crate) const SUBS: u32 = 0x6b00_0000;
pub(crate) const AND: u32 = 0x0a00_0000;
pub(crate) const ORR: u32 = 0x2a00_0000;
pub(crate) const EOR: u32 = 0x4a00_0000;
pub(crate) const MUL: u32 = 0x1b00_7c00;
pub(crate) const MSUB: u32 = 0x1b00_8000;
pub(crate) const UDIV: u32 = 0x1ac0_0800;
pub(crate) const SDIV: u32 = 0x1ac0_0c00;
pub(crate) const LSLV: u32 = 0x1ac0_2000;
pub(crate) const LSRV: u32 = 0x1ac0_2400;
pub(crate) const ASRV: u32 = 0x1ac0_2800;
pub(crate) const RORV: u32 = 0x1ac0_2c00;
pub(crate) const RBIT: u32 = 0x5ac0_0000;
pub(crate) const CLZ: u32 = 0x5ac0_1000;

/// `op rd, rn, rm`.
pub(crate) const fn three(op: u32, rd: u32, rn: u32, rm: u32) -> u32 {
    op | rm << 16 | rn << 5 | rd
}

/// `op rd, rn`.
pub(crate) const fn two(op: u32, rd: u32, rn: u32) -> u32 {
    op | rn << 5 | rd
}

/// `mov xd, xn`.
pub(crate) const fn mov(rd: u32, rn: u32) -> u32 {
    three(X | ORR, rd, ZERO, rn)
}

/// The form of an addition or subtraction with an immediate of 12 bits, from that with registers: of the
/// number itself, or of a multiple of 4,096.
pub(crate) const fn with_12_bits(op: u32, rd: u32, rn: u32, number: u32) -> Option<u32> {
    let op = op & 0xf000_0000 | 0x0100_0000 | rn << 5 | rd;
    match number {
        0..=0xfff => Some(op | 0x1000_0000 | number << 10),
        _ if number & 0xfff == 0 && number >> 24 == 0 => Some(op | 0x1040_0000 | number >> 2),
        _ => None,
    }
}

/// `ubfm` or, if `signed`, `sbfm` of the width that `x` says.
pub(crate) const fn bitfield(x: bool, signed: bool, rd: u32, rn: u32, immr: u32, imms: u32) -> u32 {
    let op = match (x, signed) {
        (false, false) => 0x5300_0000,
        (false, true) => 0x1300_0000,
        (true, false) => 0xd340_0000,
        (true, true) => 0x9340_0000,
    };
    op | immr << 16 | imms << 10 | rn << 5 | rd
}

/// `ror rd, rn, #bits`.
pub(crate) const fn rotate(x: bool, rd: u32, rn: u32, bits: u32) -> u32 {
    let op = if x { 0x93c0_0000 } else { 0x1380_0000 };
    op | rn << 16 | bits << 10 | rn << 5 | rd
}

/// The form of a bitwise operation with an immediate, if it is one run of ones, wherever it begins.
pub(crate) fn with_run(op: u32, rd: u32, rn: u32, number: u64) -> Option<u32> {
    let x = op & X != 0;
    let width = if x { 64 } else { 32 };
    // The narrow one is written twice, so that a rotation wraps within it.
    let twice = if x { number } else { number << 32 | number & 0xffff_ffff };
    let ones = number.count_ones();
    if ones == 0 || ones >= width {
        return None;
    }
    // Where the run begins.
    let first = if twice & 1 == 0 { twice.trailing_zeros() } else { width - twice.leading_ones() };
    let first = first % width;
    let run = (1u64 << ones) - 1;
    let rotated = twice.rotate_right(first) & (u64::MAX >> (64 - width));
    if rotated != run {
        return None;
    }
    let op = op & 0xe000_0000 | 0x1200_0000 | if x { 1 << 22 } else { 0 };
    Some(op | ((width - first) % width) << 16 | (ones - 1) << 10 | rn << 5 | rd)
}

/// `cmp rn, rm`.
pub(crate) const fn cmp(x: bool, rn: u32, rm: u32) -> u32 {
    three(SUBS | if x { X } else { 0 }, ZERO, rn, rm)
}

/// `cmp xn, wm, uxtw`.
pub(crate) const fn cmp_extended(rn: u32, rm: u32) -> u32 {
    three(0xeb20_4000, ZERO, rn, rm)
}

/// `cmp xn, wm, sxtw`.
pub(crate) const fn cmp_sign_extended(rn: u32, rm: u32) -> u32 {
    three(0xeb20_c000, ZERO, rn, rm)
}

/// `csel rd, rn, rm, cond`.
pub(crate) const fn csel(x: bool, rd: u32, rn: u32, rm: u32, cond: u32) -> u32 {
    three(0x1a80_0000 | if x { X } else { 0 }, rd, rn, rm) | cond << 12
}

/// `cset wd, cond`.
pub(crate) const fn cset(rd: u32, cond: u32) -> u32 {
    0x1a9f_07e0 | (cond ^ 1) << 12 | rd
}

/// `ccmp xn, xm, #0, cc`: the comparison where there was no carry, else flags that say greater.
pub(crate) const fn ccmp_no_carry(rn: u32, rm: u32) -> u32 {
    0xfa40_0000 | rm << 16 | cond::CC << 12 | rn << 5
}

/// `ldr xt, [xn, #8 * slot]`.
pub(crate) const fn ldr(rt: u32, rn: u32, slot: u32) -> u32 {
    0xf940_0000 | slot << 10 | rn << 5 | rt
}

/// `str xt, [xn, #8 * slot]`.
pub(crate) const fn str(rt: u32, rn: u32, slot: u32) -> u32 {
    0xf900_0000 | slot << 10 | rn << 5 | rt
}

/// `ldp xt, xu, [xn, #8 * slot]`.
pub(crate) const fn ldp(rt: u32, ru: u32, rn: u32, slot: u32) -> u32 {
    0xa940_0000 | slot << 15 | ru << 10 | rn << 5 | rt
}

/// `stp xt, xu, [xn, #8 * slot]`.
pub(crate) const fn stp(rt: u32, ru: u32, rn: u32, slot: u32) -> u32 {
    0xa900_0000 | slot << 15 | ru << 10 | rn << 5 | rt
}

/// `op rt, [xn, xm, lsl #3]`, where `op` is a load or a store of 64 bits by two registers.
pub(crate) const fn by_slot(op: u32, rt: u32, rn: u32, rm: u32) -> u32 {
    op | rm << 16 | 0x7000 | rn << 5 | rt
}

pub(crate) const B: u32 = 0x1400_0000;
pub(crate) const BL: u32 = 0x9400_0000;
pub(crate) const B_COND: u32 = 0x5400_0000;
pub(crate) const CBZ: u32 = 0x3400_0000;
pub(crate) const CBNZ: u32 = 0x3500_0000;

/// The distance of a branch that [`crate::translate`] fills in: out of the op, for the interpreter.
pub(crate) const OUT: i64 = 0;
/// The same: to the op's target.
pub(crate) const TARGET: i64 = -1;

/// A branch over `words`; `None` where it does not reach so far.
pub(crate) const fn over(branch: u32, words: i64) -> Option<u32> {
    let (bits, shift) = if branch >> 26 & 31 == 5 { (26, 0) } else { (19, 5) };
    if words >= 1 << (bits - 1) || words < -(1 << (bits - 1)) {
        return None;
    }
    let mask = ((1u32 << bits) - 1) << shift;
    Some(branch & !mask | (words as u32) << shift & mask)
}

/// The distance of a branch; `None` for any other instruction, `bl` and `tbz` among them.
pub(crate) const fn distance(word: u32) -> Option<i64> {
    if word >> 26 == 5 {
        Some(((word << 6) as i32 >> 6) as i64)
    } else if word & 0xff00_0010 == B_COND || word & 0x7e00_0000 == CBZ {
        Some(((word << 8) as i32 >> 13) as i64)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a bitwise immediate, by the definition of the manual (`DecodeBitMasks`).
    fn decoded(word: u32) -> u64 {
        let (n, immr, imms) = (word >> 22 & 1, word >> 16 & 63, word >> 10 & 63);
        let width = if n == 1 { 64 } else { 32 };
        let run = u64::MAX >> (63 - imms);
        let mask = u64::MAX >> (64 - width);
        (run >> immr | run << ((width - immr) % width)) & mask
    }

    #[test]
    fn runs_of_ones_have_a_form() {
        for width in [32u32, 64] {
            let op = if width == 64 { X | AND } else { AND };
            let mask = u64::MAX >> (64 - width);
            for ones in 1..width {
                for first in 0..width {
                    let run = (1u64 << ones) - 1;
                    let value = (run << first | run.checked_shr(width - first).unwrap_or(0)) & mask;
                    let word = with_run(op, 1, 2, value).expect("a run has a form");
                    assert_eq!(decoded(word), value, "{ones} ones from {first} of {width}");
                }
            }
            assert_eq!(with_run(op, 1, 2, 5), None);
            assert_eq!(with_run(op, 1, 2, 0), None);
            assert_eq!(with_run(op, 1, 2, mask), None);
        }
    }

    #[test]
    fn branches_keep_their_distance() {
        for branch in [B, B_COND | 5, CBZ | 7, X | CBNZ | 30] {
            for words in [-262_144, -1, 0, 1, 5, 262_143] {
                assert_eq!(distance(over(branch, words).expect("it reaches")), Some(words));
            }
        }
        assert_eq!(over(B_COND, 262_144), None);
        assert_eq!(distance(BL), None);
    }
}
