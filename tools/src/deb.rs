//! The Debian packages for the Pi: the service with its unit, default panel, configuration and udev rule, and
//! the gateway with its unit and configuration.
//!
//! What is in them stands in `firmware/linux/dist` and `host/gateway/dist`; beside the service come documents
//! and sample panels.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::debian::{Stage, list, read, strip};
use crate::{cargo, process, root, service, target_dir};

pub use crate::debian::version;

const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Files of `firmware/linux/dist` and where they go.
const FILES: [(&str, &str); 6] = [
    ("xmapd.toml", "etc/xmap/xmapd.toml"),
    ("xmapd.service", "usr/lib/systemd/system/xmapd.service"),
    ("60-xmapd.rules", "usr/lib/udev/rules.d/60-xmapd.rules"),
    ("xmapd.sysusers", "usr/lib/sysusers.d/xmapd.conf"),
    ("debian/copyright", "usr/share/doc/xmapd/copyright"),
    ("debian/lintian-overrides", "usr/share/lintian/overrides/xmapd"),
];
/// Files of `host/gateway/dist` and where they go.
const GATEWAY: [(&str, &str); 4] = [
    ("gateway.toml", "etc/xmap/gateway.toml"),
    ("xmap-gateway.service", "usr/lib/systemd/system/xmap-gateway.service"),
    ("xmap-gateway.sysusers", "usr/lib/sysusers.d/xmap-gateway.conf"),
    ("debian/lintian-overrides", "usr/share/lintian/overrides/xmap-gateway"),
];
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// The manifest of the panel that comes along.
pub fn panel_manifest() -> PathBuf {
    root().join("firmware/linux/dist/panel/panel.toml")
}

/// Builds the service and its default panel and packs them. Returns the package's path.
///
/// # Errors
///
/// Something cannot be built, or dpkg-deb is missing.
pub fn build() -> Result<PathBuf> {
    pack(&service::build()?, &panel()?, &version())
}

/// Builds the gateway and packs it. Returns the package's path.
///
/// # Errors
///
/// As [`build`]; the compiler of C for the Pi is missing.
pub fn build_gateway() -> Result<PathBuf> {
    pack_gateway(&service::build_gateway()?, &version())
}

/// Packs a program and a panel's image as this version.
///
/// # Errors
///
/// A file cannot be read or written, or dpkg-deb is missing.
pub fn pack(program: &Path, panel: &[u8], version: &str) -> Result<PathBuf> {
    let stage = Stage::new("xmapd", version, "arm64")?;
    let dist = root().join("firmware/linux/dist");
    for (from, to) in FILES {
        stage.put(to, &read(&dist.join(from))?, 0o644)?;
    }
    let bytes = read(program)?;
    stage.put("usr/sbin/xmapd", &strip(&bytes).with_context(|| program.display().to_string())?, 0o755)?;
    stage.put("usr/share/xmap/panel.xmap", panel, 0o644)?;
    stage.put_packed("usr/share/man/man8/xmapd.8", &read(&dist.join("xmapd.8"))?)?;
    for (path, bytes) in documents("xmapd")? {
        stage.put(&path, &bytes, 0o644)?;
    }
    finish(&stage, &dist.join("debian"))
}

/// Packs the gateway as this version.
///
/// # Errors
///
/// As [`pack`].
pub fn pack_gateway(program: &Path, version: &str) -> Result<PathBuf> {
    let stage = Stage::new("xmap-gateway", version, "arm64")?;
    let dist = root().join("host/gateway/dist");
    for (from, to) in GATEWAY {
        stage.put(to, &read(&dist.join(from))?, 0o644)?;
    }
    // It is licensed as the service is.
    let copyright = read(&root().join("firmware/linux/dist/debian/copyright"))?;
    stage.put("usr/share/doc/xmap-gateway/copyright", &copyright, 0o644)?;
    let bytes = read(program)?;
    stage.put("usr/bin/xmap-serve", &strip(&bytes).with_context(|| program.display().to_string())?, 0o755)?;
    stage.put_packed("usr/share/man/man8/xmap-serve.8", &read(&dist.join("xmap-serve.8"))?)?;
    finish(&stage, &dist.join("debian"))
}

/// Packs what was laid out, with the control files and scripts of a folder.
fn finish(stage: &Stage, debian: &Path) -> Result<PathBuf> {
    let mut more = vec![("conffiles", read(&debian.join("conffiles"))?, 0o644)];
    for script in SCRIPTS {
        more.push((script, read(&debian.join(script))?, 0o755));
    }
    stage.pack(&String::from_utf8(read(&debian.join("control"))?)?, &more)
}

/// The pages of `docs` and the panels of `examples`, by where a package has them.
///
/// # Errors
///
/// A file cannot be read.
pub(crate) fn documents(package: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (from, to) in [("docs", "docs"), ("examples/panels", "examples"), ("examples/cookbook", "cookbook")] {
        let folder = root().join(from);
        let mut names = Vec::new();
        list(&folder, "", &mut names)?;
        // What building or testing has left there is no document.
        let wanted = |name: &&String| {
            ["target/", ".wasm", ".xmap", "Cargo.lock", "names.h"].iter().all(|left| !name.contains(left))
        };
        for name in names.iter().filter(wanted) {
            files.push((format!("usr/share/doc/{package}/{to}/{name}"), read(&folder.join(name))?));
        }
    }
    Ok(files)
}

/// Compiles the default panel.
fn panel() -> Result<Vec<u8>> {
    let folder = target_dir().join("deb");
    fs::create_dir_all(&folder)?;
    let image = folder.join("panel.xmap");
    let mut xmap = Command::new(cargo());
    xmap.args(["run", "--quiet", "--package", "xmap", "--", "build"]).current_dir(root());
    xmap.arg(panel_manifest()).arg("-o").arg(&image);
    process::run(&mut xmap, BUILD_LIMIT)?;
    read(&image)
}
