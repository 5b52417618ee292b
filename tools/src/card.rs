//! A whole card as one file: a table of partitions, `autoboot.txt`, two boot partitions, and an empty store.
//!
//! What is on a boot partition is the same as in the boot folder, but for `kernel8.img`: its length is fixed,
//! so that the device can write another firmware in its place (`docs/firmware.md`). A card with a store is
//! what the device finds by itself (`docs/store.md`).

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fatfs::{Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use fscommon::{BufStream, StreamSlice};
use mbrman::{BOOT_ACTIVE, BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};
use tempfile::NamedTempFile;
use xmap_store::{AREA_SECTORS, PARTITION_TYPE, SECTOR, area_sector};
use xmap_update::{SLOT_TAIL, Slot, autoboot};

use crate::firmware::VENDOR_FILES;

/// Bytes of a card's file. A power of two, as the emulator takes no other, and the least that has room; on a
/// larger card the rest is left alone.
pub const CARD_BYTES: u64 = 256 << 20;

/// Bytes of `kernel8.img` on a card. The boot loader reads all of them at each start.
const SLOT_BYTES: usize = 2 << 20;
/// Bytes of a firmware that a slot of a card has room for.
pub const SLOT_ROOM: usize = SLOT_BYTES - SLOT_TAIL as usize * SECTOR;

/// The types of partitions with a file system, in the table.
const FAT16: u8 = 0x0e;
const FAT32: u8 = 0x0c;

/// The partition with `autoboot.txt`, which is the first, as the boot loader looks there. The smallest FAT16.
const CHOICE: Partition = Partition { kind: FAT16, first: 2048, sectors: 8192 - 2048 };
/// The boot partitions, which begin where cards have a block of their own.
const BOOTS: [Partition; 2] = [boot(CHOICE.end()), boot(boot(CHOICE.end()).end())];
/// The store's partition.
const STORE: Partition = Partition { kind: PARTITION_TYPE, first: BOOTS[1].end(), sectors: AREA_SECTORS };

const _: () = assert!(STORE.end() as u64 * SECTOR as u64 <= CARD_BYTES);

const fn boot(first: u32) -> Partition {
    Partition { kind: FAT32, first, sectors: (64 << 20) / SECTOR as u32 }
}

/// The card's number in its table, and the boot partition's in its file system.
const SIGNATURE: [u8; 4] = *b"XMAP";

/// The type of a FAT buffer: one partition of a file.
type Boot<'f> = BufStream<StreamSlice<&'f File>>;

/// A partition of a card.
struct Partition {
    /// Its type in the table.
    kind: u8,
    first: u32,
    sectors: u32,
}

impl Partition {
    const fn end(&self) -> u32 {
        self.first + self.sectors
    }

    const fn start_bytes(&self) -> u64 {
        self.first as u64 * SECTOR as u64
    }

    /// Its bytes in a card's file.
    fn of<'f>(&self, card: &'f File) -> Result<Boot<'f>> {
        let end = u64::from(self.end()) * SECTOR as u64;
        Ok(BufStream::new(StreamSlice::new(card, self.start_bytes(), end)?))
    }

    /// Makes an empty file system in it.
    fn format<'f>(&self, card: &'f File) -> Result<FileSystem<Boot<'f>>> {
        let fat = if self.kind == FAT16 { FatType::Fat16 } else { FatType::Fat32 };
        let options = FormatVolumeOptions::new()
            .fat_type(fat)
            .bytes_per_cluster(SECTOR as u32)
            .volume_id(u32::from_le_bytes(SIGNATURE))
            .volume_label(*b"XMAP       ");
        format_volume(self.of(card)?, options)?;
        Ok(FileSystem::new(self.of(card)?, FsOptions::new())?)
    }

    const fn entry(&self, boot: u8) -> MBRPartitionEntry {
        // Nothing that reads these cards goes by cylinders; this is what says so.
        let chs = CHS { cylinder: 1023, head: 254, sector: 63 };
        let (starting_lba, sectors) = (self.first, self.sectors);
        MBRPartitionEntry { boot, first_chs: chs, sys: self.kind, last_chs: chs, starting_lba, sectors }
    }
}

/// Writes a card's file: on each of two boot partitions the boot folder's files and, with `vendor`, those of
/// the Raspberry Pi's own firmware in a folder (`boot` of its repository), and an empty store behind them.
/// What `path` had is gone, its store too.
///
/// # Errors
///
/// A file cannot be read or written, `kernel8.img` is longer than [`SLOT_ROOM`], `vendor` does not have a
/// file, or `path` is a card itself.
pub fn write(path: &Path, boot: &Path, vendor: Option<&Path>) -> Result<()> {
    let name = || path.display().to_string();
    if let Ok(there) = fs::metadata(path) {
        ensure!(
            there.is_file(),
            "{}: no regular file; make a file, and copy it with `dd if=card.img of={0} bs=4M conv=fsync`",
            name()
        );
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let card = NamedTempFile::new_in(folder).with_context(name)?;
    fill(card.as_file(), boot, vendor)?;
    card.as_file().sync_all().with_context(name)?;
    card.persist(path).with_context(name)?;
    Ok(())
}

fn fill(mut card: &File, folder: &Path, vendor: Option<&Path>) -> Result<()> {
    card.set_len(CARD_BYTES)?;
    let mut table = MBR::new_from(&mut card, SECTOR as u32, SIGNATURE)?;
    table[1] = CHOICE.entry(BOOT_ACTIVE);
    table[2] = BOOTS[0].entry(BOOT_INACTIVE);
    table[3] = BOOTS[1].entry(BOOT_INACTIVE);
    table[4] = STORE.entry(BOOT_INACTIVE);
    table.write_into(&mut card)?;
    for at in [0, 128] {
        card.seek(SeekFrom::Start(STORE.start_bytes() + at * SECTOR as u64))?;
        card.write_all(&area_sector())?;
    }
    let choice = CHOICE.format(card)?;
    put("autoboot.txt", &autoboot(Slot::A), &choice.root_dir())?;
    choice.unmount()?;
    let kernel = slot(&folder.join(KERNEL))?;
    BOOTS.iter().try_for_each(|partition| fill_boot(partition.format(card)?, &kernel, folder, vendor))
}

/// The file that the boot loader starts.
const KERNEL: &str = "kernel8.img";

/// Returns a firmware at the length that a slot has: without a seal, which only the owner's key makes.
fn slot(kernel: &Path) -> Result<Vec<u8>> {
    let mut bytes = fs::read(kernel).with_context(|| kernel.display().to_string())?;
    ensure!(
        bytes.len() <= SLOT_ROOM,
        "{}: {} bytes, and a card's slot has room for {SLOT_ROOM}",
        kernel.display(),
        bytes.len()
    );
    bytes.resize(SLOT_BYTES, 0);
    Ok(bytes)
}

fn fill_boot(
    system: FileSystem<Boot<'_>>,
    kernel: &[u8],
    folder: &Path,
    vendor: Option<&Path>,
) -> Result<()> {
    // First, so that its sectors stand one behind the other.
    put(KERNEL, kernel, &system.root_dir())?;
    copy_folder(folder, &system.root_dir())?;
    for file in vendor.map_or(&[][..], |_| &VENDOR_FILES) {
        let from = vendor.unwrap_or(Path::new("")).join(file);
        let (folder, file) =
            file.split_once('/').map_or((None, *file), |(folder, file)| (Some(folder), file));
        let root = system.root_dir();
        copy(&from, file, &folder.map_or(Ok(root.clone()), |folder| root.create_dir(folder))?)?;
    }
    Ok(system.unmount()?)
}

fn copy_folder(from: &Path, to: &Dir<'_, Boot<'_>>) -> Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().context("a name that is no UTF-8")?;
        if name == KERNEL {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.create_dir(name)?)?;
        } else {
            copy(&entry.path(), name, to)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, name: &str, to: &Dir<'_, Boot<'_>>) -> Result<()> {
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    put(name, &bytes, to).with_context(|| format!("{}: no room on the boot partition", from.display()))
}

fn put(name: &str, bytes: &[u8], to: &Dir<'_, Boot<'_>>) -> Result<()> {
    let mut file = to.create_file(name)?;
    file.truncate()?;
    file.write_all(bytes)?;
    Ok(file.flush()?)
}

/// Returns a file of a card's partition, by the partition's number: 1 to 3.
///
/// # Errors
///
/// It is no card of [`write()`], or has no such file.
pub fn read_file(card: &Path, partition: u32, name: &str) -> Result<Vec<u8>> {
    let file = File::open(card).with_context(|| card.display().to_string())?;
    let of = [&CHOICE, &BOOTS[0], &BOOTS[1]];
    let of = partition.checked_sub(1).and_then(|at| of.get(at as usize));
    let of = of.with_context(|| format!("a card has no files on partition {partition}"))?;
    let system = FileSystem::new(of.of(&file)?, FsOptions::new())
        .with_context(|| format!("{}: no card of `cargo xtask image --card`", card.display()))?;
    let mut bytes = Vec::new();
    let opened = system.root_dir().open_file(name);
    opened.with_context(|| format!("partition {partition}: {name}"))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_store::{Disk, Sector, find_partition};
    use xmap_update::{Layout, default_of};

    /// A card's file as the device reads it.
    struct Sectors(Vec<u8>);

    impl Disk for Sectors {
        type Error = ();

        fn sectors(&self) -> u32 {
            (self.0.len() / SECTOR) as u32
        }

        fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), ()> {
            let from = self.0.chunks_exact(SECTOR).skip(first as usize);
            into.iter_mut().zip(from).for_each(|(to, from)| to.copy_from_slice(from));
            Ok(())
        }

        fn write(&mut self, _: u32, _: &[Sector]) -> Result<(), ()> {
            Err(())
        }

        fn flush(&mut self) -> Result<(), ()> {
            Ok(())
        }
    }

    #[test]
    fn a_card_has_its_files_two_slots_and_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let (boot, vendor) = (folder.path().join("boot"), folder.path().join("vendor"));
        fs::create_dir_all(vendor.join("overlays")).unwrap();
        fs::create_dir(&boot).unwrap();
        let kernel: Vec<u8> = (0..700_001).map(|n| (n % 251) as u8).collect();
        fs::write(boot.join("kernel8.img"), &kernel).unwrap();
        fs::write(boot.join("config.txt"), "arm_64bit=1\n").unwrap();
        let card = folder.path().join("card.img");
        assert!(write(&card, &boot, Some(&vendor)).unwrap_err().to_string().contains("start4.elf"));
        assert!(!card.exists(), "nothing is left of one that failed");
        for (at, file) in VENDOR_FILES.iter().enumerate() {
            fs::write(vendor.join(file), [at as u8; 9]).unwrap();
        }
        // Twice: the file that was there goes.
        for _ in 0..2 {
            write(&card, &boot, Some(&vendor)).unwrap();
        }
        assert_eq!(fs::metadata(&card).unwrap().len(), CARD_BYTES);
        for partition in [2, 3] {
            let read = |name| read_file(&card, partition, name).unwrap();
            let slot = read("kernel8.img");
            assert_eq!(slot.len(), SLOT_BYTES);
            assert!(slot.starts_with(&kernel) && slot[kernel.len()..].iter().all(|byte| *byte == 0));
            assert_eq!(read("config.txt"), b"arm_64bit=1\n");
            for (at, file) in VENDOR_FILES.iter().enumerate() {
                assert_eq!(read(file), [at as u8; 9], "{file}");
            }
        }
        assert!(read_file(&card, 4, "kernel8.img").is_err() && read_file(&card, 0, "kernel8.img").is_err());
        // What the device reads of it.
        let mut bytes = Sectors(fs::read(&card).unwrap());
        let table: &[u8; SECTOR] = bytes.0.first_chunk().unwrap();
        assert_eq!(find_partition(table), Some(STORE.first..STORE.end()));
        assert_eq!((table[446], table[446 + 4]), (BOOT_ACTIVE, FAT16));
        let begins = STORE.first as usize * SECTOR;
        assert_eq!(bytes.0[begins..begins + SECTOR], area_sector());
        let layout = Layout::find(&mut bytes).unwrap();
        for slot in Slot::BOTH {
            assert_eq!(layout.room(slot) as usize, SLOT_ROOM);
            let first = layout.slots[usize::from(slot.partition() - 2)].first as usize * SECTOR;
            assert_eq!(bytes.0[first..first + kernel.len()], kernel);
        }
        let mut sector = [[0; SECTOR]];
        bytes.read(layout.autoboot, &mut sector).unwrap();
        assert_eq!(default_of(&sector[0]), Some(Slot::A));
        // A firmware that no slot has room for.
        fs::write(boot.join("kernel8.img"), vec![0; SLOT_ROOM + 1]).unwrap();
        let long = write(&card, &boot, None).unwrap_err().to_string();
        assert!(
            long.contains("kernel8.img: 2096129 bytes, and a card's slot has room for 2096128"),
            "{long}"
        );
        let onto = write(folder.path(), &boot, None).unwrap_err().to_string();
        assert!(onto.contains("no regular file"), "{onto}");
    }
}
