//! The verbs that operate a device, as they are typed and as they answer, against the fake device of the unit
//! tests: what a device may say, and what may go wrong on the way to it. tests/device_verbs.rs has the real
//! one.

#[path = "../../client/src/fake.rs"]
#[allow(dead_code)]
mod fake;
#[path = "../../client/src/fake_slots.rs"]
#[allow(dead_code)]
mod fake_slots;
#[path = "../../client/src/panel.rs"]
#[allow(dead_code)]
mod panel;

use std::path::{Path, PathBuf};
use std::process::Command;

use fake::{Fake, Faults};
use fake_slots::{End, Slots};
use tempfile::TempDir;
use xmap_client::{Client, Options, PortName};
use xmap_image::OwnedImage;
use xmap_link::{DeviceEvent, DeviceEventKind, ImageState, RollbackReason, TrapReport};

/// Returns what a verb printed on both outputs, and its exit status. The port reads `PORT`.
fn xmap(fake: &Fake, args: &[&str]) -> (String, String, i32) {
    let port = fake.port.to_string();
    let args = args.iter().map(|arg| if *arg == "PORT" { port.as_str() } else { *arg });
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).env("XMAP_MAPS", "").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&port, "PORT");
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn with(change: impl FnOnce(&mut Slots)) -> Fake {
    let mut slots = Slots::new();
    change(&mut slots);
    Fake::start(Faults { swaps: Some(slots), ..Faults::default() })
}

/// A small panel, as an image with its map beside it.
struct Panel {
    _folder: TempDir,
    image: PathBuf,
    manifest: PathBuf,
}

impl Panel {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["small.toml", "small.wat"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/in").join(file);
            std::fs::copy(from, folder.path().join(file)).unwrap();
        }
        let [image, manifest] = ["small.xmap", "small.toml"].map(|file| folder.path().join(file));
        let built = Command::new(env!("CARGO_BIN_EXE_xmap")).arg("build").arg(&manifest).output().unwrap();
        assert!(built.status.success());
        Self { _folder: folder, image, manifest }
    }

    fn image(&self) -> &str {
        self.image.to_str().unwrap()
    }

    fn words(&self) -> OwnedImage {
        OwnedImage::from_bytes(&std::fs::read(&self.image).unwrap()).unwrap()
    }

    /// A trap at the first op of the panel that has a place.
    fn trap(&self) -> TrapReport {
        let image = self.words().image().hash_prefix();
        TrapReport { image, export: 4, code: tiny_mapper::TrapCode::DivideByZero as u8, op: 0, detail: 0 }
    }
}

fn plain(out: &str) -> (String, String, i32) {
    (out.into(), String::new(), 0)
}

#[test]
fn a_swap_says_what_came_about() {
    let panel = Panel::new();
    let mut fake = with(|slots| slots.trial_ms = 3000);
    let done = xmap(&fake, &["swap", "--replace", "--port", "PORT", panel.image()]);
    assert_eq!(done, plain("swapped small: generation 2, on trial for 3.0 s\n"));
    let sent = fake.slots().running[0].bytes.clone();
    assert_eq!(sent, std::fs::read(&panel.image).unwrap());

    // A manifest is compiled first; a module by its name; an object for scripts.
    let mut fake = with(|_| {});
    let manifest = panel.manifest.to_str().unwrap();
    let done = xmap(&fake, &["swap", "--replace", "--port", "PORT", "--module", "pump", "--json", manifest]);
    assert_eq!(done, plain("{\"generation\":2,\"module\":1,\"name\":\"small\",\"trial_ms\":0}\n"));
    assert_eq!(fake.slots().running[1].bytes, sent);
}

#[test]
fn a_swap_waits_for_the_end_of_the_trial() {
    let panel = Panel::new();
    let swap = |fake: &Fake, more: &[&str]| {
        xmap(fake, &[&["swap", "--replace", "--port", "PORT", "--wait", panel.image()], more].concat())
    };
    let fake = with(|slots| slots.trial_ms = 400);
    let out = "swapped small: generation 2, on trial for 0.4 s\nconfirmed small\n";
    assert_eq!(swap(&fake, &[]), plain(out));
    // Without a trial there is nothing to wait for.
    assert_eq!(swap(&with(|_| {}), &[]), plain("swapped small: generation 2\n"));

    let trap = panel.trap();
    let fake = with(|slots| (slots.trial_ms, slots.ends) = (400, End::Taken(RollbackReason::Trap(trap))));
    let (out, error, status) = swap(&fake, &[]);
    assert_eq!((out.as_str(), status), ("swapped small: generation 2, on trial for 0.4 s\n", 1));
    // The map beside the image has the place.
    let expected = "error[X0918]: PORT: small was rolled back: panel.lit: trap divide_by_zero at op 0, detail 0 (small.wat:12:6, function $on_mount (6), wasm offset 0x";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(", wasm offset 0x"), "{error}");

    let fake = with(|slots| (slots.trial_ms, slots.ends) = (400, End::Taken(RollbackReason::Unconfirmed)));
    let (out, error, status) = swap(&fake, &["--json"]);
    let objects = "{\"generation\":2,\"module\":0,\"name\":\"small\",\"trial_ms\":400}\n\
        {\"module\":0,\"name\":\"small\",\"trial\":\"rolled_back\",\"why\":{\"because\":\"unconfirmed\",\"detail\":null}}\n";
    assert_eq!((out.as_str(), status), (objects, 1));
    assert_eq!(error, "error[X0918]: PORT: small was rolled back: nobody confirmed it in time\n");

    let fake = with(|slots| (slots.trial_ms, slots.ends) = (60_000, End::Never));
    let (_, error, status) = swap(&fake, &["--timeout", "1"]);
    assert_eq!((error.as_str(), status), ("error[X0913]: PORT: not done within 1 s, and given up\n", 1));
}

#[test]
fn a_swap_that_does_not_come_about_is_an_error() {
    let panel = Panel::new();
    let swap = |fake: &Fake, more: &[&str]| {
        let (out, error, status) =
            xmap(fake, &[&["swap", "--replace", "--port", "PORT", panel.image()], more].concat());
        assert_eq!(status, 1, "{error}");
        (out, error)
    };
    let none = String::new;
    let help = "\n |\nhelp: what ran before runs on\n";
    let fake = with(|slots| slots.refuses = Some(ImageState::Rejected { code: 12, detail: 3 }));
    let error = "error[X0914]: PORT: small was not swapped: the image was rejected: the name of export 3 is malformed or out of order";
    assert_eq!(swap(&fake, &[]), (none(), format!("{error}{help}")));

    let fake = with(|slots| slots.refuses = Some(ImageState::MountRefused { result: -3 }));
    let (out, error) = swap(&fake, &["--json"]);
    let text = "the image was not mounted: on_mount returned -3";
    assert_eq!(
        out,
        format!(
            "{{\"name\":\"small\",\"not\":\"swapped\",\"state\":{{\"detail\":{{\"result\":-3}},\"is\":\"mount_refused\",\"text\":\"{text}\"}}}}\n"
        )
    );
    assert_eq!(error, format!("error[X0914]: PORT: small was not swapped: {text}{help}"));

    let trap = panel.trap();
    let fake = with(|slots| slots.refuses = Some(ImageState::MountTrapped(trap)));
    let (_, error) = swap(&fake, &[]);
    assert!(error.contains("the image was not mounted: panel.lit: trap divide_by_zero at op 0, detail 0 (small.wat:12:6, function $on_mount (6), wasm offset 0x"), "{error}");

    let fake = with(|slots| slots.busy = Some(4_200));
    let error =
        "error[X0917]: PORT: another host is sending an image; its claim ends in 5 s if it falls silent\n";
    assert_eq!(swap(&fake, &[]), (none(), error.into()));

    let fake = with(|_| {});
    let error = "error[X0915]: PORT: no module `pumps`\n |\nhelp: did you mean `pump`?\n";
    assert_eq!(swap(&fake, &["--module", "pumps"]), (none(), error.into()));

    let fake = Fake::start(Faults::default());
    let (_, error) = swap(&fake, &[]);
    let start = "error[X0916]: PORT: its firmware knows no modules: images cannot be swapped there\n";
    assert!(error.starts_with(start), "{error}");

    let fake = Fake::start(Faults { close_at: Some(5), swaps: Some(Slots::new()), ..Faults::default() });
    let (_, error) = swap(&fake, &[]);
    assert!(error.starts_with("error[X0906]: PORT: the other side closed the connection"), "{error}");
}

#[test]
fn trials_end_by_word() {
    let fake = with(|slots| slots.trial_ms = 100);
    let (_, error, status) = xmap(&fake, &["confirm", "--port", "PORT"]);
    let expected = "error[X0903]: PORT: the request was refused: nothing is on trial\n";
    assert_eq!((error.as_str(), status), (expected, 1));
    let (_, error, status) = xmap(&with(|_| {}), &["rollback", "--port", "PORT"]);
    let expected = "error[X0903]: PORT: the request was refused: there is no image to go back to\n";
    assert_eq!((error.as_str(), status), (expected, 1));

    let fake = with(Slots::tried);
    assert_eq!(xmap(&fake, &["confirm", "--port", "PORT"]), plain("confirmed hall: generation 2\n"));
    let fake = with(Slots::tried);
    let object = "{\"confirmed\":\"hall\",\"generation\":2,\"module\":0}\n";
    assert_eq!(xmap(&fake, &["confirm", "--port", "PORT", "--json"]), plain(object));
    let fake = with(Slots::tried);
    assert_eq!(xmap(&fake, &["rollback", "--port", "PORT"]), plain("rolled back to hall: generation 3\n"));
}

#[test]
fn resets_are_done() {
    let reset = |args: &[&str]| xmap(&with(|_| {}), &[&["reset", "--port", "PORT"], args].concat());
    assert_eq!(reset(&[]), plain("reset hall\n"));
    assert_eq!(reset(&["--module", "1"]), plain("reset pump\n"));
    assert_eq!(reset(&["--device"]), plain("the device restarts\n"));
    assert_eq!(reset(&["--device", "--json"]), plain("{\"reset\":\"device\"}\n"));
}

#[test]
fn what_happened_is_listed() {
    let panel = Panel::new();
    let map = format!("{}.map", panel.image());
    let trap = panel.trap();
    let log = move |slots: &mut Slots| {
        let happening = |module, what| DeviceEvent { time_us: 61_500_000, module, what };
        slots.log = vec![
            happening(0, DeviceEventKind::Mounted),
            happening(1, DeviceEventKind::Trapped(trap)),
            happening(7, DeviceEventKind::Faulted),
        ];
    };
    let (out, error, status) = xmap(&with(log), &["events", "--port", "PORT", "--map", &map]);
    assert_eq!((error.as_str(), status), ("", 0));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "00:01:01.500  0 hall  mounted");
    let expected = "00:01:01.500  1 pump  panel.lit: trap divide_by_zero at op 0, detail 0 (small.wat:12:6, function $on_mount (6), wasm offset 0x";
    assert!(lines[1].starts_with(expected), "{out}");
    // A module that the device has no longer has no name.
    assert_eq!(lines[2..], ["00:01:01.500  7   faulted: it rests until it is reset"]);

    let (out, ..) = xmap(&with(log), &["events", "--port", "PORT", "--json"]);
    let first = "{\"detail\":null,\"module\":0,\"name\":\"hall\",\"number\":0,\"text\":\"mounted\",\"time_us\":61500000,\"what\":\"mounted\"}";
    assert_eq!(out.lines().next(), Some(first));
    assert_eq!(out.lines().count(), 3);

    let many = move |slots: &mut Slots| {
        slots.log =
            vec![DeviceEvent { time_us: 0, module: 0, what: DeviceEventKind::Overrun }; fake_slots::KEPT + 7];
    };
    let (out, ..) = xmap(&with(many), &["events", "--port", "PORT"]);
    assert_eq!(out.lines().next(), Some("7 earlier ones are no longer held"));
    assert_eq!(out.lines().count(), 1 + fake_slots::KEPT);
}

#[test]
fn following_goes_on_after_a_restart() {
    // The greeting, a page, the two modules and the two that are not there; then it restarts.
    let faults = Faults { restart_at: vec![6], swaps: Some(Slots::new()), ..Faults::default() };
    let fake = Fake::start(faults);
    let (out, error, status) = xmap(&fake, &["events", "--port", "PORT", "--follow", "--seconds", "1"]);
    let expected = "00:00:01.500  0 hall  mounted\n00:00:01.500  1 pump  mounted\nthe device has restarted\n";
    assert_eq!((out.as_str(), error.as_str(), status), (expected, "", 0));
    // Without --follow a restart is an error like any other.
    let faults = Faults { restart_at: vec![1], swaps: Some(Slots::new()), ..Faults::default() };
    let (_, error, status) = xmap(&Fake::start(faults), &["events", "--port", "PORT"]);
    assert!(error.starts_with("error[X0908]") && status == 1, "{error}");
}

#[test]
fn a_status_has_the_modules() {
    let (out, error, status) = xmap(&with(|_| {}), &["status", "--port", "PORT"]);
    assert_eq!((error.as_str(), status), ("", 0));
    let expected = "features  trace, text, swap
image     PANEL
module    version 3, 5 exports
state     mounted
uptime    00:00:00.000
calls     0, 0 trapped
requests  0 refused
frames    2 good, 0 bad
trace     3 register accesses, 0 no longer held
trust     DEVELOPMENT build: any image is taken, whoever made it
no map    module 0 hall: its traps have no source lines here; `xmap build` writes the map, --map takes it
no map    module 1 pump: its traps have no source lines here; `xmap build` writes the map, --map takes it

module  name  life     image     version  generation  trial  previous
0       hall  running  01010101  3        1           -      no
1       pump  running  02020202  3        1           -      no
0 hall: 7 calls, 0 trapped, 0 restarts after faults
0 hall: 0 events, 0 missed, 0 dropped, 0 merged, at most 0 us late
1 pump: 7 calls, 0 trapped, 0 restarts after faults
1 pump: 0 events, 0 missed, 0 dropped, 0 merged, at most 0 us late
";
    let panel = out.lines().find_map(|line| line.strip_prefix("image     ")).unwrap();
    let expected = expected.replace("PANEL", panel);
    assert!(panel.len() == 64 && out.ends_with(&expected), "{out}");
    let (out, ..) = xmap(&with(|_| {}), &["status", "--port", "PORT", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&status["board"], &status["modules"][1]["name"]), (&"rpi4b".into(), &"pump".into()));
    assert_eq!(status["status"]["state"]["is"], "mounted");
    // Earlier firmware has no modules to show.
    let (out, error, status) = xmap(&Fake::start(Faults::default()), &["status", "--port", "PORT"]);
    let trust = "trust     DEVELOPMENT build: any image is taken, whoever made it\n";
    assert!(out.ends_with(&format!("trace     3 register accesses, 0 no longer held\n{trust}")), "{out}");
    assert!(out.contains("\naccess    open to whoever reaches it (development)\n"), "{out}");
    assert_eq!((error.as_str(), status), ("", 0));
}

#[test]
fn calls_are_objects_for_scripts() {
    let ended = |args: &[&str], expected: i32| {
        let fake = Fake::start(Faults::default());
        let (out, error, status) = xmap(&fake, &[&["call", "--port", "PORT", "--json"], args].concat());
        assert_eq!((error.as_str(), status), ("", expected));
        out
    };
    let call = |args: &[&str]| ended(args, 0);
    assert_eq!(
        call(&["add", "1", "2"]),
        "{\"key\":\"panel.add\",\"name\":\"add\",\"results\":[3],\"trap\":null}\n"
    );
    let trapped: serde_json::Value = serde_json::from_str(&ended(&["--trace", "fail"], 3)).unwrap();
    assert_eq!((&trapped["trap"]["code"], &trapped["trap"]["op"]), (&"unreachable".into(), &22.into()));
    assert_eq!(trapped["trace"], serde_json::json!(["GPSET0 0x00000010"]));
    // An export of one module where several have it: the fake's first module has them all.
    let fake = with(|_| {});
    let (out, ..) = xmap(&fake, &["call", "--port", "PORT", "--module", "hall", "add", "1", "2"]);
    assert_eq!(out, "add -> 3\n");
    let fake = with(|_| {});
    let (_, error, status) = xmap(&fake, &["call", "--port", "PORT", "--module", "pump", "add", "1", "2"]);
    assert!(error.starts_with("error[X0909]: PORT: the image has no export `add`") && status == 1, "{error}");
}

#[test]
fn devices_that_answer_are_listed() {
    let fakes = [with(|_| {}), Fake::start(Faults::default()), {
        let faults = Faults { lose_requests: (0..9).collect(), ..Faults::default() };
        Fake::start(faults)
    }];
    let ports: Vec<String> = fakes.iter().map(|fake| fake.port.to_string()).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).arg("devices").args(&ports).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<&str>> =
        out.lines().map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
    assert_eq!(rows[0], ["port", "board", "firmware", "image", "modules"]);
    let image = rows[1][3];
    assert_eq!(image.len(), 8);
    assert_eq!(rows[1], [&ports[0], "rpi4b", "0.1.0", image, "hall running, pump running"]);
    assert_eq!(rows[2], [&ports[1], "rpi4b", "0.1.0", image, "-"]);
    assert_eq!(rows[3], [&ports[2], "-", "-", "-", "no answer"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn another_protocol_is_said_by_every_verb() {
    let panel = Panel::new();
    for verb in ["status", "confirm", "rollback", "events", "reset"] {
        let (_, error, status) = xmap(&stranger(), &[verb, "--port", "PORT"]);
        assert!(error.starts_with("error[X0905]: PORT: the device speaks protocol 7"), "{verb}: {error}");
        assert_eq!(status, 1);
    }
    let (_, error, _) = xmap(&stranger(), &["swap", "--replace", "--port", "PORT", panel.image()]);
    assert!(error.starts_with("error[X0905]"), "{error}");
}

fn stranger() -> Fake {
    Fake::start(Faults { protocol: Some(7), swaps: Some(Slots::new()), ..Faults::default() })
}
