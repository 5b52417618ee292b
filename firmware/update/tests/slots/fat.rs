//! Sectors of files, held against another reading of FAT.

use std::io::{Cursor, Read as _, Seek as _, SeekFrom, Write as _};

use fatfs::{FatType, FileSystem, FsOptions};
use proptest::prelude::*;
use xmap_bodies::card::{Card, Fault};
use xmap_bodies::firmwares::{laid_out, partition};
use xmap_store::{Disk as _, SECTOR};
use xmap_update::{Layout, Misfit, NoLayout, Slot, autoboot};

use crate::card::{PARTITIONS, SLOT_SECTORS, card, first};

/// A card whose boot partitions are these bytes.
fn with(first: &[u8], boot: &[u8]) -> Card {
    Card::of(laid_out([first, boot, boot]), 0)
}

/// The file of a slot as a PC reads it.
fn read(card: &Card, start: usize, sectors: usize, name: &str) -> Vec<u8> {
    let volume = card.bytes(start as u32, sectors as u32);
    let volume = FileSystem::new(Cursor::new(volume), FsOptions::new()).unwrap();
    let mut content = Vec::new();
    volume.root_dir().open_file(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

#[test]
fn what_is_written_into_a_slot_is_the_file_that_a_pc_reads() {
    for (fat, sectors) in [(FatType::Fat16, 16_384), (FatType::Fat32, 70_000)] {
        let kernel = vec![0x11; SLOT_SECTORS as usize * SECTOR];
        let files: Vec<(String, Vec<u8>)> =
            (0..40).map(|number| (format!("another file {number}.dat"), vec![number; 700])).collect();
        let mut list: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        list.push(("kernel8.img", &kernel));
        let (first, boot) = (first(), partition(sectors, fat, &list));
        let mut card = with(&first, &boot);
        let layout = Layout::find(&mut card).unwrap();
        let run = layout.slots[1];
        assert_eq!(run.count, SLOT_SECTORS);
        let written: Vec<[u8; SECTOR]> = (0..SLOT_SECTORS).map(|number| [number as u8; SECTOR]).collect();
        card.write(run.first, &written).unwrap();
        card.write(layout.autoboot, &[autoboot(Slot::B)]).unwrap();
        let second = 2048 + first.len() / SECTOR;
        let third = second + sectors as usize;
        assert_eq!(read(&card, third, sectors as usize, "kernel8.img"), written.concat());
        assert_eq!(read(&card, second, sectors as usize, "kernel8.img"), kernel);
        assert_eq!(read(&card, 2048, first.len() / SECTOR, "autoboot.txt"), autoboot(Slot::B));
        for (name, bytes) in &files {
            assert_eq!(read(&card, third, sectors as usize, name), *bytes);
        }
    }
}

/// Returns what is wrong with partition 2 of a card with this boot partition.
fn misfit(boot: &[u8]) -> Misfit<Fault> {
    match Layout::find(&mut with(&first(), boot)) {
        Err(NoLayout::File(2, misfit)) => misfit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_card_that_was_not_laid_out_for_it_is_told() {
    let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
    let fat16 = |files: &[(&str, &[u8])]| partition(16_384, FatType::Fat16, files);
    assert_eq!(misfit(&fat16(&[("config.txt", b"")])), Misfit::NoFile);
    assert_eq!(misfit(&fat16(&[("kernel8.img", &kernel[1..])])), Misfit::Length);
    assert_eq!(misfit(&fat16(&[("kernel8.img", b"")])), Misfit::Length);
    assert_eq!(misfit(&fat16(&[("kernel8.img", &kernel[..2 * SECTOR])])), Misfit::Length);
    assert_eq!(misfit(&vec![0; 16_384 * SECTOR]), Misfit::NoFat);
    // FAT12: the boot loader's older stages do not read it.
    assert_eq!(misfit(&partition(2000, FatType::Fat12, &[("kernel8.img", &kernel)])), Misfit::NoFat);
    // Somebody copied another kernel there on a PC, and its sectors are where there was room.
    let mut boot = fat16(&[("a", &kernel), ("b", &kernel)]);
    let mut cursor = Cursor::new(&mut boot[..]);
    cursor.seek(SeekFrom::Start(0)).unwrap();
    let volume = FileSystem::new(cursor, FsOptions::new()).unwrap();
    volume.root_dir().remove("a").unwrap();
    let long = vec![7; (SLOT_SECTORS as usize + 8) * SECTOR];
    volume.root_dir().create_file("kernel8.img").unwrap().write_all(&long).unwrap();
    drop(volume);
    // Where it is one run after all, it is a slot: fatfs takes the next free cluster.
    match Layout::find(&mut with(&first(), &boot)) {
        Ok(layout) => assert_eq!(layout.slots[0].count, SLOT_SECTORS + 8),
        Err(error) => assert_eq!(error, NoLayout::File(2, Misfit::Scattered)),
    }
    let mut none = Card::of(vec![0; 1 << 20], 0);
    assert_eq!(Layout::find(&mut none), Err(NoLayout::NoPartitions));
}

#[test]
fn a_chain_with_a_gap_is_no_slot() {
    let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
    let mut card = card(0);
    let layout = Layout::find(&mut card).unwrap();
    assert_eq!(layout.room(Slot::A) as usize, kernel.len() - 2 * SECTOR);
    // The table of partition 2 stands behind its reserved sectors; each of its words in turn is another.
    let boot = card.at(PARTITIONS[1].0);
    let reserved = u32::from(u16::from_le_bytes([boot[14], boot[15]]));
    let table = PARTITIONS[1].0 + reserved;
    let sector = card.at(table);
    let mut scattered = 0;
    for word in 2..40 {
        let mut changed = sector;
        changed[word * 2] ^= 0x40;
        card.kept.insert(table, changed);
        match Layout::find(&mut card) {
            Ok(same) => assert_eq!(same, layout),
            Err(error) => {
                assert_eq!(error, NoLayout::File(2, Misfit::Scattered));
                scattered += 1;
            }
        }
    }
    assert_eq!(scattered, SLOT_SECTORS, "each of its clusters, and no other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_bytes_in_the_structures_end_in_a_layout_or_none(
        changes in proptest::collection::vec((0usize..3, 0usize..40, 0usize..SECTOR, any::<u8>()), 1..40),
    ) {
        let mut card = card(0);
        for (partition, sector, at, byte) in changes {
            let place = PARTITIONS[partition].0 + sector as u32;
            let mut now = card.at(place);
            now[at] = byte;
            card.kept.insert(place, now);
        }
        if let Ok(layout) = Layout::find(&mut card) {
            for run in layout.slots {
                prop_assert!(run.first.checked_add(run.count).is_some_and(|end| end <= card.sectors()));
            }
        }
    }
}
