//! The owner's limits: what an image asks for is held against each of them, and they stand in the policy.

mod common;

use common::{both, policy, root, sample, signer};
use xmap_image::{
    Entry, Event, EventSource, FaultPolicy as Manifest, Image, ImageBuilder, Keep, Op, Word,
    limits::DEFAULT_FUEL,
};
use xmap_trust::{
    Exceeded, Limit, Limits, MAX_POLICY_BYTES, PolicyError, Reject, TrustPolicy, check_sealed, open_policy,
    seal, sign_policy,
};

fn asked(b: &ImageBuilder<'_>, limit: Limit) -> Option<u32> {
    limit.asked(&Image::verify(&b.build().unwrap()).unwrap())
}

fn timers(periods: &[u32]) -> ImageBuilder<'static> {
    let mut b = sample();
    let on = |every_us: &u32| Event { export: 1, source: EventSource::Every { every_us: *every_us } };
    b.manifest.events = periods.iter().map(on).collect();
    b
}

fn memory(bytes: u32, pages: u32, max: u32) -> ImageBuilder<'static> {
    let mut b = sample();
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (bytes, pages, max);
    b
}

#[test]
fn an_image_asks_for_what_it_can_take() {
    let mut b = sample();
    assert_eq!(asked(&b, Limit::Image), Some(b.build().unwrap().len() as u32 * 4));
    assert_eq!(
        Limit::ALL[1..].iter().map(|limit| asked(&b, *limit)).collect::<Vec<_>>(),
        [Some(0), None, Some(100), None, None, None, None]
    );
    // The time of an image that never waits means nothing.
    b.time_us = u32::MAX;
    assert_eq!(asked(&b, Limit::Time), None);
    b.functions[0].code[0] = Op::TimeDelay.abc(1, 0, 0);
    assert_eq!(asked(&b, Limit::Time), Some(u32::MAX));
    let mut b = sample();
    b.time_us = 7;
    b.exports[0].entry = Entry::Direct { first: Op::TimeDelay.abc(1, 0, 0), second: 0 };
    b.exports[0].params = vec![xmap_image::Ty::U32];
    assert_eq!(asked(&b, Limit::Time), Some(7));
    // A start function has fuel of its own.
    let mut b = sample();
    b.start = Some(0);
    assert_eq!(asked(&b, Limit::Fuel), Some(DEFAULT_FUEL));
    for (of, expected) in [
        (memory(100, 1, 1), 100),
        (memory(65_536, 1, 1), 65_536),
        (memory(65_536, 1, 3), 3 << 16),
        // Less than its pages never grows, and nothing grows beyond what a slot has.
        (memory(100, 1, 3), 100),
        (memory(65_536, 1, 65_535), 16 << 20),
        (memory(17 << 20, 17 << 4, 65_535), 17 << 20),
    ] {
        assert_eq!(asked(&of, Limit::Memory), Some(expected));
    }
    let mut b = memory(64, 1, 1);
    b.manifest.policy = Manifest {
        keep: [Keep::Global(0), Keep::Memory { from: 8, bytes: 5 }].into_iter().collect(),
        ..Manifest::default()
    };
    assert_eq!(asked(&b, Limit::Kept), Some(13));
    for (periods, shortest, events) in [
        (&[1000][..], 1000, 1000),
        (&[999, 3000], 999, 1002 + 334),
        (&[1; 32], 1, 32_000_000),
        (&[0], 0, 1_000_000),
    ] {
        assert_eq!(asked(&timers(periods), Limit::Period), Some(shortest));
        assert_eq!(asked(&timers(periods), Limit::Events), Some(events));
    }
}

#[test]
fn each_limit_is_the_first_that_is_exceeded_and_none_more() {
    let mut b = memory(65_536, 1, 1);
    b.manifest = timers(&[500]).manifest;
    b.manifest.policy.keep = [Keep::Global(0)].into_iter().collect();
    b.time_us = 9;
    b.functions[0].code[0] = Op::TimeDelay.abc(1, 0, 0);
    let words = b.build().unwrap();
    let image = Image::verify(&words).unwrap();
    assert_eq!(Limits::default().check(&image), Ok(()));
    assert_eq!(Limits::none().check(&image), Ok(()));
    for limit in Limit::ALL {
        let Some(asked) = limit.asked(&image) else {
            assert_eq!(limit, Limit::Log, "the device counts those");
            continue;
        };
        let allowed = if limit.is_least() { asked + 1 } else { asked - 1 };
        assert_eq!(Limits::none().with(limit, asked).check(&image), Ok(()));
        let exceeded = Exceeded { limit, asked, allowed };
        assert_eq!(Limits::none().with(limit, allowed).check(&image), Err(exceeded));
        assert_eq!(Limits::default().with(limit, allowed).check(&image), Err(exceeded));
    }
}

#[test]
fn the_shortest_period_by_default_is_the_boards() {
    for board in xmap_boards::BOARDS {
        assert!(Limit::Period.default() <= board.shortest_period_us);
    }
    assert_eq!(Limit::from_name("events_per_s"), Some(Limit::Events));
    assert!(Limit::ALL.iter().all(|limit| Limit::from_name(limit.name()) == Some(*limit)));
    let strict = Limits::none().with(Limit::Fuel, 7).with(Limit::Period, 500);
    let other = Limits::default().with(Limit::Period, 900);
    assert_eq!(strict.stricter(other), Limits::default().with(Limit::Fuel, 7).with(Limit::Period, 900));
}

fn signed(policy: &TrustPolicy) -> Vec<u8> {
    sign_policy(policy, &root(), &mut [0; MAX_POLICY_BYTES]).expect("it has room").to_vec()
}

#[test]
fn a_policy_without_limits_is_read_as_ever_and_one_with_them_comes_back() {
    let plain = signed(&policy());
    for limit in Limit::ALL {
        let limited = TrustPolicy { limits: Limits::default().with(limit, 77), ..policy() };
        let bytes = signed(&limited);
        // Only behind what the first policies had.
        let block = 12..plain.len() - 64;
        assert_eq!(bytes[block.clone()], plain[block]);
        assert_eq!(open_policy(&bytes, &root().public(), 0), Ok(limited));
    }
    assert_eq!(open_policy(&plain, &root().public(), 0).unwrap().limits, Limits::default());
}

/// A limit that this version does not know is one that it would not hold an image against.
#[test]
fn limits_of_a_later_version_are_refused_and_those_of_an_earlier_one_have_defaults() {
    assert_eq!(Limits::from_values(&[5]), Some(Limits::default().with(Limit::Image, 5)));
    assert_eq!(Limits::from_values(&[]), Some(Limits::default()));
    assert_eq!(Limits::from_values(&[5; 9]), None);
    let (plain, sign) = (signed(&policy()), as_root());
    let signed_with = |values: &[u8]| {
        let mut bytes = plain[..plain.len() - 64].to_vec();
        bytes.extend(values);
        let len = (bytes.len() - 12) as u32;
        bytes[8..12].copy_from_slice(&len.to_le_bytes());
        let signature = sign(&bytes);
        open_policy(&[bytes, signature].concat(), &root().public(), 0)
    };
    assert_eq!(signed_with(&[1, 5]).unwrap().limits, Limits::default().with(Limit::Image, 5));
    for bad in [&[9, 1, 1, 1, 1, 1, 1, 1, 1, 1][..], &[1], &[1, 5, 0], &[0], &[17], &[0xff; 6]] {
        assert_eq!(signed_with(bad), Err(PolicyError::Content), "{bad:?}");
    }
}

/// Signs bytes as the root key does.
fn as_root() -> impl Fn(&[u8]) -> Vec<u8> {
    use ed25519_dalek::{Signer, SigningKey};
    let key = SigningKey::from_bytes(&[2; 32]);
    move |bytes| key.sign(bytes).to_bytes().to_vec()
}

#[test]
fn a_sealed_image_beyond_the_policys_limits_is_refused_with_both_numbers() {
    let words = both();
    let held = |limits| {
        let policy = TrustPolicy { limits, ..policy() };
        check_sealed(&words, &policy, common::ORIGIN, 0).map(drop)
    };
    assert_eq!(held(Limits::default()), Ok(()));
    let reject = held(Limits::default().with(Limit::Fuel, 99)).unwrap_err();
    assert_eq!(reject, Reject::Limit(Exceeded { limit: Limit::Fuel, asked: 100, allowed: 99 }));
    assert_eq!(reject.to_string(), "reject: limit fuel: 100, at most 99");
    let period = Reject::Limit(Exceeded { limit: Limit::Period, asked: 1, allowed: 100 });
    assert_eq!(period.to_string(), "reject: limit period_us: 1, at least 100");
    // Also where the key is trusted and the image says so itself.
    let mut b = sample();
    b.exports[1].entry = Entry::Code { function: 0, fuel: u32::MAX };
    let image: Vec<Word> = b.build().unwrap();
    let seal = seal(&Image::verify(&image).unwrap(), common::ORIGIN, &signer()).unwrap();
    let words = [&image[..], &seal.to_words()].concat();
    let verdict = check_sealed(&words, &policy(), common::ORIGIN, 0).map(drop);
    assert_eq!(verdict.unwrap_err().to_string(), "reject: limit fuel: 4294967295, at most 20000000");
}
