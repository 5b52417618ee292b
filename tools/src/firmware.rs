//! Building the firmware, and the boot folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use xmap_link::RoleKeys;
use xmap_trust::{PublicKey, TrustPolicy, open_policy};

use crate::toolchain::{Toolchain, without_folders};
use crate::{flatten, process, root, target_dir};

const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// A program of the package `rpi4b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one that is flashed.
    Firmware,
    /// Counts instructions, in the emulator.
    Bench,
    /// Tests start-up and drivers, in the emulator.
    SelfTest,
    /// Plays the specification's tests, in the emulator.
    Spec,
    /// Swaps images while a lamp is on, in the emulator.
    Swaps,
    /// Counts what requests over the link cost, in the emulator.
    Link,
    /// Counts what an owner's policy costs, in the emulator.
    Trust,
    /// What there is without a mapper, to measure it.
    SizeBase,
    /// The same with the verification of an image.
    SizeImage,
    /// The same with a mapper.
    SizeMapper,
    /// The same with a mapper of integer code alone.
    SizeIntegers,
}

impl Program {
    /// The name of the binary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firmware => "rpi4b",
            Self::Bench => "bench",
            Self::SelfTest => "selftest",
            Self::Spec => "spec",
            Self::Swaps => "swaps",
            Self::Link => "link",
            Self::Trust => "trust",
            Self::SizeBase => "size_base",
            Self::SizeImage => "size_image",
            Self::SizeMapper | Self::SizeIntegers => "size_mapper",
        }
    }

    /// Returns whether it ends the emulator by itself.
    pub(crate) const fn semihosting(self) -> bool {
        !matches!(self, Self::Firmware)
    }
}

/// A program that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Which.
    pub program: Program,
    /// The raw image, `kernel8.img`, as boot stages load it.
    pub kernel: PathBuf,
    /// The ELF file it was made of, with symbols and line numbers.
    pub elf: PathBuf,
}

/// The owner of the device that a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Nobody's: a development build, which takes any image and says so.
    Nobody,
    /// A release build: this signed policy (`xmap policy sign`) and the public half of the key that signed it
    /// are compiled in.
    Policy {
        /// The signed policy's file.
        policy: &'a Path,
        /// The root key.
        root: PublicKey,
    },
}

impl Owner<'_> {
    /// The owner with this policy and root key, in 64 hexadecimal digits, as `xmap keygen` prints them.
    ///
    /// # Errors
    ///
    /// The policy cannot be read, or is not signed with this key: such a device would take nothing.
    pub fn read<'a>(policy: &'a Path, root: &str) -> Result<(Owner<'a>, TrustPolicy)> {
        let root =
            hex_key(root).context("the root key has 64 hexadecimal digits, as `xmap keygen` prints them")?;
        ensure!(root.is_sound(), "{root} is no public key");
        let opened = open_policy(&read(policy)?, &root, 0);
        let opened = opened.map_err(|error| anyhow!("{}: {error}", policy.display()))?;
        Ok((Owner::Policy { policy, root }, opened))
    }
}

fn hex_key(digits: &str) -> Option<PublicKey> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
    Some(PublicKey(bytes?.try_into().ok()?))
}

/// Builds a program for nobody's device, and flattens it.
///
/// # Errors
///
/// The target is missing, or the build fails; the error has the compiler's messages.
pub fn build(program: Program) -> Result<Built> {
    build_for(program, Owner::Nobody)
}

/// Builds a program and flattens it.
///
/// # Errors
///
/// As [`build`].
pub fn build_for(program: Program, owner: Owner<'_>) -> Result<Built> {
    build_with(program, owner, None)
}

/// The table of role keys in a file.
///
/// # Errors
///
/// It cannot be read, or is none: such a device would let nobody in.
pub fn role_keys(path: &Path) -> Result<RoleKeys> {
    RoleKeys::parse(&read(path)?).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// Builds a program and flattens it. With `keys`, a table as `xmap keys` writes it, the link lets those in
/// who have one; without, a device of nobody is open to whoever reaches it, and one of an owner to nobody.
///
/// # Errors
///
/// As [`build`], and where the table is none.
pub fn build_with(program: Program, owner: Owner<'_>, keys: Option<&Path>) -> Result<Built> {
    build_flagged(program, owner, keys, &[])
}

/// The same with flags of the compiler beside those that are part of every image.
fn build_flagged(program: Program, owner: Owner<'_>, keys: Option<&Path>, flags: &[String]) -> Result<Built> {
    // One folder holds what all builds of a program make, until it is copied.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo("build");
    toolchain.add_flags(&mut cargo, flags);
    cargo.args(["--package", "rpi4b", "--bin", program.name()]).args(["--profile", "firmware"]);
    if program.semihosting() {
        cargo.args(["--features", "semihosting"]);
    }
    if cfg!(feature = "uptime") {
        cargo.args(["--features", "uptime"]);
    }
    match program {
        Program::SizeIntegers => _ = cargo.arg("--no-default-features"),
        // The mapper of lines, clock and messages: what a capability of a board adds is counted with the
        // board.
        Program::SizeBase | Program::SizeImage | Program::SizeMapper => {
            cargo.args(["--no-default-features", "--features", "full"]);
        }
        _ => {}
    }
    // What the caller's own environment says does not decide whose device it is.
    cargo.env_remove("XMAP_POLICY").env_remove("XMAP_ROOT").env_remove("XMAP_KEYS");
    if let Owner::Policy { policy, root } = owner {
        let policy = fs::canonicalize(policy).with_context(|| policy.display().to_string())?;
        cargo.env("XMAP_POLICY", policy).env("XMAP_ROOT", root.to_string());
    }
    if let Some(keys) = keys {
        role_keys(keys)?;
        cargo.env("XMAP_KEYS", fs::canonicalize(keys).with_context(|| keys.display().to_string())?);
    }
    process::run(&mut cargo, BUILD_LIMIT)?;
    let built = toolchain.output("firmware").join(program.name());
    // A copy of its own: features and owners build the same file.
    let folder = target_dir().join("firmware-images");
    fs::create_dir_all(&folder)?;
    let name = match owner {
        Owner::Nobody => program.name().to_owned(),
        Owner::Policy { .. } => format!("{}-release", program.name()),
    };
    let name = if keys.is_some() { format!("{name}-keyed") } else { name };
    let elf = folder.join(name).with_extension("elf");
    let kernel = elf.with_extension("img");
    let bytes = read(&built)?;
    let image = flatten::flatten(&bytes).with_context(|| built.display().to_string())?;
    write(&elf, &bytes)?;
    write(&kernel, &image)?;
    Ok(Built { program, kernel, elf })
}

/// What the Raspberry Pi's own firmware needs beside the files of [`boot_folder`].
pub const VENDOR_FILES: [&str; 4] =
    ["start4.elf", "fixup4.dat", "bcm2711-rpi-4-b.dtb", "overlays/disable-bt.dtbo"];

/// Makes the boot folder: `kernel8.img`, `config.txt` and, if there is one, `panel.xmap`. Returns its
/// path.
///
/// # Errors
///
/// A file cannot be read or written.
pub fn boot_folder(panel: Option<&[u8]>, owner: Owner<'_>, keys: Option<&Path>) -> Result<(Built, PathBuf)> {
    lay_out(build_with(Program::Firmware, owner, keys)?, panel)
}

/// The same as it is passed on: a development build without a panel, whose firmware names no folder of this
/// machine.
///
/// # Errors
///
/// As [`boot_folder`].
pub fn boot_folder_of_a_release() -> Result<(Built, PathBuf)> {
    lay_out(build_flagged(Program::Firmware, Owner::Nobody, None, &without_folders()?)?, None)
}

fn lay_out(firmware: Built, panel: Option<&[u8]>) -> Result<(Built, PathBuf)> {
    let boot = target_dir().join("boot");
    if boot.exists() {
        // A panel of an earlier run must not stay.
        fs::remove_dir_all(&boot).with_context(|| boot.display().to_string())?;
    }
    fs::create_dir_all(&boot)?;
    let kernel = boot.join("kernel8.img");
    write(&kernel, &read(&firmware.kernel)?)?;
    let config = read(&root().join("boards/rpi4b/config.txt"))?;
    write(&boot.join("config.txt"), &config)?;
    if let Some(panel) = panel {
        write(&boot.join("panel.xmap"), panel)?;
    }
    Ok((Built { kernel, ..firmware }, boot))
}

fn read(from: &Path) -> Result<Vec<u8>> {
    fs::read(from).with_context(|| from.display().to_string())
}

fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(to, bytes).with_context(|| to.display().to_string())
}
