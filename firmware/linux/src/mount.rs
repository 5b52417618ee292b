//! What the device mounts first: images of slots, then those of the default panel.
//!
//! An image that has kept the device from starting well is passed over ([`Starts`]): the one before it comes,
//! then the default panel, then nothing. Its outputs are safe then, and the link is up.

use std::path::{Path, PathBuf};

use xmap_bcm2711::safe_stores;
use xmap_device::{Failure, Kept, check_lines, make_safe_by_lines, prepare_lines};
use xmap_image::{HASH_WORD, HASH_WORDS, Image, VerifyError};
use xmap_link::ImageState;
use xmap_link::limits::MAX_MODULES;
use xmap_trust::pieces;

use crate::device::{LinuxDevice, board};
use crate::error::{Code, Error};
use crate::files;
use crate::guard::Watchdog;
use crate::keep::{self, Starts};
use crate::log;

/// Where the default panel comes from, for the owner's policy.
const FILE: &str = "file";
/// Bytes of the default panel's file: a full bundle has a tenth.
const MOST_BYTES: u64 = 16 << 20;

/// The default panel's file, read and verified.
#[derive(Debug)]
pub struct DefaultPanel {
    path: PathBuf,
    words: Vec<u32>,
}

/// Why a default panel cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// The error.
    pub error: Error,
    /// What the device's status says of it; `None` where there was nothing to read.
    pub state: Option<ImageState>,
}

impl DefaultPanel {
    /// Reads an image, or a bundle of several.
    ///
    /// # Errors
    /// [`Code::Panel`].
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let unusable = |why: String, state| {
            let message = format!("{}: {why}", path.display());
            let help =
                "`xmap build` makes an image of a manifest or a module, `xmap link` a bundle of images";
            Unusable { error: Error::new(Code::Panel, message).help(help), state }
        };
        let (bytes, _) = files::read(path, MOST_BYTES)
            .map_err(|error| unusable(format!("cannot be read: {error}"), None))?;
        let wrong = |error: VerifyError| {
            unusable(format!("not an image: {error}"), Some(Failure::Image(error).state()))
        };
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(wrong(VerifyError::Alignment));
        }
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        for piece in pieces(&words) {
            piece.and_then(|piece| Image::admit(piece.image).map(drop)).map_err(wrong)?;
        }
        Ok(Self { path: path.to_owned(), words })
    }
}

/// Mounts images, one after the other.
pub struct Mounting<'m> {
    /// The device.
    pub device: &'m mut LinuxDevice,
    /// What was on the disk.
    pub kept: &'m keep::Kept,
    /// The counter of starts; without a disk there is none.
    pub starts: Option<&'m Starts>,
    /// It has to know what makes the outputs of an image safe before that runs.
    pub guard: &'m Watchdog,
}

impl Mounting<'_> {
    /// Mounts what was kept: of each module the image that counted as good last, with its state; where that
    /// one cannot be mounted, the one before it. All newest images come first, since they ran side by side:
    /// an older one takes no line from them.
    pub fn mount_kept(&mut self) {
        let kept = self.kept;
        for (age, from) in ["its slot", "the slot before"].into_iter().enumerate() {
            for (number, images) in (0..).zip(&kept.images) {
                if let Some(image) = &images[age]
                    && self.device.image(number).is_none()
                {
                    let outcome = self.mount(number, &image.bytes, &image.origin);
                    self.tell(number, from, outcome);
                }
            }
        }
    }

    /// Puts the images of the default panel into modules that have none, in their order. What becomes of each
    /// is in the device's status; the service runs on without it, so that a host can send another one.
    pub fn mount_default(&mut self, panel: &DefaultPanel) {
        let path = panel.path.display().to_string();
        for (number, piece) in (0..).zip(pieces(&panel.words)) {
            let Ok(piece) = piece else { break };
            if usize::from(number) < MAX_MODULES && self.device.image(number).is_some() {
                self.compare(number, piece.image, &path);
                continue;
            }
            let words = if self.device.is_development() { piece.image } else { piece.whole };
            let outcome = self.mount(number, bytemuck::cast_slice(words), FILE);
            self.tell(number, &path, outcome);
        }
    }

    /// All that is to run is mounted. Outputs of images that were set aside, with none in their place, become
    /// safe.
    pub fn finish(self) {
        let set_aside = self.device.keep_status().set_aside;
        for (number, images) in (0..).zip(&self.kept.images) {
            if set_aside >> number & 1 != 0
                && self.device.image(number).is_none()
                && let Some(record) = images.iter().flatten().next()
            {
                // After a reset of the chip its outputs are inputs.
                with_image(&record.bytes, |image| prepare_lines(image, board(self.device)));
                log::error(format_args!(
                    "module {number}: nothing is mounted, its outputs are safe: a swap brings another image"
                ));
            }
        }
        if let Some(starts) = self.starts {
            starts.mounted();
        }
    }

    /// Mounts an image with the state that its module kept, or without, where its `on_mount` does not take
    /// that.
    fn mount(&mut self, number: u8, bytes: &[u8], origin: &str) -> Outcome {
        let hash = hash_of(bytes);
        if let (Some(starts), Some(hash)) = (self.starts, &hash) {
            if let Some(unclean) = starts.set_aside(hash) {
                self.device.note_set_aside(number, unclean);
                return Outcome::SetAside;
            }
            starts.begin(hash);
        }
        self.make_known(bytes);
        let state = self.kept.states.get(usize::from(number)).and_then(Option::as_ref);
        let state = state.map(|state| Kept { layout: state.layout, bytes: &state.bytes });
        let mut outcome = self.device.install_kept(number, bytes, origin, state);
        if state.is_some() && matches!(outcome, Err(Failure::Mount(_))) {
            log::warn(format_args!(
                "module {number}: not mounted with the state that it kept; tried without"
            ));
            outcome = self.device.install_from(number, bytes, origin);
        }
        if let (Some(starts), Some(hash), Err(_)) = (self.starts, &hash, &outcome) {
            starts.gave_up(hash);
        }
        Outcome::Tried(outcome)
    }

    /// Gives the guard the safe states of what is mounted, and of an image that is about to be.
    fn make_known(&mut self, bytes: &[u8]) {
        let device = &*self.device;
        self.guard.set_safe(safe_stores(|port| {
            (0..MAX_MODULES as u8).filter_map(|number| device.image(number)).for_each(|image| {
                make_safe_by_lines(&image, port);
            });
            with_image(bytes, |image| make_safe_by_lines(image, port));
        }));
    }

    /// Says where the default panel is newer than what a slot has: the slot wins.
    fn compare(&mut self, number: u8, words: &[u32], path: &str) {
        let Ok(default) = Image::admit(words) else { return };
        let Some(running) = self.device.image(number) else { return };
        let name =
            |image: &Image<'_>| image.manifest().map_or_else(|_| String::new(), |m| m.module.to_owned());
        let [now, other] = [&running, &default].map(|image| (name(image), image.header().version));
        if running.hash() == default.hash() {
            return;
        }
        let newer = now.0 == other.0 && now.1 < other.1;
        let line = format!(
            "module {number}: {}, version {}, runs from its slot, and not {}, version {}, of {path}; `xmapd --forget \
             {number}` drops the slot",
            now.0, now.1, other.0, other.1
        );
        if newer {
            log::warn(line);
            self.device.note_newer_default(number);
        } else {
            log::info(line);
        }
    }

    /// Says what became of an image that was to be mounted.
    fn tell(&mut self, number: u8, from: &str, outcome: Outcome) {
        let failure = match outcome {
            // Among the events, which the journal has.
            Outcome::SetAside => return,
            Outcome::Tried(Ok(())) => {
                let (name, version, exports) = describe(number, self.device);
                return log::info(format_args!(
                    "module {number}: {name}, version {version}, {exports} exports, mounted from {from}"
                ));
            }
            Outcome::Tried(Err(failure)) => failure,
        };
        if !matches!(self.device.image_state(), ImageState::Mounted) {
            self.device.set_image_state(failure.state());
        }
        log::error(format_args!("module {number}: not mounted from {from}: {failure}"));
    }
}

/// What became of an image.
enum Outcome {
    /// It was not tried: starts with it did not end well.
    SetAside,
    Tried(Result<(), Failure>),
}

/// The content hash that an image states.
pub(crate) fn hash_of(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes.get(HASH_WORD * 4..(HASH_WORD + HASH_WORDS) * 4)?.try_into().ok()
}

/// Gives an image of a record to `f`, where it is one that a device would take.
fn with_image(bytes: &[u8], f: impl FnOnce(&Image<'_>)) {
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let Some(Ok(piece)) = pieces(&words).next() else { return };
    if let Ok(image) = Image::admit(piece.image)
        && check_lines(&image).is_ok()
    {
        f(&image);
    }
}

fn describe(number: u8, device: &LinuxDevice) -> (String, u32, usize) {
    device.image(number).map_or_else(Default::default, |image| {
        let name = image.manifest().map_or_else(|_| String::new(), |manifest| manifest.module.to_owned());
        (name, image.header().version, image.exports().len())
    })
}
