//! `xmap store`: a card that comes back from the field.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use xmap_store::{AREA_SECTORS, Disk, PARTITION_TYPE, Place, Ring, SECTOR, Sector, Store};

/// Where the partition begins.
const FIRST: u32 = 8192;

/// The partition in a card's image.
struct Card(File);

impl Disk for Card {
    type Error = io::Error;

    fn sectors(&self) -> u32 {
        AREA_SECTORS
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(u64::from(FIRST + first) * SECTOR as u64))?;
        self.0.read_exact(into.as_flattened_mut())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(u64::from(FIRST + first) * SECTOR as u64))?;
        self.0.write_all(sectors.as_flattened())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A card with the partition, which nobody has laid out.
fn blank(path: &Path) {
    let mut table = [0; SECTOR];
    table[446 + 4] = PARTITION_TYPE;
    table[454..458].copy_from_slice(&FIRST.to_le_bytes());
    table[458..462].copy_from_slice(&AREA_SECTORS.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut file = File::create(path).unwrap();
    file.write_all(&table).unwrap();
    file.set_len(u64::from(FIRST + AREA_SECTORS) * SECTOR as u64).unwrap();
}

/// Runs `xmap store`; its status, and what it printed with the path as `CARD`.
fn xmap(card: &Path, words: &[&str]) -> (Option<i32>, String) {
    let (verb, rest) = words.split_first().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmap"));
    let output = command.arg("store").arg(verb).arg(card).args(rest).env("COLUMNS", "200").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap().replace(card.to_str().unwrap(), "CARD");
    (output.status.code(), text)
}

fn open(path: &Path) -> Store<Card> {
    Store::open(Card(OpenOptions::new().read(true).write(true).open(path).unwrap())).unwrap()
}

#[test]
fn a_card_is_laid_out_read_and_erased() {
    let folder = tempfile::tempdir().unwrap();
    let card = folder.path().join("card.img");
    blank(&card);
    let (status, text) = xmap(&card, &["list"]);
    assert_eq!(status, Some(1));
    assert!(text.starts_with("error[X1701]: CARD: no store in it"), "{text}");
    assert_eq!(xmap(&card, &["erase"]), (Some(0), "CARD: an empty store\n".into()));

    let mut store = open(&card);
    let hash: [u8; 32] = std::array::from_fn(|n| n as u8);
    store.write(Place::image(0), &[&hash[..], b"uart"].concat(), &[7; 600]).unwrap();
    store.write(Place::image(0), &[&hash[..], b"usb"].concat(), b"the image").unwrap();
    store.write(Place::state(3), &5u32.to_le_bytes(), &[]).unwrap();
    store.write(Place::VERSIONS, &[], b"\x04hall\x07\0\0\0").unwrap();
    store.write(Place::STARTS, &[], &[&hash[..], &[3]].concat()).unwrap();
    drop(store);
    let expected = "record    sequence     bytes  what
versions         4         9
image:0          2         9  00010203 from usb
image:0          1       600  00010203 from uart
state:3          3         0  layout 00000005
starts           5        33
0 damaged records; 15 sectors written so far
";
    let expected = expected.replace("00010203", "0001020304050607");
    assert_eq!(xmap(&card, &["list"]), (Some(0), expected));
    let (status, text) = xmap(&card, &["show", "versions"]);
    assert!(status == Some(0) && text.ends_with("highest   hall, version 7\n"), "{text}");

    let (status, text) = xmap(&card, &["show", "starts"]);
    assert!(status == Some(0) && text.ends_with("unclean   0001020304050607, 3 starts\n"), "{text}");

    let out = folder.path().join("out");
    let to = out.to_str().unwrap();
    assert_eq!(xmap(&card, &["export", "image:0", "-o", to]).0, Some(0));
    assert_eq!(std::fs::read(&out).unwrap(), b"the image");
    assert_eq!(xmap(&card, &["export", "image:0", "--before", "1", "-o", to]).0, Some(0));
    assert_eq!(std::fs::read(&out).unwrap(), [7; 600]);
    let (status, text) = xmap(&card, &["export", "image:0", "--before", "2", "-o", to]);
    assert_eq!(status, Some(1));
    assert!(text.starts_with("error[X1702]: CARD: no such record: it has 2 records of image:0"), "{text}");
    let (status, text) = xmap(&card, &["show", "image:4"]);
    assert!(status == Some(2) && text.contains("expected image:N or state:N with N from 0 to 3"), "{text}");

    // The body of the newest image is damaged: the one before it stays.
    let at = u64::from(FIRST + Ring::of(Place::image(0)).unwrap().sector(1) + 1) * SECTOR as u64;
    let mut file = OpenOptions::new().write(true).open(&card).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(b"X").unwrap();
    drop(file);
    let (status, text) = xmap(&card, &["export", "image:0", "-o", to]);
    assert_eq!(status, Some(1));
    assert!(text.starts_with("error[X1703]: CARD: the record is damaged"), "{text}");
    assert_eq!(std::fs::read(&out).unwrap(), [7; 600], "nothing was written over");

    assert_eq!(xmap(&card, &["erase", "image:0"]), (Some(0), "CARD: no image:0 any more\n".into()));
    let store = open(&card);
    assert_eq!(store.records(Place::image(0)).count(), 0);
    assert_eq!(store.records(Place::state(3)).count(), 1);
}

#[test]
fn what_is_no_card_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("empty", 0), ("short", 100), ("zeros", 4096)] {
        let path = folder.path().join(name);
        std::fs::write(&path, vec![0; bytes]).unwrap();
        for verb in ["list", "erase"] {
            let (status, text) = xmap(&path, &[verb]);
            assert_eq!(status, Some(1), "{name}");
            assert!(text.starts_with("error[X1701]: CARD: no store in it"), "{text}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), vec![0; bytes], "nothing was written");
    }
    let (status, text) = xmap(folder.path(), &["list"]);
    assert!(status == Some(1) && text.starts_with("error[X0102]"), "{text}");
    let (status, text) = xmap(&folder.path().join("missing"), &["list"]);
    assert!(status == Some(1) && text.starts_with("error[X0101]"), "{text}");
}
