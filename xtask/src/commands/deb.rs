//! `cargo xtask deb`

use std::fs;

use anyhow::Result;
use xmap_tools::{deb, service};

/// Builds the package and says where it is.
pub(crate) fn run() -> Result<()> {
    println!("{}", service::set_up()?);
    let package = deb::build()?;
    println!("{:>9} B  {}", fs::metadata(&package)?.len(), package.display());
    Ok(())
}
