//! From an ELF file to the bytes that a boot stage puts in memory: what `objcopy -O binary` does.

use anyhow::{Context as _, Result, bail, ensure};
use object::{Object as _, ObjectSegment as _};

/// A raw image may not be larger: a stray segment far away would make gigabytes of zeros.
const MAX_BYTES: u64 = 64 << 20;

/// The loadable bytes of an ELF file as one piece that starts at its entry point.
///
/// # Errors
///
/// The file is not an ELF file, has nothing to load, starts elsewhere than at its first byte, or is
/// larger than 64 MiB in memory.
pub(crate) fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(elf).context("not an object file")?;
    let mut segments = Vec::new();
    for segment in file.segments() {
        segments.push((segment.address(), segment.data()?));
    }
    join(file.entry(), &segments)
}

/// Segments by address, gaps filled with zeros. What a segment has in memory beyond its bytes in the
/// file is for start-up code to clear.
fn join(entry: u64, segments: &[(u64, &[u8])]) -> Result<Vec<u8>> {
    let filled = || segments.iter().filter(|(_, bytes)| !bytes.is_empty());
    let Some(base) = filled().map(|&(address, _)| address).min() else {
        bail!("nothing to load");
    };
    ensure!(entry == base, "the entry point is {entry:#x}, the first byte {base:#x}");
    let mut image = Vec::new();
    for &(address, bytes) in filled() {
        let start = address - base;
        ensure!(start + bytes.len() as u64 <= MAX_BYTES, "larger than {MAX_BYTES} B");
        let end = start as usize + bytes.len();
        if image.len() < end {
            image.resize(end, 0);
        }
        image[start as usize..end].copy_from_slice(bytes);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stand_at_their_addresses() {
        let image = join(0x8_0000, &[(0x8_0006, b"data"), (0x8_0000, b"code"), (0x9_0000, b"")]);
        assert_eq!(image.unwrap(), b"code\0\0data");
    }

    #[test]
    fn what_cannot_be_booted_is_refused() {
        for (entry, segments, expected) in [
            (0, &[][..], "nothing to load"),
            (4, &[(0, &b"code"[..])], "the entry point is 0x4, the first byte 0x0"),
            (0, &[(0, b"code"), (1 << 40, b"far")], "larger than 67108864 B"),
        ] {
            assert_eq!(join(entry, segments).unwrap_err().to_string(), expected);
        }
        assert!(flatten(b"MZ").is_err());
    }
}
