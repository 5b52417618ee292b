//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` of unknown length beyond 256 bytes, and that of a
//! `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 282;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 132;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 134;
/// Instructions of `log.message` beside the bytes of its text.
pub const TEXT_INSNS: u64 = 330;
/// Instructions of each byte of it.
pub const TEXT_BYTE_INSNS: u64 = 15;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 85,
        Op::LineSet => 89,
        Op::MaskClear => 393,
        Op::MaskSet => 394,
        Op::LineToggle => 408,
        Op::GpioSet | Op::GpioClear => 527,
        Op::TimeDelay => 539,
        Op::GpioToggle => 543,
        Op::LinePut => 570,
        Op::GpioPut => 584,
        Op::GpioPull => 600,
        Op::GpioDirection => 607,
        Op::TimeNow => 690,
        Op::LineGet | Op::BankRead => 694,
        Op::GpioRead => 701,
        Op::GpioWrite => 705,
        Op::GpioGet => 706,
        _ => 4509,
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
        | Op::DivU32
        | Op::Rotl32
        | Op::Rotr32
        | Op::DivU64
        | Op::Rotl64
        | Op::Ld16S32At
        | Op::FEq64
        | Op::FLt64
        | Op::FLe64 => 20,
        Op::BrIfz | Op::RemU32 | Op::RemU64 | Op::XorShrI32 => 21,
        Op::BrAddI32
        | Op::AddW32
        | Op::MulW32
        | Op::AndW
        | Op::OrW
        | Op::XorW
        | Op::FEq32
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
        | Op::FSub64
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
        Op::FNe64 => 29,
        Op::Ret | Op::Spill => 30,
        Op::Call | Op::FMin64 => 31,
        Op::LeS64 | Op::FMax64 => 32,
        Op::RetV | Op::SpillEnter | Op::FMin32 | Op::FMax32 => 33,
        Op::Ld32UTable => 34,
        Op::Unreachable => 37,
        Op::TimeNow | Op::Promote => 40,
        Op::I32SatF32S | Op::I32SatF32U | Op::I64SatF32S | Op::I64SatF32U => 43,
        Op::LineGet
        | Op::BankRead
        | Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::I64SatF64U
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F32ConvU
        | Op::F64ConvI32S
        | Op::F64ConvI64S
        | Op::F64ConvU => 44,
        Op::FSqrt32 | Op::FNearest32 | Op::FSqrt64 | Op::I64TruncF32S | Op::Demote => 48,
        Op::FNearest64 | Op::I32TruncF32U | Op::I64TruncF32U => 49,
        Op::GpioRead | Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 50,
        Op::I64TruncF64S => 53,
        Op::I32TruncF64S => 54,
        Op::GpioGet => 56,
        Op::FTrunc64 => 57,
        Op::FTrunc32 => 61,
        Op::FCeil64 => 64,
        Op::CallIndirect | Op::FCeil32 | Op::FFloor32 => 65,
        Op::LineClear | Op::MaskClear => 75,
        Op::MaskSet => 76,
        Op::LineSet | Op::LinePut => 77,
        Op::GpioSet | Op::GpioClear => 87,
        Op::GpioPut => 88,
        Op::TimeDelay => 98,
        Op::HostCall => 120,
        Op::DataDrop | Op::LineToggle => 100,
        Op::GpioToggle => 102,
        Op::GpioPull => 107,
        Op::TableSize => 111,
        Op::MemoryGrow | Op::ElemDrop => 112,
        Op::GpioDirection => 114,
        Op::TableSet => 116,
        Op::TableGet => 119,
        Op::MemoryFill => 124,
        Op::TableFill => 128,
        Op::TableGrow | Op::FFloor64 => 133,
        Op::MemoryCopy => 141,
        Op::MemoryInit => 145,
        Op::TableInit => 156,
        Op::TableCopy => 166,
        Op::GpioWrite => 175,
        Op::LogMessage => 3978,
    }
}
