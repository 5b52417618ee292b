//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` beyond 256 bytes, and that of a `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 252;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 74;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 57;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 88,
        Op::LineSet => 91,
        Op::MaskClear => 402,
        Op::MaskSet => 411,
        Op::LineToggle => 414,
        Op::TimeDelay => 425,
        Op::GpioPull => 475,
        Op::GpioDirection => 482,
        Op::GpioToggle => 485,
        Op::GpioSet => 499,
        Op::GpioClear => 500,
        Op::BankRead => 526,
        Op::TimeNow => 527,
        Op::LineGet => 529,
        Op::LinePut => 530,
        Op::GpioRead => 532,
        Op::GpioPut => 546,
        Op::GpioGet => 565,
        Op::GpioWrite => 592,
        _ => 4412,
    }
}

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::SpillLeave => 0,
        Op::MemorySize => 21,
        Op::Const32 => 22,
        Op::Copy | Op::Const64 | Op::RefFunc => 23,
        Op::AddI32 | Op::AndI | Op::OrI | Op::XorI | Op::Clz32 => 24,
        Op::LtUI
        | Op::GtUI
        | Op::GtSI32
        | Op::Rotr64
        | Op::MulI32
        | Op::ShrSI32
        | Op::RotlI32
        | Op::AddI64
        | Op::ShlI64
        | Op::Ctz32
        | Op::Popcnt
        | Op::Clz64
        | Op::Ctz64
        | Op::Ext16S32
        | Op::Ext8S64
        | Op::Ext16S64
        | Op::Ext32S64
        | Op::Wrap
        | Op::Ld8UAt
        | Op::St8At => 25,
        Op::Br
        | Op::GlobalGet
        | Op::GlobalSet
        | Op::EqI
        | Op::NeI
        | Op::LtSI32
        | Op::Add32
        | Op::Sub32
        | Op::Mul32
        | Op::And
        | Op::Or
        | Op::Xor
        | Op::Shl32
        | Op::ShrU32
        | Op::Add64
        | Op::Sub64
        | Op::Mul64
        | Op::Shl64
        | Op::ShrS64
        | Op::ShrU64
        | Op::ShlI32
        | Op::ShrUI32
        | Op::ShrSI64
        | Op::ShrUI64
        | Op::RotlI64
        | Op::Ext8S32
        | Op::Ld8S32At
        | Op::Ld16UAt
        | Op::Ld32UAt
        | Op::St16At
        | Op::St32At
        | Op::St64At => 26,
        Op::Const32W
        | Op::CmovNz
        | Op::CmovZ
        | Op::Eq
        | Op::Ne
        | Op::LeU
        | Op::LtS32
        | Op::LeS32
        | Op::DivU32
        | Op::ShrS32
        | Op::Rotl32
        | Op::Rotr32
        | Op::DivU64
        | Op::Rotl64
        | Op::Ld16S32At
        | Op::Ld64At
        | Op::FEq64
        | Op::FLt64
        | Op::FLe64 => 27,
        Op::LtU | Op::LtS64 | Op::LeS64 | Op::RemU32 | Op::RemU64 | Op::FNe64 => 28,
        Op::BrIf | Op::FNe32 => 29,
        Op::BrIfz | Op::RemS32 | Op::RemS64 | Op::AndW | Op::St8 | Op::FEq32 | Op::FLt32 | Op::FLe32 => 30,
        Op::BrLtS32
        | Op::BrEqI
        | Op::BrNeI
        | Op::BrLtUI
        | Op::BrGtUI
        | Op::BrLtSI32
        | Op::BrGtSI32
        | Op::DivS32
        | Op::DivS64
        | Op::AddW32
        | Op::MulW32
        | Op::OrW
        | Op::XorW
        | Op::Ld8U
        | Op::Ld8S64
        | Op::St16
        | Op::St32
        | Op::St64 => 31,
        Op::BrEq
        | Op::BrNe
        | Op::BrLtU
        | Op::BrLeU
        | Op::BrLeS32
        | Op::BrLtS64
        | Op::BrLeS64
        | Op::Ld8S32
        | Op::Ld16U
        | Op::Ld16S64
        | Op::Ld32U
        | Op::Ld32S64
        | Op::Ld64
        | Op::FMul64 => 32,
        Op::Const64W | Op::FSub32 | Op::FAdd64 | Op::FSub64 | Op::FDiv64 => 33,
        Op::Ld16S32 | Op::St8W | Op::FAdd32 | Op::FMul32 | Op::FDiv32 => 34,
        Op::Ld8UW | Op::Ld8S64W | Op::Ld64W | Op::St16W | Op::St32W | Op::St64W => 36,
        Op::BrTable | Op::Ld16UW | Op::Ld16S64W | Op::Ld32UW | Op::Ld32S64W | Op::BankRead => 37,
        Op::Ld8S32W | Op::TimeNow => 38,
        Op::Ld16S32W | Op::LineGet | Op::TimeDelay => 39,
        Op::FMin64 => 40,
        Op::FMax64 => 41,
        Op::GpioRead | Op::FMax32 => 42,
        Op::FMin32 => 43,
        Op::Ret => 44,
        Op::Call => 45,
        Op::RetV => 47,
        Op::Unreachable | Op::Fill => 48,
        Op::Spill => 49,
        Op::GpioPull => 51,
        Op::SpillEnter => 56,
        Op::GpioDirection => 58,
        Op::MemoryGrow => 59,
        Op::GpioGet => 75,
        Op::Promote => 77,
        Op::LineClear => 78,
        Op::LineSet => 79,
        Op::CallIndirect | Op::I32SatF32S | Op::I32SatF32U | Op::I64SatF32U => 80,
        Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::I64SatF64U
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F64ConvI32S
        | Op::F64ConvI64S
        | Op::F64ConvU => 81,
        Op::MaskSet => 82,
        Op::MaskClear => 83,
        Op::FSqrt32 | Op::FNearest32 | Op::FSqrt64 | Op::I64TruncF32S | Op::Demote => 85,
        Op::FNearest64 | Op::I32TruncF32U | Op::I64TruncF32U => 87,
        Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 88,
        Op::I64TruncF64S | Op::I64SatF32S => 90,
        Op::I32TruncF64S | Op::F32ConvU => 91,
        Op::LineToggle => 92,
        Op::FTrunc64 => 94,
        Op::GpioToggle | Op::FTrunc32 => 98,
        Op::FCeil64 => 101,
        Op::FCeil32 | Op::FFloor32 => 102,
        Op::FFloor64 => 104,
        Op::LinePut => 106,
        Op::GpioSet | Op::GpioPut => 112,
        Op::GpioClear => 113,
        Op::DataDrop => 117,
        Op::TableSize | Op::ElemDrop => 129,
        Op::TableSet => 134,
        Op::TableGet | Op::GpioWrite => 138,
        Op::MemoryFill => 142,
        Op::TableFill => 145,
        Op::TableGrow => 151,
        Op::MemoryCopy => 159,
        Op::MemoryInit => 162,
        Op::TableInit => 173,
        Op::TableCopy => 183,
        Op::LogMessage => 3957,
    }
}
