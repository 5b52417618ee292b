//! What a board was given outlives the power: the emulator is killed, and started again with the same card.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use xmap_bodies::card::Random;
use xmap_client::{Client, Outcome};
use xmap_compiler::compile::compile;
use xmap_compiler::input;
use xmap_compiler::manifest::Manifest;
use xmap_image::OwnedImage;
use xmap_link::Export;
use xmap_store::{AREA_SECTORS, PARTITION_TYPE, area_sector};

use xmap_tools::emulator::Machine;

use crate::board::{Board, boot_with, flashed, greet, patient, power_up, until, written};

/// Where the partition begins.
const FIRST: u32 = 8192;
pub(crate) const LAMP: u8 = 17;

/// A card with an empty store.
fn card() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.img");
    let mut table = [0; 512];
    table[446 + 4] = PARTITION_TYPE;
    table[454..458].copy_from_slice(&FIRST.to_le_bytes());
    table[458..462].copy_from_slice(&AREA_SECTORS.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut file = File::create(&path).unwrap();
    file.write_all(&table).unwrap();
    for at in [0, 128] {
        file.seek(SeekFrom::Start(u64::from(FIRST + at) * 512)).unwrap();
        file.write_all(&area_sector()).unwrap();
    }
    file.set_len(256 << 20).unwrap();
    (folder, path)
}

/// A lamp, presses that are kept, and a version. A host says what is good.
pub(crate) fn image(version: u32) -> OwnedImage {
    keeps(version, "")
}

/// The same with this behind what is kept.
fn keeps(version: u32, keep: &str) -> OwnedImage {
    let wat = format!(
        r#"(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (global $presses (mut i32) (i32.const 0))
  (func (export "lamp_on") (call $set (i32.const 17) (i32.const 1)))
  (func (export "press") (global.set $presses (i32.add (global.get $presses) (i32.const 1))))
  (func (export "presses") (result i32) (global.get $presses))
  (func (export "version") (result i32) (i32.const {version})))"#
    );
    let toml = format!(
        "[module]\nname = 'hall'\nboard = 'rpi4b'\nwasm = 'hall.wat'\nversion = {version}\n[pins]\n17 = {{ name = 'lamp', \
         mode = 'out', safe = 'low' }}\n[exports]\nlamp_on = {{}}\npress = {{}}\npresses = {{}}\nversion = {{}}\n[keep]\n\
         globals = ['presses']\n{keep}\n[policy]\nconfirm = 'host'\nconfirm_ms = 600000\n"
    );
    built(&wat, &toml)
}

fn built(wat: &str, toml: &str) -> OwnedImage {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hall.wat"), wat).unwrap();
    std::fs::write(folder.path().join("panel.toml"), toml).unwrap();
    let manifest = Manifest::read(&folder.path().join("panel.toml")).unwrap();
    let module = input::read_module(&manifest.wasm_path()).unwrap();
    OwnedImage::new(compile(&manifest, &module).unwrap_or_else(|errors| panic!("{errors}")).words).unwrap()
}

pub(crate) fn call(client: &mut Client, name: &str) -> u64 {
    match client.call(&Export::name(name).unwrap(), &[]).unwrap() {
        Outcome::Returned(results) => results.first().copied().unwrap_or(0),
        Outcome::Trapped(trap) => panic!("{name}: {trap:?}"),
    }
}

fn swap(client: &mut Client, image: &OwnedImage) {
    client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap_or_else(|state| panic!("{state:?}"));
}

/// Starts the board with the card; it was flashed with version 1.
fn start(card: &Path, arguments: &str) -> Board {
    boot_with(Some(image(1).image().bytes()), arguments, card)
}

#[test]
fn what_was_confirmed_runs_after_a_loss_of_power_and_a_trial_goes_back() {
    let (_folder, card) = card();
    let mut board = start(&card, "");
    let client = &mut board.client;
    assert!(client.kept().unwrap().unwrap().storage);
    call(client, "lamp_on");
    call(client, "press");
    swap(client, &image(2));
    client.confirm(0).unwrap();
    assert_ne!(client.levels().unwrap()[0] & 1 << LAMP, 0, "the lamp stayed on");
    let kept = client.kept().unwrap().unwrap();
    assert_eq!((kept.missing, kept.pending, kept.fault), (0, false, None));
    drop(board);

    let mut board = start(&card, "");
    assert_eq!(call(&mut board.client, "version"), 2);
    swap(&mut board.client, &image(3));
    assert_eq!(call(&mut board.client, "version"), 3);
    drop(board);
    let mut board = start(&card, "");
    assert_eq!(call(&mut board.client, "version"), 2, "the trial went back");
    drop(board);
    let mut board = start(&card, "xmap.store=0");
    assert_eq!(call(&mut board.client, "version"), 1, "without the store the card's own panel runs");
    assert!(!board.client.kept().unwrap().is_some_and(|kept| kept.storage));
}

/// Restarts in order: the emulator ends with it, once what has changed was written.
fn restart(mut board: Board) {
    board.client.reset(None).unwrap();
    until("the restart", || board.client.status().is_err());
}

/// Version 2 keeps its state over swaps alone, 3 over a restart again, at an interval of its own.
#[test]
fn a_restart_brings_the_state_of_a_version_that_says_so() {
    let (_folder, card) = card();
    let mut board = start(&card, "");
    for _ in 0..3 {
        call(&mut board.client, "press");
    }
    restart(board);
    let mut board = start(&card, "");
    assert_eq!(call(&mut board.client, "presses"), 3, "version 1 says nothing");
    swap(&mut board.client, &keeps(2, "restart = false"));
    board.client.confirm(0).unwrap();
    call(&mut board.client, "press");
    assert_eq!(call(&mut board.client, "presses"), 4, "a swap carries it over");
    restart(board);

    let mut board = start(&card, "");
    assert_eq!(["version", "presses"].map(|name| call(&mut board.client, name)), [2, 0]);
    call(&mut board.client, "press");
    swap(&mut board.client, &keeps(3, "every = '60s'"));
    board.client.confirm(0).unwrap();
    call(&mut board.client, "press");
    restart(board);
    let mut board = start(&card, "");
    assert_eq!(["version", "presses"].map(|name| call(&mut board.client, name)), [3, 2]);
}

/// Returns when a module's first op ran, in microseconds since the reset: each instruction takes one
/// nanosecond. The panel has notes of it; on the card is a later version of it, if any.
fn first_op_us(panel: &OwnedImage, arguments: &str, card: &Path) -> u64 {
    let file = written(panel.image().bytes());
    let (panel, card) = (Some(file.path()), Some(card));
    let machine = Machine { panel, arguments, card, counting: true, ..Machine::new(flashed()) };
    call(&mut greet(&machine, &patient()).client, "began")
}

/// A module that keeps a number, and says when its first op ran, with so many bytes of data.
fn late(version: u32, bytes: usize) -> OwnedImage {
    let mut random = Random::new(7);
    let data: String = (0..bytes).map(|_| format!("\\{:02x}", random.below(256))).collect();
    let wat = format!(
        r#"(module
      (import "time" "now_us" (func $now (result i64)))
      (memory 64)
      (data (i32.const 0) "{data}")
      (global $began (mut i64) (i64.const 0))
      (global $kept (mut i64) (i64.const 7))
      (func (export "on_mount") (result i32)
        (global.set $began (call $now))
        (global.set $kept (i64.add (global.get $kept) (i64.const 1)))
        (i32.const 0))
      (func (export "began") (result i64) (global.get $began)))"#
    );
    let toml = format!(
        "[module]\nname = 'hall'\nboard = 'rpi4b'\nwasm = 'hall.wat'\nversion = {version}\n\
         [exports]\nbegan = {{}}\non_mount = {{}}\n[keep]\nglobals = ['kept']\n[policy]\nconfirm = 'host'\n"
    );
    built(&wat, &toml)
}

/// With an empty store, and with an image in it: of some hundred bytes, of the budget, and of 100 KB.
#[test]
fn a_store_delays_the_first_op_by_30_ms_at_most() {
    for bytes in [0, 12_000, 100_000] {
        let (_folder, card) = card();
        let without = first_op_us(&late(1, bytes), "xmap.store=0", &card);
        let empty = first_op_us(&late(1, bytes), "", &card);
        let mut board = boot_with(Some(late(1, bytes).image().bytes()), "", &card);
        swap(&mut board.client, &late(2, bytes));
        board.client.confirm(0).unwrap();
        restart(board);
        let full = first_op_us(&late(1, bytes), "", &card);
        println!(
            "{bytes} bytes: {without} us without a store, {empty} us with an empty one, {full} us with it"
        );
        assert!(empty < without + 30_000 && full < without + 30_000, "{without}, {empty}, {full}");
    }
}

/// Returns how often the next test kills the emulator: `XMAP_KILLS`, or a few times.
fn kills() -> u64 {
    std::env::var("XMAP_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(9)
}

/// Kills the emulator while something is done with it. Returns whether that was done before.
fn killed(board: Board, after_us: u64, work: impl FnOnce(&mut Client) -> bool + Send + 'static) -> bool {
    let Board { mut client, emulator } = board;
    let work = thread::spawn(move || work(&mut client));
    thread::sleep(Duration::from_micros(after_us));
    drop(emulator);
    work.join().unwrap()
}

#[test]
fn killed_at_any_moment_the_old_or_the_new_image_runs() {
    let (_folder, card) = card();
    let mut random = Random::new(kills());
    let mut good = 1;
    // The one that was confirmed, and nobody heard whether it was kept.
    let mut perhaps = None;
    for round in 0..kills() {
        if random.below(3) == 0 {
            // While it starts, and mends what the cut before has left.
            let emulator = power_up(image(1).image().bytes(), &card);
            thread::sleep(Duration::from_micros(random.below(1_000_000)));
            drop(emulator);
            continue;
        }
        let mut board = start(&card, "");
        let runs = call(&mut board.client, "version");
        assert!(runs == good || perhaps == Some(runs), "round {round}: {runs} after {good}, {perhaps:?}");
        (good, perhaps) = (runs, None);
        call(&mut board.client, "lamp_on");
        let next = image(good as u32 + 1);
        if random.below(2) == 0 {
            let swaps = move |client: &mut Client| client.swap(0, &next.image(), &mut |_| {}).is_ok();
            killed(board, random.below(200_000), swaps);
            continue;
        }
        swap(&mut board.client, &next);
        assert_ne!(board.client.levels().unwrap()[0] & 1 << LAMP, 0, "round {round}: the lamp stayed on");
        if killed(board, random.below(20_000), |client| client.confirm(0).is_ok()) {
            good += 1;
        } else {
            perhaps = Some(good + 1);
        }
    }
    let mut board = start(&card, "");
    let runs = call(&mut board.client, "version");
    assert!(runs == good || perhaps == Some(runs), "{runs} after {good}, {perhaps:?}");
}
