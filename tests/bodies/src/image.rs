//! The image and the mapper under the eyes of a port that knows what an image may do.

use xmap_boards::BoardId;
use xmap_image::{
    ExportId, FORMAT, HEADER_WORDS, Image, ImageBuilder, MAGIC, Op, Word, decode, field, reseal,
};

use super::{Entropy, audit, generate, words_of};

/// Bytes as words, with the header fields that would end verification at once: magic, format, board,
/// length and hash.
fn sealed(data: &[u8]) -> Vec<Word> {
    let mut words = words_of(data);
    words.resize(words.len().max(HEADER_WORDS), 0);
    words[field::MAGIC] = u32::from_le_bytes(MAGIC);
    words[field::FORMAT_BOARD] = u32::from(FORMAT) | (BoardId::Rpi4b as u32) << 16;
    reseal(&mut words);
    words
}

/// Verifies the bytes as they are and sealed. Of what verifies, every view holds what it says, and
/// writing the image again gives one of the same content.
///
/// Returns whether the sealed bytes verify.
pub fn image_verify(data: &[u8]) -> bool {
    _ = Image::admit(&words_of(data));
    _ = xmap_image::words_of(data).and_then(Image::admit);
    let words = sealed(data);
    let Ok(image) = Image::verify(&words) else { return false };
    for n in 0..image.exports().len() as u16 {
        let id = ExportId(n);
        let key = image.key(id).expect("an export has a key");
        assert_eq!(image.find(key), Some(id));
        let signature = image.signature(id).expect("an export has a signature");
        assert_eq!(signature.params().len(), image.exports()[usize::from(n)].params());
        assert!(image.name(id).is_some());
    }
    let mut ops = 0;
    for row in image.functions() {
        let code = &image.code()[row.start as usize..][..row.words() as usize];
        let covered: usize = decode(code).map(|(_, op, words)| op.words(words[0])).sum();
        assert_eq!(covered, code.len());
        ops += covered;
    }
    assert_eq!(ops, image.code().len());
    let board = image.board().board();
    assert!((image.writable() - image.declared()).is_empty());
    assert!((image.declared() - board.all_lines()).is_empty());
    // It cannot stand beside itself: its module has one name. Each line, export and pair of handlers is told
    // once.
    assert_eq!(xmap_image::conflict(&image, &image), Some(xmap_image::Conflict::Module));
    assert!(
        xmap_image::conflicts(&image, &image).count()
            <= 1 + usize::from(board.lines) + 32 * 32 + image.exports().len()
    );
    let two = [&words[..], &words].concat();
    assert!(xmap_image::bundle(&two).eq([Ok(&words[..]), Ok(&words[..])]));
    _ = xmap_image::bundle(&words_of(data)).count();
    // A writer may refuse what would no longer fit once shared bytes are written apart.
    let builder = ImageBuilder::from_image(&image);
    assert_eq!(builder.is_ok(), image.manifest().is_ok());
    if let Ok(Ok(again)) = builder.map(|builder| builder.build()) {
        let second = Image::verify(&again).expect("a builder verifies what it writes");
        assert_eq!(second.header(), image.header());
        assert_eq!(second.code(), image.code());
        assert_eq!(second.pins(), image.pins());
        assert_eq!(second.manifest(), image.manifest());
        assert!(second.data().eq(image.data()) && second.globals().eq(image.globals()));
        let third = ImageBuilder::from_image(&second).expect("a builder writes a block that holds");
        assert_eq!(third.build().as_ref(), Ok(&again));
    }
    true
}

/// Returns whether the bytes verify once they are sealed.
pub fn verifies(data: &[u8]) -> bool {
    Image::verify(&sealed(data)).is_ok()
}

/// Runs every export of an image: of bytes that begin as one does, sealed, and otherwise of one
/// that the bytes generate.
///
/// Returns whether anything ran.
pub fn image_run(data: &[u8]) -> bool {
    let words = if data.starts_with(&MAGIC) { sealed(data) } else { generate(&mut Entropy::of(data)) };
    match Image::verify(&words) {
        Ok(image) => audit::run(image, &mut Entropy::of(data)),
        Err(error) => {
            assert!(data.starts_with(&MAGIC), "a generated image does not verify: {error}");
            false
        }
    }
}

/// A few changes to an image's words: bits, small differences, bytes and whole ops.
pub fn mutate(words: &mut [Word], entropy: &mut Entropy<'_>) {
    for _ in 0..=entropy.below(4) {
        let at = entropy.below(words.len() as u32) as usize;
        let value = entropy.u32();
        words[at] = match entropy.below(5) {
            0 => words[at] ^ 1 << (value % 32),
            1 => words[at].wrapping_add(value % 9).wrapping_sub(4),
            2 => words[at] ^ (value & 0xff) << (8 * (value >> 30)),
            3 => words[at] & !0xff | Op::ALL[value as usize % Op::ALL.len()] as u32,
            _ => value,
        };
    }
}
