//! What a release carries: static programs, packages, the boot folder, what it was made of, and checksums.
//!
//! The programs are musl's, for which rustup's toolchain has all that a static program needs, linker
//! included: no cross compiler has to be there. Paths of this machine are not in them.

mod bom;
mod installed;
mod notices;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::debian::{Stage, epoch, list, read, strip, version};
use crate::toolchain::{cargo_home, without_folders};
use crate::{card, cargo, deb, firmware, process, root, service, target_dir};

pub use installed::{guest_files, use_packages};

const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
const LOCAL_LIMIT: Duration = Duration::from_secs(120);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// The programs that a release carries: the command line, the service and the firmware.
const PROGRAMS: [&str; 3] = ["xmap", "xmapd", "rpi4b"];

/// A machine that the command line is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Debian's name of it.
    pub architecture: &'static str,
    /// The target.
    pub target: &'static str,
}

/// The machines, the one of most developers first.
pub const MACHINES: [Machine; 2] =
    [Machine { architecture: "amd64", target: "x86_64-unknown-linux-musl" }, PI];

const PI: Machine = Machine { architecture: "arm64", target: service::TARGET };

/// What is made.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The machines that the command line is made for.
    pub machines: Vec<Machine>,
    /// The service and the boot folder come along.
    pub device: bool,
}

/// Makes a release in `target/to-release`, which is emptied. Returns the files, by name, the checksums last.
///
/// # Errors
///
/// Something cannot be built or packed; the error has what the compiler said.
pub fn make(parts: &Parts) -> Result<Vec<PathBuf>> {
    let out = release_folder(&target_dir());
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| out.display().to_string())?;
    }
    fs::create_dir_all(&out)?;
    let mut files = Vec::new();
    let manual = Manual::make()?;
    for machine in &parts.machines {
        let program = program(*machine)?;
        checked(&program)?;
        let package = package(*machine, &program, &manual)?;
        let name = format!(
            "xmap-{}-{}-linux",
            env!("CARGO_PKG_VERSION"),
            machine.target.split('-').next().unwrap_or_default()
        );
        files.push(archive(&out, &name, &[(&program, "xmap"), (&manual.folder, "manual")])?);
        files.push(copy(&package, &out)?);
    }
    if parts.device {
        let service = deb::build()?;
        // The program as it is in the package, which is its name without the ending.
        checked(&service.with_extension("").join("usr/sbin/xmapd"))?;
        files.push(copy(&service, &out)?);
        let (kernel, boot) = firmware::boot_folder_of_a_release()?;
        names_no_folder(&kernel.kernel)?;
        let name = format!("xmap-{}-boot", env!("CARGO_PKG_VERSION"));
        files.push(archive(&out, &name, &[(&boot, "boot")])?);
        files.push(card(&out, &boot)?);
    }
    let metadata = bom::metadata()?;
    let components = bom::components(&metadata, &PROGRAMS)?;
    let texts = [
        (format!("xmap-{}.cdx.json", env!("CARGO_PKG_VERSION")), bom::document(&components)),
        (format!("xmap-{}-licences.txt", env!("CARGO_PKG_VERSION")), notices::document(&components)?),
    ];
    for (name, text) in texts {
        let path = out.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        files.push(path);
    }
    files.sort();
    files.push(checksums(&out, &files)?);
    Ok(files)
}

/// Makes the release a second time, from the last commit in another folder, and compares the two.
///
/// # Errors
///
/// The work tree is not what was committed, something cannot be built, or a file differs: each is named.
pub fn check(parts: &Parts) -> Result<String> {
    let mut git = Command::new("git");
    let changed = process::run(git.args(["status", "--porcelain"]).current_dir(root()), LOCAL_LIMIT)?;
    ensure!(
        changed.trim().is_empty(),
        "commit first: the second release is made of the last commit\n{changed}"
    );
    let first = sums(&release_folder(&target_dir()))?;
    let folder = tempfile::Builder::new().prefix("xmap-again-").tempdir()?;
    let sources = last_commit(folder.path())?;
    let mut again = Command::new(cargo());
    again.args(["run", "--quiet", "--package", "xtask", "--", "dist"]).args(parts.arguments());
    again.current_dir(&sources).env("SOURCE_DATE_EPOCH", epoch()?).env_remove("CARGO_TARGET_DIR");
    process::run(&mut again, BUILD_LIMIT)?;
    let second = sums(&release_folder(&sources.join("target")))?;
    let names: std::collections::BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let other: Vec<&str> =
        names.into_iter().filter(|name| first.get(*name) != second.get(*name)).map(String::as_str).collect();
    ensure!(other.is_empty(), "made twice, these differ: {}", other.join(", "));
    Ok(format!("made twice, in two folders: {} files, all the same", first.len()))
}

/// Lays the sources of the last commit out in a folder below this one, as a fresh clone has them. Returns
/// that folder.
///
/// # Errors
///
/// git or tar fails.
pub fn last_commit(folder: &Path) -> Result<PathBuf> {
    let sources = folder.join("sources");
    fs::create_dir(&sources).with_context(|| sources.display().to_string())?;
    let tar = folder.join("sources.tar");
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar", "-o"]).arg(&tar).arg("HEAD").current_dir(root());
    process::run(&mut git, LOCAL_LIMIT)?;
    process::run(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(&sources), LOCAL_LIMIT)?;
    Ok(sources)
}

impl Parts {
    /// Returns whether both packages of the Pi are made, command line and service.
    pub fn has_packages_of_the_pi(&self) -> bool {
        self.device && self.machines.contains(&PI)
    }

    /// The arguments of the command that makes these.
    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            self.machines.iter().flat_map(|machine| ["--arch".into(), machine.architecture.into()]).collect();
        if !self.device {
            arguments.push("--no-device".into());
        }
        arguments
    }
}

/// Returns where a release is put. The folder `dist` is cargo's, for the profile of that name.
fn release_folder(target: &Path) -> PathBuf {
    target.join("to-release")
}

/// Uses the arm64 packages of the release that was made last, in the emulated Debian.
///
/// # Errors
///
/// The release has none, Linux for the emulated board is missing, or something does not work there.
pub fn try_in_debian() -> Result<String> {
    let out = release_folder(&target_dir());
    let package = |name: &str| {
        let path = out.join(format!("{name}_{}_arm64.deb", version()));
        ensure!(path.is_file(), "the release has no {}", path.display());
        Ok(path)
    };
    installed::try_packages(&package("xmap")?, &package("xmapd")?)
}

/// Builds the command line for a machine. Returns the program's path.
fn program(machine: Machine) -> Result<PathBuf> {
    let Machine { target, .. } = machine;
    add_target(target)?;
    let key = target.replace('-', "_").to_uppercase();
    let [sources, registry] = without_folders()?;
    let flags = ["-Ctarget-feature=+crt-static", "-Clink-self-contained=yes", &sources, &registry];
    let mut command = Command::new(cargo());
    command
        .args(["build", "--locked", "--profile", "dist", "--package", "xmap", "--bin", "xmap"])
        .args(["--target", target])
        .current_dir(root())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env(format!("CARGO_TARGET_{key}_LINKER"), "rust-lld")
        .env(format!("CARGO_TARGET_{key}_RUSTFLAGS"), flags.join(" "));
    process::run(&mut command, BUILD_LIMIT)?;
    // The linker that rustup has leaves symbols in, whatever the profile says.
    stripped(&target_dir().join(target).join("dist/xmap"))
}

/// Writes a program without symbols beside it. Returns the new one's path.
fn stripped(built: &Path) -> Result<PathBuf> {
    let program = built.with_file_name("xmap-stripped");
    let stripped = strip(&read(built)?).with_context(|| built.display().to_string())?;
    fs::write(&program, stripped).with_context(|| program.display().to_string())?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// Packs a command line that was built for the Pi, with man pages and completions, as a release does. Returns
/// the package's path.
///
/// # Errors
///
/// The program cannot be read, man pages cannot be made, or dpkg-deb is missing.
pub fn pack_for_the_pi(program: &Path) -> Result<PathBuf> {
    package(PI, &stripped(program)?, &Manual::make()?)
}

fn add_target(target: &str) -> Result<()> {
    let there = || -> Result<bool> {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", target]).current_dir(root());
        let printed = process::run(&mut rustc, LOCAL_LIMIT)?;
        Ok(Path::new(printed.trim()).join("self-contained").is_dir())
    };
    if there()? {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).current_dir(root());
    process::run(&mut rustup, DOWNLOAD_LIMIT)
        .with_context(|| format!("the target {target} is not installed, and rustup cannot add it"))?;
    if !there()? {
        bail!("rustup added {target} to another toolchain than this one");
    }
    Ok(())
}

/// Checks that a file names no folder of this machine.
fn names_no_folder(path: &Path) -> Result<()> {
    let bytes = read(path)?;
    for folder in [root().to_owned(), cargo_home()?] {
        let folder = folder.to_string_lossy().into_owned();
        let named = bytes.windows(folder.len()).any(|window| window == folder.as_bytes());
        ensure!(!named, "{} names {folder}, a folder of this machine", path.display());
    }
    Ok(())
}

/// Checks that a program needs no other file to run, has no symbols, and names no folder of this machine.
fn checked(program: &Path) -> Result<()> {
    use object::read::elf::{ElfFile64, ProgramHeader as _};
    use object::{Object as _, ObjectSymbol as _};
    let bytes = read(program)?;
    let elf = ElfFile64::<object::Endianness>::parse(&*bytes)?;
    let endian = elf.endian();
    let own = |kind| elf.elf_program_headers().iter().any(|header| header.p_type(endian) == kind);
    let name = program.display();
    ensure!(!own(object::elf::PT_INTERP), "{name} is not a static program");
    ensure!(elf.symbols().all(|symbol| symbol.is_undefined()), "{name} has symbols");
    names_no_folder(program)
}

/// Man pages and completions, which packages and archives carry.
struct Manual {
    folder: PathBuf,
}

/// Shells, the argument for each and where Debian has its completions.
const SHELLS: [(&str, &str, &str); 3] = [
    ("bash", "xmap.bash", "usr/share/bash-completion/completions/xmap"),
    ("zsh", "_xmap", "usr/share/zsh/vendor-completions/_xmap"),
    ("fish", "xmap.fish", "usr/share/fish/vendor_completions.d/xmap.fish"),
];

const POWERSHELL: &str = "_xmap.ps1";

impl Manual {
    fn make() -> Result<Self> {
        let folder = target_dir().join("dist-manual");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut build = Command::new(cargo());
        build.args(["build", "--locked", "--package", "xmap-manual"]).current_dir(root());
        process::run(&mut build, BUILD_LIMIT)?;
        // By itself, so that nothing of cargo stands in what it prints.
        let program = target_dir().join("debug/xmap-manual");
        let manual = |arguments: &[&OsStr]| process::run(Command::new(&program).args(arguments), LOCAL_LIMIT);
        manual(&["man".as_ref(), folder.join("man1").as_ref()])?;
        for (shell, file, _) in SHELLS.into_iter().chain([("powershell", POWERSHELL, "")]) {
            let text = manual(&["completions".as_ref(), shell.as_ref()])?;
            fs::write(folder.join(file), text)?;
        }
        Ok(Self { folder })
    }
}

/// Packs the command line for Debian: program, man pages, completions, documents and sample panels.
fn package(machine: Machine, program: &Path, manual: &Manual) -> Result<PathBuf> {
    let stage = Stage::new("xmap", &version(), machine.architecture)?;
    stage.put("usr/bin/xmap", &read(program)?, 0o755)?;
    let mut pages = Vec::new();
    list(&manual.folder.join("man1"), "", &mut pages)?;
    for page in pages {
        let bytes = read(&manual.folder.join("man1").join(&page))?;
        stage.put_packed(&format!("usr/share/man/man1/{page}"), &bytes)?;
    }
    for (_, file, to) in SHELLS {
        stage.put(to, &read(&manual.folder.join(file))?, 0o644)?;
    }
    // PowerShell has no folder that it looks into by itself.
    let powershell = read(&manual.folder.join(POWERSHELL))?;
    stage.put(&format!("usr/share/doc/xmap/completions/{POWERSHELL}"), &powershell, 0o644)?;
    for (path, bytes) in deb::documents("xmap")? {
        stage.put(&path, &bytes, 0o644)?;
    }
    let copyright = read(&root().join("firmware/linux/dist/debian/copyright"))?;
    stage.put("usr/share/doc/xmap/copyright", &copyright, 0o644)?;
    stage.pack(&CONTROL.replace("@ARCHITECTURE@", machine.architecture), &[])
}

const CONTROL: &str = "\
Package: xmap
Version: @VERSION@
Section: electronics
Priority: optional
Architecture: @ARCHITECTURE@
Maintainer: The xmap developers <xmap@packages.invalid>
Installed-Size: @SIZE@
Suggests: clang, lld
Description: compiler and tools for panels of a Raspberry Pi's GPIO lines
 A panel is a small program, compiled from WebAssembly to a table of register
 stores, that drives lamps, relays and other things on the pins of a Raspberry
 Pi 4B, from timers, edges and the calls of a host.
 .
 This package has the command line: it begins, builds, simulates and tests
 panels, and gives them to devices. It is one static program.
";

/// Packs files and folders as `NAME.tar.gz`: the same bytes for the same content.
fn archive(out: &Path, name: &str, parts: &[(&Path, &str)]) -> Result<PathBuf> {
    let stage = tempfile::tempdir()?;
    let folder = stage.path().join(name);
    fs::create_dir(&folder)?;
    for (from, to) in parts {
        copy_all(from, &folder.join(to))?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root().join(licence), &folder)?;
    }
    let tar = out.join(format!("{name}.tar"));
    let mut command = Command::new("tar");
    command
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar"])
        .args(["--mode=u+rwX,go+rX,go-w", &format!("--mtime=@{}", epoch()?), "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(stage.path())
        .arg(name);
    process::run(&mut command, LOCAL_LIMIT)?;
    process::run(Command::new("gzip").args(["-9", "-n", "-f"]).arg(&tar), LOCAL_LIMIT)?;
    Ok(out.join(format!("{name}.tar.gz")))
}

/// Writes a card with a boot folder, packed.
fn card(out: &Path, boot: &Path) -> Result<PathBuf> {
    let name = format!("xmap-{}-card.img", env!("CARGO_PKG_VERSION"));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(&name);
    card::write(&path, boot, None)?;
    process::run(Command::new("gzip").args(["-9", "-n"]).arg(&path), LOCAL_LIMIT)?;
    let name = format!("{name}.gz");
    let packed = out.join(&name);
    fs::copy(folder.path().join(&name), &packed).with_context(|| packed.display().to_string())?;
    // A card's file is its maker's alone until it is whole.
    fs::set_permissions(&packed, fs::Permissions::from_mode(0o644))?;
    Ok(packed)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::copy(from, to).with_context(|| from.display().to_string())?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy(file: &Path, folder: &Path) -> Result<PathBuf> {
    let to = folder.join(file.file_name().context("a file has a name")?);
    fs::copy(file, &to).with_context(|| file.display().to_string())?;
    Ok(to)
}

/// Writes `SHA256SUMS`, as `sha256sum -c` reads it.
fn checksums(out: &Path, files: &[PathBuf]) -> Result<PathBuf> {
    let mut command = Command::new("sha256sum");
    command.current_dir(out);
    for file in files {
        command.arg(file.file_name().context("a file has a name")?);
    }
    let path = out.join("SHA256SUMS");
    fs::write(&path, process::run(&mut command, LOCAL_LIMIT)?)?;
    Ok(path)
}

/// The checksums of a release, by the names of its files.
fn sums(folder: &Path) -> Result<BTreeMap<String, String>> {
    let text = String::from_utf8(read(&folder.join("SHA256SUMS"))?)?;
    let row = |line: &str| line.split_once("  ").map(|(sum, name)| (name.to_string(), sum.to_string()));
    text.lines().map(|line| row(line).with_context(|| format!("no checksum: {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_archive_whenever_they_were_made() {
        let made = || {
            let folder = tempfile::tempdir().unwrap();
            let (from, out) = (folder.path().join("from"), folder.path().join("out"));
            fs::create_dir_all(from.join("b")).unwrap();
            fs::create_dir(&out).unwrap();
            fs::write(from.join("b/two"), "2").unwrap();
            fs::write(from.join("one"), "1").unwrap();
            let path = archive(&out, "release", &[(&from, "files")]).unwrap();
            let names = process::run(Command::new("tar").arg("-tzf").arg(&path), LOCAL_LIMIT).unwrap();
            checksums(&out, std::slice::from_ref(&path)).unwrap();
            (fs::read(&path).unwrap(), names, sums(&out).unwrap())
        };
        let (first, second) = (made(), made());
        assert_eq!(first, second);
        assert!(
            first.1.contains("release/files/b/two") && first.1.contains("release/LICENSE-MIT"),
            "{}",
            first.1
        );
        assert_eq!(first.2.len(), 1);
    }

    #[test]
    fn the_same_boot_folder_gives_the_same_card() {
        let made = || {
            let folder = tempfile::tempdir().unwrap();
            let boot = folder.path().join("boot");
            fs::create_dir(&boot).unwrap();
            fs::write(boot.join("kernel8.img"), [7; 100_000]).unwrap();
            fs::write(boot.join("config.txt"), "arm_64bit=1\n").unwrap();
            fs::read(card(folder.path(), &boot).unwrap()).unwrap()
        };
        let first = made();
        // The file system has times of two seconds.
        std::thread::sleep(Duration::from_millis(2100));
        assert!(first == made(), "a card is another one the second time");
    }

    #[test]
    fn a_folder_of_this_machine_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        fs::write(&file, "/xmap/host/cli/src/main.rs").unwrap();
        names_no_folder(&file).unwrap();
        fs::write(&file, format!("\0{}/host/cli/src/main.rs\0", root().display())).unwrap();
        assert!(names_no_folder(&file).unwrap_err().to_string().contains("a folder of this machine"));
    }
}
