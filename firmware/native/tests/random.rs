//! Images of any ops: what the translator writes the checker admits, and what was changed it refuses, or it
//! leaves an op to the interpreter. That both run to the same results is shown where there is an AArch64
//! machine (`tests/tests/linux/machine_code.rs`).

use xmap_bodies::{Entropy, generate};
use xmap_image::{Image, Word};
use xmap_native::{NoCode, Why, check, translate};

fn random(seed: u32) -> Vec<Word> {
    generate(&mut Entropy::of(&seed.to_le_bytes()))
}

/// The code of an image, and its table.
fn code_of(image: &Image<'_>) -> (Vec<u32>, Vec<u32>) {
    let (mut words, mut table) = (vec![0; 64 * image.code().len() + 1024], vec![0; image.code().len()]);
    let len = translate(image, &mut words, &mut table).expect("there is room");
    words.truncate(len);
    (words, table)
}

#[test]
fn what_was_translated_is_admitted() {
    for seed in 0..200 {
        let words = random(seed);
        let image = Image::verify(&words).expect("it verifies");
        let (code, table) = code_of(&image);
        check(image, &code, &table).unwrap_or_else(|refused| panic!("image {seed}: {refused}"));
    }
}

/// Most changes of a bit give an instruction that does something else.
#[test]
fn most_changes_are_refused() {
    let (mut changes, mut admitted) = (0, 0);
    for seed in 0..2 {
        let words = random(seed);
        let image = Image::verify(&words).expect("it verifies");
        let (mut code, table) = code_of(&image);
        for at in (0..code.len()).step_by(5) {
            for bit in 0..32 {
                code[at] ^= 1 << bit;
                changes += 1;
                admitted += u32::from(check(image, &code, &table).is_ok());
                code[at] ^= 1 << bit;
            }
        }
    }
    assert!(admitted * 20 < changes, "{admitted} of {changes}");
}

/// The code of one image is that of no other, and a table is that of its code.
#[test]
fn code_belongs_to_its_image() {
    let (one, other) = (random(1), random(2));
    let [one, other] = [&one, &other].map(|words| Image::verify(words).expect("it verifies"));
    let (code, mut table) = code_of(&one);
    assert!(check(one, &code, &table).is_ok());
    let (_, others) = code_of(&other);
    assert!(check(other, &code, &others).is_err());
    assert_eq!(check(one, &code[1..], &table).map(drop).map_err(|refused| refused.why), Err(Why::Prelude));
    assert!(check(one, &code[..code.len() - 1], &table).is_err());
    assert_eq!(check(one, &code, &table[1..]).map(drop).map_err(|refused| refused.why), Err(Why::Table));
    // But for an op that does nothing, whose code may as well be that of the one before.
    let mut admitted = 0;
    for at in 0..table.len() {
        for change in [1, u32::MAX] {
            let before = table[at];
            table[at] = before.wrapping_add(change);
            admitted += usize::from(check(one, &code, &table).is_ok());
            table[at] = before;
        }
    }
    assert!(admitted * 50 < table.len(), "{admitted} of {}", table.len());
}

/// Less room than the code takes is an error, however much less.
#[test]
fn room_that_does_not_suffice_is_an_error() {
    let words = random(3);
    let image = Image::verify(&words).expect("it verifies");
    let (code, mut table) = code_of(&image);
    for len in [0, 1, 40, 41, 42, code.len() / 2, code.len() - 1] {
        let mut room = vec![0; len];
        let error = translate(&image, &mut room, &mut table);
        assert!(matches!(error, Err(NoCode::Words { needed }) if needed > len), "{error:?}");
    }
    let needed = table.len();
    let mut room = vec![0; code.len()];
    assert_eq!(translate(&image, &mut room, &mut table[1..]), Err(NoCode::Table { needed }));
    assert_eq!(translate(&image, &mut room, &mut table), Ok(code.len()));
}
