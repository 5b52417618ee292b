//! The peer's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    peer_rbpf::with(&args, peer_common::main)
}
