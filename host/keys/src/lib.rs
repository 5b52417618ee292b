#![forbid(unsafe_code)]
//! Keys, seals and policies as files: the host's side of `xmap-trust` and of the role keys of `xmap-link`.
//!
//! [`make_key`] and [`read_key`] are for the keys that sign images, [`read_policy`] reads what a device
//! trusts, and [`roles`] has the keys of callers, with their [`labels`]. docs/security.md says what each is
//! for.

pub mod labels;
mod policy;
pub mod roles;
mod schema;
mod secret;

pub use policy::parse_policy;
pub use schema::policy_schema;
pub use secret::{from_hex, key_id, make_key, read_key, read_policy};

#[cfg(test)]
mod tests {
    use xmap_compiler::recognize;

    #[test]
    fn files_are_recognised_by_the_bytes_that_they_have() {
        assert_eq!(recognize::POLICY_MAGIC, xmap_trust::POLICY_MAGIC);
        assert_eq!(recognize::KEYS_MAGIC, xmap_link::KEYS_MAGIC);
    }
}
