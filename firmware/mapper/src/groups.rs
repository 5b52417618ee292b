//! Ops that share an arm of the loop, as patterns. They name every op, and every byte that is none, because
//! a loop with an arm for each of the 256 bytes needs no check in front of its table of arms.

/// Ops on tables and on stretches of memory.
macro_rules! bulk_ops {
    () => {
        op::TableGet
            | op::TableSet
            | op::TableSize
            | op::TableGrow
            | op::TableFill
            | op::TableCopy
            | op::TableInit
            | op::ElemDrop
            | op::MemoryCopy
            | op::MemoryFill
            | op::MemoryInit
            | op::DataDrop
    };
}

/// Native operations that take their time anyway.
#[cfg(feature = "host-calls")]
macro_rules! rare_ops {
    () => {
        plain_rare_ops!() | op::HostCall
    };
}

/// Native operations that take their time anyway.
#[cfg(not(feature = "host-calls"))]
macro_rules! rare_ops {
    () => {
        plain_rare_ops!()
    };
}

/// Those of them that lines, clock and messages have.
macro_rules! plain_rare_ops {
    () => {
        op::GpioWrite | op::GpioDirection | op::GpioPull | op::TimeDelay | op::LogMessage
    };
}

/// Ops on one float, or that make one.
macro_rules! float_unary_ops {
    () => {
        op::FSqrt32
            | op::FCeil32
            | op::FFloor32
            | op::FTrunc32
            | op::FNearest32
            | op::FSqrt64
            | op::FCeil64
            | op::FFloor64
            | op::FTrunc64
            | op::FNearest64
            | op::I32TruncF32S
            | op::I32TruncF32U
            | op::I32TruncF64S
            | op::I32TruncF64U
            | op::I64TruncF32S
            | op::I64TruncF32U
            | op::I64TruncF64S
            | op::I64TruncF64U
            | op::I32SatF32S
            | op::I32SatF32U
            | op::I32SatF64S
            | op::I32SatF64U
            | op::I64SatF32S
            | op::I64SatF32U
            | op::I64SatF64S
            | op::I64SatF64U
            | op::F32ConvI32S
            | op::F32ConvI64S
            | op::F32ConvU
            | op::F64ConvI32S
            | op::F64ConvI64S
            | op::F64ConvU
            | op::Demote
            | op::Promote
    };
}

/// Ops on two floats.
#[cfg(not(feature = "full"))]
macro_rules! float_binary_ops {
    () => {
        op::FAdd32
            | op::FSub32
            | op::FMul32
            | op::FDiv32
            | op::FMin32
            | op::FMax32
            | op::FEq32
            | op::FNe32
            | op::FLt32
            | op::FLe32
            | op::FAdd64
            | op::FSub64
            | op::FMul64
            | op::FDiv64
            | op::FMin64
            | op::FMax64
            | op::FEq64
            | op::FNe64
            | op::FLt64
            | op::FLe64
    };
}

/// Bytes that are no op of this build.
#[cfg(feature = "host-calls")]
macro_rules! no_ops {
    () => {
        unused_bytes!()
    };
}

/// Bytes that are no op of this build: images with host calls are not loaded.
#[cfg(not(feature = "host-calls"))]
macro_rules! no_ops {
    () => {
        unused_bytes!() | op::HostCall
    };
}

/// Bytes that are no op.
macro_rules! unused_bytes {
    () => {
        0x20 | 0x2f
            | 0x30
            | 0x4c
            | 0x8a
            | 0xa7
            | 0xbd
            | 0xbe
            | 0xbf
            | 0xf6
            | 0xf7
            | 0xf8
            | 0xf9
            | 0xfa
            | 0xfb
            | 0xfc
            | 0xfd
            | 0xfe
            | 0xff
    };
}

/// What has no arm of its own.
#[cfg(feature = "full")]
macro_rules! other_ops {
    () => {
        no_ops!()
    };
}

/// What has no arm of its own: images with these ops are not loaded.
#[cfg(not(feature = "full"))]
macro_rules! other_ops {
    () => {
        no_ops!() | op::CallIndirect | op::RefFunc | bulk_ops!() | float_unary_ops!() | float_binary_ops!()
    };
}
