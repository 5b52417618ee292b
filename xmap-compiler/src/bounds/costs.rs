//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` of unknown length beyond 256 bytes, and that of a
//! `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 279;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 144;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 67;
/// Instructions of `log.message` beside the bytes of its text.
pub const TEXT_INSNS: u64 = 294;
/// Instructions of each byte of it.
pub const TEXT_BYTE_INSNS: u64 = 15;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 85,
        Op::LineSet => 89,
        Op::MaskClear => 384,
        Op::MaskSet => 385,
        Op::LineToggle => 400,
        Op::GpioSet | Op::GpioClear => 530,
        Op::TimeDelay => 534,
        Op::GpioToggle => 546,
        Op::LinePut => 574,
        Op::GpioPut => 587,
        Op::GpioPull => 595,
        Op::GpioDirection => 602,
        Op::BankRead => 629,
        Op::GpioRead => 634,
        Op::TimeNow => 635,
        Op::LineGet => 637,
        Op::GpioGet => 649,
        Op::GpioWrite => 705,
        _ => 4478,
    }
}

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::SpillLeave => 0,
        Op::Const32 | Op::MemorySize => 14,
        Op::Copy | Op::Const64 | Op::RefFunc => 15,
        Op::Br
        | Op::AddI32
        | Op::AndI
        | Op::OrI
        | Op::Clz32
        | Op::Clz64
        | Op::Ext8S64
        | Op::Ext16S64
        | Op::Ext32S64
        | Op::Wrap => 16,
        Op::NeI
        | Op::LtUI
        | Op::GtUI
        | Op::LtSI32
        | Op::GtSI32
        | Op::MulI32
        | Op::ShlI32
        | Op::ShrSI32
        | Op::ShrUI32
        | Op::RotlI32
        | Op::AddI64
        | Op::ShlI64
        | Op::ShrUI64
        | Op::RotlI64
        | Op::Ctz32
        | Op::Ctz64
        | Op::Ext8S32
        | Op::Ext16S32
        | Op::Ld8UAt
        | Op::St8At => 17,
        Op::Const32W
        | Op::CmovNz
        | Op::CmovZ
        | Op::Add32
        | Op::Sub32
        | Op::Mul32
        | Op::And
        | Op::Or
        | Op::Xor
        | Op::Shl32
        | Op::ShrS32
        | Op::ShrU32
        | Op::Add64
        | Op::Sub64
        | Op::Mul64
        | Op::Shl64
        | Op::ShrS64
        | Op::ShrU64
        | Op::Rotr64
        | Op::XorI
        | Op::Popcnt
        | Op::Ld8S32At
        | Op::Ld16UAt
        | Op::Ld32UAt
        | Op::Ld64At
        | Op::St16At
        | Op::St32At
        | Op::St64At => 19,
        Op::BrIf
        | Op::GlobalGet
        | Op::GlobalSet
        | Op::Eq
        | Op::Ne
        | Op::LtU
        | Op::LeU
        | Op::LtS32
        | Op::LeS32
        | Op::LtS64
        | Op::LeS64
        | Op::DivU32
        | Op::Rotl32
        | Op::Rotr32
        | Op::DivU64
        | Op::Rotl64
        | Op::Ld16S32At
        | Op::FEq64
        | Op::FNe64
        | Op::FLt64
        | Op::FLe64 => 20,
        Op::BrIfz | Op::RemU32 | Op::RemU64 | Op::XorShrI32 => 21,
        Op::BrAddI32
        | Op::AddW32
        | Op::MulW32
        | Op::AndW
        | Op::OrW
        | Op::XorW
        | Op::FNe32
        | Op::FLt32
        | Op::FLe32
        | Op::FAdd64
        | Op::FDiv64 => 22,
        Op::Const64W
        | Op::BrLtUI
        | Op::RemS32
        | Op::RemS64
        | Op::Ld8U
        | Op::Ld8S64
        | Op::St8
        | Op::FMul64 => 23,
        Op::BrEqI
        | Op::BrNeI
        | Op::BrGtUI
        | Op::BrLtSI32
        | Op::BrGtSI32
        | Op::DivS32
        | Op::DivS64
        | Op::Ld8S32
        | Op::Ld16U
        | Op::Ld16S64
        | Op::Ld32U
        | Op::Ld32S64
        | Op::Ld64
        | Op::St16
        | Op::St32
        | Op::St64 => 24,
        Op::BrEq
        | Op::BrNe
        | Op::BrLtU
        | Op::BrLeU
        | Op::BrLtS32
        | Op::BrLeS32
        | Op::BrLtS64
        | Op::BrLeS64
        | Op::Ld16S32
        | Op::Ld8UAdd
        | Op::FMul32 => 25,
        Op::Ld8UW | Op::St8W | Op::FAdd32 | Op::FSub32 | Op::FDiv32 => 26,
        Op::BrTable
        | Op::ShrSI64
        | Op::Fill
        | Op::Ld16UW
        | Op::Ld16S64W
        | Op::Ld32UW
        | Op::Ld32S64W
        | Op::Ld64W
        | Op::St16W
        | Op::St32W
        | Op::St64W => 27,
        Op::Ld8S32W | Op::Ld16S32W => 28,
        Op::Ret | Op::EqI | Op::Spill => 30,
        Op::Call | Op::FEq32 => 31,
        Op::FSub64 | Op::FMax64 => 32,
        Op::RetV | Op::SpillEnter | Op::FMin32 | Op::FMax32 => 33,
        Op::Ld32UTable | Op::FMin64 => 34,
        Op::Ld8S64W => 36,
        Op::Unreachable => 37,
        Op::BankRead | Op::Promote => 41,
        Op::I32SatF32S | Op::I32SatF32U | Op::I64SatF32S | Op::I64SatF32U => 44,
        Op::GpioRead
        | Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::I64SatF64U
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F32ConvU
        | Op::F64ConvI32S
        | Op::F64ConvI64S
        | Op::F64ConvU => 45,
        Op::TimeNow => 46,
        Op::FSqrt32 | Op::FNearest32 | Op::I64TruncF32S | Op::Demote => 49,
        Op::I32TruncF32U | Op::I64TruncF32U => 50,
        Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 51,
        Op::I64TruncF64S => 54,
        Op::I32TruncF64S => 55,
        Op::LineGet => 58,
        Op::FSqrt64 => 59,
        Op::GpioGet => 60,
        Op::FTrunc32 => 62,
        Op::CallIndirect | Op::FCeil64 => 65,
        Op::FCeil32 | Op::FFloor32 => 66,
        Op::FFloor64 | Op::FTrunc64 => 67,
        Op::LineClear | Op::MaskClear => 75,
        Op::MaskSet => 76,
        Op::LineSet | Op::LinePut => 77,
        Op::GpioSet | Op::GpioClear => 85,
        Op::GpioPut => 87,
        Op::TimeDelay => 90,
        Op::LineToggle => 91,
        Op::GpioPull => 98,
        Op::GpioToggle => 101,
        Op::DataDrop => 102,
        Op::GpioDirection => 105,
        Op::MemoryGrow => 108,
        Op::TableSize => 113,
        Op::ElemDrop => 114,
        Op::TableSet => 118,
        Op::TableGet => 122,
        Op::MemoryFill => 126,
        Op::TableFill => 130,
        Op::TableGrow => 135,
        Op::MemoryCopy | Op::FNearest64 => 143,
        Op::MemoryInit => 147,
        Op::TableInit => 158,
        Op::TableCopy => 168,
        Op::GpioWrite => 169,
        Op::LogMessage => 3942,
    }
}
