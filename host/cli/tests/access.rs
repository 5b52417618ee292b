//! The verbs with role keys, against the device's own service behind a socket: what runs on the board, but
//! for the registers and the random numbers.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use xmap_device::Service;
use xmap_keys::roles;
use xmap_link::{AuthResponder, Nonces};
use xmap_rig::{IDENTITY, manifest, panel};

/// A device with a panel, its table of keys, and a folder with the files of both sides.
struct Rig {
    folder: TempDir,
    port: String,
}

/// What the device has for its sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Guarded,
    WithoutSeed,
    Open,
}

impl Rig {
    /// A device with the keys of `callers`: for each a name, a role and what it may call.
    fn start(how: Start, callers: &[(&str, &str, &[&str])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rig = |file: &str| folder.path().join(file).display().to_string();
        for (name, role, allow) in callers {
            let key = rig(name);
            let allow: Vec<_> = allow.iter().flat_map(|pattern| ["--allow", pattern]).collect();
            let made = xmap(&[&["keygen", "--role", role, "-o", &key][..], &allow].concat());
            assert!(made.status.success(), "{}", text(&made.stderr));
            let added = xmap(&["keys", &rig("device.keys"), "--add", &key]);
            assert!(added.status.success(), "{}", text(&added.stderr));
        }
        let keys = roles::read_role_keys(Path::new(&rig("device.keys"))).unwrap();
        let port = xmap_rig::serve(panel("lamp").words, usize::MAX, move |start| {
            let seed: [u8; 32] = std::array::from_fn(|n| n as u8 ^ start as u8);
            let nonces = if how == Start::Guarded { Nonces::from_seed(&seed) } else { None };
            match how {
                Start::Open => Service::new(IDENTITY),
                _ => Service::guarded(IDENTITY, AuthResponder::new(keys.clone(), nonces)),
            }
        });
        Self { folder, port }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A verb with the key of a caller.
    fn with(&self, key: &str, verb: &str, args: &[&str]) -> Output {
        let key = self.file(key);
        xmap(&[&[verb, "--port", &self.port, "--key", &key], args].concat())
    }
}

fn xmap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xmap"))
        .env("XMAP_MAPS", "")
        .args(args)
        .env_remove("XMAP_KEY")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn done(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn fails(output: &Output, code: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error[{code}]")), "{error}");
    assert!(error.contains("help:"), "a way out: {error}");
}

#[test]
fn each_role_does_what_it_may_and_nothing_above() {
    let rig = Rig::start(
        Start::Guarded,
        &[
            ("eve", "observe", &[]),
            ("carl", "call", &["lamp.lamp_o*", "lamp.off"]),
            ("olga", "operate", &["*"]),
        ],
    );
    let image = rig.file("lamp.xmap");
    done(&xmap(&["build", manifest("lamp").to_str().unwrap(), "-o", &image]));

    for verb in [&["status"][..], &["events"], &["call", "lamp_on"], &["confirm"], &["reset", "--device"]] {
        let args = [&verb[..1], &["--port", &rig.port], &verb[1..]].concat();
        fails(&xmap(&args), "X0919");
    }
    fails(&xmap(&["swap", "--port", &rig.port, &image]), "X0919");

    let status = rig.with("eve", "status", &[]);
    assert!(
        done(&status).contains("\naccess    by role keys, this one's role is observe\n"),
        "{}",
        text(&status.stdout)
    );
    let json = rig.with("olga", "status", &["--json"]);
    assert!(done(&json).contains(r#""access":"operate""#), "{}", text(&json.stdout));
    done(&rig.with("eve", "events", &[]));
    fails(&rig.with("eve", "call", &["lamp_on"]), "X0921");
    fails(&rig.with("eve", "swap", &[&image]), "X0921");
    fails(&rig.with("eve", "reset", &["--device"]), "X0921");

    assert_eq!(done(&rig.with("carl", "call", &["--trace", "lamp_on"])), "GPSET0 0x00020000\nlamp_on ->\n");
    assert_eq!(done(&rig.with("carl", "call", &["lamp.off"])), "lamp.off ->\n");
    fails(&rig.with("carl", "call", &["forget"]), "X0922");
    for verb in [&["confirm"][..], &["rollback"], &["reset"], &["reset", "--device"]] {
        fails(&rig.with("carl", verb[0], &verb[1..]), "X0921");
    }
    fails(&rig.with("carl", "swap", &[&image]), "X0921");

    assert_eq!(done(&rig.with("olga", "call", &["-t", "forget"])), "log WARN counters cleared\nforget ->\n");
    assert!(done(&rig.with("olga", "swap", &[&image])).starts_with("swapped lamp: generation 2"));
}

#[test]
fn an_export_is_refused_by_its_number_as_by_its_name() {
    let rig = Rig::start(Start::Guarded, &[("carl", "call", &["lamp.off"])]);
    let mut refused = 0;
    for number in 0..64 {
        let output = rig.with("carl", "call", &[&format!("#{number}")]);
        let error = text(&output.stderr);
        // The one that is allowed, those that take arguments, and the end of the list.
        if error.starts_with("error[X0922]") {
            refused += 1;
        } else if error.starts_with("error[X0909]") {
            break;
        } else {
            assert!(error.is_empty() || error.starts_with("error[X0910]"), "{error}");
            assert!(error.starts_with("error") || text(&output.stdout) == format!("#{number} ->\n"));
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[test]
fn a_key_that_the_device_lacks_and_one_that_it_has_no_more() {
    let rig = Rig::start(Start::Guarded, &[("carl", "call", &["*"])]);
    done(&xmap(&["keygen", "--role", "own", "-o", &rig.file("other")]));
    fails(&rig.with("other", "status", &[]), "X0920");
    let missing = rig.with("nobody", "status", &[]);
    assert!(text(&missing.stderr).starts_with("error[X0101]"), "{}", text(&missing.stderr));
    // What is in the environment is a key like any other.
    let with = |key: &str| {
        let mut status = Command::new(env!("CARGO_BIN_EXE_xmap"));
        status.args(["status", "--port", &rig.port]).env("XMAP_KEY", rig.file(key)).output().unwrap()
    };
    assert!(done(&with("carl")).contains("this one's role is call"));
    fails(&with("other"), "X0920");
}

#[test]
fn a_device_without_a_seed_says_so_and_an_open_one_takes_no_key() {
    let rig = Rig::start(Start::WithoutSeed, &[("carl", "call", &["*"])]);
    fails(&rig.with("carl", "call", &["lamp_on"]), "X0923");
    let rig = Rig::start(Start::Open, &[("carl", "call", &["*"])]);
    fails(&rig.with("carl", "call", &["lamp_on"]), "X0924");
    let status = xmap(&["status", "--port", &rig.port]);
    assert!(done(&status).contains("\naccess    open to whoever reaches it (development)\n"));
}

#[test]
fn a_monitor_needs_a_key_and_devices_does_not() {
    let rig = Rig::start(Start::Guarded, &[("eve", "observe", &[])]);
    fails(&xmap(&["monitor", "--port", &rig.port, "--seconds", "1"]), "X0919");
    done(&rig.with("eve", "monitor", &["--seconds", "1"]));
    let devices = xmap(&["devices", &rig.port]);
    assert!(done(&devices).contains("asks for a key"), "{}", text(&devices.stdout));
    let devices = xmap(&["devices", "--key", &rig.file("eve"), &rig.port]);
    assert!(done(&devices).contains("lamp running"), "{}", text(&devices.stdout));
}

#[test]
fn the_table_is_shown_without_its_secrets() {
    let rig = Rig::start(Start::Guarded, &[("eve", "observe", &[]), ("carl", "call", &["lamp.*", "x"])]);
    let table = rig.file("device.keys");
    let shown = xmap(&["keys", &table]);
    let lines: Vec<Vec<&str>> = done(&shown).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["key", "label", "role", "may", "call"]);
    assert_eq!(lines[1][1..], ["eve", "observe", "-"]);
    assert_eq!(lines[2][1..], ["carl", "call", "lamp.*", "x"]);
    let file = std::fs::read_to_string(rig.file("carl")).unwrap();
    let secret = file.lines().last().unwrap().strip_prefix("secret: ").unwrap();
    assert!(secret.len() == 64 && !text(&shown.stdout).contains(&secret[..16]));

    let id = lines[1][0].to_string();
    assert_eq!(done(&xmap(&["keys", &table, "--remove", &id])).lines().count(), 2);
    let again = xmap(&["keys", &table, "--remove", &id]);
    assert!(text(&again.stderr).starts_with("error[X1109]"), "{}", text(&again.stderr));
    let twice = xmap(&["keys", &table, "--add", &rig.file("carl")]);
    assert!(text(&twice.stderr).starts_with("error[X1109]"), "{}", text(&twice.stderr));

    // A label of one's own, by which a key is taken out.
    let kiosk = rig.file("kiosk");
    done(&xmap(&["keygen", "--role", "call", "-o", &kiosk]));
    let labelled = xmap(&["keys", &table, "--add", &kiosk, "--label", "kiosk in the hall"]);
    assert!(done(&labelled).contains("  kiosk in the hall  call  -\n"), "{}", text(&labelled.stdout));
    let without = xmap(&["keys", &table, "--remove", "kiosk in the hall"]);
    assert_eq!(done(&without).lines().count(), 2);
    let gone = xmap(&["keys", &table, "--remove", "kiosk in the hall"]);
    assert!(text(&gone.stderr).contains("has no key kiosk in the hall\n"), "{}", text(&gone.stderr));
    for (add, label) in [(&[&kiosk[..], &id][..], "two"), (&[&kiosk], "")] {
        let add = add.iter().flat_map(|key| ["--add", key]).collect::<Vec<_>>();
        let refused = xmap(&[&["keys", &table, "--label", label], &add[..]].concat());
        assert!(!refused.status.success(), "{label}");
    }
    for wrong in [&["keygen", "--role", "king", "-o", "x"][..], &["keygen", "--allow", "x", "-o", "x"]] {
        assert_eq!(xmap(wrong).status.code(), Some(2));
    }
}
