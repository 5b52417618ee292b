//! A device behind a socket: the program of the board, on the simulated board, for any number of hosts at a
//! time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xmap_device::{Device, FlightRecorder, Owned, Recorder, Service, Volatile};
use xmap_rig::{Board, IDENTITY, Socket, listen, room};
use xmap_sim::{Heap, SimBoard};

/// Words of a slot in these tests.
pub(crate) const SLOT_WORDS: usize = 4096;

/// What the device did, once it is over.
pub(crate) struct Record {
    /// The stores that drive lines, in order.
    pub(crate) stores: Vec<String>,
    /// Events of module 0, and those that were late, lost or missed.
    pub(crate) events: u32,
    pub(crate) failed_events: u32,
}

/// A device that runs until this is dropped or [`Rig::stop`] is called.
pub(crate) struct Rig {
    /// Where it listens, as `--port` takes it.
    pub(crate) port: String,
    /// Microseconds that its time is ahead of ours.
    ahead_us: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    device: Option<JoinHandle<Record>>,
}

impl Rig {
    /// A device that starts with these images. Its time passes with ours.
    pub(crate) fn start(images: &[&Path]) -> Self {
        Self::of_owner(images, None)
    }

    /// The same of a device that has an owner; its images come from a stick.
    pub(crate) fn of_owner(images: &[&Path], owner: Option<Owned<Volatile>>) -> Self {
        let (listener, port) = listen();
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let images: Vec<Vec<u8>> = images.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let ahead_us = Arc::new(AtomicU64::new(0));
        let (ends, ahead) = (stop.clone(), ahead_us.clone());
        let device = thread::spawn(move || run(&listener, &images, &ahead, owner, &ends));
        Self { port, ahead_us, stop, device: Some(device) }
    }

    /// Lets so many microseconds more pass for the device than for us.
    pub(crate) fn skip(&self, us: u64) {
        self.ahead_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> Record {
        self.stop.store(true, Ordering::SeqCst);
        self.device.take().unwrap().join().unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn run(
    listener: &TcpListener,
    images: &[Vec<u8>],
    ahead_us: &AtomicU64,
    owner: Option<Owned<Volatile>>,
    stop: &AtomicBool,
) -> Record {
    let mut board: Board = FlightRecorder::new(Recorder::new(SimBoard::new()), vec![0; 1 << 20]);
    let began = Instant::now();
    board.port_mut().port_mut().record(true);
    let mut device: Device<Heap, _, _> =
        Device::with_trust(board, std::array::from_fn(|_| [room(SLOT_WORDS), room(SLOT_WORDS)]), owner);
    for (module, image) in (0..).zip(images) {
        device.install_from(module, image, "usb").unwrap();
    }
    let mut hosts: Vec<(Socket, Service)> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            hosts.push((Socket::new(stream), Service::new(IDENTITY)));
        }
        let mut served = false;
        for (wire, service) in &mut hosts {
            served |= service.poll(wire, &mut device);
            service.send_texts(wire, &mut device);
        }
        hosts.retain(|(wire, _)| wire.is_open());
        let target_us = began.elapsed().as_micros() as u64 + ahead_us.load(Ordering::SeqCst);
        let now_us = device.board_mut().port_mut().port_mut().time_us();
        device.pass(target_us.saturating_sub(now_us), |board, us| board.port_mut().port_mut().advance(us));
        if !served {
            thread::sleep(Duration::from_micros(200));
        }
    }
    let status = device.status(0).unwrap();
    let board = device.board_mut().port_mut().port_mut();
    Record {
        stores: board.accesses().filter(|access| access.drives()).map(ToString::to_string).collect(),
        events: status.events,
        failed_events: status.missed + status.dropped + status.coalesced,
    }
}

/// Panels of a test, as files.
pub(crate) struct Panels {
    folder: TempDir,
}

impl Panels {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Writes a panel of one module; `manifest` stands behind the table `[module]`. Its image.
    pub(crate) fn build(&self, name: &str, file: &str, manifest: &str, wat: &str) -> PathBuf {
        let toml = self.folder.path().join(format!("{file}.toml"));
        let head = format!(
            "[module]\nname = \"{name}\"\nnamespace = \"{name}\"\nboard = \"rpi4b\"\nwasm = \"{file}.wat\"\n"
        );
        std::fs::write(&toml, head + manifest).unwrap();
        std::fs::write(toml.with_extension("wat"), wat).unwrap();
        let (out, error, status) = xmap(&["build", toml.to_str().unwrap()]);
        assert_eq!(status, 0, "{out}{error}");
        toml.with_extension("xmap")
    }
}

/// Returns what a verb printed on both outputs, and its exit status.
pub(crate) fn xmap(args: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).env("XMAP_MAPS", "").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// Returns what a verb printed that has to succeed.
pub(crate) fn done(args: &[&str]) -> String {
    let (out, error, status) = xmap(args);
    assert_eq!((error.as_str(), status), ("", 0), "{args:?}: {out}");
    out
}

/// What passes between a host and a device, and may be cut or changed there. Counts the host's frames from 0.
pub(crate) struct Between {
    pub(crate) port: String,
}

/// What becomes of a frame of the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Neither it nor anything behind it arrives: the cable is pulled.
    Cut,
    /// One of its bits is another when it arrives.
    Garbled,
}

impl Between {
    /// One connection to the device at `port`, with this fate for one frame.
    pub(crate) fn start(port: &str, frame: usize, fate: Fate) -> Self {
        let (listener, here) = listen();
        let device = port.strip_prefix("tcp:").unwrap().to_string();
        thread::spawn(move || {
            let (mut host, _) = listener.accept().unwrap();
            let mut device = TcpStream::connect(device).unwrap();
            let (mut back, mut to_host) = (device.try_clone().unwrap(), host.try_clone().unwrap());
            thread::spawn(move || _ = std::io::copy(&mut back, &mut to_host));
            let (mut frames, mut inside, mut at) = (0, false, 0);
            let mut byte = [0];
            while host.read_exact(&mut byte).is_ok() {
                if byte[0] == 0 {
                    frames += usize::from(inside);
                    (inside, at) = (false, 0);
                } else {
                    (inside, at) = (true, at + 1);
                }
                // In the middle of it: the ninth byte is one of the message or of the checksum.
                if frames == frame && inside && at == 9 {
                    match fate {
                        Fate::Cut => break,
                        Fate::Garbled => byte[0] ^= if byte[0] == 4 { 2 } else { 4 },
                    }
                }
                if device.write_all(&byte).is_err() {
                    break;
                }
            }
            _ = host.shutdown(std::net::Shutdown::Both);
            _ = device.shutdown(std::net::Shutdown::Both);
        });
        Self { port: here }
    }
}
