//! How registers are accessed: by volatile loads and stores.
//!
//! On AArch64 safe-mmio's own way is inline assembly, so that a hypervisor can take each access for a device
//! that it emulates. Nobody stands below this program; and what the compiler cannot look into makes it
//! forget, at each store of a line, what it holds in registers, and how far the arms of a loop of ops are
//! apart.

use safe_mmio::{MmioOps, set_mmio_ops};

struct Volatile;

macro_rules! accesses {
    ($($read:ident $write:ident $word:ty;)*) => {
        impl MmioOps for Volatile {$(
            #[inline(always)]
            unsafe fn $read(src: *const $word) -> $word {
                // SAFETY: the caller has a valid, aligned address.
                unsafe { src.read_volatile() }
            }

            #[inline(always)]
            unsafe fn $write(dst: *mut $word, value: $word) {
                // SAFETY: the caller has a valid, aligned address.
                unsafe { dst.write_volatile(value) }
            }
        )*}
    };
}
accesses! {
    read_u8 write_u8 u8;
    read_u16 write_u16 u16;
    read_u32 write_u32 u32;
    read_u64 write_u64 u64;
}

set_mmio_ops!(Volatile);
