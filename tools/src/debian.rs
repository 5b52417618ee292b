//! Debian packages: a folder as it is to be on a machine, packed by dpkg-deb, which every Debian machine has.
//!
//! The same sources give the same package: owners, times and the order of files do not come from the machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{process, root, target_dir};

const LOCAL_LIMIT: Duration = Duration::from_secs(120);

/// Debian's revision of the version in Cargo.toml.
const REVISION: &str = "1";

/// The version that is packed: that of Cargo.toml, and a revision.
pub fn version() -> String {
    format!("{}-{REVISION}", env!("CARGO_PKG_VERSION"))
}

/// A package that is laid out.
#[derive(Debug)]
pub(crate) struct Stage {
    name: String,
    version: String,
    folder: PathBuf,
}

impl Stage {
    /// Begins a package in an empty folder.
    pub(crate) fn new(name: &str, version: &str, architecture: &str) -> Result<Self> {
        ensure!(
            Command::new("dpkg-deb").arg("--version").output().is_ok(),
            "no dpkg-deb on this machine: packages are made on a Debian machine"
        );
        let folder = target_dir().join("deb").join(format!("{name}_{version}_{architecture}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        Ok(Self { name: name.into(), version: version.into(), folder })
    }

    /// Puts a file where it is to be on the machine.
    pub(crate) fn put(&self, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
        put(&self.folder, path, bytes, mode)
    }

    /// The same, compressed: what manuals and logs of changes are by Debian's policy.
    pub(crate) fn put_packed(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.put(path, bytes, 0o644)?;
        process::run(Command::new("gzip").args(["-9", "-n"]).arg(self.folder.join(path)), LOCAL_LIMIT)?;
        Ok(())
    }

    /// Packs it. `control` has `@VERSION@` and `@SIZE@` where these go; `more` are other files of the folder
    /// DEBIAN with their modes.
    pub(crate) fn pack(&self, control: &str, more: &[(&str, Vec<u8>, u32)]) -> Result<PathBuf> {
        let changes = format!("usr/share/doc/{}/changelog.Debian", self.name);
        self.put_packed(&changes, changelog(&self.name, &self.version)?.as_bytes())?;
        let mut files = Vec::new();
        list(&self.folder, "", &mut files)?;
        let mut bytes = 0;
        let mut sums = String::new();
        for file in &files {
            bytes += fs::metadata(self.folder.join(file))?.len().next_multiple_of(1024);
            if !file.starts_with("etc/") {
                let mut md5 = Command::new("md5sum");
                sums += &process::run(md5.arg(file).current_dir(&self.folder), LOCAL_LIMIT)?;
            }
        }
        let control =
            control.replace("@VERSION@", &self.version).replace("@SIZE@", &(bytes / 1024).to_string());
        self.put("DEBIAN/control", control.as_bytes(), 0o644)?;
        self.put("DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
        for (name, bytes, mode) in more {
            self.put(&format!("DEBIAN/{name}"), bytes, *mode)?;
        }
        let mut package = self.folder.clone().into_os_string();
        package.push(".deb");
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.args(["--root-owner-group", "-Zxz", "--build"]).arg(&self.folder).arg(&package);
        process::run(dpkg.env("SOURCE_DATE_EPOCH", epoch()?), LOCAL_LIMIT)?;
        Ok(package.into())
    }
}

/// Every file under a folder, by its path from there, sorted.
pub(crate) fn list(root: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
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

/// The program without symbols and line numbers; what is loaded stays as it is.
pub(crate) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
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

/// The time that is written into what is made: `SOURCE_DATE_EPOCH`, else that of the last commit, in seconds
/// since 1970.
pub(crate) fn epoch() -> Result<String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(root());
    Ok(process::run(&mut git, LOCAL_LIMIT).map_or_else(|_| "0".into(), |epoch| epoch.trim().to_owned()))
}

fn changelog(name: &str, version: &str) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email", "--date"]).arg(format!("@{}", epoch()?)).env("LC_ALL", "C");
    let date = process::run(&mut date, LOCAL_LIMIT)?;
    Ok(format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * CHANGELOG.md of the workspace says what is new.\n\n \
         -- The xmap developers <xmap@packages.invalid>  {}\n",
        date.trim()
    ))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
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
