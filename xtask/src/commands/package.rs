//! `cargo xtask package`: the crates that are published, packed as they would be uploaded.
//!
//! All of them are packed, each with the others as its dependencies. What a package lacks shows only where
//! it is built: the lowest ones are, and all with `--verify`, which takes some minutes. What goes wrong most
//! easily is checked for all of them each time: a file that the sources include and that is not in the
//! package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use xmap_tools::{cargo, process, root};

const LIMIT: Duration = Duration::from_secs(30 * 60);
/// The crates that are built each time: others take longer, and are built by every test anyway.
const BUILT: [&str; 3] = ["xmap-boards", "xmap-abi", "xmap-image"];

#[derive(clap::Args, Default)]
pub(crate) struct Arguments {
    /// Build every package from what was packed
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    let published = published(&metadata);
    ensure!(!published.is_empty(), "no package of the workspace is to be published");
    for package in &published {
        includes(package)?;
    }
    let names: Vec<&str> = published.iter().map(|package| package.name.as_str()).collect();
    let built = if arguments.verify { &names[..] } else { &BUILT[..] };
    pack(&names, &["--no-verify"])?;
    pack(built, &[])?;
    println!("packed: {}; built from what was packed: {}", names.join(", "), built.join(", "));
    Ok(())
}

/// The packages that cargo may upload.
fn published(metadata: &Metadata) -> Vec<&Package> {
    let packages = metadata.packages.iter();
    packages
        .filter(|package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty()))
        .collect()
}

/// Packs packages. The registry is asked only where what this machine knows of it is not enough.
fn pack(names: &[&str], flags: &[&str]) -> Result<()> {
    let run = |more: &[&str]| {
        let mut command = Command::new(cargo());
        // What is packed is the folder as it is, committed or not.
        command.args(["package", "--allow-dirty"]).args(more).args(flags).current_dir(root());
        for name in names {
            command.args(["-p", name]);
        }
        process::run(&mut command, LIMIT).map(drop)
    };
    run(&["--offline"]).or_else(|_| run(&[]))
}

/// Checks that what the sources of a package include is a file of the package.
fn includes(package: &Package) -> Result<()> {
    let folder = package.manifest_path.parent().context("a manifest has a folder")?.as_std_path();
    for source in sources(&folder.join("src"))? {
        let text = fs::read_to_string(&source)?;
        for path in included(&text) {
            let up = path.split('/').filter(|part| *part == "..").count();
            let deep = source.strip_prefix(folder)?.components().count() - 1;
            let there = source.with_file_name(path).is_file();
            ensure!(
                up <= deep && there,
                "{}: `{path}` is no file of the package {}: put a link to it into the package's folder",
                source.display(),
                package.name
            );
        }
    }
    Ok(())
}

/// The paths in the `include_str!` and `include_bytes!` of a source.
fn included(text: &str) -> impl Iterator<Item = &str> {
    let macros = ["include_str!(\"", "include_bytes!(\""];
    macros.into_iter().flat_map(|name| text.split(name).skip(1)).filter_map(|rest| rest.split('"').next())
}

/// Every source of Rust below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}
