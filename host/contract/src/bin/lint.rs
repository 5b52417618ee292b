#![forbid(unsafe_code)]
//! `xmap-lint`, which `xmap lint` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmap_contract::cmd::lint::main()
}
