//! Critical sections, for everything that asks the crate `critical-section`.

use core::arch::asm;

use critical_section::RawRestoreState;

/// One core runs, so that masked interrupts are all it takes.
struct SingleCore;
critical_section::set_impl!(SingleCore);

// SAFETY: the other cores are asleep from reset on (nothing in this workspace wakes them), so that code
// between `acquire` and `release` can only be interrupted by an exception, and those that are not faults of
// that code itself are masked.
unsafe impl critical_section::Impl for SingleCore {
    unsafe fn acquire() -> RawRestoreState {
        let daif: u64;
        // SAFETY: masking interrupts runs no code of anybody's. Not `nomem`: no access moves out of
        // the section.
        unsafe {
            asm!("mrs {}, daif", "msr daifset, #0xf", out(reg) daif, options(nostack, preserves_flags))
        };
        daif
    }

    unsafe fn release(daif: RawRestoreState) {
        // SAFETY: the mask is the one that `acquire` found.
        unsafe { asm!("msr daif, {}", in(reg) daif, options(nostack, preserves_flags)) };
    }
}
