//! From SSA to the words of an image: select ops, assign registers, encode.

mod encode;
mod fuse;
mod gaps;
mod host;
mod liveness;
mod moves;
mod place;
mod registers;
mod select;
mod spill;
mod split;
mod trips;

use xmap_abi::HostFunction;
use xmap_image::{Function, Op, Word, decode};

use crate::diagnostic::Diagnostic;
use crate::ir::{Func, Site};
use crate::pins::PinCheck;

/// A function, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Emitted {
    /// Its code. Calls and globals still have the module's indices.
    pub function: Function,
    /// For each op, in order: its first word's index and its position.
    pub offsets: Vec<(u32, u32)>,
    /// Positions of ops that were copied from other functions.
    pub sites: Vec<Site>,
    /// Loops with a constant number of rounds: the index of the first word, and how often control
    /// comes there at most for each time that it enters the loop.
    pub loops: Vec<(u32, u64)>,
    /// The steps that this took.
    pub steps: u64,
}

/// Emits one function.
///
/// # Errors
/// What only shows when operands are constant (pins), and functions over the limits of an image.
pub(crate) fn emit(func: &Func, pins: &PinCheck<'_>) -> Result<Emitted, Diagnostic> {
    let mut selected = select::select(func, pins)?;
    fuse::fuse(&mut selected.blocks);
    let registers = registers::assign(&mut selected).map_err(|failure| match failure {
        registers::Failure::Exhausted(exhausted) => pins.too_complex(exhausted),
        registers::Failure::Registers(needed) => pins.too_many_registers(func, needed),
        registers::Failure::Words(words) => pins.too_long(func, words),
    })?;
    let emitted = encode::encode(func, &selected, &registers).map_err(|words| pins.too_long(func, words))?;
    Ok(Emitted { steps: selected.work.spent() - func.work.spent(), ..emitted })
}

/// The operation that a function consists of, if it is one host call and the return: its
/// first word and its immediate word, with the result in register 1.
pub(crate) fn as_direct(function: &Function) -> Option<(Word, Word)> {
    let mut ops = decode(&function.code);
    let (_, op, words) = ops.next()?;
    let (_, end, last) = ops.next()?;
    if !op.is_native() || ops.next().is_some() {
        return None;
    }
    let mut first = words[0];
    match (op_defines(op), end) {
        // Its result stands in register 1, as its row says.
        (false, Op::Ret) if function.results == 0 || op == Op::HostCall => {}
        (true, Op::Ret) if function.results == 1 && first >> 8 & 0xff == 1 => {}
        (true, Op::RetV) if last[0] >> 8 & 0xff == first >> 8 & 0xff => {
            first = first & 0xffff_00ff | 1 << 8;
        }
        _ => return None,
    }
    // Its operands are the call's arguments.
    let [_, a, b, c] = first.to_le_bytes();
    if op == Op::HostCall {
        let arity = HostFunction::arity(b);
        return (a == 0 && arity == Some([function.params, function.results])).then_some((first, 0));
    }
    if let xmap_image::Fields::Abc(fa, fb, fc) = op.shape().fields {
        let is_use = |f| f == xmap_image::Field::Use;
        let outside = [(fa, a), (fb, b), (fc, c)].iter().any(|(f, r)| is_use(*f) && *r > function.params);
        if outside {
            return None;
        }
    }
    Some((first, words.get(1).copied().unwrap_or(0)))
}

fn op_defines(op: Op) -> bool {
    matches!(op.shape().fields, xmap_image::Fields::Abc(xmap_image::Field::Def, _, _))
}
