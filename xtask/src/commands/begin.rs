//! `cargo xtask begin`: what a newcomer's first commands take.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use xmap_tools::go::Go;
use xmap_tools::{cargo, dist, guests, node, process};

/// The languages of `xmap new`.
const LANGUAGES: [&str; 6] = ["wat", "c", "rust", "zig", "as", "go"];

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Installs `xmap` from a fresh copy of the last commit, begins a panel in each language, and prints what
/// each took.
pub(crate) fn run() -> Result<()> {
    println!("{}\n{}", guests::set_up(), node::set_up());
    println!("{}", Go::set_up());
    let folder = tempfile::Builder::new().prefix("xmap-begin-").tempdir()?;
    let sources = dist::last_commit(folder.path())?;
    let start = Instant::now();
    let mut install = Command::new(cargo());
    install.args(["install", "--locked", "--path", "host/cli", "--root"]).arg(folder.path());
    install.current_dir(&sources).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    let output = install.stdin(std::process::Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo install: {said}");
    // That the folder is not on the PATH is no matter of the build.
    let warnings: Vec<&str> =
        said.lines().filter(|line| line.starts_with("warning") && !line.contains("to your PATH")).collect();
    ensure!(warnings.is_empty(), "cargo install warns:\n{}", warnings.join("\n"));
    println!("cargo install --locked --path host/cli: {:.0} s", start.elapsed().as_secs_f64());

    let path = path(&folder.path().join("bin"))?;
    for language in LANGUAGES {
        let name = format!("hall-{language}");
        let manifest = format!("{name}/panel.toml");
        let commands = [&["new", &name, "--lang", language][..], &["test", &name], &["sim", &manifest]];
        let start = Instant::now();
        let mut failed = None;
        for arguments in commands {
            let mut xmap = Command::new(folder.path().join("bin/xmap"));
            xmap.args(arguments).current_dir(folder.path()).env("PATH", &path).env("XMAP_MAPS", "");
            if let Err(error) = process::run(&mut xmap, LIMIT) {
                failed = Some(error);
                break;
            }
        }
        match failed {
            None => {
                println!("{language}: {} commands, {:.1} s", commands.len(), start.elapsed().as_secs_f64())
            }
            // A program that the build needs is not here.
            Some(error) if format!("{error:#}").contains("X0112") => {
                println!("{language}: left out, no compiler")
            }
            Some(error) => return Err(error.context(name)),
        }
    }
    Ok(())
}

/// The PATH with the programs that the set-up has fetched.
fn path(installed: &Path) -> Result<std::ffi::OsString> {
    let mut folders: Vec<PathBuf> = vec![installed.to_owned(), node::folder().join("node_modules/.bin")];
    folders.extend(Go::find().map(|go| go.root.join("bin")));
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(folders).context("a folder of the PATH has a colon in its name")
}
