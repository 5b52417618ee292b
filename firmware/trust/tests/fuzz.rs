//! The bodies of the fuzz targets `seal_check` and `policy_signed` (`tests/fuzz`) on stable Rust: over the
//! committed corpus, over changes to it, and over seeded inputs.

use xmap_bodies::policy::{Opened, policy_signed, sample};
use xmap_bodies::seal::{Checked, seal_check};
use xmap_bodies::seeds::seeds;

/// An input of a kind: a number makes the rest.
fn input(kind: u8, seed: u32) -> Vec<u8> {
    [&[kind][..], &seed.to_le_bytes()].concat()
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn whatever_stands_in_a_sealed_image_the_rules_decide() {
    let mut all = Checked::default();
    let mut note = |data: &[u8]| {
        let one = seal_check(data);
        all.taken += one.taken;
        all.unverified += one.unverified;
        all.denied += one.denied;
    };
    seeds("seal_check").iter().for_each(|(_, data)| note(data));
    for seed in 0..500 {
        (1..4).for_each(|kind| note(&input(kind, seed)));
    }
    println!("{all:?}");
    // Were nearly all refused at their signature, this would show nothing of the rest.
    assert!(all.taken > 50 && all.unverified > 100 && all.denied > 100, "{all:?}");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn whatever_stands_in_a_policy_only_the_root_key_is_believed() {
    let mut all = Opened::default();
    let mut note = |data: &[u8]| {
        let one = policy_signed(data);
        all.taken += one.taken;
        all.undecoded += one.undecoded;
        all.forged += one.forged;
    };
    seeds("policy_signed").iter().for_each(|(_, data)| note(data));
    for seed in 0..500 {
        (0..3).for_each(|kind| note(&input(kind, seed)));
    }
    // A good block with one byte changed, and signed: some of it still decodes.
    let block = postcard::to_allocvec(&sample()).unwrap();
    for at in 0..block.len() {
        for bit in 0..8 {
            let mut block = block.clone();
            block[at] ^= 1 << bit;
            note(&[&[1], &block[..]].concat());
        }
    }
    println!("{all:?}");
    assert!(all.taken > 100 && all.undecoded > 100 && all.forged > 20, "{all:?}");
}
