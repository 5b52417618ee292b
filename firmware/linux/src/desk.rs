//! Answers hosts while the main loop is in a module's call or mount: "busy", rather than nothing.
//!
//! The sockets are open before the first module is mounted. A thread of its own looks whether the main loop
//! still turns; while it does not, the thread takes the hosts that come, greets them and refuses what they
//! ask with [`Refusal::Busy`]. It touches neither the device nor the sessions of hosts that are served
//! already.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xmap_device::Identity;
use xmap_link::{FrameReader, Hello, PROTOCOL, Refusal, Request, Responder, Response, features};

use crate::error::{Error, Result};
use crate::guard::Watchdog;
use crate::sockets::{Listener, Stream};

/// How long the main loop may be in one call before hosts are refused, in microseconds: longer than a call
/// may wait by default (2 s), since behind it hosts have a turn, and shorter than a host waits for an answer
/// (4.5 s).
const BUSY_US: u64 = 2_500_000;
/// When a host may try again, in milliseconds.
const RETRY_MS: u32 = 1000;
/// Hosts that are refused at a time, and how long each may stay.
const MOST: usize = 32;
const STAY: Duration = Duration::from_secs(5);
/// How often the thread looks whether the main loop turns, and how often it looks after hosts where it does
/// not.
const LOOK: Duration = Duration::from_millis(250);
const SERVE: Duration = Duration::from_millis(20);

/// The thread; it ends with this value.
#[derive(Debug)]
pub struct Desk {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`crate::error::Code::System`].
    pub fn open(
        listeners: Arc<Vec<Listener>>,
        guard: Watchdog,
        identity: Identity,
        guarded: bool,
    ) -> Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let features = identity.features | features::SWAP | if guarded { features::GUARDED } else { 0 };
        let identity = Identity { features, ..identity };
        let work = move || {
            let mut visitors = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                let busy = guard.busy_us() >= BUSY_US;
                for listener in listeners.iter().filter(|_| busy) {
                    while visitors.len() < MOST
                        && let Some(stream) = listener.accept()
                    {
                        visitors.push(Visitor::new(stream));
                    }
                }
                visitors.retain_mut(|visitor: &mut Visitor| visitor.serve(&identity).is_ok());
                thread::park_timeout(if busy || !visitors.is_empty() { SERVE } else { LOOK });
            }
        };
        let thread = thread::Builder::new().name("xmapd-desk".into()).spawn(work);
        let thread =
            thread.map_err(|error| Error::system("the thread that answers while a call runs", error))?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does not panic.
            _ = thread.join();
        }
    }
}

/// A host that is refused.
struct Visitor {
    stream: Stream,
    reader: FrameReader,
    responder: Responder,
    since: Instant,
}

impl Visitor {
    fn new(stream: Stream) -> Self {
        let (reader, responder) = (FrameReader::new(), Responder::new());
        Self { stream, reader, responder, since: Instant::now() }
    }

    /// Answers what has come.
    ///
    /// # Errors
    /// Where the host is gone, or its time is over.
    fn serve(&mut self, identity: &Identity) -> io::Result<()> {
        if self.since.elapsed() > STAY {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut buffer = [0; 1024];
        let count = match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        for byte in buffer.get(..count).unwrap_or_default() {
            let Some(frame) = self.reader.feed(*byte) else { continue };
            let answer = self.responder.respond(&frame, |request| refuse(&request, identity));
            // A host that does not read its short answer is let go.
            self.stream.write_all(answer)?;
        }
        Ok(())
    }
}

/// The answer to a host that nobody has time for. A greeting is answered, as nothing else could be told
/// before.
fn refuse(request: &Request, identity: &Identity) -> Response {
    let Request::Hello { nonce, .. } = request else {
        return Response::Refused(Refusal::Busy { retry_ms: RETRY_MS });
    };
    Response::Hello(Hello {
        protocol: PROTOCOL,
        nonce: *nonce,
        board: identity.board,
        boot: identity.boot,
        features: identity.features,
        clock_hz: identity.clock_hz,
        firmware: identity.firmware.try_into().unwrap_or_default(),
        image: None,
    })
}
