//! What is refused, and why: one image, one policy, and everything that can be wrong with them.

mod common;

use common::{ORIGIN, both, policy, root, sample, sealed_by, signer};
use xmap_boards::{Line, LineSet, RPI4B};
use xmap_image::{Image, Op, PinMode, reseal};
use xmap_trust::{
    HashPin, MinimumVersion, OpClass, PublicKey, Reject, SEAL_WORDS, Seal, SealError, TrustPolicy,
    check_sealed, seal,
};

/// The verdict as people read it.
fn verdict(words: &[u32], policy: &TrustPolicy, origin: &str, have: u32) -> String {
    match check_sealed(words, policy, origin, have) {
        Ok(_) => "ok".into(),
        Err(reject) => reject.to_string(),
    }
}

#[test]
fn what_the_owner_allows_is_taken() {
    let words = both();
    let accepted = check_sealed(&words, &policy(), ORIGIN, 7).expect("it is allowed");
    assert_eq!((accepted.version, accepted.key), (7, signer().public().id()));
    assert_eq!(accepted.image.words(), &words[..words.len() - SEAL_WORDS]);
}

#[test]
fn each_refusal_has_its_text() {
    let words = both();
    let plain = &words[..words.len() - SEAL_WORDS];
    let change = |f: &dyn Fn(&mut TrustPolicy)| {
        let mut policy = policy();
        f(&mut policy);
        verdict(&words, &policy, ORIGIN, 0)
    };
    let hash = Image::verify(plain).unwrap().hash();
    assert_eq!(verdict(plain, &policy(), ORIGIN, 0), "reject: no seal");
    assert_eq!(
        verdict(&words, &policy(), "https://evil.example", 0),
        "reject: untrusted origin https://evil.example"
    );
    assert_eq!(verdict(&words, &policy(), ORIGIN, 8), "reject: rollback 7 < 8");
    assert_eq!(change(&|p| p.keys.clear()), "reject: unknown key");
    assert_eq!(change(&|p| p.revoked_images.push(hash).unwrap()), "reject: revoked");
    assert_eq!(change(&|p| p.revoked_keys.push(signer().public().id()).unwrap()), "reject: revoked");
    assert_eq!(change(&|p| p.keys[0].modules.clear()), "reject: key not allowed for this module");
    assert_eq!(change(&|p| p.keys[0].origins.clear()), format!("reject: untrusted origin {ORIGIN}"));
    assert_eq!(change(&|p| p.keys[0].boards.clear()), "reject: board 1 not allowed");
    assert_eq!(
        change(&|p| p.keys[0].lines.put(Line::new(17).unwrap(), false)),
        "reject: line 17 not allowed"
    );
    assert_eq!(
        change(&|p| p.keys[0].ops &= !OpClass::GpioWrite.bit()),
        "reject: operation gpio.set_line not allowed"
    );
    let minimum = |version| MinimumVersion { module: "hall".try_into().unwrap(), version };
    assert_eq!(change(&|p| p.minimum_versions.push(minimum(9)).unwrap()), "reject: rollback 7 < 9");
    assert_eq!(change(&|p| p.minimum_versions.push(minimum(7)).unwrap()), "ok");
}

#[test]
fn a_pin_binds_hash_and_origin() {
    let words = both();
    let hash = Image::verify(&words[..words.len() - SEAL_WORDS]).unwrap().hash();
    let with = |module: &str, hash, origin: &str| {
        let mut policy = policy();
        let pin = HashPin { module: module.try_into().unwrap(), hash, origin: origin.try_into().unwrap() };
        policy.pins.push(pin).unwrap();
        verdict(&words, &policy, ORIGIN, 0)
    };
    assert_eq!(with("hall", hash, ORIGIN), "ok");
    assert_eq!(with("hall", [7; 32], ORIGIN), "reject: hash mismatch");
    assert_eq!(with("hall", hash, "usb"), format!("reject: untrusted origin {ORIGIN}"));
    assert_eq!(with("porch", [7; 32], "usb"), "ok");
    // One image that may come from two places: either will do.
    let mut policy = policy();
    for origin in ["usb", ORIGIN] {
        let pin = HashPin { module: "hall".try_into().unwrap(), hash, origin: origin.try_into().unwrap() };
        policy.pins.push(pin).unwrap();
    }
    assert_eq!(verdict(&words, &policy, ORIGIN, 0), "ok");
}

#[test]
fn a_good_image_of_another_is_a_mismatch() {
    let mut other = sample();
    other.globals[0] += 1;
    let words = both();
    let mixed = [&other.build().unwrap()[..], &words[words.len() - SEAL_WORDS..]].concat();
    assert_eq!(verdict(&mixed, &policy(), ORIGIN, 0), "reject: hash mismatch");
}

#[test]
fn a_seal_that_another_key_made_is_refused() {
    let image = sample().build().unwrap();
    let mut forged = seal(&Image::verify(&image).unwrap(), ORIGIN, &root()).unwrap();
    let words = |seal: &Seal| [&image[..], &seal.to_words()].concat();
    assert_eq!(verdict(&words(&forged), &policy(), ORIGIN, 0), "reject: unknown key");
    forged.key = signer().public().id();
    assert_eq!(verdict(&words(&forged), &policy(), ORIGIN, 0), "reject: bad signature");
}

#[test]
fn a_seal_that_says_more_than_its_image_is_refused() {
    let image = sample().build().unwrap();
    for other in [
        |b: &mut xmap_image::ImageBuilder<'_>| b.version = 8,
        |b: &mut xmap_image::ImageBuilder<'_>| b.manifest.module = "porch",
    ] {
        let mut b = sample();
        other(&mut b);
        let claims = b.build().unwrap();
        // An honest key, asked to sign a lie: the hash is that of the image beside it.
        let mut claim = seal(&Image::verify(&claims).unwrap(), ORIGIN, &signer()).unwrap();
        claim.hash = Image::verify(&image).unwrap().hash();
        let words = [&image[..], &sealed_by(claim, &signer())].concat();
        let mut policy = policy();
        policy.keys[0].modules.push("porch".try_into().unwrap()).unwrap();
        assert_eq!(
            verdict(&words, &policy, ORIGIN, 0),
            "reject: the seal speaks of another module, version or board"
        );
    }
}

#[test]
fn what_is_sealed_must_still_verify() {
    // A key that the owner trusts, and an op that does not exist: the seal holds, the image does not.
    let mut image = sample().build().unwrap();
    let built = Image::verify(&image).unwrap();
    let honest = seal(&built, ORIGIN, &signer()).unwrap();
    let at = image.iter().position(|word| *word == Op::LineSet.abc(17, 0, 0)).unwrap();
    image[at] = 0xff;
    reseal(&mut image);
    let mut claim = honest;
    claim.hash = bytemuck::cast(xmap_image::content_hash(&image));
    let words = [&image[..], &sealed_by(claim, &signer())].concat();
    assert!(matches!(check_sealed(&words, &policy(), ORIGIN, 0), Err(Reject::Image(Some(_)))));
}

#[test]
fn direct_entries_are_held_against_the_operations() {
    let mut image = sample();
    image.functions.clear();
    image.exports.retain(|export| matches!(export.entry, xmap_image::Entry::Direct { .. }));
    assert_eq!(image.exports.len(), 1);
    let image = image.build().unwrap();
    let words =
        [&image[..], &seal(&Image::verify(&image).unwrap(), ORIGIN, &signer()).unwrap().to_words()].concat();
    assert_eq!(verdict(&words, &policy(), ORIGIN, 0), "ok");
    let mut strict = policy();
    strict.keys[0].ops &= !OpClass::GpioWrite.bit();
    assert_eq!(verdict(&words, &strict, ORIGIN, 0), "reject: operation gpio.clear_line not allowed");
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_line_is_held_against_the_keys() {
    for n in 0..RPI4B.lines {
        let mut image = sample();
        image.functions.clear();
        image.exports.clear();
        image.pins = vec![common::pin(n, PinMode::In)];
        let image = image.build().unwrap();
        let words =
            [&image[..], &seal(&Image::verify(&image).unwrap(), ORIGIN, &signer()).unwrap().to_words()]
                .concat();
        let mut policy = policy();
        policy.keys[0].lines = LineSet::from_bits(1 << n);
        assert_eq!(verdict(&words, &policy, ORIGIN, 0), "ok");
        policy.keys[0].lines = !LineSet::from_bits(1 << n);
        assert_eq!(verdict(&words, &policy, ORIGIN, 0), format!("reject: line {n} not allowed"));
    }
}

#[test]
fn weak_keys_sign_nothing() {
    // The neutral point: the signature (R = neutral, S = 0) satisfies the plain equation for any message.
    let mut weak = [0; 32];
    weak[0] = 1;
    let weak = PublicKey(weak);
    assert!(!weak.is_sound());
    assert!(signer().public().is_sound());
    let image = sample().build().unwrap();
    let mut forged = seal(&Image::verify(&image).unwrap(), ORIGIN, &signer()).unwrap();
    forged.key = weak.id();
    forged.signature = [0; 64];
    forged.signature[0] = 1;
    let mut policy = policy();
    policy.keys[0].key = weak;
    let words = [&image[..], &forged.to_words()].concat();
    assert_eq!(verdict(&words, &policy, ORIGIN, 0), "reject: bad signature");
}

#[test]
fn a_signature_is_not_malleable() {
    // S + L satisfies the equation as S does; only the strict reading refuses it.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let words = both();
    let (image, sealed) = words.split_at(words.len() - SEAL_WORDS);
    let mut other = Seal::parse(sealed).unwrap();
    let mut carry = 0;
    for (byte, add) in other.signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let words = [image, &other.to_words()].concat();
    assert_eq!(verdict(&words, &policy(), ORIGIN, 0), "reject: bad signature");
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_is_refused() {
    let words = both();
    let policy = policy();
    for n in 0..words.len() * 32 {
        let mut changed = words.clone();
        changed[n / 32] ^= 1 << (n % 32);
        assert!(check_sealed(&changed, &policy, ORIGIN, 0).is_err(), "bit {n} of {}", words.len() * 32);
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_truncation_and_extension_is_refused() {
    let words = both();
    for len in 0..words.len() {
        assert!(check_sealed(&words[..len], &policy(), ORIGIN, 0).is_err(), "{len} words");
        assert!(
            check_sealed(&words[words.len() - len..], &policy(), ORIGIN, 0).is_err(),
            "the last {len} words"
        );
    }
    let longer = [&words[..], &[0]].concat();
    assert_eq!(check_sealed(&longer, &policy(), ORIGIN, 0).unwrap_err(), Reject::Seal(SealError::Magic));
    let twice = [&words[..], &words[words.len() - SEAL_WORDS..]].concat();
    assert_eq!(check_sealed(&twice, &policy(), ORIGIN, 0).unwrap_err(), Reject::HashMismatch);
}
