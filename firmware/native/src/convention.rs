//! What translator, checker and trampoline agree on: registers, the frame below them, and the routines that
//! all code begins with.

use xmap_image::{Field, Fields, Op, Word};

/// Registers of the window that have a machine register: 1 to 17.
pub(crate) const CACHED: u8 = 17;

// `x22` holds `&table[1]`, for the routines below: so the last word of a call finds the op behind it.
/// The slots: globals, then tables.
pub(crate) const SLOTS: u32 = 23;
/// Bytes of memory, less 1, 4 and 8: signed, so that a small memory makes them negative.
pub(crate) const LESS_1: u32 = 24;
pub(crate) const LESS_4: u32 = 25;
pub(crate) const LESS_8: u32 = 26;
/// The memory.
pub(crate) const MEMORY: u32 = 27;
/// Register 0 of the window.
pub(crate) const WINDOW: u32 = 28;
/// The fuel that is left.
pub(crate) const FUEL: u32 = 29;
/// The last place for a window.
pub(crate) const LAST: u32 = 21;
/// The zero register.
pub(crate) const ZERO: u32 = 31;

/// Where the number of pages stands in the frame that the stack pointer names.
pub(crate) const FRAME_PAGES: u32 = 24;

/// The machine register of a register of the window, if it has one.
pub(crate) const fn machine(register: u8) -> Option<u32> {
    match register {
        1..=15 => Some(register as u32 - 1),
        16..=CACHED => Some(register as u32 + 3),
        _ => None,
    }
}

/// The register of the window that a machine register stands for, if it does.
pub(crate) const fn window_register(machine: u32) -> Option<u8> {
    match machine {
        0..=14 => Some(machine as u8 + 1),
        19..=20 => Some(machine as u8 - 3),
        _ => None,
    }
}

/// Leaves for the interpreter, which goes on with the op `w16 + w17`.
pub(crate) const LEAVE: usize = 0;
/// Goes on where the window's link leads.
pub(crate) const RETURN: usize = 3;
/// Looks a reference up: index in `x15`, slot of the table in `x16`, type in `w17`. If there is a function of
/// that type, the flags say equal, `x16` is its code and `x17` its words of fuel; else `x17` is zero.
pub(crate) const INDIRECT: usize = 14;

/// The routines that all code begins with. Besides their operands they change `x18` and `x30` alone.
#[rustfmt::skip]
pub(crate) const PRELUDE: [u32; 41] = [
    // LEAVE
    0x0b11_0210, // add w16, w16, w17
    0xf940_03fe, // out: ldr x30, [sp]: where the code was entered from
    0xd65f_03c0, // ret
    // RETURN
    0xf940_0390, // ldr x16, [x28]: the link, `op << 8 | base`
    0xb7f8_0110, // tbnz x16, #63, outermost
    0x9240_1e11, // and x17, x16, #0xff
    0xcb11_0f9c, // sub x28, x28, x17, lsl #3
    0xd348_fe10, // lsr x16, x16, #8
    0xb870_7ad0, // ldr w16, [x22, x16, lsl #2]
    0x10ff_fef1, // adr x17, LEAVE
    0x8b10_0a30, // add x16, x17, x16, lsl #2
    0xd65f_0200, // ret x16
    0x1280_0010, // outermost: mov w16, #-1: no op, the call has returned
    0x17ff_fff4, // b out
    // INDIRECT
    0x8b10_0ef0, // add x16, x23, x16, lsl #3
    0xf940_0212, // ldr x18, [x16]: the table's size
    0xeb12_01ff, // cmp x15, x18
    0x5400_0282, // b.hs fail
    0x8b0f_0e10, // add x16, x16, x15, lsl #3
    0xf940_0610, // ldr x16, [x16, #8]: the reference, a function's index plus one
    0xd100_0610, // sub x16, x16, #1
    0xf940_0bf2, // ldr x18, [sp, #16]: how many functions there are
    0xeb12_021f, // cmp x16, x18
    0x5400_01c2, // b.hs fail
    0xf940_07f2, // ldr x18, [sp, #8]: their rows, of three words each
    0x8b10_0610, // add x16, x16, x16, lsl #1
    0x8b10_0a50, // add x16, x18, x16, lsl #2
    0xb940_0612, // ldr w18, [x16, #4]: its words, and its type above
    0x6b52_423f, // cmp w17, w18, lsr #16
    0x5400_0101, // b.ne fail
    0x1200_3e51, // and w17, w18, #0xffff
    0xb940_0210, // ldr w16, [x16]: its first op
    0xd100_12d2, // sub x18, x22, #4
    0xb870_7a50, // ldr w16, [x18, x16, lsl #2]
    0x10ff_fbd2, // adr x18, LEAVE
    0x8b10_0a50, // add x16, x18, x16, lsl #2
    0xd65f_03c0, // ret
    0x5280_0031, // fail: mov w17, #1
    0x7100_023f, // cmp w17, #0
    0x5280_0011, // mov w17, #0
    0xd65f_03c0, // ret
];

/// What the fields of an op are: two bits for each of `a`, `b` and `c`, from the lowest.
#[derive(Clone, Copy)]
struct Fielded(u8);

impl Fielded {
    const READ: u8 = 1;
    const WRITTEN: u8 = 2;

    const fn of(op: Op) -> Self {
        const fn bits(field: Field) -> u8 {
            match field {
                Field::Use => Fielded::READ,
                Field::Def => Fielded::WRITTEN,
                Field::Mut => Fielded::READ | Fielded::WRITTEN,
                _ => 0,
            }
        }
        Self(match op.shape().fields {
            Fields::Abc(a, b, c) => bits(a) | bits(b) << 2 | bits(c) << 4,
            Fields::I16(a)
            | Fields::U16(a)
            | Fields::Off16(a)
            | Fields::Func(a)
            | Fields::Global(a)
            | Fields::Spill(a)
            | Fields::Targets(a) => bits(a),
            Fields::Off24 => 0,
        })
    }
}

/// The fields of each opcode, and its words: 0 for a byte that is none.
static OPS: [(Fielded, u8); 256] = {
    let mut ops = [(Fielded(0), 0); 256];
    let mut n = 0;
    while n < Op::ALL.len() {
        let op = Op::ALL[n];
        ops[op as usize] = (Fielded::of(op), 1 + op.shape().words);
        n += 1;
    }
    ops
};

/// The words of the op that begins with `first`; at least one.
pub(crate) fn words(first: Word) -> usize {
    const TABLE: u8 = Op::BrTable as u8;
    match first as u8 {
        TABLE => 2 + (first >> 16) as usize,
        opcode => usize::from(OPS[usize::from(opcode)].1).max(1),
    }
}

/// The registers of the window with a machine register that a function names, bit by bit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Named {
    /// Read or written.
    pub(crate) used: u32,
    /// Written.
    pub(crate) written: u32,
}

impl Named {
    /// Gathers the registers that the ops of a function name.
    pub(crate) fn of(code: &[Word]) -> Self {
        let (mut used, mut written) = (0u32, 0u32);
        let mut at = 0;
        while let Some(first) = code.get(at) {
            let fields = OPS[usize::from(*first as u8)].0.0;
            for (kinds, register) in
                [(fields, first >> 8), (fields >> 2, first >> 16), (fields >> 4, first >> 24)]
            {
                let bit = 1u32.checked_shl(register & 0xff).unwrap_or(0);
                used |= if kinds & 3 != 0 { bit } else { 0 };
                written |= if kinds & Fielded::WRITTEN != 0 { bit } else { 0 };
            }
            // It writes the only result.
            if *first as u8 == Op::RetV as u8 {
                (used, written) = (used | 2, written | 2);
            }
            at += words(*first);
        }
        const ALL: u32 = (2 << CACHED) - 2;
        Self { used: used & ALL, written: written & ALL }
    }
}
