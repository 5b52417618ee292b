//! Arguments and results against the types that a manifest declares.

use xmap_image::{Signature, Ty};

use crate::{Fault, Trap, TrapCode, memory};

/// Checks the arguments of a call.
///
/// # Errors
/// `BadArgument` with its position for the first that does not fit its type; `OutOfBounds` or
/// `BadText` with its address for the first that names bytes outside the memory, or text that is none.
pub(crate) fn check_arguments(signature: Signature<'_>, args: &[u64], memory: &[u8]) -> Result<(), Fault> {
    let mut before = (Ty::Len, 0);
    for (position, (ty, arg)) in signature.params().zip(args).enumerate() {
        if !ty.fits(*arg) {
            return Err(Fault::new(TrapCode::BadArgument, position as u32));
        }
        // A length stands behind each pointer and nowhere else, as verification has shown.
        if ty == Ty::Len {
            let (pointer, at) = before;
            let bytes = memory::range(memory, at, *arg as u32)?;
            if pointer == Ty::StrPtr {
                memory::text(bytes, at)?;
            }
        }
        before = (ty, *arg as u32);
    }
    Ok(())
}

/// Checks the results of a call.
///
/// # Errors
/// `BadArgument` with [`Trap::RESULT`] and its position for the first that does not fit its type.
pub(crate) fn check_results(signature: Signature<'_>, results: &[u64]) -> Result<(), Fault> {
    match signature.results().zip(results).position(|(ty, result)| !ty.fits(*result)) {
        Some(position) => Err(Fault::new(TrapCode::BadArgument, Trap::RESULT | position as u32)),
        None => Ok(()),
    }
}
