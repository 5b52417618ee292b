#![no_std]
#![forbid(unsafe_code)]
//! Two firmwares on a card: what is written where, what boots, what counts as good.
//!
//! A card has two *firmware slots*: a `kernel8.img` on each of two boot partitions. One runs; what is sent is
//! written into the other. The Raspberry Pi's boot loader boots it once (`tryboot`), and where it has not
//! proven itself by the next reset, the one before runs. No structure of a file system is written: the files
//! were laid out beforehand, and their sectors are known by reading the tables.
//!
//! [`Facts`] and [`Proof`] decide, and touch nothing; [`Slots`] reads and writes. No heap, and no panic for
//! any bytes on the card. Bytes are in `docs/format.md`.

mod autoboot;
mod choice;
mod device;
mod fat;
mod layout;
mod slots;
mod tail;

pub use autoboot::{autoboot, default_of};
pub use choice::{Choice, Content, Facts, Proof, Standing, Start, UNASKED_US, Verdict};
pub use fat::{Misfit, Run};
pub use layout::{Layout, NoLayout, SLOT_TAIL, Slot};
pub use slots::{Next, Slots};
pub use tail::{Back, Fate, Note, Read, note, read_note, read_trailer, trailer};
