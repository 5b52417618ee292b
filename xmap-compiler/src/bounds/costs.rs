//! What an op costs on AArch64 at most, in instructions, as counted in the emulator.

use xmap_image::Op;

/// Instructions of a call of a code entry, from the call of `Mapper::call` to its return, the ops not counted.
pub const CALL_INSNS: u64 = 120;
/// Instructions of a call of a direct entry, from the call of `Mapper::call` to its return.
pub const DIRECT_INSNS: u64 = 60;

/// Instructions of one op.
pub fn insns(op: Op) -> u64 {
    match op {
        Op::Call => 40,
        _ => 20,
    }
}
