//! The bodies of the fuzz targets (`tests/fuzz`) on stable Rust: over the committed seeds, over
//! mutations of them, and over generated images.

use xmap_bodies::image::{image_run, image_verify, mutate, verifies};
use xmap_bodies::seeds::seeds;
use xmap_bodies::{Entropy, generate};

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn seeds_hold() {
    for target in ["image_verify", "image_run"] {
        for (path, data) in seeds(target) {
            println!("{}", path.display());
            image_verify(&data);
            image_run(&data);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn mutated_images_hold() {
    let seeds = seeds("image_run");
    let images = seeds.iter().filter(|(_, data)| data.starts_with(b"XMAP"));
    let (mut tried, mut verified, mut ran) = (0, 0, 0);
    for (_, data) in images {
        let words: Vec<u32> = data.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        for seed in 0..1_500u32 {
            let mut words = words.clone();
            mutate(&mut words, &mut Entropy::of(&seed.to_le_bytes()));
            let data = bytes(&words);
            tried += 1;
            verified += u32::from(image_verify(&data));
            ran += u32::from(image_run(&data));
        }
    }
    println!("{tried} mutations, {verified} verify, {ran} run");
    // Were nearly all refused at once, the test would show nothing of the rest.
    assert!(verified > tried / 20 && ran > tried / 20, "{verified} of {tried} verify, {ran} run");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn generated_images_hold() {
    for seed in 0..1_500u32 {
        assert!(image_run(&seed.to_le_bytes()), "seed {seed}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn mutations_of_generated_images_hold() {
    for seed in 0..1_500u32 {
        let seed = [7, seed as u8, (seed >> 8) as u8];
        let mut entropy = Entropy::of(&seed);
        let mut words = generate(&mut entropy);
        mutate(&mut words, &mut entropy);
        image_verify(&bytes(&words));
        image_run(&bytes(&words));
    }
}

/// Images of the long run, and of a part of it whose figures are printed.
const IMAGES: u64 = 30_000_000;
const PART: u64 = 1_000_000;

/// A number of the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Image `n` of the long run: a seed with changes, one that the number generates, or one such with changes.
fn numbered(n: u64, seeds: &[Vec<u32>]) -> Vec<u32> {
    let data = n.to_le_bytes();
    let mut entropy = Entropy::of(&data);
    let seed = seeds.get(entropy.u32() as usize % (seeds.len() * 2));
    let mut words = seed.cloned().unwrap_or_else(|| generate(&mut entropy));
    // One of eight generated images stays as it is: its ops run to their ends.
    if seed.is_some() || entropy.below(8) != 0 {
        mutate(&mut words, &mut entropy);
    }
    words
}

/// `XMAP_IMAGES=1000000 XMAP_IMAGES_FROM=0 cargo test --release -p tiny-mapper --test fuzz millions --
/// --ignored --nocapture`, with `CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true` and
/// `CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true`: an hour or two for all of them.
#[test]
#[ignore = "millions of images"]
fn millions_of_images_hold() {
    let (from, count) = (number("XMAP_IMAGES_FROM", 0), number("XMAP_IMAGES", IMAGES));
    let seeds: Vec<Vec<u32>> = seeds("image_run")
        .into_iter()
        .filter(|(_, data)| data.starts_with(b"XMAP"))
        .map(|(_, data)| data.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
        .collect();
    let (mut words_seen, mut verified, mut ran) = (0, 0u64, 0u64);
    for n in from..from + count {
        let words = numbered(n, &seeds);
        words_seen += words.len();
        let data = bytes(&words);
        let outcome = std::panic::catch_unwind(|| {
            // Writing an image again takes longer than all the rest: one of sixteen.
            let verifies = if n % 16 == 0 { image_verify(&data) } else { verifies(&data) };
            (verifies, verifies && image_run(&data))
        });
        let (verifies, runs) = outcome.unwrap_or_else(|_| panic!("image {n}"));
        verified += u64::from(verifies);
        ran += u64::from(runs);
        if (n - from + 1) % PART == 0 || n + 1 == from + count {
            println!("images {from} to {n}: {words_seen} words, {verified} verify, {ran} run");
        }
    }
    assert!(verified > count / 20 && ran > count / 20, "{verified} of {count} verify, {ran} run");
}
