//! The emulated board: QEMU's `raspi4b`, started on a raw image, with its UART at hand.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use tempfile::NamedTempFile;

use crate::firmware::Built;
use crate::linux::{BUS_EVENTS, QUESTION_EVENT, Qmp, Store, Witness};
use crate::running::{Running, Wire};
use crate::{apt, process, target_dir};

pub(crate) const QEMU: &str = "qemu-system-aarch64";
/// The first version with `raspi4b`.
const MIN_VERSION: u32 = 9;
/// Debian's package of it.
const PACKAGE: &str = "qemu-system-arm";

/// Makes sure that the emulator is there, installs it if not, and says in one line what it did.
///
/// # Errors
///
/// It is missing or too old and cannot be installed: never a silent skip.
pub fn set_up() -> Result<String> {
    let found = version();
    if let Ok(version) = found
        && version >= MIN_VERSION
    {
        return Ok(format!("emulator: QEMU {version} already there"));
    }
    let release =
        apt::codename().with_context(|| format!("install {QEMU} {MIN_VERSION} or newer by hand"))?;
    // Debian 12 itself has QEMU 7; later releases have what is needed.
    let suite = (release == "bookworm").then(|| format!("{release}-backports"));
    apt::install(&[PACKAGE], suite.as_deref())
        .with_context(|| format!("cannot install {QEMU} {MIN_VERSION} or newer"))?;
    require()?;
    let version = version()?;
    Ok(format!("emulator: QEMU {version} installed from {}", suite.as_deref().unwrap_or(&release)))
}

/// Checks that the emulator is there and new enough.
///
/// # Errors
///
/// It is not; the message says which command installs it.
pub fn require() -> Result<()> {
    let version = version().context("the emulator is missing: run `cargo xtask setup`")?;
    ensure!(
        version >= MIN_VERSION,
        "{QEMU} is version {version}, raspi4b needs {MIN_VERSION}: run `cargo xtask setup`"
    );
    Ok(())
}

/// The emulator's major version.
fn version() -> Result<u32> {
    let printed = process::run(Command::new(QEMU).arg("--version"), Duration::from_secs(20))?;
    major(&printed).with_context(|| format!("{QEMU} --version printed {printed:?}"))
}

/// 10 for `QEMU emulator version 10.0.2 (...)`.
fn major(printed: &str) -> Option<u32> {
    let (_, version) = printed.split_once(" version ")?;
    version.split('.').next()?.parse().ok()
}

/// `RPI_FIRMWARE_SET_REBOOT_FLAGS`: the question by which a program asks for a trial.
const SET_REBOOT_FLAGS: u32 = 0x0003_8064;

/// Bytes of the seed in the device tree. (QEMU itself changes them once more.)
const SEED_BYTES: usize = 64;

/// The program to run, and the machine around it.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// The program.
    pub program: &'a Built,
    /// The panel's image, as `initramfs` loads it on the board.
    pub panel: Option<&'a Path>,
    /// The command line in the device tree.
    pub arguments: &'a str,
    /// One instruction is one nanosecond: counts and times are the same in every run. Without it the
    /// clock is the host's.
    pub counting: bool,
    /// Where the boot loader says that it booted from, by its number: 1 an SD card, 4 a USB stick. Without it
    /// nobody says.
    pub boot_mode: Option<u32>,
    /// The partition that the boot loader says it booted, and whether on a trial ([`crate::boot_loader`]);
    /// [`Emulator::wants_tryboot`] says then whether the program asked for one. Without it nobody says.
    pub booted: Option<(u32, bool)>,
    /// The device tree has a random seed, as the Raspberry Pi's firmware hands one over.
    pub seeded: bool,
    /// A reset starts the board anew, with what its memory has ([`Emulator::reset`]), and does not end the
    /// emulator.
    pub restarts: bool,
    /// The emulator traces stores to the GPIO registers ([`Emulator::stores`]).
    pub watched: bool,
    /// The chips on I2C bus 1, as QEMU's option `-device` takes them: `tmp105,address=0x48`; one on another
    /// bus names it, `m25p80,bus=spi`. With any, the emulator traces what the I2C bus carries
    /// ([`Emulator::bus`]), and what a chip has can be set ([`Emulator::set`]).
    pub chips: &'a [&'a str],
    /// The image of the SD card in the slot: its size is a power of two.
    pub card: Option<&'a Path>,
}

impl<'a> Machine<'a> {
    /// The program alone: no panel, no arguments, the host's clock, unwatched.
    pub const fn new(program: &'a Built) -> Self {
        Self {
            program,
            panel: None,
            arguments: "",
            counting: false,
            boot_mode: None,
            booted: None,
            seeded: true,
            restarts: false,
            watched: false,
            chips: &[],
            card: None,
        }
    }

    /// Runs the program to its end. Returns the numbers that it prints, a name and a number on each line.
    ///
    /// # Errors
    /// It does not end well within the limit, or prints something else.
    pub fn numbers(self, limit: Duration) -> Result<BTreeMap<String, u64>> {
        let (sent, status) = self.start()?.finish(limit)?;
        ensure!(status.success(), "the program failed:\n{sent}");
        let numbers = sent.lines().map(|line| {
            let (name, number) = line.split_once(' ').with_context(|| format!("the line `{line}`"))?;
            Ok((name.to_owned(), number.trim().parse().with_context(|| format!("the line `{line}`"))?))
        });
        numbers.collect()
    }

    /// QEMU's command line, with the UART at `serial` and this device tree.
    fn command(&self, serial: &str, device_tree: &Path) -> Command {
        let mut qemu = Command::new(QEMU);
        qemu.args(["-M", "raspi4b", "-display", "none", "-serial", serial]);
        if !self.restarts {
            // A reset ends the emulator, so that a test sees it.
            qemu.args(["-monitor", "none", "-no-reboot"]);
        }
        qemu.arg("-kernel").arg(&self.program.kernel).arg("-dtb").arg(device_tree);
        if let Some(panel) = self.panel {
            qemu.arg("-initrd").arg(panel);
        }
        let mut arguments = self.arguments.to_owned();
        if self.program.program.semihosting() {
            qemu.args(["-semihosting-config", "enable=on,target=native"]);
        } else {
            // The emulated watchdog resets the board when it is started, not when it runs out.
            arguments = format!("xmap.watchdog=0 {arguments}");
        }
        if self.card.is_some() {
            // The emulator has its card behind the older controller.
            arguments += " xmap.card=emmc";
        }
        if !arguments.is_empty() {
            qemu.args(["-append", arguments.trim()]);
        }
        if let Some(card) = self.card {
            qemu.args(["-drive", &format!("if=sd,format=raw,file={}", card.display())]);
        }
        qemu.args(chip_options(self.chips.iter().copied()));
        if self.booted.is_some() {
            qemu.args(["-trace", &format!("enable={QUESTION_EVENT}")]);
        }
        if self.counting {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        }
        qemu
    }

    fn device_tree(&self) -> Result<NamedTempFile> {
        let mut seed = [0; SEED_BYTES];
        getrandom::fill(&mut seed).map_err(|error| anyhow!("no random numbers: {error}"))?;
        device_tree(self.boot_mode, self.booted, self.seeded.then_some(seed))
    }

    /// Starts it with the UART in this process's hands.
    ///
    /// # Errors
    ///
    /// The emulator is missing, or does not start.
    pub fn start(&self) -> Result<Emulator> {
        require()?;
        let device_tree = self.device_tree()?;
        let wire = Wire::new()?;
        let mut command = self.command(&wire.option()?, device_tree.path());
        let has_chips = !self.chips.is_empty();
        let witness = (self.watched || has_chips || self.booted.is_some()).then(Witness::new).transpose()?;
        // The last of these options says where the trace goes.
        if let Some(witness) = &witness {
            command.args(witness.options(self.watched));
        }
        let machine = has_chips.then(Wire::new).transpose()?;
        if let Some(machine) = &machine {
            command.args(["-qmp", &machine.option()?]);
        }
        let monitor = self.restarts.then(Wire::new).transpose()?;
        if let Some(monitor) = &monitor {
            command.args(["-monitor", &monitor.option()?]);
        }
        let mut running = Running::start(&mut command)?;
        let uart = running.accept(&wire)?;
        let monitor = monitor.map(|monitor| running.accept(&monitor)).transpose()?;
        let machine = machine.map(|machine| running.accept(&machine)).transpose()?;
        let chips = machine.map(Qmp::new).transpose()?;
        Ok(Emulator { running, uart, monitor, witness, chips, _device_tree: device_tree })
    }

    /// Runs it with the UART at `serial`, as [`Machine::become_it`], until it resets. Returns whether the
    /// program asked for a trial of the other firmware ([`Machine::booted`]).
    ///
    /// # Errors
    ///
    /// The emulator is missing, cannot be started, or ends in another way.
    pub fn run(&self, serial: &str) -> Result<bool> {
        require()?;
        let device_tree = self.device_tree()?;
        let mut witness = Witness::new()?;
        let mut command = self.command(serial, device_tree.path());
        command.args(witness.options(false));
        let status = command.status().with_context(|| format!("cannot run {QEMU}"))?;
        ensure!(status.success(), "{QEMU} ended: {status}");
        Ok(witness.questions()?.contains(&SET_REBOOT_FLAGS))
    }

    /// Runs it in the place of this process, so that it ends with it; the UART is at `serial`: `stdio`, or
    /// what else QEMU takes there.
    ///
    /// # Errors
    ///
    /// Always: the emulator is missing, or cannot be started.
    pub fn become_it(&self, serial: &str) -> Error {
        let start = || -> Result<io::Error> {
            require()?;
            // QEMU reads it after this program has gone.
            let path = target_dir().join("emulator.dtb");
            self.device_tree()?.persist(&path)?;
            Ok(self.command(serial, &path).exec())
        };
        start().map_or_else(|error| error, |error| Error::from(error).context(format!("cannot run {QEMU}")))
    }
}

/// QEMU's options for chips on the board's buses, and for a trace of what the buses carry; none without
/// chips. A [`Witness`]'s options come behind them and say where the trace goes.
pub(crate) fn chip_options<'c>(chips: impl Iterator<Item = &'c str>) -> Vec<String> {
    let mut options = Vec::new();
    for chip in chips {
        let bus = if chip.contains("bus=") { "" } else { ",bus=i2c-bus.1" };
        options.extend(["-device".to_owned(), format!("{chip}{bus}")]);
    }
    if !options.is_empty() {
        for event in BUS_EVENTS {
            options.extend(["-trace".to_owned(), format!("enable={event}")]);
        }
    }
    options
}

/// A running board.
#[derive(Debug)]
pub struct Emulator {
    running: Running,
    uart: TcpStream,
    /// Where QEMU is given commands, if [`Machine::restarts`].
    monitor: Option<TcpStream>,
    witness: Option<Witness>,
    /// Where QEMU is told what its chips have, if there are [`Machine::chips`].
    chips: Option<Qmp>,
    /// QEMU reads it while it starts.
    _device_tree: NamedTempFile,
}

impl Emulator {
    /// The other end of the board's UART: what the board sends is read here, what is written here it
    /// receives. Reads wait as [`TcpStream::set_read_timeout`] says, and end when the board ends.
    pub fn uart(&mut self) -> &mut TcpStream {
        &mut self.uart
    }

    /// Offers the board's UART at a port of this machine, for a program that connects to a device by
    /// itself: `tcp:127.0.0.1:PORT`. The first that connects has it from then on.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn listen(&self) -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let (to_board, from_board) = (self.uart.try_clone()?, self.uart.try_clone()?);
        thread::spawn(move || {
            let Ok((host, _)) = listener.accept() else { return };
            _ = host.set_nodelay(true);
            let Ok(to_host) = host.try_clone() else { return };
            thread::spawn(move || pass_on(from_board, to_host));
            pass_on(host, to_board);
        });
        Ok(port)
    }

    /// Resets the board as its watchdog does: it starts anew, and its memory is left alone.
    ///
    /// # Errors
    ///
    /// [`Machine::restarts`] is not set, or the emulator is gone.
    pub fn reset(&mut self) -> Result<()> {
        let monitor = self.monitor.as_mut().context("this emulator ends with a reset")?;
        Ok(io::Write::write_all(monitor, b"system_reset\n")?)
    }

    /// The stores to the GPIO registers since this was last asked, as the emulator saw them; none where
    /// [`Machine::watched`] is not set.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub fn stores(&mut self) -> Result<Vec<Store>> {
        self.witness.as_mut().map_or(Ok(Vec::new()), Witness::stores)
    }

    /// Returns what buses carried since this was last asked, as the emulator saw it. Of I2C: `start 48`,
    /// `w 00`, `r 19`, `stop`, each with the chip's address or the byte. Of a flash memory on SPI: `x 9f` for
    /// each byte that it is sent.
    ///
    /// # Errors
    ///
    /// The trace cannot be read, or the machine has no [`Machine::chips`].
    pub fn bus(&mut self) -> Result<Vec<String>> {
        self.witness.as_mut().context("the machine has no chips")?.bus()
    }

    /// Returns whether the program has asked for a trial of the other firmware since this was last asked; a
    /// reset is to follow.
    ///
    /// # Errors
    ///
    /// The trace cannot be read, or the machine was not [`Machine::booted`] by a boot loader.
    pub fn wants_tryboot(&mut self) -> Result<bool> {
        let witness = self.witness.as_mut().context("no boot loader has started this machine")?;
        Ok(witness.questions()?.contains(&SET_REBOOT_FLAGS))
    }

    /// Sets a property of a chip with an `id`: the `temperature` of a `tmp105,id=temp`, in 1/1000 degree.
    ///
    /// # Errors
    ///
    /// The machine has no [`Machine::chips`], or QEMU refuses.
    pub fn set(&mut self, id: &str, property: &str, value: i64) -> Result<()> {
        self.chips.as_mut().context("the machine has no chips")?.set(id, property, value)
    }

    /// Returns what the board sends up to and with `text`.
    ///
    /// # Errors
    ///
    /// It ends, or `limit` passes, before that; the error has what it did send.
    pub fn expect(&mut self, text: &str, limit: Duration) -> Result<String> {
        let mut sent = Vec::new();
        let found = self.read_until(&mut sent, limit, |sent| sent.ends_with(text.as_bytes()))?;
        let sent = String::from_utf8_lossy(&sent).into_owned();
        ensure!(
            found == Some(true),
            "waited {} s for {text:?}, the board sent:\n{sent}\n{}",
            limit.as_secs(),
            self.running.messages()
        );
        Ok(sent)
    }

    /// Returns what the board sends until it ends, and QEMU's exit status.
    ///
    /// # Errors
    ///
    /// It still runs after `limit`; the error has what it did send.
    pub fn finish(mut self, limit: Duration) -> Result<(String, ExitStatus)> {
        let mut sent = Vec::new();
        let ended = self.read_until(&mut sent, limit, |_| false)?;
        let sent = String::from_utf8_lossy(&sent).into_owned();
        let status = match ended {
            Some(_) => self.running.wait(limit)?,
            None => None,
        };
        let Some(status) = status else {
            bail!("the board still ran after {} s and had sent:\n{sent}", limit.as_secs());
        };
        Ok((sent, status))
    }

    /// Reads until `done` (`Some(true)`), the board's end (`Some(false)`) or the end of `limit` (`None`).
    fn read_until(
        &mut self,
        sent: &mut Vec<u8>,
        limit: Duration,
        done: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<bool>> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.uart.set_read_timeout(Some(left))?;
            // One byte at a time: what follows is left for the next reader.
            let mut byte = [0];
            match self.uart.read(&mut byte) {
                Ok(0) => return Ok(Some(false)),
                Ok(_) => sent.extend(byte),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Some(false)),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error.into()),
            }
            if done(sent) {
                return Ok(Some(true));
            }
        }
    }
}

/// Passes bytes on from one stream to another, each as soon as it comes, until either ends.
fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    _ = io::copy(&mut from, &mut to);
    _ = to.shutdown(Shutdown::Both);
}

/// The smallest device tree that QEMU can put the panel's place and the arguments into. On the board
/// the Raspberry Pi's firmware brings a whole one; the emulator has none of its own.
fn device_tree(
    boot_mode: Option<u32>,
    booted: Option<(u32, bool)>,
    seed: Option<[u8; SEED_BYTES]>,
) -> Result<NamedTempFile> {
    let mut tree = DeviceTree::new();
    for cells in ["#address-cells", "#size-cells"] {
        tree.root.add_property(DeviceTreeProperty::new(cells, 2u32)?);
    }
    tree.root.add_property(DeviceTreeProperty::new("compatible", "raspberrypi,4-model-b")?);
    let mut chosen = DeviceTreeNode::new("chosen")?;
    if let Some(seed) = seed {
        chosen.add_property(DeviceTreeProperty::new("rng-seed", &seed[..])?);
    }
    let (partition, tryboot) = booted.unzip();
    let says = [("boot-mode", boot_mode), ("partition", partition), ("tryboot", tryboot.map(u32::from))];
    let mut bootloader = DeviceTreeNode::new("bootloader")?;
    for (name, value) in says {
        if let Some(value) = value {
            bootloader.add_property(DeviceTreeProperty::new(name, value)?);
        }
    }
    if boot_mode.is_some() || booted.is_some() {
        chosen.add_child(bootloader);
    }
    tree.root.add_child(chosen);
    let mut file = NamedTempFile::with_prefix("xmap-")?;
    io::Write::write_all(&mut file, &tree.to_dtb())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"), Some(10));
        assert_eq!(major("QEMU emulator version 7.2.22\n"), Some(7));
        assert_eq!(major("zsh: command not found"), None);
    }
}
