//! The ops of an image, declared once.
//!
//! An op is one to three words. The first holds the opcode and three byte fields,
//! `op | a << 8 | b << 16 | c << 24`; the words behind it, if any, are immediates.
//! Registers are 64 bits wide; an i32 stands in one zero-extended. Register 0 of a
//! function's window is its link to the caller and no op may name it.
//!
//! The list below gives each op its number, its text and its *shape*: what each field
//! means. The verifier, the disassembler, the encoder and the table in `docs/format.md`
//! follow the shape, so that a new op is one new line here and one new arm in the mapper.

use xmap_abi::HostFunction;

/// One 32-bit unit of code.
pub type Word = u32;

/// The meaning of a field of an op's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Must be zero.
    Zero,
    /// A register that the op writes.
    Def,
    /// A register that the op reads.
    Use,
    /// A register that the op reads and may write.
    Mut,
    /// An unsigned immediate, 0 to 255.
    U8,
    /// A signed immediate, -128 to 127.
    I8,
    /// A line that the image declares.
    LineIn,
    /// A line that the image declares and may drive.
    LineOut,
    /// A bank that exists.
    Bank,
    /// A table.
    Table,
    /// A branch of -128 to 127 words, counted from the word behind this one.
    Off8,
    /// The callee's register 0 within this window: the link is stored there, its parameters stand behind it.
    Base,
    /// A branch back by 0 to 255 words, counted from the word behind this one.
    Back8,
    /// A register of this window, or 0: the arguments of a host function stand behind it, its results will.
    Args,
    /// The number of a row of the guest ABI's table.
    Row,
}

/// The meaning of the fields `b` and `c` together, or of all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Three fields of their own.
    Abc(Field, Field, Field),
    /// A register, then a signed 16-bit immediate.
    I16(Field),
    /// A register, then an unsigned 16-bit immediate (an address).
    U16(Field),
    /// A register, then a branch of -32768 to 32767 words, counted from the word behind this one.
    Off16(Field),
    /// A branch of 24 bits, counted from the word behind this one.
    Off24,
    /// A register, then the index of a function.
    Func(Field),
    /// A register, then the index of a global.
    Global(Field),
    /// A register, then a spill slot of the function; without a register, how many it has.
    Spill(Field),
    /// A register, then the number *n* of targets; *n* + 1 branch offsets follow, the last is the default.
    Targets(Field),
}

/// The layout of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The fields of the first word.
    pub fields: Fields,
    /// How many immediate words follow, 0 to 2 (the targets of a `br_table` are not counted).
    pub words: u8,
    /// What the first immediate word means.
    pub word: Immediate,
}

/// The meaning of an op's first immediate word. Halves are 16 bits each, low first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediate {
    /// A number.
    Number,
    /// A mask of lines that the image must be allowed to drive, in the bank of field `a`.
    Mask,
    /// A function type.
    Type,
    /// A table.
    Table,
    /// Two tables: the target, then the source.
    Tables,
    /// A table, then a passive element segment.
    TableAndElements,
    /// A passive element segment.
    Elements,
    /// A passive data segment.
    Data,
}

use Field::{Args, Back8, Bank, Base, Def, I8, LineIn, LineOut, Mut, Off8, Row, Table, U8, Use, Zero};

const fn abc(a: Field, b: Field, c: Field) -> Shape {
    Shape { fields: Fields::Abc(a, b, c), words: 0, word: Immediate::Number }
}
const fn wide(a: Field, b: Field, words: u8) -> Shape {
    Shape { fields: Fields::Abc(a, b, Zero), words, word: Immediate::Number }
}
const fn of(fields: Fields) -> Shape {
    Shape { fields, words: 0, word: Immediate::Number }
}
const fn with(a: Field, b: Field, c: Field, word: Immediate) -> Shape {
    Shape { fields: Fields::Abc(a, b, c), words: 1, word }
}
const MASK: Shape = with(Bank, Zero, Zero, Immediate::Mask);

macro_rules! ops {
    ($($(#[doc = $doc:literal])* $number:literal $name:ident $text:literal $shape:expr;)*) => {
        /// The number of each op by its name, for a `match` on the opcode byte.
        #[allow(non_upper_case_globals, missing_docs)]
        pub mod opcode {
            $(pub const $name: u8 = $number;)*
        }

        /// An operation of the mapper; the discriminant is its opcode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $($(#[doc = $doc])* $name = $number,)* }

        impl Op {
            /// Every op, in the order of its number.
            pub const ALL: &'static [Op] = &[$(Op::$name,)*];

            /// The op with this number, if there is one.
            pub const fn from_u8(byte: u8) -> Option<Op> {
                match byte { $($number => Some(Op::$name),)* _ => None }
            }

            /// Returns what a disassembly calls it.
            pub const fn text(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }

            /// Returns what it does, in a sentence: its documentation.
            #[cfg(feature = "build")]
            pub const fn meaning(self) -> &'static str {
                match self { $(Op::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// Returns what its fields mean.
            pub const fn shape(self) -> Shape {
                match self { $(Op::$name => $shape,)* }
            }
        }
    };
}

ops! {
    // Control.
    /// Trap `unreachable`.
    0x00 Unreachable "unreachable" abc(Zero, Zero, Zero);
    /// Branch.
    0x01 Br "br" of(Fields::Off24);
    /// Branch where `a` is not zero.
    0x02 BrIf "br_if" of(Fields::Off16(Use));
    /// Branch where `a` is zero.
    0x03 BrIfz "br_ifz" of(Fields::Off16(Use));
    /// Branch by the table behind the op.
    0x04 BrTable "br_table" of(Fields::Targets(Use));
    /// Call a function of the image.
    0x05 Call "call" of(Fields::Func(Base));
    /// Return; results stand in registers 1 and up.
    0x06 Ret "ret" abc(Zero, Zero, Zero);
    /// Return `a` as the only result.
    0x07 RetV "ret_v" abc(Use, Zero, Zero);
    /// `a = b`.
    0x08 Copy "copy" abc(Def, Use, Zero);
    /// `a = imm` as an i32.
    0x09 Const32 "const.i32" of(Fields::I16(Def));
    /// `a = imm` as an i64.
    0x0a Const64 "const.i64" of(Fields::I16(Def));
    /// `a =` the next word, zero-extended.
    0x0b Const32W "const.i32w" wide(Def, Zero, 1);
    /// `a =` the next two words, low word first.
    0x0c Const64W "const.i64w" wide(Def, Zero, 2);
    /// `a = c` where `b` is not zero.
    0x0d CmovNz "cmov.nz" abc(Mut, Use, Use);
    /// `a = c` where `b` is zero.
    0x0e CmovZ "cmov.z" abc(Mut, Use, Use);
    /// `a =` global.
    0x0f GlobalGet "global.get" of(Fields::Global(Def));
    /// Global `= a`.
    0x10 GlobalSet "global.set" of(Fields::Global(Use));

    // Compare and branch. Unsigned and equal serve both widths, since an i32 stands zero-extended.
    /// Branch where `a == b`.
    0x11 BrEq "br.eq" abc(Use, Use, Off8);
    /// Branch where `a != b`.
    0x12 BrNe "br.ne" abc(Use, Use, Off8);
    /// Branch where `a < b`, unsigned.
    0x13 BrLtU "br.lt_u" abc(Use, Use, Off8);
    /// Branch where `a <= b`, unsigned.
    0x14 BrLeU "br.le_u" abc(Use, Use, Off8);
    /// Branch where `a < b`, i32.
    0x15 BrLtS32 "br.lt_s.i32" abc(Use, Use, Off8);
    /// Branch where `a <= b`, i32.
    0x16 BrLeS32 "br.le_s.i32" abc(Use, Use, Off8);
    /// Branch where `a < b`, i64.
    0x17 BrLtS64 "br.lt_s.i64" abc(Use, Use, Off8);
    /// Branch where `a <= b`, i64.
    0x18 BrLeS64 "br.le_s.i64" abc(Use, Use, Off8);
    /// Branch where `a == imm`.
    0x19 BrEqI "br.eq.imm" abc(Use, U8, Off8);
    /// Branch where `a != imm`.
    0x1a BrNeI "br.ne.imm" abc(Use, U8, Off8);
    /// Branch where `a < imm`, unsigned.
    0x1b BrLtUI "br.lt_u.imm" abc(Use, U8, Off8);
    /// Branch where `a > imm`, unsigned.
    0x1c BrGtUI "br.gt_u.imm" abc(Use, U8, Off8);
    /// Branch where `a < imm`, i32.
    0x1d BrLtSI32 "br.lt_s.i32.imm" abc(Use, I8, Off8);
    /// Branch where `a > imm`, i32.
    0x1e BrGtSI32 "br.gt_s.i32.imm" abc(Use, I8, Off8);

    /// `a = a + imm`, i32; branch back where it is not zero.
    0x1f BrAddI32 "br.add.i32.imm" abc(Mut, I8, Back8);

    // Compare.
    /// `a = (b == c)`.
    0x21 Eq "eq" abc(Def, Use, Use);
    /// `a = (b != c)`.
    0x22 Ne "ne" abc(Def, Use, Use);
    /// `a = (b < c)`, unsigned.
    0x23 LtU "lt_u" abc(Def, Use, Use);
    /// `a = (b <= c)`, unsigned.
    0x24 LeU "le_u" abc(Def, Use, Use);
    /// `a = (b < c)`, i32.
    0x25 LtS32 "lt_s.i32" abc(Def, Use, Use);
    /// `a = (b <= c)`, i32.
    0x26 LeS32 "le_s.i32" abc(Def, Use, Use);
    /// `a = (b < c)`, i64.
    0x27 LtS64 "lt_s.i64" abc(Def, Use, Use);
    /// `a = (b <= c)`, i64.
    0x28 LeS64 "le_s.i64" abc(Def, Use, Use);
    /// `a = (b == imm)`.
    0x29 EqI "eq.imm" abc(Def, Use, U8);
    /// `a = (b != imm)`.
    0x2a NeI "ne.imm" abc(Def, Use, U8);
    /// `a = (b < imm)`, unsigned.
    0x2b LtUI "lt_u.imm" abc(Def, Use, U8);
    /// `a = (b > imm)`, unsigned.
    0x2c GtUI "gt_u.imm" abc(Def, Use, U8);
    /// `a = (b < imm)`, i32.
    0x2d LtSI32 "lt_s.i32.imm" abc(Def, Use, I8);
    /// `a = (b > imm)`, i32.
    0x2e GtSI32 "gt_s.i32.imm" abc(Def, Use, I8);

    // Arithmetic, register and register.
    /// `a = b + c`, i32.
    0x31 Add32 "add.i32" abc(Def, Use, Use);
    /// `a = b - c`, i32.
    0x32 Sub32 "sub.i32" abc(Def, Use, Use);
    /// `a = b * c`, i32.
    0x33 Mul32 "mul.i32" abc(Def, Use, Use);
    /// `a = b / c`, i32, signed.
    0x34 DivS32 "div_s.i32" abc(Def, Use, Use);
    /// `a = b / c`, i32, unsigned.
    0x35 DivU32 "div_u.i32" abc(Def, Use, Use);
    /// `a = b % c`, i32, signed.
    0x36 RemS32 "rem_s.i32" abc(Def, Use, Use);
    /// `a = b % c`, i32, unsigned.
    0x37 RemU32 "rem_u.i32" abc(Def, Use, Use);
    /// `a = b & c`, both widths.
    0x38 And "and" abc(Def, Use, Use);
    /// `a = b | c`, both widths.
    0x39 Or "or" abc(Def, Use, Use);
    /// `a = b ^ c`, both widths.
    0x3a Xor "xor" abc(Def, Use, Use);
    /// `a = b << (c mod 32)`, i32.
    0x3b Shl32 "shl.i32" abc(Def, Use, Use);
    /// `a = b >> (c mod 32)`, i32, signed.
    0x3c ShrS32 "shr_s.i32" abc(Def, Use, Use);
    /// `a = b >> (c mod 32)`, i32, unsigned.
    0x3d ShrU32 "shr_u.i32" abc(Def, Use, Use);
    /// `a =` `b` rotated left by `c` bits, i32.
    0x3e Rotl32 "rotl.i32" abc(Def, Use, Use);
    /// `a =` `b` rotated right by `c` bits, i32.
    0x3f Rotr32 "rotr.i32" abc(Def, Use, Use);
    /// `a = b + c`, i64.
    0x40 Add64 "add.i64" abc(Def, Use, Use);
    /// `a = b - c`, i64.
    0x41 Sub64 "sub.i64" abc(Def, Use, Use);
    /// `a = b * c`, i64.
    0x42 Mul64 "mul.i64" abc(Def, Use, Use);
    /// `a = b / c`, i64, signed.
    0x43 DivS64 "div_s.i64" abc(Def, Use, Use);
    /// `a = b / c`, i64, unsigned.
    0x44 DivU64 "div_u.i64" abc(Def, Use, Use);
    /// `a = b % c`, i64, signed.
    0x45 RemS64 "rem_s.i64" abc(Def, Use, Use);
    /// `a = b % c`, i64, unsigned.
    0x46 RemU64 "rem_u.i64" abc(Def, Use, Use);
    /// `a = b << (c mod 64)`, i64.
    0x47 Shl64 "shl.i64" abc(Def, Use, Use);
    /// `a = b >> (c mod 64)`, i64, signed.
    0x48 ShrS64 "shr_s.i64" abc(Def, Use, Use);
    /// `a = b >> (c mod 64)`, i64, unsigned.
    0x49 ShrU64 "shr_u.i64" abc(Def, Use, Use);
    /// `a =` `b` rotated left by `c` bits, i64.
    0x4a Rotl64 "rotl.i64" abc(Def, Use, Use);
    /// `a =` `b` rotated right by `c` bits, i64.
    0x4b Rotr64 "rotr.i64" abc(Def, Use, Use);

    // Arithmetic, register and short immediate.
    /// `a = b + imm`, i32.
    0x4d AddI32 "add.i32.imm" abc(Def, Use, I8);
    /// `a = b * imm`, i32.
    0x4e MulI32 "mul.i32.imm" abc(Def, Use, I8);
    /// `a = b & imm`, both widths.
    0x4f AndI "and.imm" abc(Def, Use, U8);
    /// `a = b | imm`, both widths.
    0x50 OrI "or.imm" abc(Def, Use, U8);
    /// `a = b ^ imm`, both widths.
    0x51 XorI "xor.imm" abc(Def, Use, U8);
    /// `a = b << imm`, i32; `imm` is 0 to 31.
    0x52 ShlI32 "shl.i32.imm" abc(Def, Use, U8);
    /// `a = b >> imm`, i32, signed.
    0x53 ShrSI32 "shr_s.i32.imm" abc(Def, Use, U8);
    /// `a = b >> imm`, i32, unsigned.
    0x54 ShrUI32 "shr_u.i32.imm" abc(Def, Use, U8);
    /// `a =` `b` rotated left by `imm` bits, i32.
    0x55 RotlI32 "rotl.i32.imm" abc(Def, Use, U8);
    /// `a = b + imm`, i64.
    0x56 AddI64 "add.i64.imm" abc(Def, Use, I8);
    /// `a = b << imm`, i64; `imm` is 0 to 63.
    0x57 ShlI64 "shl.i64.imm" abc(Def, Use, U8);
    /// `a = b >> imm`, i64, signed.
    0x58 ShrSI64 "shr_s.i64.imm" abc(Def, Use, U8);
    /// `a = b >> imm`, i64, unsigned.
    0x59 ShrUI64 "shr_u.i64.imm" abc(Def, Use, U8);
    /// `a =` `b` rotated left by `imm` bits, i64.
    0x5a RotlI64 "rotl.i64.imm" abc(Def, Use, U8);

    // Arithmetic, register and a word.
    /// `a = b +` word, i32.
    0x5b AddW32 "add.i32.w" wide(Def, Use, 1);
    /// `a = b *` word, i32.
    0x5c MulW32 "mul.i32.w" wide(Def, Use, 1);
    /// `a = b &` word, zero-extended.
    0x5d AndW "and.w" wide(Def, Use, 1);
    /// `a = b |` word, zero-extended.
    0x5e OrW "or.w" wide(Def, Use, 1);
    /// `a = b ^` word, zero-extended.
    0x5f XorW "xor.w" wide(Def, Use, 1);

    /// `a = a ^ (b >> imm)`, the shift i32, unsigned; `imm` is 0 to 31.
    0x60 XorShrI32 "xor.shr_u.i32.imm" abc(Mut, Use, U8);

    // One operand.
    /// Leading zero bits, i32.
    0x61 Clz32 "clz.i32" abc(Def, Use, Zero);
    /// Trailing zero bits, i32.
    0x62 Ctz32 "ctz.i32" abc(Def, Use, Zero);
    /// Bits set, both widths.
    0x63 Popcnt "popcnt" abc(Def, Use, Zero);
    /// Leading zero bits, i64.
    0x64 Clz64 "clz.i64" abc(Def, Use, Zero);
    /// Trailing zero bits, i64.
    0x65 Ctz64 "ctz.i64" abc(Def, Use, Zero);
    /// Sign-extend 8 bits to i32.
    0x66 Ext8S32 "extend8_s.i32" abc(Def, Use, Zero);
    /// Sign-extend 16 bits to i32.
    0x67 Ext16S32 "extend16_s.i32" abc(Def, Use, Zero);
    /// Sign-extend 8 bits to i64.
    0x68 Ext8S64 "extend8_s.i64" abc(Def, Use, Zero);
    /// Sign-extend 16 bits to i64.
    0x69 Ext16S64 "extend16_s.i64" abc(Def, Use, Zero);
    /// Sign-extend 32 bits to i64.
    0x6a Ext32S64 "extend32_s.i64" abc(Def, Use, Zero);
    /// The low 32 bits of an i64.
    0x6b Wrap "wrap.i64" abc(Def, Use, Zero);
    /// Pages of memory (64 KiB each).
    0x6c MemorySize "memory.size" abc(Def, Zero, Zero);
    /// Grow the memory by `b` pages; `a =` the pages before, or -1.
    0x6d MemoryGrow "memory.grow" abc(Def, Use, Zero);

    /// Keep `a` in a spill slot of the function.
    0x6e Spill "spill" of(Fields::Spill(Use));
    /// `a =` what a spill slot keeps.
    0x6f Fill "fill" of(Fields::Spill(Def));

    // Loads: `a = memory[b + imm]`. The i32 forms that extend by zero serve i64 too.
    /// One byte, zero-extended.
    0x70 Ld8U "load8_u" abc(Def, Use, U8);
    /// One byte, sign-extended to i32.
    0x71 Ld8S32 "load8_s.i32" abc(Def, Use, U8);
    /// One byte, sign-extended to i64.
    0x72 Ld8S64 "load8_s.i64" abc(Def, Use, U8);
    /// Two bytes, zero-extended.
    0x73 Ld16U "load16_u" abc(Def, Use, U8);
    /// Two bytes, sign-extended to i32.
    0x74 Ld16S32 "load16_s.i32" abc(Def, Use, U8);
    /// Two bytes, sign-extended to i64.
    0x75 Ld16S64 "load16_s.i64" abc(Def, Use, U8);
    /// Four bytes, zero-extended.
    0x76 Ld32U "load32_u" abc(Def, Use, U8);
    /// Four bytes, sign-extended to i64.
    0x77 Ld32S64 "load32_s.i64" abc(Def, Use, U8);
    /// Eight bytes.
    0x78 Ld64 "load64" abc(Def, Use, U8);
    /// One byte, zero-extended, offset in a word.
    0x79 Ld8UW "load8_u.w" wide(Def, Use, 1);
    /// One byte, sign-extended to i32, offset in a word.
    0x7a Ld8S32W "load8_s.i32.w" wide(Def, Use, 1);
    /// One byte, sign-extended to i64, offset in a word.
    0x7b Ld8S64W "load8_s.i64.w" wide(Def, Use, 1);
    /// Two bytes, zero-extended, offset in a word.
    0x7c Ld16UW "load16_u.w" wide(Def, Use, 1);
    /// Two bytes, sign-extended to i32, offset in a word.
    0x7d Ld16S32W "load16_s.i32.w" wide(Def, Use, 1);
    /// Two bytes, sign-extended to i64, offset in a word.
    0x7e Ld16S64W "load16_s.i64.w" wide(Def, Use, 1);
    /// Four bytes, zero-extended, offset in a word.
    0x7f Ld32UW "load32_u.w" wide(Def, Use, 1);
    /// Four bytes, sign-extended to i64, offset in a word.
    0x80 Ld32S64W "load32_s.i64.w" wide(Def, Use, 1);
    /// Eight bytes, offset in a word.
    0x81 Ld64W "load64.w" wide(Def, Use, 1);
    /// One byte, zero-extended, at a fixed address.
    0x82 Ld8UAt "load8_u.at" of(Fields::U16(Def));
    /// One byte, sign-extended to i32, at a fixed address.
    0x83 Ld8S32At "load8_s.i32.at" of(Fields::U16(Def));
    /// Two bytes, zero-extended, at a fixed address.
    0x84 Ld16UAt "load16_u.at" of(Fields::U16(Def));
    /// Two bytes, sign-extended to i32, at a fixed address.
    0x85 Ld16S32At "load16_s.i32.at" of(Fields::U16(Def));
    /// Four bytes, zero-extended, at a fixed address.
    0x86 Ld32UAt "load32_u.at" of(Fields::U16(Def));
    /// Eight bytes, at a fixed address.
    0x87 Ld64At "load64.at" of(Fields::U16(Def));

    // Loads that compute where.
    /// One byte, zero-extended, at `b +` word, which wraps.
    0x88 Ld8UAdd "load8_u.add" wide(Def, Use, 1);
    /// Four bytes, zero-extended: item `(b ^ c) mod 256` of the table at the lower 31 bits of word; with its
    /// bit 31, `^ (c mod 2^32) >> 8`.
    0x89 Ld32UTable "load32_u.table" with(Def, Use, Use, Immediate::Number);

    // Stores: `memory[b + imm] = a`.
    /// One byte.
    0x8b St8 "store8" abc(Use, Use, U8);
    /// Two bytes.
    0x8c St16 "store16" abc(Use, Use, U8);
    /// Four bytes.
    0x8d St32 "store32" abc(Use, Use, U8);
    /// Eight bytes.
    0x8e St64 "store64" abc(Use, Use, U8);
    /// One byte, offset in a word.
    0x8f St8W "store8.w" wide(Use, Use, 1);
    /// Two bytes, offset in a word.
    0x90 St16W "store16.w" wide(Use, Use, 1);
    /// Four bytes, offset in a word.
    0x91 St32W "store32.w" wide(Use, Use, 1);
    /// Eight bytes, offset in a word.
    0x92 St64W "store64.w" wide(Use, Use, 1);
    /// One byte, at a fixed address.
    0x93 St8At "store8.at" of(Fields::U16(Use));
    /// Two bytes, at a fixed address.
    0x94 St16At "store16.at" of(Fields::U16(Use));
    /// Four bytes, at a fixed address.
    0x95 St32At "store32.at" of(Fields::U16(Use));
    /// Eight bytes, at a fixed address.
    0x96 St64At "store64.at" of(Fields::U16(Use));

    // Tables and bulk memory. Indices, lengths and addresses are i32, read as unsigned.
    /// Call the function at index `b` of table `c`, if it has the type of the word; `a` is as in `call`.
    0x97 CallIndirect "call_indirect" with(Base, Use, Table, Immediate::Type);
    /// `a =` the reference at index `b` of table `c`.
    0x98 TableGet "table.get" abc(Def, Use, Table);
    /// The reference at index `a` of table `c` `= b`.
    0x99 TableSet "table.set" abc(Use, Use, Table);
    /// `a =` the size of table `b`.
    0x9a TableSize "table.size" abc(Def, Table, Zero);
    /// Grow table `c` by `a` references, each `b`; `a =` its size before, or -1.
    0x9b TableGrow "table.grow" abc(Mut, Use, Table);
    /// From index `a` of the table on, `c` references `= b`.
    0x9c TableFill "table.fill" with(Use, Use, Use, Immediate::Table);
    /// Copy `c` references from index `b` of the second table to index `a` of the first.
    0x9d TableCopy "table.copy" with(Use, Use, Use, Immediate::Tables);
    /// Copy `c` references from item `b` of the segment to index `a` of the table.
    0x9e TableInit "table.init" with(Use, Use, Use, Immediate::TableAndElements);
    /// Drop a passive element segment.
    0x9f ElemDrop "elem.drop" with(Zero, Zero, Zero, Immediate::Elements);
    /// Copy `c` bytes from address `b` to address `a`.
    0xa0 MemoryCopy "memory.copy" abc(Use, Use, Use);
    /// From address `a` on, `c` bytes `=` the low byte of `b`.
    0xa1 MemoryFill "memory.fill" abc(Use, Use, Use);
    /// Copy `c` bytes from offset `b` of the segment to address `a`.
    0xa2 MemoryInit "memory.init" with(Use, Use, Use, Immediate::Data);
    /// Drop a passive data segment.
    0xa3 DataDrop "data.drop" with(Zero, Zero, Zero, Immediate::Data);
    /// `a =` a reference to the function.
    0xa4 RefFunc "ref.func" of(Fields::Func(Def));
    /// Make room for spill slots: the first op of a function that has them.
    0xa5 SpillEnter "spill.enter" of(Fields::Spill(Zero));
    /// Give the room back: stands before each return of such a function.
    0xa6 SpillLeave "spill.leave" of(Fields::Spill(Zero));

    // Native operations (guest-abi.md) with the line known to the compiler: nothing is left to check.
    /// Drive line `a` high: one store to GPSET0 or GPSET1.
    0xa8 LineSet "gpio.set_line" abc(LineOut, Zero, Zero);
    /// Drive line `a` low: one store to GPCLR0 or GPCLR1.
    0xa9 LineClear "gpio.clear_line" abc(LineOut, Zero, Zero);
    /// Drive line `a` high where `b` is not zero, else low.
    0xaa LinePut "gpio.put_line" abc(LineOut, Use, Zero);
    /// Drive line `a` to the opposite of its level.
    0xab LineToggle "gpio.toggle_line" abc(LineOut, Zero, Zero);
    /// `a =` level of line `b`.
    0xac LineGet "gpio.get_line" abc(Def, LineIn, Zero);
    /// Drive the lines of the mask in bank `a` high.
    0xad MaskSet "gpio.set_mask" MASK;
    /// Drive the lines of the mask in bank `a` low.
    0xae MaskClear "gpio.clear_mask" MASK;
    /// `a =` levels of the declared lines of bank `b`; other bits are 0.
    0xaf BankRead "gpio.read_bank" abc(Def, Bank, Zero);

    // Native operations on lines that only the call knows: checked against the declared masks.
    /// Drive line `a` high.
    0xb0 GpioSet "gpio.set" abc(Use, Zero, Zero);
    /// Drive line `a` low.
    0xb1 GpioClear "gpio.clear" abc(Use, Zero, Zero);
    /// Drive line `a` high where `b` is not zero, else low.
    0xb2 GpioPut "gpio.put" abc(Use, Use, Zero);
    /// Drive line `a` to the opposite of its level.
    0xb3 GpioToggle "gpio.toggle" abc(Use, Zero, Zero);
    /// `a =` level of line `b`.
    0xb4 GpioGet "gpio.get" abc(Def, Use, Zero);
    /// `a =` levels of the declared lines of bank `b`; other bits are 0.
    0xb5 GpioRead "gpio.read" abc(Def, Use, Zero);
    /// In bank `a`, clear the lines of `c`, then set those of `b`.
    0xb6 GpioWrite "gpio.write" abc(Use, Use, Use);
    /// Make line `a` an output where `b` is not zero, else an input.
    0xb7 GpioDirection "gpio.direction" abc(Use, Use, Zero);
    /// Pull line `a`: 0 none, 1 up, 2 down.
    0xb8 GpioPull "gpio.pull" abc(Use, Use, Zero);
    /// `a =` microseconds since boot, i64.
    0xb9 TimeNow "time.now_us" abc(Def, Zero, Zero);
    /// Wait `a` microseconds.
    0xba TimeDelay "time.delay_us" abc(Use, Zero, Zero);
    /// Log the `c` bytes of text at `b` with level `a`.
    0xbb LogMessage "log.message" abc(Use, Use, Use);
    /// Call the host function of row `b`: its arguments stand behind register `a`, its results will.
    0xbc HostCall "host_call" abc(Args, Row, Zero);

    // Floats: IEEE 754. A NaN that an operation makes is the canonical one, on every machine. Absolute
    // value, negation and the copying of signs are operations on the bits; f32 stand zero-extended.
    /// `a = b + c`, f32.
    0xc0 FAdd32 "add.f32" abc(Def, Use, Use);
    /// `a = b - c`, f32.
    0xc1 FSub32 "sub.f32" abc(Def, Use, Use);
    /// `a = b * c`, f32.
    0xc2 FMul32 "mul.f32" abc(Def, Use, Use);
    /// `a = b / c`, f32.
    0xc3 FDiv32 "div.f32" abc(Def, Use, Use);
    /// The smaller of `b` and `c`, f32.
    0xc4 FMin32 "min.f32" abc(Def, Use, Use);
    /// The larger of `b` and `c`, f32.
    0xc5 FMax32 "max.f32" abc(Def, Use, Use);
    /// `a = (b == c)`, f32.
    0xc6 FEq32 "eq.f32" abc(Def, Use, Use);
    /// `a = (b != c)`, f32.
    0xc7 FNe32 "ne.f32" abc(Def, Use, Use);
    /// `a = (b < c)`, f32.
    0xc8 FLt32 "lt.f32" abc(Def, Use, Use);
    /// `a = (b <= c)`, f32.
    0xc9 FLe32 "le.f32" abc(Def, Use, Use);
    /// The square root, f32.
    0xca FSqrt32 "sqrt.f32" abc(Def, Use, Zero);
    /// Rounded up, f32.
    0xcb FCeil32 "ceil.f32" abc(Def, Use, Zero);
    /// Rounded down, f32.
    0xcc FFloor32 "floor.f32" abc(Def, Use, Zero);
    /// Rounded towards zero, f32.
    0xcd FTrunc32 "trunc.f32" abc(Def, Use, Zero);
    /// Rounded to the nearest, ties to even, f32.
    0xce FNearest32 "nearest.f32" abc(Def, Use, Zero);
    /// `a = b + c`, f64.
    0xcf FAdd64 "add.f64" abc(Def, Use, Use);
    /// `a = b - c`, f64.
    0xd0 FSub64 "sub.f64" abc(Def, Use, Use);
    /// `a = b * c`, f64.
    0xd1 FMul64 "mul.f64" abc(Def, Use, Use);
    /// `a = b / c`, f64.
    0xd2 FDiv64 "div.f64" abc(Def, Use, Use);
    /// The smaller of `b` and `c`, f64.
    0xd3 FMin64 "min.f64" abc(Def, Use, Use);
    /// The larger of `b` and `c`, f64.
    0xd4 FMax64 "max.f64" abc(Def, Use, Use);
    /// `a = (b == c)`, f64.
    0xd5 FEq64 "eq.f64" abc(Def, Use, Use);
    /// `a = (b != c)`, f64.
    0xd6 FNe64 "ne.f64" abc(Def, Use, Use);
    /// `a = (b < c)`, f64.
    0xd7 FLt64 "lt.f64" abc(Def, Use, Use);
    /// `a = (b <= c)`, f64.
    0xd8 FLe64 "le.f64" abc(Def, Use, Use);
    /// The square root, f64.
    0xd9 FSqrt64 "sqrt.f64" abc(Def, Use, Zero);
    /// Rounded up, f64.
    0xda FCeil64 "ceil.f64" abc(Def, Use, Zero);
    /// Rounded down, f64.
    0xdb FFloor64 "floor.f64" abc(Def, Use, Zero);
    /// Rounded towards zero, f64.
    0xdc FTrunc64 "trunc.f64" abc(Def, Use, Zero);
    /// Rounded to the nearest, ties to even, f64.
    0xdd FNearest64 "nearest.f64" abc(Def, Use, Zero);
    /// f32 to i32, signed; traps where it does not fit.
    0xde I32TruncF32S "trunc_f32_s.i32" abc(Def, Use, Zero);
    /// f32 to i32, unsigned; traps where it does not fit.
    0xdf I32TruncF32U "trunc_f32_u.i32" abc(Def, Use, Zero);
    /// f64 to i32, signed; traps where it does not fit.
    0xe0 I32TruncF64S "trunc_f64_s.i32" abc(Def, Use, Zero);
    /// f64 to i32, unsigned; traps where it does not fit.
    0xe1 I32TruncF64U "trunc_f64_u.i32" abc(Def, Use, Zero);
    /// f32 to i64, signed; traps where it does not fit.
    0xe2 I64TruncF32S "trunc_f32_s.i64" abc(Def, Use, Zero);
    /// f32 to i64, unsigned; traps where it does not fit.
    0xe3 I64TruncF32U "trunc_f32_u.i64" abc(Def, Use, Zero);
    /// f64 to i64, signed; traps where it does not fit.
    0xe4 I64TruncF64S "trunc_f64_s.i64" abc(Def, Use, Zero);
    /// f64 to i64, unsigned; traps where it does not fit.
    0xe5 I64TruncF64U "trunc_f64_u.i64" abc(Def, Use, Zero);
    /// f32 to i32, signed; the nearest number where it does not fit, 0 for NaN.
    0xe6 I32SatF32S "trunc_sat_f32_s.i32" abc(Def, Use, Zero);
    /// f32 to i32, unsigned; the nearest number where it does not fit, 0 for NaN.
    0xe7 I32SatF32U "trunc_sat_f32_u.i32" abc(Def, Use, Zero);
    /// f64 to i32, signed; the nearest number where it does not fit, 0 for NaN.
    0xe8 I32SatF64S "trunc_sat_f64_s.i32" abc(Def, Use, Zero);
    /// f64 to i32, unsigned; the nearest number where it does not fit, 0 for NaN.
    0xe9 I32SatF64U "trunc_sat_f64_u.i32" abc(Def, Use, Zero);
    /// f32 to i64, signed; the nearest number where it does not fit, 0 for NaN.
    0xea I64SatF32S "trunc_sat_f32_s.i64" abc(Def, Use, Zero);
    /// f32 to i64, unsigned; the nearest number where it does not fit, 0 for NaN.
    0xeb I64SatF32U "trunc_sat_f32_u.i64" abc(Def, Use, Zero);
    /// f64 to i64, signed; the nearest number where it does not fit, 0 for NaN.
    0xec I64SatF64S "trunc_sat_f64_s.i64" abc(Def, Use, Zero);
    /// f64 to i64, unsigned; the nearest number where it does not fit, 0 for NaN.
    0xed I64SatF64U "trunc_sat_f64_u.i64" abc(Def, Use, Zero);
    /// i32, signed, to f32.
    0xee F32ConvI32S "convert_i32_s.f32" abc(Def, Use, Zero);
    /// i64, signed, to f32.
    0xef F32ConvI64S "convert_i64_s.f32" abc(Def, Use, Zero);
    /// An unsigned number of either width to f32.
    0xf0 F32ConvU "convert_u.f32" abc(Def, Use, Zero);
    /// i32, signed, to f64.
    0xf1 F64ConvI32S "convert_i32_s.f64" abc(Def, Use, Zero);
    /// i64, signed, to f64.
    0xf2 F64ConvI64S "convert_i64_s.f64" abc(Def, Use, Zero);
    /// An unsigned number of either width to f64.
    0xf3 F64ConvU "convert_u.f64" abc(Def, Use, Zero);
    /// f64 to f32.
    0xf4 Demote "demote.f32" abc(Def, Use, Zero);
    /// f32 to f64.
    0xf5 Promote "promote.f64" abc(Def, Use, Zero);
}

impl Op {
    /// Returns whether it works on floats, tables (and so the functions that they hold) or stretches of
    /// memory: mapper and verifier may be built without those.
    pub const fn is_beyond_integers(self) -> bool {
        Self::is_number_beyond_integers(self as u8)
    }

    /// Returns how many words an op with this first word takes. The targets of a `br_table` are counted.
    pub const fn words(self, first: Word) -> usize {
        let shape = self.shape();
        match shape.fields {
            Fields::Targets(_) => 2 + (first >> 16) as usize,
            _ => 1 + shape.words as usize,
        }
    }

    /// Returns whether it is one of the native operations of the guest ABI, which a direct entry may hold.
    pub const fn is_native(self) -> bool {
        Self::is_native_number(self as u8)
    }

    /// Returns the host function that an op with this first word calls, if it is a host call.
    pub const fn host_function(self, first: Word) -> Option<HostFunction> {
        Some(match self {
            Op::LineSet | Op::LineClear | Op::LinePut | Op::GpioSet | Op::GpioClear | Op::GpioPut => {
                HostFunction::GpioSet
            }
            Op::LineToggle | Op::GpioToggle => HostFunction::GpioToggle,
            Op::LineGet | Op::GpioGet => HostFunction::GpioGet,
            Op::MaskSet | Op::MaskClear | Op::GpioWrite => HostFunction::GpioWrite,
            Op::BankRead | Op::GpioRead => HostFunction::GpioRead,
            Op::GpioDirection => HostFunction::GpioDirection,
            Op::GpioPull => HostFunction::GpioPull,
            Op::TimeNow => HostFunction::TimeNowUs,
            Op::TimeDelay => HostFunction::TimeDelayUs,
            Op::LogMessage => HostFunction::LogMessage,
            Op::HostCall => return HostFunction::from_u8((first >> 16) as u8),
            _ => return None,
        })
    }

    /// The same of a number, which may be none of an op.
    pub(crate) const fn is_number_beyond_integers(number: u8) -> bool {
        number >= Op::FAdd32 as u8 || number >= Op::CallIndirect as u8 && number <= Op::RefFunc as u8
    }

    /// Returns whether a number is that of a native operation.
    pub(crate) const fn is_native_number(number: u8) -> bool {
        number >= Op::LineSet as u8 && number <= Op::HostCall as u8
    }

    /// Returns whether it works on floats.
    pub const fn is_float(self) -> bool {
        self as u8 >= Op::FAdd32 as u8
    }

    /// Returns whether control never goes on to the op behind it.
    pub const fn ends_block(self) -> bool {
        matches!(self, Op::Unreachable | Op::Br | Op::BrTable | Op::Ret | Op::RetV)
    }

    /// The first word with byte fields.
    pub const fn abc(self, a: u8, b: u8, c: u8) -> Word {
        u32::from_le_bytes([self as u8, a, b, c])
    }

    /// The first word with a byte field and a 16-bit field.
    pub const fn a16(self, a: u8, bc: u16) -> Word {
        self as u32 | (a as u32) << 8 | (bc as u32) << 16
    }

    /// The first word with a 24-bit field; the upper byte of `abc` is dropped.
    pub const fn a24(self, abc: i32) -> Word {
        self as u32 | (abc as u32) << 8
    }
}

/// Splits code into ops: yields `(index, op, words)` with all words of the op, and
/// stops at the first word that is no opcode or at an op that the code's end cuts.
pub fn decode(code: &[Word]) -> impl Iterator<Item = (usize, Op, &[Word])> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let first = *code.get(at)?;
        let op = Op::from_u8(first as u8)?;
        let words = code.get(at..at + op.words(first))?;
        let index = at;
        at += words.len();
        Some((index, op, words))
    })
}

/// Returns the indices of the words that an op may branch to, where its first word stands at `at`: in the
/// order of its fields. One of an image that was not verified may lead anywhere.
pub fn branch_targets(at: usize, op: Op, words: &[Word]) -> impl Iterator<Item = i64> {
    let first = words.first().copied().unwrap_or_default() as i32;
    let (one, others) = match op.shape().fields {
        Fields::Off24 => (Some(first >> 8), None),
        Fields::Off16(_) => (Some(first >> 16), None),
        Fields::Abc(_, _, Field::Off8) => (Some(first >> 24), None),
        Fields::Abc(_, _, Field::Back8) => (Some(-((first as u32 >> 24) as i32)), None),
        Fields::Targets(_) => (None, words.get(1..)),
        _ => (None, None),
    };
    let others = others.unwrap_or_default().iter().map(|word| *word as i32);
    one.into_iter().chain(others).map(move |offset| at as i64 + 1 + i64::from(offset))
}

#[cfg(test)]
mod tests {
    use xmap_abi::Call;

    use super::*;

    #[test]
    fn numbers_and_texts_are_distinct() {
        for (i, op) in Op::ALL.iter().enumerate() {
            assert_eq!(Op::from_u8(*op as u8), Some(*op));
            for other in &Op::ALL[..i] {
                assert!(*other < *op, "{op:?} stands out of order");
                assert_ne!(op.text(), other.text());
            }
        }
    }

    /// Every host function has an op, every op that a direct entry may hold calls one, and the op on
    /// registers alone has an operand for each parameter and result.
    #[test]
    fn host_calls_are_those_of_the_table() {
        for op in Op::ALL {
            let word = op.abc(0, HostFunction::RandomGet as u8, 0);
            assert_eq!(op.host_function(word).is_some(), op.is_native(), "{op:?}");
        }
        for function in HostFunction::ALL {
            let row = function.row();
            let ops = || {
                let calls = |op: &&Op| op.host_function(op.abc(0, *function as u8, 0)) == Some(*function);
                Op::ALL.iter().filter(calls)
            };
            if row.call == Call::Row {
                assert!(ops().eq(&[Op::HostCall]), "{function}");
                continue;
            }
            let general = ops().find(|op| op.text() == function.to_string()).expect("an op has its name");
            // `gpio.set` writes a constant level in its number.
            let Fields::Abc(a, b, c) = general.shape().fields else { panic!("{general:?}") };
            let count = |field| [a, b, c].into_iter().filter(|f| *f == field).count();
            assert_eq!(count(Def), row.results.len(), "{general:?}");
            let params = row.params.len() - usize::from(*general == Op::GpioSet);
            assert_eq!(count(Use), params, "{general:?}");
        }
    }

    #[test]
    fn the_first_word_packs_its_fields() {
        assert_eq!(Op::Add32.abc(1, 2, 3), 0x0302_0131);
        assert_eq!(Op::Const32.a16(7, 0xfffe), 0xfffe_0709);
        assert_eq!(Op::Br.a24(-1), 0xffff_ff01);
    }
}
