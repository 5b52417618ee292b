//! Arguments and results against the types that a manifest declares.

use xmap_image::{Signature, Ty};

use crate::{Fault, Trap, TrapCode, memory};

/// Checks the arguments of a call.
///
/// # Errors
/// `BadArgument` with its position for the first that does not fit its type; `OutOfBounds` or
/// `BadText` with its address for the first that names bytes outside the memory, or text that is none.
pub(crate) fn check_arguments(signature: Signature<'_>, args: &[u64], memory: &[u8]) -> Result<(), Fault> {
    for (position, ty) in signature.params().enumerate() {
        let arg = args.get(position).copied().unwrap_or_default();
        if !ty.fits(arg) {
            return Err(Fault::new(TrapCode::BadArgument, position as u32));
        }
        // A length stands behind each pointer and nowhere else, as verification has shown.
        let Some(pointer) = position.checked_sub(1).filter(|_| ty == Ty::Len) else { continue };
        let (at, len) = (args.get(pointer).copied().unwrap_or_default() as u32, arg as u32);
        match signature.params().nth(pointer) {
            Some(Ty::StrPtr) => _ = memory::text(memory, at, len)?,
            _ => _ = memory::range(memory, at, len)?,
        }
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
