//! `cargo xtask deb`

use std::fs;

use anyhow::Result;
use xmap_tools::{deb, service};

/// Builds the packages and says where they are.
pub(crate) fn run() -> Result<()> {
    println!("{}", service::set_up()?);
    println!("{}", service::set_up_compiler()?);
    for package in [deb::build()?, deb::build_gateway()?] {
        println!("{:>9} B  {}", fs::metadata(&package)?.len(), package.display());
    }
    Ok(())
}
