//! A bundle of sealed images: as [`xmap_image::bundle`], with a seal behind each that has one.

use xmap_image::limits::MAX_MODULES;
use xmap_image::{VerifyError, Word, bundle};

use crate::{SEAL_MAGIC, SEAL_WORDS};

/// An image of a bundle, not verified, and the words of the seal behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The image's words.
    pub image: &'a [Word],
    /// The seal's; fewer than a seal has, where the end comes before.
    pub seal: Option<&'a [Word]>,
    /// Both, as they stand one behind the other.
    pub whole: &'a [Word],
}

/// Splits words into images, each with or without a seal behind it. Of an image only the length in its header
/// is read, to find what stands behind it; of a seal only its first word. A length that lies makes pieces
/// whose seals do not hold.
///
/// # Errors
/// As [`xmap_image::bundle`]; after an error there is nothing more.
///
/// # Panics
/// Never, for any words.
pub fn pieces(words: &[Word]) -> Pieces<'_> {
    Pieces { rest: Some(words), images: 0 }
}

/// The images of a bundle, as [`pieces`] splits them.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    /// What is left; `None` after the last piece or an error.
    rest: Option<&'a [Word]>,
    images: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, VerifyError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        if self.images == MAX_MODULES {
            return Some(Err(VerifyError::Bundle));
        }
        // Of any words there is a first item.
        let image = match bundle(rest).next()? {
            Ok(image) => image,
            Err(error) => return Some(Err(error)),
        };
        let behind = rest.get(image.len()..).unwrap_or_default();
        let sealed = behind.first().is_some_and(|word| word.to_le_bytes() == SEAL_MAGIC);
        let seal = sealed.then(|| behind.get(..SEAL_WORDS).unwrap_or(behind));
        let len = image.len() + seal.map_or(0, <[Word]>::len);
        let (whole, behind) = rest.split_at_checked(len)?;
        self.images += 1;
        self.rest = Some(behind).filter(|behind| !behind.is_empty());
        Some(Ok(Piece { image, seal, whole }))
    }
}

impl core::iter::FusedIterator for Pieces<'_> {}
