//! The module's memory: little-endian values, slices and strings at addresses that the module names.

use crate::Error;

/// A view of the module's memory. Every access is checked.
#[derive(Debug)]
pub struct Memory<'m>(pub &'m mut [u8]);

impl Memory<'_> {
    fn range(&self, address: i64, length: i64) -> Result<std::ops::Range<usize>, Error> {
        let outside = || Error::OutsideMemory { address, length, memory: self.0.len() };
        let start = usize::try_from(address).map_err(|_| outside())?;
        let length = usize::try_from(length).map_err(|_| outside())?;
        let end = start.checked_add(length).filter(|end| *end <= self.0.len()).ok_or_else(outside)?;
        Ok(start..end)
    }

    /// The bytes of a slice.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`], as of all methods here.
    pub fn bytes(&self, address: i64, length: i64) -> Result<&[u8], Error> {
        Ok(&self.0[self.range(address, length)?])
    }

    /// The bytes of a slice, to write to.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn bytes_mut(&mut self, address: i64, length: i64) -> Result<&mut [u8], Error> {
        let range = self.range(address, length)?;
        Ok(&mut self.0[range])
    }

    fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], Error> {
        let bytes = self.bytes(address.into(), N as i64)?;
        Ok(bytes.try_into().expect("the range has this length"))
    }

    /// Reads 64 bits.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn u64(&self, address: u32) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(address)?))
    }

    /// Reads a 64-bit integer; all of its bits count.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn i64(&self, address: u32) -> Result<i64, Error> {
        Ok(i64::from_le_bytes(self.array(address)?))
    }

    /// Reads a 32-bit integer.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn i32(&self, address: u32) -> Result<i32, Error> {
        Ok(i32::from_le_bytes(self.array(address)?))
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Error> {
        self.bytes_mut(address.into(), bytes.len() as i64)?.copy_from_slice(bytes);
        Ok(())
    }

    /// The address and length of a slice or a string, whose header stands here.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn header(&self, address: u32) -> Result<(i64, i64), Error> {
        Ok((self.i64(address)?, self.i64(address.wrapping_add(8))?))
    }

    /// The bytes of the slice whose header stands here.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn slice(&self, address: u32) -> Result<&[u8], Error> {
        let (start, length) = self.header(address)?;
        self.bytes(start, length)
    }

    /// The bytes of the slice whose header stands here, to write to.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn slice_mut(&mut self, address: u32) -> Result<&mut [u8], Error> {
        let (start, length) = self.header(address)?;
        self.bytes_mut(start, length)
    }

    /// The string whose header stands here, as a `TextDecoder` reads it: what is no UTF-8 becomes U+FFFD, and
    /// a byte order mark in front is left out.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn string(&self, address: u32) -> Result<String, Error> {
        let bytes = self.slice(address)?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The bits of the values in the slice whose header stands here.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`].
    pub fn values(&self, address: u32) -> Result<Vec<u64>, Error> {
        let (start, length) = self.header(address)?;
        let outside = Error::OutsideMemory { address: start, length, memory: self.0.len() };
        let bytes = self.bytes(start, length.checked_mul(8).ok_or(outside)?)?;
        Ok(bytes.chunks_exact(8).map(|bits| u64::from_le_bytes(bits.try_into().expect("8 bytes"))).collect())
    }
}
