#![forbid(unsafe_code)]
//! The service's beginning: arguments, configuration, and the loop around the device.

use std::panic;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use xmapd::config::{Arguments, Config};
use xmapd::error::Result;
use xmapd::log;
use xmapd::run::{Ended, run};
use xmapd::wake::Signals;

/// How long the last lines may take.
const FLUSH: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    // Standard error may be closed, or a pipe that nobody reads: a panic says so as everything else does, and goes on to
    // make the outputs safe.
    panic::set_hook(Box::new(|panic| {
        log::error(format_args!("a mistake of this program: {}", panic.to_string().replace('\n', " ")));
        log::flush(FLUSH);
    }));
    let code = match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::failure(&error);
            ExitCode::FAILURE
        }
    };
    log::flush(FLUSH);
    code
}

fn start(arguments: &Arguments) -> Result<()> {
    let config = Config::load(arguments)?;
    if arguments.check {
        return Ok(());
    }
    let signals = Signals::take()?;
    log::info(format_args!("xmapd {}", env!("CARGO_PKG_VERSION")));
    while run(&config, &signals)? == Ended::Reset {
        log::info("restarted, as a host asked for it");
    }
    log::info("stopped: outputs are as the manifests' safe states say");
    Ok(())
}
