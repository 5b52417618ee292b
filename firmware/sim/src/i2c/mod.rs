//! Simulated I2C buses: a controller that clocks every bit, the devices behind it, and what can go wrong on
//! the wire.

mod chips;
mod controller;
mod expanders;
mod screen;

use std::collections::BTreeMap;
use std::fmt;

use tiny_mapper::{BusStatus, I2c};
use xmap_image::I2cRow;

pub use chips::{Eeprom, RegisterFile, Rtc, Tmp105};
pub use expanders::{Mcp23017, Pca9552, Pcf8574};
pub use screen::Screen;

use crate::{EventKind, Picture, SimBoard};

/// A device on a simulated bus: what each byte does to it. A device that is written for a test implements
/// this; [`RegisterFile`] and the other chips are ready.
pub trait I2cDevice: fmt::Debug + Send + Sync {
    /// The device is addressed, for reading or for writing. Returns whether it acknowledges.
    fn start(&mut self, read: bool, now_us: u64) -> bool;

    /// Takes a byte. Returns whether it acknowledges.
    fn write(&mut self, byte: u8) -> bool;

    /// Returns the next byte.
    fn read(&mut self) -> u8;

    /// The transfer is over: a stop condition came.
    fn stop(&mut self, now_us: u64);

    /// Sets something of the device from outside, as a script does (`device temp temperature 21.5`).
    ///
    /// # Errors
    /// Why the device has not that, or not that value.
    fn set(&mut self, what: &str, value: &str) -> Result<(), String>;

    /// Returns something of the device; `None` where it has not that.
    fn get(&self, what: &str) -> Option<String>;

    /// Returns what the device shows; `None` where it is no display.
    fn picture(&self) -> Option<Picture> {
        None
    }

    /// Returns the same device once more, for a board that is copied.
    fn copied(&self) -> Box<dyn I2cDevice>;
}

/// Something that goes wrong on a bus, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum I2cFault {
    /// The device does not acknowledge, the next time that it should.
    Nack,
    /// Something holds the data line low until it has seen so many clocks of a recovery; `u8::MAX` is for
    /// ever.
    StuckData(u8),
    /// Something holds the clock line low for so many microseconds.
    StuckClock(u64),
    /// Another controller sends zeros until this one gives way.
    OtherController,
    /// The device is gone, until [`SimBoard::bring_back`].
    Gone,
}

/// One transfer on a bus, as the record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The bus.
    pub bus: u8,
    /// The address.
    pub address: u8,
    /// The bytes that were sent; `None` where the device was not addressed for writing.
    pub written: Option<Vec<u8>>,
    /// The bytes that came; `None` where the device was not addressed for reading.
    pub read: Option<Vec<u8>>,
    /// How it ended.
    pub status: BusStatus,
}

/// `I2C1 0x48 w 00 r 19 80 ok`.
impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I2C{} {:#04x}", self.bus, self.address)?;
        for (letter, bytes) in [("w", &self.written), ("r", &self.read)] {
            if let Some(bytes) = bytes {
                write!(f, " {letter}")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
            }
        }
        write!(f, " {}", self.status)
    }
}

/// The buses of a board.
#[derive(Debug, Default)]
pub(crate) struct Buses(BTreeMap<u8, Bus>);

/// One bus: its devices, and what is wrong with its wires.
#[derive(Debug, Default)]
struct Bus {
    devices: BTreeMap<u8, Attached>,
    /// A fault, and the clock of a transfer at which it comes.
    fault: Option<(u32, I2cFault)>,
    /// Clocks of a recovery after which the data line is free; 0 where it is.
    data_held: u8,
    /// When the clock line is free, in nanoseconds.
    clock_held_ns: u64,
    /// The levels that were noted last: data, clock. They are pulled up.
    noted: Option<[bool; 2]>,
}

#[derive(Debug)]
struct Attached {
    device: Box<dyn I2cDevice>,
    is_there: bool,
}

impl Clone for Buses {
    fn clone(&self) -> Self {
        Self(self.0.iter().map(|(number, bus)| (*number, bus.copied())).collect())
    }
}

impl Bus {
    fn copied(&self) -> Self {
        let copy =
            |attached: &Attached| Attached { device: attached.device.copied(), is_there: attached.is_there };
        let devices = self.devices.iter().map(|(address, attached)| (*address, copy(attached)));
        Self { devices: devices.collect(), ..*self }
    }
}

impl SimBoard {
    /// Connects a device to an address of a bus, in the place of the one that is there.
    pub fn attach(&mut self, bus: u8, address: u8, device: impl I2cDevice + 'static) {
        self.attach_boxed(bus, address, Box::new(device));
    }

    pub(crate) fn attach_boxed(&mut self, bus: u8, address: u8, device: Box<dyn I2cDevice>) {
        let devices = &mut self.buses.0.entry(bus).or_default().devices;
        devices.insert(address, Attached { device, is_there: true });
    }

    /// The device at an address of a bus.
    pub fn device(&mut self, bus: u8, address: u8) -> Option<&mut dyn I2cDevice> {
        Some(&mut *self.buses.0.get_mut(&bus)?.devices.get_mut(&address)?.device)
    }

    /// Returns what the display at an address of a bus shows.
    pub fn picture(&self, bus: u8, address: u8) -> Option<Picture> {
        self.buses.0.get(&bus)?.devices.get(&address)?.device.picture()
    }

    /// Lets something go wrong at a clock of the next transfer on a bus, counted from 0: nine for each
    /// address and each byte, and one for each start condition and the stop.
    pub fn disturb(&mut self, bus: u8, clock: u32, fault: I2cFault) {
        self.buses.0.entry(bus).or_default().fault = Some((clock, fault));
    }

    /// Returns whether a fault of [`SimBoard::disturb`] has not come yet.
    pub fn still_disturbed(&self, bus: u8) -> bool {
        self.buses.0.get(&bus).is_some_and(|bus| bus.fault.is_some())
    }

    /// Brings back the devices of a bus that were gone, and lets go of its wires.
    pub fn bring_back(&mut self, bus: u8) {
        let bus = self.buses.0.entry(bus).or_default();
        (bus.fault, bus.data_held, bus.clock_held_ns) = (None, 0, 0);
        bus.devices.values_mut().for_each(|attached| attached.is_there = true);
    }

    /// The transfers that were recorded, in order.
    pub fn transfers(&self) -> impl DoubleEndedIterator<Item = &Transfer> {
        self.events().iter().filter_map(|event| match &event.kind {
            EventKind::Transfer(transfer) => Some(transfer),
            _ => None,
        })
    }
}

impl I2c for SimBoard {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let bus = *device.bus(self.gpio().board().id)?;
        let mut wires = self.buses.0.remove(&bus.number).unwrap_or_default();
        let status = controller::transfer(self, &bus, &mut wires, device, write, read);
        self.buses.0.insert(bus.number, wires);
        Some(status)
    }
}
