//! A device whose card has two firmware slots, with the Raspberry Pi's boot loader as a model.

use std::convert::Infallible;
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use tiny_mapper::{Layer, Over as _, over};
use xmap_device::{BoardLayer, Device, Firmwares, Recorder, Service};
use xmap_image::OwnedImage;
use xmap_link::NoFirmware;
use xmap_sim::{Heap, SimBoard};
use xmap_store::{Disk, SECTOR, Sector};
use xmap_trust::{SecretKey, seal_firmware};
use xmap_update::{Layout, Next, Proof, Slot, Slots, Standing, Start, autoboot, default_of, trailer};

use crate::{IDENTITY, Socket, listen, room};

/// Sectors of a slot.
pub const SLOT_SECTORS: u32 = 64;
/// Where the three partitions begin, and their sectors.
const PARTITIONS: [(u32, u32); 3] = [(2048, 8192), (10_240, 8192), (18_432, 8192)];

/// A card in memory.
#[derive(Clone, Debug)]
pub struct MemoryCard(Vec<Sector>);

impl Disk for MemoryCard {
    type Error = Infallible;

    fn sectors(&self) -> u32 {
        self.0.len() as u32
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), Infallible> {
        let first = first as usize;
        into.copy_from_slice(&self.0[first..first + into.len()]);
        Ok(())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), Infallible> {
        let first = first as usize;
        self.0[first..first + sectors.len()].copy_from_slice(sectors);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Returns a card with a firmware of version 1 in slot A, sealed with this key.
///
/// # Panics
/// Never, with the sizes that it has.
pub fn card(root: &SecretKey) -> MemoryCard {
    let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
    let files =
        [("autoboot.txt", &autoboot(Slot::A)[..]), ("kernel8.img", &kernel), ("kernel8.img", &kernel)];
    let mut all = vec![0; (PARTITIONS[2].0 + PARTITIONS[2].1) as usize * SECTOR];
    for (number, ((at, sectors), (name, content))) in PARTITIONS.into_iter().zip(files).enumerate() {
        let entry = 446 + 16 * number;
        all[entry + 4] = 0x0e;
        all[entry + 8..entry + 12].copy_from_slice(&at.to_le_bytes());
        all[entry + 12..entry + 16].copy_from_slice(&sectors.to_le_bytes());
        let part = &mut all[at as usize * SECTOR..][..sectors as usize * SECTOR];
        let options = FormatVolumeOptions::new().fat_type(FatType::Fat16).bytes_per_cluster(512);
        let mut cursor = Cursor::new(part);
        format_volume(&mut cursor, options).unwrap_or_else(|error| panic!("{error}"));
        cursor.seek(SeekFrom::Start(0)).unwrap_or_else(|error| panic!("{error}"));
        let volume = FileSystem::new(cursor, FsOptions::new()).unwrap_or_else(|error| panic!("{error}"));
        let file = volume.root_dir().create_file(name);
        file.and_then(|mut file| file.write_all(content)).unwrap_or_else(|error| panic!("{error}"));
    }
    all[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut card = MemoryCard(all.as_chunks().0.to_vec());
    let layout = Layout::find(&mut card).unwrap_or_else(|error| panic!("{error:?}"));
    let seal = seal_firmware(&[0; SECTOR], IDENTITY.board, 1, root).unwrap_or_else(|| panic!("a sector"));
    card.0[layout.trailer(Slot::A) as usize] = trailer(&seal);
    card
}

/// The simulated board with two firmwares.
#[derive(Debug)]
pub struct Updating {
    board: SimBoard,
    slots: Option<Slots<MemoryCard>>,
}

over!([] Updating => board: SimBoard);

impl Layer for Updating {}

impl BoardLayer for Updating {
    fn firmwares(&mut self) -> Result<&mut dyn Firmwares, NoFirmware> {
        match &mut self.slots {
            Some(slots) => Ok(slots),
            None => Err(NoFirmware::NoSlots),
        }
    }
}

type Board = Recorder<Updating, 64, 512>;

/// Starts a device in a thread of its own that runs this image, whose owner is this key, and that boots as
/// its card says. Firmwares of these versions hang on their trial. Returns where it listens, as `--port`
/// takes it.
///
/// # Panics
/// As [`crate::serve`].
pub fn serve(words: Vec<u32>, root: SecretKey, hang: &'static [u32]) -> String {
    let (listener, port) = listen();
    thread::spawn(move || {
        let mut card = card(&root);
        let mut tryboot = false;
        loop {
            let start = boot(&mut card, std::mem::take(&mut tryboot));
            let owner = Some(root.public());
            let (slots, next) =
                Slots::open(card, start, IDENTITY.board, owner).unwrap_or_else(|error| panic!("{error:?}"));
            let seal = slots.facts().of(start.slot).firmware.get();
            let hangs = seal.is_some_and(|seal| hang.contains(&seal.version));
            if next == Next::Reset || hangs {
                card = slots.into_disk();
                continue;
            }
            let Some(after) = run(&listener, words.clone(), slots) else { return };
            (card, tryboot) = (after, true);
        }
    });
    port
}

/// Returns what boots: the flag lets the other slot boot.
fn boot(card: &mut MemoryCard, tryboot: bool) -> Start {
    let layout = Layout::find(card).unwrap_or_else(|error| panic!("{error:?}"));
    let default = default_of(&card.0[layout.autoboot as usize]).unwrap_or(Slot::A);
    Start { slot: if tryboot { default.other() } else { default }, tryboot }
}

/// Runs a firmware until a host asks for the trial of another one. Returns the card then.
fn run(listener: &TcpListener, words: Vec<u32>, slots: Slots<MemoryCard>) -> Option<MemoryCard> {
    let board = Updating { board: SimBoard::new(), slots: Some(slots) };
    let rooms = std::array::from_fn(|_| [room(1 << 16), room(1 << 16)]);
    let mut device: Device<Heap, Board> = Device::new(Recorder::new(board), rooms);
    let image = OwnedImage::new(words).unwrap_or_else(|error| panic!("{error}"));
    device.install(0, image.image().bytes()).unwrap_or_else(|failure| panic!("{failure:?}"));
    loop {
        let (stream, _) = listener.accept().ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
        let (mut wire, mut service) = (Socket::new(stream), Service::new(IDENTITY));
        while wire.is_open() {
            while service.poll(&mut wire, &mut device) {
                let slots = device.board_mut().inner_mut().slots.as_mut()?;
                if slots.choice().standing == Standing::Trial {
                    slots.judge(&Proof { mounted: true, asked: true, ran_us: 0 });
                }
            }
            if !wire.is_open() {
                service.end(&mut device);
            }
            if service.wants_trial() {
                return Some(device.board_mut().inner_mut().slots.take()?.into_disk());
            }
        }
    }
}

/// Returns what stands for the bytes of a firmware for this device: with its mark.
pub fn firmware(version: u32) -> Vec<u8> {
    let mut bytes = vec![version as u8; 9000];
    bytes[64..80].copy_from_slice(&xmap_trust::firmware_mark(IDENTITY.board));
    bytes
}
