//! Damage, and what is no part of the proof: [`Image::admit`] refuses it, [`Image::verify`] need not.

mod common;

use common::{extended, sample, words};
use proptest::prelude::*;
use xmap_image::{
    Event, EventSource, HASH_WORD, HEADER_WORDS, Image, VerifyError, Word, check_intact, field, reseal,
};

#[test]
fn a_hash_that_differs_is_damage_and_no_danger() {
    let mut words = words();
    words[HASH_WORD + 7] ^= 1;
    assert_eq!(check_intact(&words), Err(VerifyError::Hash));
    assert_eq!(Image::admit(&words).err(), Some(VerifyError::Hash));
    assert!(Image::verify(&words).is_ok());
    reseal(&mut words);
    assert_eq!(check_intact(&words), Ok(()));
    assert!(Image::admit(&words).is_ok());
}

#[test]
fn what_is_wrong_with_the_header_is_said_before_the_hash() {
    let damaged = |at: usize, bit: u32| {
        let mut words = words();
        words[at] ^= 1 << bit;
        check_intact(&words)
    };
    assert_eq!(damaged(field::MAGIC, 0), Err(VerifyError::Magic));
    assert_eq!(damaged(field::FORMAT_BOARD, 1), Err(VerifyError::Format(3)));
    assert_eq!(damaged(field::LENGTH, 2), Err(VerifyError::Length));
    assert_eq!(damaged(field::VERSION, 0), Err(VerifyError::Hash));
    assert_eq!(check_intact(&words()[..HEADER_WORDS - 1]), Err(VerifyError::TooShort));
}

/// A manifest block that holds, with an event of an export that is not there: the last byte but the
/// padding is that of the second event's source.
#[test]
fn a_manifest_that_does_not_hold_is_refused_where_it_is_read() {
    let mut builder = sample();
    builder.manifest.events.clear();
    let source = EventSource::Every { every_us: 5 };
    builder.manifest.events.push(Event { export: 0, source }).unwrap();
    let mut words = builder.build().unwrap();
    assert_eq!(Image::admit(&words).map(|image| image.manifest().is_ok()), Ok(true));
    // postcard: the export, the source's number, its period; then the padding.
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let at = bytes.windows(3).rposition(|w| w == [0, 3, 5]).expect("the event");
    bytes[at] = 100;
    reseal(&mut words);
    let image = Image::verify(&words).expect("nothing that the mapper does depends on it");
    assert_eq!(image.manifest().err(), Some(VerifyError::Manifest));
    assert_eq!(Image::admit(&words).err(), Some(VerifyError::Manifest));
    assert_eq!(xmap_image::ImageBuilder::from_image(&image).err(), Some(VerifyError::Manifest));
}

proptest! {
    /// What is taken in verifies, and was not damaged; nothing else is taken in.
    #[test]
    fn admission_is_all_three(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u32..32), 0..3),
        sealed: bool, extensions: bool,
    ) {
        let mut words: Vec<Word> = if extensions { extended().build().unwrap() } else { words() };
        for (index, bit) in changes {
            let at = index.index(words.len());
            words[at] ^= 1 << bit;
        }
        if sealed {
            reseal(&mut words);
        }
        let parts = check_intact(&words)
            .and_then(|()| Image::verify(&words))
            .and_then(|image| image.manifest().map(|_| ()));
        prop_assert_eq!(Image::admit(&words).map(|_| ()), parts);
    }
}
