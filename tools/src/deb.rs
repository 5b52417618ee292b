//! The Debian package of the service: program, unit, default panel, configuration, udev rule.
//!
//! What is in it stands in `firmware/linux/dist`; this lays it out and lets dpkg-deb pack it, which every
//! Debian machine has.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{cargo, process, root, service, target_dir};

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const LOCAL_LIMIT: Duration = Duration::from_secs(120);

/// Debian's revision of the version in Cargo.toml.
const REVISION: &str = "1";

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

/// The version that is packed: that of Cargo.toml, and a revision.
pub fn version() -> String {
    format!("{}-{REVISION}", env!("CARGO_PKG_VERSION"))
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
    ensure!(
        Command::new("dpkg-deb").arg("--version").output().is_ok(),
        "no dpkg-deb on this machine: packages are made on a Debian machine"
    );
    let out = target_dir().join("deb");
    let stage = out.join(format!("xmapd_{version}_arm64"));
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| stage.display().to_string())?;
    }
    let dist = root().join("firmware/linux/dist");
    for (from, to) in FILES {
        put(&stage, to, &read(&dist.join(from))?, 0o644)?;
    }
    let bytes = read(program)?;
    put(&stage, "usr/sbin/xmapd", &strip(&bytes).with_context(|| program.display().to_string())?, 0o755)?;
    put(&stage, "usr/share/xmap/panel.xmap", panel, 0o644)?;
    put(&stage, "usr/share/man/man8/xmapd.8", &read(&dist.join("xmapd.8"))?, 0o644)?;
    put(&stage, "usr/share/doc/xmapd/changelog.Debian", changelog(version)?.as_bytes(), 0o644)?;
    for text in ["usr/share/man/man8/xmapd.8", "usr/share/doc/xmapd/changelog.Debian"] {
        process::run(Command::new("gzip").args(["-9", "-n"]).arg(stage.join(text)), LOCAL_LIMIT)?;
    }
    control(&stage, &dist, version)?;
    let package = out.join(format!("xmapd_{version}_arm64.deb"));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Zxz", "--build"]).arg(&stage).arg(&package);
    process::run(dpkg.env("SOURCE_DATE_EPOCH", epoch()?), LOCAL_LIMIT)?;
    Ok(package)
}

/// The folder DEBIAN: what the package says of itself.
fn control(stage: &Path, dist: &Path, version: &str) -> Result<()> {
    let mut files = Vec::new();
    list(stage, "", &mut files)?;
    let mut bytes = 0;
    let mut sums = String::new();
    for file in &files {
        bytes += fs::metadata(stage.join(file))?.len().next_multiple_of(1024);
        if !file.starts_with("etc/") {
            let mut md5 = Command::new("md5sum");
            sums += &process::run(md5.arg(file).current_dir(stage), LOCAL_LIMIT)?;
        }
    }
    let text = String::from_utf8(read(&dist.join("debian/control"))?)?;
    let text = text.replace("@VERSION@", version).replace("@SIZE@", &(bytes / 1024).to_string());
    put(stage, "DEBIAN/control", text.as_bytes(), 0o644)?;
    put(stage, "DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
    put(stage, "DEBIAN/conffiles", &read(&dist.join("debian/conffiles"))?, 0o644)?;
    for script in SCRIPTS {
        put(stage, &format!("DEBIAN/{script}"), &read(&dist.join("debian").join(script))?, 0o755)?;
    }
    Ok(())
}

/// Every file under a folder, by its path from there, sorted.
fn list(root: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
    let mut entries = fs::read_dir(root.join(below))?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().context("a file without a name in UTF-8")?;
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            list(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
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

/// The program without symbols and line numbers; what is loaded stays as it is.
fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut elf =
        object::build::elf::Builder::read(bytes).map_err(|error| anyhow!("not an ELF file: {error}"))?;
    for section in &mut elf.sections {
        let name: &[u8] = &section.name;
        if name.starts_with(b".debug") || [&b".symtab"[..], b".strtab", b".comment"].contains(&name) {
            section.delete = true;
        }
    }
    for symbol in &mut elf.symbols {
        symbol.delete = true;
    }
    elf.delete_orphans();
    let mut stripped = Vec::new();
    elf.write(&mut stripped).map_err(|error| anyhow!("cannot be stripped: {error}"))?;
    Ok(stripped)
}

/// The time of the last commit, in seconds since 1970: the same sources give the same package.
fn epoch() -> Result<String> {
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(root());
    Ok(process::run(&mut git, LOCAL_LIMIT).map_or_else(|_| "0".into(), |epoch| epoch.trim().to_owned()))
}

fn changelog(version: &str) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email", "--date"]).arg(format!("@{}", epoch()?)).env("LC_ALL", "C");
    let date = process::run(&mut date, LOCAL_LIMIT)?;
    Ok(format!(
        "xmapd ({version}) unstable; urgency=medium\n\n  * CHANGELOG.md of the workspace says what is new.\n\n \
         -- The xmap developers <xmap@packages.invalid>  {}\n",
        date.trim()
    ))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn put(stage: &Path, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let path = stage.join(path);
    let mut folders: Vec<&Path> = path.ancestors().skip(1).take_while(|f| f.starts_with(stage)).collect();
    folders.reverse();
    for folder in folders {
        if !folder.exists() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        // Whatever the builder's umask is.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok(())
}
