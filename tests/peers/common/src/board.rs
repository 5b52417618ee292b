//! The board: two words of memory for GPSET0/1 and two for GPCLR0/1. It is a static, as the registers of a
//! real one have a fixed address; so no peer pays more than another for the way to it. A relaxed
//! atomic store is one plain `mov` that the compiler does not leave out.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

static SET: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
static CLEAR: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
/// The lines that may be driven: those of `guests/panel.toml`.
static WRITABLE: AtomicU64 = AtomicU64::new(0x01c2_07f0);

/// A line that the board does not let anybody drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeclared(pub u32);

impl std::fmt::Display for Undeclared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} is not declared", self.0)
    }
}

impl std::error::Error for Undeclared {}

/// `gpio.set` as every peer's host function has it: one check, one store.
///
/// # Errors
/// Where the line is not declared, as the mapper traps there.
#[inline(always)]
pub fn put(line: u32, high: bool) -> Result<(), Undeclared> {
    if line >= 64 || WRITABLE.load(Relaxed) >> line & 1 == 0 {
        return Err(Undeclared(line));
    }
    let (bank, mask) = (line as usize >> 5 & 1, 1 << (line & 31));
    if high {
        set_line(bank, mask)
    } else {
        clear_line(bank, mask)
    }
    Ok(())
}

/// The store to GPSETn.
#[inline(always)]
pub fn set_line(bank: usize, mask: u32) {
    SET[bank].store(mask, Relaxed);
}

/// The store to GPCLRn.
#[inline(always)]
pub fn clear_line(bank: usize, mask: u32) {
    CLEAR[bank].store(mask, Relaxed);
}

/// Returns what was stored last in GPSET0 and GPCLR0; both are zero from then on.
pub fn cleared() -> (u32, u32) {
    (SET[0].swap(0, Relaxed), CLEAR[0].swap(0, Relaxed))
}
