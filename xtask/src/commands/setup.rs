//! `cargo xtask setup`

use anyhow::Result;
use xmap_tools::go::Go;
use xmap_tools::toolchain::Toolchain;
use xmap_tools::{book, emulator, guests, linux, neighbours, node, service};

/// Says in one line for each part what was there or where it came from.
pub(crate) fn run() -> Result<()> {
    println!("{}", Toolchain::set_up()?);
    println!("{}", emulator::set_up()?);
    println!("{}", linux::set_up()?);
    println!("{}", book::set_up()?);
    println!("{}", service::set_up()?);
    println!("{}", service::set_up_tracer());
    match service::set_up_compiler() {
        Ok(said) => println!("{said}"),
        Err(error) => println!("the gateway is not packed for the Pi: {error:#}"),
    }
    println!("{}", guests::set_up());
    println!("{}", super::peers::set_up());
    println!("{}", Go::set_up());
    println!("{}", node::set_up());
    println!("{}", neighbours::set_up());
    println!("{}", neighbours::set_up_packages());
    Ok(())
}
