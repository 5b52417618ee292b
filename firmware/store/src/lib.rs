#![no_std]
#![forbid(unsafe_code)]
//! What a device was given, on a card: records that outlive a loss of power.
//!
//! The area is divided into *rings*, one for each thing that is kept ([`Place`]), and a ring into cells. A
//! record takes one cell: a header in the first sector, the body behind it. A new record goes into the cell
//! with the oldest one, in this order, each step on the card before the next begins: the old header is
//! erased, the body is written and read back, the header is written and read back. Until the last of these
//! the record before is the newest one; from then on the new one is. So a cut at any write leaves one of the
//! two, and a sector that is damaged takes one record at most.
//!
//! No heap, no panic for any bytes on the card. Bytes are in `docs/format.md`.

mod area;
mod disk;
mod header;
mod layout;
mod store;

pub use area::{AREA_MAGIC, PARTITION_TYPE, area_sector, find_partition, is_area};
pub use disk::{Disk, SECTOR, Sector};
pub use header::{HEADER_MAGIC, Header, META_BYTES};
pub use layout::{AREA_SECTORS, Kind, MODULES, Place, RINGS, Ring};
pub use store::{Counters, Record, Store, StoreError, Writing, digest};
