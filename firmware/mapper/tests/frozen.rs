//! An image of format 1 that was frozen when the format was: it loads, and its calls give what they gave
//! then. A change that fails here needs another format number, not another file; the one thing that may
//! differ is what an op is charged in fuel (`memory.grow` has been since pages cost something).

mod common;

use common::transcript::transcript;
use xmap_image::Image;

const IMAGE: &[u8] = include_bytes!("../../image/tests/frozen/format1.xmap");
const SCRIPT: &str = include_str!("../../image/tests/frozen/format1.script");
const TRANSCRIPT: &str = include_str!("../../image/tests/frozen/format1.txt");

fn words() -> Vec<u32> {
    let (words, rest) = IMAGE.as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

#[test]
#[cfg_attr(miri, ignore = "libm has assembly")]
fn the_frozen_image_runs_as_it_did() {
    let got = transcript(&words(), SCRIPT);
    for (n, (got, expected)) in got.lines().zip(TRANSCRIPT.lines()).enumerate() {
        assert_eq!(got, expected, "line {}", n + 1);
    }
    assert_eq!(got.lines().count(), TRANSCRIPT.lines().count());
}

#[test]
fn the_frozen_image_holds_something_of_everything() {
    let words = words();
    let image = Image::verify(&words).expect("format 1 is read for good");
    assert!(image.section_bytes().all(|len| len > 0));
    let code = xmap_image::decode(image.code()).map(|(_, op, _)| op as u8);
    let direct = image.exports().iter().filter(|row| row.is_direct()).map(|row| row.first as u8);
    let seen: std::collections::BTreeSet<u8> = code.chain(direct).collect();
    // The ops that format 1 began with; a file that is not written again has none of the later ones.
    assert_eq!(seen.len(), FROZEN_OPS);
    let frozen = &image.extension_bytes()[..FROZEN_EXTENSIONS];
    assert!(frozen.iter().all(|len| *len > 0));
    assert_eq!(image.manifest().unwrap().events.len(), 5);
}

/// How many ops there were.
const FROZEN_OPS: usize = 228;
/// How many extension sections there were.
const FROZEN_EXTENSIONS: usize = 6;
