//! A device whose card has two firmware slots, with the Raspberry Pi's boot loader as a model.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use tiny_mapper::{Layer, Over as _, over};
use xmap_bodies::card::Card;
use xmap_bodies::firmwares::{FatType, laid_out, partition};
use xmap_device::{BoardLayer, Device, Firmwares, Recorder, Service};
use xmap_image::OwnedImage;
use xmap_link::NoFirmware;
use xmap_sim::{Heap, SimBoard};
use xmap_store::SECTOR;
use xmap_trust::{SecretKey, seal_firmware};
use xmap_update::{Layout, Next, Proof, Slot, Slots, Standing, Start, autoboot, default_of, trailer};

use crate::{IDENTITY, Socket, listen, room};

/// Sectors of a slot.
pub const SLOT_SECTORS: u32 = 64;

/// Returns a card with a firmware of version 1 in slot A, sealed with this key.
///
/// # Panics
/// Never, with the sizes that it has.
pub fn card(root: &SecretKey) -> Card {
    let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
    let first = partition(8192, FatType::Fat16, &[("autoboot.txt", &autoboot(Slot::A))]);
    let boot = partition(8192, FatType::Fat16, &[("kernel8.img", &kernel)]);
    let mut card = Card::of(laid_out([&first, &boot, &boot]), 0);
    let layout = Layout::find(&mut card).unwrap_or_else(|error| panic!("{error:?}"));
    let seal = seal_firmware(&[0; SECTOR], IDENTITY.board, 1, root).unwrap_or_else(|| panic!("a sector"));
    card.kept.insert(layout.trailer(Slot::A), trailer(&seal));
    card
}

/// The simulated board with two firmwares.
#[derive(Debug)]
pub struct Updating {
    board: SimBoard,
    slots: Option<Slots<Card>>,
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
fn boot(card: &mut Card, tryboot: bool) -> Start {
    let layout = Layout::find(card).unwrap_or_else(|error| panic!("{error:?}"));
    let default = default_of(&card.at(layout.autoboot)).unwrap_or(Slot::A);
    Start { slot: if tryboot { default.other() } else { default }, tryboot }
}

/// Runs a firmware until a host asks for the trial of another one. Returns the card then.
fn run(listener: &TcpListener, words: Vec<u32>, slots: Slots<Card>) -> Option<Card> {
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
