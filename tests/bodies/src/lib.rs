#![forbid(unsafe_code)]
//! The bodies of the fuzz targets: functions of bytes that panic where a promise is broken.
//!
//! The targets of `tests/fuzz` run them in libFuzzer; the stable tests `firmware/*/tests/fuzz.rs` and
//! `tests/tests/fuzz.rs` over the committed seeds and over seeded inputs. Each body is behind a feature, so
//! that a crate's tests build what they need of the others.

#[cfg(feature = "mapper")]
mod audit;
#[cfg(feature = "store")]
pub mod card;
pub mod changes;
#[cfg(feature = "compiler")]
pub mod compiler;
mod entropy;
#[cfg(feature = "firmwares")]
pub mod firmwares;
mod generate;
#[cfg(feature = "link")]
pub mod guard;
#[cfg(feature = "mapper")]
pub mod image;
#[cfg(feature = "device")]
pub mod invariants;
#[cfg(feature = "link")]
pub mod link;
#[cfg(feature = "device")]
pub mod operate;
#[cfg(feature = "trust")]
pub mod policy;
#[cfg(feature = "trust")]
pub mod seal;
pub mod seeds;
#[cfg(feature = "store")]
pub mod store;

pub use entropy::Entropy;
pub use generate::generate;

#[cfg(any(feature = "mapper", feature = "trust"))]
/// Returns bytes as words, the last filled up with zeros.
fn words_of(data: &[u8]) -> Vec<xmap_image::Word> {
    let word = |chunk: &[u8]| {
        let mut bytes = [0; 4];
        bytes[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(bytes)
    };
    data.chunks(4).map(word).collect()
}
