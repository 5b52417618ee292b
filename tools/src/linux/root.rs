//! The first file systems: what is in them before a test adds its own files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::cpio::Archive;
use super::modules::Modules;
use super::packages::{self, Packages};

/// The programs that are in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// busybox alone: up in seconds.
    Small,
    /// Debian with systemd, udev and dpkg, as a package finds it on a Pi.
    Debian,
}

/// A file that a test puts into the guest.
#[derive(Clone, Debug)]
pub struct GuestFile {
    /// Where, from the root on, without a leading `/`. Its folder exists, or is made.
    pub path: String,
    /// Permissions, as chmod takes them.
    pub mode: u32,
    /// What is in it.
    pub data: Vec<u8>,
}

impl GuestFile {
    /// A file that can be read.
    pub fn new(path: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o644, data: data.into() }
    }

    /// A program.
    pub fn program(path: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { mode: 0o755, ..Self::new(path, data) }
    }
}

/// Debian's packages of [`Root::Debian`], beside those that they depend on. `usr-is-merged` stands for the
/// usrmerge that would bring all of perl.
const DEBIAN: [&str; 13] = [
    "systemd",
    "udev",
    "dpkg",
    "dash",
    "coreutils",
    "sed",
    "grep",
    "findutils",
    "init-system-helpers",
    "usr-is-merged",
    "perl-base",
    // dpkg wants `diff` and `ldconfig` to be there.
    "diffutils",
    "libc-bin",
];

/// Folders that every root has.
const FOLDERS: [&str; 9] = ["proc", "sys", "dev", "run", "tmp", "root", "mod", "chips", "var"];

/// The first program. What is outside of the guest is at 10.0.2.2, itself at 10.0.2.15; QEMU says so.
/// `/run` is mounted here, so that systemd leaves it as it is; it empties `/tmp` when it starts.
const INIT: &str = r#"#!/bin/busybox sh
BB=/bin/busybox
$BB mount -t proc proc /proc
$BB mount -t sysfs sys /sys
$BB mount -t devtmpfs dev /dev
$BB mount -t tmpfs -o mode=755,nosuid,nodev run /run
for module in /mod/*; do $BB insmod $module || echo "xmap: $module is not loaded"; done
(
    while [ ! -e /sys/class/net/eth0 ]; do $BB sleep 0.1; done
    $BB ifconfig lo up
    $BB ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
    : > /run/network-up
) &
"#;

/// How the small root goes on: its links are those of a Debian, so that commands are the same in both.
const SMALL: &str = r"
$BB --install -s /bin
export PATH=/bin HOME=/root
while :; do setsid /shell; done
";

/// How Debian goes on.
const SYSTEMD: &str = r"
exec /lib/systemd/systemd
";

/// The shell that a test speaks to.
const SHELL: &str = r"#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
exec </dev/ttyAMA0 >/dev/ttyAMA0 2>&1
/bin/busybox stty raw -echo
# The line is the kernel's console too; from now on it says only why it dies.
/bin/busybox dmesg -n 1
while [ ! -e /run/network-up ]; do /bin/busybox sleep 0.1; done
echo xmap: ready
# Through a pipe: a shell that reads a terminal edits lines, and echoes them. Debian's is not busybox', which
# would take its own dpkg for dpkg.
/bin/busybox cat | /bin/sh
";

const SHELL_UNIT: &str =
    "[Unit]\nDescription=The shell of a test\n\n[Service]\nType=exec\nExecStart=/shell\n";

/// What a test has no use for, and an emulated Pi takes seconds for. udev does run, but is not told of the
/// hundreds of devices that are there from the start: a package that has rules says itself for which devices.
const MASKED: [&str; 29] = [
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "getty.target",
    "modprobe@configfs.service",
    "modprobe@dm_mod.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-initctl.socket",
    "systemd-journal-flush.service",
    "systemd-journald-audit.socket",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-udev-trigger.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
    "systemd-vconsole-setup.service",
];

impl Root {
    pub(super) const ALL: [Self; 2] = [Self::Small, Self::Debian];

    /// The archive's file.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Small => "small.cpio",
            Self::Debian => "debian.cpio",
        }
    }

    /// Makes the archive; `work` is a folder to unpack packages in.
    pub(super) fn make(self, packages: &Packages, modules: &Modules, work: &Path) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for folder in FOLDERS {
            archive.folder(folder, if folder == "tmp" { 0o1777 } else { 0o755 });
        }
        // The kernel opens it before anything is mounted.
        archive.device("dev/console", 0o600, 5, 1);
        for (folder, modules) in [("mod", &modules.at_boot), ("chips", &modules.chips)] {
            for (n, (name, module)) in modules.iter().enumerate() {
                archive.file(&format!("{folder}/{n:02}-{name}"), 0o644, module);
            }
        }
        archive.file("shell", 0o755, SHELL.as_bytes());
        let rest = if self == Self::Small { SMALL } else { SYSTEMD };
        archive.file("init", 0o755, format!("{INIT}{rest}").as_bytes());
        let tree = work.join(self.file()).with_extension("tree");
        fs::create_dir_all(&tree)?;
        match self {
            Self::Small => busybox(packages, &tree)?,
            Self::Debian => debian(packages, &tree)?,
        }
        archive.tree(&tree)?;
        fs::remove_dir_all(&tree)?;
        Ok(archive.finish())
    }
}

fn busybox(packages: &Packages, tree: &Path) -> Result<()> {
    for package in packages.download(&["busybox-static"], false)? {
        packages::unpack(&package, tree)?;
    }
    Ok(())
}

/// Debian's packages unpacked, and as dpkg's list has them; nothing of theirs has run.
fn debian(packages: &Packages, tree: &Path) -> Result<()> {
    for folder in ["bin", "sbin", "lib"] {
        fs::create_dir_all(tree.join("usr").join(folder))?;
        symlink(format!("usr/{folder}"), tree.join(folder))?;
    }
    let mut files: Vec<PathBuf> = packages.download(&["busybox-static"], false)?;
    files.extend(packages.download(&DEBIAN, true)?);
    for package in &files {
        packages::unpack(package, tree)?;
        packages::register(package, tree)?;
    }
    fs::create_dir_all(tree.join("var/lib/dpkg/updates"))?;
    write(tree, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
    // The last four are what the scripts of udev make; systemd makes others when it starts.
    let groups = "root:x:0:\ntty:x:5:\ndialout:x:20:\ninput:x:101:\nsgx:x:102:\nkvm:x:103:\nrender:x:104:\n";
    write(tree, "etc/group", groups)?;
    write(tree, "etc/hostname", "pi\n")?;
    // Empty: systemd makes one.
    write(tree, "etc/machine-id", "")?;
    write(tree, "etc/systemd/system/xmap-shell.service", SHELL_UNIT)?;
    let units = tree.join("etc/systemd/system");
    let wants = units.join("multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    symlink("../xmap-shell.service", wants.join("xmap-shell.service"))?;
    symlink("/lib/systemd/system/multi-user.target", units.join("default.target"))?;
    for unit in MASKED {
        let unit = units.join(unit);
        if unit.symlink_metadata().is_err() {
            symlink("/dev/null", unit)?;
        }
    }
    // They make units of disks, terminals and old init scripts, a dozen processes for each reload.
    let masked = tree.join("etc/systemd/system-generators");
    fs::create_dir_all(&masked)?;
    for generator in fs::read_dir(tree.join("usr/lib/systemd/system-generators"))? {
        symlink("/dev/null", masked.join(generator?.file_name()))?;
    }
    Ok(())
}

fn write(tree: &Path, path: &str, text: &str) -> Result<()> {
    let path = tree.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text).with_context(|| path.display().to_string())
}
