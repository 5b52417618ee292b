//! The service on a real arm64 kernel in the emulated Pi.
//!
//! What the service says of its stores is held against two others: the registers, read by the guest's busybox
//! through /dev/mem, and the emulator's own trace of stores to the chip.

use xmap_tools::linux::{Guest, GuestFile, Machine, Root, Store};
use xmap_tools::service;

use crate::panel::{GPCLR0, GPFSEL1, GPFSEL2, GPSET0, HIGH, Host, LAMP, LIMIT, LOW, image};

const PORT: u16 = 7000;

/// The stores that drive lines; the others select functions and pulls.
fn drives(guest: &mut Guest) -> Vec<(u16, u32)> {
    let stores = guest.stores().unwrap();
    let drives = stores.into_iter().filter(|Store { offset, .. }| (0x1c..=0x2c).contains(offset));
    drives.map(|Store { offset, value }| (offset, value)).collect()
}

fn start(guest: &mut Guest) -> Host {
    guest
        .sh("/opt/xmapd --config /opt/xmapd.toml >>/run/log 2>&1 &
             echo $! > /run/xmapd.pid")
        .unwrap();
    if let Err(error) = guest.until("netstat -ltn | grep -q :7000", LIMIT) {
        panic!("{error:#}\n{}", guest.sh("cat /run/log").unwrap());
    }
    Host::connect(&format!("tcp:127.0.0.1:{}", guest.port(PORT).unwrap()))
}

fn end(guest: &mut Guest, signal: &str) {
    guest.sh(&format!("kill -{signal} $(cat /run/xmapd.pid)")).unwrap();
    guest.until("! kill -0 $(cat /run/xmapd.pid) 2>&1", LIMIT).unwrap();
}

#[test]
fn the_service_drives_the_chip_and_a_killed_one_leaves_the_lamp_on() {
    let program = std::fs::read(service::build().unwrap()).unwrap();
    let config = "panel = \"/opt/panel.xmap\"\nstate = \"/run/state\"\n\
        [link]\nsocket = \"/run/xmapd.sock\"\ntcp = \"0.0.0.0:7000\"\n";
    let files = vec![
        GuestFile::program("opt/xmapd", program),
        GuestFile::new("opt/xmapd.toml", config),
        GuestFile::new("opt/panel.xmap", image(1)),
        GuestFile::new("opt/next.xmap", image(2)),
    ];
    let mut guest =
        Machine { root: Root::Small, files, ports: vec![PORT], chips: Vec::new() }.boot().unwrap();

    // Calls go in over the link, and the chip does what they say.
    guest.watch().unwrap();
    let mut host = start(&mut guest);
    assert_eq!(host.0.hello().features & xmap_link::features::SIMULATED, 0, "these are the chip's registers");
    host.asserts_runs();
    assert_eq!(guest.levels().unwrap() & (LAMP | LOW | HIGH), HIGH, "the safe states at load");
    // Function 001 is output: line 17 in GPFSEL1, 22 and 23 in GPFSEL2.
    assert_eq!(guest.register(GPFSEL1).unwrap() >> 21 & 7, 1);
    assert_eq!(guest.register(GPFSEL2).unwrap() >> 6 & 0o77, 0o11);
    for (on, expected) in [(1, LAMP | HIGH), (0, HIGH), (1, LAMP | HIGH)] {
        host.call("lamp", &[on]);
        assert_eq!(guest.levels().unwrap() & (LAMP | LOW | HIGH), expected);
        assert_eq!(host.0.levels().unwrap()[0] & (LAMP | LOW | HIGH), expected, "and over the link");
    }
    host.call("low", &[1]);
    let seen = drives(&mut guest);
    assert_eq!(host.recorded(), seen, "the service recorded what the emulator saw");
    assert_eq!(seen[seen.len() - 4..], [(GPSET0, LAMP), (GPCLR0, LAMP), (GPSET0, LAMP), (GPSET0, LOW)]);

    // Killed with the lamp on: nobody stores anything, neither the end of the program nor the kernel.
    end(&mut guest, "KILL");
    assert_eq!(guest.levels().unwrap() & (LAMP | LOW | HIGH), LAMP | LOW | HIGH, "outputs are as they were");
    assert_eq!(guest.register(GPFSEL1).unwrap() >> 21 & 7, 1, "and outputs");
    assert_eq!(guest.stores().unwrap(), []);

    // The next one takes over a lamp that is on, and makes the others safe.
    let mut host = start(&mut guest);
    host.asserts_runs();
    let seen = drives(&mut guest);
    assert_eq!(host.recorded(), seen);
    assert_eq!(seen, [(GPCLR0, LOW), (GPSET0, HIGH)], "no store to the lamp");
    assert_eq!(guest.levels().unwrap() & (LAMP | LOW | HIGH), LAMP | HIGH);
    host.call("lamp", &[0]);
    host.call("lamp", &[1]);

    // An orderly end makes outputs safe: the lamp holds its level.
    host.call("low", &[1]);
    drives(&mut guest);
    end(&mut guest, "TERM");
    assert_eq!(drives(&mut guest), [(GPCLR0, LOW), (GPSET0, HIGH)]);
    assert_eq!(guest.levels().unwrap() & (LAMP | LOW | HIGH), LAMP | HIGH);

    // The same over the Unix socket, asked from within: a relay, as the guest has no xmap.
    let said = guest.sh("cat /run/log").unwrap();
    assert!(said.contains("Raspberry Pi 4 B") && said.contains("the chip's registers are mapped"), "{said}");
    assert!(!said.contains("error"), "{said}");
}
