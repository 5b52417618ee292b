//! The longest that transfers of the declared devices take.

use xmap_abi::{Capability, HostFunction};
use xmap_image::{I2cRow, Image, SpiRow, UartRow};

use crate::manifest::Manifest;

/// Microseconds that a transfer takes at most, for each kind of bus by the device's index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusTimes {
    i2c: Vec<u32>,
    spi: Vec<u32>,
    uart: Vec<u32>,
}

impl BusTimes {
    /// Those of a module without devices.
    pub const NONE: Self = Self { i2c: Vec::new(), spi: Vec::new(), uart: Vec::new() };

    /// Those of the devices of an image.
    pub fn of(image: &Image<'_>) -> Self {
        Self::of_rows(image.i2c(), image.spi(), image.uart())
    }

    /// Those of these devices.
    pub fn of_rows<'r>(
        i2c: impl IntoIterator<Item = &'r I2cRow>,
        spi: impl IntoIterator<Item = &'r SpiRow>,
        uart: impl IntoIterator<Item = &'r UartRow>,
    ) -> Self {
        Self {
            i2c: i2c.into_iter().map(I2cRow::worst_us).collect(),
            spi: spi.into_iter().map(SpiRow::timeout_us).collect(),
            uart: uart.into_iter().map(UartRow::worst_us).collect(),
        }
    }

    /// Those of the devices that a manifest declares.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        Self::of_rows(
            manifest.i2c.iter().map(|device| &device.row),
            manifest.spi.iter().map(|device| &device.row),
            manifest.uart.iter().map(|port| &port.row),
        )
    }

    /// Returns whether there are no devices.
    pub fn is_empty(&self) -> bool {
        self.i2c.is_empty() && self.spi.is_empty() && self.uart.is_empty()
    }

    /// Returns the longest that a transfer of any device takes.
    pub fn longest_of_all_us(&self) -> u64 {
        self.i2c.iter().chain(&self.spi).chain(&self.uart).max().copied().unwrap_or(0).into()
    }

    /// Returns the longest that a call of a host function takes: with the device of this index, else with
    /// any.
    pub fn longest_us(&self, function: HostFunction, index: Option<u32>) -> u64 {
        let times = match function.row().capability {
            Capability::I2c => &self.i2c[..],
            Capability::Spi => &self.spi,
            Capability::Uart => &self.uart,
            _ => &[],
        };
        let known = index.and_then(|index| times.get(index as usize)).map(std::slice::from_ref);
        known.unwrap_or(times).iter().max().copied().unwrap_or(0).into()
    }
}
