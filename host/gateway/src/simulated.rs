//! A simulated device: the device program on the simulated board, in a thread of its own, behind a
//! connection that only this process has.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tiny_mapper::STACK_SLOTS;
use xmap_boards::{BoardId, Line};
use xmap_client::{Client, Error, ErrorCode, Options};
use xmap_device::{Device, Failure, Identity, Limits, Recorder, Service, SlotMemory, Wire};
use xmap_image::limits::MAX_MODULES;
use xmap_link::{Boot, features};
use xmap_sim::{Heap, SimBoard};

use crate::panel::Panel;

/// The longest rest: how late a press of an input may be.
const REST: Duration = Duration::from_millis(20);
/// How long a host may take nothing before its connection ends.
const WRITE: Duration = Duration::from_secs(5);
/// Events that are handled before hosts get a turn. A panel that has more to do than fits real time is slow,
/// and still answers.
const TURNS: u32 = 4096;

/// Bytes of linear memory of a slot: there are eight of a device, and may be hundreds of devices.
const MEMORY_BYTES: usize = 1 << 20;

/// Stores and bytes of messages that the device holds.
type Board = Recorder<SimBoard, 512, 4096>;

/// The gateway's end of a simulated device.
#[derive(Clone, Debug)]
pub struct Simulated {
    orders: Sender<Order>,
}

enum Order {
    Host(TcpStream),
    Drive(Line, Option<bool>),
}

impl Simulated {
    /// Starts a device with these panels, module 0 first. Its time passes as ours does.
    ///
    /// # Errors
    /// Why a panel is not mounted.
    pub fn start(panels: &[Panel]) -> Result<Self, String> {
        let images: Vec<Vec<u8>> = panels.iter().map(|panel| panel.image.image().bytes().to_vec()).collect();
        let device = device(&images)?;
        let (orders, received) = channel();
        thread::Builder::new()
            .name("simulated".into())
            .spawn(move || run(device, &images, &received))
            .map_err(|error| error.to_string())?;
        Ok(Self { orders })
    }

    /// Connects a host.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ours = TcpStream::connect(listener.local_addr()?)?;
        loop {
            // Any program of this machine may come first.
            let (theirs, from) = listener.accept()?;
            if from == ours.local_addr()? {
                _ = self.orders.send(Order::Host(theirs));
                return Ok(ours);
            }
        }
    }

    /// Connects a host and greets the device.
    ///
    /// # Errors
    /// X0901, and those of [`Client::over`].
    pub fn client(&self, name: &str) -> Result<Client, Error> {
        let wire = self.connect().and_then(|stream| xmap_client::Wire::over(name, stream));
        let wire = wire.map_err(|error| {
            Error::new(ErrorCode::PortUnavailable, name, format!("{name}: cannot be opened: {error}"))
        })?;
        Client::over(wire, &Options::default())
    }

    /// Connects a level to an input, or disconnects what was connected.
    pub fn drive(&self, line: Line, level: Option<bool>) {
        _ = self.orders.send(Order::Drive(line, level));
    }
}

fn device(images: &[Vec<u8>]) -> Result<Device<Heap, Board>, String> {
    let mut board = SimBoard::new();
    // The recorder has what hosts ask for; a record of everything would grow without end.
    board.record(false);
    let mut device = Device::new(Recorder::new(board), std::array::from_fn(|_| [room(), room()]));
    // Whoever simulates a panel owns it.
    device.set_limits(Limits::none());
    for (module, image) in (0..MAX_MODULES as u8).zip(images) {
        device.install(module, image).map_err(|failure| match failure {
            Failure::Image(error) => error.to_string(),
            Failure::Mount(error) => error.to_string(),
            failure => format!("{failure:?}"),
        })?;
    }
    Ok(device)
}

/// The room of a slot on the board; the operating system gives what is used of it.
fn room() -> SlotMemory<Heap> {
    let limits = BoardId::Rpi4b.board().limits;
    SlotMemory {
        words: vec![0; limits.image_bytes / 4],
        stack: vec![0; STACK_SLOTS],
        globals: vec![0; limits.slots],
        memory: vec![0; limits.memory_bytes.min(MEMORY_BYTES)],
    }
}

const IDENTITY: Identity = Identity {
    board: BoardId::Rpi4b as u16,
    boot: Boot::Normal,
    features: features::TRACE | features::TEXT | features::SIMULATED,
    clock_hz: 1_000_000,
    firmware: concat!(env!("CARGO_PKG_VERSION"), " simulated"),
};

/// A host's connection, and what came over it.
struct Host {
    stream: TcpStream,
    open: bool,
    bytes: Vec<u8>,
    at: usize,
}

impl Host {
    /// Waits until something comes, for at most `time`.
    fn wait(&mut self, time: Duration) {
        let mut buffer = [0; 4096];
        _ = self.stream.set_read_timeout(Some(time.max(Duration::from_micros(100))));
        match self.stream.read(&mut buffer) {
            Ok(read @ 1..) => {
                self.bytes.drain(..self.at);
                self.at = 0;
                self.bytes.extend_from_slice(&buffer[..read]);
            }
            Err(error) if is_pause(&error) => {}
            _ => self.open = false,
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl Wire for Host {
    fn read(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.open && self.stream.write_all(bytes).is_err() {
            self.open = false;
        }
    }

    fn origin(&self) -> &'static str {
        "sim"
    }
}

fn run(mut device: Device<Heap, Board>, images: &[Vec<u8>], orders: &Receiver<Order>) {
    let mut began = Instant::now();
    let mut host: Option<(Host, Service)> = None;
    loop {
        loop {
            match orders.try_recv() {
                Ok(Order::Host(stream)) => {
                    if let Some((_, mut service)) = host.take() {
                        service.end(&mut device);
                    }
                    _ = stream.set_nodelay(true);
                    _ = stream.set_write_timeout(Some(WRITE));
                    let wire = Host { stream, open: true, bytes: Vec::new(), at: 0 };
                    host = Some((wire, Service::new(IDENTITY)));
                }
                Ok(Order::Drive(line, level)) => {
                    // The gateway asks for inputs alone; what became an output meanwhile keeps its level.
                    _ = device.board_mut().port_mut().drive(line, level);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        if let Some((wire, service)) = &mut host {
            while service.poll(wire, &mut device) {}
            service.send_texts(wire, &mut device);
            if service.wants_reset()
                && let Ok(new) = self::device(images)
            {
                (device, began) = (new, Instant::now());
                wire.open = false;
            }
            if !wire.open {
                service.end(&mut device);
                host = None;
            }
        }
        let target_us = began.elapsed().as_micros() as u64;
        let done = device.pass_until(target_us, TURNS, |board, us| board.port_mut().advance(us));
        let next = Duration::from_micros(device.next_wake_us().saturating_sub(target_us));
        let rest = if done { next.min(REST) } else { Duration::ZERO };
        match &mut host {
            Some((wire, _)) => wire.wait(rest),
            None => thread::sleep(rest),
        }
    }
}
