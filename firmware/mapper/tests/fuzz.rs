//! The bodies of the fuzz targets (`tests/fuzz`) on stable Rust: over the committed seeds, over
//! mutations of them, and over generated images.

#[path = "../../../tests/fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod bodies;
#[path = "../../../tests/fuzz/src/seeds.rs"]
#[allow(unreachable_pub)]
mod seeds;

use bodies::{Entropy, generate, image_run, image_verify, mutate};
use seeds::seeds;

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
