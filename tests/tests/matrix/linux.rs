//! The service under Linux: one boot for all panels, a start of the service for each.

use std::time::Duration;

use xmap_client::{Client, PortName};
use xmap_tools::linux::{Guest, GuestFile, Machine, Root, Store};
use xmap_tools::service;

use crate::connect::connect;
use crate::device::{self, Around, patient};
use crate::{Compiled, Run};

const PORT: u16 = 7000;
const LIMIT: Duration = Duration::from_secs(120);

/// Runs every panel.
pub(crate) fn play(panels: &[Compiled], done: &mut dyn FnMut(Run)) {
    match boot(panels) {
        Ok(mut guest) => panels.iter().for_each(|compiled| done(one(&mut guest, compiled))),
        Err(error) => panels.iter().for_each(|_| done(Err(format!("{error:#}")))),
    }
}

fn boot(panels: &[Compiled]) -> anyhow::Result<Guest> {
    let service = std::fs::read(service::build()?)?;
    let mut files = vec![GuestFile::program("opt/xmapd", service)];
    files.push(GuestFile::new("opt/xmapd.toml", "[link]\nsocket = \"\"\ntcp = \"0.0.0.0:7000\"\n"));
    for compiled in panels {
        files.push(GuestFile::new(format!("opt/{}.xmap", compiled.name), compiled.bytes()));
    }
    let chips = panels.iter().filter_map(|compiled| compiled.chip).map(str::to_owned).collect();
    Machine { root: Root::Small, files, ports: vec![PORT], chips }.boot()
}

impl Around for Guest {
    fn stores(&mut self) -> anyhow::Result<Vec<Store>> {
        Guest::stores(self)
    }

    fn bus(&mut self) -> anyhow::Result<Vec<String>> {
        Guest::bus(self)
    }

    fn set(&mut self, id: &str, property: &str, value: i64) -> anyhow::Result<()> {
        Guest::set(self, id, property, value)
    }
}

fn one(guest: &mut Guest, compiled: &Compiled) -> Run {
    let started = start(guest, &compiled.name).map_err(|error| format!("{error:#}"));
    let played = started.and_then(|mut client| device::play(compiled, &mut client, guest));
    // Nothing of it is left for the next one: no process, no slot.
    let ended = guest.sh("kill -9 $(cat /run/xmapd.pid); rm -r /run/state");
    let ended = ended.and_then(|_| guest.until("! netstat -ltn | grep -q :7000", LIMIT));
    played.and_then(|played| ended.map(|_| played).map_err(|error| format!("{error:#}")))
}

/// Brings lines 2 to 27 to what they are after a reset: low, then inputs. Those of the serial line are left
/// alone.
const RESET: &str = "devmem 0xfe200028 32 0x0fff3ffc; devmem 0xfe20002c 32 0xffffffff
    devmem 0xfe200000 32 0
    devmem 0xfe200004 32 $(( $(devmem 0xfe200004 32) & 0x3f000 ))
    devmem 0xfe200008 32 0";

/// Starts the service with a panel, watched from its first store on, and greets it.
fn start(guest: &mut Guest, panel: &str) -> anyhow::Result<Client> {
    guest.sh(RESET)?;
    guest.watch()?;
    // What others had on the buses before.
    guest.bus()?;
    guest.sh(&format!(
        "mkdir /run/state
        /opt/xmapd --config /opt/xmapd.toml --rehearse --state /run/state --panel /opt/{panel}.xmap >/run/log 2>&1 &
        echo $! > /run/xmapd.pid"
    ))?;
    let up = guest.until("netstat -ltn | grep -q :7000", LIMIT);
    let up = up.and_then(|_| guest.port(PORT).ok_or_else(|| anyhow::anyhow!("the port is not forwarded")));
    let port = match up {
        Ok(port) => port,
        Err(error) => return Err(error.context(guest.sh("cat /run/log")?)),
    };
    let name = PortName::Tcp { host: "127.0.0.1".into(), port };
    connect(&name, &patient(), LIMIT).map_err(|error| anyhow::anyhow!("{error}"))
}
