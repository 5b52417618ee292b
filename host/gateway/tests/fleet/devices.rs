//! Thousands of devices in one process: the device program on the simulated board, each behind a socket of
//! its own and with time that passes as ours does. What its lamp did is seen at the board, not asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tiny_mapper::STACK_SLOTS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use xmap_boards::{BoardId, Line};
use xmap_device::{Device, Identity, Owned, Recorder, Service, SlotMemory, Volatile, Wire};
use xmap_link::{Boot, Life, features};
use xmap_sim::{Heap, SimBoard};

/// The lamp, which is on from the first moment.
const LAMP: u8 = 17;
/// The jumper that the bad panel cannot bear.
const JUMPER: u8 = 27;
/// The longest rest, and how long a host may take nothing.
const REST: Duration = Duration::from_secs(1);
const WRITE: Duration = Duration::from_secs(5);
/// Events that are handled before hosts get a turn.
const TURNS: u32 = 256;

const IDENTITY: Identity = Identity {
    board: BoardId::Rpi4b as u16,
    boot: Boot::Normal,
    features: features::TRACE | features::TEXT | features::SIMULATED,
    clock_hz: 1_000_000,
    firmware: "0.1.0 fleet",
};

type Program = Device<Heap, Recorder<SimBoard, 64, 512>, Option<Owned<Volatile>>>;

/// A device.
pub(crate) struct Simulated {
    pub(crate) name: String,
    pub(crate) socket: PathBuf,
    state: Mutex<State>,
}

struct State {
    program: Program,
    began: Instant,
    glitches: u32,
}

/// The state of module 0 and of the lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: u32,
    pub(crate) on_trial: bool,
    pub(crate) running: bool,
    pub(crate) lit: bool,
    pub(crate) glitches: u32,
}

impl Simulated {
    /// Starts a device with this image, and its lamp on.
    pub(crate) fn start(
        folder: &Path,
        name: &str,
        image: &[u8],
        jumper: bool,
        owner: Option<Owned<Volatile>>,
    ) -> Arc<Self> {
        let rooms = std::array::from_fn(|_| [room(), room()]);
        let mut program: Program = Device::with_trust(Recorder::new(SimBoard::new()), rooms, owner);
        program.board_mut().port_mut().drive(Line::new(JUMPER).unwrap(), Some(jumper)).unwrap();
        program.install_from(0, image, "uart").unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
        let lamp_on = program.find("hall.lamp_on").unwrap_or_else(|| panic!("{name} has no lamp"));
        program.call(lamp_on, &[], &mut []).unwrap_or_else(|error| panic!("{error:?}"));
        program.board_mut().port_mut().forget();
        let state = Mutex::new(State { program, began: Instant::now(), glitches: 0 });
        let socket = folder.join(name);
        let device = Arc::new(Self { name: name.to_string(), socket, state });
        assert!(device.seen().lit, "{name}: its lamp is on");
        tokio::spawn(device.clone().run());
        device
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Returns how it is.
    pub(crate) fn seen(&self) -> Seen {
        let mut state = self.state();
        let glitches = state.glitches;
        let status = state.program.status(0).unwrap();
        Seen {
            version: status.image.map_or(0, |image| image.version),
            on_trial: status.trial_ms > 0,
            running: status.life == Life::Running,
            lit: state.program.board_mut().port_mut().is_high(Line::new(LAMP).unwrap()),
            glitches,
        }
    }

    async fn run(self: Arc<Self>) {
        loop {
            // A file of the socket before is nobody's.
            _ = std::fs::remove_file(&self.socket);
            // Once the test is over there is no folder any more.
            let Ok(listener) = UnixListener::bind(&self.socket) else { return };
            let stream = loop {
                tokio::select! {
                    accepted = listener.accept() => if let Ok((stream, _)) = accepted { break stream },
                    () = tokio::time::sleep(self.pass()) => {}
                }
            };
            // A device has one host at a time; without the listener it takes one descriptor.
            drop(listener);
            self.serve(stream).await;
        }
    }

    async fn serve(&self, mut stream: UnixStream) {
        let (mut pipe, mut service) = (Pipe::default(), Service::new(IDENTITY));
        let mut buffer = [0; 1024];
        loop {
            {
                let mut state = self.state();
                while service.poll(&mut pipe, &mut state.program) {}
                service.send_texts(&mut pipe, &mut state.program);
            }
            if !pipe.to_host.is_empty() {
                let sent = tokio::time::timeout(WRITE, stream.write_all(&pipe.to_host)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
                pipe.to_host.clear();
            }
            let rest = self.pass();
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(read @ 1..) => pipe.take(&buffer[..read]),
                    _ => break,
                },
                () = tokio::time::sleep(rest) => {}
            }
        }
        service.end(&mut self.state().program);
    }

    /// Lets time pass up to now, and notes what the lamp did. Returns the time until there is more to do.
    fn pass(&self) -> Duration {
        let mut state = self.state();
        let State { program, began, glitches } = &mut *state;
        let now_us = began.elapsed().as_micros() as u64;
        let done = program.pass_until(now_us, TURNS, |board, us| board.port_mut().advance(us));
        let lamp = Line::new(LAMP).unwrap();
        let board = program.board_mut().port_mut();
        let dark = |change: &&xmap_sim::Change| change.line == lamp && !change.high;
        *glitches += board.changes().iter().filter(dark).count() as u32 + u32::from(!board.is_output(lamp));
        board.forget();
        let next = Duration::from_micros(program.next_wake_us().saturating_sub(now_us));
        if done { next.min(REST) } else { Duration::ZERO }
    }
}

/// The room of a slot: enough for the panels of this test, as there are eighty thousand.
fn room() -> SlotMemory<Heap> {
    SlotMemory {
        words: vec![0; 1 << 10],
        stack: vec![0; STACK_SLOTS],
        globals: vec![0; 1 << 6],
        memory: Vec::new(),
    }
}

/// What came from a host, and what is to go there.
#[derive(Default)]
struct Pipe {
    from_host: Vec<u8>,
    at: usize,
    to_host: Vec<u8>,
}

impl Pipe {
    fn take(&mut self, bytes: &[u8]) {
        self.from_host.drain(..self.at);
        self.at = 0;
        self.from_host.extend_from_slice(bytes);
    }
}

impl Wire for Pipe {
    fn read(&mut self) -> Option<u8> {
        let byte = *self.from_host.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.to_host.extend_from_slice(bytes);
    }

    fn origin(&self) -> &'static str {
        "uart"
    }
}
