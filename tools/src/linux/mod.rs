//! Linux on the emulated Pi 4B: Debian's arm64 kernel with a small first file system, in QEMU's `raspi4b`.
//!
//! [`set_up`] downloads and unpacks what it is made of into `target/emulated-linux`, once. [`Machine::boot`]
//! starts it and gives a [`Guest`]: a shell on the serial line, TCP ports over a USB network card, and a
//! [`Witness`] of what the emulated chip's registers were given, whatever the guest says of itself.

mod cpio;
mod device_tree;
mod guest;
mod modules;
mod packages;
mod qmp;
mod root;
mod shell;
mod witness;

pub use guest::{Guest, Machine};
pub(crate) use qmp::Qmp;
pub use root::{GuestFile, Root};
pub use shell::Output;
pub(crate) use witness::{BUS_EVENTS, QUESTION_EVENT};
pub use witness::{Store, Witness};

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::{apt, target_dir};
use packages::Packages;

/// Counts up when what is laid out changes, so that an older lay-out is not taken for it.
const RECIPE: u32 = 4;

/// The kernel's raw image, the device tree, busybox, and the first file systems.
const KERNEL: &str = "vmlinuz";
const DEVICE_TREE: &str = "pi4b.dtb";
/// Written last: all of it is there.
const DONE: &str = "done";

/// Returns where it is laid out.
fn folder() -> PathBuf {
    target_dir().join(format!("emulated-linux-{RECIPE}"))
}

fn part(name: &str) -> PathBuf {
    folder().join(name)
}

/// Installs qemu-user, downloads and lays out the emulated Linux, and says in one line what it did.
///
/// # Errors
///
/// The packages cannot be had: never a silent skip.
pub fn set_up() -> Result<String> {
    if user_emulator().is_err() {
        apt::install(&["qemu-user-static"], None).context("cannot install qemu-user")?;
        user_emulator()?;
    }
    let done = part(DONE);
    if let Ok(kernel) = fs::read_to_string(&done) {
        return Ok(format!("emulated Linux: {kernel} already there"));
    }
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let kernel = lay_out(&folder).context("cannot set up Linux for the emulated board")?;
    fs::write(&done, &kernel)?;
    Ok(format!("emulated Linux: {kernel} from Debian's packages"))
}

/// Checks that it is there.
///
/// # Errors
///
/// It is not; the message says which command makes it.
pub fn require() -> Result<()> {
    ensure!(part(DONE).is_file(), "Linux for the emulated board is missing: run `cargo xtask setup`");
    Ok(())
}

/// Returns the names of the chip's devices in the Pi's device tree: `i2c@7e804000`.
///
/// # Errors
///
/// It is not there, or is none.
pub fn devices() -> Result<Vec<String>> {
    require()?;
    device_tree::devices(&fs::read(part(DEVICE_TREE))?)
}

/// The programs of qemu-user that run an arm64 program without any library of this machine's.
const USER: [&str; 2] = ["/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"];

/// The emulator of single arm64 programs.
///
/// # Errors
///
/// It is not there; the message says which command installs it.
pub fn user_emulator() -> Result<&'static Path> {
    let found = USER.iter().map(Path::new).find(|path| path.is_file());
    found.context("qemu-user is missing: run `cargo xtask setup`")
}

/// Makes everything in the folder, and gives the kernel's name.
fn lay_out(folder: &Path) -> Result<String> {
    let apt = folder.join("apt");
    let packages = Packages::open(&apt)?;
    let kernel = packages.newest("linux-image-arm64")?;
    let unpacked = folder.join("kernel");
    fs::create_dir_all(&unpacked)?;
    for package in packages.download(&[&kernel], false)? {
        packages::unpack(&package, &unpacked)?;
    }
    let release = kernel.strip_prefix("linux-image-").context("a kernel with another name")?;
    fs::copy(unpacked.join(format!("boot/vmlinuz-{release}")), folder.join(KERNEL))
        .context("the package has no kernel")?;
    let dtb = format!("usr/lib/{kernel}/broadcom/bcm2711-rpi-4-b.dtb");
    let dtb = fs::read(unpacked.join(dtb)).context("the package has no device tree of the Pi 4B")?;
    fs::write(folder.join(DEVICE_TREE), device_tree::for_the_emulator(&dtb)?)?;
    let modules = modules::needed(&unpacked.join(format!("lib/modules/{release}/kernel")))?;
    for root in Root::ALL {
        fs::write(folder.join(root.file()), root.make(&packages, &modules, folder)?)?;
    }
    // Some 500 MB that nothing needs any more.
    fs::remove_dir_all(&unpacked)?;
    fs::remove_dir_all(&apt)?;
    Ok(kernel)
}
