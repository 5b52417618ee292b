//! A panel is changed while its lamp is on, with the verbs of `xmap` and the device program of the board.
//! Wires that fail, hosts that compete, images that are no good: the lamp stays on, its line is not written.

mod owner;
mod rig;
mod types;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rig::{Between, Fate, Panels, Rig, done, xmap};
use xmap_client::{Client, ErrorCode, Options};
use xmap_image::OwnedImage;
use xmap_link::{DeviceEventKind, Retry};

/// A lamp on line 17, presses that are counted, and a tick every 10 ms.
const PINS: &str = "
[pins]
17 = { name = \"lamp\", mode = \"out\", safe = \"low\" }

[exports]
lamp_on = {}
press = {}
presses = {}
trip = {}
version = {}
on_mount = {}
tick = { on = { every_us = 10000 } }
";
const KEEP: &str = "
[keep]
globals = [\"presses\"]
";

/// The lamp's module; `mount` is what `on_mount` gives.
fn wat(version: u32, tick: &str, mount: i32, data: usize) -> String {
    let on_mount = format!(r#"(func (export "on_mount") (result i32) (i32.const {mount}))"#);
    xmap_rig::hall::wat(version, tick, data, &on_mount)
}

struct Hall {
    panels: Panels,
    first: PathBuf,
}

impl Hall {
    fn new() -> Self {
        let panels = Panels::new();
        let first = panels.build("hall", "first", &format!("{PINS}{KEEP}"), &wat(1, "", 0, 100));
        Self { panels, first }
    }

    fn next(&self, file: &str, policy: &str, wat: &str) -> PathBuf {
        self.panels.build("hall", file, &format!("{PINS}{KEEP}{policy}"), wat)
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn call(rig: &Rig, name: &str) -> String {
    done(&["call", "--port", &rig.port, name])
}

/// The only store of a test that lights the lamp once.
const LIT: [&str; 1] = ["GPSET0 0x00020000"];

/// The stores to the lamp's line. The first is the safe state at boot.
fn lamp(stores: &[String]) -> Vec<&str> {
    let lamp = |store: &&String| {
        let mask = store.rsplit_once("0x").map(|(_, mask)| u32::from_str_radix(mask, 16).unwrap());
        store.starts_with("GPSET0") && mask.unwrap() & 1 << 17 != 0
            || store.starts_with("GPCLR0") && mask.unwrap() & 1 << 17 != 0
    };
    stores.iter().filter(lamp).skip(1).map(String::as_str).collect()
}

#[test]
fn another_panel_takes_a_place_only_where_that_is_said() {
    let hall = Hall::new();
    let porch = hall.panels.build("porch", "porch", PINS, &wat(5, "", 0, 10));
    let rig = Rig::start(&[&hall.first]);
    let swap = |more: &[&str]| xmap(&[&["swap", "--port", &rig.port, path(&porch)], more].concat());
    let (out, error, status) = swap(&[]);
    assert_eq!((out.as_str(), status), ("", 1));
    let refused = "module 0 of the rpi4b has hall version 1, and this is porch version 1";
    assert!(
        error.contains("error[X0927]") && error.contains(refused) && error.contains("--replace"),
        "{error}"
    );
    assert_eq!(call(&rig, "version"), "version -> 1\n");
    let (out, error, status) = swap(&["--replace", "--confirm"]);
    let expected = "swapped porch: generation 2, on trial for 3.0 s\nconfirmed porch\n";
    assert_eq!((out.as_str(), error.as_str(), status), (expected, "", 0));
    assert_eq!(call(&rig, "version"), "version -> 5\n");
    let (_, error, status) = xmap(&["confirm", "--port", &rig.port]);
    assert!(error.contains("X09") && status == 1, "the trial is over: {error}");
}

#[test]
fn a_watched_panel_that_passes_is_swapped_onto_the_device() {
    let hall = Hall::new();
    let rig = Rig::start(&[&hall.first]);
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("hall");
    done(&["new", path(&begun), "--lang", "wat"]);
    let manifest = begun.join("panel.toml");
    let watch = ["watch", path(&manifest), "--port", &rig.port, "--rounds", "1"];
    let out = done(&watch);
    assert!(out.contains("2 of 2 tests passed") && out.contains("swapped hall: generation 2"), "{out}");
    assert_eq!(call(&rig, "presses"), "presses -> 0\n");
    // What does not pass stays off the device.
    let script = begun.join("tests/press.txt");
    std::fs::write(&script, "expect lamp high\n").unwrap();
    let (out, _, status) = xmap(&watch);
    assert!(out.contains("1 of 2 tests passed") && !out.contains("swapped") && status == 1, "{out}");
}

/// The map stands nowhere but where the swap kept it.
#[test]
fn a_trap_has_its_place_from_the_map_that_a_swap_kept() {
    let hall = Hall::new();
    let second = hall.next("second", "[policy]\nconfirm_ms = 0\n", &wat(2, "", 0, 100));
    let rig = Rig::start(&[&hall.first]);
    let maps = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xmap"));
        let output = command.env("XMAP_MAPS", maps.path()).args(args).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    run(&["swap", "--port", &rig.port, path(&second)]);
    std::fs::remove_file(format!("{}.map", path(&second))).unwrap();
    let called = run(&["call", "--port", &rig.port, "trip"]);
    assert!(called.contains("trap divide_by_zero") && called.contains("function $trip"), "{called}");
    let events = run(&["events", "--port", &rig.port]);
    assert!(events.contains("function $trip"), "{events}");
    let (out, _, status) = xmap(&["call", "--port", &rig.port, "trip"]);
    assert!(status == 3 && !out.contains("function $trip"), "without the maps: {out}");
}

#[test]
fn a_lamp_stays_on_over_a_swap_and_back() {
    let hall = Hall::new();
    let second = hall.next("second", "[policy]\nconfirm_ms = 300\n", &wat(2, "", 0, 1500));
    let rig = Rig::start(&[&hall.first]);
    assert_eq!(call(&rig, "lamp_on"), "lamp_on ->\n");
    (0..3).for_each(|_| drop(call(&rig, "press")));
    let out = done(&["swap", "--port", &rig.port, "--wait", path(&second)]);
    assert_eq!(out, "swapped hall: generation 2, on trial for 0.3 s\nconfirmed hall\n");
    assert_eq!(call(&rig, "version"), "version -> 2\n");
    assert_eq!(call(&rig, "presses"), "presses -> 3\n", "kept");
    call(&rig, "press");
    let out = done(&["rollback", "--port", &rig.port]);
    assert_eq!(out, "rolled back to hall: generation 3\n");
    assert_eq!(call(&rig, "version"), "version -> 1\n");
    assert_eq!(call(&rig, "presses"), "presses -> 3\n", "its own state, as it left it");
    let out = done(&["rollback", "--port", &rig.port]);
    assert_eq!(out, "rolled back to hall: generation 4\n");
    let events = done(&["events", "--port", &rig.port]);
    let events: Vec<&str> = events.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let back = "0 hall  rolled back: a host asked for it";
    let expected = ["0 hall  mounted", "0 hall  swapped: a new image runs", "0 hall  confirmed", back, back];
    assert_eq!(events, expected);
    let record = rig.stop();
    assert_eq!(lamp(&record.stores), LIT, "the swap wrote the lamp's line");
    // The trial alone was thirty ticks.
    assert!(
        record.events >= 30 && record.failed_events == 0,
        "{} events, {} failed",
        record.events,
        record.failed_events
    );
}

#[test]
fn a_new_image_that_traps_is_taken_back_with_its_line() {
    let hall = Hall::new();
    let trap = "(drop (i32.div_u (i32.const 1) (global.get $zero)))";
    let second = hall.next("second", "", &wat(2, trap, 0, 10));
    let rig = Rig::start(&[&hall.first]);
    call(&rig, "lamp_on");
    let (out, error, status) = xmap(&["swap", "--port", &rig.port, "--wait", path(&second)]);
    assert_eq!((out.as_str(), status), ("swapped hall: generation 2, on trial for 3.0 s\n", 1));
    let expected = format!("error[X0918]: {}: hall was rolled back: ", rig.port);
    assert!(error.starts_with(&expected) && error.contains("tick: trap divide_by_zero at op "), "{error}");
    assert!(error.contains("second.wat:") && error.contains(", function $tick ("), "{error}");
    assert_eq!(call(&rig, "version"), "version -> 1\n");
    let map = format!("{}.map", path(&second));
    let events = done(&["events", "--port", &rig.port, "--map", &map]);
    assert!(events.contains("rolled back: ") && events.contains("tick: trap divide_by_zero"), "{events}");
    assert!(events.contains("$tick"), "{events}");
    // Without a map nobody knows the names of an image that does not run; the hint says which map does.
    let (events, note, _) = xmap(&["events", "--port", &rig.port]);
    let image = events.split(" of image ").nth(1).and_then(|rest| rest.get(..8)).unwrap_or_default();
    assert!(events.contains("rolled back: export ") && image.len() == 8, "{events}");
    assert!(
        note.starts_with(&format!("note: the map of image {image} names functions and lines: ")),
        "{note}"
    );
    assert_eq!(lamp(&rig.stop().stores), LIT);
}

#[test]
fn an_image_that_is_no_good_leaves_the_old_one() {
    let hall = Hall::new();
    let refuses = hall.next("refuses", "", &wat(2, "", -3, 10));
    let rig = Rig::start(&[&hall.first]);
    call(&rig, "lamp_on");
    let swap = |args: &[&str]| xmap(&[&["swap", "--port", &rig.port], args].concat());
    let (out, error, status) = swap(&[path(&refuses)]);
    let text = "hall was not swapped: the image was not mounted: on_mount returned -3";
    let expected = format!("error[X0914]: {}: {text}\n |\nhelp: what ran before runs on\n", rig.port);
    assert_eq!((out.as_str(), error, status), ("", expected, 1));
    // A module that wants the lamp too.
    let porch = hall.panels.build("porch", "porch", PINS, &wat(9, "", 0, 10));
    let (_, error, status) = swap(&["--module", "1", path(&porch)]);
    let text = "porch was not swapped: the image was rejected: beside module 0: one drives line 17";
    assert!(error.contains(text) && error.contains("help: what ran before runs on; `xmap link`"), "{error}");
    assert_eq!(status, 1);
    // One that no slot holds.
    let large = hall.next("large", "[limits]\nmax_bytes = 40000\n", &wat(2, "", 0, 20_000));
    let (_, error, status) = swap(&[path(&large)]);
    assert!(error.contains("the request was refused: a slot holds 16384 bytes") && status == 1, "{error}");
    assert_eq!(call(&rig, "version"), "version -> 1\n");
    assert_eq!(lamp(&rig.stop().stores), LIT);
}

#[test]
fn a_host_that_has_to_confirm() {
    let hall = Hall::new();
    let policy = |ms: u32| format!("[policy]\nconfirm_ms = {ms}\nconfirm = \"host\"\n");
    let second = hall.next("second", &policy(60_000), &wat(2, "", 0, 10));
    let third = hall.next("third", &policy(400), &wat(3, "", 0, 10));
    let rig = Rig::start(&[&hall.first]);
    let swap = ["swap", "--port", &rig.port, path(&second)];
    assert_eq!(done(&swap), "swapped hall: generation 2, on trial for 60.0 s\n");
    // While it is on trial nothing else is swapped in.
    let (_, error, status) = xmap(&swap);
    let start = format!("error[X0917]: {}: module 0 (hall) is on trial for another ", rig.port);
    assert!(error.starts_with(&start) && error.contains("`xmap confirm`") && status == 1, "{error}");
    assert_eq!(done(&["confirm", "--port", &rig.port]), "confirmed hall: generation 2\n");
    // Without the word it goes back.
    let (out, error, status) = xmap(&["swap", "--port", &rig.port, path(&third), "--wait"]);
    assert_eq!((out.as_str(), status), ("swapped hall: generation 3, on trial for 0.4 s\n", 1));
    assert!(error.ends_with(": hall was rolled back: nobody confirmed it in time\n"), "{error}");
    assert_eq!(call(&rig, "version"), "version -> 2\n");
}

/// A panel whose export `duty` has these parameters, and another export.
fn duty(panels: &Panels, file: &str, params: &str, wasm: &str, other: &str) -> PathBuf {
    let manifest = format!(
        "[exports]\nduty = {{ params = [{params}] }}\nother = {{{other}}}\n[policy]\nconfirm_ms = 0\n"
    );
    let wat =
        format!("(module (memory 1) (func (export \"duty\") (param {wasm})) (func (export \"other\")))");
    panels.build("hall", file, &manifest, &wat)
}

#[test]
fn an_image_that_breaks_a_connected_client_is_refused_by_rule() {
    let panels = Panels::new();
    let first = duty(&panels, "first", "\"level: u16\", \"text: str\"", "i32 i32 i32", "");
    let unrelated =
        duty(&panels, "unrelated", "\"level: u16\", \"text: str\"", "i32 i32 i32", " idempotent = true ");
    let narrowed = duty(&panels, "narrowed", "\"level: u8\", \"text: own str\"", "i32 i32 i32", "");
    let rig = Rig::start(&[&first]);
    let connect = || Client::connect(&rig.port.parse().unwrap(), &Options::default()).unwrap();
    let mut client = connect();
    let (_, hash) = client.contract(&xmap_link::Export::name("hall.duty").unwrap()).unwrap().unwrap();
    client.bind_contract("hall.duty", hash).unwrap();
    assert_eq!(client.uses().unwrap().len(), 1);
    let swap =
        |file: &Path, more: &[&str]| xmap(&[&["swap", "--port", &rig.port, path(file)], more].concat());

    let (out, error, status) = swap(&narrowed, &[]);
    assert_eq!((out.as_str(), status), ("", 1));
    let rule = format!(
        "error[X1604]: {}: hall.duty is in use: param-type-narrowed: parameter `arg0` was `u16`, and is `u8`; \
         hall.duty: ownership-changed: parameter `arg1` was `str`, and is `own str`\n",
        rig.port
    );
    assert!(error.starts_with(&rule) && error.contains("--force"), "{error}");
    assert_eq!(client.uses().unwrap().len(), 1, "nothing has happened");

    // What the client does not use may change.
    assert_eq!(swap(&unrelated, &[]).2, 0);
    assert_eq!(client.uses().unwrap().len(), 0, "its handle was one of the image before");
    client.bind_contract("hall.duty", hash).unwrap();

    // The owner's right; the client learns of it when it connects again.
    assert_eq!(swap(&narrowed, &["--force"]).2, 0);
    let error = client.bind_contract("hall.duty", hash).unwrap_err();
    assert_eq!(error.code, ErrorCode::OtherContract);
    assert!(error.message.contains("hall.duty has the contract "), "{error}");

    // Who is gone uses nothing.
    let (_, hash) = client.contract(&xmap_link::Export::name("hall.duty").unwrap()).unwrap().unwrap();
    client.bind_contract("hall.duty", hash).unwrap();
    assert_eq!(swap(&first, &[]).2, 1);
    client.greet().unwrap();
    let last = swap(&first, &[]);
    assert_eq!(last.2, 0, "{last:?}");
}

#[test]
fn a_panel_that_breaks_its_contract_is_not_built() {
    let panels = Panels::new();
    let first = duty(&panels, "first", "\"level: u16\", \"text: str\"", "i32 i32 i32", "");
    let manifest = first.with_extension("toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let named = text.replacen("name = ", "contract = \"hall.wit\"\nname = ", 1);
    assert_ne!(named, text);
    std::fs::write(&manifest, &named).unwrap();
    let facts = "/// - key: hall.duty\n/// - param level: u16\n/// - param text: str\n\n/// - panel: hall\n";
    let contract = manifest.with_file_name("hall.wit");
    std::fs::write(&contract, facts).unwrap();
    let image = manifest.with_file_name("built.xmap");
    let build = || xmap(&["build", path(&manifest), "-o", path(&image)]);
    let (_, error, status) = build();
    assert_eq!(status, 0, "{error}");
    std::fs::remove_file(&image).unwrap();
    std::fs::write(&contract, facts.replace("level: u16", "level: u8")).unwrap();
    let (out, error, status) = build();
    assert_eq!((out.as_str(), status, image.exists()), ("", 1, false));
    let said = "hall.duty is in use: param-type-widened: parameter `level` was `u8`, and is `u16`";
    assert!(error.starts_with("error[X1604]: ") && error.contains(said), "{error}");
    assert!(error.contains("`xmap contract "), "{error}");
    // Nor does it become the image of a device on another way.
    let rig = Rig::start(&[&first]);
    let (_, error, status) = xmap(&["swap", "--port", &rig.port, path(&manifest)]);
    assert!(status == 1 && error.contains(said), "{error}");
}

#[test]
fn of_two_hosts_at_once_one_wins() {
    let hall = Hall::new();
    let second = hall.next("second", "[policy]\nconfirm_ms = 60000\n", &wat(2, "", 0, 1500));
    let rig = Rig::start(&[&hall.first]);
    call(&rig, "lamp_on");
    // In the middle of one transfer another host comes.
    let image = OwnedImage::from_bytes(&std::fs::read(&second).unwrap()).unwrap();
    let mut client = Client::connect(&rig.port.parse().unwrap(), &Options::default()).unwrap();
    let mut refused = Vec::new();
    let switch = client.swap(0, &image.image(), &mut |_| {
        refused.push(xmap(&["swap", "--port", &rig.port, path(&second)]));
    });
    assert_eq!(switch.unwrap().unwrap().generation, 2);
    assert!(refused.len() > 3);
    for (out, error, status) in &refused {
        let start =
            format!("error[X0917]: {}: another host is sending an image; its claim ends in ", rig.port);
        assert!(out.is_empty() && error.starts_with(&start) && *status == 1, "{error}");
    }
    done(&["confirm", "--port", &rig.port]);
    // Both at the same time: whoever is first, the other one is told.
    let swap = || xmap(&["swap", "--port", &rig.port, path(&second)]);
    let both = thread::scope(|scope| {
        let hosts = [scope.spawn(swap), scope.spawn(swap)];
        hosts.map(|host| host.join().unwrap())
    });
    let winners = both.iter().filter(|(out, _, status)| out.starts_with("swapped hall") && *status == 0);
    let losers = both.iter().filter(|(_, error, status)| error.starts_with("error[X0917]") && *status == 1);
    assert_eq!((winners.count(), losers.count()), (1, 1), "{both:?}");
    assert_eq!(lamp(&rig.stop().stores), LIT);
}

#[test]
fn a_transfer_that_is_cut_at_any_frame_leaves_the_old_image_running() {
    let hall = Hall::new();
    let second = hall.next("second", "", &wat(2, "", 0, 1500));
    let image = OwnedImage::from_bytes(&std::fs::read(&second).unwrap()).unwrap();
    let rig = Rig::start(&[&hall.first]);
    call(&rig, "lamp_on");
    let options = Options { retry: Retry { timeout_us: 20_000_000, attempts: 3 }, ..Options::default() };
    let chunks = (image.image().words().len() * 4).div_ceil(448);
    // Two to greet, then module, begin, chunks, commit.
    for frame in 0..chunks + 5 {
        let between = Between::start(&rig.port, frame, Fate::Cut);
        let mut client = match Client::connect(&between.port.parse().unwrap(), &options) {
            Ok(client) => client,
            Err(error) => {
                assert!(error.code == ErrorCode::LinkBroken && frame < 2, "frame {frame}: {error}");
                continue;
            }
        };
        let error = client.swap(0, &image.image(), &mut |_| {}).unwrap_err();
        assert_eq!(error.code, ErrorCode::LinkBroken, "frame {frame}: {error}");
        assert_eq!(call(&rig, "version"), "version -> 1\n", "frame {frame}");
        // Another host may send once the device has given the transfer up, after 5 s; it began with the
        // fourth frame.
        rig.skip(6_000_000);
        let start = Instant::now();
        let mut client = Client::connect(&rig.port.parse().unwrap(), &options).unwrap();
        while given_up(&mut client) + 3 < frame {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "frame {frame}: the transfer is held for ever"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
    let status = done(&["status", "--port", &rig.port, "--json"]);
    assert!(status.contains("\"generation\":1,"), "{status}");
    let record = rig.stop();
    assert_eq!((lamp(&record.stores), record.failed_events), (LIT.to_vec(), 0));
}

fn given_up(client: &mut Client) -> usize {
    let (happenings, _) = client.happenings(0).unwrap();
    happenings.iter().filter(|(_, happening)| happening.what == DeviceEventKind::TransferEnded).count()
}

#[test]
fn a_transfer_with_a_garbled_frame_arrives_whole() {
    let hall = Hall::new();
    let second = hall.next("second", "[policy]\nconfirm_ms = 0\n", &wat(2, "", 0, 900));
    let image = OwnedImage::from_bytes(&std::fs::read(&second).unwrap()).unwrap();
    let rig = Rig::start(&[&hall.first]);
    call(&rig, "lamp_on");
    let options = Options { retry: Retry { timeout_us: 150_000, attempts: 200 }, ..Options::default() };
    let chunks = (image.image().words().len() * 4).div_ceil(448);
    for frame in 0..chunks + 4 {
        let between = Between::start(&rig.port, frame, Fate::Garbled);
        let mut client = Client::connect(&between.port.parse().unwrap(), &options).unwrap();
        let swapped = client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap();
        assert_eq!(usize::from(swapped.generation), 2 + frame, "frame {frame}");
        assert_eq!(client.module(0).unwrap().unwrap().image.unwrap().hash, image.image().hash());
    }
    assert_eq!(lamp(&rig.stop().stores), LIT);
}

#[test]
fn a_faulted_module_rests_until_it_is_reset() {
    let hall = Hall::new();
    let strict = hall.next("strict", "[policy]\non_trap = \"safe\"\nconfirm_ms = 0\n", &wat(2, "", 0, 10));
    let rig = Rig::start(&[&strict]);
    call(&rig, "lamp_on");
    let trapped = xmap(&["call", "--port", &rig.port, "trip"]);
    assert_eq!(trapped, ("trip trap divide_by_zero\n".into(), String::new(), 3));
    let (_, error, status) = xmap(&["call", "--port", &rig.port, "version"]);
    let expected = format!(
        "error[X0903]: {}: the request was refused: the module is faulted; `xmap reset` loads it anew\n",
        rig.port
    );
    assert_eq!((error, status), (expected, 1));
    let map = format!("{}.map", path(&strict));
    let status = done(&["status", "--port", &rig.port, "--map", &map]);
    assert!(status.contains("0       hall  faulted"), "{status}");
    let (bare, note, _) = xmap(&["status", "--port", &rig.port]);
    for status in [&status, &bare] {
        let trap = status.lines().find_map(|line| line.strip_prefix("0 hall: latest trap: ")).unwrap();
        assert!(trap.contains("trip: trap divide_by_zero at op "), "{status}");
    }
    assert!(note.starts_with("note: the map of image "), "the device has the name, and no lines: {note}");
    assert_eq!(done(&["reset", "--port", &rig.port]), "reset hall\n");
    assert_eq!(call(&rig, "version"), "version -> 2\n");
    let events = done(&["events", "--port", &rig.port, "--map", &map]);
    let whats: Vec<&str> = events.lines().map(|line| line.split("  ").last().unwrap()).collect();
    assert_eq!(whats[2..], ["outputs made safe", "faulted: it rests until it is reset", "reset by a host"]);
    // Lit once, made safe by the fault, and set up again by the reset.
    let stores = rig.stop().stores;
    assert_eq!(lamp(&stores)[..2], ["GPSET0 0x00020000", "GPCLR0 0x00020000"]);
}

#[test]
fn two_modules_are_operated_apart() {
    let hall = Hall::new();
    let pins = PINS.replace("17 = { name = \"lamp\"", "22 = { name = \"pump\"");
    let porch_wat = |version| wat(version, "", 0, 10).replace("(i32.const 17)", "(i32.const 22)");
    let porch = hall.panels.build("porch", "porch", &pins, &porch_wat(5));
    let newer =
        hall.panels.build("porch", "newer", &format!("{pins}[policy]\nconfirm_ms = 0\n"), &porch_wat(6));
    let rig = Rig::start(&[&hall.first]);
    // Into a module that has no image yet there is nothing to go back from, so no trial.
    let out = done(&["swap", "--port", &rig.port, "--module", "1", path(&porch)]);
    assert_eq!(out, "swapped porch: generation 1\n");
    let version = |module: &str| done(&["call", "--port", &rig.port, "--module", module, "version"]);
    assert_eq!((version("hall"), version("porch")), ("version -> 1\n".into(), "version -> 5\n".into()));
    assert_eq!(done(&["call", "--port", &rig.port, "porch.version"]), "porch.version -> 5\n");
    let out = done(&["swap", "--port", &rig.port, "--module", "porch", path(&newer)]);
    assert_eq!(out, "swapped porch: generation 2\n");
    assert_eq!((version("0"), version("1")), ("version -> 1\n".into(), "version -> 6\n".into()));
    let listed = done(&["devices", &rig.port]);
    assert!(listed.contains("hall running, porch running"), "{listed}");
    let status = done(&["status", "--port", &rig.port]);
    for row in ["1       porch  running", "2              unloaded", "1 porch: "] {
        assert!(status.contains(row), "{row} is not in\n{status}");
    }
}
