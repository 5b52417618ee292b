#![forbid(unsafe_code)]
//! The emulated Linux itself, before anything of ours runs in it. Built with the feature `emulator` only: the
//! machine needs QEMU and Debian's kernel, which `cargo xtask setup` brings.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use xmap_tools::linux::{GuestFile, Machine, Output, Root, Store};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn linux_boots_and_its_registers_are_the_chips() {
    let files = vec![GuestFile::program("opt/test/hello", "#!/bin/sh\necho \"hello $1\"\n")];
    let mut guest =
        Machine { root: Root::Small, files, ports: vec![7000], chips: Vec::new() }.boot().unwrap();
    assert_eq!(guest.sh("uname -m").unwrap(), "aarch64");
    assert_eq!(guest.sh("cat /proc/device-tree/model | tr -d '\\0'").unwrap(), "Raspberry Pi 4 Model B");
    assert_eq!(guest.sh("/opt/test/hello board").unwrap(), "hello board");
    assert_eq!(
        guest.run("echo no >&2\nexit_with() { return $1; }\nexit_with 3").unwrap(),
        Output { status: 3, text: "no\n".into() }
    );

    // Line 17 as an output, set and cleared: the chip shows it, and the emulator saw exactly these stores.
    guest.watch().unwrap();
    guest.sh("devmem 0xfe200004 32 0x200000; devmem 0xfe20001c 32 0x20000").unwrap();
    assert_eq!(guest.levels().unwrap() & 1 << 17, 1 << 17);
    guest.sh("devmem 0xfe200028 32 0x20000").unwrap();
    assert_eq!(guest.levels().unwrap() & 1 << 17, 0);
    let store = |offset, value| Store { offset, value };
    assert_eq!(
        guest.stores().unwrap(),
        [store(0x4, 0x20_0000), store(0x1c, 0x2_0000), store(0x28, 0x2_0000)]
    );
    assert_eq!(guest.stores().unwrap(), []);

    // The network goes both ways.
    guest.sh("echo pong > /tmp/pong; (nc -l -p 7000 < /tmp/pong > /tmp/ping &)").unwrap();
    guest.until("netstat -ltn | grep -q :7000", LIMIT).unwrap();
    let said = talk(guest.port(7000).unwrap());
    assert_eq!(said, "pong\n");
    guest.until("grep -q ping /tmp/ping", LIMIT).unwrap();
}

/// Says `ping` to a port and gives what it answers.
fn talk(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"ping\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
