//! `autoboot.txt`: which partition the Raspberry Pi's boot loader boots, and which one on a trial.
//!
//! The boot loader reads at most 512 bytes of it, so the file is one sector, and one write of one sector
//! changes what boots. After the flag `tryboot` (*config.txt*, section *autoboot.txt*), which a start clears,
//! the part `[tryboot]` holds. Where the file is not readable, the first partition with a `start4.elf` boots.

use xmap_store::{SECTOR, Sector};

use crate::Slot;

/// The text for each default; lines that the boot loader does not read fill the sector.
const HEAD: &str = "[all]\ntryboot_a_b=1\nboot_partition=";
const TRIAL: &str = "\n[tryboot]\nboot_partition=";

/// Returns the sector that has the boot loader boot this slot, and the other one on a trial.
pub fn autoboot(default: Slot) -> Sector {
    let mut sector = [b'\n'; SECTOR];
    let (first, second) = ([default.digit()], [default.other().digit()]);
    let parts = [HEAD.as_bytes(), &first, TRIAL.as_bytes(), &second, b"\n#"];
    let text = parts.into_iter().flatten();
    sector.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    sector
}

/// Returns the slot that boots by this sector; `None` where it is not one that [`autoboot`] writes: what a
/// boot loader makes of it then is not ours to guess.
pub fn default_of(sector: &Sector) -> Option<Slot> {
    Slot::BOTH.into_iter().find(|slot| *sector == autoboot(*slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_boot_loaders() {
        let text = autoboot(Slot::A);
        let text = core::str::from_utf8(&text).unwrap();
        assert_eq!(text.trim_end(), "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n#");
        let text = autoboot(Slot::B);
        let text = core::str::from_utf8(&text).unwrap();
        assert_eq!(text.trim_end(), "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n#");
    }

    #[test]
    fn a_torn_sector_is_none() {
        for slot in Slot::BOTH {
            let (old, new) = (autoboot(slot), autoboot(slot.other()));
            assert_eq!(default_of(&old), Some(slot));
            for end in 0..SECTOR {
                let mut torn = old;
                torn[..end].copy_from_slice(&new[..end]);
                let read = default_of(&torn);
                assert!(read.is_none() || torn == old || torn == new, "{end}");
            }
        }
        assert_eq!(default_of(&[0; SECTOR]), None);
    }
}
