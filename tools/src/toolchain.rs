//! The Rust target of the firmware: where its `core` comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::{apt, cargo, process, root, target_dir};

/// The firmware's target.
pub const TARGET: &str = "aarch64-unknown-none";

/// How long rustup may take to download the target.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// Debian's compiler, and the lowest minor version of Rust 1 that this workspace builds with.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
const MIN_MINOR: u32 = 95;

/// The source of the target's `core`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// Ready-made, in the toolchain that also builds the host's programs.
    Rustup,
    /// Built from Debian's sources by Debian's compiler, linked by the linker of the host's toolchain.
    Debian {
        /// `rust-lld` of the host's toolchain.
        linker: PathBuf,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup => f.write_str("rustup's"),
            Self::Debian { .. } => f.write_str("core built from Debian's rust-web-src"),
        }
    }
}

impl Toolchain {
    /// Returns what this machine has.
    ///
    /// # Errors
    ///
    /// It has neither: the message says which command sets it up.
    pub fn find() -> Result<Self> {
        let sysroot = sysroot(Path::new("rustc"))?;
        if has_core(&sysroot) {
            return Ok(Self::Rustup);
        }
        match debian(&sysroot) {
            Some(toolchain) => Ok(toolchain),
            None => bail!("the target {TARGET} is not installed: run `cargo xtask setup`"),
        }
    }

    /// Installs what is missing, and says in one line which way it took.
    ///
    /// # Errors
    ///
    /// Neither way works: the message has both reasons.
    pub fn set_up() -> Result<String> {
        if let Ok(found) = Self::find() {
            return Ok(format!("target {TARGET}: already there ({found})"));
        }
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]).current_dir(root());
        let refused = match process::run(&mut rustup, DOWNLOAD_LIMIT) {
            Ok(_) if has_core(&sysroot(Path::new("rustc"))?) => {
                return Ok(format!("target {TARGET}: added by rustup"));
            }
            Ok(_) => "rustup added it to another toolchain than this one".into(),
            Err(error) => error.to_string(),
        };
        let reason = reason(&refused);
        apt::install(&DEBIAN_PACKAGES, None)
            .with_context(|| format!("rustup cannot add {TARGET} ({reason}), and Debian's packages"))?;
        let Some(found) = debian(&sysroot(Path::new("rustc"))?) else {
            bail!(
                "rustup cannot add {TARGET} ({reason}), and {} is not a Rust 1.{MIN_MINOR} with sources",
                DEBIAN_RUSTC
            );
        };
        Ok(format!("target {TARGET}: {found}, as rustup could not ({reason})"))
    }

    /// `cargo VERB` for the target, in the workspace. Where it puts what it builds: [`Self::output`].
    pub fn cargo(&self, verb: &str) -> Command {
        let mut command = Command::new(cargo());
        command
            .arg(verb)
            .args(["--target", TARGET])
            .current_dir(root())
            // The flags in .cargo/config.toml, which these would replace, are part of the image.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if let Self::Debian { linker } = self {
            command
                .arg("-Zbuild-std=core")
                .arg("--target-dir")
                .arg(self.target_dir())
                // What makes the stable compiler and cargo take -Zbuild-std.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", DEBIAN_RUSTC)
                .env("CARGO_TARGET_AARCH64_UNKNOWN_NONE_LINKER", linker)
                // Joined with the flags of .cargo/config.toml.
                .env("CARGO_TARGET_AARCH64_UNKNOWN_NONE_RUSTFLAGS", "-Clinker-flavor=ld.lld");
        }
        command
    }

    /// Adds flags to those of .cargo/config.toml, which are part of the image.
    pub(crate) fn add_flags(&self, command: &mut Command, flags: &[String]) {
        if flags.is_empty() {
            return;
        }
        let own = match self {
            Self::Debian { .. } => "-Clinker-flavor=ld.lld ",
            Self::Rustup => "",
        };
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_NONE_RUSTFLAGS", format!("{own}{}", flags.join(" ")));
    }

    /// The folder of what is built for the target in this profile.
    pub fn output(&self, profile: &str) -> PathBuf {
        self.target_dir().join(TARGET).join(profile)
    }

    /// Two compilers do not share a folder: each would build everything anew.
    fn target_dir(&self) -> PathBuf {
        match self {
            Self::Rustup => target_dir(),
            Self::Debian { .. } => target_dir().join("debian"),
        }
    }
}

/// Debian's way, if the machine has it.
fn debian(host_sysroot: &Path) -> Option<Toolchain> {
    let rustc = Path::new(DEBIAN_RUSTC);
    let version = process::run(Command::new(rustc).arg("--version"), LOCAL_LIMIT).ok()?;
    if minor(&version)? < MIN_MINOR {
        return None;
    }
    let sources = sysroot(rustc).ok()?.join("lib/rustlib/src/rust/library/core/Cargo.toml");
    let linker =
        host_sysroot.join(format!("lib/rustlib/{}-unknown-linux-gnu/bin/rust-lld", std::env::consts::ARCH));
    (sources.is_file() && linker.is_file()).then_some(Toolchain::Debian { linker })
}

/// The line of a tool's output that says what went wrong.
fn reason(printed: &str) -> &str {
    let mut lines = printed.lines().rev().filter(|line| !line.is_empty());
    let last = lines.clone().next().unwrap_or("no reason given");
    lines.find_map(|line| line.strip_prefix("error: ")).unwrap_or(last)
}

/// 96 for `rustc 1.96.0 (...)`.
fn minor(version: &str) -> Option<u32> {
    let numbers = version.strip_prefix("rustc 1.")?;
    numbers.split('.').next()?.parse().ok()
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    let mut command = Command::new(rustc);
    command.args(["--print", "sysroot"]).current_dir(root());
    let printed = process::run(&mut command, LOCAL_LIMIT)?;
    Ok(PathBuf::from(printed.lines().last().unwrap_or("").trim()))
}

/// Returns whether the target's ready-made `core` is there.
fn has_core(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    folder.read_dir().is_ok_and(|mut entries| {
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")))
    })
}

/// Returns the flags with which programs that are passed on do not name folders of this machine, where the
/// sources and the registry are.
///
/// # Errors
///
/// Nothing says where cargo keeps the registry.
pub(crate) fn without_folders() -> Result<[String; 2]> {
    Ok([
        format!("--remap-path-prefix={}=/xmap", root().display()),
        format!("--remap-path-prefix={}=/cargo", cargo_home()?.display()),
    ])
}

/// The folder where cargo keeps the registry.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    home.context("neither CARGO_HOME nor a home folder is known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-01-01) (built from a source tarball)"), Some(96));
        assert_eq!(minor("rustc 1.85.0"), Some(85));
        assert_eq!(minor("gcc 12"), None);
    }

    #[test]
    fn the_reason_is_the_error_line() {
        let printed = "info: downloading\nerror: no route\n\nCaused by:\n  0: x\n\n`rustup` failed: 1";
        assert_eq!(reason(printed), "no route");
        assert_eq!(reason("cannot run `rustup`"), "cannot run `rustup`");
        assert_eq!(reason(""), "no reason given");
    }

    #[test]
    fn a_folder_without_core_is_not_a_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_core(folder.path()));
        let lib = folder.path().join("lib/rustlib").join(TARGET).join("lib");
        std::fs::create_dir_all(&lib).unwrap();
        assert!(!has_core(folder.path()));
        std::fs::write(lib.join("libcore-0123.rlib"), "").unwrap();
        assert!(has_core(folder.path()));
    }
}
