//! The Debian package of the service: program, unit, default panel, configuration, udev rule.
//!
//! What is in it stands in `firmware/linux/dist`; beside it come documents and sample panels.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::debian::{Stage, list, read, strip};
use crate::{cargo, process, root, service, target_dir};

pub use crate::debian::version;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Files of `firmware/linux/dist` and where they go.
const FILES: [(&str, &str); 6] = [
    ("xmapd.toml", "etc/xmap/xmapd.toml"),
    ("xmapd.service", "usr/lib/systemd/system/xmapd.service"),
    ("60-xmapd.rules", "usr/lib/udev/rules.d/60-xmapd.rules"),
    ("xmapd.sysusers", "usr/lib/sysusers.d/xmapd.conf"),
    ("debian/copyright", "usr/share/doc/xmapd/copyright"),
    ("debian/lintian-overrides", "usr/share/lintian/overrides/xmapd"),
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
    let mut more = vec![("conffiles", read(&dist.join("debian/conffiles"))?, 0o644)];
    for script in SCRIPTS {
        more.push((script, read(&dist.join("debian").join(script))?, 0o755));
    }
    stage.pack(&String::from_utf8(read(&dist.join("debian/control"))?)?, &more)
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
