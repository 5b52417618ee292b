#![forbid(unsafe_code)]
//! `xmap go`: runs Go's js/wasm modules, lists what they register, and calls it.

mod cmd;

use std::process::ExitCode;

fn main() -> ExitCode {
    cmd::main()
}
