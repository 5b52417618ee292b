//! A firmware on its way into a device, with the boot loader as a model: what is taken, what is refused and
//! by which number, and what goes back. The lamp stays as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use xmap_client::{Client, ErrorCode, Options};
use xmap_link::Export;
use xmap_rig::firmwares::{self, SLOT_SECTORS};
use xmap_trust::{SecretKey, seal_firmware};

/// Versions that hang on their trial.
const HANG: &[u32] = &[13];

/// A device of an owner, and the owner's files.
struct Owner {
    folder: TempDir,
    port: String,
    key: SecretKey,
}

impl Owner {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root.key");
        let made = xmap(&["keygen", "-o", root.to_str().unwrap()]);
        assert_eq!((made.1, made.2), (String::new(), 0));
        let key = xmap_keys::read_key(&root).unwrap();
        let owner = xmap_keys::read_key(&root).unwrap();
        let words = compiled();
        let port = firmwares::serve(words, owner, HANG);
        Self { folder, port, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Seals a firmware as its owner does.
    fn sealed(&self, version: u32) -> PathBuf {
        let plain = self.write("kernel8.img", &firmwares::firmware(version));
        let to = self.path(&format!("{version}.fw"));
        let (root, number) = (self.path("root.key"), version.to_string());
        let args =
            ["firmware", "sign", str(&plain), "--key", str(&root), "--version", &number, "-o", str(&to)];
        let (text, error, status) = xmap(&args);
        assert_eq!((error.as_str(), status), ("", 0));
        assert!(
            text.starts_with(&format!("firmware  version {version}, 9000 bytes, for the rpi4b\n")),
            "{text}"
        );
        to
    }

    /// Seals a firmware as somebody does who does not go by the rules.
    fn forged(&self, name: &str, bytes: &[u8], board: u16, version: u32, key: &SecretKey) -> PathBuf {
        let seal = seal_firmware(bytes, board, version, key).unwrap();
        self.write(name, &[bytes, &seal.to_bytes()].concat())
    }

    fn send(&self, file: &Path, more: &[&str]) -> (String, String, i32) {
        xmap(&[&["firmware", "send", "--port", &self.port, str(file)], more].concat())
    }

    fn status(&self) -> String {
        let (text, error, status) = xmap(&["firmware", "status", "--port", &self.port]);
        assert_eq!((error.as_str(), status), ("", 0));
        text
    }

    fn client(&self) -> Client {
        Client::connect(&self.port.parse().unwrap(), &Options::default()).unwrap()
    }
}

fn str(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn xmap(args: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).env("XMAP_MAPS", "").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// A panel that lights a lamp.
fn compiled() -> Vec<u32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/in/small.toml");
    let manifest = xmap_compiler::manifest::Manifest::read(&folder).unwrap();
    let module = xmap_compiler::input::read_module(&manifest.wasm_path()).unwrap();
    xmap_compiler::compile::compile(&manifest, &module).unwrap_or_else(|errors| panic!("{errors}")).words
}

#[test]
fn a_firmware_is_sent_tried_and_kept_and_an_older_one_is_refused() {
    let owner = Owner::new();
    let before = owner.status();
    assert!(before.starts_with("partition 2  version 1, 512 bytes, "), "{before}");
    assert!(before.contains(", runs, counts as good\npartition 3  no seal\n"), "{before}");
    let (text, error, status) = owner.send(&owner.sealed(7), &[]);
    assert_eq!((error.as_str(), status), ("", 0), "{text}");
    assert!(text.starts_with("version 7 is in the slot of partition 3\n"), "{text}");
    let after = owner.status();
    assert!(text.ends_with(&after), "{text}\n{after}");
    assert!(after.contains("partition 3  version 7, 9000 bytes, "), "{after}");
    assert!(after.contains(", runs, counts as good\nroom         31744 bytes"), "{after}");

    let (text, error, status) = owner.send(&owner.sealed(6), &[]);
    assert_eq!((text.as_str(), status), ("", 1));
    assert!(error.contains("[X0929]") || error.contains("X0929"), "{error}");
    assert!(error.contains("reject: rollback 6 < 7"), "{error}");
    assert_eq!(owner.status(), after, "the slots are as they were");

    // The next one goes into the slot of the first, now that this one counts as good.
    let (text, error, status) = owner.send(&owner.sealed(8), &["--later", "--json"]);
    assert_eq!((text.as_str(), error.as_str(), status), ("{\"partition\":2,\"written\":8}\n", "", 0));
    assert!(owner.status().contains("partition 3  version 7"), "nothing has restarted");
    let (text, error, status) = xmap(&["firmware", "try", "--port", &owner.port]);
    assert_eq!((error.as_str(), status), ("", 0));
    assert!(text.starts_with("partition 2  version 8, ") && text.contains("runs, counts as good"), "{text}");
}

#[test]
fn a_firmware_that_hangs_goes_back() {
    let owner = Owner::new();
    let (_, error, status) = owner.send(&owner.sealed(13), &[]);
    assert_eq!(status, 1);
    assert!(error.contains("X0930"), "{error}");
    let why = "the firmware of version 13 went back: it was reset before it counted as good";
    assert!(error.contains(why), "{error}");
    let status = owner.status();
    assert!(status.starts_with("partition 2  version 1, "), "{status}");
    assert!(status.contains("went back    it was reset before it counted as good"), "{status}");
    // It does not stand in the way of another one.
    assert_eq!(owner.send(&owner.sealed(2), &[]).2, 0);
}

#[test]
fn what_is_not_the_owners_is_refused_by_its_number_and_moves_nothing() {
    let owner = Owner::new();
    let mut client = owner.client();
    client.call(&Export::name("lamp_on").unwrap(), &[]).unwrap();
    let levels = client.levels().unwrap();
    assert_ne!(levels, [0; 2]);
    drop(client);
    let before = owner.status();
    let bytes = firmwares::firmware(2);
    let other = SecretKey::from_seed(&[9; 32]);
    let room = (SLOT_SECTORS as usize - 2) * 512;
    let long = vec![1; room + 1];
    for (name, file, says) in [
        ("other.fw", owner.forged("other.fw", &bytes, 1, 2, &other), "reject: not the owner's key"),
        (
            "board.fw",
            owner.forged("board.fw", &bytes, 2, 2, &owner.key),
            "reject: for board 2, and this is board 1",
        ),
        ("old.fw", owner.forged("old.fw", &bytes, 1, 0, &owner.key), "reject: rollback 0 < 1"),
        (
            "long.fw",
            owner.forged("long.fw", &long, 1, 2, &owner.key),
            "reject: 31745 bytes, a slot holds 1 to 31744",
        ),
    ] {
        let (_, error, status) = owner.send(&file, &[]);
        assert_eq!(status, 1, "{name}");
        assert!(error.contains("X0929") && error.contains(says), "{name}: {error}");
    }
    // A signature that is another's under the owner's name.
    let mut forged = seal_firmware(&bytes, 1, 2, &other).unwrap();
    forged.key = seal_firmware(&bytes, 1, 2, &owner.key).unwrap().key;
    let file = owner.write("forged.fw", &[&bytes[..], &forged.to_bytes()].concat());
    let (_, error, _) = owner.send(&file, &[]);
    assert!(error.contains("X0929") && error.contains("reject: bad signature"), "{error}");
    // Damaged files do not leave this machine.
    let mut damaged = std::fs::read(owner.sealed(2)).unwrap();
    damaged[100] ^= 1;
    for (bytes, says) in
        [(&damaged[..], "not a sealed firmware: reject: hash mismatch"), (&bytes[..], "a sealed firmware")]
    {
        let (_, error, status) = owner.send(&owner.write("damaged.fw", bytes), &[]);
        assert_eq!(status, 1);
        assert!(error.contains("X1112") && error.contains(says), "{error}");
    }
    let plain = owner.write("no-kernel", b"something else");
    let root = owner.path("root.key");
    let args = ["firmware", "sign", str(&plain), "--key", str(&root), "--version", "2", "-o", "/dev/null"];
    let (_, error, status) = xmap(&args);
    assert!(status == 1 && error.contains("X1112"), "{error}");
    assert_eq!(owner.status(), before, "nothing was written");
    assert_eq!(owner.client().levels().unwrap(), levels, "the lamp is as it was");
}

#[test]
fn a_transfer_that_was_cut_leaves_the_firmware_and_is_sent_again() {
    let owner = Owner::new();
    let file = owner.sealed(2);
    let bytes = std::fs::read(&file).unwrap();
    let (firmware, seal) = bytes.split_last_chunk::<120>().unwrap();
    let mut client = owner.client();
    client.call(&Export::name("lamp_on").unwrap(), &[]).unwrap();
    let levels = client.levels().unwrap();
    // Half of it comes, and then the host is gone.
    let cut = catch_unwind(AssertUnwindSafe(|| {
        client.send_firmware(firmware, seal, &mut |done| assert!(done < 4000, "the wire is cut"))
    }));
    assert!(cut.is_err());
    drop(client);
    let (_, error, status) = xmap(&["firmware", "try", "--port", &owner.port]);
    assert!(status == 1 && error.contains("X0929") && error.contains("no seal of a firmware"), "{error}");
    let mut client = owner.client();
    assert_eq!(client.levels().unwrap(), levels, "the lamp is as it was");
    drop(client);
    let status = owner.status();
    assert!(
        status.starts_with("partition 2  version 1, ") && status.contains("partition 3  no seal"),
        "{status}"
    );
    assert_eq!(owner.send(&file, &[]).2, 0);
}

#[test]
fn a_device_without_slots_says_so() {
    let words = compiled();
    let port = xmap_rig::serve(words, 2, |_| xmap_device::Service::new(xmap_rig::IDENTITY));
    let (_, error, status) = xmap(&["firmware", "status", "--port", &port]);
    assert!(status == 1 && error.contains("X0928") && error.contains("no two firmware slots"), "{error}");
    let mut client = Client::connect(&port.parse().unwrap(), &Options::default()).unwrap();
    assert_eq!(client.firmware().unwrap_err().code, ErrorCode::NoFirmwareSlots);
}
