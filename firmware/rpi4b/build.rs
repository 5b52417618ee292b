//! Tells the linker where the board's memory is. The host's build needs nothing.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
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
}
