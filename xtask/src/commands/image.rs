//! `cargo xtask image`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xmap_boards::BOOT_MEDIA;
use xmap_tools::firmware::{self, Owner, VENDOR_FILES};
use xmap_tools::{card, panel};
use xmap_trust::TrustPolicy;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The panel: an image or a bundle, or a manifest (panel.toml) or a module, which is compiled
    panel: Option<PathBuf>,
    /// A whole card as a file: the folder as both of its boot partitions, and an empty store behind them.
    /// What the file had is gone, its store too
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The folder with the Raspberry Pi firmware's own files (`boot` of its repository), for the card
    #[arg(long, value_name = "FOLDER", requires = "card")]
    vendor: Option<PathBuf>,
    #[command(flatten)]
    owner: Owned,
}

/// Whose device it is.
#[derive(clap::Args)]
pub(crate) struct Owned {
    /// A release build: the policy that is compiled in, as `xmap policy sign` writes it. Without it the
    /// device takes any image
    #[arg(long, requires = "root")]
    policy: Option<PathBuf>,
    /// The public half of the key that the policy is signed with, as `xmap keygen` prints it
    #[arg(long, value_name = "KEY", requires = "policy")]
    root: Option<String>,
    /// The table of role keys that is compiled in, as `xmap keys` writes it. Without it a development build
    /// is open to whoever reaches it, and a release lets nobody in
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

impl Owned {
    /// Returns whether anything is said of an owner.
    pub(crate) const fn is_given(&self) -> bool {
        self.policy.is_some() || self.keys.is_some()
    }

    /// Says which build it is, and gives its owner with the policy.
    pub(crate) fn owner(&self) -> Result<(Owner<'_>, Option<TrustPolicy>)> {
        match &self.keys {
            Some(keys) => {
                let count = firmware::role_keys(keys)?.iter().len();
                println!("Its link answers those who have one of {count} role keys.");
            }
            None if self.policy.is_some() => println!("Its link answers NOBODY: --keys says who may ask."),
            None => println!("Its link is OPEN to whoever reaches it. --keys says who may ask."),
        }
        let (Some(policy), Some(root)) = (&self.policy, &self.root) else {
            println!(
                "This is a DEVELOPMENT build: the device takes any image, whoever made it. --policy makes a release."
            );
            return Ok((Owner::Nobody, None));
        };
        let (owner, opened) = Owner::read(policy, root)?;
        println!(
            "This is a release build with policy {}: images need a seal that it allows.",
            opened.version
        );
        Ok((owner, Some(opened)))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (owner, policy) = arguments.owner.owner()?;
    // Nothing is built or removed before the panel is one that the device takes.
    let panel = arguments.panel.as_ref().map(|path| panel::read(path, policy.as_ref(), &BOOT_MEDIA));
    let panel = panel.transpose()?;
    let (_, boot) = firmware::boot_folder(panel.as_deref(), owner, arguments.owner.keys.as_deref())?;
    list(&boot)?;
    if arguments.panel.is_none() {
        println!("No panel was given: add one as panel.xmap.");
    }
    if let Some(path) = &arguments.card {
        card::write(path, &boot, arguments.vendor.as_deref())?;
        println!(
            "{}: a card with these files, twice, and an empty store. Write it with `dd if={0} of=/dev/sdX bs=4M conv=fsync`,",
            path.display()
        );
        println!("or try it with `cargo xtask qemu --card {}`.", path.display());
    } else {
        println!("Copy these onto the Pi's boot partition.");
    }
    if arguments.vendor.is_none() {
        let beside = if arguments.card.is_some() { "on both boot partitions" } else { "beside them" };
        println!("The Pi needs the Raspberry Pi firmware's own files {beside}:");
        VENDOR_FILES.iter().for_each(|file| println!("  {file}"));
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
