//! The first sector of the area, and where its partition is in a card's table.
//!
//! A device writes to no partition that does not begin like this, and lays none out: `cargo xtask image` and
//! `xmap store erase` do.

use core::ops::Range;

use hmac_sha256::Hash;

use crate::{AREA_SECTORS, SECTOR, Sector};

/// The bytes that an area begins with. The last digit grows with the layout.
pub const AREA_MAGIC: [u8; 8] = *b"XMAPSTR1";

/// The type of the partition in the card's table: one that is for local use.
pub const PARTITION_TYPE: u8 = 0x7f;

/// Where a sector's own digest begins.
pub(crate) const DIGEST_AT: usize = 480;

/// Where the table of partitions begins in a card's first sector, and the bytes of an entry.
const TABLE_AT: usize = 446;
const ENTRY: usize = 16;

/// Returns the first sector of an area. The same stands at sector 128, should the first be damaged.
pub fn area_sector() -> Sector {
    let mut sector = [0; SECTOR];
    sector[..8].copy_from_slice(&AREA_MAGIC);
    sector[8..12].copy_from_slice(&AREA_SECTORS.to_le_bytes());
    seal(&mut sector);
    sector
}

/// Returns whether an area begins with this sector.
pub fn is_area(sector: &Sector) -> bool {
    *sector == area_sector()
}

/// Puts a sector's digest behind its bytes.
pub(crate) fn seal(sector: &mut Sector) {
    let digest = Hash::hash(&sector[..DIGEST_AT]);
    sector[DIGEST_AT..].copy_from_slice(&digest);
}

/// Returns whether a sector has its digest.
pub(crate) fn is_sealed(sector: &Sector) -> bool {
    sector[DIGEST_AT..] == Hash::hash(&sector[..DIGEST_AT])
}

/// Returns the sectors of the store's partition, as the table in a card's first sector has them; `None` where
/// it has none, or one that is too small.
pub fn find_partition(table: &Sector) -> Option<Range<u32>> {
    if table[510..] != [0x55, 0xaa] {
        return None;
    }
    let entries = table.get(TABLE_AT..510)?.as_chunks::<ENTRY>().0;
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
    let entry = entries.iter().find(|entry| entry[4] == PARTITION_TYPE)?;
    let (first, count) = (number(&entry[8..12]), number(&entry[12..16]));
    (first > 0 && count >= AREA_SECTORS).then_some(first..first.checked_add(count)?)
}
