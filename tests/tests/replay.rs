//! What a flight recorder noted of a panel's run, the simulator plays again: the same stores, the same
//! state.

use std::fs;

use xmap_compiler::compile::compile;
use xmap_device::{Device, FlightRecorder, SlotMemory};
use xmap_image::OwnedImage;
use xmap_sim::{Difference, Heap, Recording, Replay, Script, Sim, SimBoard, run};
use xmap_tests::buses::BusPanel;
use xmap_tests::{Panel, simulated};

/// Bytes of a recording for each value that the device read, at most, over all panels together.
const BYTES_A_VALUE: f64 = 2.0;

/// A panel's name, words and script.
struct Played {
    name: String,
    words: Vec<u32>,
    script: String,
}

fn played(panel: &Panel) -> Played {
    let manifest = simulated::manifest(panel);
    let words = compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}: {e}", panel.name)).words;
    Played { name: panel.name.clone(), words, script: fs::read_to_string(panel.script_path()).unwrap() }
}

/// The panels of the matrix, and those with devices on buses.
fn every() -> Vec<Played> {
    let panels = [Panel::all(), Panel::hosted(), Panel::lives()].into_iter().flat_map(Result::unwrap);
    let mut all: Vec<Played> = panels.map(|panel| played(&panel)).collect();
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/buses")).unwrap();
    for folder in folders.map(|folder| folder.unwrap().path()).filter(|path| path.join("script.txt").exists())
    {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let BusPanel { words, script, .. } = BusPanel::open(&name);
        all.push(Played { name, words, script });
    }
    all
}

/// Plays a panel's script with a recorder, and returns what it noted with the image.
fn recorded(panel: &Played) -> (Recording, OwnedImage) {
    let (recording, image) = recorded_within(panel, 64 << 20);
    assert!(!recording.ended, "{}: {} bytes", panel.name, recording.noted.len());
    (recording, image)
}

/// Plays a panel's script with a recorder that has so many bytes.
fn recorded_within(panel: &Played, bytes: usize) -> (Recording, OwnedImage) {
    let image = || OwnedImage::new(panel.words.clone()).unwrap();
    let mut sim = Sim::recorded_within(image(), bytes).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    let script = Script::parse(&panel.script, &sim.image()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    run(&mut sim, &script, &mut |_| ()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    (sim.recording().unwrap(), image())
}

#[test]
fn every_panels_run_plays_again() {
    let (mut bytes, mut inputs) = (0, 0);
    for panel in every() {
        let (recording, image) = recorded(&panel);
        // Through the file.
        let recording = Recording::from_bytes(&recording.to_bytes()).unwrap();
        let images = [image];
        let mut replay = Replay::new(&recording, &images).unwrap();
        let played = replay.run(u64::MAX);
        let at = replay.played();
        let played = played.unwrap_or_else(|e| panic!("{}: {e} at {at:?}", panel.name));
        println!(
            "{:20} {:6} bytes, {} operations, {} values, {}/{} stores, {} checks",
            panel.name,
            recording.noted.len(),
            played.operations,
            played.inputs,
            played.compared,
            recording.stores.len(),
            played.checks
        );
        assert_eq!(played.compared as usize, recording.stores.len(), "{}", panel.name);
        assert_eq!(played.stores, played.compared, "{}", panel.name);
        assert!(played.operations > 2, "{}", panel.name);
        bytes += recording.noted.len() as u64;
        inputs += played.inputs + played.operations;
    }
    println!("{bytes} bytes, {inputs} inputs: {:.2} bytes each", bytes as f64 / inputs as f64);
    assert!(bytes as f64 <= BYTES_A_VALUE * inputs as f64, "{bytes} bytes for {inputs} inputs");
}

/// A recorder that has no room for all of it has the last part, which begins with a snapshot; and where one
/// comes later the device that plays it is as the snapshot says.
#[test]
fn the_last_part_plays_alone() {
    let (mut whole, mut parts, mut small) = (0, 0, 0);
    for panel in every() {
        let all = recorded(&panel).0;
        let end = {
            let images = [OwnedImage::new(panel.words.clone()).unwrap()];
            Replay::new(&all, &images).unwrap().run(u64::MAX).unwrap()
        };
        for share in [1, 2, 3, 5, 8, 13, 21] {
            let (recording, image) = recorded_within(&panel, (2 * all.noted.len() / share).max(64));
            let images = [image];
            let mut replay = Replay::new(&recording, &images).unwrap();
            let played = replay.run(u64::MAX);
            let at = replay.played();
            let played = played.unwrap_or_else(|e| panic!("{} 1/{share}: {e} at {at:?}", panel.name));
            assert!(recording.noted.len() <= 2 * all.noted.len() / share.min(1), "{}", panel.name);
            if recording.ended {
                // A snapshot of this module had no room.
                small += 1;
                continue;
            }
            assert_eq!((played.time_us, played.compared), (end.time_us, played.stores), "{}", panel.name);
            if played.from_us == 0 {
                whole += 1;
                assert_eq!(played.operations, end.operations, "{}", panel.name);
            } else {
                parts += 1;
                println!("{} 1/{share}: {} of {}", panel.name, recording.noted.len(), all.noted.len());
                assert!(played.operations < end.operations, "{}", panel.name);
            }
        }
    }
    println!("{whole} whole, {parts} parts, {small} without room for a snapshot");
    assert!(parts >= 30 && whole > 0 && small > 0, "{whole} whole, {parts} parts, {small} without room");
}

#[test]
fn what_differs_is_found_where_it_differs() {
    let panel = Panel::all().unwrap().into_iter().find(|panel| panel.name == "lamp").unwrap();
    let (recording, image) = recorded(&played(&panel));
    let images = [image];

    // Another store, as a fault of the hardware's recorder or of the mapper would be.
    let mut other = recording.clone();
    let middle = other.stores.len() / 2;
    other.stores[middle].value ^= 1 << 18;
    let found = Replay::new(&other, &images).unwrap().run(u64::MAX).unwrap_err();
    assert!(matches!(found, Difference::Store(of) if of.number as usize == middle), "{found}");

    // No image, and another one.
    let missing = Replay::new(&recording, &[]).unwrap().run(u64::MAX).unwrap_err();
    assert!(matches!(missing, Difference::NoImage(hash) if hash == images[0].image().hash()), "{missing}");

    // Any byte that was changed is found or makes no difference, and nothing panics.
    for at in 2..recording.noted.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = recording.clone();
            changed.noted[at] ^= bit;
            _ = Replay::new(&changed, &images).map(|mut replay| replay.run(u64::MAX));
        }
        let mut cut = recording.clone();
        cut.noted.truncate(at);
        _ = Replay::new(&cut, &images).map(|mut replay| replay.run(u64::MAX));
    }
}

/// Whatever the device does when a check of its state is due, the check is there, and holds.
#[test]
fn no_check_is_left_out() {
    let panel = played(&Panel::all().unwrap().into_iter().find(|panel| panel.name == "lamp").unwrap());
    let images = [OwnedImage::new(panel.words).unwrap()];
    let image = images[0].image();
    let room = || SlotMemory::<Heap> {
        words: vec![0; image.words().len()],
        stack: vec![0; image.stack_slots()],
        globals: vec![0; image.slots()],
        memory: vec![0; image.header().memory_bytes as usize],
    };
    for before in 0..256 {
        let board = FlightRecorder::new(SimBoard::of(image.board()), vec![0; 1 << 16]);
        let mut device = Device::new(board, std::array::from_fn(|_| [room(), room()]));
        device.install(0, image.bytes()).unwrap();
        (0..before).for_each(|_| device.heard());
        // The image before the one that runs is forgotten when the second transfer begins.
        for token in [1, 2] {
            device.begin(0, image.bytes().len() as u32, image.hash(), token).unwrap();
            for (at, part) in image.bytes().chunks(448).enumerate() {
                device.chunk(token, at as u32 * 448, part).unwrap();
            }
            device.commit(token).unwrap().unwrap();
            device.confirm(0).unwrap();
        }
        device.rollback(0).unwrap().unwrap();
        (0..500).for_each(|_| device.heard());
        let recording = Recording::of(device.board().recording(), false).unwrap();
        let mut replay = Replay::new(&recording, &images).unwrap();
        let played = replay.run(u64::MAX).unwrap_or_else(|error| panic!("{before}: {error}"));
        // One behind the first operation that ends 256 bytes or more after the last one; none has 40.
        let bytes = recording.noted.len() as u64;
        assert!((bytes / 305..=bytes / 265).contains(&played.checks), "{before}: {bytes}, {played:?}");
    }
}
