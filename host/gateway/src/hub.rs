//! Events on their way to everybody who listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value as Json;
use tokio::sync::broadcast::{self, Receiver, Sender};

/// Events that wait for the slowest listener; then it has lost some, and is told how many.
const WAITING: usize = 1024;

/// Something that happened to a device.
#[derive(Debug)]
pub struct Event {
    /// Its number, from 1 since the gateway started.
    pub id: u64,
    /// The device's name.
    pub device: Arc<str>,
    /// Its kind: `online`, `levels`, `store`, `log`, `event`, `modules`, `progress`.
    pub kind: &'static str,
    /// The rest, as JSON.
    pub data: Json,
}

/// The hub where devices put events and listeners take them.
#[derive(Clone, Debug)]
pub struct Hub {
    events: Sender<Arc<Event>>,
    last: Arc<AtomicU64>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { events: broadcast::channel(WAITING).0, last: Arc::default() }
    }
}

impl Hub {
    /// Tells everybody; never waits.
    pub fn tell(&self, device: &Arc<str>, kind: &'static str, data: Json) {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // Without listeners nobody is told.
        _ = self.events.send(Arc::new(Event { id, device: device.clone(), kind, data }));
    }

    /// Listens from now on.
    pub fn listen(&self) -> Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// The number of the latest event.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}
