//! A running board and its host.

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use xmap_client::{Client, Options, PortName};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Word;
use xmap_link::Retry;
use xmap_tests::Panel;
use xmap_tools::emulator::{Emulator, Machine};
use xmap_tools::firmware::{self, Built, Owner};

/// The word of the command line that gives inputs and clock to the host.
pub(crate) const REHEARSE: &str = "xmap.rehearse=1";

/// How long anything may take on a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Returns how a board is asked: nothing is lost on the wire, so what is late is only late, and is not asked
/// for again.
pub(crate) fn patient() -> Options {
    Options { retry: Retry { timeout_us: 20_000_000, attempts: 6 }, ..Options::default() }
}

/// Waits until something holds: the board's time goes on with the host's, but the board itself may be late.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A board in the emulator that has been greeted. The emulator ends with it.
pub(crate) struct Board {
    pub(crate) client: Client,
    pub(crate) emulator: Emulator,
}

/// Returns what `cargo xtask image` lays out, built once.
pub(crate) fn flashed() -> &'static Built {
    static FLASHED: OnceLock<Built> = OnceLock::new();
    FLASHED.get_or_init(|| {
        firmware::boot_folder(None, Owner::Nobody, None).unwrap_or_else(|error| panic!("{error:#}")).0
    })
}

/// Boots with these bytes as `panel.xmap`, or without one, and this command line.
pub(crate) fn boot(image: Option<&[u8]>, arguments: &str) -> Board {
    start(image, arguments, None, &[])
}

/// [`boot`] with an SD card in the slot.
pub(crate) fn boot_with(image: Option<&[u8]>, arguments: &str, card: &Path) -> Board {
    start(image, arguments, Some(card), &[])
}

/// [`boot`] with an image and chips on the board's buses.
pub(crate) fn boot_with_chips(image: &[Word], chips: &[&str]) -> Board {
    start(Some(&bytes(image)), "", None, chips)
}

/// Switches a board on with these bytes as `panel.xmap` and this card, and greets nobody.
pub(crate) fn power_up(image: &[u8], card: &Path) -> Emulator {
    let file = written(image);
    let machine = Machine { panel: Some(file.path()), card: Some(card), ..Machine::new(flashed()) };
    machine.start().unwrap_or_else(|error| panic!("{error:#}"))
}

pub(crate) fn written(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn start(image: Option<&[u8]>, arguments: &str, card: Option<&Path>, chips: &[&str]) -> Board {
    let file = image.map(written);
    let panel = file.as_ref().map(NamedTempFile::path);
    let machine = Machine { panel, arguments, card, chips, ..Machine::new(flashed()) };
    greet(&machine, &patient())
}

/// Boots a machine and greets it.
pub(crate) fn greet(machine: &Machine<'_>, options: &Options) -> Board {
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = emulator.listen().unwrap();
    let name = PortName::Tcp { host: "127.0.0.1".into(), port };
    let client = Client::connect(&name, options).unwrap_or_else(|error| panic!("{error}"));
    Board { client, emulator }
}

/// The image of one of `tests/panels`, compiled now.
pub(crate) fn compiled(panel: &Panel) -> Vec<Word> {
    let manifest = Manifest::read(&panel.manifest_path()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}:\n{e}", panel.name)).words
}

/// An image as a file has it.
pub(crate) fn bytes(words: &[Word]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
