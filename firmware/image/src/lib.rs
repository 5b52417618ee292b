#![cfg_attr(not(any(test, feature = "build")), no_std)]
#![forbid(unsafe_code)]
//! The `.xmap` image format, in both directions.
//!
//! An image is a little-endian array of 32-bit words that is used in place: [`Image::verify`] checks every
//! op, index, mask and bound once and hands out typed views of the same memory. [`Image::admit`] asks for the
//! content hash too. Only the manifest block, which no call reads, is decoded (postcard). `docs/format.md`
//! has every byte.

#[cfg(feature = "build")]
extern crate alloc;

/// Whether floats, tables and bulk memory are in.
pub(crate) const FULL: bool = cfg!(feature = "full");

/// Whether host functions that are called by their row are in.
pub(crate) const HOST_CALLS: bool = cfg!(feature = "host-calls");

/// Gives variants of an enum as constants of its number, which a match takes as patterns:
/// `numbers! { u8 of Op { ADD_I32 = AddI32, } }`.
#[macro_export]
macro_rules! numbers {
    ($vis:vis $number:ident of $Enum:ident { $($(#[$meta:meta])* $NAME:ident = $Variant:ident,)+ }) => {
        $($(#[$meta])* $vis const $NAME: $number = $Enum::$Variant as $number;)+
    };
}

#[cfg(feature = "build")]
mod build;
mod bundle;
pub mod calendar;
mod claim;
mod conflict;
mod contract;
mod error;
pub mod fuel;
mod i2c;
mod image;
mod intact;
mod layout;
pub mod limits;
mod manifest;
mod op;
mod owned;
mod parts;
mod policy;
mod pwm;
mod room;
mod rows;
mod shapes;
mod spi;
#[cfg(feature = "build")]
mod stamp;
mod text;
mod types;
mod uart;
#[cfg(feature = "build")]
pub mod units;
mod verify;
mod zone;

#[cfg(feature = "build")]
pub use build::{BuildError, Elements, Entry, Export, Function, ImageBuilder, Table, reseal};
pub use bundle::{Bundle, bundle};
pub use claim::Claim;
pub use conflict::{Conflict, conflict, conflicts};
pub use contract::{ContractHash, contract_hash};
pub use error::VerifyError;
pub use i2c::{I2cRegisters, I2cRow};
pub use image::{ExportId, Image, words_of};
pub use intact::{check_intact, content_hash};
pub use layout::{
    Extension, FORMAT, HASH_WORD, HASH_WORDS, HEADER_WORDS, Header, MAGIC, NO_START, SECTIONS, Section, field,
};
pub use manifest::{Event, EventSource, HOOKS, MAX_EVENTS, Manifest, ON_ARGUMENTS, PinName};
pub use op::{Field, Fields, Immediate, Op, Shape, Word, branch_targets, decode, opcode};
#[cfg(feature = "build")]
pub use owned::OwnedImage;
pub use owned::VerifiedImage;
pub use policy::{Confirm, FaultPolicy, Keep, MAX_KEEP, OnFault, OnOverrun, Persist};
pub use pwm::{FULL_DUTY, PwmRow};
pub use room::NoRoom;
pub use rows::{
    DataRow, ElementRow, ExportRow, FunctionRow, NO_FUNCTION, NameRow, PassiveRow, PinMode, PinRow,
    PinRowError, Safe, TableRow, TypeRow, reference,
};
pub use spi::SpiRow;
#[cfg(feature = "build")]
pub use stamp::Stamp;
pub use text::{Plain, acts, is_plain};
pub use types::{Misfit, Pull, Signature, Ty};
pub use uart::{Format, Parity, UartRow};
pub use zone::{
    ALL_DAYS, Change, DAY_MINUTES, DAY_NAMES, Days, MAX_CHANGE_MINUTES, MAX_OFFSET_MINUTES, YearDay, Zone,
};
