//! A device that has an owner, and everything that the owner does with it, by the verbs of `xmap`: what is
//! refused reads as `xmap verify --policy` says it.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_device::{Owned, Volatile};
use xmap_keys::read_key;

use crate::rig::{Panels, Rig, done, xmap};
use crate::{PINS, path, wat};

/// The owner's folder.
struct Desk {
    panels: Panels,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { panels: Panels::new(), folder: tempfile::tempdir().unwrap() };
        for key in ["root", "hall", "stranger"] {
            done(&["keygen", "-o", path(&desk.file(key))]);
        }
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A signed policy of this version; `more` stands at its end.
    fn policy(&self, version: u32, key: &str, more: &str) -> PathBuf {
        let public = read_key(&self.file("hall")).unwrap().public();
        let text = self.file("policy.toml");
        let body = format!(
            "version = {version}\n[[key]]\nkey = \"{public}\"\norigins = [\"usb\", \"uart\"]\nmodules = [\"hall\"]\n\
             boards = [\"rpi4b\"]\nlines = [17]\nops = [\"gpio.write\"]\n{more}"
        );
        fs::write(&text, body).unwrap();
        let signed = self.file(&format!("{version}-{key}.policy"));
        let said =
            done(&["policy", "sign", path(&text), "--key", path(&self.file(key)), "-o", path(&signed)]);
        assert!(said.starts_with(&format!("policy    version {version}, ")), "{said}");
        signed
    }

    /// A signed image of the module `name`.
    fn image(&self, name: &str, version: u32, origin: &str, key: &str) -> PathBuf {
        let toml = format!("version = {version}\n{PINS}");
        let file = format!("{name}{version}{origin}{key}").replace([':', '/', '.'], "");
        let image = self.panels.build(name, &file, &toml, &wat(version, "", 0, 100));
        done(&["sign", path(&image), "--key", path(&self.file(key)), "--origin", origin]);
        image
    }

    /// A device of this owner that booted from a stick with this image.
    fn device(&self, image: &Path) -> Rig {
        let root = read_key(&self.file("root")).unwrap().public();
        let policy = fs::read(self.policy(1, "root", "")).unwrap();
        let owner = Owned::new(root, &policy, Volatile::default()).unwrap();
        Rig::of_owner(&[image], Some(owner))
    }
}

/// Checks what a verb says that the device refuses: its output, and the line on its error output.
fn refused(args: &[&str], line: &str, code: &str) {
    let (out, error, status) = xmap(args);
    assert_eq!((out.trim_end(), status), (line, 1), "{args:?}: {error}");
    assert!(error.contains(code) && error.contains(line), "{error}");
}

#[test]
fn the_owner_swaps_and_what_is_refused_says_why() {
    let desk = Desk::new();
    let rig = desk.device(&desk.image("hall", 8, "usb", "hall"));
    let port = ["--port", &rig.port];
    done(&["call", port[0], port[1], "lamp_on"]);
    let status = done(&["status", port[0], port[1]]);
    assert!(status.contains("trust     policy 1, images refused: 0\n"), "{status}");
    let swap = |image: &Path, line: &str| {
        refused(&["swap", "--replace", port[0], port[1], path(image)], line, "X1106")
    };
    let unsigned = desk.panels.build("hall", "plain", PINS, &wat(9, "", 0, 100));
    swap(&unsigned, "reject: no seal");
    swap(&desk.image("hall", 9, "uart", "stranger"), "reject: unknown key");
    swap(&desk.image("hall", 9, "https://evil.example", "hall"), "reject: untrusted origin uart");
    swap(&desk.image("hall", 7, "uart", "hall"), "reject: rollback 7 < 8");
    swap(&desk.image("door", 9, "uart", "hall"), "reject: key not allowed for this module");
    let status = done(&["status", port[0], port[1]]);
    assert!(status.contains("trust     policy 1, images refused: 5\nrefused   "), "{status}");
    assert!(status.contains("module 0: reject: key not allowed for this module\n"), "{status}");
    done(&["swap", port[0], port[1], path(&desk.image("hall", 9, "uart", "hall"))]);
    assert_eq!(done(&["call", port[0], port[1], "version"]).trim(), "version -> 9");
    // Once it has counted as good, nothing goes back behind it.
    done(&["confirm", port[0], port[1]]);
    refused(&["rollback", port[0], port[1]], "reject: rollback 8 < 9", "X1106");
    let stores = ["GPCLR0 0x00020000", "GPSET0 0x00020000"];
    assert_eq!(rig.stop().stores, stores, "the lamp is on, and nobody else touched its line");
}

#[test]
fn a_swap_seals_what_it_sends() {
    let desk = Desk::new();
    let rig = desk.device(&desk.image("hall", 8, "usb", "hall"));
    let plain = desk.panels.build("hall", "plain", &format!("version = 9\n{PINS}"), &wat(9, "", 0, 100));
    let key = desk.file("hall");
    let swap = ["swap", "--port", &rig.port, path(&plain), "--sign", path(&key), "--origin"];
    let (_, error, status) = xmap(&[&swap[..], &["a\nb"]].concat());
    assert!(error.contains("error[X1105]") && status == 1, "{error}");
    let out = done(&[&swap[..], &["uart"]].concat());
    assert!(out.starts_with("swapped hall: generation 2"), "{out}");
    assert_eq!(done(&["call", "--port", &rig.port, "version"]).trim(), "version -> 9");
}

#[test]
fn a_revocation_stops_a_module_that_runs() {
    let desk = Desk::new();
    let image = desk.image("hall", 8, "uart", "hall");
    let rig = desk.device(&desk.image("hall", 7, "usb", "hall"));
    let port = ["--port", &rig.port];
    done(&["swap", port[0], port[1], path(&image)]);
    done(&["call", port[0], port[1], "lamp_on"]);
    let verified = done(&["verify", path(&image)]);
    let hash = verified.lines().find_map(|line| line.strip_prefix("hash      ")).unwrap();
    let pinned = format!("[[pin]]\nmodule = \"hall\"\nhash = \"{}\"\norigin = \"uart\"\n", "ab".repeat(32));
    // A policy of another, an old one, and the text instead of the policy.
    let send = |policy: &Path| xmap(&["policy", "send", port[0], port[1], path(policy)]);
    let (_, error, status) = send(&desk.policy(2, "stranger", ""));
    assert!(
        status == 1 && error.contains("X1110") && error.contains("not signed by the owner's key"),
        "{error}"
    );
    let (_, error, status) = send(&desk.policy(0, "root", ""));
    assert!(status == 1 && error.contains("policy rollback 0 < 1"), "{error}");
    let (_, error, status) = send(&desk.file("policy.toml"));
    assert!(status == 1 && error.contains("X1111"), "{error}");
    let revoked = desk.policy(2, "root", &format!("[revoked]\nimages = [\"{hash}\"]\n"));
    let (said, _, status) = send(&revoked);
    let stopped = "module 0 is not allowed any more: its outputs are safe, its image is gone";
    assert_eq!((said, status), (format!("policy 2 holds\n{stopped}\n"), 0));
    refused(&["swap", port[0], port[1], path(&image)], "reject: revoked", "X1106");
    let (_, error, status) = send(&desk.policy(3, "root", &pinned));
    assert_eq!((error.as_str(), status), ("", 0));
    refused(&["swap", port[0], port[1], path(&image)], "reject: hash mismatch", "X1106");
    let events = done(&["events", port[0], port[1]]);
    for line in ["stopped by a new policy: reject: revoked", "policy 3 holds from now on"] {
        assert!(events.contains(line), "{events}");
    }
    let stores = ["GPCLR0 0x00020000", "GPSET0 0x00020000", "GPCLR0 0x00020000"];
    assert_eq!(rig.stop().stores, stores, "the safe state is the last thing");
}

#[test]
fn a_development_device_says_so_and_takes_no_policy() {
    let desk = Desk::new();
    let plain = desk.panels.build("hall", "plain", PINS, &wat(1, "", 0, 100));
    let rig = Rig::start(&[&plain]);
    let port = ["--port", &rig.port];
    let status = done(&["status", port[0], port[1]]);
    assert!(
        status.contains("trust     DEVELOPMENT build: any image is taken, whoever made it\n"),
        "{status}"
    );
    let (_, error, code) = xmap(&["policy", "send", port[0], port[1], path(&desk.policy(1, "root", ""))]);
    assert!(code == 1 && error.contains("X0916") && error.contains("development build"), "{error}");
    let said = done(&["swap", port[0], port[1], path(&desk.image("hall", 2, "usb", "stranger"))]);
    assert!(said.starts_with("the seal stays here: the device is a development build"), "{said}");
}
