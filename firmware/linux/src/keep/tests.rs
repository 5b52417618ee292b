//! The keeper on a disk that fails and loses power: what was acknowledged is there afterwards.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use clap::Parser as _;
use tempfile::TempDir;
use xmap_compiler::manifest::Manifest;
use xmap_device::Memory as _;

use super::fake::{Fake, Fate as Left};
use super::*;
use crate::config::{Arguments, Config};
use crate::device::{LinuxDevice, open};
use crate::guard::{Watch, Watchdog};
use xmap_device::{BURST, REFILL_US};

/// What disks answer: EINTR, EIO, ENOSPC, EROFS.
const ERRNOS: [i32; 4] = [4, 5, 28, 30];

/// A disk that several keepers have one after the other. What the one before still writes when the power is
/// gone goes nowhere.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<(Fake, u32)>>);

struct Powered {
    disk: Shared,
    power: u32,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Fake, u32)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plug(&self) -> Powered {
        Powered { disk: self.clone(), power: self.lock().1 }
    }

    fn cut(&self, left: Left) {
        let mut disk = self.lock();
        disk.0.cut(left);
        disk.1 += 1;
    }
}

impl Powered {
    fn with<T>(&self, f: impl FnOnce(&mut Fake) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.disk.lock();
        if disk.1 == self.power { f(&mut disk.0) } else { Err(io::Error::other("no power")) }
    }
}

impl Disk for Powered {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.with(|disk| disk.read(name))
    }

    fn write(&mut self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.with(|disk| disk.write(name, parts))
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.with(|disk| disk.sync(name))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.with(|disk| disk.rename(from, to))
    }

    fn remove(&mut self, name: &str) -> io::Result<bool> {
        self.with(|disk| disk.remove(name))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.with(Fake::sync_folder)
    }
}

const VERSIONS: u32 = 24;

/// Images of the module `hall`, by their version.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (0..=VERSIONS).map(image).collect());

fn image(version: u32) -> Vec<u8> {
    named("hall", version, "")
}

/// An image of a module with this name, and with this behind what it keeps.
fn named(name: &str, version: u32, keep: &str) -> Vec<u8> {
    let manifest = format!(
        "module = {{ name = \"{name}\", namespace = \"{name}\", board = \"rpi4b\", wasm = \"x.wasm\", \
         version = {version} }}\n[exports]\nadd = {{}}\n[keep]\nglobals = [\"count\"]\n{keep}\n\
         [policy]\nconfirm_ms = 0\n"
    );
    let wat = r#"(module (global $count (mut i32) (i32.const 0)) (export "count" (global $count))
        (func (export "add") (global.set $count (i32.add (global.get $count) (i32.const 1)))))"#;
    let manifest = Manifest::parse("panel.toml", &manifest).unwrap();
    let compiled = xmap_compiler::compile::compile(&manifest, &wat::parse_str(wat).unwrap()).unwrap();
    compiled.words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A device on registers of a file.
struct Board {
    _folder: TempDir,
    guard: Watchdog,
    device: Box<LinuxDevice>,
}

impl Board {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("xmapd.toml");
        fs::write(&config, "realtime_priority = 0\n").unwrap();
        let registers = folder.path().join("registers");
        let flags = ["xmapd".as_ref(), "--config".as_ref(), config.as_os_str()];
        let flags = flags.into_iter().chain(["--registers".as_ref(), registers.as_os_str()]);
        let config = Config::load(&Arguments::parse_from(flags)).unwrap();
        let guard = Watchdog::new();
        let (device, _) = open(&config, None, &guard, Watch::default()).unwrap();
        Self { _folder: folder, guard, device }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.guard.end();
    }
}

/// A device and its keeper, between two restarts.
struct Bench<'d> {
    device: &'d mut LinuxDevice,
    keeper: Keeper,
    kept: Kept,
    now_us: u64,
}

impl<'d> Bench<'d> {
    fn start(board: &'d mut Board, disk: &Shared) -> Self {
        Self::configured(board, disk, 1)
    }

    /// A start where states are written every so many seconds.
    fn configured(board: &'d mut Board, disk: &Shared, keep_every_s: u32) -> Self {
        let device = &mut *board.device;
        let (mut keeper, kept) = Keeper::with(disk.plug(), keep_every_s, |_| ()).unwrap();
        match kept.images[0].iter().flatten().next() {
            Some(image) => device.install_from(0, &image.bytes, &image.origin).unwrap(),
            None => device.install_from(0, &IMAGES[0], "file").unwrap(),
        }
        keeper.mounted(device, &kept, 0);
        Self { device, keeper, kept, now_us: 1 }
    }

    fn version(&self) -> u32 {
        self.device.image(0).unwrap().header().version
    }

    /// Swaps, as a host does; gives the number of the change.
    fn swap(&mut self, version: u32) -> u64 {
        self.device.install_from(0, &IMAGES[version as usize], "unix").unwrap();
        self.keeper.memory().remember("hall", version).unwrap();
        self.ask(IMAGE)
    }

    fn ask(&mut self, things: u16) -> u64 {
        self.keeper.hurry(things);
        self.keeper.look(self.device, self.now_us);
        self.keeper.items().latest
    }

    /// Turns the loop until a fate is known.
    fn fate(&mut self, things: u16, upto: u64) -> Fate {
        let start = Instant::now();
        loop {
            self.turn();
            match self.keeper.items().fate(things, upto) {
                Fate::Pending => assert!(start.elapsed() < Duration::from_secs(60), "it never ends"),
                fate => return fate,
            }
            thread::yield_now();
        }
    }

    fn turn(&mut self) {
        self.keeper.look(self.device, self.now_us);
        self.keeper.settle(self.now_us);
        self.keeper.tell(self.device, self.now_us);
    }

    fn highest(&self) -> u32 {
        self.keeper.memory().highest("hall")
    }
}

/// Runs a test where there is room for a device on the stack, on its way to the heap.
fn deep(test: fn()) {
    let thread = thread::Builder::new().stack_size(64 << 20).spawn(test).unwrap();
    thread.join().unwrap();
}

const IMAGE: u16 = Thing::Image.bit(0) | Thing::Versions.bit(0);
const POLICY: u16 = Thing::Policy.bit(0);

/// Small numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Swaps and policies over a disk that fails in every way at any call, and power cuts at any moment: nothing
/// that was acknowledged is lost, in 2,000 runs, and no version is on the disk whose image is not.
#[test]
fn what_was_acknowledged_is_there_after_any_fault_and_any_cut() {
    deep(what_was_acknowledged_is_there_after_any_fault_and_any_cut_in_a_thread);
}

fn what_was_acknowledged_is_there_after_any_fault_and_any_cut_in_a_thread() {
    let mut board = Board::new();
    let (mut acknowledged, mut refused, mut cut_in_flight) = (0, 0, 0);
    let lefts: Vec<_> = Left::all().collect();
    for run in 0..2000 {
        let mut dice = Dice(run * 7919 + 1);
        let disk = Shared::default();
        let (mut image, mut policy) = (0, 0u8);
        let mut next = 0;
        for _life in 0..1 + dice.below(3) {
            let mut bench = Bench::start(&mut board, &disk);
            let mut found = bench.version();
            assert!(found >= image, "run {run}: {image} was acknowledged, {found} came up");
            assert!(bench.highest() <= found, "run {run}: a version without its image");
            let last_policy = bench.keeper.memory().policy().first().copied().unwrap_or(0);
            assert!(
                last_policy >= policy,
                "run {run}: policy {policy} was acknowledged, {last_policy} is there"
            );
            for _ in 0..1 + dice.below(4) {
                bench.now_us += dice.below(20_000_000);
                if dice.below(2) == 0 {
                    let errno = ERRNOS[dice.below(4) as usize];
                    disk.lock().0.fail_with(errno, dice.below(6) as usize);
                } else if dice.below(3) != 0 {
                    disk.lock().0.mend();
                }
                let (things, upto) = if dice.below(3) == 0 {
                    bench.keeper.memory().keep_policy(&[policy + 1]).unwrap();
                    (POLICY, bench.ask(POLICY))
                } else {
                    next = (next + 1 + dice.below(2) as u32).min(VERSIONS);
                    found = found.max(next);
                    (IMAGE, bench.swap(found))
                };
                if dice.below(5) == 0 {
                    // The power goes while the thread writes, or before it began.
                    (0..dice.below(3)).for_each(|_| bench.turn());
                    cut_in_flight += 1;
                    break;
                }
                match bench.fate(things, upto) {
                    Fate::Kept if things == POLICY => (policy, acknowledged) = (policy + 1, acknowledged + 1),
                    Fate::Kept => (image, acknowledged) = (found, acknowledged + 1),
                    _ => {
                        refused += 1;
                        assert_ne!(bench.device.keep_status().missing & things, 0, "and the status says so");
                        assert!(bench.device.keep_status().fault.is_some());
                    }
                }
            }
            disk.cut(lefts[dice.below(lefts.len() as u64) as usize]);
        }
        let bench = Bench::start(&mut board, &disk);
        assert!(bench.version() >= image && bench.highest() <= bench.version(), "run {run}");
        assert!(bench.keeper.memory().policy().first().copied().unwrap_or(0) >= policy, "run {run}");
    }
    assert!(
        acknowledged > 2000 && refused > 1000 && cut_in_flight > 500,
        "{acknowledged} {refused} {cut_in_flight}"
    );
}

/// A write fails; the disk is well again; the next swap comes before the pause is over, or the same one
/// again.
#[test]
fn a_swap_soon_after_one_that_was_not_kept_is_kept_before_it_is_answered() {
    deep(a_swap_soon_after_one_that_was_not_kept_is_kept_before_it_is_answered_in_a_thread);
}

fn a_swap_soon_after_one_that_was_not_kept_is_kept_before_it_is_answered_in_a_thread() {
    let mut board = Board::new();
    for errno in ERRNOS {
        for call in 0..pair::STEPS {
            for again in [2, 3] {
                let disk = Shared::default();
                let mut bench = Bench::start(&mut board, &disk);
                disk.lock().0.fail_with(errno, call);
                let upto = bench.swap(2);
                assert_eq!(bench.fate(IMAGE, upto), Fate::Failed, "errno {errno} at call {call}");
                let status = bench.device.keep_status();
                assert_eq!(status.fault, Some(KeepFault::System { errno: errno as u16 }));
                disk.lock().0.mend();
                bench.now_us += 1_000_000;
                let upto = bench.swap(again);
                assert_eq!(bench.fate(IMAGE, upto), Fate::Kept);
                bench.turn();
                let status = bench.device.keep_status();
                assert_eq!((status.missing, status.fault, status.pending), (0, None, false));
                disk.cut(Left::all().next().unwrap());
                assert_eq!(Bench::start(&mut board, &disk).version(), again);
            }
        }
    }
}

/// An operator swaps without end; the owner's policy is on the disk all the same, and first.
#[test]
fn no_number_of_swaps_keeps_a_policy_off_the_disk() {
    deep(no_number_of_swaps_keeps_a_policy_off_the_disk_in_a_thread);
}

fn no_number_of_swaps_keeps_a_policy_off_the_disk_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    let mut unkept = 0;
    for n in 0..3 * BURST {
        // Back and forth, so that the version is not a new one: what an operator can do without the owner.
        bench.device.install_from(0, &IMAGES[1 + n as usize % 2], "unix").unwrap();
        let upto = bench.ask(IMAGE);
        unkept += u32::from(bench.fate(IMAGE, upto) == Fate::Failed);
        bench.now_us += 100_000;
    }
    assert!(unkept >= 2 * BURST - 2, "{unkept}: each of them is told");
    assert_eq!(bench.device.keep_status().fault, Some(KeepFault::Budget));
    bench.keeper.memory().keep_policy(&[9]).unwrap();
    let upto = bench.ask(POLICY);
    assert_eq!(bench.fate(POLICY, upto), Fate::Kept);
    disk.cut(Left::all().next().unwrap());
    let bench = Bench::start(&mut board, &disk);
    assert_eq!(bench.keeper.memory().policy(), [9]);
}

#[test]
fn what_waited_for_the_budget_is_written_when_there_is_some() {
    deep(what_waited_for_the_budget_is_written_when_there_is_some_in_a_thread);
}

fn what_waited_for_the_budget_is_written_when_there_is_some_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    for n in 0..=BURST {
        bench.device.install_from(0, &IMAGES[1 + n as usize % 2], "unix").unwrap();
        let upto = bench.ask(IMAGE);
        bench.fate(IMAGE, upto);
    }
    assert_ne!(bench.device.keep_status().missing, 0);
    bench.now_us += REFILL_US;
    let upto = bench.keeper.items().latest;
    bench.turn();
    assert_eq!(bench.fate(IMAGE, upto), Fate::Kept);
    let events = bench.device.happened(0);
    let whats: Vec<_> = events.entries.iter().map(|event| event.what).collect();
    assert!(whats.len() <= events.entries.capacity());
    bench.turn();
    assert_eq!(bench.device.keep_status().missing, 0);
}

#[test]
fn state_that_changed_is_written_once_and_what_did_not_is_not() {
    deep(state_that_changed_is_written_once_and_what_did_not_is_not_in_a_thread);
}

fn state_that_changed_is_written_once_and_what_did_not_is_not_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    let add = bench.device.find("add").unwrap();
    let second = 1_000_000;
    for n in 0..4 {
        if n == 2 {
            bench.device.call(add, &[], &mut []).unwrap();
        }
        bench.now_us += second;
        let upto = bench.ask(0);
        assert_eq!(bench.fate(Thing::State.bit(0), upto), Fate::Kept);
    }
    assert_eq!(disk.lock().0.syncs, 2, "one write: a sync of the file and one of the folder");
    disk.cut(Left::all().next().unwrap());
    let state = Bench::start(&mut board, &disk).kept.states[0].clone().unwrap();
    assert_eq!(state.bytes[..], 1u64.to_le_bytes());
}

#[test]
fn the_end_writes_what_is_left_and_says_what_it_could_not() {
    deep(the_end_writes_what_is_left_and_says_what_it_could_not_in_a_thread);
}

fn the_end_writes_what_is_left_and_says_what_it_could_not_in_a_thread() {
    let mut board = Board::new();
    for fails in [false, true] {
        let disk = Shared::default();
        let mut bench = Bench::start(&mut board, &disk);
        bench.device.install_from(0, &IMAGES[3], "unix").unwrap();
        bench.keeper.memory().remember("hall", 3).unwrap();
        if fails {
            disk.lock().0.fail_with(28, 1);
        }
        let (keeper, _) = Keeper::with(Shared::default().plug(), 1, |_| ()).unwrap();
        let keeper = std::mem::replace(&mut bench.keeper, keeper);
        assert_eq!(keeper.finish(bench.device, 5), !fails);
        disk.lock().0.mend();
        let after = Bench::start(&mut board, &disk);
        assert_eq!((after.version(), after.highest()), if fails { (0, 0) } else { (3, 3) });
    }
}

const SECOND: u64 = 1_000_000;

impl Bench<'_> {
    /// Installs an image of a module, and waits until it is on the disk.
    fn install(&mut self, module: u8, image: &[u8]) {
        self.device.install_from(module, image, "unix").unwrap();
        let image = Thing::Image.bit(module);
        let upto = self.ask(image);
        assert_eq!(self.fate(image, upto), Fate::Kept);
    }

    /// Time passes, in which the module `name` counts, and what is due is written.
    fn count(&mut self, us: u64, name: &str) {
        let add = self.device.find(&format!("{name}.add")).unwrap();
        self.device.call(add, &[], &mut []).unwrap();
        self.now_us += us;
        self.settle();
    }

    /// Waits until what is due is written.
    fn settle(&mut self) {
        let upto = self.ask(0);
        let states = Thing::State.bit(0) | Thing::State.bit(1);
        assert_eq!(self.fate(states, upto), Fate::Kept);
    }
}

/// The count that a record has.
fn counted(state: Option<&StateRecord>) -> Option<u64> {
    state.map(|state| u64::from_le_bytes(state.bytes[..].try_into().unwrap()))
}

#[test]
fn each_module_is_written_as_often_as_its_image_says() {
    deep(each_module_is_written_as_often_as_its_image_says_in_a_thread);
}

fn each_module_is_written_as_often_as_its_image_says_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    bench.install(0, &named("hall", 1, ""));
    bench.install(1, &named("pump", 1, "every = \"60s\""));
    let before = disk.lock().0.syncs;
    for _ in 0..31 {
        bench.count(0, "hall");
        bench.count(4 * SECOND, "pump");
    }
    // After 124 s, each with a sync of the file and one of the folder.
    assert_eq!(disk.lock().0.syncs - before, 2 * (31 + 2));
    disk.cut(Left::all().next().unwrap());
    let kept = Bench::start(&mut board, &disk).kept;
    assert_eq!([0, 1].map(|module| counted(kept.states[module].as_ref())), [Some(31), Some(30)]);
}

/// `keep_every_s = 0` is the owner's last word, whatever an image says.
#[test]
fn where_only_the_end_writes_an_image_has_no_interval() {
    deep(where_only_the_end_writes_an_image_has_no_interval_in_a_thread);
}

fn where_only_the_end_writes_an_image_has_no_interval_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::configured(&mut board, &disk, 0);
    bench.install(0, &named("hall", 1, "every = \"60s\""));
    let before = disk.lock().0.syncs;
    for _ in 0..3 {
        bench.count(86_400 * SECOND, "hall");
    }
    assert_eq!(disk.lock().0.syncs, before);
    assert_eq!(bench.keeper.settle(bench.now_us), u64::MAX, "nothing is to be looked at");
    let Bench { device, keeper, now_us, .. } = bench;
    assert!(keeper.finish(device, now_us));
    assert_eq!(counted(Bench::start(&mut board, &disk).kept.states[0].as_ref()), Some(3));
}

/// Version 2 keeps over a restart, 3 does not, 4 does again.
#[test]
fn a_version_without_a_restart_ends_the_state_of_the_one_before() {
    deep(a_version_without_a_restart_ends_the_state_of_the_one_before_in_a_thread);
}

fn a_version_without_a_restart_ends_the_state_of_the_one_before_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    bench.install(0, &named("hall", 2, ""));
    bench.count(SECOND, "hall");
    let begun = disk.lock().0.syncs;
    bench.install(0, &named("hall", 3, "restart = false"));
    bench.settle();
    assert_eq!(disk.lock().0.syncs - begun, 4, "the image, and an empty record, whatever the interval");
    for _ in 0..3 {
        bench.count(SECOND, "hall");
    }
    assert_eq!(disk.lock().0.syncs - begun, 4, "its own state is not written");
    let Bench { device, keeper, now_us, .. } = bench;
    assert!(keeper.finish(device, now_us));
    assert_eq!(disk.lock().0.syncs - begun, 4, "not at the end either");
    disk.cut(Left::all().next().unwrap());

    let mut bench = Bench::start(&mut board, &disk);
    assert_eq!((bench.version(), bench.kept.states[0].as_ref()), (3, None));
    bench.count(SECOND, "hall");
    assert_eq!(disk.lock().0.syncs - begun, 4, "the empty record is there");
    bench.install(0, &named("hall", 4, ""));
    bench.now_us += SECOND;
    bench.settle();
    disk.cut(Left::all().next().unwrap());
    // The swap has carried all of it over: 1 with version 2, 4 with version 3.
    assert_eq!(counted(Bench::start(&mut board, &disk).kept.states[0].as_ref()), Some(5));
}

/// The power goes between the image and the empty record.
#[test]
fn what_a_cut_has_left_of_the_version_before_is_ended_by_the_next_start() {
    deep(what_a_cut_has_left_of_the_version_before_is_ended_by_the_next_start_in_a_thread);
}

fn what_a_cut_has_left_of_the_version_before_is_ended_by_the_next_start_in_a_thread() {
    let mut board = Board::new();
    let disk = Shared::default();
    let mut bench = Bench::start(&mut board, &disk);
    bench.install(0, &named("hall", 2, ""));
    bench.count(SECOND, "hall");
    bench.device.install_from(0, &named("hall", 3, "restart = false"), "unix").unwrap();
    bench.ask(IMAGE);
    // The writer takes the image first; whether it came to the record behind it, nobody knows.
    let start = Instant::now();
    while bench.keeper.items().fate(Thing::Image.bit(0), bench.keeper.items().latest) != Fate::Kept {
        assert!(start.elapsed() < Duration::from_secs(60), "it never ends");
        bench.keeper.settle(bench.now_us);
    }
    disk.cut(Left::all().next().unwrap());
    let mut bench = Bench::start(&mut board, &disk);
    assert_eq!(bench.version(), 3);
    bench.settle();
    disk.cut(Left::all().next().unwrap());
    assert_eq!(Bench::start(&mut board, &disk).kept.states[0], None);
}
