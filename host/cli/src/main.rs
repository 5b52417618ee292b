#![forbid(unsafe_code)]
//! `xmap`, the one command line: a verb for each thing that is done with a panel. See ARCHITECTURE.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmap::main()
}
