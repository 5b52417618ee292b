#![forbid(unsafe_code)]
//! The service's beginning: arguments, configuration, and the loop around the device.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, io, panic};

use clap::Parser as _;
use xmapd::ceiling;
use xmapd::check::check;
use xmapd::config::{Arguments, Config};
use xmapd::error::Result;
use xmapd::run::{Ended, run};
use xmapd::wake::Signals;
use xmapd::{keep, log};

/// How long the last lines may take.
const FLUSH: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    // Standard error may be closed, or a pipe that nobody reads: a panic says so as everything else does, and
    // goes on to make the outputs safe.
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
        return check(&config);
    }
    if let Some(forget) = arguments.forget {
        return keep::forget(&config, forget);
    }
    ceiling::set();
    let signals = Signals::take()?;
    log::info(format_args!("xmapd {}", env!("CARGO_PKG_VERSION")));
    while run(&config, &signals)? == Ended::Reset {
        log::info("restarted, as a host asked for it");
        log::flush(FLUSH);
        // Returns if it cannot be done.
        let error = replace();
        log::warn(format_args!(
            "the program is not replaced by itself ({error}): the device starts anew within it"
        ));
    }
    log::info("stopped: outputs are as the manifests' safe states say");
    Ok(())
}

/// Runs this program anew in its own place, with the same arguments and the same process: so nothing of what
/// it took from the system is left, whatever that was. Outputs are as their safe states say, and no file
/// stays open.
fn replace() -> io::Error {
    let itself = env::current_exe().ok().filter(|path| path.exists());
    // A package that was upgraded has taken the file away, and the kernel still has it.
    let mut command = Command::new(itself.unwrap_or_else(|| "/proc/self/exe".into()));
    let mut arguments = env::args_os();
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).exec()
}
