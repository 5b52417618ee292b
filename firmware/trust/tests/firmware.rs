//! Seals of firmwares: what is said comes back, and no bit of it can be changed.

use proptest::prelude::*;
use xmap_trust::{
    FIRMWARE_SEAL_BYTES, FirmwareReject, FirmwareSeal, SecretKey, firmware_board, firmware_mark,
    seal_firmware, sealed_firmware,
};

const BOARD: u16 = 1;

fn root() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

#[test]
fn the_owners_seal_is_taken_and_each_reason_has_its_number() {
    let root = root();
    let seal = seal_firmware(b"a kernel", BOARD, 7, &root).unwrap();
    let owner = root.public();
    let check = |seal: &FirmwareSeal| seal.check(Some(&owner), BOARD, 7, 100);
    assert_eq!(check(&seal), Ok(()));
    let other = seal_firmware(b"a kernel", BOARD, 7, &SecretKey::from_seed(&[8; 32])).unwrap();
    assert_eq!(check(&other), Err(FirmwareReject::UnknownKey));
    assert_eq!(other.check(None, BOARD, 7, 100), Ok(()), "a development device asks for no owner");
    assert_eq!(check(&FirmwareSeal { key: seal.key, ..other }), Err(FirmwareReject::BadSignature));
    assert_eq!(seal.check(Some(&owner), 2, 7, 100), Err(FirmwareReject::Board { found: BOARD, own: 2 }));
    assert_eq!(seal.check(Some(&owner), BOARD, 8, 100), Err(FirmwareReject::Rollback { found: 7, have: 8 }));
    assert_eq!(seal.check(Some(&owner), BOARD, 7, 7), Err(FirmwareReject::Length { found: 8, most: 7 }));
    let empty = seal_firmware(b"", BOARD, 7, &root).unwrap();
    assert_eq!(check(&empty), Err(FirmwareReject::Length { found: 0, most: 100 }));

    let mut codes = Vec::new();
    for reject in [
        FirmwareReject::Seal,
        FirmwareReject::Format(9),
        FirmwareReject::UnknownKey,
        FirmwareReject::BadSignature,
        FirmwareReject::Board { found: 3, own: 1 },
        FirmwareReject::Rollback { found: 1, have: 2 },
        FirmwareReject::Length { found: 9, most: 8 },
        FirmwareReject::HashMismatch,
        FirmwareReject::Card,
        FirmwareReject::OnTrial,
    ] {
        let (code, details) = reject.parts();
        assert_eq!(FirmwareReject::from_parts(code, details), Some(reject));
        codes.push(code);
    }
    assert_eq!(codes, (1..=10).collect::<Vec<u8>>());
    assert_eq!(FirmwareReject::from_parts(11, [0; 2]), None);
}

#[test]
fn a_firmware_says_its_board() {
    assert_eq!(firmware_board(&[&[7; 99][..], &firmware_mark(0x201), b"more"].concat()), Some(0x201));
    assert_eq!(firmware_board(&firmware_mark(1)[..15]), None);
    assert_eq!(firmware_board(b""), None);
}

#[test]
fn a_file_splits_where_its_seal_begins() {
    let seal = seal_firmware(b"a kernel", BOARD, 7, &root()).unwrap();
    let mut file = b"a kernel".to_vec();
    assert_eq!(sealed_firmware(&file), None);
    file.extend(seal.to_bytes());
    let (firmware, bytes) = sealed_firmware(&file).unwrap();
    assert_eq!((firmware, FirmwareSeal::parse(bytes)), (&b"a kernel"[..], Ok(seal)));
}

proptest! {
    #[test]
    fn any_bit_of_a_seal_matters(bit in 0..FIRMWARE_SEAL_BYTES * 8) {
        let root = root();
        let seal = seal_firmware(b"a kernel", BOARD, 7, &root).unwrap();
        let mut bytes = seal.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let taken = FirmwareSeal::parse(&bytes)
            .and_then(|seal| seal.check(Some(&root.public()), BOARD, 7, 100));
        prop_assert!(taken.is_err());
    }

    #[test]
    fn any_bytes_are_a_seal_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(seal) = FirmwareSeal::parse(&bytes) {
            // Two bytes that nobody reads stand nowhere: what is read is written again.
            prop_assert_eq!(&seal.to_bytes()[..], &bytes[..]);
        }
        _ = sealed_firmware(&bytes);
    }
}
