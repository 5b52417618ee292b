//! Building `xmapd` for Linux on a Raspberry Pi 4B.
//!
//! The target is musl's, for which rustup's toolchain has all that a static program needs: the C library, the
//! start-up files and the linker. No cross compiler has to be there, and the program runs on any arm64 Linux,
//! whatever C library that has, an initramfs with nothing else in it included.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::toolchain::without_folders;
use crate::{apt, cargo, process, root, target_dir};

/// The service's target.
pub const TARGET: &str = "aarch64-unknown-linux-musl";
/// The compiler of the C in the gateway's TLS.
const C_COMPILER: &str = "aarch64-linux-gnu-gcc";

/// How long rustup may take to download the target.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);
const LOCAL_LIMIT: Duration = Duration::from_secs(30);
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Installs the target where it is missing, and says in one line whether it was there.
///
/// # Errors
///
/// rustup cannot add it; the message has its reason.
pub fn set_up() -> Result<String> {
    if is_there()? {
        return Ok(format!("target {TARGET}: already there"));
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(root());
    process::run(&mut rustup, DOWNLOAD_LIMIT)
        .with_context(|| format!("the target {TARGET} is not installed, and rustup cannot add it"))?;
    if !is_there()? {
        bail!("rustup added {TARGET} to another toolchain than this one");
    }
    Ok(format!("target {TARGET}: added by rustup"))
}

/// Installs the C compiler for the gateway's cryptography where it is missing, and says in one line whether
/// it was there.
///
/// # Errors
///
/// apt cannot install it; the message has its reason.
pub fn set_up_compiler() -> Result<String> {
    let there = || Command::new(C_COMPILER).arg("--version").output().is_ok();
    if there() {
        return Ok(format!("{C_COMPILER}: already there"));
    }
    apt::install(&["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"], None)
        .with_context(|| format!("no {C_COMPILER}, and apt cannot install it"))?;
    Ok(format!("{C_COMPILER}: installed"))
}

/// Installs strace where it can, with which a test ends the service at each call of the system, and says in
/// one line whether it is there. Without it that test says that it was left out.
pub fn set_up_tracer() -> String {
    let there = || Command::new("strace").arg("-V").output().is_ok();
    if there() {
        return "strace: already there".into();
    }
    match apt::install(&["strace"], None) {
        Ok(()) if there() => "strace: installed".into(),
        Ok(()) => {
            "strace: installed, and not found: the test of kills at each call of the system is left out"
                .into()
        }
        Err(error) => {
            format!("strace: not there ({error}): the test of kills at each call of the system is left out")
        }
    }
}

fn is_there() -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(root());
    let printed = process::run(&mut rustc, LOCAL_LIMIT)?;
    Ok(Path::new(printed.trim()).join("self-contained").is_dir())
}

/// Builds the service: optimised, static, with line numbers. Returns the program's path.
///
/// # Errors
///
/// The target is missing, or the build fails; the error has the compiler's messages.
pub fn build() -> Result<PathBuf> {
    cross(&["--bin", "xmapd"])?;
    Ok(output().join("xmapd"))
}

/// Builds the service and the program that times calls, for the Pi. Returns the folder of both, `xmapd` and
/// `latency`.
///
/// # Errors
///
/// As [`build`].
pub fn build_with_latency() -> Result<PathBuf> {
    cross(&["--bins", "--features", "latency"])?;
    Ok(output())
}

/// The same for this machine.
///
/// # Errors
///
/// The build fails; the error has the compiler's messages.
pub fn build_with_latency_for_this_machine() -> Result<PathBuf> {
    let mut command = Command::new(cargo());
    command.args(["build", "--package", "xmapd", "--bins", "--features", "latency", "--profile", "service"]);
    process::run(command.current_dir(root()), BUILD_LIMIT)?;
    Ok(target_dir().join("service"))
}

fn output() -> PathBuf {
    target_dir().join(TARGET).join("service")
}

/// Builds the program that compares machine code with the interpreter, for the Pi. Returns its path.
///
/// # Errors
///
/// As [`build`].
pub fn build_same() -> Result<PathBuf> {
    cross_package("xmap-enter", &["--example", "same"])?;
    Ok(output().join("examples/same"))
}

/// Builds the gateway and the command line for the Pi: optimised and static. At once, as by themselves their
/// dependencies would have other features, and be compiled twice. Returns the paths of both programs.
///
/// # Errors
///
/// As [`build_gateway`].
pub fn build_hosts() -> Result<(PathBuf, PathBuf)> {
    require_compiler()?;
    cross_package("xmap-gateway", &["--package", "xmap", "--bin", "xmap-serve", "--bin", "xmap"])?;
    Ok((output().join("xmap-serve"), output().join("xmap")))
}

/// Builds the gateway for the Pi: optimised and static. Returns the program's path.
///
/// # Errors
///
/// As [`build`]; the compiler of C is missing.
pub fn build_gateway() -> Result<PathBuf> {
    require_compiler()?;
    cross_package("xmap-gateway", &["--bin", "xmap-serve"])?;
    Ok(output().join("xmap-serve"))
}

fn require_compiler() -> Result<()> {
    if Command::new(C_COMPILER).arg("--version").output().is_err() {
        bail!("no {C_COMPILER}: `cargo xtask deb` installs it (Debian's gcc-aarch64-linux-gnu)");
    }
    Ok(())
}

fn cross(what: &[&str]) -> Result<()> {
    cross_package("xmapd", what)
}

fn cross_package(package: &str, what: &[&str]) -> Result<()> {
    if !is_there()? {
        bail!("the target {TARGET} is not installed: run `cargo xtask setup`");
    }
    // The BCM2711's core. Static is what this target is by itself; here it is said, as the tests rely on it.
    let [sources, registry] = without_folders()?;
    let flags = format!(
        "-Ctarget-cpu=cortex-a72 -Ctarget-feature=+crt-static -Clink-self-contained=yes {sources} {registry}"
    );
    let mut command = Command::new(cargo());
    command
        .args(["build", "--package", package, "--profile", "service", "--target", TARGET])
        .args(what)
        .current_dir(root())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
        .env("CC_aarch64_unknown_linux_musl", C_COMPILER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", flags);
    process::run(&mut command, BUILD_LIMIT).map(drop)
}
