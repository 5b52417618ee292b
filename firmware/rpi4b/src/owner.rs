//! Whose device this is: decided when the program is built (`cargo xtask image --policy`), never later.

#[cfg(owned)]
mod release {
    use xmap_device::{Owned, Volatile};
    use xmap_trust::PublicKey;

    /// The policy that was compiled in, signed by the root key.
    static POLICY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy"));
    /// The owner's root key: this policy is signed with it, and so is each that follows.
    static ROOT: &[u8; 32] = include_bytes!(concat!(env!("OUT_DIR"), "/root"));

    /// The owner whose images this device takes.
    pub type Owner = Owned<Volatile>;

    /// The owner. Where the policy does not open, which `cargo xtask image` excludes, no image is taken until
    /// one comes that does.
    pub fn owner() -> Owner {
        let root = PublicKey(*ROOT);
        Owned::new(root, POLICY, Volatile::default()).unwrap_or_else(|error| {
            defmt::error!("the policy that was compiled in does not open: reason {=u8}", error.parts().0);
            Owned::closed(root, Volatile::default())
        })
    }
}

#[cfg(not(owned))]
mod development {
    use xmap_device::Development;

    /// No owner: this device takes anybody's images.
    pub type Owner = Development;

    /// Nobody.
    pub const fn owner() -> Owner {
        Development
    }
}

#[cfg(not(owned))]
pub use development::{Owner, owner};
#[cfg(owned)]
pub use release::{Owner, owner};
