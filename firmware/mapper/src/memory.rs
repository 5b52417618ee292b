//! The linear memory of a module: a slice, of which a module has the first part.

use xmap_image::fuel as charge;

use crate::{Fault, TrapCode};

/// Bytes of a page (WebAssembly, section 4.2.8).
pub(crate) const PAGE: usize = 65_536;

/// A module's memory.
#[derive(Debug)]
pub(crate) struct Memory<'m> {
    /// Everything that there is.
    bytes: &'m mut [u8],
    /// How much of it the module has.
    len: usize,
    /// What `memory.size` says.
    pages: u32,
    /// How far `memory.grow` may go.
    max_pages: u32,
}

impl<'m> Memory<'m> {
    /// A memory of the first `len` bytes, all zero; of none where there are fewer.
    pub(crate) fn new(bytes: &'m mut [u8], len: usize, pages: u32, max_pages: u32) -> Self {
        let mut memory = Self { bytes, len, pages, max_pages };
        memory.bytes_mut().fill(0);
        memory
    }

    /// A memory that goes on with what its bytes hold; `None` where `bytes` has fewer than `len`.
    pub(crate) fn resume(bytes: &'m mut [u8], len: usize, pages: u32, max_pages: u32) -> Option<Self> {
        (len <= bytes.len()).then_some(Self { bytes, len, pages, max_pages })
    }

    /// Bytes that the module has.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The bytes that the module has.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The bytes that the module has.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Everything that there is.
    pub(crate) fn into_inner(self) -> &'m mut [u8] {
        self.bytes
    }

    /// Pages.
    pub(crate) const fn pages(&self) -> u32 {
        self.pages
    }

    /// Adds pages of zeros and charges for them. Returns the pages before, or -1 as an i32 where there is no
    /// room: a memory whose length the manifest set to less than whole pages never grows.
    ///
    /// # Errors
    /// `Fuel` where `fuel` does not cover the pages.
    #[cold]
    pub(crate) fn grow(&mut self, by: u32, fuel: &mut i64) -> Result<u32, Fault> {
        const FAILED: u32 = u32::MAX;
        let before = self.pages;
        if by == 0 {
            return Ok(before);
        }
        let Some(pages) = before.checked_add(by).filter(|pages| *pages <= self.max_pages) else {
            return Ok(FAILED);
        };
        if self.len != before as usize * PAGE {
            return Ok(FAILED);
        }
        let Some(len) = (pages as usize).checked_mul(PAGE) else { return Ok(FAILED) };
        let Some(new) = self.bytes.get_mut(self.len..len) else { return Ok(FAILED) };
        let left = *fuel - i64::from(charge::of_pages(by));
        if left < 0 {
            return Err(Fault::new(TrapCode::Fuel, 0));
        }
        *fuel = left;
        new.fill(0);
        (self.len, self.pages) = (len, pages);
        Ok(before)
    }
}

/// Returns where an access of a register and an offset begins.
#[inline(always)]
pub(crate) const fn address(register: u64, offset: u32) -> u64 {
    (register as u32) as u64 + offset as u64
}

/// `N` bytes.
#[inline(always)]
pub(crate) fn load<const N: usize>(memory: &[u8], at: u64) -> Option<[u8; N]> {
    let from = usize::try_from(at).ok()?;
    memory.get(from..from.wrapping_add(N))?.try_into().ok()
}

/// Stores `N` bytes: all or none.
#[inline(always)]
pub(crate) fn store<const N: usize>(memory: &mut [u8], at: u64, bytes: [u8; N]) -> Option<()> {
    let from = usize::try_from(at).ok()?;
    memory.get_mut(from..from.wrapping_add(N))?.copy_from_slice(&bytes);
    Some(())
}

/// `len` bytes at `at`, as an argument or a native operation names them.
pub(crate) fn range(memory: &[u8], at: u32, len: u32) -> Result<&[u8], Fault> {
    let end = at as usize + len as usize;
    memory.get(at as usize..end).ok_or(Fault::new(TrapCode::OutOfBounds, at))
}

/// The same, to be written.
#[cfg(feature = "host-calls")]
pub(crate) fn range_mut(memory: &mut [u8], at: u32, len: u32) -> Result<&mut [u8], Fault> {
    let end = at as usize + len as usize;
    memory.get_mut(at as usize..end).ok_or(Fault::new(TrapCode::OutOfBounds, at))
}

/// The text that the bytes at `at` are.
pub(crate) fn text(bytes: &[u8], at: u32) -> Result<&str, Fault> {
    core::str::from_utf8(bytes).map_err(|_| Fault::new(TrapCode::BadText, at))
}
