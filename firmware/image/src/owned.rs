//! A verified image together with its words, for hosts.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::op::Word;
use crate::{Image, VerifyError};

/// A verified image that owns its words. It is verified once, when it is made; [`OwnedImage::image`]
/// then costs no more than finding the sections.
#[derive(Clone, Debug)]
pub struct OwnedImage {
    words: Box<[Word]>,
}

impl OwnedImage {
    /// Verifies words and keeps them.
    ///
    /// # Errors
    /// As [`Image::verify`].
    pub fn new(words: Vec<Word>) -> Result<Self, VerifyError> {
        Image::verify(&words)?;
        Ok(Self { words: words.into() })
    }

    /// Verifies the bytes of an `.xmap` file, wherever they stand in memory.
    ///
    /// # Errors
    /// As [`Image::verify`], and [`VerifyError::Alignment`] where the number of bytes is no multiple of four.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VerifyError> {
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(VerifyError::Alignment);
        }
        Self::new(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// The image.
    pub fn image(&self) -> Image<'_> {
        Image::again(&self.words).expect("the words were verified, and nothing can change them")
    }
}

impl From<Image<'_>> for OwnedImage {
    fn from(image: Image<'_>) -> Self {
        Self { words: image.words().into() }
    }
}
