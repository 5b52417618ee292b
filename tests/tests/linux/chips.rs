//! Chips on the emulated Pi's I2C bus, by drivers of the kernel and by panels in one boot: the same values.

use std::fs;
use std::time::{Duration, Instant};

use xmap_tests::buses::BusPanel;
use xmap_tools::linux::{Guest, GuestFile, Machine, Root};
use xmap_tools::service;

use crate::panel::{Host, LIMIT};

const PORT: u16 = 7000;

/// Starts the service with a panel; gives a host that is connected to it.
fn start(guest: &mut Guest, panel: &str) -> Host {
    guest
        .sh(&format!(
            "rm -rf /run/state; mkdir /run/state
            /opt/xmapd --config /opt/xmapd.toml --state /run/state --panel /opt/{panel}.xmap >/run/log 2>&1 &
            echo $! > /run/xmapd.pid"
        ))
        .unwrap();
    if let Err(error) = guest.until("netstat -ltn | grep -q :7000", LIMIT) {
        panic!("{error:#}\n{}", guest.sh("cat /run/log").unwrap());
    }
    Host::connect(&format!("tcp:127.0.0.1:{}", guest.port(PORT).unwrap()))
}

fn end(guest: &mut Guest) {
    guest.sh("kill $(cat /run/xmapd.pid)").unwrap();
    guest.until("! netstat -ltn | grep -q :7000", LIMIT).unwrap();
}

/// Lets a driver of the kernel have the chip at an address, runs a command, and takes the chip from it again.
fn with_driver(guest: &mut Guest, driver: &str, address: &str, command: &str) -> String {
    let bus = "/sys/bus/i2c/devices/i2c-1";
    guest.sh(&format!("echo {driver} {address} > {bus}/new_device")).unwrap();
    let device = format!("{bus}/1-00{}", address.trim_start_matches("0x"));
    let told = guest.until(&format!("cd {device} && {command}"), Duration::from_secs(20));
    guest.sh(&format!("echo {address} > {bus}/delete_device")).unwrap();
    told.unwrap()
}

/// The addresses of the bare-metal drivers are those of the kernel's device tree, at the bus's own base.
#[test]
fn bare_metal_has_the_addresses_of_the_device_tree() {
    let known = xmap_tools::linux::devices().unwrap();
    for (kind, address) in xmap_bcm2711::bus_devices() {
        let name = format!("{kind}@{:x}", address - 0x8000_0000);
        assert!(known.contains(&name), "{name}: {known:?}");
    }
}

#[test]
fn drivers_of_the_kernel_read_what_panels_do() {
    let chips =
        ["tmp105,id=temp,address=0x48", "ds1338,address=0x68", "at24c-eeprom,address=0x50,rom-size=4096"];
    let bytes = |name: &str| -> Vec<u8> {
        BusPanel::open(name).words.iter().flat_map(|word| word.to_le_bytes()).collect()
    };
    let mut files = vec![
        GuestFile::program("opt/xmapd", fs::read(service::build().unwrap()).unwrap()),
        GuestFile::new("opt/xmapd.toml", "[link]\nsocket = \"\"\ntcp = \"0.0.0.0:7000\"\n"),
    ];
    let panels = ["thermostat", "settings", "clock"];
    files.extend(panels.map(|name| GuestFile::new(format!("opt/{name}.xmap"), bytes(name))));
    let chips = chips.map(str::to_owned).to_vec();
    let mut guest = Machine { root: Root::Small, files, ports: vec![PORT], chips }.boot().unwrap();

    // A temperature, in halves of a degree as after power-on.
    guest.set("temp", "temperature", -3_500).unwrap();
    let lm75 = "cat hwmon/hwmon*/temp1_input";
    assert_eq!(with_driver(&mut guest, "tmp75", "0x48", lm75), "-3500");
    let mut host = start(&mut guest, "thermostat");
    let began = Instant::now();
    while host.call("sixteenths", &[]) != [u64::from((-56i32) as u32)] {
        assert!(began.elapsed() < LIMIT, "{:?}", host.call("sixteenths", &[]));
    }
    end(&mut guest);

    // What a panel has saved, byte for byte.
    let mut host = start(&mut guest, "settings");
    host.call("dim", &[80]);
    assert_eq!(host.call("save", &[]), [0]);
    end(&mut guest);
    let memory = "dd if=eeprom bs=1 skip=288 count=3 2>/dev/null | od -An -tx1";
    let found = with_driver(&mut guest, "24c32", "0x50", memory);
    let sum = (0xa5u8.rotate_left(1) ^ 0xa5).rotate_left(1) ^ 80;
    assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["a5", "50", &format!("{sum:02x}")]);

    // The time that a panel has set: a Monday in November 2026, one minute before seven.
    let mut host = start(&mut guest, "clock");
    assert_eq!(host.call("set", &[2, 6, 59]), [1]);
    end(&mut guest);
    let clock = "cat rtc/rtc*/date rtc/rtc*/time";
    let found = with_driver(&mut guest, "ds1307", "0x68", clock);
    let words: Vec<&str> = found.split_whitespace().collect();
    // Seconds go on, and a machine with much else to do is slow.
    assert!(
        words[0] == "2026-11-23" && (words[1].starts_with("06:59") || words[1].starts_with("07:0")),
        "{found}"
    );
}
