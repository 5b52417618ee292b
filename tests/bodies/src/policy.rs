//! Signed policies under the eyes of an owner who knows what he signed.

use ed25519_dalek::{Signer, SigningKey};
use xmap_boards::LineSet;
use xmap_trust::{
    HashPin, KeyId, Limit, MAX_POLICY_BYTES, MinimumVersion, POLICY_FORMAT, POLICY_MAGIC, PolicyError,
    SecretKey, TrustPolicy, TrustedKey, open_policy, sign_policy,
};

use super::changes::change;
use super::entropy::Entropy;

const ROOT: [u8; 32] = [2; 32];

/// How often what is rare came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// A policy was taken.
    pub taken: u32,
    /// What the root key had signed did not decode.
    pub undecoded: u32,
    /// The signature did not hold.
    pub forged: u32,
}

/// Bytes as a signed policy: as they are, as what the root key signed, and as changes to a genuine one. What
/// was not signed is never taken; what is taken is, written again, the same policy.
pub fn policy_signed(data: &[u8]) -> Opened {
    let Some((how, rest)) = data.split_first() else { return Opened::default() };
    match how % 3 {
        0 => open(rest, None),
        1 => open(&signed(rest), Some(rest)),
        _ => {
            let genuine = write(&sample());
            let mut bytes = genuine.clone();
            change(&mut bytes, &mut Entropy::of(rest));
            let opened = open(&bytes, None);
            assert_eq!(
                opened.taken == 1,
                bytes == genuine,
                "a changed policy is taken, or a genuine one is not"
            );
            opened
        }
    }
}

/// Opens bytes; `block` is what the root key signed, where it did.
fn open(bytes: &[u8], block: Option<&[u8]>) -> Opened {
    let root = SecretKey::from_seed(&ROOT).public();
    let mut opened = Opened::default();
    match open_policy(bytes, &root, 3) {
        Ok(policy) => {
            opened.taken = 1;
            assert!(policy.version >= 3);
            let again = write(&policy);
            assert_eq!(open_policy(&again, &root, policy.version), Ok(policy));
            // As many bytes as there may be names: all that decodes has room when it is written.
            assert!(again.len() <= MAX_POLICY_BYTES);
            for n in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut other = bytes.to_vec();
                other[n] ^= 1;
                assert!(open_policy(&other, &root, 0).is_err());
            }
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            opened.undecoded = u32::from(error == PolicyError::Content);
            opened.forged = u32::from(error == PolicyError::BadSignature);
            if let Some(block) = block {
                let too_long = 12 + block.len() + 64 > MAX_POLICY_BYTES;
                assert_eq!(error == PolicyError::Form, too_long, "{error}");
                assert_ne!(error, PolicyError::BadSignature);
            } else {
                // Before a signature holds nothing is decoded, so the content cannot be the reason: unless
                // the input is genuine, as the corpus' are.
                assert!(opened.undecoded == 0 || bytes.starts_with(&POLICY_MAGIC));
            }
        }
    }
    opened
}

/// A head in front of a block and the root key's signature behind it.
fn signed(block: &[u8]) -> Vec<u8> {
    let mut bytes = POLICY_MAGIC.to_vec();
    bytes.extend(POLICY_FORMAT.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend((block.len() as u32).to_le_bytes());
    bytes.extend(block);
    let signature = SigningKey::from_bytes(&ROOT).sign(&bytes);
    bytes.extend(signature.to_bytes());
    bytes
}

fn write(policy: &TrustPolicy) -> Vec<u8> {
    let mut buffer = [0; MAX_POLICY_BYTES];
    sign_policy(policy, &SecretKey::from_seed(&ROOT), &mut buffer).expect("it has room").to_vec()
}

/// A policy with something in each of its lists.
pub fn sample() -> TrustPolicy {
    let name = || "hall".try_into().expect("it fits");
    let mut policy = TrustPolicy { version: 3, ..TrustPolicy::default() };
    let key = TrustedKey {
        key: SecretKey::from_seed(&[1; 32]).public(),
        origins: ["https://panels.example", "usb"]
            .iter()
            .map(|o| (*o).try_into().expect("it fits"))
            .collect(),
        modules: [name()].into_iter().collect(),
        boards: [1].into_iter().collect(),
        lines: LineSet::from_bits(1 << 17 | 1 << 27),
        ops: 3,
    };
    policy.keys.extend([key]);
    policy.pins.extend([HashPin {
        module: name(),
        hash: [7; 32],
        origin: "usb".try_into().expect("it fits"),
    }]);
    policy.revoked_images.extend([[8; 32]]);
    policy.revoked_keys.extend([KeyId([9; 8])]);
    policy.minimum_versions.extend([MinimumVersion { module: name(), version: 7 }]);
    policy.limits = policy.limits.with(Limit::Fuel, 20_000).with(Limit::Period, 10_000);
    policy
}
