//! Outputs become safe where the main loop hangs: the same as the watchdog's interrupt does on bare metal.
//!
//! The main loop works the stores out whenever an image changes, and says all the time that it runs. A thread
//! that does nothing else stores them once it has not said so for [`PATIENCE_US`]. systemd's watchdog, which
//! waits longer, then ends the program and starts it again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use xmap_bcm2711::{Pads, Prepared, SafeStores};

use crate::clock::monotonic_ns;
use crate::error::{Error, Result};
use crate::keep::Starts;
use crate::{log, realtime};

/// What the main loop has between two signs of life, in microseconds: half of what the unit's watchdog waits.
pub const PATIENCE_US: u64 = 5_000_000;

/// What a call or a mount has for its end when a signal asks the service to stop, in microseconds. After that
/// the guard ends the service.
const STOP_US: u64 = 2_000_000;

/// The main loop's end of it.
#[derive(Clone, Debug)]
pub struct Watchdog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    alive_ns: AtomicU64,
    /// When the main loop began its latest turn. Unlike a sign of life this does not come from within a wait.
    turned_ns: AtomicU64,
    over: AtomicBool,
    /// Whether the main loop has hung since somebody asked.
    hung: AtomicBool,
    safe: Mutex<Prepared>,
}

/// The tasks of the watchdog beside making outputs safe.
#[derive(Debug, Default)]
pub struct Watch {
    /// Priority of the main loop.
    pub main_priority: u8,
    /// Set by a signal that asks for the end.
    pub stop: Arc<AtomicBool>,
    /// Told of a hang.
    pub starts: Option<Starts>,
}

impl Watchdog {
    /// A guard that nobody is behind yet: [`Watchdog::watch`].
    pub fn new() -> Self {
        let safe = Mutex::new(SafeStores::NONE.into());
        Self(Arc::new(Shared {
            alive_ns: AtomicU64::new(monotonic_ns()),
            turned_ns: AtomicU64::new(monotonic_ns()),
            over: AtomicBool::new(false),
            hung: AtomicBool::new(false),
            safe,
        }))
    }

    /// Starts the thread, with a priority above the main loop's, where the system permits one.
    ///
    /// # Errors
    /// [`crate::error::Code::System`].
    pub fn watch(&self, mut pads: Pads<'static>, watch: Watch) -> Result<()> {
        let shared = self.0.clone();
        let work = move || {
            realtime::raise_above(watch.main_priority);
            let mut told_ns = 0;
            let mut asked_ns = None;
            while !shared.over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_micros(PATIENCE_US / 10));
                let alive_ns = shared.alive_ns.load(Ordering::Relaxed);
                let hangs = monotonic_ns().saturating_sub(alive_ns) >= PATIENCE_US * 1000;
                if hangs && told_ns != alive_ns && !shared.over.load(Ordering::Relaxed) {
                    told_ns = alive_ns;
                    pads.make_safe(&lock(&shared.safe));
                    let seconds = PATIENCE_US / 1_000_000;
                    log::error(format_args!(
                        "outputs were made safe: the device did nothing else for {seconds} s"
                    ));
                    shared.hung.store(true, Ordering::Relaxed);
                    if let Some(starts) = &watch.starts {
                        starts.note_hang();
                    }
                }
                if watch.stop.load(Ordering::Relaxed) && !shared.over.load(Ordering::Relaxed) {
                    let since_ns = *asked_ns.get_or_insert_with(monotonic_ns);
                    if monotonic_ns().saturating_sub(since_ns) >= STOP_US * 1000 {
                        pads.make_safe(&lock(&shared.safe));
                        log::error(
                            "stopped in the middle of a module's call or mount: outputs were made safe; what changed \
                             since the last write is not kept",
                        );
                        log::flush(Duration::from_millis(500));
                        std::process::exit(0);
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("xmapd-guard".into()).spawn(work);
        thread.map(drop).map_err(|error| Error::system("the thread that guards", error))
    }

    /// The main loop runs.
    #[inline]
    pub fn alive(&self) {
        self.0.alive_ns.store(monotonic_ns(), Ordering::Relaxed);
    }

    /// The main loop begins a turn.
    pub fn turned(&self) {
        self.0.turned_ns.store(monotonic_ns(), Ordering::Relaxed);
    }

    /// Microseconds since the main loop began its latest turn.
    pub fn busy_us(&self) -> u64 {
        monotonic_ns().saturating_sub(self.0.turned_ns.load(Ordering::Relaxed)) / 1000
    }

    /// Returns whether the main loop has hung since this was last asked.
    pub fn take_hung(&self) -> bool {
        self.0.hung.swap(false, Ordering::Relaxed)
    }

    /// Sets what makes outputs safe from now on.
    pub fn set_safe(&self, stores: SafeStores) {
        *lock(&self.0.safe) = stores.into();
    }

    /// Runs something that reads a register of functions and writes it back, which the guard does, too.
    pub fn apart<T>(&self, work: impl FnOnce() -> T) -> T {
        let _safe = lock(&self.0.safe);
        work()
    }

    /// The main loop has ended, and nobody is to be watched.
    pub fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self::new()
    }
}

fn lock(safe: &Mutex<Prepared>) -> MutexGuard<'_, Prepared> {
    // Nobody panics with it in hand.
    safe.lock().unwrap_or_else(PoisonError::into_inner)
}
