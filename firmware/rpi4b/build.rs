//! Tells the linker where the board's memory is, and the program whose it is. The host's build needs nothing.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(owned)");
    println!("cargo::rerun-if-env-changed=XMAP_POLICY");
    println!("cargo::rerun-if-env-changed=XMAP_ROOT");
    println!("cargo::rustc-check-cfg=cfg(keyed)");
    println!("cargo::rerun-if-env-changed=XMAP_KEYS");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for every build script");
    let memory = Path::new(&here).join("../../boards/rpi4b/memory.ld");
    println!("cargo::rerun-if-changed={}", memory.display());
    // The sections; aarch64-rt's build script puts this file on the linker's search path.
    println!("cargo::rustc-link-arg-bins=-Timage.ld");
    // The section of the log's texts, which is not loaded; defmt's build script puts it there.
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    println!("cargo::rustc-link-arg-bins=-T{}", memory.display());
    if let Some(policy) = env::var_os("XMAP_POLICY") {
        own(Path::new(&policy));
    }
    if let Some(keys) = env::var_os("XMAP_KEYS") {
        guard(Path::new(&keys));
    }
}

/// Puts the owner's policy and root key beside the program: `XMAP_POLICY` is the signed policy's path,
/// `XMAP_ROOT` the public half of the root key in hexadecimal digits. Without them it is a development build.
/// `cargo xtask image --policy` sets both, once it has seen that the one is signed with the other.
fn own(policy: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for every build script"));
    let bytes = fs::read(policy).unwrap_or_else(|error| panic!("{}: {error}", policy.display()));
    let root = env::var("XMAP_ROOT").expect("XMAP_ROOT is the root key that XMAP_POLICY is signed with");
    fs::write(out.join("policy"), bytes).expect("a build script may write to its folder");
    fs::write(out.join("root"), key(&root)).expect("a build script may write to its folder");
    println!("cargo::rerun-if-changed={}", policy.display());
    println!("cargo::rustc-cfg=owned");
}

/// 32 bytes of 64 hexadecimal digits.
fn key(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.filter(|bytes| bytes.len() == 32).expect("XMAP_ROOT has 64 hexadecimal digits")
}

/// Puts the table of role keys beside the program: `XMAP_KEYS` is its path. Without it a development build is
/// open to whoever reaches it, and a release build to nobody. `cargo xtask image --keys` sets it, once it has
/// seen that it is one.
fn guard(keys: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for every build script"));
    let bytes = fs::read(keys).unwrap_or_else(|error| panic!("{}: {error}", keys.display()));
    fs::write(out.join("keys"), bytes).expect("a build script may write to its folder");
    println!("cargo::rerun-if-changed={}", keys.display());
    println!("cargo::rustc-cfg=keyed");
}
