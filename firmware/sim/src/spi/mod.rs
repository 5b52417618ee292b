//! Simulated SPI buses: a controller that clocks every bit, and the devices behind it.

mod chips;

use std::collections::BTreeMap;
use std::fmt;

use tiny_mapper::{BusStatus, Spi};
use xmap_boards::Line;
use xmap_image::SpiRow;

pub use chips::{Flash, Mcp3008};

use crate::{EventKind, SimBoard};

/// A device on a simulated SPI bus: what each byte does to it. A device that is written for a test implements
/// this; [`Mcp3008`] and [`Flash`] are ready.
pub trait SpiDevice: fmt::Debug + Send + Sync {
    /// The device is selected.
    fn select(&mut self, now_us: u64);

    /// Takes a byte and returns the one that it sends meanwhile.
    fn exchange(&mut self, byte: u8) -> u8;

    /// The device is selected no more.
    fn deselect(&mut self, now_us: u64);

    /// Sets something of the device from outside, as a script does (`set adc channel0 512`).
    ///
    /// # Errors
    /// Why the device has not that, or not that value.
    fn set(&mut self, what: &str, value: &str) -> Result<(), String>;

    /// Returns something of the device; `None` where it has not that.
    fn get(&self, what: &str) -> Option<String>;

    /// Returns the same device once more, for a board that is copied.
    fn copied(&self) -> Box<dyn SpiDevice>;
}

/// One transfer on an SPI bus, as the record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiTransfer {
    /// The bus.
    pub bus: u8,
    /// The number of the line that selected the device.
    pub select: u8,
    /// The bytes that were sent.
    pub written: Vec<u8>,
    /// The bytes that came, as many.
    pub read: Vec<u8>,
    /// How it ended.
    pub status: BusStatus,
}

/// `SPI0.1 w 9f 00 r ff ef ok`.
impl fmt::Display for SpiTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPI{}.{}", self.bus, self.select)?;
        for (letter, bytes) in [("w", &self.written), ("r", &self.read)] {
            write!(f, " {letter}")?;
            bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        }
        write!(f, " {}", self.status)
    }
}

/// The devices of a board, by bus and select line.
#[derive(Debug, Default)]
pub(crate) struct SpiBuses {
    devices: BTreeMap<(u8, u8), Box<dyn SpiDevice>>,
    /// The levels that lines of buses have in the record.
    noted: BTreeMap<Line, bool>,
}

impl Clone for SpiBuses {
    fn clone(&self) -> Self {
        let devices = self.devices.iter().map(|(place, device)| (*place, device.copied()));
        Self { devices: devices.collect(), noted: self.noted.clone() }
    }
}

impl SimBoard {
    /// Connects a device to a select line of an SPI bus, in the place of the one that is there.
    pub fn attach_spi(&mut self, bus: u8, select: u8, device: impl SpiDevice + 'static) {
        self.attach_spi_boxed(bus, select, Box::new(device));
    }

    pub(crate) fn attach_spi_boxed(&mut self, bus: u8, select: u8, device: Box<dyn SpiDevice>) {
        self.spi.devices.insert((bus, select), device);
    }

    /// The device at a select line of an SPI bus.
    pub fn spi_device(&mut self, bus: u8, select: u8) -> Option<&mut dyn SpiDevice> {
        Some(&mut **self.spi.devices.get_mut(&(bus, select))?)
    }

    /// The transfers on SPI buses that were recorded, in order.
    pub fn spi_transfers(&self) -> impl DoubleEndedIterator<Item = &SpiTransfer> {
        self.events().iter().filter_map(|event| match &event.kind {
            EventKind::SpiTransfer(transfer) => Some(transfer),
            _ => None,
        })
    }

    /// Notes levels that a bus drives its lines to; without any yet they are low.
    fn spi_wires(&mut self, levels: &[(Line, bool)]) {
        let noted = &mut self.spi.noted;
        let is_new = |(line, high): &&(Line, bool)| noted.insert(*line, *high).unwrap_or(false) != *high;
        let changed: Vec<(Line, bool)> = levels.iter().filter(is_new).copied().collect();
        self.note_bus(&changed);
    }

    /// Lets time pass until so many half clocks after the beginning of a transfer, counted from there so
    /// that nothing is rounded twice.
    fn spi_pass_to(&mut self, start_us: u64, halves: u64, clock_hz: u32) {
        let ns = (halves * 500_000_000).div_ceil(u64::from(clock_hz.max(1)));
        let us = (start_us + ns / 1000).saturating_sub(self.time_us());
        if us != 0 {
            self.advance(us);
        }
    }
}

impl Spi for SimBoard {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let board = self.gpio().board().id;
        let (lines, select) = (*device.bus(board)?, device.select_line(board)?);
        let place = (device.bus_number(), device.select());
        let start_us = self.time_us();
        let mut chip = self.spi.devices.remove(&place);
        let (idle, second) = (device.mode() & 0b10 != 0, device.mode() & 0b01 != 0);
        // A device is selected by a low level; its line is high otherwise.
        self.spi.noted.entry(select).or_insert(true);
        self.spi_wires(&[(lines.sclk, idle)]);
        self.spi_wires(&[(select, false)]);
        if let Some(chip) = &mut chip {
            chip.select(start_us);
        }
        let len = write.len().max(read.len());
        let (mut written, mut got) = (Vec::with_capacity(len), Vec::with_capacity(len));
        let mut halves = 1;
        for n in 0..len {
            let byte = write.get(n).copied().unwrap_or(0);
            // Nobody drives the line: it is as the last pull left it, and ones by convention.
            let answer = chip.as_mut().map_or(0xff, |chip| chip.exchange(byte));
            for bit in (0..8).rev() {
                let data = [(lines.mosi, byte >> bit & 1 != 0), (lines.miso, answer >> bit & 1 != 0)];
                // Bits change half a clock before the edge at which they are taken.
                if second {
                    self.spi_wires(&[(lines.sclk, !idle), data[0], data[1]]);
                } else {
                    self.spi_wires(&data);
                }
                self.spi_pass_to(start_us, halves, device.clock_hz());
                self.spi_wires(&[(lines.sclk, if second { idle } else { !idle })]);
                self.spi_pass_to(start_us, halves + 1, device.clock_hz());
                if !second {
                    self.spi_wires(&[(lines.sclk, idle)]);
                }
                halves += 2;
            }
            written.push(byte);
            got.push(answer);
            if let Some(to) = read.get_mut(n) {
                *to = answer;
            }
        }
        self.spi_pass_to(start_us, halves, device.clock_hz());
        // A transfer takes whole microseconds, as the record has them.
        let end_us = start_us + u64::from(device.wire_us(len as u32));
        self.advance(end_us.saturating_sub(self.time_us()));
        self.spi_wires(&[(select, true)]);
        let now_us = self.time_us();
        if let Some(mut chip) = chip {
            chip.deselect(now_us);
            self.spi.devices.insert(place, chip);
        }
        let (bus, select) = place;
        let transfer = SpiTransfer { bus, select, written, read: got, status: BusStatus::Ok };
        self.note_at(start_us, EventKind::SpiTransfer(transfer));
        Some(BusStatus::Ok)
    }
}
