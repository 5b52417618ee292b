//! What systemd is told: that the gateway answers, and that it still does.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::http::App;

/// Tells the service manager that the gateway answers, and gives signs of life as often as it asks for them.
/// Without a manager this does nothing.
pub fn ready(app: &Arc<App>, address: &str) {
    let status = format!("serving {} devices at {address}", app.devices.len());
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(live(app.clone(), patience / 2));
}

/// Tells the service manager that the gateway ends, as it was asked to.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life from a task among those that answer requests: a runtime that is stuck gives none, and
/// neither does one where the state of a device cannot be had.
async fn live(app: Arc<App>, rest: Duration) {
    loop {
        app.devices.iter().for_each(|device| drop(device.state()));
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(rest).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // A manager that does not listen is not the gateway's trouble.
    _ = sd_notify::notify(states);
}
