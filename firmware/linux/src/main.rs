#![forbid(unsafe_code)]
//! The service's beginning: arguments, configuration, and the loop around the device.

use std::process::ExitCode;

use clap::Parser as _;
use xmapd::config::{Arguments, Config};
use xmapd::error::Result;
use xmapd::log;
use xmapd::run::{Ended, run};
use xmapd::wake::Signals;

fn main() -> ExitCode {
    match start(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error(error);
            ExitCode::FAILURE
        }
    }
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
