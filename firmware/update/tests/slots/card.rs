//! The card of these tests: it boots slot A, and its slots are small, so that a history is short.

use xmap_bodies::card::Card;
use xmap_bodies::firmwares::{FatType, laid_out, partition};
use xmap_store::SECTOR;
use xmap_update::{Slot, autoboot};

/// Where the three partitions begin, and their sectors.
pub(crate) const PARTITIONS: [(u32, u32); 3] = [(2048, 8192), (10_240, 16_384), (26_624, 16_384)];
/// Sectors of a slot.
pub(crate) const SLOT_SECTORS: u32 = 12;

/// Returns the partition with `autoboot.txt`.
pub(crate) fn first() -> Vec<u8> {
    partition(PARTITIONS[0].1, FatType::Fat16, &[("autoboot.txt", &autoboot(Slot::A))])
}

/// Returns a card whose slots are zeros.
pub(crate) fn card(seed: u64) -> Card {
    let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
    let start: &[u8] = b"the Raspberry Pi's own";
    let files = [("start4.elf", start), ("kernel8.img", &kernel), ("config.txt", b"arm_64bit=1\n")];
    let boot = partition(PARTITIONS[1].1, FatType::Fat16, &files);
    Card::of(laid_out([&first(), &boot, &boot]), seed)
}
