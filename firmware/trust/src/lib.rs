#![no_std]
#![forbid(unsafe_code)]
//! Whose images a device runs.
//!
//! A *seal* stands behind the words of an image: what the image is (hash, module, version, board, origin),
//! whose key says so, and that key's Ed25519 signature. A *policy* is what the owner of a device allows:
//! which keys, from where, for which modules, on which lines and with which operations. [`check`] holds the
//! three against each other and gives either the verified image or the one reason why not. Nothing of an
//! image is interpreted before its signature and its hash hold.
//!
//! No heap, and no panic for any bytes. The feature `build` adds the other direction, for hosts. The layouts
//! are in `docs/format.md`, what all this protects against and what not in `docs/security.md`.

#[cfg(feature = "build")]
mod build;
mod check;
mod firmware;
mod key;
mod limits;
mod ops;
mod pieces;
mod policy;
mod reject;
mod seal;

#[cfg(feature = "build")]
pub use build::{SecretKey, seal, seal_firmware, sign_policy};
pub use check::{Accepted, Allowed, authenticate, check, check_sealed};
pub use firmware::{
    FIRMWARE_FORMAT, FIRMWARE_MAGIC, FIRMWARE_SEAL_BYTES, FirmwareReject, FirmwareSeal, firmware_board,
    firmware_mark, sealed_firmware,
};
pub use key::{KeyId, PublicKey};
pub use limits::{Exceeded, Limit, LimitValues, Limits};
pub use ops::class_of;
pub use pieces::{Piece, Pieces, pieces};
pub use policy::{
    HashPin, MAX_KEY_MODULES, MAX_KEYS, MAX_ORIGINS, MAX_POLICY_BYTES, MAX_RULES, MinimumVersion,
    POLICY_FORMAT, POLICY_MAGIC, PolicyError, TrustPolicy, TrustedKey, open_policy, peek_policy,
};
pub use reject::Reject;
pub use seal::{
    MAX_MODULE_BYTES, MAX_ORIGIN_BYTES, ModuleName, Origin, SEAL_FORMAT, SEAL_MAGIC, SEAL_WORDS,
    SIGNED_BYTES, Seal, SealError, is_well_formed, sealed,
};
pub use xmap_abi::OpClass;
