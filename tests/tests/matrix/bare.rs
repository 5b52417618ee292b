//! The bare-metal image that is flashed, a boot for each panel.

use std::io::Write as _;

use tempfile::NamedTempFile;
use xmap_client::{Client, PortName};
use xmap_tools::emulator::Machine;
use xmap_tools::firmware::{self, Built, Owner};

use crate::device::{self, patient};
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
        ..Machine::new(flashed)
    };
    let mut emulator = machine.start().map_err(|error| format!("{error:#}"))?;
    let port = emulator.listen().map_err(|error| format!("{error:#}"))?;
    let name = PortName::Tcp { host: "127.0.0.1".into(), port };
    let mut client = Client::connect(&name, &patient()).map_err(|error| error.to_string())?;
    device::play(compiled, &mut client, || emulator.stores().map_err(|error| format!("{error:#}")))
}
