//! A running emulated Linux.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::NamedTempFile;

use super::cpio::Archive;
use super::qmp::Qmp;
use super::root::{GuestFile, Root};
use super::shell::{Output, Shell};
use super::witness::{EVENT, Store, Witness};
use super::{DEVICE_TREE, KERNEL, part};
use crate::emulator::{self, QEMU};
use crate::running::{Running, Wire};

/// What a boot may take: 5 s on an idle machine, Debian 15 s, and machines are not always idle.
const BOOT_LIMIT: Duration = Duration::from_secs(240);
/// What a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(180);
/// How often a free port of this machine is looked for.
const TRIES: u32 = 5;
/// Where the GPIO block is.
const GPIO: u32 = 0xfe20_0000;
const GPLEV0: u32 = 0x34;

/// The guest to boot.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The programs.
    pub root: Root,
    /// Files of the test.
    pub files: Vec<GuestFile>,
    /// TCP ports of the guest that this machine can connect to.
    pub ports: Vec<u16>,
    /// The chips on I2C bus 1 and elsewhere, as [`crate::emulator::Machine::chips`] has them.
    pub chips: Vec<String>,
}

impl Machine {
    /// Boots, and waits until shell and network are up.
    ///
    /// # Errors
    ///
    /// The emulator or Linux is missing (the message says which command installs it), or it does not come up;
    /// then the error has what the kernel said.
    pub fn boot(&self) -> Result<Guest> {
        emulator::require()?;
        super::require()?;
        let initrd = self.initrd()?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.start(&initrd) {
                // Another program has taken the port between our look and the emulator's.
                Err(error) if tries < TRIES && format!("{error:#}").contains("forwarding rule") => {}
                Err(error) => return Err(error),
                Ok(mut guest) => {
                    guest.wait(initrd)?;
                    if !self.chips.is_empty() {
                        guest.sh("for module in /chips/*; do /bin/busybox insmod $module || exit 1; done")?;
                    }
                    return Ok(guest);
                }
            }
        }
    }

    /// The root and the test's own files behind it, in one file.
    fn initrd(&self) -> Result<NamedTempFile> {
        let mut archive = Archive::default();
        let mut folders = Vec::new();
        for file in &self.files {
            let mut from = 0;
            while let Some(end) = file.path[from..].find('/') {
                let folder = &file.path[..from + end];
                if !folders.contains(&folder) {
                    // One that the root has keeps its mode: it is 755 too.
                    archive.folder(folder, 0o755);
                    folders.push(folder);
                }
                from += end + 1;
            }
            archive.file(&file.path, file.mode, &file.data);
        }
        let mut initrd = NamedTempFile::with_prefix_in("initrd-", super::folder())?;
        initrd.write_all(&fs::read(part(self.root.file()))?)?;
        initrd.write_all(&archive.finish())?;
        Ok(initrd)
    }

    fn start(&self, initrd: &NamedTempFile) -> Result<Guest> {
        let (shell, monitor) = (Wire::new()?, Wire::new()?);
        let witness = Witness::new()?;
        let mut ports = Vec::new();
        let mut network = String::from("user,id=net");
        for guest in &self.ports {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            network += &format!(",hostfwd=tcp:127.0.0.1:{free}-:{guest}");
            ports.push((*guest, free));
        }
        let mut qemu = Command::new(QEMU);
        qemu.args(["-M", "raspi4b", "-display", "none", "-no-reboot"])
            .arg("-serial")
            .arg(shell.option()?)
            .arg("-qmp")
            .arg(monitor.option()?)
            .args(emulator::chip_options(self.chips.iter().map(String::as_str)))
            .args(witness.options(false))
            .args(["-netdev", &network, "-device", "usb-net,netdev=net"])
            .arg("-kernel")
            .arg(part(KERNEL))
            .arg("-dtb")
            .arg(part(DEVICE_TREE))
            .arg("-initrd")
            .arg(initrd.path())
            // The GPIO block is a driver's: without `iomem` nobody else could map it from /dev/mem.
            .args([
                "-append",
                "console=ttyAMA0,115200 iomem=relaxed net.ifnames=0 panic=-1 quiet systemd.show_status=0",
            ]);
        let mut running = Running::start(&mut qemu)?;
        let shell = Shell::new(running.accept(&shell)?);
        let monitor = Qmp::new(running.accept(&monitor)?)?;
        Ok(Guest { running, shell, monitor, witness, ports })
    }
}

/// A running guest. It ends when this is dropped.
#[derive(Debug)]
pub struct Guest {
    running: Running,
    shell: Shell,
    monitor: Qmp,
    witness: Witness,
    ports: Vec<(u16, u16)>,
}

impl Guest {
    fn wait(&mut self, initrd: NamedTempFile) -> Result<()> {
        let up = self.shell.expect("xmap: ready\n", BOOT_LIMIT);
        // Only a kernel that is up has read all of it.
        drop(initrd);
        up.map(drop).with_context(|| format!("Linux does not come up:\n{}", self.running.messages()))
    }

    /// Runs a command of the shell, of one line or several, with an empty input.
    ///
    /// # Errors
    ///
    /// It takes longer than three minutes, or the guest ends; not that the command fails.
    pub fn run(&mut self, command: &str) -> Result<Output> {
        self.shell.run(command, COMMAND_LIMIT)
    }

    /// Runs a command that has to succeed; gives what it printed, without the white space around it.
    ///
    /// # Errors
    ///
    /// It fails, takes longer than three minutes, or the guest ends.
    pub fn sh(&mut self, command: &str) -> Result<String> {
        let output = self.run(command)?;
        ensure!(output.status == 0, "`{command}` in the guest: status {}\n{}", output.status, output.text);
        Ok(output.text.trim().to_owned())
    }

    /// Runs a command again and again until it succeeds.
    ///
    /// # Errors
    ///
    /// It has not in `limit`; the error has what it printed last, and what the kernel did.
    pub fn until(&mut self, command: &str, limit: Duration) -> Result<String> {
        let start = std::time::Instant::now();
        loop {
            let output = self.run(command)?;
            if output.status == 0 {
                return Ok(output.text.trim().to_owned());
            }
            if start.elapsed() > limit {
                let kernel = self.run("/bin/busybox dmesg | tail -n 20")?.text;
                bail!("waited {} s for `{command}`: {}\n{kernel}", limit.as_secs(), output.text);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The port of this machine that is a port of the guest; `None` for one that was not asked for.
    pub fn port(&self, guest: u16) -> Option<u16> {
        self.ports.iter().find(|(port, _)| *port == guest).map(|(_, here)| *here)
    }

    /// A register of the GPIO block, read by the guest's busybox from /dev/mem. `offset` is in bytes.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn register(&mut self, offset: u16) -> Result<u32> {
        let read = self.sh(&format!("/bin/busybox devmem {:#x} 32", GPIO + u32::from(offset)))?;
        let digits = read.strip_prefix("0x").with_context(|| format!("devmem printed {read:?}"))?;
        Ok(u32::from_str_radix(digits, 16)?)
    }

    /// The levels of bank 0 (lines 0 to 31), read in the same way: GPLEV0.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn levels(&mut self) -> Result<u32> {
        self.register(GPLEV0 as u16)
    }

    /// Lets the emulator trace stores to the registers from now on.
    ///
    /// # Errors
    ///
    /// The emulator does not answer, or cannot trace.
    pub fn watch(&mut self) -> Result<()> {
        self.monitor.trace(EVENT, true)?;
        self.witness.stores().map(drop)
    }

    /// Returns what buses carried since this was last asked, as [`crate::emulator::Emulator::bus`] does.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub fn bus(&mut self) -> Result<Vec<String>> {
        self.witness.bus()
    }

    /// Sets a property of a chip with an `id`, as [`crate::emulator::Emulator::set`] does.
    ///
    /// # Errors
    ///
    /// The emulator does not answer, or refuses.
    pub fn set(&mut self, id: &str, property: &str, value: i64) -> Result<()> {
        self.monitor.set(id, property, value)
    }

    /// The stores since [`Guest::watch`] or since this was last asked, as the emulator saw them.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub fn stores(&mut self) -> Result<Vec<Store>> {
        self.witness.stores()
    }
}
