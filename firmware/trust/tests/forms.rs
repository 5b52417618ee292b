//! Seals and signed policies as bytes: read and written alike, and refused where anything is changed.

mod common;

use common::{both, policy, root, sample, signer};
use proptest::prelude::*;
use xmap_boards::LineSet;
use xmap_image::{Image, Word};
use xmap_trust::{
    HashPin, Limits, MAX_POLICY_BYTES, MAX_RULES, MinimumVersion, PolicyError, SEAL_WORDS, Seal, SealError,
    TrustPolicy, TrustedKey, check_sealed, open_policy, pieces, seal, sign_policy,
};

fn signed(policy: &TrustPolicy) -> Vec<u8> {
    sign_policy(policy, &root(), &mut [0; MAX_POLICY_BYTES]).expect("it has room").to_vec()
}

/// A policy with all lists full and all names of full length.
fn full() -> TrustPolicy {
    let name = |n: usize| format!("{n:032}").as_str().try_into().unwrap();
    let origin = |n: usize| format!("{n:064}").as_str().try_into().unwrap();
    let key = |_| TrustedKey {
        key: signer().public(),
        origins: (0..4).map(origin).collect(),
        modules: (0..8).map(name).collect(),
        boards: (0..4).map(|n| u16::MAX - n).collect(),
        lines: LineSet::below(64),
        ops: u16::MAX,
    };
    TrustPolicy {
        version: u32::MAX,
        keys: (0..8).map(key).collect(),
        pins: (0..MAX_RULES).map(|n| HashPin { module: name(n), hash: [9; 32], origin: origin(n) }).collect(),
        revoked_images: (0..MAX_RULES).map(|n| [n as u8; 32]).collect(),
        revoked_keys: (0..MAX_RULES).map(|n| xmap_trust::KeyId([n as u8; 8])).collect(),
        minimum_versions: (0..MAX_RULES)
            .map(|n| MinimumVersion { module: name(n), version: u32::MAX })
            .collect(),
        limits: Limits::none(),
    }
}

#[test]
fn policies_come_back_as_they_were_also_the_largest() {
    for policy in [policy(), full(), TrustPolicy::default()] {
        let bytes = signed(&policy);
        assert_eq!(open_policy(&bytes, &root().public(), 0), Ok(policy));
    }
}

#[test]
fn a_policy_of_another_or_an_older_one_is_refused() {
    let bytes = signed(&policy());
    assert_eq!(open_policy(&bytes, &signer().public(), 0), Err(PolicyError::BadSignature));
    assert!(open_policy(&bytes, &root().public(), 3).is_ok());
    let error = open_policy(&bytes, &root().public(), 4).unwrap_err();
    assert_eq!(error.to_string(), "policy rollback 3 < 4");
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_and_every_truncation_of_a_policy_is_refused() {
    let bytes = signed(&policy());
    for n in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[n / 8] ^= 1 << (n % 8);
        assert!(open_policy(&changed, &root().public(), 0).is_err(), "bit {n}");
    }
    for len in 0..bytes.len() {
        assert!(open_policy(&bytes[..len], &root().public(), 0).is_err(), "{len} bytes");
    }
    assert!(open_policy(&[&bytes[..], &[0]].concat(), &root().public(), 0).is_err());
}

#[test]
fn a_seal_signs_no_policy_and_a_policy_no_seal() {
    // Both begin with their magic, which is signed: the bytes of one never are those of the other.
    let seal = both();
    let (_, seal) = seal.split_at(seal.len() - SEAL_WORDS);
    let bytes: &[u8] = bytemuck::cast_slice(seal);
    assert_eq!(open_policy(bytes, &signer().public(), 0), Err(PolicyError::Form));
}

#[test]
fn the_texts_of_a_seal_are_well_formed_or_it_is_none() {
    let words = both();
    let seal_words = &words[words.len() - SEAL_WORDS..];
    let changed = |byte: usize, to: u8| {
        let mut words = seal_words.to_vec();
        bytemuck::cast_slice_mut::<u32, u8>(&mut words)[byte] = to;
        Seal::parse(&words)
    };
    // `hall` stands at 52 and ends at 56; the origin begins at 84.
    assert_eq!(changed(52, 0), Err(SealError::Text));
    assert_eq!(changed(53, 0x1b), Err(SealError::Text));
    assert_eq!(changed(53, 0xff), Err(SealError::Text));
    assert_eq!(changed(83, b'x'), Err(SealError::Text));
    assert_eq!(changed(84, 0), Err(SealError::Text));
    assert_eq!(changed(0, b'x'), Err(SealError::Magic));
    assert_eq!(changed(4, 2), Err(SealError::Format(2)));
    assert_eq!(Seal::parse(&seal_words[1..]), Err(SealError::Length));
    assert!(Seal::parse(seal_words).is_ok());
}

#[test]
fn names_that_do_not_fit_are_not_sealed() {
    let with = |module: &str, origin: &str| {
        let mut b = sample();
        b.manifest.module = module;
        let image = b.build().unwrap();
        seal(&Image::verify(&image).unwrap(), origin, &signer()).map(drop)
    };
    assert_eq!(with(&"m".repeat(32), &"o".repeat(64)), Ok(()));
    assert_eq!(with(&"m".repeat(33), "usb"), Err(SealError::Text));
    assert_eq!(with("m", &"o".repeat(65)), Err(SealError::Text));
    assert_eq!(with("", "usb"), Err(SealError::Text));
    assert_eq!(with("m", ""), Err(SealError::Text));
    assert_eq!(with("m", "us\nb"), Err(SealError::Text));
    assert_eq!(with("m", "https://\u{202e}live.example"), Err(SealError::Text));
}

proptest! {
    #[test]
    fn a_seal_reads_as_it_was_written(
        board: u16, key: [u8; 8], hash: [u8; 32], version: u32, signature in prop::collection::vec(any::<u8>(), 64),
        module in "[a-z ä]{1,16}", origin in "[a-z:/.]{1,64}",
    ) {
        let seal = Seal {
            board, hash, version,
            key: xmap_trust::KeyId(key),
            module: module.as_str().try_into().unwrap(),
            origin: origin.as_str().try_into().unwrap(),
            signature: signature.try_into().unwrap(),
        };
        let words = seal.to_words();
        prop_assert_eq!(Seal::parse(&words), Ok(seal.clone()));
        prop_assert_eq!(bytemuck::cast_slice::<u32, u8>(&words[SEAL_WORDS - 16..]), &seal.signature[..]);
    }

    #[test]
    fn any_words_are_a_seal_or_an_error(mut words in prop::collection::vec(any::<u32>(), 0..120), magic: bool) {
        if magic && words.len() >= SEAL_WORDS {
            let at = words.len() - SEAL_WORDS;
            words[at] = u32::from_le_bytes(*b"XSIG");
            words[at + 1] = 1;
        }
        if let Ok(seal) = Seal::parse(&words) {
            prop_assert_eq!(&seal.to_words()[..], &words[..]);
        }
        prop_assert!(check_sealed(&words, &policy(), "usb", 0).is_err());
    }

    #[test]
    fn any_changed_stretch_of_a_sealed_image_is_refused(at in 0usize..200, bytes in prop::collection::vec(any::<u8>(), 1..40)) {
        let words = both();
        let mut changed = words.clone();
        let all = bytemuck::cast_slice_mut::<u32, u8>(&mut changed);
        let at = at * all.len() / 200;
        let end = (at + bytes.len()).min(all.len());
        all[at..end].copy_from_slice(&bytes[..end - at]);
        let expected = changed == words;
        prop_assert_eq!(check_sealed(&changed, &policy(), common::ORIGIN, 0).is_ok(), expected);
    }

    #[test]
    fn any_bytes_are_no_policy(bytes in prop::collection::vec(any::<u8>(), 0..400), head: bool) {
        let mut bytes = bytes;
        if head && bytes.len() >= 76 {
            let len = bytes.len() as u32 - 76;
            bytes[..8].copy_from_slice(b"XPOL\x01\0\0\0");
            bytes[8..12].copy_from_slice(&len.to_le_bytes());
        }
        prop_assert!(open_policy(&bytes, &root().public(), 0).is_err());
    }
}

#[test]
fn what_travels_of_a_policy_comes_back_as_the_same_line() {
    for code in 1..=6 {
        let error = PolicyError::from_parts(code, [7, 8]).unwrap();
        let (again, details) = error.parts();
        assert_eq!((again, PolicyError::from_parts(again, details)), (code, Some(error)));
    }
    assert_eq!(PolicyError::from_parts(5, [2, 3]).unwrap().to_string(), "policy rollback 2 < 3");
    for (code, details) in [(0, [0; 2]), (7, [0; 2]), (2, [1 << 16, 0])] {
        assert_eq!(PolicyError::from_parts(code, details), None);
    }
}

#[test]
fn a_bundle_has_its_seals_behind_its_images() {
    let sealed = both();
    let plain = &sealed[..sealed.len() - SEAL_WORDS];
    let two = [&sealed[..], plain].concat();
    let pieces_of = |words| pieces(words).collect::<Result<Vec<_>, _>>().unwrap();
    let found = pieces_of(&two);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].image, found[0].whole), (plain, &sealed[..]));
    assert_eq!(found[0].seal, Some(&sealed[plain.len()..]));
    assert_eq!((found[1].image, found[1].seal, found[1].whole), (plain, None, plain));
    // A seal that is cut off is there, and does not parse.
    let cut = pieces_of(&sealed[..sealed.len() - 1]);
    assert_eq!(cut[0].seal.map(<[Word]>::len), Some(SEAL_WORDS - 1));
    let five: Vec<Word> = (0..5).flat_map(|_| sealed.clone()).collect();
    assert_eq!(pieces(&five).collect::<Vec<_>>().len(), 5);
    assert_eq!(pieces(&five).last(), Some(Err(xmap_image::VerifyError::Bundle)));
    assert_eq!(pieces(&[]).last(), Some(Err(xmap_image::VerifyError::TooShort)));
}
