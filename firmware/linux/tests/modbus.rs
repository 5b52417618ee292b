//! A Modbus RTU slave on the service answers a master at the other end of a terminal.

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use common::{Device, LIMIT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 != 0 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

/// Sends a request with its sum, and takes a reply of this many bytes without its sum.
fn ask(master: &mut File, request: &[u8], len: usize) -> Vec<u8> {
    master.write_all(&[request, &crc(request).to_le_bytes()].concat()).unwrap();
    let mut reply = Vec::new();
    while reply.len() < len + 2 {
        let limit = Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(master, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!(ready, 1, "no reply but {reply:02x?} to {request:02x?}");
        let mut bytes = [0; 256];
        let count = master.read(&mut bytes).unwrap();
        reply.extend(&bytes[..count]);
    }
    assert_eq!(reply.len(), len + 2, "{reply:02x?}");
    assert_eq!(reply.split_off(len), crc(&reply[..len]).to_le_bytes());
    reply
}

#[test]
fn a_slave_answers_each_request() {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let far = ptsname(&near, Vec::new()).unwrap().to_str().unwrap().to_string();
    let mut master = File::from(near);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/buses/meter");
    let manifest = Manifest::read(&folder.join("panel.toml")).unwrap_or_else(|error| panic!("{error}"));
    let module = fs::read(manifest.wasm_path()).unwrap();
    let words = compile(&manifest, &module).unwrap_or_else(|error| panic!("{error}")).words;
    let image: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut device = Device::new(&image);
    fs::write(device.path("xmapd.toml"), format!("realtime_priority = 0\n[uart]\n3 = '{far}'\n")).unwrap();
    device.start();
    let mut host = device.host();
    assert_eq!(host.call("register", &[0]), [0], "it is mounted, and has set the port up");
    for n in 0..200u16 {
        let [high, low] = n.wrapping_mul(331).to_be_bytes();
        let at = (n % 16) as u8;
        let write = [17, 6, 0, at, high, low];
        assert_eq!(ask(&mut master, &write, 6), write);
        assert_eq!(ask(&mut master, &[17, 3, 0, at, 0, 1], 5), [17, 3, 2, high, low]);
    }
    assert_eq!(ask(&mut master, &[17, 3, 0, 16, 0, 1], 3), [17, 0x83, 2]);
    assert_eq!(host.call("register", &[199 % 16]), [u64::from(199u16.wrapping_mul(331))]);
}
