//! What a restart of a device brings: asked until a write has ended.

use std::thread;
use std::time::{Duration, Instant};

use xmap_link::{KeepStatus, Request, Response, Thing, features};

use super::client::Client;
use crate::error::{Error, ErrorCode};

/// How long to rest between two questions whether a write has ended.
const POLL: Duration = Duration::from_millis(50);
/// How long a write may take before it counts as one that failed: a slow card needs a second.
const PATIENCE: Duration = Duration::from_secs(20);

impl Client {
    /// Returns what of the device outlives a restart; `None` where its firmware does not say.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn kept(&mut self) -> Result<Option<KeepStatus>, Error> {
        if self.hello().features & features::EDITION == 0 {
            return Ok(None);
        }
        match self.ask(&Request::Kept)? {
            Response::Kept(status) => Ok(Some(status)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns whether things ([`Thing::bit`]) that count as good are on the device's storage; waits while
    /// one is being written. `None` where the device has no storage: it promises nothing.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NotKept`] where one of them is not there.
    pub fn must_keep(&mut self, name: &str, things: u16) -> Result<Option<()>, Error> {
        let start = Instant::now();
        loop {
            let Some(status) = self.kept()?.filter(|status| status.storage) else { return Ok(None) };
            if status.missing & things == 0 {
                return Ok(Some(()));
            }
            if !status.pending || start.elapsed() > PATIENCE {
                return Err(self.not_kept(name, things, &status));
            }
            if self.left().is_some_and(|left| left.is_zero()) {
                return Err(self.time_is_up());
            }
            thread::sleep(POLL);
        }
    }

    fn not_kept(&self, name: &str, things: u16, status: &KeepStatus) -> Error {
        let why = status.fault.map_or_else(|| "the disk does not answer".into(), |fault| fault.to_string());
        let is = if things & Thing::Policy.bit(0) != 0 { "holds" } else { "runs" };
        let message = format!("{name} {is}, and is not on the disk: {why}");
        let help = "a restart brings what was there before; the device goes on trying, and `xmap status` says when it is kept";
        self.error(ErrorCode::NotKept, &message).help(help.to_string())
    }
}
