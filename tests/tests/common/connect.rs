//! Connects to a service that is starting, or has much else to do.

use std::thread;
use std::time::{Duration, Instant};

use xmap_client::{Client, Error, Options, PortName};

/// Greets the service until it has time for a request: until its sockets are open there is no answer, and
/// while its main loop is in a long mount, another thread of it greets and refuses all else as busy.
pub(crate) fn connect(name: &PortName, options: &Options, limit: Duration) -> Result<Client, Error> {
    let start = Instant::now();
    loop {
        let ready = Client::connect(name, options).and_then(|mut client| client.status().map(|_| client));
        match ready {
            Err(_) if start.elapsed() < limit => thread::sleep(Duration::from_millis(100)),
            ready => return ready,
        }
    }
}
