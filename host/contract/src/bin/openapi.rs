#![forbid(unsafe_code)]
//! `xmap-openapi`, which `xmap openapi` runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    xmap_contract::cmd::openapi::main()
}
