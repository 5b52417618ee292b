#![forbid(unsafe_code)]
//! `xmap-contract`, which `xmap contract` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmap_contract::cmd::contract::main()
}
