//! What systemd is told: that the service is ready, still runs, and stops.

use std::time::Duration;

use sd_notify::NotifyState;

/// The expectations of the service manager.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    /// Microseconds between two signs of life, half of what the manager waits; `u64::MAX` where it does not.
    feed_us: u64,
    next_us: u64,
}

impl Manager {
    /// Returns what the environment says that the manager expects.
    pub fn from_environment() -> Self {
        Self::new(sd_notify::watchdog_enabled())
    }

    fn new(patience: Option<Duration>) -> Self {
        let feed_us = patience.map_or(u64::MAX, |patience| patience.as_micros() as u64 / 2);
        Self { feed_us, next_us: 0 }
    }

    /// Gives a sign of life where one is due. Only the main loop calls this, so a service that hangs is
    /// noticed. When the next one is due.
    pub fn feed(&mut self, now_us: u64) -> u64 {
        if self.feed_us == u64::MAX {
            return u64::MAX;
        }
        if now_us >= self.next_us {
            alive();
            self.next_us = now_us.saturating_add(self.feed_us);
        }
        self.next_us
    }
}

/// A sign of life, for the inside of a long wait.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The link is open and the panel was mounted, or was not for a reason that the status has.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service stops, as it was asked to.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Without a manager this does nothing; a manager that does not listen is not the panel's trouble.
    _ = sd_notify::notify(states);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_come_twice_in_the_managers_patience() {
        let mut manager = Manager::new(Some(Duration::from_secs(10)));
        assert_eq!(manager.feed(1), 5_000_001);
        assert_eq!(manager.feed(5_000_000), 5_000_001);
        assert_eq!(manager.feed(5_000_001), 10_000_001);
        assert_eq!(Manager::new(None).feed(7), u64::MAX);
    }
}
