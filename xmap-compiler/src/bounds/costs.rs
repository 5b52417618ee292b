//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.
//!
//! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the
//! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the
//! manifest's `time_us` bounds; text of `log.message` beyond 256 bytes, and that of a `str` argument.

use xmap_image::Op;

/// Instructions of a call of a code entry, parameters, results and ops not counted.
pub const CALL_INSNS: u64 = 250;
/// Instructions of each parameter of a call.
pub const PARAM_INSNS: u64 = 74;
/// Instructions of each result of a call.
pub const RESULT_INSNS: u64 = 63;

/// Instructions of a call of a direct entry that is this op, parameters and result included.
pub fn direct_insns(op: Op) -> u64 {
    match op {
        Op::LineClear => 88,
        Op::LineSet => 91,
        Op::MaskSet => 416,
        Op::MaskClear => 417,
        Op::LineToggle => 428,
        Op::TimeDelay => 440,
        Op::GpioPull => 493,
        Op::GpioDirection => 500,
        Op::GpioToggle => 501,
        Op::GpioSet => 512,
        Op::GpioClear => 513,
        Op::BankRead | Op::TimeNow => 543,
        Op::LinePut | Op::LineGet => 544,
        Op::GpioRead => 549,
        Op::GpioPut => 561,
        Op::GpioGet => 581,
        Op::GpioWrite => 609,
        _ => 4429,
    }
}

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::SpillLeave => 0,
        Op::MemorySize => 27,
        Op::Const32 | Op::RefFunc => 28,
        Op::Copy => 29,
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
        | Op::St8At => 30,
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
        | Op::St32At
        | Op::St64At => 31,
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
        | Op::FEq64
        | Op::FNe64
        | Op::FLt64 => 32,
        Op::GlobalGet | Op::Rotr32 | Op::RemU64 | Op::Ld16S32At | Op::Ld64At => 33,
        Op::Const32W | Op::Rotl32 | Op::St8 | Op::St16At | Op::FEq32 | Op::FNe32 | Op::FLt32 | Op::FLe32 => {
            34
        }
        Op::BrIf
        | Op::DivS32
        | Op::RemS32
        | Op::RemS64
        | Op::Ld8U
        | Op::Ld8S64
        | Op::St16
        | Op::St32
        | Op::St64 => 36,
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
        | Op::FSub64 => 37,
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
        | Op::FDiv64 => 38,
        Op::FSub32 => 40,
        Op::Const64W | Op::St8W | Op::FAdd32 | Op::FMul32 | Op::FDiv32 => 41,
        Op::BrTable | Op::Ld8UW | Op::St16W | Op::St32W | Op::St64W | Op::FLe64 => 42,
        Op::Ld8S64W | Op::BankRead => 43,
        Op::Ld8S32W | Op::Ld16UW | Op::Ld16S64W | Op::Ld32UW | Op::Ld32S64W | Op::Ld64W => 44,
        Op::TimeNow | Op::TimeDelay => 45,
        Op::Ld16S32W | Op::FMin64 => 46,
        Op::FMax64 => 47,
        Op::FMax32 => 48,
        Op::GpioRead | Op::FMin32 => 49,
        Op::Call | Op::Ret => 50,
        Op::RetV => 54,
        Op::Unreachable | Op::Fill | Op::LineGet => 55,
        Op::Spill => 56,
        Op::GpioPull => 58,
        Op::GpioDirection => 64,
        Op::MemoryGrow => 65,
        Op::SpillEnter => 68,
        Op::GpioGet => 81,
        Op::Promote => 83,
        Op::CallIndirect => 84,
        Op::LineClear => 85,
        Op::LineSet | Op::I32SatF32S | Op::I32SatF32U | Op::I64SatF32S | Op::I64SatF32U => 87,
        Op::I32SatF64S
        | Op::I32SatF64U
        | Op::I64SatF64S
        | Op::I64SatF64U
        | Op::F32ConvI32S
        | Op::F32ConvI64S
        | Op::F32ConvU
        | Op::F64ConvI32S
        | Op::F64ConvI64S
        | Op::F64ConvU => 88,
        Op::MaskSet => 89,
        Op::MaskClear => 90,
        Op::FSqrt32 | Op::FNearest32 | Op::FSqrt64 | Op::Demote => 92,
        Op::I32TruncF32U => 93,
        Op::I32TruncF32S | Op::I32TruncF64U | Op::I64TruncF64U => 94,
        Op::I64TruncF64S => 96,
        Op::LineToggle | Op::I32TruncF64S => 97,
        Op::FTrunc64 => 100,
        Op::I64TruncF32S => 101,
        Op::FNearest64 => 102,
        Op::FTrunc32 => 105,
        Op::GpioToggle => 106,
        Op::FCeil64 => 108,
        Op::FCeil32 | Op::FFloor32 => 109,
        Op::LinePut | Op::FFloor64 => 110,
        Op::GpioSet | Op::GpioPut => 116,
        Op::GpioClear => 117,
        Op::I64TruncF32U => 122,
        Op::DataDrop => 124,
        Op::TableSize | Op::ElemDrop => 135,
        Op::TableSet => 141,
        Op::GpioWrite => 143,
        Op::TableGet => 144,
        Op::MemoryFill => 148,
        Op::TableFill => 151,
        Op::TableGrow => 158,
        Op::MemoryCopy => 165,
        Op::MemoryInit => 168,
        Op::TableInit => 179,
        Op::TableCopy => 190,
        Op::LogMessage => 3963,
    }
}
