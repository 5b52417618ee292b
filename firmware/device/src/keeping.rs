//! What a device that has a disk keeps there: its images, and the state that they keep.

use xmap_image::Persist;
use xmap_link::{DeviceEventKind, KeepFault, KeepStatus, Thing};
use xmap_trust::SEAL_WORDS;

use crate::lines::{check_lines, prepare_lines};
use crate::modules::ModuleId;
use crate::transfer::cut;
use crate::{Board, Device, Failure, Operation, Ram, Trust};

/// The active image of a module, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its content hash.
    pub hash: [u8; 32],
    /// Its words.
    pub image: &'a [u32],
    /// The seal behind it; empty on a development device.
    pub seal: &'a [u32],
    /// Where it came from; empty on a development device.
    pub origin: &'a str,
    /// It has not counted as good, or failed its trial: a restart should bring the image before it.
    pub on_trial: bool,
    /// The image before it may come back because a host asks: a host had this one run.
    pub previous: bool,
}

/// The retained state of an image, outside the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// The layout (docs/manifest.md).
    pub layout: u32,
    /// Globals as 64 bits each, stretches of memory as they are, in the order of the manifest.
    pub bytes: &'a [u8],
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// The active image of a module, as [`Device::install_from`] takes it: image, then seal.
    pub fn stored(&self, number: u8) -> Option<Stored<'_>> {
        let module = &self.modules[ModuleId::new(number)?];
        let (image, behind, origin) = module.active().admitted()?;
        let seal = if self.is_development() { &[] } else { behind.get(..SEAL_WORDS)? };
        let on_trial = module.trial_us.is_some() || module.failed;
        let (hash, previous) = (image.hash(), module.previous);
        Some(Stored { hash, image: image.words(), seal, origin, on_trial, previous })
    }

    /// Hands out the state that the active image of a module keeps, in pieces; its layout, or `None` where it
    /// keeps none.
    pub fn kept(&self, number: u8, each: &mut dyn FnMut(&[u8])) -> Option<u32> {
        self.modules[ModuleId::new(number)?].active().kept(each)
    }

    /// Returns what the active image of a module says of the state that it keeps: whether a restart should
    /// find it, and how often it is written for one.
    pub fn persist(&self, number: u8) -> Persist {
        ModuleId::new(number).map_or_else(Persist::default, |id| self.modules[id].policy().persist)
    }

    /// Returns what outlives a restart, for a host that asks.
    pub fn keep_status(&self) -> KeepStatus {
        self.kept
    }

    /// Sets what outlives a restart; a device that has a storage says so here.
    pub fn set_keep_status(&mut self, status: KeepStatus) {
        self.kept = status;
    }

    /// Records that a thing is not on the storage, or is there again.
    pub fn note_kept(&mut self, module: u8, thing: Thing, fault: Option<KeepFault>) {
        let kept = DeviceEventKind::KeptAgain { thing };
        let what = fault.map_or(kept, |fault| DeviceEventKind::NotKept { thing, fault });
        self.tell(ModuleId::new(module).unwrap_or(ModuleId::FIRST), what);
    }

    /// Records that the newest image of a module was not mounted, because `starts` starts with it did not end
    /// well.
    pub fn note_set_aside(&mut self, module: u8, starts: u8) {
        let Some(id) = ModuleId::new(module) else { return };
        self.kept.set_aside |= 1 << module;
        self.tell(id, DeviceEventKind::SetAside { starts });
    }

    /// Sets an image aside that has kept its device from starting well: it is admitted as any other and its
    /// outputs become safe, and nothing of it runs.
    ///
    /// # Errors
    /// What became of the image. Nothing was touched then.
    pub fn set_aside(&mut self, module: u8, image: &[u8], origin: &str, starts: u8) -> Result<(), Failure> {
        let id = ModuleId::new(module).ok_or(Failure::NoModule)?;
        self.note_set_aside(module, starts);
        self.place_in(id, image)?;
        let admitted = self.admit(id, image.len(), None, &cut(origin));
        let placed = self.modules[id].inactive().image();
        let hash =
            placed.filter(|image| admitted.is_ok() && check_lines(image).is_ok()).map(|image| image.hash());
        if let Some(hash) = hash {
            // After a reset its outputs are inputs: they get the state that they have before anything runs.
            self.begins(&Operation::SetAside { module, hash });
            if let Some(image) = self.modules[id].inactive().image() {
                prepare_lines(&image, &mut self.board);
            }
            self.ended(true);
        }
        self.modules[id].inactive_mut().clear();
        admitted
    }

    /// Forgets what was noted of a module at the start: a host has brought another image.
    pub fn clear_notes(&mut self, module: u8) {
        self.kept.set_aside &= !(1 << module);
        self.kept.newer_default &= !(1 << module);
    }

    /// Notes that a module runs the image of its slot although the default panel is newer.
    pub fn note_newer_default(&mut self, module: u8) {
        self.kept.newer_default |= 1 << module;
    }

    /// [`Device::install_from`] with what an image before a restart kept: it is there before `on_mount` runs,
    /// if the layouts are the same and the image takes state over a restart; else the image begins with its
    /// own values. A module that has an image keeps that one's state.
    ///
    /// # Errors
    /// What became of the image.
    pub fn install_kept(
        &mut self,
        module: u8,
        image: &[u8],
        origin: &str,
        kept: Option<Kept<'_>>,
    ) -> Result<(), Failure> {
        let Some(kept) = kept else { return self.install_from(module, image, origin) };
        let id = ModuleId::new(module).ok_or(Failure::NoModule)?;
        self.place_in(id, image)?;
        self.take_in(id, image.len(), None, &cut(origin), Some(kept))
    }
}
