#![forbid(unsafe_code)]
//! Keys, seals and policies as files: the host's side of `xmap-trust` and of the role keys of `xmap-link`.
//!
//! [`make_key`] and [`read_key`] are for the keys that sign images, [`read_policy`] reads what a device trusts, and
//! [`roles`] has the keys of callers. docs/security.md says what each is for.

mod policy;
pub mod roles;
mod secret;

pub use policy::parse_policy;
pub use secret::{key_id, make_key, read_key, read_policy};
