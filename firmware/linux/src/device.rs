//! The device program on this board: what it is made of, and what it mounts first.

use std::fs;
use std::path::Path;

use xmap_boards::BoardId;
use xmap_link::{Boot, ImageState, features};
use xmap_panel::{Device, Failure, Identity, Kept, Recorder, Rehearsal};
use xmap_trust::pieces;

use crate::board::{LinuxBoard, Sight};
use crate::clock::{self, Clock};
use crate::config::{Config, RegistersAt};
use crate::edges::Edges;
use crate::error::Result;
use crate::guard::Guard;
use crate::keep;
use crate::levels::Levels;
use crate::overheard::Overheard;
use crate::owner::Owner;
use crate::registers::{Mapped, Registers};
use crate::rooms::{Heap, rooms};
use crate::{detect, log};

/// Register stores that are held for the host, as on bare metal.
const TRACE_ENTRIES: usize = 16_384;
/// Bytes of a module's messages between two answers, as on bare metal.
const TEXT_BYTES: usize = 16_384;

/// What stands between a panel and the board.
pub type Wrapped = Overheard<Rehearsal<Recorder<LinuxBoard, TRACE_ENTRIES, TEXT_BYTES>>>;
/// The device program on this board.
pub type LinuxDevice = Device<Heap, Wrapped, Owner>;

/// The board of a device.
pub fn board(device: &mut LinuxDevice) -> &mut LinuxBoard {
    device.board_mut().port_mut().port_mut().port_mut()
}

/// A device with nothing mounted, and what it says of itself; the guard watches over it. Nothing is stored to a
/// register.
///
/// # Errors
/// What keeps the registers from being mapped.
pub fn open(config: &Config, owner: Owner, guard: &Guard) -> Result<(Box<LinuxDevice>, Identity)> {
    let clock = Clock::start();
    let Mapped { registers, pads } = match &config.registers {
        RegistersAt::File(file) => {
            log::warn(format_args!("simulated registers: {} stands in for the chip", file.display()));
            Registers::simulate(file)?
        }
        RegistersAt::Chip(device) => {
            let name = detect::detect()?;
            let registers = Registers::map(device.as_deref())?;
            log::info(format_args!("{name}: the chip's registers are mapped"));
            registers
        }
    };
    guard.watch(pads, config.realtime_priority)?;
    let simulated = registers.simulated();
    let sight = if simulated {
        Sight::File(Levels::default())
    } else {
        Sight::Kernel(Edges::open(config.gpiochip.as_deref(), clock))
    };
    let board = LinuxBoard::new(registers, sight, clock, guard.clone());
    let port = Overheard::new(Rehearsal::new(Recorder::new(board), config.rehearse));
    let optional = |on, bit| if on { bit } else { 0 };
    let identity = Identity {
        board: BoardId::Rpi4b as u16,
        boot: if config.safe { Boot::Safe } else { Boot::Normal },
        features: features::TRACE
            | features::TEXT
            | features::LINUX
            | optional(config.rehearse, features::REHEARSAL)
            | optional(simulated, features::SIMULATED),
        clock_hz: clock::HZ,
        firmware: env!("CARGO_PKG_VERSION"),
    };
    let mut device = Box::new(Device::with_trust(port, rooms(), owner));
    device.set_limits(config.limits);
    Ok((device, identity))
}

/// Mounts what was kept: of each module the image that counted as good last, with its state; where that one cannot be
/// mounted, the one before it. All newest images come first, since they ran side by side: an older one takes no line
/// from them.
pub fn mount_kept(kept: &keep::Kept, device: &mut LinuxDevice) {
    for (age, from) in ["its slot", "the slot before"].into_iter().enumerate() {
        for (number, images) in (0..).zip(&kept.images) {
            if let Some(image) = &images[age]
                && device.image(number).is_none()
            {
                let outcome = install(number, &image.bytes, &image.origin, kept, device);
                told(number, from, &outcome, device);
            }
        }
    }
}

/// Mounts an image with the state that its module kept, or without, where its `on_mount` does not take that.
fn install(
    number: u8,
    image: &[u8],
    origin: &str,
    kept: &keep::Kept,
    device: &mut LinuxDevice,
) -> Result<(), Failure> {
    let state = kept.states.get(usize::from(number)).and_then(Option::as_ref);
    let state = state.map(|state| Kept { layout: state.layout, bytes: &state.bytes });
    let outcome = device.install_kept(number, image, origin, state);
    if state.is_some() && matches!(outcome, Err(Failure::Mount(_))) {
        log::warn(format_args!("module {number}: not mounted with the state that it kept; tried without"));
        return device.install_from(number, image, origin);
    }
    outcome
}

/// Where the default panel comes from, for the owner's policy.
const FILE: &str = "file";

/// Puts the images of a file into modules that have none, in their order: one, or a bundle of several. What becomes of
/// each is in the device's status; the service runs on without it, so that a host can send another one.
pub fn mount_default(path: &Path, kept: &keep::Kept, device: &mut LinuxDevice) {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            log::warn(format_args!("no default panel: {}: {error}", path.display()));
            return;
        }
    };
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        log::error(format_args!("{}: no whole number of words: not an image", path.display()));
        device.set_image_state(Failure::Image(xmap_image::VerifyError::Alignment).state());
        return;
    }
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    for (number, piece) in (0..).zip(pieces(&words)) {
        if device.image(number).is_some() {
            continue;
        }
        let development = device.is_development();
        let outcome = piece.map_err(Failure::Image).and_then(|piece| {
            let words = if development { piece.image } else { piece.whole };
            install(number, bytemuck::cast_slice(words), FILE, kept, device)
        });
        told(number, &path.display().to_string(), &outcome, device);
    }
}

/// Says what became of an image that was to be mounted.
pub fn told(number: u8, from: &str, outcome: &Result<(), Failure>, device: &mut LinuxDevice) {
    match outcome {
        Ok(()) => {
            let (name, version, exports) = describe(number, device);
            log::info(format_args!(
                "module {number}: {name}, version {version}, {exports} exports, mounted from {from}"
            ));
        }
        Err(failure) => {
            let state = failure.state();
            if !matches!(device.image_state(), ImageState::Mounted) {
                device.set_image_state(state);
            }
            log::error(format_args!("module {number}: not mounted from {from}: {failure}"));
        }
    }
}

fn describe(number: u8, device: &LinuxDevice) -> (String, u32, usize) {
    device.image(number).map_or_else(Default::default, |image| {
        let name = image.manifest().map_or_else(|_| String::new(), |manifest| manifest.module.to_owned());
        (name, image.header().version, image.exports().len())
    })
}
