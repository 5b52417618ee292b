//! What a call comes to before its first op and after its last: no port is needed for it, so that there is
//! one of it for all of them, and it is small rather than fast.

use xmap_image::{ExportRow, Image, Misfit, Op, Signature, Word, limits};

use crate::{Fault, Trap, TrapCode};

/// Where a call begins.
pub(crate) struct Entry {
    /// The operation of a direct row, and the way back.
    pub(crate) direct: [Word; 3],
    /// Whether it is that, and not the image's code, that runs.
    pub(crate) is_direct: bool,
    /// The first op.
    pub(crate) pc: usize,
    /// Words of code that the call pays for by beginning.
    pub(crate) words: u32,
    /// Fuel for the rest.
    pub(crate) left: u32,
}

impl Entry {
    /// The entry of an export.
    ///
    /// # Errors
    /// `Fuel` where that of the row, or `fuel_cap`, does not cover the function's length.
    #[inline(never)]
    pub(crate) fn of_row(image: &Image<'_>, row: &ExportRow, fuel_cap: u32) -> Result<Self, Fault> {
        if !row.is_direct() {
            return Self::of_function(image, row.first, row.second, fuel_cap);
        }
        const RETURN: Word = Op::Ret.abc(0, 0, 0);
        // The word behind an op that has one is a mask of lines, which is not zero.
        let second = if row.second == 0 { RETURN } else { row.second };
        let direct = [row.first, second, RETURN];
        // A row of an operation has no fuel of its own, and a text may be long.
        let left = limits::DEFAULT_FUEL.min(fuel_cap);
        Ok(Self { direct, is_direct: true, pc: 0, words: 0, left })
    }

    /// The entry of a function without parameters and results.
    ///
    /// # Errors
    /// `Fuel` where `fuel`, or `fuel_cap`, does not cover the function's length.
    #[inline(never)]
    pub(crate) fn of_function(
        image: &Image<'_>,
        function: u32,
        fuel: u32,
        fuel_cap: u32,
    ) -> Result<Self, Fault> {
        let fault = Fault::new(TrapCode::Fuel, 0);
        let row = image.functions().get(function as usize).ok_or(fault)?;
        let (words, pc) = (row.words(), row.start as usize);
        let left = fuel.min(fuel_cap).checked_sub(words).ok_or(fault)?;
        Ok(Self { direct: [0; 3], is_direct: false, pc, words, left })
    }
}

/// Checks the arguments and puts them in their place.
///
/// # Errors
/// `BadArgument` with its position for the first that does not fit its type; `OutOfBounds` or
/// `BadText` with its address for the first that names bytes outside the memory, or text that is none.
#[inline(never)]
pub(crate) fn take(
    signature: Signature<'_>,
    args: &[u64],
    stack: &mut [u64],
    memory: &[u8],
) -> Result<(), Fault> {
    let slots = stack.get_mut(1..).unwrap_or_default();
    signature.take_args(args, slots, memory).map_err(|misfit| fault(misfit, 0))
}

/// Checks the results of a call, where they stand.
///
/// # Errors
/// `BadArgument` with [`Trap::RESULT`] and its position for the first that does not fit its type; the others
/// as those of [`take`].
#[inline(never)]
pub(crate) fn leave(signature: Signature<'_>, stack: &[u64], memory: &[u8]) -> Result<(), Fault> {
    let results = stack.get(1..).unwrap_or_default();
    signature.check_results(results, memory).map_err(|misfit| fault(misfit, Trap::RESULT))
}

/// The fault of a value that does not fit its type; `side` says of a position whether it is a result's.
fn fault(misfit: Misfit, side: u32) -> Fault {
    match misfit {
        Misfit::Type(position) => Fault::new(TrapCode::BadArgument, side | position),
        Misfit::Outside(at) => Fault::new(TrapCode::OutOfBounds, at),
        Misfit::NoText(at) => Fault::new(TrapCode::BadText, at),
    }
}
