//! `cargo xtask linux`

use std::fs;

use anyhow::Result;
use xmap_tools::service;

/// Builds the service and says where it is.
pub(crate) fn run() -> Result<()> {
    println!("{}", service::set_up()?);
    let program = service::build()?;
    println!("{:>9} B  {}", fs::metadata(&program)?.len(), program.display());
    Ok(())
}
