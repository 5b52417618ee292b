//! Finding the sections: one walk over the lengths in the header, for the verifier and for every view.

use bytemuck::Pod;

use crate::VerifyError;
use crate::layout::{EXTENSIONS, Extension, HEADER_WORDS, SECTIONS, Section, field};
use crate::limits;
use crate::op::Word;

/// Sections and extension sections, in the order in which they stand.
pub(crate) const PARTS: usize = SECTIONS + EXTENSIONS;

/// Bytes of a row and rows at most, for each part.
static ROWS: [(u16, u16); PARTS] = {
    let mut rows = [(1, ANY); PARTS];
    rows[Section::Exports as usize] = (16, limits::MAX_EXPORTS as u16);
    rows[Section::Functions as usize] = (12, limits::MAX_FUNCTIONS as u16);
    rows[Section::Code as usize] = (4, ANY);
    rows[Section::Pins as usize] = (4, ANY);
    rows[Section::Globals as usize] = (8, limits::MAX_GLOBALS as u16);
    rows[Section::DataRows as usize] = (12, ANY);
    rows[Section::Names as usize] = (8, ANY);
    rows[Section::Strings as usize] = (1, limits::MAX_STRING_BYTES as u16);
    rows[Extension::Types.part()] = (2, limits::MAX_TYPES as u16);
    rows[Extension::Tables.part()] = (12, limits::MAX_TABLES as u16);
    rows[Extension::Elements.part()] = (16, ANY);
    rows[Extension::PassiveElements.part()] = (12, limits::MAX_SEGMENTS as u16);
    rows[Extension::ElementItems.part()] = (2, ANY);
    rows[Extension::PassiveData.part()] = (12, limits::MAX_SEGMENTS as u16);
    rows[Extension::Stack.part()] = (4, 1);
    rows[Extension::StackPointer.part()] = (4, 1);
    #[cfg(feature = "host-calls")]
    (rows[Extension::I2c.part()] = (20, limits::MAX_I2C_DEVICES as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::I2cRegisters.part()] = (64, limits::MAX_I2C_DEVICES as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Spi.part()] = (20, limits::MAX_SPI_DEVICES as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Pwm.part()] = (12, limits::MAX_PWM_CHANNELS as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Uart.part()] = (16, limits::MAX_UART_PORTS as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Contracts.part()] = (8, limits::MAX_EXPORTS as u16));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Zone.part()] = (12, 1));
    #[cfg(feature = "host-calls")]
    (rows[Extension::Untraced.part()] = (4, 1));
    rows
};

/// No limit but the image's.
const ANY: u16 = 0;

impl Extension {
    /// Its place among all parts.
    pub(crate) const fn part(self) -> usize {
        SECTIONS + self as usize
    }
}

/// What stands in a part: whole words, the last filled up with zeros.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part<'a> {
    words: &'a [Word],
    /// How many bytes of it count.
    len: usize,
}

impl<'a> Part<'a> {
    /// The bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        bytemuck::must_cast_slice(self.words).get(..self.len).unwrap_or_default()
    }

    /// Rows of `N` words. The parts that have such were found to be whole rows.
    #[inline(always)]
    pub(crate) fn rows<T: Pod, const N: usize>(self) -> &'a [T]
    where
        [Word; N]: Pod,
    {
        bytemuck::must_cast_slice(self.words.as_chunks::<N>().0)
    }

    /// Rows of two bytes.
    pub(crate) fn halves<T: Pod>(self) -> &'a [T] {
        let halves: &[u16] = bytemuck::must_cast_slice(self.words);
        bytemuck::must_cast_slice(halves.get(..self.len / 2).unwrap_or_default())
    }
}

/// Each part, by its number.
pub(crate) type Parts<'a> = [Part<'a>; PARTS];

/// A walk over the parts of words that have a header.
struct Walk<'a> {
    words: &'a [Word],
    /// Where the next part begins, in words.
    at: usize,
    /// Where the length of the next extension section stands.
    len: usize,
}

impl<'a> Walk<'a> {
    fn new(words: &'a [Word]) -> Self {
        let present = word(words, field::EXTENSIONS);
        Self { words, at: HEADER_WORDS + present.count_ones() as usize, len: HEADER_WORDS }
    }

    /// The next part, whose number is `n`; `None` where it is not inside the image, where its
    /// padding is not zero, or where it is an extension section that is there and empty: such a one is
    /// left out, so that an image has one encoding.
    fn next(&mut self, n: usize) -> Option<Part<'a>> {
        let len = match n.checked_sub(SECTIONS) {
            None => word(self.words, field::SECTIONS + n),
            Some(extension) if word(self.words, field::EXTENSIONS) >> extension & 1 == 0 => {
                return Some(Part::default());
            }
            Some(_) => {
                self.len += 1;
                Some(word(self.words, self.len - 1)).filter(|len| *len != 0)?
            }
        } as usize;
        let whole = self.words.get(self.at..)?.get(..len.div_ceil(4))?;
        self.at += whole.len();
        if let Some(last) = whole.last().filter(|_| !len.is_multiple_of(4))
            && last >> (len % 4 * 8) != 0
        {
            return None;
        }
        Some(Part { words: whole, len })
    }
}

/// A word of the header; zero where there is none.
fn word(words: &[Word], at: usize) -> Word {
    words.get(at).copied().unwrap_or(0)
}

/// Finds all parts of words whose header holds.
///
/// # Errors
/// [`VerifyError::Section`] or [`VerifyError::Extension`] where one is not inside the image, has padding
/// that is not zero, no whole number of rows or too many of them; [`VerifyError::Length`] where something
/// is left over.
#[inline(never)]
pub(crate) fn split<'a>(words: &'a [Word], parts: &mut Parts<'a>) -> Result<(), VerifyError> {
    let mut walk = Walk::new(words);
    for (n, (part, &(size, most))) in parts.iter_mut().zip(&ROWS).enumerate() {
        let whole = walk.next(n).filter(|part| {
            let (len, size) = (part.len as u32, u32::from(size));
            len.is_multiple_of(size) && (most == ANY || len / size <= u32::from(most))
        });
        let Some(whole) = whole else {
            return Err(match Section::ALL.get(n) {
                Some(section) => VerifyError::Section(*section),
                None => VerifyError::Extension(Extension::ALL[(n - SECTIONS) % EXTENSIONS]),
            });
        };
        *part = whole;
    }
    if walk.at == words.len() { Ok(()) } else { Err(VerifyError::Length) }
}

/// One part of words that [`split`] has taken.
#[inline(never)]
pub(crate) fn part(words: &[Word], number: usize) -> Part<'_> {
    let mut walk = Walk::new(words);
    for n in 0..number {
        walk.next(n);
    }
    walk.next(number).unwrap_or_default()
}
