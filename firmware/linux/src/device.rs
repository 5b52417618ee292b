//! The device program on this board, and what it is made of.

use xmap_boards::BoardId;
use xmap_device::{Device, FlightRecorder, Identity, Recorder, Rehearsal, Stored};
use xmap_image::Persist;
use xmap_link::{Boot, KeepFault, KeepStatus, Thing, features};

use crate::board::{LinuxBoard, Sight};
use crate::clock::{self, Clock};
use crate::config::{Config, RegistersAt};
use crate::edges::Edges;
use crate::error::Result;
use crate::guard::{Watch, Watchdog};
use crate::keep::Source;
use crate::levels::Levels;
use crate::overheard::Overheard;
use crate::owner::Owner;
use crate::registers::{Mapped, Registers};
use crate::rooms::{Heap, rooms};
use crate::uart::Ports;
use crate::{detect, log};

/// Register stores that are held for the host, as on bare metal.
const TRACE_ENTRIES: usize = 16_384;
/// Bytes of a module's messages between two answers, as on bare metal.
const TEXT_BYTES: usize = 16_384;

/// The layers between a panel and the board.
pub type Wrapped =
    Overheard<FlightRecorder<Rehearsal<Recorder<LinuxBoard, TRACE_ENTRIES, TEXT_BYTES>>, Vec<u8>>>;
/// The device program on this board.
pub type LinuxDevice = Device<Heap, Wrapped, Owner>;

/// The storage keeps this device.
impl Source for LinuxDevice {
    fn stored(&self, module: u8) -> Option<Stored<'_>> {
        self.stored(module)
    }

    fn name(&self, module: u8) -> Option<String> {
        Some(self.image(module)?.manifest().ok()?.module.to_owned())
    }

    fn kept(&self, module: u8, each: &mut dyn FnMut(&[u8])) -> Option<u32> {
        self.kept(module, each)
    }

    fn persist(&self, module: u8) -> Persist {
        self.persist(module)
    }

    fn note_kept(&mut self, module: u8, thing: Thing, fault: Option<KeepFault>) {
        self.note_kept(module, thing, fault);
    }

    fn keep_status(&self) -> KeepStatus {
        self.keep_status()
    }

    fn set_keep_status(&mut self, status: KeepStatus) {
        self.set_keep_status(status);
    }
}

/// The board of a device.
pub fn board(device: &mut LinuxDevice) -> &mut LinuxBoard {
    device.board_mut().port_mut().port_mut().port_mut().port_mut()
}

/// A device with nothing mounted, and what it says of itself; the guard watches over it. Nothing is stored to
/// a register.
///
/// # Errors
/// What keeps the registers from being mapped.
pub fn open(
    config: &Config,
    owner: Owner,
    guard: &Watchdog,
    watch: Watch,
) -> Result<(Box<LinuxDevice>, Identity)> {
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
    guard.watch(pads, Watch { main_priority: config.realtime_priority, ..watch })?;
    let simulated = registers.simulated();
    let sight = if simulated {
        Sight::File(Levels::default())
    } else {
        Sight::Kernel(Edges::open(config.gpiochip.as_deref(), clock))
    };
    let board = LinuxBoard::new(registers, sight, clock, guard.clone());
    // A machine that only has a file of registers may have buses of its own, with other devices on them.
    let board = if simulated { board } else { board.with_buses() };
    let board = board.with_ports(Ports::new(config.uarts.clone(), !simulated));
    let port = Rehearsal::new(Recorder::new(board), config.rehearse);
    let port = Overheard::new(FlightRecorder::new(port, vec![0; config.record_bytes]));
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
    device.set_machine_code(config.native);
    Ok((device, identity))
}
