//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` of unknown length beyond 256 bytes, and that of a
//! `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 286;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 74;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 49;
/// Instructions of `log.message` beside the bytes of its text.
pub const TEXT_INSNS: u64 = 294;
/// Instructions of each byte of it.
pub const TEXT_BYTE_INSNS: u64 = 15;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 87,
        Op::LineSet => 90,
        Op::MaskClear => 415,
        Op::MaskSet => 416,
        Op::LineToggle => 436,
        Op::GpioSet | Op::GpioClear => 491,
        Op::TimeDelay => 492,
        Op::GpioToggle => 508,
        Op::LinePut => 522,
        Op::GpioPut => 534,
        Op::GpioPull => 537,
        Op::GpioDirection => 547,
        Op::BankRead => 552,
        Op::LineGet | Op::TimeNow => 559,
        Op::GpioRead => 563,
        Op::GpioGet => 569,
        Op::GpioWrite => 646,
        _ => 4417,
    }
}

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::BrAddI32 | Op::XorShrI32 | Op::Ld8UAdd | Op::Ld32UTable => 30,
        Op::SpillLeave => 0,
        Op::Const32 | Op::MemorySize => 14,
        Op::Copy | Op::Const64 | Op::RefFunc => 15,
        Op::Br | Op::AddI32 | Op::AndI | Op::Clz64 | Op::Ext8S64 | Op::Ext16S64 | Op::Ext32S64 | Op::Wrap => {
            16
        }
        Op::EqI
        | Op::NeI
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
        | Op::ShrSI64
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
        | Op::OrI
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
        | Op::BrIfz
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
        | Op::Clz32
        | Op::Ld16S32At
        | Op::FEq64
        | Op::FNe64
        | Op::FLt64
        | Op::FLe64 => 20,
        Op::RemU32 | Op::RemU64 => 21,
        Op::AddW32
        | Op::MulW32
        | Op::AndW
        | Op::OrW
        | Op::XorW
        | Op::FEq32
        | Op::FNe32
        | Op::FLt32
        | Op::FLe32
        | Op::FDiv64 => 22,
        Op::Const64W | Op::RemS32 | Op::RemS64 | Op::Ld8U | Op::Ld8S64 | Op::St8 => 23,
        Op::BrLtS64
        | Op::BrEqI
        | Op::BrNeI
        | Op::BrLtUI
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
        | Op::St64
        | Op::FAdd64 => 24,
        Op::BrEq
        | Op::BrNe
        | Op::BrLtU
        | Op::BrLeU
        | Op::BrLtS32
        | Op::BrLeS32
        | Op::BrLeS64
        | Op::Ld16S32
        | Op::FMul32
        | Op::FSub64
        | Op::FMul64 => 25,
        Op::Ld8UW | Op::Ld8S64W | Op::St8W | Op::FAdd32 | Op::FSub32 | Op::FDiv32 => 26,
        Op::BrTable
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
        Op::Unreachable => 29,
        Op::Ret | Op::Spill => 30,
        Op::Call | Op::FMin64 => 31,
        Op::FMax64 => 32,
        Op::RetV | Op::SpillEnter | Op::FMin32 => 33,
        Op::Promote => 41,
        Op::BankRead => 42,
        Op::FMax32 => 43,
        Op::I32SatF32S | Op::I64SatF32U => 44,
        Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F64ConvU => 45,
        Op::GpioRead => 46,
        Op::LineGet | Op::TimeNow | Op::FSqrt32 | Op::FNearest32 | Op::I64TruncF32S | Op::Demote => 49,
        Op::FNearest64 | Op::I32TruncF32U | Op::I64TruncF32U => 50,
        Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 51,
        Op::I32SatF32U | Op::I64SatF32S => 54,
        Op::I32TruncF64S | Op::I64SatF64U | Op::F32ConvU | Op::F64ConvI32S => 55,
        Op::FTrunc64 => 58,
        Op::GpioGet | Op::FSqrt64 => 59,
        Op::FTrunc32 => 62,
        Op::I64TruncF64S => 63,
        Op::CallIndirect | Op::FCeil64 => 65,
        Op::FCeil32 | Op::FFloor32 => 66,
        Op::FFloor64 => 67,
        Op::LineClear | Op::MaskClear => 76,
        Op::MaskSet => 77,
        Op::LineSet => 78,
        Op::GpioSet | Op::GpioClear => 84,
        Op::TimeDelay => 85,
        Op::GpioPut => 87,
        Op::LinePut => 88,
        Op::GpioPull => 93,
        Op::LineToggle => 94,
        Op::DataDrop | Op::GpioToggle => 101,
        Op::GpioDirection => 102,
        Op::TableSize => 112,
        Op::ElemDrop => 113,
        Op::MemoryGrow => 115,
        Op::TableSet => 117,
        Op::TableGet => 121,
        Op::F64ConvI64S => 122,
        Op::MemoryFill => 125,
        Op::TableFill => 129,
        Op::TableGrow => 134,
        Op::MemoryCopy => 142,
        Op::MemoryInit => 146,
        Op::TableInit => 157,
        Op::TableCopy => 167,
        Op::GpioWrite => 172,
        Op::LogMessage => 3942,
    }
}
