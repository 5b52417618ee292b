//! A whole card as one file: a table of partitions, the boot partition, and an empty store.
//!
//! What is on a card is the same as in the boot folder; a card with a store is what the device finds by
//! itself (`docs/store.md`).

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fatfs::{Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use fscommon::{BufStream, StreamSlice};
use mbrman::{BOOT_ACTIVE, BOOT_INACTIVE, CHS, MBR, MBRPartitionEntry};
use tempfile::NamedTempFile;
use xmap_store::{AREA_SECTORS, PARTITION_TYPE, SECTOR, area_sector};

use crate::firmware::VENDOR_FILES;

/// Bytes of a card's file. A power of two, as the emulator takes no other, and the least that has room; on a
/// larger card the rest is left alone.
pub const CARD_BYTES: u64 = 256 << 20;

/// Sectors of the boot partition, which begins where cards have a block of their own.
const BOOT: Partition = Partition { kind: 0x0c, first: 8192, sectors: (64 << 20) / SECTOR as u32 };
/// Sectors of the store's partition: those up to it are free, for a second boot partition.
const STORE: Partition = Partition { kind: PARTITION_TYPE, first: 270_336, sectors: AREA_SECTORS };

const _: () = assert!(BOOT.end() <= STORE.first && STORE.end() as u64 * SECTOR as u64 <= CARD_BYTES);

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

    const fn entry(&self, boot: u8) -> MBRPartitionEntry {
        // Nothing that reads these cards goes by cylinders; this is what says so.
        let chs = CHS { cylinder: 1023, head: 254, sector: 63 };
        let (starting_lba, sectors) = (self.first, self.sectors);
        MBRPartitionEntry { boot, first_chs: chs, sys: self.kind, last_chs: chs, starting_lba, sectors }
    }
}

/// Writes a card's file: the boot folder's files and, with `vendor`, those of the Raspberry Pi's own
/// firmware in a folder (`boot` of its repository) on the boot partition, and an empty store behind it. What
/// `path` had is gone, its store too.
///
/// # Errors
///
/// A file cannot be read or written, `vendor` does not have one, or `path` is a card itself.
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

fn fill(mut card: &File, boot: &Path, vendor: Option<&Path>) -> Result<()> {
    card.set_len(CARD_BYTES)?;
    let mut table = MBR::new_from(&mut card, SECTOR as u32, SIGNATURE)?;
    table[1] = BOOT.entry(BOOT_ACTIVE);
    table[2] = STORE.entry(BOOT_INACTIVE);
    table.write_into(&mut card)?;
    for at in [0, 128] {
        card.seek(SeekFrom::Start(STORE.start_bytes() + at * SECTOR as u64))?;
        card.write_all(&area_sector())?;
    }
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(SECTOR as u32)
        .volume_id(u32::from_le_bytes(SIGNATURE))
        .volume_label(*b"XMAP       ");
    format_volume(partition(card)?, options)?;
    let system = FileSystem::new(partition(card)?, FsOptions::new())?;
    copy_folder(boot, &system.root_dir())?;
    for file in vendor.map_or(&[][..], |_| &VENDOR_FILES) {
        let from = vendor.unwrap_or(Path::new("")).join(file);
        let (folder, file) =
            file.split_once('/').map_or((None, *file), |(folder, file)| (Some(folder), file));
        let root = system.root_dir();
        copy(&from, file, &folder.map_or(Ok(root.clone()), |folder| root.create_dir(folder))?)?;
    }
    system.unmount()?;
    Ok(())
}

fn partition(card: &File) -> Result<Boot<'_>> {
    let end = u64::from(BOOT.end()) * SECTOR as u64;
    Ok(BufStream::new(StreamSlice::new(card, BOOT.start_bytes(), end)?))
}

fn copy_folder(from: &Path, to: &Dir<'_, Boot<'_>>) -> Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().context("a name that is no UTF-8")?;
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
    let mut file = to.create_file(name)?;
    file.truncate()?;
    file.write_all(&bytes).with_context(|| format!("{}: no room on the boot partition", from.display()))?;
    Ok(file.flush()?)
}

/// Returns a file of a card's boot partition.
///
/// # Errors
///
/// It is no card of [`write`], or has no such file.
pub fn read_boot(card: &Path, name: &str) -> Result<Vec<u8>> {
    let file = File::open(card).with_context(|| card.display().to_string())?;
    let system = FileSystem::new(partition(&file)?, FsOptions::new())?;
    let mut bytes = Vec::new();
    system.root_dir().open_file(name).with_context(|| name.to_owned())?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_store::find_partition;

    #[test]
    fn a_card_has_its_files_and_an_empty_store() {
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
        assert_eq!(read_boot(&card, "kernel8.img").unwrap(), kernel);
        assert_eq!(read_boot(&card, "config.txt").unwrap(), b"arm_64bit=1\n");
        for (at, file) in VENDOR_FILES.iter().enumerate() {
            assert_eq!(read_boot(&card, file).unwrap(), [at as u8; 9], "{file}");
        }
        // What the device reads of it.
        let mut table = [0; SECTOR];
        let mut file = File::open(&card).unwrap();
        file.read_exact(&mut table).unwrap();
        assert_eq!(find_partition(&table), Some(STORE.first..STORE.end()));
        assert_eq!((table[446], table[446 + 4]), (BOOT_ACTIVE, 0x0c));
        let mut begins = [0; SECTOR];
        file.seek(SeekFrom::Start(STORE.start_bytes())).unwrap();
        file.read_exact(&mut begins).unwrap();
        assert_eq!(begins, area_sector());
        let onto = write(folder.path(), &boot, None).unwrap_err().to_string();
        assert!(onto.contains("no regular file"), "{onto}");
    }
}
