//! The bare-metal image that is flashed, a boot for each panel.

use std::io::Write as _;

use tempfile::NamedTempFile;
use xmap_client::{Client, PortName};
use xmap_tools::emulator::{Emulator, Machine};
use xmap_tools::firmware::{self, Built, Owner};
use xmap_tools::linux::Store;

use crate::device::{self, Around, patient};
use crate::{Compiled, Run};

/// Runs every panel.
pub(crate) fn play(panels: &[Compiled], done: &mut dyn FnMut(Run)) {
    match firmware::boot_folder(None, Owner::Nobody, None) {
        Ok((flashed, _)) => panels.iter().for_each(|compiled| done(one(&flashed, compiled))),
        Err(error) => panels.iter().for_each(|_| done(Err(format!("{error:#}")))),
    }
}

fn one(flashed: &Built, compiled: &Compiled) -> Run {
    let mut panel = NamedTempFile::new().map_err(|error| error.to_string())?;
    panel.write_all(&compiled.bytes()).map_err(|error| error.to_string())?;
    let machine = Machine {
        panel: Some(panel.path()),
        arguments: "xmap.rehearse=1",
        watched: true,
        chips: compiled.chip.as_slice(),
        ..Machine::new(flashed)
    };
    let mut emulator = machine.start().map_err(|error| format!("{error:#}"))?;
    let port = emulator.listen().map_err(|error| format!("{error:#}"))?;
    let name = PortName::Tcp { host: "127.0.0.1".into(), port };
    let mut client = Client::connect(&name, &patient()).map_err(|error| error.to_string())?;
    device::play(compiled, &mut client, &mut emulator)
}

impl Around for Emulator {
    fn stores(&mut self) -> anyhow::Result<Vec<Store>> {
        Emulator::stores(self)
    }

    fn bus(&mut self) -> anyhow::Result<Vec<String>> {
        Emulator::bus(self)
    }

    fn set(&mut self, id: &str, property: &str, value: i64) -> anyhow::Result<()> {
        Emulator::set(self, id, property, value)
    }
}
