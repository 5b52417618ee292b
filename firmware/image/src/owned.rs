//! A verified image together with its words: for hosts, and for a device's slots.

#[cfg(feature = "build")]
use alloc::{boxed::Box, vec::Vec};
use core::ops::Deref;

use bytemuck::Pod;
use xmap_boards::LineSet;

use crate::op::Word;
use crate::{Image, Manifest, VerifyError};

/// A verified image that owns the memory that it stands in. It is admitted once, when it is made;
/// [`VerifiedImage::image`] then costs no more than a view of each section. Nothing can change the words
/// until they are taken out again ([`VerifiedImage::into_words`]), which ends the image.
#[derive(Clone, Debug)]
pub struct VerifiedImage<W> {
    words: W,
    places: Places,
}

/// An image on a host's heap.
#[cfg(feature = "build")]
pub type OwnedImage = VerifiedImage<Box<[Word]>>;

impl<W: Deref<Target = [Word]>> VerifiedImage<W> {
    /// Admits the first `len` of these words and keeps all of them.
    ///
    /// # Errors
    /// As [`Image::admit`], with the words; [`VerifyError::Length`] where there are fewer than `len`.
    pub fn admit(words: W, len: usize) -> Result<Self, (W, VerifyError)> {
        let found = words.get(..len).ok_or(VerifyError::Length).and_then(Image::admit);
        match found.map(|image| Places::of(&image)) {
            Ok(places) => Ok(Self { words, places }),
            Err(error) => Err((words, error)),
        }
    }

    /// As [`VerifiedImage::admit`] for words whose content hash was compared already, with that of a seal: it
    /// is not computed again.
    ///
    /// # Errors
    /// As [`Image::verify`] and [`Image::manifest`], with the words; [`VerifyError::Length`] where there are
    /// fewer than `len`.
    pub fn verify(words: W, len: usize) -> Result<Self, (W, VerifyError)> {
        let verified = |words| {
            let image = Image::verify(words)?;
            image.manifest().map(|_| Places::of(&image))
        };
        match words.get(..len).ok_or(VerifyError::Length).and_then(verified) {
            Ok(places) => Ok(Self { words, places }),
            Err(error) => Err((words, error)),
        }
    }

    /// The words behind the image.
    pub fn behind(&self) -> &[Word] {
        let end = self.places.words.len as usize / size_of::<Word>();
        self.words.get(end..).unwrap_or_default()
    }

    /// The image.
    #[inline]
    pub fn image(&self) -> Image<'_> {
        self.places.image(&self.words)
    }

    /// The manifest block.
    pub fn manifest(&self) -> Manifest<'_> {
        self.image().manifest().unwrap_or_default()
    }

    /// The memory, for the next image.
    pub fn into_words(self) -> W {
        self.words
    }
}

#[cfg(feature = "build")]
impl OwnedImage {
    /// Admits words and keeps them.
    ///
    /// # Errors
    /// As [`Image::admit`].
    pub fn new(words: Vec<Word>) -> Result<Self, VerifyError> {
        let len = words.len();
        Self::admit(words.into(), len).map_err(|(_, error)| error)
    }

    /// Admits the bytes of an `.xmap` file, wherever they stand in memory.
    ///
    /// # Errors
    /// As [`Image::admit`], and [`VerifyError::Alignment`] where the number of bytes is no multiple of four.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VerifyError> {
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(VerifyError::Alignment);
        }
        Self::new(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }
}

/// Where a view stands in an image: its first byte and its bytes.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u32,
    len: u32,
}

impl Place {
    /// The place of `part` in `words`, which holds it.
    fn of<T: Pod>(words: &[Word], part: &[T]) -> Self {
        // An empty view may stand anywhere.
        let offset = part.as_ptr().addr().wrapping_sub(words.as_ptr().addr());
        Self { at: if part.is_empty() { 0 } else { offset as u32 }, len: size_of_val(part) as u32 }
    }

    #[inline(always)]
    fn view<T: Pod>(self, bytes: &[u8]) -> &[T] {
        let from = self.at as usize;
        let bytes = bytes.get(from..from + self.len as usize).unwrap_or_default();
        if bytes.is_empty() { &[] } else { bytemuck::try_cast_slice(bytes).unwrap_or_default() }
    }
}

/// An [`Image`] without its words: the places of its views.
#[derive(Clone, Copy, Debug)]
struct Places {
    declared: LineSet,
    writable: LineSet,
    stack_pointer: u32,
    #[cfg(feature = "full")]
    beyond_integers: bool,
    words: Place,
    exports: Place,
    functions: Place,
    code: Place,
    data: Place,
    signatures: Place,
    #[cfg(feature = "full")]
    tables: Place,
    #[cfg(feature = "full")]
    passive_elements: Place,
    #[cfg(feature = "full")]
    items: Place,
    #[cfg(feature = "full")]
    passive_data: Place,
}

impl Places {
    fn of(image: &Image<'_>) -> Self {
        let words = image.words;
        Self {
            declared: image.declared,
            writable: image.writable,
            stack_pointer: image.stack_pointer,
            #[cfg(feature = "full")]
            beyond_integers: image.beyond_integers,
            words: Place::of(words, words),
            exports: Place::of(words, image.exports),
            functions: Place::of(words, image.functions),
            code: Place::of(words, image.code),
            data: Place::of(words, image.data),
            signatures: Place::of(words, image.signatures),
            #[cfg(feature = "full")]
            tables: Place::of(words, image.tables),
            #[cfg(feature = "full")]
            passive_elements: Place::of(words, image.passive_elements),
            #[cfg(feature = "full")]
            items: Place::of(words, image.items),
            #[cfg(feature = "full")]
            passive_data: Place::of(words, image.passive_data),
        }
    }

    #[inline]
    fn image<'a>(&self, words: &'a [Word]) -> Image<'a> {
        let bytes = bytemuck::cast_slice(words);
        Image {
            words: self.words.view(bytes),
            exports: self.exports.view(bytes),
            functions: self.functions.view(bytes),
            code: self.code.view(bytes),
            data: self.data.view(bytes),
            signatures: self.signatures.view(bytes),
            #[cfg(feature = "full")]
            tables: self.tables.view(bytes),
            #[cfg(feature = "full")]
            passive_elements: self.passive_elements.view(bytes),
            #[cfg(feature = "full")]
            items: self.items.view(bytes),
            #[cfg(feature = "full")]
            passive_data: self.passive_data.view(bytes),
            declared: self.declared,
            writable: self.writable,
            stack_pointer: self.stack_pointer,
            #[cfg(feature = "full")]
            beyond_integers: self.beyond_integers,
        }
    }
}
