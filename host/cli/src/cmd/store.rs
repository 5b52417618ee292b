//! `xmap store`: what a device without an operating system keeps on its card, read on another machine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Place as Where};
use xmap_compiler::map::hex;
use xmap_device::{Memory as _, Remembered, Starts};
use xmap_store::{
    AREA_SECTORS, Disk, Header, Kind, MODULES, Place, RINGS, Record, Ring, SECTOR, Sector, Store, StoreError,
    area_sector, find_partition, is_area,
};

use super::Done;
use super::output::{count, write_file};

/// Show, copy out or erase what a device keeps on its card
///
/// A device without an operating system can keep its images, their state, versions and the owner's policy in
/// a partition of its card. FILE is the card (/dev/sdb), an image of it, or an image of the partition. A
/// record is named `image:0` or `state:0`, with the module's number, `versions`, `policy` or `starts`.
#[derive(clap::Subcommand)]
#[command(after_help = "\
Examples:
  xmap store list /dev/sdb
  xmap store show card.img image:0
  xmap store export card.img image:0 -o hall.xmap
  xmap store erase card.img state:0     the next start begins with the image's own values
  xmap store erase card.img             lays an empty store out")]
pub(super) enum Action {
    /// Show every record
    List {
        /// The card, or an image of it
        file: PathBuf,
    },
    /// Show what is known of the newest record of a thing
    Show {
        /// The card, or an image of it
        file: PathBuf,
        /// image:N, state:N, versions, policy or starts
        #[arg(value_parser = thing)]
        record: Place,
    },
    /// Copy the newest record of a thing to a file
    Export {
        /// The card, or an image of it
        file: PathBuf,
        /// image:N, state:N, versions, policy or starts
        #[arg(value_parser = thing)]
        record: Place,
        /// Where it goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// The record before the newest one, or the one before that
        #[arg(long, value_name = "N", default_value_t = 0)]
        before: usize,
    },
    /// Erase the records of a thing, or lay an empty store out
    Erase {
        /// The card, or an image of it
        file: PathBuf,
        /// image:N, state:N, versions, policy or starts [default: everything]
        #[arg(value_parser = thing)]
        record: Option<Place>,
    },
}

fn thing(text: &str) -> Result<Place, String> {
    let (kind, module) = text.split_once(':').map_or((text, None), |(kind, module)| (kind, Some(module)));
    let number = || module.and_then(|module| module.parse().ok()).filter(|module| *module < MODULES);
    let place = match (kind, module) {
        ("image", Some(_)) => number().map(Place::image),
        ("state", Some(_)) => number().map(Place::state),
        ("versions", None) => Some(Place::VERSIONS),
        ("policy", None) => Some(Place::POLICY),
        ("starts", None) => Some(Place::STARTS),
        _ => None,
    };
    place.ok_or_else(|| {
        format!("expected image:N or state:N with N from 0 to {}, versions, policy or starts", MODULES - 1)
    })
}

/// Returns the name that [`thing`] reads.
fn name(place: Place) -> String {
    match place.kind {
        Kind::Image | Kind::State => format!("{}:{}", place.kind.name(), place.module),
        Kind::Versions | Kind::Policy | Kind::Starts => place.kind.name().into(),
    }
}

/// The partition in a file.
struct CardFile {
    file: File,
    first: u64,
    sectors: u32,
}

impl CardFile {
    fn seek(&mut self, sector: u32) -> io::Result<()> {
        self.file.seek(SeekFrom::Start((self.first + u64::from(sector)) * SECTOR as u64)).map(drop)
    }
}

impl Disk for CardFile {
    type Error = io::Error;

    fn sectors(&self) -> u32 {
        self.sectors
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> io::Result<()> {
        self.seek(first)?;
        self.file.read_exact(into.as_flattened_mut())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> io::Result<()> {
        self.seek(first)?;
        self.file.write_all(sectors.as_flattened())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Finds the partition in a file.
fn open(path: &Path, writes: bool) -> Result<CardFile, Diagnostic> {
    let reading = |error: &io::Error| Diagnostic::reading(path, error);
    if std::fs::metadata(path).map_err(|error| reading(&error))?.is_dir() {
        return Err(reading(&io::ErrorKind::IsADirectory.into()));
    }
    let file = OpenOptions::new().read(true).write(writes).open(path);
    let mut file =
        file.map_err(|error| if writes { Diagnostic::writing(path, &error) } else { reading(&error) })?;
    // A card has no length of its own, but an end.
    let sectors = file.seek(SeekFrom::End(0)).map_err(|error| reading(&error))? / SECTOR as u64;
    let mut card = CardFile { file, first: 0, sectors: u32::try_from(sectors).unwrap_or(u32::MAX) };
    let mut table = [[0; SECTOR]];
    if sectors > 0 {
        card.read(0, &mut table).map_err(|error| reading(&error))?;
    }
    if is_area(&table[0]) && card.sectors >= AREA_SECTORS {
        return Ok(card);
    }
    match find_partition(&table[0]).filter(|partition| u64::from(partition.end) <= sectors) {
        Some(partition) => {
            (card.first, card.sectors) = (partition.start.into(), partition.end - partition.start);
            Ok(card)
        }
        None => Err(no_store(path)),
    }
}

fn no_store(path: &Path) -> Diagnostic {
    let message = format!("{}: no store in it", path.display());
    Diagnostic::new(Code::NoStore, Where::file(path), message).help(format!(
        "a card has one in a partition of type 7f with at least {AREA_SECTORS} sectors; `xmap store erase` lays it out"
    ))
}

fn store(path: &Path) -> Result<Store<CardFile>, Diagnostic> {
    Store::open(open(path, false)?).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: StoreError<io::Error>) -> Diagnostic {
    match error {
        StoreError::Disk(error) => Diagnostic::reading(path, &error),
        StoreError::NoStore => no_store(path),
        error => {
            Diagnostic::new(Code::DamagedRecord, Where::file(path), format!("{}: {error}", path.display()))
        }
    }
}

/// Reads a record with its body.
fn read(store: &mut Store<CardFile>, record: &Record) -> Result<(Header, Vec<u8>), StoreError<io::Error>> {
    let mut body = vec![0; record.length as usize];
    let header = store.read(record, &mut body)?;
    Ok((header, body))
}

/// Returns a record of a thing: the newest, or one before it.
fn record(store: &Store<CardFile>, path: &Path, place: Place, before: usize) -> Result<Record, Diagnostic> {
    store.records(place).nth(before).ok_or_else(|| {
        let has = count(store.records(place).count(), "record");
        let message = format!("{}: no such record: it has {has} of {}", path.display(), name(place));
        Diagnostic::new(Code::NoRecord, Where::file(path), message)
            .help("`xmap store list` shows every record".to_string())
    })
}

pub(super) fn run(action: &Action, out: &mut dyn Write) -> Done {
    match action {
        Action::List { file } => list(file, out),
        Action::Show { file, record } => show(file, *record, out),
        Action::Export { file, record: place, output, before } => {
            let mut store = store(file)?;
            let record = record(&store, file, *place, *before)?;
            let (_, body) = read(&mut store, &record).map_err(|error| failed(file, error))?;
            write_file(output, &body)?;
            Ok(writeln!(out, "wrote {}, {}", output.display(), count(body.len(), "byte"))?)
        }
        Action::Erase { file, record } => erase(file, *record, out),
    }
}

fn list(path: &Path, out: &mut dyn Write) -> Done {
    let mut store = store(path)?;
    writeln!(out, "record    sequence     bytes  what")?;
    for place in RINGS.map(|ring| ring.place) {
        let records: Vec<_> = store.records(place).collect();
        for record in records {
            let what =
                read(&mut store, &record).map_or_else(|error| error.to_string(), |(header, _)| said(&header));
            let row = format!("{:<9} {:>8} {:>9}  {what}", name(place), record.sequence, record.length);
            writeln!(out, "{}", row.trim_end())?;
        }
    }
    let counters = store.counters();
    let damaged = count(counters.damaged as usize, "damaged record");
    writeln!(out, "{damaged}; {} sectors written so far", counters.written_ever)?;
    Ok(())
}

/// Returns what a header says of its body.
fn said(header: &Header) -> String {
    let meta = header.meta();
    match header.place.kind {
        Kind::Image => {
            let (hash, origin) = meta.split_at_checked(32).unwrap_or((meta, &[]));
            let origin = String::from_utf8_lossy(origin);
            format!(
                "{}{}{origin}",
                &hex(hash)[..hash.len().min(8) * 2],
                if origin.is_empty() { "" } else { " from " }
            )
        }
        Kind::State => meta.try_into().map_or_else(
            |_| "a layout that is none".into(),
            |layout| match u32::from_le_bytes(layout) {
                0 => "empty: the image keeps nothing over a restart".into(),
                layout => format!("layout {layout:08x}"),
            },
        ),
        Kind::Versions | Kind::Policy | Kind::Starts => String::new(),
    }
}

fn show(path: &Path, place: Place, out: &mut dyn Write) -> Done {
    let mut store = store(path)?;
    let record = record(&store, path, place, 0)?;
    let (header, body) = read(&mut store, &record).map_err(|error| failed(path, error))?;
    writeln!(out, "record    {}, cell {}", name(place), record.cell)?;
    writeln!(
        out,
        "sequence  {}\nbytes     {}\ndigest    {}",
        header.sequence,
        header.length,
        hex(&header.digest)
    )?;
    match place.kind {
        Kind::Versions => {
            let memory = Remembered::new(&body, &[]);
            for module in memory.modules() {
                writeln!(out, "highest   {module}, version {}", memory.highest(module))?;
            }
        }
        Kind::Policy => {}
        Kind::Starts => {
            for (hash, starts) in Starts::from_record(&body).rows() {
                writeln!(out, "unclean   {}, {}", &hex(hash)[..16], count((*starts).into(), "start"))?;
            }
        }
        Kind::Image | Kind::State => writeln!(out, "what      {}", said(&header))?,
    }
    Ok(())
}

fn erase(path: &Path, place: Option<Place>, out: &mut dyn Write) -> Done {
    let mut card = open(path, true)?;
    let writing = |error: io::Error| Diagnostic::writing(path, &error);
    let rings: Vec<&Ring> =
        RINGS.iter().filter(|ring| place.is_none_or(|place| ring.place == place)).collect();
    for ring in &rings {
        for cell in 0..ring.cells {
            card.write(ring.sector(cell), &[[0; SECTOR]]).map_err(writing)?;
        }
    }
    if place.is_none() {
        card.write(0, &[area_sector()]).map_err(writing)?;
        card.write(128, &[area_sector()]).map_err(writing)?;
    }
    card.flush().map_err(writing)?;
    match place {
        Some(place) => writeln!(out, "{}: no {} any more", path.display(), name(place))?,
        None => writeln!(out, "{}: an empty store", path.display())?,
    }
    Ok(())
}
