//! The linear memory of an image: how much there is at load, and what stands in it.

use std::ops::Range;

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::manifest::Manifest;
use crate::wasm::{ConstExpr, DataSegment, WasmModule};

const PAGE: u64 = 65_536;

/// How much memory a module has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Bytes at load.
    pub bytes: u32,
    /// What `memory.size` says at load.
    pub pages: u32,
    /// How far `memory.grow` may go.
    pub max_pages: u32,
}

impl Memory {
    /// A module's memory within the manifest's limit. The module declares whole pages; a panel may
    /// have less of the last one, and what lies beyond traps.
    ///
    /// # Errors
    /// X0606 where the module declares more pages than the limit begins.
    pub(crate) fn of(file: &str, module: &WasmModule<'_>, manifest: &Manifest) -> Result<Self, Diagnostic> {
        let Some((pages, max)) = module.memory else {
            return Ok(Self { bytes: 0, pages: 0, max_pages: 0 });
        };
        let limit = manifest.limits.memory_bytes.value;
        if pages > limit.div_ceil(PAGE) {
            let message = format!(
                "{file}: the module asks for {} bytes of memory, memory_bytes is {limit}",
                pages * PAGE
            );
            let most = manifest.board().limits.memory_bytes as u64;
            let less = "let the module reserve less: `-z stack-size=4096` (wasm-ld) makes its stack small";
            let help = match pages * PAGE <= most {
                true => format!("raise `memory_bytes` in [limits], or {less}"),
                false => {
                    format!("no device of {} has more than {most} for it: {less}", manifest.board().name)
                }
            };
            let place = Place::File(file.to_string());
            return Err(Diagnostic::new(Code::MemoryTooLarge, place, message).help(help));
        }
        let bytes = (pages * PAGE).min(limit);
        let max_pages = max.unwrap_or(PAGE).min(limit / PAGE).max(pages);
        // An image has 16 bits for pages.
        let cap = |pages: u64| pages.min(0xffff) as u32;
        let bytes = bytes.min(u64::from(u32::MAX)) as u32;
        Ok(Self { bytes, pages: cap(pages), max_pages: cap(max_pages) })
    }
}

/// The data segments as addresses and bytes. Zeros at their ends are left out where no other segment
/// stands there: memory starts at zero.
///
/// # Errors
/// X0507 where a segment is outside the memory, X0502 where its address cannot be evaluated.
pub(crate) fn segments(
    file: &str,
    module: &WasmModule<'_>,
    memory_bytes: u32,
    unread: &[Range<u64>],
) -> Result<Vec<(u32, Vec<u8>)>, Diagnostic> {
    let mut placed: Vec<(u32, &[u8])> = Vec::new();
    for segment in &module.data {
        if let Some(address) = address(file, segment)? {
            let end = u64::from(address) + segment.bytes.len() as u64;
            if end > u64::from(memory_bytes) {
                let message = format!(
                    "a data segment takes 0x{address:x} to 0x{end:x}, the memory ends at 0x{memory_bytes:x}"
                );
                let place = Place::wasm(file, u64::from(segment.offset));
                return Err(Diagnostic::new(Code::DataOutside, place, message).help(
                    "raise `memory_bytes` in [limits], or let the linker place data lower".to_string(),
                ));
            }
            placed.extend(without(address, segment.bytes, unread));
        }
    }
    Ok(packed(placed))
}

/// Returns bytes of what memory has at load, from one of a data segment on. Optimisers leave zeros out of
/// segments, at the end of a text as well.
pub(crate) fn at_load(module: &WasmModule<'_>, from: u64, count: usize) -> Option<Vec<u8>> {
    let end = from.checked_add(count as u64)?;
    module.memory.filter(|(pages, _)| end <= pages.saturating_mul(PAGE))?;
    let mut found = vec![0; count];
    let mut begins = false;
    for segment in &module.data {
        let Some(ConstExpr::Bits(address)) = segment.address else { continue };
        let placed = address..address.saturating_add(segment.bytes.len() as u64);
        let stretch = placed.start.max(from)..placed.end.min(end);
        if stretch.start < stretch.end {
            let within = |base: u64| (stretch.start - base) as usize..(stretch.end - base) as usize;
            found[within(from)].copy_from_slice(&segment.bytes[within(address)]);
        }
        begins |= placed.contains(&from);
    }
    (begins || count == 0).then_some(found)
}

/// Returns what is left of a segment's bytes without stretches of memory that nothing reads, which follow
/// each other.
fn without<'s>(
    address: u32,
    bytes: &'s [u8],
    unread: &[Range<u64>],
) -> impl Iterator<Item = (u32, &'s [u8])> {
    let first = u64::from(address);
    let at = move |place: u64| (place.clamp(first, first + bytes.len() as u64) - first) as usize;
    let starts = std::iter::once(0).chain(unread.iter().map(move |range| at(range.end)));
    let ends = unread.iter().map(move |range| at(range.start)).chain([bytes.len()]);
    let ranges: Vec<_> = starts.zip(ends).filter(|(from, to)| from < to || bytes.is_empty()).collect();
    ranges.into_iter().map(move |(from, to)| (address + from as u32, &bytes[from..to]))
}

/// Two segments are joined across so many zeros at most: a row of the image's table has 12 bytes.
const JOINED_ZEROS: u64 = 8;

/// Drops zeros at the ends of segments, since memory starts at zero, and joins segments that lie close
/// together. Segments that overlap stay as they are and in their order: later ones win.
fn packed(mut placed: Vec<(u32, &[u8])>) -> Vec<(u32, Vec<u8>)> {
    let end = |s: &(u32, &[u8])| u64::from(s.0) + s.1.len() as u64;
    let mut sorted = placed.clone();
    sorted.sort_by_key(|s| s.0);
    if sorted.windows(2).any(|two| u64::from(two[1].0) < end(&two[0])) {
        placed.retain(|s| !s.1.is_empty());
        return placed.into_iter().map(|(address, bytes)| (address, bytes.to_vec())).collect();
    }
    let mut segments: Vec<(u32, Vec<u8>)> = Vec::new();
    for (mut address, mut bytes) in sorted {
        let from = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
        let to = bytes.iter().rposition(|b| *b != 0).map_or(from, |last| last + 1);
        address += from as u32;
        bytes = &bytes[from..to];
        if bytes.is_empty() {
            continue;
        }
        match segments.last_mut() {
            Some((start, last))
                if u64::from(address) <= u64::from(*start) + last.len() as u64 + JOINED_ZEROS =>
            {
                last.resize((address - *start) as usize, 0);
                last.extend_from_slice(bytes);
            }
            _ => segments.push((address, bytes.to_vec())),
        }
    }
    segments
}

fn address(file: &str, segment: &DataSegment<'_>) -> Result<Option<u32>, Diagnostic> {
    match &segment.address {
        None => Ok(None),
        Some(ConstExpr::Bits(bits)) => Ok(Some(*bits as u32)),
        Some(ConstExpr::Unsupported(op, offset)) => {
            let place = Place::wasm(file, u64::from(*offset));
            Err(Diagnostic::new(Code::Unsupported, place, format!("{op} is not supported")))
        }
        Some(ConstExpr::Function(_) | ConstExpr::Imported(_)) => {
            unreachable!("the module validates, and nothing that is reached is imported")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_at_the_ends_go_and_neighbours_join() {
        let placed: Vec<(u32, &[u8])> = vec![(40, &[9]), (0, &[0, 0, 1, 0]), (8, &[2]), (100, &[0, 0])];
        assert_eq!(packed(placed), [(2, vec![1, 0, 0, 0, 0, 0, 2]), (40, vec![9])]);
    }

    #[test]
    fn what_nothing_reads_goes() {
        let left = |unread: &[Range<u64>]| without(10, &[1, 2, 3, 4], unread).collect::<Vec<_>>();
        assert_eq!(left(&[]), [(10, &[1, 2, 3, 4][..])]);
        assert_eq!(left(&[0..3, 11..12, 13..40]), [(10, &[1][..]), (12, &[3])]);
        assert_eq!(left(std::slice::from_ref(&(10..14))), []);
        assert_eq!(left(&[5..11, 14..20]), [(11, &[2, 3, 4][..])]);
    }

    #[test]
    fn segments_that_overlap_keep_their_order() {
        let placed: Vec<(u32, &[u8])> = vec![(4, &[1, 1]), (2, &[0, 0, 0]), (9, &[])];
        assert_eq!(packed(placed), [(4, vec![1, 1]), (2, vec![0, 0, 0])]);
    }
}
