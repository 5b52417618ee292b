//! What the store asks of a card.

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// A sector.
pub type Sector = [u8; SECTOR];

/// An area of sectors: a partition of a card, a file, a model in a test.
pub trait Disk {
    /// Why a sector was not read or written.
    type Error;

    /// Returns how many sectors there are.
    fn sectors(&self) -> u32;

    /// Reads sectors from `first` on.
    ///
    /// # Errors
    /// The card's. What the buffer has then is anything.
    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), Self::Error>;

    /// Writes sectors from `first` on.
    ///
    /// # Errors
    /// The card's. What these sectors have then is anything.
    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), Self::Error>;

    /// Returns when all that was written outlives a loss of power.
    ///
    /// # Errors
    /// The card's.
    fn flush(&mut self) -> Result<(), Self::Error>;
}

impl<D: Disk> Disk for &mut D {
    type Error = D::Error;

    fn sectors(&self) -> u32 {
        (**self).sectors()
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), Self::Error> {
        (**self).read(first, into)
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), Self::Error> {
        (**self).write(first, sectors)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        (**self).flush()
    }
}
