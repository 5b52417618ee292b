//! A card with two firmware slots, as it is laid out: a partition with `autoboot.txt`, and two that boot.

use std::io::{Cursor, Seek as _, SeekFrom, Write as _};

pub use fatfs::FatType;
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use xmap_store::SECTOR;

/// The sector of the first partition; the next ones stand behind it.
pub const FIRST: u32 = 2048;

/// Returns the bytes of a FAT partition of so many sectors with these files, one behind the other.
///
/// # Panics
/// Where the files do not fit.
pub fn partition(sectors: u32, fat: FatType, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; sectors as usize * SECTOR];
    let mut cursor = Cursor::new(&mut bytes[..]);
    let options = FormatVolumeOptions::new().fat_type(fat).bytes_per_cluster(512);
    format_volume(&mut cursor, options).expect("it is large enough");
    cursor.seek(SeekFrom::Start(0)).expect("a buffer seeks");
    let volume = FileSystem::new(cursor, FsOptions::new()).expect("it was formatted");
    for (name, content) in files {
        let mut file = volume.root_dir().create_file(name).expect("there is room");
        file.write_all(content).expect("there is room");
    }
    drop(volume);
    bytes
}

/// Returns the bytes of a card with these partitions in its table.
pub fn laid_out(partitions: [&[u8]; 3]) -> Vec<u8> {
    let mut bytes = vec![0; FIRST as usize * SECTOR];
    for (number, partition) in partitions.into_iter().enumerate() {
        let [at, sectors] = [bytes.len(), partition.len()].map(|length| (length / SECTOR) as u32);
        let entry = 446 + 16 * number;
        bytes[entry + 4] = 0x0e;
        bytes[entry + 8..entry + 12].copy_from_slice(&at.to_le_bytes());
        bytes[entry + 12..entry + 16].copy_from_slice(&sectors.to_le_bytes());
        bytes.extend_from_slice(partition);
    }
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}
