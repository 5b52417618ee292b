#![forbid(unsafe_code)]
//! `xmap-sdk`, which `xmap sdk` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmap_contract::cmd::sdk::main()
}
