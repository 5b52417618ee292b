//! The wall clock of a device.

use std::time::{SystemTime, UNIX_EPOCH};

use xmap_link::{ClockStatus, Refusal, Request, Response, features};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

/// Returns the time of this machine, in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Client {
    /// Returns what the wall clock says, and what waits for it; `None` where the firmware knows none.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn clock(&mut self) -> Result<Option<ClockStatus>, Error> {
        match self.ask(&Request::Clock)? {
            Response::Clock(status) => Ok(Some(status)),
            Response::Refused(Refusal::Unsupported) => Ok(None),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Sets the wall clock, in microseconds since 1970.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] where the device has its system's clock, or none.
    pub fn set_clock(&mut self, unix_us: i64) -> Result<ClockStatus, Error> {
        match self.ask(&Request::SetClock { unix_us })? {
            Response::Clock(status) => Ok(status),
            Response::Refused(Refusal::Unsupported) if self.hello().features & features::LINUX != 0 => {
                let help = "set that one: `timedatectl`, or `date --set` there".to_string();
                Err(self.error(ErrorCode::NoFeature, "it has the clock of its Linux").help(help))
            }
            Response::Refused(Refusal::Unsupported) => {
                let help = "flash the firmware that belongs to this xmap (`cargo xtask image`)".to_string();
                Err(self.error(ErrorCode::NoFeature, "its firmware has no wall clock").help(help))
            }
            other => Err(self.unwanted(&other)),
        }
    }
}
