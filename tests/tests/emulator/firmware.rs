//! A firmware that is sent to a board: the flashed program, started from a card as `cargo xtask image --card`
//! makes it, with the boot loader of `xmap_tools::boot_loader`.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use xmap_boards::BoardId;
use xmap_client::{Client, Options};
use xmap_link::{FirmwareBack, FirmwareContent, FirmwareStanding, FirmwareStatus, Role};
use xmap_tools::boot_loader::{BootLoader, Loaded};
use xmap_tools::card;
use xmap_tools::emulator::Machine;
use xmap_tools::firmware::Built;
use xmap_trust::{FIRMWARE_SEAL_BYTES, FirmwareReject, SecretKey, firmware_mark, seal_firmware};

use crate::access::secret;
use crate::board::{Board, flashed, greet, patient, until};
use crate::store::{LAMP, call, image};
use crate::trust::{USB, module, release, root, sealed as sealed_image};

/// A board with its card.
struct Pi {
    card: PathBuf,
    loader: BootLoader,
    /// Where the boot loader says that it booted from.
    boot_mode: Option<u32>,
    options: Options,
    _folder: TempDir,
}

impl Pi {
    /// A card with this program and this panel on both boot partitions.
    fn new(program: &Built, panel: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let boot = folder.path().join("boot");
        fs::create_dir(&boot).unwrap();
        fs::copy(&program.kernel, boot.join("kernel8.img")).unwrap();
        fs::write(boot.join("panel.xmap"), panel).unwrap();
        let card = folder.path().join("card.img");
        card::write(&card, &boot, None).unwrap_or_else(|error| panic!("{error:#}"));
        Self { loader: BootLoader::new(&card), card, boot_mode: None, options: patient(), _folder: folder }
    }

    /// The one that is flashed, with a lamp.
    fn with_lamp() -> Self {
        Self::new(flashed(), image(1).image().bytes())
    }

    fn load(&mut self) -> Loaded {
        self.loader.load().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Switches it on. Returns the partition that boots, and whether on a trial.
    fn start(&mut self) -> (Board, (u32, bool)) {
        let loaded = self.load();
        let machine = Machine { boot_mode: self.boot_mode, ..loaded.machine(&self.card) };
        (greet(&machine, &self.options), loaded.booted)
    }

    /// Has the firmware that was sent tried: waits for the reset, and passes the flag on.
    fn try_firmware(&mut self, mut board: Board) {
        board.client.try_firmware().unwrap().unwrap();
        until("the reset", || board.client.status().is_err());
        assert!(board.emulator.wants_tryboot().unwrap(), "the flag was set in front of the reset");
        self.loader.set_tryboot();
    }
}

/// A firmware and its seal, of whoever: the device has no owner.
fn sealed(bytes: &[u8], version: u32) -> [u8; FIRMWARE_SEAL_BYTES] {
    sealed_by(&SecretKey::from_seed(&[7; 32]), bytes, version)
}

fn sealed_by(key: &SecretKey, bytes: &[u8], version: u32) -> [u8; FIRMWARE_SEAL_BYTES] {
    seal_firmware(bytes, BoardId::Rpi4b as u16, version, key).unwrap().to_bytes()
}

fn send(client: &mut Client, bytes: &[u8], version: u32) -> Result<(u8, u32), Option<FirmwareReject>> {
    client.send_firmware(bytes, &sealed(bytes, version), &mut |_| {}).unwrap()
}

/// A firmware that hangs at its first instruction.
fn hanging() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..4].copy_from_slice(&0x1400_0000_u32.to_le_bytes());
    bytes[64..80].copy_from_slice(&firmware_mark(BoardId::Rpi4b as u16));
    bytes
}

/// Returns what runs, which of the two counts as good, and the versions in them.
fn firmwares(status: &FirmwareStatus) -> (u8, u8, [Option<u32>; 2]) {
    let version = |content: &FirmwareContent| match content {
        FirmwareContent::Sealed { version, .. } => Some(*version),
        FirmwareContent::Unsealed | FirmwareContent::Damaged => None,
    };
    (status.runs, status.good, status.slots.each_ref().map(|slot| version(&slot.content)))
}

#[test]
fn a_firmware_that_was_sent_is_tried_and_kept_and_one_that_hangs_goes_back() {
    let kernel = fs::read(&flashed().kernel).unwrap();
    let mut pi = Pi::with_lamp();
    let (mut board, booted) = pi.start();
    assert_eq!(booted, (2, false));
    assert_eq!(firmwares(&board.client.firmware().unwrap()), (2, 2, [None, None]), "laid out without a seal");
    call(&mut board.client, "lamp_on");
    assert_eq!(send(&mut board.client, &kernel, 7), Ok((3, 7)));
    assert_ne!(board.client.levels().unwrap()[0] & 1 << LAMP, 0, "the lamp stayed on");
    pi.try_firmware(board);

    let (mut board, booted) = pi.start();
    assert_eq!(booted, (3, true));
    until("what counts as good", || board.client.firmware().unwrap().standing == FirmwareStanding::Good);
    assert_eq!(call(&mut board.client, "version"), 1, "the module runs");
    drop(board);
    let (mut board, booted) = pi.start();
    assert_eq!(booted, (3, false), "after a loss of power, too");
    assert_eq!(firmwares(&board.client.firmware().unwrap()), (3, 3, [None, Some(7)]));
    let older = send(&mut board.client, &kernel, 6);
    assert!(matches!(older, Err(Some(FirmwareReject::Rollback { .. }))), "{older:?}");

    assert_eq!(send(&mut board.client, &hanging(), 8), Ok((2, 8)));
    pi.try_firmware(board);
    let loaded = pi.load();
    assert_eq!(loaded.booted, (2, true));
    drop(loaded.machine(&pi.card).start().unwrap_or_else(|error| panic!("{error:#}")));
    let (mut board, booted) = pi.start();
    assert_eq!(booted, (3, false), "the one before");
    let status = board.client.firmware().unwrap();
    assert_eq!(firmwares(&status), (3, 3, [Some(8), Some(7)]));
    assert_eq!(status.back, Some(FirmwareBack::Reset));
    call(&mut board.client, "lamp_on");
}

#[test]
fn a_transfer_that_loses_power_leaves_the_firmware_that_runs() {
    let kernel = fs::read(&flashed().kernel).unwrap();
    let mut pi = Pi::with_lamp();
    let (board, _) = pi.start();
    let Board { mut client, emulator } = board;
    let mut emulator = Some(emulator);
    let cut = client.send_firmware(&kernel, &sealed(&kernel, 7), &mut |bytes| {
        if bytes > kernel.len() / 2 {
            emulator = None;
        }
    });
    assert!(cut.is_err() && emulator.is_none(), "{cut:?}");
    let (mut board, booted) = pi.start();
    assert_eq!(booted, (2, false));
    assert_eq!(firmwares(&board.client.firmware().unwrap()), (2, 2, [None, None]));
    let nothing = board.client.try_firmware().unwrap();
    assert_eq!(nothing, Err(Some(FirmwareReject::Seal)));
    // The next one is taken.
    assert_eq!(send(&mut board.client, &hanging(), 7), Ok((3, 7)));
}

#[test]
fn an_owners_device_takes_a_firmware_of_its_root_key_alone() {
    let kernel = fs::read(&release().kernel).unwrap();
    let (_, panel) = sealed_image(&module("hall", 1, LAMP), "usb");
    let mut pi = Pi::new(release(), &panel);
    (pi.boot_mode, pi.options.key) = (Some(USB), Some(secret(Role::Own)));
    let (mut board, _) = pi.start();
    let mut send =
        |seal: &[u8; FIRMWARE_SEAL_BYTES]| board.client.send_firmware(&kernel, seal, &mut |_| {}).unwrap();
    assert_eq!(send(&sealed(&kernel, 7)), Err(Some(FirmwareReject::UnknownKey)));
    let seal = sealed_by(&root(), &kernel, 7);
    let mut forged = seal;
    forged[FIRMWARE_SEAL_BYTES - 1] ^= 1;
    assert_eq!(send(&forged), Err(Some(FirmwareReject::BadSignature)));
    assert_eq!(send(&seal), Ok((3, 7)));
    pi.try_firmware(board);
    let (mut board, booted) = pi.start();
    assert_eq!(booted, (3, true));
    until("what counts as good", || board.client.firmware().unwrap().standing == FirmwareStanding::Good);
    assert_eq!(firmwares(&board.client.firmware().unwrap()), (3, 3, [None, Some(7)]));
}
