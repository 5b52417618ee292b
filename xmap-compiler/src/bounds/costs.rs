//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` beyond 256 bytes, and that of a `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 234;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 69;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 59;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 82,
        Op::LineSet => 85,
        Op::MaskSet => 390,
        Op::MaskClear => 391,
        Op::LineToggle => 401,
        Op::TimeDelay => 413,
        Op::GpioPull => 463,
        Op::GpioDirection => 469,
        Op::GpioToggle => 470,
        Op::GpioSet => 480,
        Op::GpioClear => 481,
        Op::BankRead | Op::TimeNow => 510,
        Op::LinePut => 511,
        Op::GpioRead => 515,
        Op::LineGet => 520,
        Op::GpioPut => 527,
        Op::GpioGet => 545,
        Op::GpioWrite => 572,
        _ => 4167,
    }
}

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::SpillLeave => 0,
        Op::MemorySize => 25,
        Op::Const32 | Op::RefFunc => 26,
        Op::Copy => 27,
        Op::Const64
        | Op::LtUI
        | Op::GtUI
        | Op::GtSI32
        | Op::And
        | Op::Or
        | Op::Xor
        | Op::Shl32
        | Op::ShrS32
        | Op::AddI32
        | Op::AndI
        | Op::OrI
        | Op::XorI
        | Op::Clz32
        | Op::St8At => 28,
        Op::CmovNz
        | Op::Eq
        | Op::Ne
        | Op::LeU
        | Op::LtS32
        | Op::LeS32
        | Op::EqI
        | Op::NeI
        | Op::LtSI32
        | Op::Add32
        | Op::Sub32
        | Op::Mul32
        | Op::DivU32
        | Op::ShrU32
        | Op::Add64
        | Op::Sub64
        | Op::Mul64
        | Op::Shl64
        | Op::ShrS64
        | Op::ShrU64
        | Op::MulI32
        | Op::AddI64
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
        | Op::St16At
        | Op::St64At => 29,
        Op::Br
        | Op::CmovZ
        | Op::GlobalSet
        | Op::LtU
        | Op::LtS64
        | Op::LeS64
        | Op::RemU32
        | Op::DivU64
        | Op::Rotl64
        | Op::Rotr64
        | Op::ShlI32
        | Op::ShrSI32
        | Op::ShrUI32
        | Op::RotlI32
        | Op::ShlI64
        | Op::ShrSI64
        | Op::ShrUI64
        | Op::RotlI64
        | Op::Ext8S32
        | Op::Ld8S32At
        | Op::Ld16UAt
        | Op::Ld32UAt
        | Op::FNe64
        | Op::FLt64
        | Op::FLe64 => 30,
        Op::GlobalGet | Op::Rotr32 | Op::RemU64 | Op::Ld16S32At | Op::Ld64At => 31,
        Op::Const32W | Op::Rotl32 | Op::St8 | Op::FEq32 | Op::FNe32 | Op::FLt32 | Op::FLe32 => 32,
        Op::BrIf
        | Op::DivS32
        | Op::RemS32
        | Op::RemS64
        | Op::Ld8U
        | Op::Ld8S64
        | Op::St16
        | Op::St32
        | Op::St64 => 33,
        Op::BrIfz
        | Op::BrLtS32
        | Op::BrEqI
        | Op::BrNeI
        | Op::BrLtUI
        | Op::BrGtUI
        | Op::BrLtSI32
        | Op::BrGtSI32
        | Op::DivS64
        | Op::AndW
        | Op::Ld8S32
        | Op::Ld16U
        | Op::Ld16S64
        | Op::Ld32U
        | Op::Ld32S64
        | Op::Ld64
        | Op::FSub64 => 34,
        Op::BrEq
        | Op::BrNe
        | Op::BrLtU
        | Op::BrLeU
        | Op::BrLeS32
        | Op::BrLtS64
        | Op::BrLeS64
        | Op::AddW32
        | Op::MulW32
        | Op::OrW
        | Op::XorW
        | Op::Ld16S32
        | Op::FAdd64
        | Op::FMul64
        | Op::FDiv64 => 35,
        Op::FSub32 => 37,
        Op::Const64W | Op::St8W | Op::St32At | Op::FAdd32 | Op::FDiv32 => 38,
        Op::BrTable | Op::Ld8UW | Op::St16W | Op::St32W | Op::St64W | Op::FEq64 => 39,
        Op::Ld8S64W | Op::BankRead => 40,
        Op::Ld8S32W | Op::Ld16UW | Op::Ld16S64W | Op::Ld32UW | Op::Ld32S64W | Op::Ld64W => 41,
        Op::LineGet | Op::TimeNow | Op::TimeDelay => 42,
        Op::Ld16S32W | Op::FMin64 => 43,
        Op::FMax64 => 44,
        Op::FMax32 => 45,
        Op::GpioRead | Op::FMin32 => 46,
        Op::Call | Op::Ret | Op::FMul32 => 47,
        Op::RetV => 50,
        Op::Unreachable | Op::Fill => 51,
        Op::Spill => 52,
        Op::GpioPull => 54,
        Op::GpioDirection => 60,
        Op::MemoryGrow => 61,
        Op::SpillEnter => 64,
        Op::GpioGet => 76,
        Op::Promote => 78,
        Op::CallIndirect => 79,
        Op::LineClear => 80,
        Op::LineSet | Op::I32SatF32S | Op::I32SatF32U | Op::I64SatF32S | Op::I64SatF32U => 81,
        Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::I64SatF64U
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F32ConvU
        | Op::F64ConvI32S
        | Op::F64ConvI64S
        | Op::F64ConvU => 82,
        Op::MaskSet => 83,
        Op::MaskClear => 84,
        Op::FSqrt32 | Op::FNearest32 | Op::FSqrt64 | Op::Demote => 86,
        Op::FNearest64 | Op::I32TruncF32U => 87,
        Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 88,
        Op::I64TruncF64S => 90,
        Op::LineToggle => 91,
        Op::FTrunc64 => 94,
        Op::I64TruncF32S => 95,
        Op::FTrunc32 => 98,
        Op::GpioToggle => 99,
        Op::I32TruncF64S => 100,
        Op::FCeil64 => 101,
        Op::FCeil32 | Op::FFloor32 => 102,
        Op::LinePut | Op::FFloor64 => 103,
        Op::GpioSet | Op::GpioPut => 109,
        Op::GpioClear => 110,
        Op::I64TruncF32U => 114,
        Op::DataDrop => 116,
        Op::TableSize | Op::ElemDrop => 127,
        Op::TableSet => 132,
        Op::GpioWrite => 134,
        Op::TableGet => 135,
        Op::MemoryFill => 139,
        Op::TableFill => 142,
        Op::TableGrow => 148,
        Op::MemoryCopy => 155,
        Op::MemoryInit => 158,
        Op::TableInit => 168,
        Op::TableCopy => 178,
        Op::LogMessage => 3729,
    }
}
