//! What a device mounts at boot: the images of its store, each with the state that its module kept.

use heapless::Vec;
use xmap_image::Persist;
use xmap_link::limits::MAX_MODULES;
use xmap_store::{Disk, Header, Record, Store};

use super::{Keeper, Known, halves, newest_with, state_digest};
use crate::{Board, Device, Failure, ImageHash, Kept, Ram, Trust};

/// What a target does while images are mounted.
pub trait Mounting<D> {
    /// Returns how many starts with an image have not gone well if those are enough to set it aside.
    fn set_aside(&mut self, hash: &ImageHash) -> Option<u8>;

    /// An image is about to be mounted, its seal behind it.
    fn begin(&mut self, hash: &ImageHash, image: &[u8], device: &D);

    /// Takes note of what became of it.
    fn ended(&mut self, module: u8, hash: &ImageHash, tried: Tried<'_>, device: &mut D);
}

/// What became of an image of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried<'f> {
    /// It runs; `true` where it is not the newest of its module.
    Mounted(bool),
    /// It was not tried: so many starts with it did not end well.
    SetAside(u8),
    /// It was not mounted with the state that it kept, and is tried without.
    Without,
    /// It was not mounted.
    Failed(&'f Failure),
    /// The card does not have it any more.
    Damaged,
}

impl<D: Disk> Keeper<'_, D> {
    /// Mounts what the store has: of each module the newest image, with its state, then, where that one
    /// cannot be mounted, the one before it. All newest images come first, since they ran side by side: an
    /// older one takes no line from them.
    pub fn mount<R: Ram, B: Board, T: Trust>(
        &mut self,
        device: &mut Device<R, B, T>,
        target: &mut impl Mounting<Device<R, B, T>>,
    ) {
        let records: [Vec<Record, 4>; MAX_MODULES] = core::array::from_fn(|module| {
            self.store.records(xmap_store::Place::image(module as u8)).take(4).collect()
        });
        for age in 0..4 {
            for (module, records) in (0..).zip(&records) {
                if let Some(record) = records.get(age).filter(|_| device.image(module).is_none()) {
                    self.mount_one((module, record), age > 0, device, target);
                }
            }
        }
    }

    fn mount_one<R: Ram, B: Board, T: Trust>(
        &mut self,
        (module, record): (u8, &Record),
        older: bool,
        device: &mut Device<R, B, T>,
        target: &mut impl Mounting<Device<R, B, T>>,
    ) {
        let (image_half, state_half) = halves(self.scratch);
        let Ok(header) = self.store.read(record, image_half) else {
            return target.ended(module, &[0; 32], Tried::Damaged, device);
        };
        let Some((hash, origin)) = header.meta().split_first_chunk::<32>() else {
            return target.ended(module, &[0; 32], Tried::Damaged, device);
        };
        let image = image_half.get(..header.length as usize).unwrap_or_default();
        let kept = kept_state(&mut self.store, module, state_half);
        install_counted((module, image), (hash, text(origin)), kept, older, (device, target));
    }

    /// Mounts an image that is not the store's, with the state that the store has of its module.
    pub fn install<R: Ram, B: Board, T: Trust>(
        &mut self,
        image: (u8, &[u8]),
        whose: (&ImageHash, &str),
        device: &mut Device<R, B, T>,
        target: &mut impl Mounting<Device<R, B, T>>,
    ) {
        let kept = kept_state(&mut self.store, image.0, halves(self.scratch).1);
        install_counted(image, whose, kept, false, (device, target));
    }

    /// All that is to run is mounted, from the store or from elsewhere: a restart would mount it too.
    pub fn mounted<R: Ram, B: Board, T: Trust>(&mut self, device: &Device<R, B, T>, now_us: u64) {
        for (module, state) in (0..).zip(&mut self.states) {
            let hash = device.stored(module).map(|stored| stored.hash);
            let newest =
                self.store.records(xmap_store::Place::image(module)).next().filter(|_| hash.is_some());
            let newest = newest.and_then(|record| self.store.describe(&record).ok());
            let in_store = newest.zip(hash).is_some_and(|(header, hash)| header.meta().starts_with(&hash));
            self.images.mounted(module, hash, in_store);
            let persist = device.persist(module);
            *state = match persist {
                Persist::Never if has_state(&mut self.store, module) => Known::Unknown,
                Persist::Never => Known::Nothing,
                _ => state_digest(device, module).map_or(Known::Unknown, Known::State),
            };
            self.intervals.begin(module, persist, now_us);
        }
    }
}

/// Mounts an image with the state that its module kept, or without, where its `on_mount` does not take that;
/// one whose starts did not go well is set aside.
pub fn install_counted<R: Ram, B: Board, T: Trust>(
    (module, image): (u8, &[u8]),
    (hash, origin): (&ImageHash, &str),
    kept: Option<Kept<'_>>,
    older: bool,
    (device, target): (&mut Device<R, B, T>, &mut impl Mounting<Device<R, B, T>>),
) {
    if let Some(starts) = target.set_aside(hash) {
        // Its outputs become safe, and nothing of it runs.
        _ = device.set_aside(module, image, origin, starts);
        return target.ended(module, hash, Tried::SetAside(starts), device);
    }
    target.begin(hash, image, device);
    let mut outcome = device.install_kept(module, image, origin, kept);
    if kept.is_some() && matches!(outcome, Err(Failure::Mount(_))) {
        target.ended(module, hash, Tried::Without, device);
        outcome = device.install_from(module, image, origin);
    }
    match &outcome {
        Ok(()) => target.ended(module, hash, Tried::Mounted(older), device),
        Err(failure) => target.ended(module, hash, Tried::Failed(failure), device),
    }
}

/// Returns what the newest image of a module kept; `None` where it keeps nothing over a restart.
fn kept_state<'b, D: Disk>(store: &mut Store<D>, module: u8, into: &'b mut [u8]) -> Option<Kept<'b>> {
    let (header, bytes) = newest_with(store, xmap_store::Place::state(module), into)?;
    Some(Kept { layout: layout_of(&header)?, bytes })
}

/// Returns whether a store has a state of a module that a start could take.
fn has_state<D: Disk>(store: &mut Store<D>, module: u8) -> bool {
    let newest = store.records(xmap_store::Place::state(module)).next();
    newest.is_some_and(|record| store.describe(&record).is_ok_and(|header| layout_of(&header).is_some()))
}

/// Returns the layout of a state; `None` where the record is empty.
fn layout_of(header: &Header) -> Option<u32> {
    Some(u32::from_le_bytes(header.meta().try_into().ok()?)).filter(|layout| *layout != 0)
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}
