//! The bodies of the compiler's fuzz targets (`tests/fuzz`) on stable Rust: over the committed corpus, over
//! changes to it, and over seeded inputs.

use xmap_bodies::Entropy;
use xmap_bodies::changes::change;
use xmap_bodies::compiler::{Got, manifest, module, policy_text, smith};
use xmap_bodies::seeds::seeds;

/// Runs a body over its corpus, and over as many changes to each part of it. How often it got how far.
fn over(target: &str, changes: u32, body: fn(&[u8]) -> Got) -> [u32; 3] {
    let mut got = [0; 3];
    for (_, seed) in seeds(target) {
        got[body(&seed) as usize] += 1;
        for n in 0..changes {
            let mut data = seed.clone();
            change(&mut data, &mut Entropy::of(&n.to_le_bytes()));
            got[body(&data) as usize] += 1;
        }
    }
    println!("{target}: {got:?}");
    got
}

// Were all inputs refused at once, or none, these tests would show little.

#[test]
fn any_manifest_is_taken_or_told_what_is_wrong() {
    let [nowhere, read, through] = over("manifest", 40, manifest);
    assert!(nowhere > 10 && read > 100 && through > 50);
}

#[test]
fn any_module_compiles_or_is_told_what_is_wrong() {
    let [_, read, through] = over("module", 60, module);
    assert!(read > 100 && through > 50);
}

#[test]
fn any_valid_module_compiles_or_is_told_what_is_wrong() {
    let mut got = over("smith", 5, smith);
    for seed in 0..200u32 {
        let seed = seed.to_le_bytes();
        let mut entropy = Entropy::of(&seed);
        let data: Vec<u8> = (0..600).map(|_| entropy.u8()).collect();
        got[smith(&data) as usize] += 1;
    }
    println!("with seeded ones: {got:?}");
    assert!(got[1] > 10 && got[2] > 50);
}

#[test]
fn any_policy_is_taken_or_told_what_is_wrong() {
    let [nowhere, read, through] = over("policy_text", 200, policy_text);
    assert!(nowhere > 5 && read > 100 && through > 20);
}
