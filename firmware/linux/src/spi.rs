//! SPI buses of the kernel, `/dev/spidevN.M`.
//!
//! The kernel's driver clocks the bus and keeps its own time limit; it has the bus's lines, and those that
//! select a device, for itself. A transfer is one request.

use rppal::spi::{Bus, Mode, SlaveSelect, Spi};
use tiny_mapper::{BusStatus, SpiRow};

/// The devices that were used, each opened when it is first asked for.
#[derive(Debug, Default)]
pub struct Devices(Vec<(SpiRow, Spi)>);

impl Devices {
    /// Does what [`tiny_mapper::Spi::transfer`] says. A device that is not there is looked for again each
    /// time.
    pub fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let is_it = |(row, _): &(SpiRow, Spi)| row == device;
        let at = match self.0.iter().position(is_it) {
            Some(at) => at,
            None => {
                // The place may have been opened for another image, with another rate or mode.
                let place = |row: &SpiRow| (row.bus_number(), row.select());
                self.0.retain(|(row, _)| place(row) != place(device));
                self.0.push((*device, open(device)?));
                self.0.len() - 1
            }
        };
        let (_, spi) = self.0.get(at)?;
        let len = write.len().max(read.len());
        let mut sent = vec![0; len];
        sent.get_mut(..write.len())?.copy_from_slice(write);
        let mut got = vec![0; len];
        let done = spi.transfer(&mut got, &sent).ok()?;
        read.copy_from_slice(got.get(..read.len())?);
        Some(if done == len { BusStatus::Ok } else { BusStatus::Timeout })
    }
}

fn open(device: &SpiRow) -> Option<Spi> {
    let bus = match device.bus_number() {
        0 => Bus::Spi0,
        1 => Bus::Spi1,
        2 => Bus::Spi2,
        3 => Bus::Spi3,
        4 => Bus::Spi4,
        5 => Bus::Spi5,
        6 => Bus::Spi6,
        _ => return None,
    };
    let select = match device.select() {
        0 => SlaveSelect::Ss0,
        1 => SlaveSelect::Ss1,
        2 => SlaveSelect::Ss2,
        _ => return None,
    };
    let mode = match device.mode() {
        0 => Mode::Mode0,
        1 => Mode::Mode1,
        2 => Mode::Mode2,
        _ => Mode::Mode3,
    };
    Spi::new(bus, select, device.clock_hz(), mode).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_none() {
        let device = SpiRow::new([6, 2, 0], 1_000_000, 4, 1_000);
        assert_eq!(Devices::default().transfer(&device, &[0], &mut [0]), None);
    }
}
