//! A device's task: one thread that has the session, answers jobs in their order, and looks for news between
//! them. It connects again by itself, and nobody waits for it who asks another device.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value as Json;
use tokio::sync::oneshot;
use xmap_boards::Line;
use xmap_client::{Client, Options, PortName};
use xmap_compiler::codes::Code;
use xmap_image::OwnedImage;
use xmap_trust::Seal;

use crate::config::{DeviceConfig, Reached};
use crate::hub::Hub;
use crate::problem::Problem;
use crate::shelf::Shelf;
use crate::simulated::Simulated;
use crate::state::State;
use crate::task::Task;
use crate::uses::Held;

/// Jobs that wait for a device; further ones are refused.
const WAITING: usize = 32;
/// How long a job may take: a transfer over a slow wire does.
const OVERDUE: Duration = Duration::from_secs(120);
/// The first rest before another try to connect; each that fails doubles it.
const FIRST_REST: Duration = Duration::from_millis(200);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(15);
/// Stack of a device's thread: the client's buffers take some kilobytes.
const STACK_BYTES: usize = 512 << 10;

/// A request to a device.
pub enum Ask {
    /// Run an export, with its arguments as text.
    Call {
        /// Its key.
        key: String,
        /// The arguments.
        args: Vec<String>,
    },
    /// Connect a level to an input of a simulated device, or disconnect it.
    Drive {
        /// The line.
        line: Line,
        /// The level.
        level: Option<bool>,
    },
    /// Send an image.
    Swap {
        /// The module.
        module: u8,
        /// The image.
        image: Box<OwnedImage>,
        /// The seal behind it.
        seal: Option<Box<Seal>>,
        /// Whether it may break clients that are connected.
        force: bool,
    },
    /// Bind what callers hold, and give back what none holds any more.
    Hold,
    /// End a trial.
    Confirm(u8),
    /// Go back.
    Rollback(u8),
    /// Load a module anew.
    Reset(u8),
}

/// The answer of a device.
pub type Answer = Result<Json, Problem>;

/// A request on its way to the device's thread.
pub struct Job {
    /// The request.
    pub ask: Ask,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

/// The gateway's handle of a device.
pub struct Device {
    /// Its name.
    pub name: Arc<str>,
    /// Its port, as text.
    pub port: String,
    /// Whether its inputs can be driven from here.
    pub drivable: bool,
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

/// What the thread and the handle share.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    watchers: AtomicUsize,
    pub(crate) held: Arc<Held>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while it is locked")
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }
}

/// Somebody who looks at a device: news come faster while there is one.
pub struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the thread reaches its device.
pub(crate) enum Way {
    Port(PortName, Box<Options>),
    Simulated(Simulated),
}

impl Device {
    /// Starts the task of a device.
    ///
    /// # Errors
    /// Why a simulated one does not start.
    pub fn start(config: DeviceConfig, hub: &Hub, shelf: &Arc<Shelf>) -> Result<Self, String> {
        config.panels.iter().for_each(|panel| shelf.pin(panel));
        let (port, way) = match config.source {
            Reached::Port(port, options) => (port.to_string(), Way::Port(port, options)),
            Reached::Simulated => {
                ("simulated".to_string(), Way::Simulated(Simulated::start(&config.panels)?))
            }
        };
        let drivable = matches!(way, Way::Simulated(_));
        let name: Arc<str> = config.name.into();
        let shared = Arc::new(Shared::default());
        let (jobs, received) = sync_channel(WAITING);
        let task = Task::new(name.clone(), shared.clone(), hub.clone(), shelf.clone(), config.look);
        thread::Builder::new()
            .name(format!("device {name}"))
            .stack_size(STACK_BYTES)
            .spawn(move || run(task, &way, &received))
            .map_err(|error| error.to_string())?;
        Ok(Self { name, port, drivable, jobs, shared })
    }

    /// Returns what is known of it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Looks at it until the watch is dropped.
    pub fn watch(&self) -> Watch {
        self.shared.watchers.fetch_add(1, Ordering::Relaxed);
        Watch(self.shared.clone())
    }

    /// Returns what callers hold of it.
    pub(crate) fn held(&self) -> Arc<Held> {
        self.shared.held.clone()
    }

    /// Returns whether there is a session.
    ///
    /// # Errors
    /// X1506.
    pub fn must_be_here(&self) -> Result<(), Problem> {
        let state = self.state();
        if state.online { Ok(()) } else { Err(away(&self.name, state.error.as_ref())) }
    }

    /// Asks it, and waits for the answer.
    ///
    /// # Errors
    /// X1506 while it is away, X1510 where too many wait, X1512 where it takes too long; what the device
    /// says.
    pub async fn ask(&self, ask: Ask) -> Answer {
        self.must_be_here()?;
        let (reply, answer) = oneshot::channel();
        match self.jobs.try_send(Job { ask, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Problem::too_much(format!("{}: {WAITING} requests wait for it", self.name)));
            }
            Err(TrySendError::Disconnected(_)) => return Err(away(&self.name, None)),
        }
        match tokio::time::timeout(OVERDUE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(away(&self.name, self.state().error.as_ref())),
            Err(_) => {
                let detail = format!("{}: no answer within {} s", self.name, OVERDUE.as_secs());
                Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, Code::Overdue, detail))
            }
        }
    }
}

/// The problem of a device without a session.
fn away(name: &str, error: Option<&(String, String)>) -> Problem {
    let why = error.map_or_else(|| "it is being connected".to_string(), |(_, text)| text.clone());
    let detail = format!("{name}: not connected: {why}");
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::DeviceAway, detail);
    Problem { retry_s: Some(1), ..problem }
}

/// Connects, serves, and connects again, until nobody holds the device.
fn run(mut task: Task, way: &Way, jobs: &Receiver<Job>) {
    let mut rest = FIRST_REST;
    loop {
        let began = Instant::now();
        let client = match way {
            Way::Port(port, options) => Client::connect(port, options),
            Way::Simulated(simulated) => simulated.client(&task.name),
        };
        let simulated = if let Way::Simulated(simulated) = way { Some(simulated) } else { None };
        let ended = client.and_then(|client| task.serve(client, jobs, simulated));
        let error = match ended {
            Ok(()) => return,
            Err(error) => error,
        };
        let code = Code::from_number(error.code.number()).map_or_else(String::new, |code| code.to_string());
        task.offline(&code, &error.to_string());
        // A session that lasted was a good one.
        if began.elapsed() > LONGEST_REST {
            rest = FIRST_REST;
        }
        let until = Instant::now() + jittered(rest);
        rest = (rest * 2).min(LONGEST_REST);
        loop {
            match jobs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(job) => {
                    _ = job.reply.send(Err(away(&task.name, Some(&(code.clone(), error.to_string())))));
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Up to a quarter more or less, so that devices behind one broken thing do not come back all at once.
fn jittered(rest: Duration) -> Duration {
    let mut byte = [128];
    _ = getrandom::fill(&mut byte);
    rest.mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}
