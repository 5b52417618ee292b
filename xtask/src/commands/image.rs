//! `cargo xtask image`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::firmware::{self, VENDOR_FILES};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The panel's image, as `xmap build` writes it
    panel: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (_, boot) = firmware::boot_folder(arguments.panel.as_deref())?;
    list(&boot)?;
    if arguments.panel.is_none() {
        println!("No panel was given: add one as panel.xmap.");
    }
    println!("Copy these onto the Pi's boot partition, beside the Raspberry Pi firmware's own files:");
    for file in VENDOR_FILES {
        println!("  {file}");
    }
    Ok(())
}

/// Prints the files of a folder with their sizes, by name.
fn list(folder: &Path) -> Result<()> {
    println!("{}:", folder.display());
    let mut files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        println!("{:>9} B  {}", file.metadata()?.len(), file.file_name().to_string_lossy());
    }
    Ok(())
}
