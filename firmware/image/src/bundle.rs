//! A bundle: images one after another. Each says its own length, so there is nothing between them.

use crate::layout::{FORMAT, HEADER_WORDS, MAGIC, field};
use crate::limits;
use crate::op::Word;
use crate::verify::Result;
use crate::{Image, VerifyError};

/// Splits words into the images of a bundle by what their headers say; a single image is a bundle of
/// one. The pieces are not verified.
///
/// Takes time linear in the number of images and allocates nothing. After an error there is nothing more.
///
/// # Errors
/// An item is
/// * [`VerifyError::TooShort`] where less than a header is left, as it is without any words;
/// * [`VerifyError::Magic`] or [`VerifyError::Format`] where no image of this format begins;
/// * [`VerifyError::Length`] where an image says that it is shorter than its header, longer than what is
///   left, or no whole number of words;
/// * [`VerifyError::Bundle`] where there are more than [`limits::MAX_MODULES`] images.
///
/// # Panics
/// Never, for any words.
///
/// # Examples
/// ```
/// use xmap_boards::BoardId;
/// use xmap_image::{ImageBuilder, VerifyError, bundle};
///
/// let one = ImageBuilder::new(BoardId::Rpi4b).build().unwrap();
/// let two = [one.clone(), one.clone()].concat();
/// assert!(bundle(&two).eq([Ok(&one[..]), Ok(&one[..])]));
/// assert!(bundle(&two[..one.len() + 1]).eq([Ok(&one[..]), Err(VerifyError::TooShort)]));
/// ```
pub fn bundle(words: &[Word]) -> Bundle<'_> {
    Bundle { rest: Some(words), images: 0 }
}

/// The images of a bundle, as [`bundle`] splits them.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    /// What is left; `None` after the last image or an error.
    rest: Option<&'a [Word]>,
    images: usize,
}

impl<'a> Iterator for Bundle<'a> {
    type Item = Result<&'a [Word]>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        if self.images == limits::MAX_MODULES {
            return Some(Err(VerifyError::Bundle));
        }
        let split = length(rest).and_then(|len| rest.split_at_checked(len).ok_or(VerifyError::Length));
        Some(split.map(|(image, rest)| {
            self.images += 1;
            self.rest = Some(rest).filter(|rest| !rest.is_empty());
            image
        }))
    }
}

impl core::iter::FusedIterator for Bundle<'_> {}

/// The words of the image that begins here, as its header says. Verification looks at these fields itself: a
/// function for both costs the device 24 bytes that it has not.
fn length(words: &[Word]) -> Result<usize> {
    let head = words.first_chunk::<HEADER_WORDS>().ok_or(VerifyError::TooShort)?;
    if head[field::MAGIC].to_le_bytes() != MAGIC {
        return Err(VerifyError::Magic);
    }
    // Another format may say its length elsewhere.
    let format = head[field::FORMAT_BOARD] as u16;
    if format != FORMAT {
        return Err(VerifyError::Format(format));
    }
    let bytes = head[field::LENGTH] as usize;
    if !bytes.is_multiple_of(4) || bytes / 4 < HEADER_WORDS {
        return Err(VerifyError::Length);
    }
    Ok(bytes / 4)
}

impl<'a> Image<'a> {
    /// Takes the images of a bundle in, one after the other.
    ///
    /// # Errors
    /// As [`bundle`] and [`Image::admit`]; after an error of the first kind there is nothing more.
    pub fn admit_bundle(words: &'a [Word]) -> impl Iterator<Item = Result<Image<'a>>> + use<'a> {
        bundle(words).map(|words| Image::admit(words?))
    }
}
