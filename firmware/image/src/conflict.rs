//! What two images may not both have when they stand side by side on one device.

use xmap_boards::{Line, LineSet};

use crate::{Event, ExportId, HOOKS, Image, PinRow};

/// Why two images cannot stand side by side. Whoever tells one to a person tells all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// They were compiled for different boards.
    Board,
    /// Their modules have one name.
    Module,
    /// One of them drives a line that the other declares. A line has one writer, and its readers are in
    /// the writer's module.
    Line(Line),
    /// Both read a line, and they want different pulls.
    Pull(Line),
    /// Both handle the edges of a line.
    Edges {
        /// The line.
        line: Line,
        /// The first image's handler.
        left: ExportId,
        /// The second image's handler.
        right: ExportId,
    },
    /// One of them has a device on a bus, and the other declares a line of the bus.
    Bus(Line),
    /// Both have the device at an address of a bus.
    Device {
        /// The bus.
        bus: u8,
        /// The address.
        address: u8,
    },
    /// Each has a device that takes the line, and only one can: a line that selects one device, or a line of
    /// two buses.
    Claim(Line),
    /// An export of each has the same key, and it is not one of [`HOOKS`], which every module may have.
    Key {
        /// The first image's export.
        left: ExportId,
        /// The second image's export.
        right: ExportId,
    },
}

impl Conflict {
    /// A number for each variant, for the link.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Board => 1,
            Self::Module => 2,
            Self::Line(_) => 3,
            Self::Pull(_) => 4,
            Self::Edges { .. } => 5,
            Self::Key { .. } => 6,
            Self::Bus(_) => 7,
            Self::Device { .. } => 8,
            Self::Claim(_) => 9,
        }
    }

    /// The line that both declare, where it is about a line.
    pub const fn line(&self) -> Option<Line> {
        match self {
            Self::Line(line)
            | Self::Pull(line)
            | Self::Edges { line, .. }
            | Self::Bus(line)
            | Self::Claim(line) => Some(*line),
            Self::Board | Self::Module | Self::Key { .. } | Self::Device { .. } => None,
        }
    }
}

impl core::fmt::Display for Conflict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Board => write!(f, "they are for different boards"),
            Self::Module => write!(f, "their modules have one name"),
            Self::Line(line) => write!(f, "one drives line {line}, and the other declares it"),
            Self::Pull(line) => write!(f, "they want different pulls of line {line}"),
            Self::Edges { line, .. } => write!(f, "both handle edges of line {line}"),
            Self::Bus(line) => {
                write!(f, "one has a device on the bus of line {line}, which the other declares")
            }
            Self::Device { bus, address } => {
                write!(f, "both have the device at {address:#04x} of I2C bus {bus}")
            }
            Self::Claim(line) => write!(f, "each has a device on a bus that takes line {line} for itself"),
            Self::Key { .. } => write!(f, "an export of each has the same key"),
        }
    }
}

impl core::error::Error for Conflict {}

/// The first of [`conflicts`], if there is one.
pub fn conflict(left: &Image<'_>, right: &Image<'_>) -> Option<Conflict> {
    conflicts(left, right).next()
}

/// Everything that keeps two images from standing side by side on one device: boards and modules first, then
/// lines and their pulls, buses, edges, keys, each in ascending order. A line is named once, but for each
/// pair of handlers of its edges.
///
/// Allocates nothing; the time is linear in exports and lines, and quadratic in handlers, which are few.
pub fn conflicts<'a>(left: &Image<'a>, right: &Image<'a>) -> impl Iterator<Item = Conflict> + use<'a> {
    let boards = (left.board() != right.board()).then_some(Conflict::Board);
    // Images that came in have a block that holds; of two that do not, the modules have one name: none.
    let [ours, theirs] = [left.manifest().unwrap_or_default(), right.manifest().unwrap_or_default()];
    let modules = (ours.module == theirs.module).then_some(Conflict::Module);
    let driven = left.declared() & right.declared() & (left.writable() | right.writable());
    boards
        .into_iter()
        .chain(modules)
        .chain(lines(left.pins(), right.pins(), driven))
        .chain(buses(left, right))
        .chain(edges(ours.events, theirs.events, driven))
        .chain(keys(*left, *right))
}

/// Lines that both declare. Rows are sorted by line, each line once.
fn lines<'a>(
    left: &'a [PinRow],
    right: &'a [PinRow],
    driven: LineSet,
) -> impl Iterator<Item = Conflict> + use<'a> {
    left.iter().filter_map(move |row| {
        let line = row.line();
        let other = right.binary_search_by_key(&line, PinRow::line).ok().and_then(|n| right.get(n))?;
        if driven.contains(line) {
            return Some(Conflict::Line(line));
        }
        (row.pull() != other.pull()).then_some(Conflict::Pull(line))
    })
}

/// Lines of buses that one has devices on and the other declares, devices that both have, and lines that only
/// one of two devices can take.
fn buses<'a>(left: &Image<'a>, right: &Image<'a>) -> impl Iterator<Item = Conflict> + use<'a> {
    let taken = left.bus_lines() & right.declared() | right.bus_lines() & left.declared();
    let lines = (0..Line::COUNT).filter_map(Line::new).filter(move |line| taken.contains(*line));
    let theirs = right.i2c();
    let devices = left.i2c().iter().filter_map(move |row| {
        let (bus, address) = (row.bus_number(), row.address());
        let same = theirs.iter().any(|other| (other.bus_number(), other.address()) == (bus, address));
        same.then_some(Conflict::Device { bus, address })
    });
    let mut disputed = LineSet::EMPTY;
    for claim in left.claims() {
        right.claims().for_each(|other| disputed |= claim.disputed(&other));
    }
    lines.map(Conflict::Bus).chain(devices).chain(disputed.iter().map(Conflict::Claim))
}

/// Lines whose edges both handle, but for those that have their error already.
fn edges<const N: usize>(
    left: heapless::Vec<Event, N>,
    right: heapless::Vec<Event, N>,
    driven: LineSet,
) -> impl Iterator<Item = Conflict> {
    left.into_iter().flat_map(move |ours| {
        let line = ours.source.line().and_then(Line::new).filter(|line| !driven.contains(*line));
        let theirs = line.map(|line| {
            let same = move |event: &Event| event.source.line() == Some(line.number());
            right.clone().into_iter().filter(same).map(move |event| {
                let (left, right) = (ExportId(ours.export), ExportId(event.export));
                Conflict::Edges { line, left, right }
            })
        });
        theirs.into_iter().flatten()
    })
}

/// Keys that both have: exports are sorted by them, so both lists are walked once.
fn keys<'a>(left: Image<'a>, right: Image<'a>) -> impl Iterator<Item = Conflict> + use<'a> {
    let (mut ours, mut theirs) = (0, 0);
    core::iter::from_fn(move || {
        loop {
            let pair = (ExportId(ours), ExportId(theirs));
            let key = left.key(pair.0)?;
            let order = key.cmp(right.key(pair.1)?);
            // Verification has shown that the indices of exports fit 16 bits.
            ours += u16::from(order.is_le());
            theirs += u16::from(order.is_ge());
            if order.is_eq() && !HOOKS.contains(&key) {
                return Some(Conflict::Key { left: pair.0, right: pair.1 });
            }
        }
    })
}
