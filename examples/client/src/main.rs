#![forbid(unsafe_code)]
//! A host program: asks a device who it is, calls an export, and prints what the device says.
//!
//! ```sh
//! cargo run -p example-client -- tcp:localhost:5555 hall.lamp_set 1
//! ```

use std::env;
use std::process::ExitCode;

use xmap_client::{Client, Error, Options, Outcome, PortName};
use xmap_link::Export;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some((port, name, export, values)) = read(&args) else {
        eprintln!("usage: example-client PORT EXPORT [NUMBER...]");
        return ExitCode::from(2);
    };
    match ask(port, &export, &values) {
        Ok(Outcome::Returned(results)) => {
            println!("{name} -> {results:?}");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Trapped(trap)) => {
            println!("{name} trapped: {trap:?}");
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a port, an export by name and the numbers that it is called with.
fn read(args: &[String]) -> Option<(&str, &str, Export, Vec<u64>)> {
    let [port, name, values @ ..] = args else { return None };
    let values = values.iter().map(|value| value.parse().ok()).collect::<Option<_>>()?;
    Some((port, name, Export::name(name)?, values))
}

/// Calls an export of the device at a port with numbers, as the link has them: integers and bools as they
/// are.
fn ask(port: &str, export: &Export, values: &[u64]) -> Result<Outcome, Error> {
    let port: PortName = port.parse()?;
    let mut client = Client::connect(&port, &Options::default())?;
    let status = client.status()?;
    println!("{port}: up for {} s, {} calls", status.uptime_us / 1_000_000, status.calls);
    client.call(export, values)
}
