//! Kinds of records, and the cells that each has in the area.

use crate::SECTOR;

/// Modules of a device.
pub const MODULES: u8 = 4;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image that counts as good, with its seal behind it.
    Image = 1,
    /// The state that an image retains.
    State = 2,
    /// The highest version of each module that counted as good.
    Versions = 3,
    /// The owner's policy that was sent last, as it was signed.
    Policy = 4,
    /// Images, and how many starts with each have not gone well.
    Starts = 5,
}

impl Kind {
    /// Returns the kind with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Image),
            2 => Some(Self::State),
            3 => Some(Self::Versions),
            4 => Some(Self::Policy),
            5 => Some(Self::Starts),
            _ => None,
        }
    }

    /// Returns the name that a person reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::State => "state",
            Self::Versions => "versions",
            Self::Policy => "policy",
            Self::Starts => "starts",
        }
    }
}

/// The place of a record: a kind, and a module where each module has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The kind.
    pub kind: Kind,
    /// The module; 0 for what is the device's.
    pub module: u8,
}

impl Place {
    /// The versions of the device.
    pub const VERSIONS: Self = Self { kind: Kind::Versions, module: 0 };
    /// The policy of the device.
    pub const POLICY: Self = Self { kind: Kind::Policy, module: 0 };

    /// The account of starts of the device.
    pub const STARTS: Self = Self { kind: Kind::Starts, module: 0 };

    /// The images of a module.
    pub const fn image(module: u8) -> Self {
        Self { kind: Kind::Image, module }
    }

    /// The state of a module.
    pub const fn state(module: u8) -> Self {
        Self { kind: Kind::State, module }
    }
}

/// The cells of a place, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// What its records are of.
    pub place: Place,
    /// The first sector of the first cell.
    pub first: u32,
    /// How many cells there are: at least three, so that the newest record and the one before it stay while
    /// a third is written.
    pub cells: u32,
    /// Sectors from one cell to the next.
    pub cell_sectors: u32,
    /// Bytes of the largest body.
    pub body_bytes: u32,
}

/// Cells begin at multiples of this: a card that loses the rest of a page which it was programming takes no
/// other record with it.
const ALIGN: u32 = 128;

/// Sectors in front of the first cell: the area's own, twice ([`crate::area_sector`]).
const HEAD: u32 = 2 * ALIGN;

/// Bytes of an image and its seal: the board's limit, and 212 bytes.
const IMAGE_BYTES: u32 = (4 << 20) + 212;
/// Bytes of retained state: the format's limit.
const STATE_BYTES: u32 = 4 << 20;
/// Bytes of the versions: more names than a device remembers.
const VERSIONS_BYTES: u32 = 4096;
/// Bytes of a signed policy: the format's limit.
const POLICY_BYTES: u32 = 8192;

/// Bytes of the account of starts: more images than a device counts.
const STARTS_BYTES: u32 = 4096;

/// How many rings there are.
const COUNT: usize = 2 * MODULES as usize + 3;

/// The rings, in the order of the area.
pub const RINGS: [Ring; COUNT] = rings();

/// Sectors that a store takes: 116 MiB.
pub const AREA_SECTORS: u32 = {
    let last = RINGS[COUNT - 1];
    last.first + last.cells * last.cell_sectors
};

/// Cells of all rings together.
pub(crate) const CELLS: usize = {
    let (mut cells, mut ring) = (0, 0);
    while ring < COUNT {
        cells += RINGS[ring].cells as usize;
        ring += 1;
    }
    cells
};

const fn rings() -> [Ring; COUNT] {
    let mut rings = [ring(Place::VERSIONS, HEAD, 16, VERSIONS_BYTES); COUNT];
    rings[1] = ring(Place::POLICY, end(rings[0]), 4, POLICY_BYTES);
    let mut module = 0;
    while module < MODULES {
        let at = 2 + module as usize;
        rings[at] = ring(Place::image(module), end(rings[at - 1]), 3, IMAGE_BYTES);
        module += 1;
    }
    module = 0;
    while module < MODULES {
        let at = 2 + MODULES as usize + module as usize;
        rings[at] = ring(Place::state(module), end(rings[at - 1]), 4, STATE_BYTES);
        module += 1;
    }
    let last = 2 + 2 * MODULES as usize;
    rings[last] = ring(Place::STARTS, end(rings[last - 1]), 4, STARTS_BYTES);
    rings
}

const fn ring(place: Place, first: u32, cells: u32, body_bytes: u32) -> Ring {
    let sectors = 1 + body_bytes.div_ceil(SECTOR as u32);
    Ring { place, first, cells, cell_sectors: sectors.next_multiple_of(ALIGN), body_bytes }
}

const fn end(ring: Ring) -> u32 {
    ring.first + ring.cells * ring.cell_sectors
}

impl Ring {
    /// Returns the ring of a place; `None` where no device has such a module.
    pub fn of(place: Place) -> Option<&'static Self> {
        RINGS.iter().find(|ring| ring.place == place)
    }

    /// Returns the header's sector of a cell.
    pub const fn sector(&self, cell: u32) -> u32 {
        self.first + cell * self.cell_sectors
    }
}
