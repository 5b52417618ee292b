//! Debian's arm64 packages, downloaded and unpacked, not installed.
//!
//! apt does it by this machine's own sources and keys, with a state of its own: the machine's list of
//! packages and architectures stays as it is, and no root is needed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// For lists and packages: some 90 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(10 * 60);
const LOCAL_LIMIT: Duration = Duration::from_secs(60);

/// What a test never reads.
const LEFT_OUT: [&str; 7] = [
    "./usr/share/doc",
    "./usr/share/info",
    "./usr/share/man",
    "./usr/share/locale",
    "./usr/share/i18n",
    "*/udev/hwdb.d",
    "*/gconv",
];

/// apt for arm64, with its state in a folder.
#[derive(Debug)]
pub(super) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Fetches the lists of packages.
    ///
    /// # Errors
    ///
    /// This is no Debian machine, or its mirror does not answer.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        ensure!(
            Path::new("/usr/bin/apt-get").is_file(),
            "no apt-get on this machine: the emulated Linux is made of Debian's packages"
        );
        for sub in ["state/lists/partial", "cache/archives/partial"] {
            let sub = folder.join(sub);
            fs::create_dir_all(&sub).with_context(|| sub.display().to_string())?;
        }
        let folder = folder.canonicalize()?;
        let text = format!(
            "APT::Architecture \"arm64\";\nAPT::Architectures {{ \"arm64\"; }};\nAPT::Sandbox::User \"\";\n\
             APT::Keep-Downloaded-Packages \"true\";\nAcquire::Languages \"none\";\nAcquire::Retries \"3\";\n\
             Acquire::http::Timeout \"60\";\nDir::State \"{0}/state\";\nDir::State::status \"/dev/null\";\n\
             Dir::Cache \"{0}/cache\";\n",
            folder.display()
        );
        fs::write(folder.join("apt.conf"), text)?;
        let packages = Self { folder };
        process::run(packages.apt("apt-get").arg("update"), DOWNLOAD_LIMIT)?;
        Ok(packages)
    }

    /// The package that a meta package stands for: `linux-image-6.1.0-49-arm64` for `linux-image-arm64`.
    ///
    /// # Errors
    ///
    /// The mirror has no arm64 packages, or not this one.
    pub(super) fn newest(&self, meta: &str) -> Result<String> {
        let mut apt = self.apt("apt-cache");
        let shown = process::run(apt.args(["show", "--no-all-versions", meta]), LOCAL_LIMIT)
            .with_context(|| format!("the machine's apt sources have no {meta} for arm64"))?;
        depends(&shown).with_context(|| format!("{meta} depends on nothing:\n{shown}"))
    }

    /// Downloads packages, with all that they depend on if asked for, and gives their files.
    ///
    /// # Errors
    ///
    /// The mirror does not have them, or does not answer.
    pub(super) fn download(&self, names: &[&str], with_dependencies: bool) -> Result<Vec<PathBuf>> {
        let folder = self.folder.join(names.join("+"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("partial"))?;
        let mut apt = self.apt("apt-get");
        apt.current_dir(&folder);
        if with_dependencies {
            apt.args(["install", "--yes", "--download-only", "--no-install-recommends"]);
            apt.arg("-o").arg(format!("Dir::Cache::archives={}", folder.display()));
        } else {
            apt.arg("download");
        }
        process::run(apt.args(names), DOWNLOAD_LIMIT)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                files.push(file);
            }
        }
        files.sort();
        ensure!(files.len() >= names.len(), "apt downloaded only {files:?}");
        Ok(files)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.folder.join("apt.conf")).env("LC_ALL", "C");
        command
    }
}

/// The first dependency of a package that `apt-cache show` shows.
fn depends(shown: &str) -> Option<String> {
    let line = shown.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    line.split([' ', ',', '(', '|']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Unpacks a package's files into a folder; what is there already as a link to a folder stays one.
///
/// # Errors
///
/// dpkg-deb or tar fails.
pub(super) fn unpack(package: &Path, folder: &Path) -> Result<()> {
    let mut shell = Command::new("sh");
    let left_out: String = LEFT_OUT.iter().map(|pattern| format!(" --exclude='{pattern}'")).collect();
    shell.arg("-c").arg(format!(
        "dpkg-deb --fsys-tarfile \"$1\" | tar -x -f - -C \"$2\" --no-same-owner --keep-directory-symlink{left_out}"
    ));
    shell.arg("sh").arg(package).arg(folder);
    process::run(&mut shell, LOCAL_LIMIT).with_context(|| package.display().to_string())?;
    Ok(())
}

/// Puts a package that was unpacked into dpkg's list of those that are installed: its paragraph and its
/// files.
///
/// # Errors
///
/// dpkg-deb or tar fails, or the list cannot be written.
pub(super) fn register(package: &Path, folder: &Path) -> Result<()> {
    let dpkg = folder.join("var/lib/dpkg");
    fs::create_dir_all(dpkg.join("info"))?;
    let control = process::run(Command::new("dpkg-deb").arg("-f").arg(package), LOCAL_LIMIT)?;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("dpkg-deb --fsys-tarfile \"$1\" | tar -t -f -").arg("sh").arg(package);
    let files = process::run(&mut shell, LOCAL_LIMIT).with_context(|| package.display().to_string())?;
    let list = format!("info/{}.list", list_name(&control)?);
    fs::write(dpkg.join(list), files.lines().map(|file| installed(file) + "\n").collect::<String>())?;
    let mut status = OpenOptions::new().create(true).append(true).open(dpkg.join("status"))?;
    status.write_all(paragraph(&control)?.as_bytes())?;
    Ok(())
}

/// A package's paragraph, as dpkg has it of one that is installed.
fn paragraph(control: &str) -> Result<String> {
    let (name, rest) = control.split_once('\n').context("a package without a paragraph")?;
    Ok(format!("{name}\nStatus: install ok installed\n{}\n\n", rest.trim_end()))
}

/// Returns what dpkg names a package's list of files by: one that may be there for two architectures has that
/// one in it.
fn list_name(control: &str) -> Result<String> {
    let field = |name: &str| control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let name = field("Package").context("a package without a name")?;
    if field("Multi-Arch") == Some("same") {
        let architecture = field("Architecture").context("a package without an architecture")?;
        return Ok(format!("{name}:{architecture}"));
    }
    Ok(name.to_owned())
}

/// `./usr/bin/` of a package as dpkg lists it: `/usr/bin`, and the root as `/.`.
fn installed(file: &str) -> String {
    match file.strip_prefix('.').unwrap_or(file).trim_end_matches('/') {
        "" => "/.".to_owned(),
        path => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_package_names_its_kernel() {
        let shown = "Package: linux-image-arm64\nVersion: 6.1\nDepends: linux-image-6.1.0-49-arm64 (= 6.1.192-2), x\n";
        assert_eq!(depends(shown).unwrap(), "linux-image-6.1.0-49-arm64");
        assert_eq!(depends("Package: x\nDepends:\n"), None);
        assert_eq!(depends(""), None);
    }

    #[test]
    fn a_package_is_listed_as_dpkg_does() {
        let control = "Package: libc6\nArchitecture: arm64\nMulti-Arch: same\nDepends: libgcc-s1\n";
        assert_eq!(list_name(control).unwrap(), "libc6:arm64");
        assert_eq!(list_name("Package: dash\nArchitecture: arm64\n").unwrap(), "dash");
        list_name("Depends: x\n").unwrap_err();
        assert_eq!(
            paragraph(control).unwrap(),
            "Package: libc6\nStatus: install ok installed\nArchitecture: arm64\nMulti-Arch: same\n\
             Depends: libgcc-s1\n\n"
        );
        assert_eq!(["./", "./usr/", "./usr/bin/sh"].map(installed), ["/.", "/usr", "/usr/bin/sh"]);
    }
}
