//! The device program on this board: what it is made of, and what it mounts first.

use std::fs;
use std::path::Path;

use xmap_boards::BoardId;
use xmap_image::bundle;
use xmap_link::{Boot, ImageState, features};
use xmap_panel::{Device, Failure, Identity, Recorder, Rehearsal};

use crate::board::{LinuxBoard, Sight};
use crate::clock::{self, Clock};
use crate::config::{Config, RegistersAt};
use crate::edges::Edges;
use crate::error::Result;
use crate::levels::Levels;
use crate::registers::Registers;
use crate::rooms::{Heap, rooms};
use crate::{detect, log};

/// Register stores that are held for the host, as on bare metal.
const TRACE_ENTRIES: usize = 16_384;
/// Bytes of a module's messages between two answers, as on bare metal.
const TEXT_BYTES: usize = 16_384;

/// What stands between a panel and the board.
pub type Wrapped = Rehearsal<Recorder<LinuxBoard, TRACE_ENTRIES, TEXT_BYTES>>;
/// The device program on this board.
pub type LinuxDevice = Device<Heap, Wrapped>;

/// The board of a device.
pub fn board(device: &mut LinuxDevice) -> &mut LinuxBoard {
    device.board_mut().port_mut().port_mut()
}

/// A device with nothing mounted, and what it says of itself. Nothing is stored to a register.
///
/// # Errors
/// What keeps the registers from being mapped.
pub fn open(config: &Config) -> Result<(Box<LinuxDevice>, Identity)> {
    let clock = Clock::start();
    let registers = match &config.registers {
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
    let simulated = registers.simulated();
    let sight = if simulated {
        Sight::File(Levels::default())
    } else {
        Sight::Kernel(Edges::open(config.gpiochip.as_deref(), clock))
    };
    let board = LinuxBoard::new(registers, sight, clock);
    let port = Rehearsal::new(Recorder::new(board), config.rehearse);
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
    Ok((Box::new(Device::new(port, rooms())), identity))
}

/// Puts the images of a file into modules that have none, in their order: one, or a bundle of several. What becomes of
/// each is in the device's status; the service runs on without it, so that a host can send another one.
pub fn mount_default(path: &Path, device: &mut LinuxDevice) {
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
    for (number, image) in (0..).zip(bundle(&words)) {
        if device.image(number).is_some() {
            continue;
        }
        let outcome = match image {
            Ok(words) => device.install(number, bytemuck::cast_slice(words)),
            Err(error) => Err(Failure::Image(error)),
        };
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
