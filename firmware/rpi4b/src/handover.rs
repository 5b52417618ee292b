//! What the earlier boot stage hands over: the place of the panel's image, and arguments.

use core::fmt;
use core::ops::Range;

use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};
use xmap_boards::boot_medium;

/// Memory that start-up maps as ordinary memory: the first GiB, which every Pi 4B has.
pub(crate) const MEMORY_END: usize = 1 << 30;

/// The contents of the device tree's `/chosen` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover<'a> {
    /// Where `initramfs` (or the emulator's `-initrd`) put the panel's image; `None` where there is none.
    pub image: Option<Range<usize>>,
    /// The kernel's command line; empty where there is none.
    pub arguments: &'a str,
    /// Where the boot stage says that it booted from, and with it the image: `sd`, `usb`, `network`,
    /// `rpiboot`, `nvme` or `http`. Where it does not say, `boot`.
    pub origin: &'static str,
    /// Random bytes for this start (`rng-seed`), as the Raspberry Pi's firmware has them of the chip's
    /// generator; empty where there are none.
    pub seed: &'a [u8],
    /// The partition that the boot loader says it booted from, and whether it did so on a trial (`tryboot`).
    /// Where it does not say, nobody knows which firmware runs.
    pub booted: Option<(u32, bool)>,
}

/// Why the device tree cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoverError {
    /// No device tree is where the boot stage said: the address, or the tree's header, is not one, or it is
    /// where modules will work.
    NoDeviceTree,
    /// The tree is damaged.
    BadDeviceTree,
    /// A property of `/chosen` has another type than its name says.
    BadProperty(&'static str),
    /// The image is not in free memory (behind the program, beside the modules' rooms): its start and its
    /// end.
    BadPlace(u64, u64),
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDeviceTree => f.write_str("no device tree was handed over"),
            Self::BadDeviceTree => f.write_str("the device tree is damaged"),
            Self::BadProperty(name) => write!(f, "/chosen/{name} in the device tree is not readable"),
            Self::BadPlace(start, end) => {
                write!(f, "the image is at {start:#x} to {end:#x}, outside free memory")
            }
        }
    }
}

impl<'a> Handover<'a> {
    /// Reads `/chosen`. The program itself, with its stack, ends at `program_end`; `taken` are addresses that
    /// it needs for something else, as the rooms of modules.
    ///
    /// # Errors
    ///
    /// A property is not of its type, or the image's place overlaps the program or what is taken, is empty,
    /// or is beyond the first GiB.
    pub fn read(tree: Fdt<'a>, program_end: usize, taken: &[Range<usize>]) -> Result<Self, HandoverError> {
        let chosen = tree.find_node("/chosen");
        let property = |name| chosen.and_then(|node| node.property(name));
        let address = |name| match property(name) {
            Some(value) => cells(value.value()).map(Some).ok_or(HandoverError::BadProperty(name)),
            None => Ok(None),
        };
        let arguments = match property("bootargs") {
            Some(value) => value.value_as::<&str>().map_err(|_| HandoverError::BadProperty("bootargs"))?,
            None => "",
        };
        let image = match (address("linux,initrd-start")?, address("linux,initrd-end")?) {
            (Some(start), Some(end)) => {
                let free = program_end as u64..=MEMORY_END as u64;
                let beside = taken.iter().all(|taken| end <= taken.start as u64 || start >= taken.end as u64);
                if !(free.contains(&start) && free.contains(&end) && start < end && beside) {
                    return Err(HandoverError::BadPlace(start, end));
                }
                Some(start as usize..end as usize)
            }
            _ => None,
        };
        let seed = property("rng-seed").and_then(|value| value.value_as::<&[u8]>().ok()).unwrap_or_default();
        let loader = tree.find_node("/chosen/bootloader");
        let says = |name| cells(loader?.property(name)?.value());
        let booted = says("partition").and_then(|number| u32::try_from(number).ok());
        let booted = booted.map(|partition| (partition, says("tryboot") == Some(1)));
        // Nobody needs it but a policy, which has no origin `boot` unless its owner means it.
        let origin = says("boot-mode").map_or("boot", boot_medium);
        Ok(Self { image, arguments, origin, seed, booted })
    }
}

/// An address of one or two cells: boot stages write it in either size.
fn cells(value: &[u8]) -> Option<u64> {
    match value.len() {
        4 => value.try_into().ok().map(|bytes| u32::from_be_bytes(bytes).into()),
        8 => value.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    use super::*;

    const PROGRAM_END: usize = 0x10_0000;
    const ROOMS: Range<usize> = 0x1000_0000..0x1a00_0000;
    const LASTING: Range<usize> = 0x0b00_0000..0x0b00_1000;

    /// Returns what a tree with these properties in `/chosen` hands over.
    fn read(properties: &[(&str, &[u8])]) -> Result<(Option<Range<usize>>, String), HandoverError> {
        let mut chosen = DeviceTreeNode::builder("chosen").unwrap();
        for &(name, value) in properties {
            chosen = chosen.property(DeviceTreeProperty::new(name, value).unwrap());
        }
        let mut tree = DeviceTree::new();
        tree.root.add_child(chosen.build());
        let bytes = tree.to_dtb();
        let handover = Handover::read(Fdt::new(&bytes).unwrap(), PROGRAM_END, &[LASTING, ROOMS])?;
        Ok((handover.image, handover.arguments.into()))
    }

    /// The origin in a tree whose boot loader says this mode.
    fn origin(mode: Option<&[u8]>) -> &'static str {
        let mut chosen = DeviceTreeNode::builder("chosen").unwrap();
        if let Some(mode) = mode {
            let property = DeviceTreeProperty::new("boot-mode", mode).unwrap();
            chosen = chosen.child(DeviceTreeNode::builder("bootloader").unwrap().property(property).build());
        }
        let mut tree = DeviceTree::new();
        tree.root.add_child(chosen.build());
        let bytes = tree.to_dtb();
        Handover::read(Fdt::new(&bytes).unwrap(), PROGRAM_END, &[LASTING, ROOMS]).unwrap().origin
    }

    #[test]
    fn an_image_comes_from_where_the_boot_loader_says() {
        assert_eq!(origin(None), "boot");
        let media = ["sd", "sd", "network", "rpiboot", "usb", "usb", "nvme", "http", "boot"];
        for (mode, medium) in (0u32..).zip(media) {
            assert_eq!(origin(Some(&mode.to_be_bytes())), medium);
        }
        assert_eq!(origin(Some(&[1])), "boot", "no number");
    }

    fn place(start: u64, end: u64) -> Result<Option<Range<usize>>, HandoverError> {
        read(&[("linux,initrd-start", &start.to_be_bytes()), ("linux,initrd-end", &end.to_be_bytes())])
            .map(|(image, _)| image)
    }

    #[test]
    fn image_and_arguments_are_read_in_either_size() {
        let expected = Ok((Some(0x800_0000..0x800_1234), String::from("panic")));
        let bootargs = ("bootargs", b"panic\0".as_slice());
        assert_eq!(
            read(&[
                ("linux,initrd-start", &0x800_0000u32.to_be_bytes()),
                ("linux,initrd-end", &0x800_1234u32.to_be_bytes()),
                bootargs,
            ]),
            expected
        );
        assert_eq!(
            read(&[
                ("linux,initrd-start", &0x800_0000u64.to_be_bytes()),
                ("linux,initrd-end", &0x800_1234u64.to_be_bytes()),
                bootargs,
            ]),
            expected
        );
    }

    #[test]
    fn the_seed_is_what_it_is() {
        for seed in [&[][..], &[7], &[1; 64]] {
            let mut chosen = DeviceTreeNode::builder("chosen").unwrap();
            chosen = chosen.property(DeviceTreeProperty::new("rng-seed", seed).unwrap());
            let mut tree = DeviceTree::new();
            tree.root.add_child(chosen.build());
            let bytes = tree.to_dtb();
            let handover = Handover::read(Fdt::new(&bytes).unwrap(), PROGRAM_END, &[LASTING, ROOMS]).unwrap();
            assert_eq!(handover.seed, seed);
        }
    }

    #[test]
    fn nothing_chosen_is_no_image() {
        assert_eq!(read(&[]), Ok((None, String::new())));
        let tree = DeviceTree::new().to_dtb();
        let handover = Handover::read(Fdt::new(&tree).unwrap(), PROGRAM_END, &[LASTING, ROOMS]).unwrap();
        assert_eq!((handover.image, handover.seed), (None, &[][..]));
    }

    #[test]
    fn a_place_outside_free_memory_is_refused() {
        let program = PROGRAM_END as u64;
        let end = MEMORY_END as u64;
        let rooms = ROOMS.start as u64..ROOMS.end as u64;
        assert_eq!(place(rooms.start - 4, rooms.start), Ok(Some(ROOMS.start - 4..ROOMS.start)));
        assert_eq!(place(rooms.end, rooms.end + 4), Ok(Some(ROOMS.end..ROOMS.end + 4)));
        assert_eq!(place(program, program + 4), Ok(Some(PROGRAM_END..PROGRAM_END + 4)));
        assert_eq!(place(end - 4, end), Ok(Some(MEMORY_END - 4..MEMORY_END)));
        let lasting = LASTING.start as u64..LASTING.end as u64;
        assert_eq!(place(lasting.end, lasting.end + 4), Ok(Some(LASTING.end..LASTING.end + 4)));
        for (start, stop) in [
            (lasting.start - 4, lasting.start + 1),
            (lasting.end - 1, lasting.end + 4),
            (program - 1, program + 4),
            (end - 4, end + 1),
            (program, program),
            (end, program),
            (rooms.start - 4, rooms.start + 1),
            (rooms.start + 4, rooms.end - 4),
            (rooms.end - 1, rooms.end + 4),
            (rooms.start - 4, rooms.end + 4),
            (u64::MAX - 1, u64::MAX),
        ] {
            assert_eq!(place(start, stop), Err(HandoverError::BadPlace(start, stop)));
        }
    }

    #[test]
    fn a_property_of_another_type_is_refused() {
        let start = ("linux,initrd-start", [0u8; 3].as_slice());
        assert_eq!(read(&[start]), Err(HandoverError::BadProperty("linux,initrd-start")));
        assert_eq!(read(&[("bootargs", b"no end")]), Err(HandoverError::BadProperty("bootargs")));
    }
}
