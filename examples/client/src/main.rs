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
    let [port, export, values @ ..] = args.as_slice() else {
        eprintln!("usage: example-client PORT EXPORT [NUMBER...]");
        return ExitCode::from(2);
    };
    match ask(port, export, values) {
        Ok(Outcome::Returned(results)) => {
            println!("{export} -> {results:?}");
            ExitCode::SUCCESS
        }
        Ok(Outcome::Trapped(trap)) => {
            println!("{export} trapped: {trap:?}");
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Calls an export of the device at a port with numbers, as the link has them: integers and bools as they
/// are.
fn ask(port: &str, export: &str, values: &[String]) -> Result<Outcome, Error> {
    let port: PortName = port.parse()?;
    let mut client = Client::connect(&port, &Options::default())?;
    let status = client.status()?;
    println!("{port}: up for {} s, {} calls", status.uptime_us / 1_000_000, status.calls);
    let export = Export::name(export).expect("a name that fits a request");
    let values: Vec<u64> = values.iter().map(|value| value.parse().expect("a number")).collect();
    client.call(&export, &values)
}
