//! The table of keys: what it takes, what it gives back, and that no bytes upset it.

use proptest::collection::vec;
use proptest::prelude::*;
use xmap_link::limits::{MAX_NAME, MAX_PATTERNS, MAX_ROLE_KEYS};
use xmap_link::*;

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn key(secret: u8, role: Role, exports: &[&str]) -> RoleKey {
    RoleKey {
        secret: Secret::new([secret; 32]),
        role,
        exports: exports.iter().map(|text| pattern(text)).collect(),
    }
}

fn table() -> RoleKeys {
    let mut keys = RoleKeys::new();
    keys.add(key(1, Role::Observe, &[])).unwrap();
    keys.add(key(2, Role::Call, &["panel.*", "hall.lamp_on"])).unwrap();
    keys.add(key(3, Role::Own, &["*"])).unwrap();
    keys
}

fn written(keys: &RoleKeys) -> Vec<u8> {
    keys.write(&mut [0; MAX_KEYS_BYTES]).unwrap().to_vec()
}

#[test]
fn a_table_comes_back() {
    for keys in [RoleKeys::new(), table()] {
        assert_eq!(RoleKeys::parse(&written(&keys)), Ok(keys));
    }
    let mut keys = table();
    let ids: Vec<_> = keys.iter().map(|(id, _)| id).collect();
    assert_eq!(ids[1], Secret::new([2; 32]).id());
    assert!(keys.remove(ids[1]));
    assert!(!keys.remove(ids[1]));
    assert_eq!(keys.iter().map(|(id, _)| id).collect::<Vec<_>>(), [ids[0], ids[2]]);
}

#[test]
fn the_largest_table_fits() {
    let mut keys = RoleKeys::new();
    let longest = "x".repeat(MAX_NAME);
    for n in 0..MAX_ROLE_KEYS {
        keys.add(key(n as u8, Role::Own, &[longest.as_str(); MAX_PATTERNS])).unwrap();
    }
    assert_eq!(keys.add(key(99, Role::Own, &[])), Err(KeysError::TooMany));
    assert_eq!(RoleKeys::parse(&written(&keys)), Ok(keys));
}

#[test]
fn a_key_stands_there_once() {
    let mut keys = table();
    let again = keys.add(key(2, Role::Own, &["*"]));
    assert_eq!(again, Err(KeysError::Twice(Secret::new([2; 32]).id())));
    assert_eq!(keys, table());
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let bytes = written(&table());
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(RoleKeys::parse(&changed).is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(RoleKeys::parse(&bytes[..len]).is_err(), "{len} bytes");
    }
    assert!(RoleKeys::parse(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn a_list_names_what_may_be_called() {
    let caller = key(1, Role::Call, &["panel.*", "hall.lamp_on"]);
    for allowed in ["panel.", "panel.lamp", "panel.a.b", "hall.lamp_on"] {
        assert!(caller.allows(allowed), "{allowed}");
    }
    for other in ["", "panel", "Panel.lamp", "xpanel.lamp", "hall.lamp_on2", "hall.lamp_o", "hall"] {
        assert!(!caller.allows(other), "{other}");
    }
    assert!(!key(1, Role::Call, &[]).allows("panel.lamp"), "an empty list is none");
    assert!(!key(1, Role::Own, &[]).allows("panel.lamp"), "not even for the owner");
    assert!(!key(1, Role::Observe, &["*"]).allows("panel.lamp"), "who observes calls nothing");
    assert!(key(1, Role::Operate, &["*"]).allows(""));
}

#[test]
fn what_is_no_pattern() {
    for text in ["", "a\nb", "\0", "x\u{7f}"] {
        assert_eq!(Pattern::new(text), None, "{text:?}");
    }
    assert_eq!(Pattern::new(&"x".repeat(MAX_NAME + 1)), None);
}

/// The plainest second opinion: all ways to split.
fn matches(pattern: &[u8], key: &[u8]) -> bool {
    match pattern {
        [] => key.is_empty(),
        [b'*', rest @ ..] => (0..=key.len()).any(|at| matches(rest, &key[at..])),
        [first, rest @ ..] => key.first() == Some(first) && matches(rest, &key[1..]),
    }
}

proptest! {
    #[test]
    fn patterns_match_as_stars_do(text in "[ab*]{1,8}", key in "[ab*]{0,8}") {
        prop_assert_eq!(pattern(&text).matches(&key), matches(text.as_bytes(), key.as_bytes()));
    }

    #[test]
    fn a_pattern_takes_no_long_time(stars in "(a?\\*){32}", key in "[a]{0,4096}") {
        pattern(&stars).matches(&format!("{key}b"));
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(
        mut bytes in vec(any::<u8>(), 0..200), sound: bool, body in vec(any::<u8>(), 0..120)
    ) {
        _ = RoleKeys::parse(&bytes);
        if sound {
            // With a head and a checksum that hold, so that the rest is read.
            bytes = [b"XKEY\x01\0\0\0", &(body.len() as u32).to_le_bytes()[..], &body].concat();
            bytes.extend(crc(&bytes).to_le_bytes());
            if let Ok(keys) = RoleKeys::parse(&bytes) {
                prop_assert_eq!(written(&keys), bytes);
            }
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
