#![forbid(unsafe_code)]
//! Devices for tests: the device program on the simulated board, behind a socket.
//!
//! Begin with [`serve`]. A test that has a main loop of its own takes [`Socket`], [`IDENTITY`] and [`room`].

pub mod firmwares;
pub mod hall;
pub mod schema;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tiny_mapper::STACK_SLOTS;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::input::read_module;
use xmap_compiler::manifest::Manifest;
use xmap_device::{Device, FlightRecorder, Identity, Recorder, Service, SlotMemory, Wire};
use xmap_image::OwnedImage;
use xmap_link::{Boot, features};
use xmap_sim::{Heap, SimBoard};

/// What the devices of tests say of themselves.
pub const IDENTITY: Identity = Identity {
    board: 1,
    boot: Boot::Normal,
    features: features::TRACE | features::TEXT,
    clock_hz: 54_000_000,
    firmware: "0.1.0",
};

/// The simulated board, with a record of stores and messages for hosts, and a flight recorder.
pub type Board = FlightRecorder<Recorder<SimBoard, 64, 512>, Vec<u8>>;

/// Bytes that the flight recorder has room for.
const FLIGHT_BYTES: usize = 1 << 20;

/// A socket as the device's wire, blocking with a time limit or not blocking at all.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    open: bool,
}

impl Socket {
    /// Takes an open connection.
    pub const fn new(stream: TcpStream) -> Self {
        Self { stream, open: true }
    }

    /// Returns whether the host is still there, as far as the latest read or write has shown.
    pub const fn is_open(&self) -> bool {
        self.open
    }
}

/// Returns whether an operation would only have had to wait.
fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Wire for Socket {
    fn read(&mut self) -> Option<u8> {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(1) => Some(byte[0]),
            Err(error) if waits(&error) => None,
            _ => {
                self.open = false;
                None
            }
        }
    }

    fn origin(&self) -> &'static str {
        "uart"
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.open {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if waits(&error) => thread::yield_now(),
                Err(_) => self.open = false,
            }
        }
    }
}

/// Returns the memory of a slot that holds an image of so many words.
pub fn room(words: usize) -> SlotMemory<Heap> {
    SlotMemory {
        words: vec![0; words],
        stack: vec![0; STACK_SLOTS],
        globals: vec![0; 1 << 12],
        memory: vec![0; 1 << 16],
    }
}

/// Returns a device with an image in module 0, and slots as large as a board's for any that is swapped in.
///
/// # Panics
/// Where the words are no image, or it does not mount.
pub fn device(words: Vec<u32>) -> Device<Heap, Board> {
    let rooms = std::array::from_fn(|_| [room(1 << 16), room(1 << 16)]);
    let mut device =
        Device::new(FlightRecorder::new(Recorder::new(SimBoard::new()), vec![0; FLIGHT_BYTES]), rooms);
    let image = OwnedImage::new(words).unwrap_or_else(|error| panic!("{error}"));
    device.install(0, image.image().bytes()).unwrap_or_else(|failure| panic!("{failure:?}"));
    device
}

/// Listens on a free port of this machine. Returns the listener, and the port as `--port` takes it.
///
/// # Panics
/// Where the machine has no free port.
pub fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
    (listener, format!("tcp:{address}"))
}

/// Starts a device with an image in a thread of its own, and serves so many connections, one after the other:
/// each by a service that `service` makes of its number. Returns where it listens, as `--port` takes it.
///
/// # Panics
/// As [`device`] and [`listen`].
pub fn serve(
    words: Vec<u32>,
    hosts: usize,
    mut service: impl FnMut(usize) -> Service + Send + 'static,
) -> String {
    let (listener, port) = listen();
    thread::spawn(move || {
        let mut device = device(words);
        for host in 0..hosts {
            let Ok((stream, _)) = listener.accept() else { return };
            if stream.set_read_timeout(Some(Duration::from_millis(20))).is_err() {
                continue;
            }
            let (mut wire, mut service) = (Socket::new(stream), service(host));
            while wire.is_open() {
                while service.poll(&mut wire, &mut device) {}
                service.send_texts(&mut wire, &mut device);
            }
        }
    });
    port
}

/// Returns the path of the manifest of a panel of `tests/panels`.
pub fn manifest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../panels").join(name).join("panel.toml")
}

/// Compiles a panel of `tests/panels`.
///
/// # Panics
/// Where there is none of that name, or it does not compile.
pub fn panel(name: &str) -> Compiled {
    let compiled = Manifest::read(&manifest(name))
        .and_then(|manifest| compile(&manifest, &read_module(&manifest.wasm_path())?));
    compiled.unwrap_or_else(|errors| panic!("{errors}"))
}
