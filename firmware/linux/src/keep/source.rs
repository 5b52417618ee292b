//! What the storage asks of the device that it keeps, so that it knows none.

use xmap_device::Stored;
use xmap_image::Persist;
use xmap_link::{KeepFault, KeepStatus, Thing};

/// A device whose images and state outlive a restart.
pub trait Source {
    /// Returns the active image of a module, and the seal behind it.
    fn stored(&self, module: u8) -> Option<Stored<'_>>;

    /// Returns the name of the active image of a module in its manifest.
    fn name(&self, module: u8) -> Option<String>;

    /// Hands out the state that the active image of a module keeps, in pieces. Returns its layout; `None`
    /// where it keeps none.
    fn kept(&self, module: u8, each: &mut dyn FnMut(&[u8])) -> Option<u32>;

    /// Returns whether a restart should find the state that the active image of a module keeps, and how often
    /// it is written for one.
    fn persist(&self, module: u8) -> Persist;

    /// Records that a thing is not on the storage, or is there again.
    fn note_kept(&mut self, module: u8, thing: Thing, fault: Option<KeepFault>);

    /// Returns what hosts are told of the storage.
    fn keep_status(&self) -> KeepStatus;

    /// Sets what hosts are told of the storage.
    fn set_keep_status(&mut self, status: KeepStatus);
}
