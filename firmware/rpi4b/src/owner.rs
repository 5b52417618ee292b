//! Whose device this is: decided when the program is built (`cargo xtask image --policy`), never later.

#[cfg(owned)]
mod release {
    use xmap_device::{Owned, Remembered};
    use xmap_trust::PublicKey;

    /// The policy that was compiled in, signed by the root key.
    static POLICY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy"));
    /// The owner's root key: this policy is signed with it, and so is each that follows.
    static ROOT: &[u8; 32] = include_bytes!(concat!(env!("OUT_DIR"), "/root"));

    /// The owner whose images this device takes.
    pub type Owner = Owned<Remembered>;

    /// The owner, with what the store has of an owner's memory. Where a policy does not open, which
    /// `cargo xtask image` excludes for the one that was compiled in, no image is taken until one comes that
    /// does.
    pub fn owner(memory: Remembered) -> Owner {
        let root = PublicKey(*ROOT);
        Owned::new(root, POLICY, memory.clone()).unwrap_or_else(|error| {
            defmt::error!("the policy does not open: reason {=u8}", error.parts().0);
            Owned::closed(root, memory)
        })
    }

    /// The key that seals firmwares for this device.
    pub const fn root() -> Option<PublicKey> {
        Some(PublicKey(*ROOT))
    }

    /// Returns what an owner's device remembers.
    pub fn memory(owner: &Owner) -> Option<&Remembered> {
        Some(owner.memory())
    }
}

#[cfg(not(owned))]
mod development {
    use xmap_device::{Development, Remembered};

    /// No owner: this device takes anybody's images.
    pub type Owner = Development;

    /// Nobody.
    pub fn owner(_: Remembered) -> Owner {
        Development
    }

    /// None: anybody seals firmwares for this device.
    pub const fn root() -> Option<xmap_trust::PublicKey> {
        None
    }

    /// Nothing.
    pub const fn memory(_: &Owner) -> Option<&Remembered> {
        None
    }
}

#[cfg(not(owned))]
pub use development::{Owner, memory, owner, root};
#[cfg(owned)]
pub use release::{Owner, memory, owner, root};
