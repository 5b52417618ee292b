//! `cargo xtask bench --peers`: the mapper beside other engines, each in a process of its own.
//!
//! The peers are a workspace of their own, `tests/peers`, so that no other command builds one.

pub(super) mod document;
mod kernels;
pub(super) mod machine;
mod measure;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use xmap_tools::{apt, cargo, process, root, target_dir};

use measure::Figures;

const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The modules, compiled to images before anything is measured.
const GUESTS: [&str; 4] = ["gpio", "fib", "crc", "panel"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measure the mapper beside other engines, on this machine
    #[arg(long)]
    peers: bool,
    /// Measure the kernels of tests/kernels alone, beside other engines and native code
    #[arg(long, conflicts_with = "peers")]
    kernels: bool,
    /// Measure calls under Linux beside rppal and the GPIO character device, on this machine and in the
    /// emulator
    #[arg(long, conflicts_with_all = ["peers", "kernels"])]
    linux: bool,
    /// How often each peer's process runs, one after the other
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Commit the figures: those beside other engines and under Linux into docs/benchmarks.md, those of the
    /// emulator into docs/benchmarks.toml and the board's table of costs
    #[arg(long)]
    bless: bool,
}

impl Arguments {
    /// Returns whether other engines are what is asked for.
    pub(crate) const fn peers(&self) -> bool {
        self.peers || self.kernels
    }

    /// Returns whether calls under Linux are.
    pub(crate) const fn linux(&self) -> bool {
        self.linux
    }

    /// Returns whether the figures are to be committed.
    pub(crate) const fn bless(&self) -> bool {
        self.bless
    }
}

/// Installs what counts instructions, and says in one line where it comes from. Only `bench --peers` needs
/// it; so it is no error where it cannot be had.
pub(crate) fn set_up() -> String {
    match measure::valgrind()
        .or_else(|_| apt::install(&["valgrind"], None).and_then(|()| measure::valgrind()))
    {
        Ok(version) => format!("valgrind: {version}"),
        Err(error) => {
            format!("valgrind: none, `cargo xtask bench --peers` counts no instructions ({error:#})")
        }
    }
}

/// One engine: its package is `peer-PACKAGE`, its first arguments say how it runs.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// What the tables call it.
    name: &'static str,
    package: &'static str,
    how: &'static [&'static str],
}

const fn peer(name: &'static str, package: &'static str, how: &'static [&'static str]) -> Peer {
    Peer { name, package, how }
}

/// Ours.
const MAPPER: &str = "tiny-mapper";
/// What (a) and (b) are compared with.
const TABLE: &str = "table of function pointers";
/// What (c), (d) and (e) are compared with.
const WASMI: &str = "wasmi";

const PEERS: [Peer; 12] = [
    peer("inlined store", "floors", &["store"]),
    peer(TABLE, "floors", &["table"]),
    // Its argument is the folder of the images.
    peer(MAPPER, "xmap", &[]),
    peer(WASMI, "wasmi", &[]),
    peer("tinywasm", "tinywasm", &[]),
    peer("wasmtime, Cranelift", "wasmtime", &["cranelift"]),
    peer("wasmtime, precompiled", "wasmtime", &["precompiled"]),
    peer("wasmtime, Pulley", "wasmtime", &["pulley"]),
    peer("rbpf, interpreter", "rbpf", &["interpreter"]),
    peer("rbpf, JIT", "rbpf", &["jit"]),
    peer("Lua 5.4 (mlua)", "lua", &[]),
    peer("Rhai", "rhai", &[]),
];

/// Builds everything, measures it, prints the tables.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.kernels {
        return kernels::run(&Programs::build(kernels::packages().collect())?, arguments);
    }
    let programs = Programs::build(PEERS.iter().map(|peer| peer.package).collect())?;
    for peer in PEERS {
        let said = programs.run(peer, "", &["check"])?;
        ensure!(said.trim() == "ok", "{}: its tasks do not what they should: {said}", peer.name);
    }
    let figures = Figures::measure(&programs, arguments.rounds)?;
    let section = format!("{}\n{}", table::tables(&figures), machine::describe(arguments.rounds)?);
    print!("{section}");
    if arguments.bless {
        ensure!(figures.has_counts(), "docs/benchmarks.md needs the instruction counts: install valgrind");
        document::write(&section)?;
    }
    kernels::run(&programs, arguments)
}

/// The peers' programs, built.
#[derive(Debug)]
struct Programs {
    /// Where the programs are.
    folder: PathBuf,
    /// Where the images are.
    images: PathBuf,
}

impl Programs {
    /// Builds each package by itself, so that no peer turns on a feature of a crate that another uses too.
    fn build(mut packages: Vec<&str>) -> Result<Self> {
        let target = target_dir().join("peers");
        let manifest = root().join("tests/peers/Cargo.toml");
        packages.dedup();
        for package in packages {
            eprintln!("building {package} ...");
            let mut build = Command::new(cargo());
            build.args(["build", "--release", "--locked", "--manifest-path"]).arg(&manifest);
            build.arg("--target-dir").arg(&target).args(["--package", &format!("peer-{package}")]);
            process::run(&mut build, BUILD_LIMIT)?;
        }
        Ok(Self { folder: target.join("release"), images: images(&target)? })
    }

    /// The file of a peer's program: `""` measures, `"-heap"` and `"-mini"` are the others.
    fn path(&self, peer: Peer, which: &str) -> PathBuf {
        self.folder.join(format!("peer-{}{which}{}", peer.package, env::consts::EXE_SUFFIX))
    }

    /// Runs a peer's program, or a tool on it.
    fn run(&self, peer: Peer, which: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.path(peer, which));
        process::run(command.args(self.how(peer)).args(arguments), RUN_LIMIT)
            .with_context(|| format!("{} failed", peer.name))
    }

    /// A peer's first arguments.
    fn how(&self, peer: Peer) -> Vec<PathBuf> {
        if peer.name == MAPPER {
            return vec![self.images.clone()];
        }
        peer.how.iter().map(PathBuf::from).collect()
    }
}

/// Compiles the modules to images and returns their folder.
fn images(target: &Path) -> Result<PathBuf> {
    let mut build = Command::new(cargo());
    build.args(["build", "--release", "--package", "xmap"]).current_dir(root());
    process::run(&mut build, BUILD_LIMIT)?;
    let folder = target.join("images");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for guest in GUESTS {
        xmap_build(&root().join("tests/peers/guests").join(guest).with_extension("toml"), &folder)?;
    }
    Ok(folder)
}

/// Compiles a manifest's module to an image in this folder, by the program that [`images`] has built.
fn xmap_build(manifest: &Path, folder: &Path) -> Result<()> {
    let mut xmap =
        Command::new(target_dir().join("release").join(format!("xmap{}", env::consts::EXE_SUFFIX)));
    let name = manifest.with_extension("xmap");
    xmap.arg("build").arg(manifest).arg("-o").arg(folder.join(name.file_name().unwrap_or_default()));
    process::run(&mut xmap, RUN_LIMIT).map(drop)
}
