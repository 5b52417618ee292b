//! The newest record of each ring, and a write in steps.

use core::fmt;

use hmac_sha256::Hash;

use crate::layout::CELLS;
use crate::{AREA_SECTORS, Disk, Header, Place, RINGS, Ring, SECTOR, Sector, is_area};

/// Sectors that are read or written with one command at most: 8 KiB of the stack.
const CHUNK: usize = 16;

/// Where sequences end: no card takes as many records, and there is always a next one.
const SEQUENCE_END: u64 = 1 << 63;

/// Why the store did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError<E> {
    /// The card's own reason.
    Disk(E),
    /// There is no store here: the area does not begin like one, or is too small.
    NoStore,
    /// No device has such a record, or it is longer than its cell.
    TooLong,
    /// What was read is not what the header says.
    Damaged,
}

impl<E: fmt::Display> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::NoStore => f.write_str("there is no store in it"),
            Self::TooLong => f.write_str("the record is longer than the store has room for"),
            Self::Damaged => f.write_str("the record is damaged"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for StoreError<E> {}

/// A record that stands in the area, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is of.
    pub place: Place,
    /// The cell of its ring.
    pub cell: u8,
    /// Bytes of its body.
    pub length: u32,
    /// Grows with each record of the store.
    pub sequence: u64,
}

/// The counters of a store since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Headers and bodies that were no records: passed over.
    pub damaged: u32,
    /// Cells that did not take a record.
    pub refused: u32,
    /// Sectors that were written.
    pub written: u64,
    /// Sectors that were written since the area was laid out.
    pub written_ever: u64,
}

/// What is known of a cell. Sequence 0 is a cell without a record.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    sequence: u64,
    length: u32,
    /// A record did not get there.
    refused: bool,
}

/// A store.
#[derive(Debug)]
pub struct Store<D> {
    disk: D,
    cells: [Cell; CELLS],
    next: u64,
    counters: Counters,
}

/// A record on its way. It is none before [`Store::step`] says so.
#[derive(Clone)]
pub struct Writing {
    header: Header,
    ring: usize,
    phase: Phase,
    hash: Hash,
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing")
            .field("header", &self.header)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The header of the record that stood there goes.
    Erase,
    /// The body from this sector on.
    Body(u32),
    /// The body is read back from this sector on.
    Check(u32),
    /// The header.
    Head,
    /// It is a record.
    Done,
}

impl<D: Disk> Store<D> {
    /// Opens a store: reads the header of every cell.
    ///
    /// # Errors
    /// [`StoreError::NoStore`], [`StoreError::Disk`] where not even the first sectors are read. A cell that
    /// cannot be read is damaged.
    pub fn open(mut disk: D) -> Result<Self, StoreError<D::Error>> {
        if disk.sectors() < AREA_SECTORS {
            return Err(StoreError::NoStore);
        }
        // The first sector is there twice.
        let first = read_one(&mut disk, 0);
        if !first.as_ref().is_ok_and(is_area) && !read_one(&mut disk, 128).as_ref().is_ok_and(is_area) {
            return Err(first.err().map_or(StoreError::NoStore, StoreError::Disk));
        }
        let mut store =
            Self { disk, cells: [Cell::default(); CELLS], next: 1, counters: Counters::default() };
        for (number, ring) in RINGS.iter().enumerate() {
            for cell in 0..ring.cells {
                store.look(number, cell);
            }
        }
        Ok(store)
    }

    /// Takes note of the record in a cell.
    fn look(&mut self, ring: usize, cell: u32) {
        match self.header(ring, cell) {
            Ok(Some(header)) => {
                self.next = self.next.max(header.sequence.saturating_add(1));
                self.counters.written_ever = self.counters.written_ever.max(header.written);
                if let Some(at) = self.cell_mut(ring, cell) {
                    *at = Cell { sequence: header.sequence, length: header.length, refused: false };
                }
            }
            Ok(None) => {}
            Err(_) => self.counters.damaged = self.counters.damaged.saturating_add(1),
        }
    }

    /// Reads the header of a cell; `None` where the cell is empty.
    fn header(&mut self, ring: usize, cell: u32) -> Result<Option<Header>, StoreError<D::Error>> {
        let of = RINGS.get(ring).ok_or(StoreError::Damaged)?;
        let sector = read_one(&mut self.disk, of.sector(cell)).map_err(StoreError::Disk)?;
        if sector == [0; SECTOR] {
            return Ok(None);
        }
        let right = |header: &Header| {
            header.place == of.place
                && u32::from(header.cell) == cell
                && header.length <= of.body_bytes
                && (1..SEQUENCE_END).contains(&header.sequence)
        };
        Header::decode(&sector).filter(right).map(Some).ok_or(StoreError::Damaged)
    }

    fn cells_of(&self, ring: usize) -> &[Cell] {
        let (from, count) = cells(ring);
        self.cells.get(from..from + count).unwrap_or_default()
    }

    fn cell_mut(&mut self, ring: usize, cell: u32) -> Option<&mut Cell> {
        let (from, count) = cells(ring);
        self.cells.get_mut(from..from + count)?.get_mut(cell as usize)
    }

    /// Returns the records of a place by their headers, the newest first.
    pub fn records(&self, place: Place) -> impl Iterator<Item = Record> + '_ {
        let ring = index(place);
        let mut below = u64::MAX;
        core::iter::from_fn(move || {
            let cells = (0u8..).zip(self.cells_of(ring?));
            let older = cells.filter(|(_, cell)| cell.sequence != 0 && cell.sequence < below);
            let (cell, Cell { sequence, length, .. }) = older.max_by_key(|(_, cell)| cell.sequence)?;
            below = *sequence;
            Some(Record { place, cell, length: *length, sequence: *sequence })
        })
    }

    /// Reads a record's header again: what it says of its body.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Disk`]. The record is passed over from then on.
    pub fn describe(&mut self, record: &Record) -> Result<Header, StoreError<D::Error>> {
        let ring = index(record.place).ok_or(StoreError::Damaged)?;
        let header = self.header(ring, record.cell.into()).and_then(|header| {
            header.filter(|header| header.sequence == record.sequence).ok_or(StoreError::Damaged)
        });
        header.inspect_err(|_| self.pass_over(ring, record))
    }

    /// Reads a record's body into the beginning of `into`, and holds it against its digest.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] where `into` is shorter than the body. [`StoreError::Damaged`] or
    /// [`StoreError::Disk`]: the record is passed over from then on, and what `into` has is anything.
    pub fn read(&mut self, record: &Record, into: &mut [u8]) -> Result<Header, StoreError<D::Error>> {
        let header = self.describe(record)?;
        let into = into.get_mut(..header.length as usize).ok_or(StoreError::TooLong)?;
        let ring = index(record.place).ok_or(StoreError::Damaged)?;
        let mut at = 0;
        let mut hash = Hash::new();
        let first = RINGS.get(ring).map_or(0, |ring| ring.sector(record.cell.into())) + 1;
        let read = each_chunk(&mut self.disk, first, header.length, 0, u32::MAX, |bytes| {
            hash.update(bytes);
            if let Some(to) = into.get_mut(at..at + bytes.len()) {
                to.copy_from_slice(bytes);
            }
            at += bytes.len();
        });
        let outcome = match read {
            Err(error) => Err(StoreError::Disk(error)),
            Ok(_) if hash.finalize() != header.digest => Err(StoreError::Damaged),
            Ok(_) => Ok(header),
        };
        outcome.inspect_err(|_| self.pass_over(ring, record))
    }

    fn pass_over(&mut self, ring: usize, record: &Record) {
        self.counters.damaged = self.counters.damaged.saturating_add(1);
        if let Some(cell) = self.cell_mut(ring, record.cell.into()) {
            (cell.sequence, cell.length) = (0, 0);
        }
    }

    /// Begins to write a record of `length` bytes. Nothing is on the card yet.
    ///
    /// # Errors
    /// [`StoreError::TooLong`].
    pub fn begin(&mut self, place: Place, meta: &[u8], length: u32) -> Result<Writing, StoreError<D::Error>> {
        let ring = index(place).ok_or(StoreError::TooLong)?;
        let of = RINGS.get(ring).filter(|ring| length <= ring.body_bytes).ok_or(StoreError::TooLong)?;
        let mut header = Header::new(of.place, meta).ok_or(StoreError::TooLong)?;
        let cells = self.cells_of(ring);
        let newest = cells.iter().map(|cell| cell.sequence).max().unwrap_or(0);
        // Where several are empty, the first; those that have refused a record come last, and are tried anew
        // once no other is left.
        let free = (0u8..).zip(cells).filter(|(_, cell)| cell.sequence == 0 || cell.sequence != newest);
        let (cell, at) =
            free.min_by_key(|(_, cell)| (cell.refused, cell.sequence)).ok_or(StoreError::TooLong)?;
        if at.refused {
            let (from, count) = self::cells(ring);
            self.cells.iter_mut().skip(from).take(count).for_each(|cell| cell.refused = false);
        }
        (header.cell, header.length, header.sequence) = (cell, length, self.next);
        self.next = self.next.saturating_add(1);
        Ok(Writing { header, ring, phase: Phase::Erase, hash: Hash::new() })
    }

    /// Does the next part of a write, some sectors; returns whether the record is on the card. `body` fills a
    /// buffer with the bytes from an offset on, the same ones each time.
    ///
    /// # Errors
    /// [`StoreError::Disk`], or [`StoreError::Damaged`] where the card does not have what was written: the
    /// write is over, the record before stands, and the next write takes another cell.
    pub fn step(
        &mut self,
        writing: &mut Writing,
        body: &mut dyn FnMut(u32, &mut [u8]),
    ) -> Result<bool, StoreError<D::Error>> {
        let outcome = self.try_step(writing, body);
        if outcome.is_err() {
            self.counters.refused = self.counters.refused.saturating_add(1);
            if let Some(cell) = self.cell_mut(writing.ring, writing.header.cell.into()) {
                *cell = Cell { refused: true, ..Cell::default() };
            }
        }
        outcome
    }

    fn try_step(
        &mut self,
        writing: &mut Writing,
        body: &mut dyn FnMut(u32, &mut [u8]),
    ) -> Result<bool, StoreError<D::Error>> {
        let Writing { header, ring, phase, hash } = writing;
        let Some(of) = RINGS.get(*ring) else { return Ok(false) };
        let first = of.sector(header.cell.into());
        let sectors = header.length.div_ceil(SECTOR as u32);
        match *phase {
            Phase::Erase => {
                if let Some(cell) = self.cell_mut(*ring, header.cell.into()) {
                    (cell.sequence, cell.length) = (0, 0);
                }
                self.put(first, &[[0; SECTOR]])?;
                self.flush()?;
                *phase = Phase::Body(0);
            }
            Phase::Body(at) if at < sectors => {
                let mut chunk = [[0; SECTOR]; CHUNK];
                let count = (sectors - at).min(CHUNK as u32);
                let bytes = (header.length - at * SECTOR as u32).min(count * SECTOR as u32) as usize;
                let flat = chunk.as_flattened_mut().get_mut(..bytes).unwrap_or_default();
                body(at * SECTOR as u32, flat);
                hash.update(&*flat);
                self.put(first + 1 + at, chunk.get(..count as usize).unwrap_or_default())?;
                *phase = Phase::Body(at + count);
            }
            Phase::Body(_) => {
                self.flush()?;
                header.digest = core::mem::replace(hash, Hash::new()).finalize();
                *phase = Phase::Check(0);
            }
            Phase::Check(at) if at < sectors => {
                let next = each_chunk(&mut self.disk, first + 1, header.length, at, CHUNK as u32, |bytes| {
                    hash.update(bytes);
                });
                *phase = Phase::Check(next.map_err(StoreError::Disk)?);
            }
            Phase::Check(_) => {
                if core::mem::replace(hash, Hash::new()).finalize() != header.digest {
                    return Err(StoreError::Damaged);
                }
                *phase = Phase::Head;
            }
            Phase::Head => {
                header.written = self.counters.written_ever.saturating_add(1);
                let sector = header.encode();
                self.put(first, &[sector])?;
                self.flush()?;
                if read_one(&mut self.disk, first).map_err(StoreError::Disk)? != sector {
                    return Err(StoreError::Damaged);
                }
                if let Some(cell) = self.cell_mut(*ring, header.cell.into()) {
                    *cell = Cell { sequence: header.sequence, length: header.length, refused: false };
                }
                *phase = Phase::Done;
            }
            Phase::Done => {}
        }
        Ok(*phase == Phase::Done)
    }

    /// Writes a whole record at once, in another cell where one does not take it.
    ///
    /// # Errors
    /// Those of [`Store::begin`] and [`Store::step`]; the record before stands.
    pub fn write(&mut self, place: Place, meta: &[u8], body: &[u8]) -> Result<(), StoreError<D::Error>> {
        let length = u32::try_from(body.len()).map_err(|_| StoreError::TooLong)?;
        let mut from = |at: u32, to: &mut [u8]| {
            let part = body.get(at as usize..).unwrap_or_default();
            to.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        };
        let mut tries = Ring::of(place).map_or(1, |ring| ring.cells);
        loop {
            let mut writing = self.begin(place, meta, length)?;
            let outcome = loop {
                match self.step(&mut writing, &mut from) {
                    Ok(false) => {}
                    Ok(true) => return Ok(()),
                    Err(error) => break error,
                }
            };
            tries -= 1;
            if tries == 0 {
                return Err(outcome);
            }
        }
    }

    /// Returns what the store has seen and done since it was opened.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns the card.
    pub fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    fn put(&mut self, first: u32, sectors: &[Sector]) -> Result<(), StoreError<D::Error>> {
        let count = sectors.len() as u64;
        self.counters.written = self.counters.written.saturating_add(count);
        self.counters.written_ever = self.counters.written_ever.saturating_add(count);
        self.disk.write(first, sectors).map_err(StoreError::Disk)
    }

    fn flush(&mut self) -> Result<(), StoreError<D::Error>> {
        self.disk.flush().map_err(StoreError::Disk)
    }
}

/// The SHA-256 of pieces, one behind the other.
pub fn digest<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut hash = Hash::new();
    pieces.into_iter().for_each(|piece| hash.update(piece));
    hash.finalize()
}

fn read_one<D: Disk>(disk: &mut D, at: u32) -> Result<Sector, D::Error> {
    let mut sector = [[0; SECTOR]];
    disk.read(at, &mut sector)?;
    let [sector] = sector;
    Ok(sector)
}

/// Reads a body of `length` bytes from its sector `from` on, `most` sectors of it; returns the sector behind.
fn each_chunk<D: Disk>(
    disk: &mut D,
    first: u32,
    length: u32,
    from: u32,
    most: u32,
    mut each: impl FnMut(&[u8]),
) -> Result<u32, D::Error> {
    let sectors = length.div_ceil(SECTOR as u32).min(from.saturating_add(most));
    let mut at = from;
    while at < sectors {
        let mut chunk = [[0; SECTOR]; CHUNK];
        let count = (sectors - at).min(CHUNK as u32);
        let into = chunk.get_mut(..count as usize).unwrap_or_default();
        disk.read(first + at, into)?;
        let bytes = (length - at * SECTOR as u32).min(count * SECTOR as u32) as usize;
        each(into.as_flattened().get(..bytes).unwrap_or_default());
        at += count;
    }
    Ok(at)
}

/// The number of a place's ring.
fn index(place: Place) -> Option<usize> {
    RINGS.iter().position(|ring: &Ring| ring.place == place)
}

/// The first of a ring's cells among all cells, and how many it has.
fn cells(ring: usize) -> (usize, usize) {
    let cells = |ring: &Ring| ring.cells as usize;
    (RINGS.iter().take(ring).map(cells).sum(), RINGS.get(ring).map_or(0, cells))
}
