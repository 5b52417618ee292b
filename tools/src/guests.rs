//! The compilers of panels: tests begin a panel in each language and build it (host/cli/tests/begin.rs).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{apt, process, root};

/// The target of panels in Rust.
const TARGET: &str = "wasm32-unknown-unknown";
/// The compiler and the linker of panels in C, in the version of docs/guest.md.
const PACKAGES: [&str; 2] = ["clang-19", "lld-19"];
/// The compiler of panels in Zig, from the Python package index.
const ZIG: &str = "ziglang==0.17.1";

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// Installs what it can, and says in one line what is there. A test names the languages that it leaves out.
pub fn set_up() -> String {
    let left_out = |what: &str, error: &str| {
        format!("{what}: not there ({error}): its panels are left out of the tests")
    };
    let rust = match has_target() {
        true => "Rust".to_string(),
        false => {
            let mut rustup = Command::new("rustup");
            rustup.args(["target", "add", TARGET]).current_dir(root());
            match process::run(&mut rustup, DOWNLOAD_LIMIT) {
                Ok(_) if has_target() => "Rust (target added)".into(),
                Ok(_) => left_out("Rust", "rustup added its target to another toolchain"),
                Err(error) => left_out("Rust", &error.to_string()),
            }
        }
    };
    let has_clang = || PACKAGES.iter().all(|program| is_there(&program.replace("lld", "wasm-ld")));
    let c = match has_clang() {
        true => "C".to_string(),
        false => {
            // Debian 12 itself has LLVM 14; later releases have what is needed.
            let suite = apt::codename().ok().filter(|release| release == "bookworm");
            let suite = suite.map(|release| format!("{release}-backports"));
            match apt::install(&PACKAGES, suite.as_deref()) {
                Ok(()) if has_clang() => "C (clang installed)".into(),
                Ok(()) => left_out("C", "clang was installed, and is not found"),
                Err(error) => left_out("C", &error.to_string()),
            }
        }
    };
    let zig = match has_zig() {
        true => "Zig".to_string(),
        false => {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--user", ZIG]);
            // Debian's Python takes packages of its user's only where that is asked for.
            pip.env("PIP_BREAK_SYSTEM_PACKAGES", "1");
            match process::run(&mut pip, DOWNLOAD_LIMIT) {
                Ok(_) if has_zig() => "Zig (ziglang installed)".into(),
                Ok(_) => left_out("Zig", "ziglang was installed, and is not found"),
                Err(error) => left_out("Zig", &error.to_string()),
            }
        }
    };
    format!("compilers of panels: {rust}, {c}, {zig}")
}

/// Returns whether the compiler of Zig is found where `[build]` of a manifest finds it.
fn has_zig() -> bool {
    let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    succeeds(Command::new("zig").arg("version"))
        || succeeds(Command::new("python3").args(["-m", "ziglang", "version"]))
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn has_target() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(root());
    process::run(&mut rustc, LOCAL_LIMIT).is_ok_and(|printed| Path::new(printed.trim()).is_dir())
}
