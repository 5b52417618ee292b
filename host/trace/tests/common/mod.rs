//! A device with spans for the tests, which several hosts reach at once, and receivers of OTLP.
#![allow(dead_code, reason = "each test takes a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use xmap_client::{Client, Options};
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_device::Service;
use xmap_rig::{IDENTITY, Socket, device, listen};

const MANIFEST: &str = r#"module = { name = "hall", board = "rpi4b", wasm = "hall.wasm" }
pins = { 17 = { name = "lamp", mode = "out", safe = "low" } }
i2c = { temp = { bus = 1, address = 0x48, write_max = 1, read_max = 2 } }
"#;

/// `work` has three spans one in the other and a transfer, `odd` uses spans in wrong ways, `trap` traps in
/// one.
const MODULE: &str = r#"(module
    (import "trace" "start_span" (func $start (param i32 i32) (result i32)))
    (import "trace" "end_span" (func $end (param i32)))
    (import "trace" "set_attr_i64" (func $i64 (param i32 i32 i32 i64)))
    (import "trace" "set_attr_str" (func $str (param i32 i32 i32 i32 i32)))
    (import "time" "delay_us" (func $delay (param i32)))
    (import "i2c" "write_read" (func $i2c (param i32 i32 i32 i32 i32) (result i32)))
    (memory 1)
    (data (i32.const 64) "fillpourchecklitreskindwater")
    (data (i32.const 128) "gr\c3\bcn\00")
    (data (i32.const 144) "\ff\fe\00")
    (func (export "work") (param i32)
        (local $fill i32) (local $pour i32) (local $check i32)
        (local.set $fill (call $start (i32.const 64) (i32.const 4)))
        (call $i64 (local.get $fill) (i32.const 77) (i32.const 6) (i64.extend_i32_s (local.get 0)))
        (call $str (local.get $fill) (i32.const 83) (i32.const 4) (i32.const 87) (i32.const 5))
        (call $delay (i32.const 30))
        (local.set $pour (call $start (i32.const 68) (i32.const 4)))
        (call $delay (i32.const 40))
        (local.set $check (call $start (i32.const 72) (i32.const 5)))
        (drop (call $i2c (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 2)))
        (call $end (local.get $check))
        (call $end (local.get $pour))
        (call $end (local.get $fill)))
    (func (export "named") (param i32 i32) (call $end (call $start (local.get 0) (local.get 1))))
    (func (export "odd")
        (drop (call $start (i32.const 64) (i32.const 4)))
        (call $end (i32.const 99)))
    (func (export "trap")
        (drop (call $start (i32.const 64) (i32.const 4)))
        unreachable))"#;

/// Compiles the panel.
pub(crate) fn built() -> Compiled {
    let manifest = Manifest::parse("panel.toml", MANIFEST).unwrap_or_else(|errors| panic!("{errors}"));
    compile(&manifest, &wat::parse_str(MODULE).unwrap()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Starts a device with the panel, whose time goes on with the machine's. Returns its port.
pub(crate) fn serve(built: &Compiled) -> String {
    let words = built.words.clone();
    let (listener, port) = listen();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let mut device = device(words);
        let mut hosts: Vec<(Socket, Service)> = Vec::new();
        let mut before = Instant::now();
        loop {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).unwrap();
                hosts.push((Socket::new(stream), Service::new(IDENTITY)));
            }
            let now = Instant::now();
            let us = u64::try_from(now.duration_since(before).as_micros()).unwrap();
            before = now;
            device.pass(us, |board, us| board.port_mut().port_mut().advance(us));
            for (wire, service) in &mut hosts {
                while service.poll(wire, &mut device) {}
            }
            hosts.retain(|(wire, _)| wire.is_open());
            thread::sleep(Duration::from_millis(1));
        }
    });
    port
}

/// Connects to a device.
pub(crate) fn client(port: &str) -> Client {
    Client::connect(&port.parse().unwrap(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Calls an export; what it comes to is the device's to tell.
pub(crate) fn call(client: &mut Client, name: &str, args: &[&str]) {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_string()).collect();
    _ = xmap_client::run_call(client, name, &args).unwrap_or_else(|error| panic!("{error}"));
}

/// Runs `xmap-trace`; it finds no map but those that are given.
pub(crate) fn trace(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// `xmap-trace`, to be started.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmap-trace"));
    command.args(args).env("XMAP_MAPS", "");
    command
}

/// A folder of a test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes the panel's map into a folder; returns its path.
pub(crate) fn map_in(folder: &Path, built: &Compiled) -> String {
    let path = folder.join("panel.map");
    std::fs::write(&path, built.map.to_json()).unwrap();
    path.to_str().unwrap().to_string()
}

/// The bodies that a receiver was sent.
pub(crate) type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

/// Starts a receiver of OTLP that gives each message to `answer`, by its number, and sends what that returns;
/// none is no answer at all. Returns where it listens, and the bodies of the messages.
pub(crate) fn receiver(
    mut answer: impl FnMut(usize) -> Option<&'static str> + Send + 'static,
) -> (SocketAddr, Bodies) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bodies = Bodies::default();
    let kept = bodies.clone();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for (n, stream) in listener.incoming().flatten().enumerate() {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut stream = stream;
            let Some(body) = body(&mut stream) else { continue };
            kept.lock().unwrap().push(body);
            match answer(n) {
                Some(text) => _ = stream.write_all(text.as_bytes()),
                None => silent.push(stream),
            }
        }
    });
    (address, bodies)
}

/// Says that a message was taken.
pub(crate) const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.split_once("content-length: ")?.1;
        let length: usize = length.lines().next()?.trim().parse().ok()?;
        if bytes.len() >= end + 4 + length {
            return Some(bytes[end + 4..end + 4 + length].to_vec());
        }
    }
}
