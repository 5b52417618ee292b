//! Integrity: whether an image still is what its builder wrote.
//!
//! Apart from [`Image::verify`], whose proof needs no hash: words that verify are safe to run, whoever wrote
//! them. A hash finds the damage that leaves an image well-formed, so it is checked where an image comes
//! in from a store or a wire, once, and costs nothing where it is only used.

use crate::layout::{HASH_WORD, HASH_WORDS};
use crate::op::Word;
use crate::verify::check_header;
use crate::{Image, VerifyError};

impl<'a> Image<'a> {
    /// Takes an image in: its words must be undamaged ([`check_intact`]) and verify, and its manifest
    /// block must hold ([`Image::manifest`]).
    ///
    /// # Errors
    /// The first thing that does not hold.
    ///
    /// # Panics
    /// Never, for any words.
    pub fn admit(words: &'a [Word]) -> Result<Image<'a>, VerifyError> {
        check_intact(words)?;
        let image = Self::verify(words)?;
        image.manifest()?;
        Ok(image)
    }
}

/// Returns whether the words are those that the content hash in their header was computed of.
///
/// # Errors
/// What does not hold of the header, else [`VerifyError::Hash`].
///
/// # Panics
/// Never, for any words.
pub fn check_intact(words: &[Word]) -> Result<(), VerifyError> {
    check_header(words)?;
    let written = words.get(HASH_WORD..HASH_WORD + HASH_WORDS);
    if written == Some(&content_hash(words)) { Ok(()) } else { Err(VerifyError::Hash) }
}

/// SHA-256 of all words but the hash itself. Words that are too few for a header have one, too: nothing of
/// them is interpreted.
pub fn content_hash(words: &[Word]) -> [Word; HASH_WORDS] {
    let mut sha = hmac_sha256::Hash::new();
    let (front, rest) = words.split_at(HASH_WORD.min(words.len()));
    sha.update(bytemuck::cast_slice::<Word, u8>(front));
    sha.update(bytemuck::cast_slice::<Word, u8>(rest.get(HASH_WORDS..).unwrap_or(&[])));
    let digest = sha.finalize();
    let mut hash = [0; HASH_WORDS];
    for (to, from) in hash.iter_mut().zip(digest.as_chunks::<4>().0) {
        *to = u32::from_le_bytes(*from);
    }
    hash
}
