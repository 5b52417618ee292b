//! The image of each module that a restart should bring.

use xmap_link::limits::MAX_MODULES;

use crate::{ImageHash, Stored};

/// The images that a restart should bring.
#[derive(Debug, Default)]
pub struct Images([Good; MAX_MODULES]);

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
struct Good {
    hash: Option<ImageHash>,
    /// Whether the storage has it or is given it: it has no default panel.
    in_store: bool,
}

impl Images {
    /// Takes note of what a module was mounted with: a restart would mount it too.
    pub fn mounted(&mut self, module: u8, hash: Option<ImageHash>, in_store: bool) {
        if let Some(known) = self.0.get_mut(usize::from(module)) {
            *known = Good { hash, in_store };
        }
    }

    /// Returns whether the storage has to be given what a module has now, and takes note that it is.
    pub fn is_new(&mut self, module: u8, stored: Option<&Stored<'_>>) -> bool {
        let Some(known) = self.0.get_mut(usize::from(module)) else { return false };
        let Some(stored) = stored else {
            // A policy took the image away: what comes next is new, whatever it is.
            known.hash = None;
            return false;
        };
        // A host may send the very image that was mounted as the default panel.
        let is_other = known.hash != Some(stored.hash) || !known.in_store && stored.previous;
        let is_new = is_other && !stored.on_trial;
        if is_new {
            *known = Good { hash: Some(stored.hash), in_store: true };
        }
        is_new
    }
}
