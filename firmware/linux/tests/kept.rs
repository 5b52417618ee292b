//! The service tells the truth about what it kept: to hosts, in its status and events, in the journal.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Device, Host, panel};
use xmap_client::ErrorCode;
use xmap_image::{HASH_WORD, OwnedImage};
use xmap_link::limits::{MAX_CHUNK, MAX_FRAME};
use xmap_link::{
    DeviceEventKind, FrameReader, KeepFault, PROTOCOL, Request, Response, Thing, decode_response,
    encode_request,
};

const AT_ONCE: &str = "confirm_ms = 0";
const IMAGE: u16 = Thing::Image.bit(0) | Thing::Versions.bit(0);

fn swap(host: &mut Host, version: u32, policy: &str) -> Result<Option<()>, ErrorCode> {
    let image = OwnedImage::from_bytes(&panel(version, policy)).unwrap();
    let switch = host.0.swap(0, &image.image(), &mut |_| ()).unwrap();
    assert!(switch.is_ok(), "{switch:?}");
    host.0.must_keep("hall", IMAGE).map_err(|error| {
        assert!(error.message.contains("hall runs, and is not on the disk: "), "{error}");
        error.code
    })
}

/// Has every write of module 0's image fail, though the user is root: a folder stands where the new file
/// would be made.
fn break_disk(device: &Device) {
    fs::create_dir(device.path("state/image-0.new")).unwrap();
}

fn mend_disk(device: &Device) {
    fs::remove_dir(device.path("state/image-0.new")).unwrap();
}

#[test]
fn a_swap_that_is_not_kept_says_so_until_it_is() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    assert_eq!(swap(&mut host, 2, AT_ONCE), Ok(Some(())));
    break_disk(&device);
    // The first one, and the next within the pause behind a failed write.
    for version in [3, 4] {
        assert_eq!(swap(&mut host, version, AT_ONCE), Err(ErrorCode::NotKept));
        assert_eq!(host.version(), Some(version), "it runs");
    }
    let status = host.0.kept().unwrap().unwrap();
    assert_eq!((status.storage, status.missing & Thing::Image.bit(0) != 0), (true, true));
    assert!(matches!(status.fault, Some(KeepFault::System { .. })), "{status:?}");
    device.says("not kept: the image: ");
    // The same one again, on a disk that is well again.
    mend_disk(&device);
    assert_eq!(swap(&mut host, 4, AT_ONCE), Ok(Some(())));
    let status = host.0.kept().unwrap().unwrap();
    assert_eq!((status.missing, status.fault, status.pending), (0, None, false));
    device.says("kept: the image is on the disk now");
    let (happened, _) = host.0.happenings(0).unwrap();
    let about: Vec<_> = happened.iter().map(|(_, event)| event.what).collect();
    let failed =
        about.iter().position(|what| matches!(what, DeviceEventKind::NotKept { thing: Thing::Image, .. }));
    let again = about.iter().position(|what| *what == DeviceEventKind::KeptAgain { thing: Thing::Image });
    assert!(failed.unwrap() < again.unwrap(), "{about:?}");
    assert_eq!(device.cut_power().version(), Some(4));
}

/// A swap to the very image of the default panel: at once, after a trial that the device ends, after one that
/// a host ends.
#[test]
fn a_swap_to_the_default_image_is_in_the_slot_before_the_answer() {
    for policy in [AT_ONCE, "confirm_ms = 50", "confirm = \"host\"\nconfirm_ms = 600000"] {
        let image = panel(1, policy);
        let mut device = Device::new(&image);
        device.start();
        let mut host = device.host();
        let slot = device.path("state/image-0.a");
        assert!(!slot.exists(), "{policy}: a default panel is in no slot");
        let owned = OwnedImage::from_bytes(&image).unwrap();
        assert!(host.0.swap(0, &owned.image(), &mut |_| ()).unwrap().is_ok());
        if policy.contains("host") {
            assert!(!slot.exists(), "an image on trial is not to be kept");
            host.0.confirm(0).unwrap();
        } else if policy != AT_ONCE {
            device.until("the write", || slot.exists());
        }
        assert_eq!(host.0.must_keep("hall", IMAGE), Ok(Some(())), "{policy}");
        assert!(slot.exists(), "{policy}");
        // Once is enough.
        if policy == AT_ONCE {
            let before = fs::read(&slot).unwrap();
            assert!(host.0.swap(0, &owned.image(), &mut |_| ()).unwrap().is_ok());
            let after = (fs::read(&slot).unwrap(), device.path("state/image-0.b").exists());
            assert_eq!(after, (before, false), "the slot has it");
        }
        device.kill();
        device.names_panel = false;
        device.start();
        assert_eq!(device.host().version(), Some(1), "{policy}");
    }
}

/// A trial of the default panel's image that fails leaves the default panel, and the slot empty.
#[test]
fn a_trial_of_the_default_image_that_fails_is_in_no_slot() {
    let image = panel(1, "confirm = \"host\"\nconfirm_ms = 50");
    let (mut device, mut host) = Device::running(&image);
    let owned = OwnedImage::from_bytes(&image).unwrap();
    assert!(host.0.swap(0, &owned.image(), &mut |_| ()).unwrap().is_ok());
    device.until("the rollback", || {
        let status = host.module();
        status.generation == 3 && status.trial_ms == 0
    });
    device.stop();
    assert!(!device.path("state/image-0.a").exists() && !device.path("state/image-0.b").exists());
}

/// `confirm` and a rollback promise the same.
#[test]
fn a_confirmation_and_a_rollback_are_kept_or_not_as_well() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    assert_eq!(swap(&mut host, 2, AT_ONCE), Ok(Some(())));
    let by_host = "confirm = \"host\"\nconfirm_ms = 600000";
    let image = OwnedImage::from_bytes(&panel(3, by_host)).unwrap();
    assert!(host.0.swap(0, &image.image(), &mut |_| ()).unwrap().is_ok());
    assert_eq!(host.0.kept().unwrap().unwrap().missing, 0, "an image on trial is not to be kept");
    break_disk(&device);
    host.0.confirm(0).unwrap();
    assert!(host.0.must_keep("hall", IMAGE).is_err());
    assert!(host.0.rollback(0).unwrap().is_ok());
    mend_disk(&device);
    assert!(host.0.rollback(0).unwrap().is_ok());
    assert!(host.0.must_keep("hall", IMAGE).is_ok());
    assert_eq!(device.cut_power().version(), Some(3));
}

/// A host of the first edition: it knows nothing of `kept`, and takes an answer for the whole truth.
struct Old {
    stream: UnixStream,
    reader: FrameReader,
    seq: u16,
}

impl Old {
    fn ask(&mut self, request: &Request) -> Option<Response> {
        self.seq += 1;
        let mut buffer = [0; MAX_FRAME];
        self.stream.write_all(encode_request(self.seq, request, &mut buffer).unwrap()).unwrap();
        let mut byte = [0];
        while self.stream.read(&mut byte).is_ok_and(|count| count == 1) {
            let Some(frame) = self.reader.feed(byte[0]) else { continue };
            if let Ok((seq, response)) = decode_response(frame.payload)
                && seq == self.seq
            {
                return Some(response);
            }
        }
        None
    }

    fn swap(&mut self, version: u32) -> Option<Response> {
        let bytes = panel(version, AT_ONCE);
        let hash = bytes[HASH_WORD * 4..][..32].try_into().unwrap();
        let token = version;
        self.ask(&Request::Begin { module: 0, bytes: bytes.len() as u32, hash, token })?;
        for (n, chunk) in bytes.chunks(MAX_CHUNK).enumerate() {
            let data = chunk.iter().copied().collect();
            self.ask(&Request::Chunk { token, offset: (n * MAX_CHUNK) as u32, data })?;
        }
        self.ask(&Request::Commit { token })
    }
}

#[test]
fn a_host_that_cannot_ask_gets_no_answer_for_what_is_not_kept() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    let old = || {
        let stream = UnixStream::connect(device.path("socket")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut old = Old { stream, reader: FrameReader::new(), seq: 0 };
        let hello = old.ask(&Request::Hello { protocol: PROTOCOL, nonce: 1 });
        assert!(matches!(hello, Some(Response::Hello(_))), "{hello:?}");
        old
    };
    let mut host = old();
    assert!(matches!(host.swap(2), Some(Response::Swapped { .. })));
    break_disk(&device);
    assert_eq!(host.swap(3), None, "the connection ends instead");
    let mut host = old();
    let Some(Response::Happened(page)) = host.ask(&Request::Happened { from: 0 }) else { panic!("no page") };
    assert!(page.entries.iter().all(|entry| entry.what.edition() == 0), "{page:?}");
    mend_disk(&device);
    assert!(matches!(host.swap(3), Some(Response::Swapped { .. })), "the same one, on the disk this time");
    assert_eq!(device.cut_power().version(), Some(3));
}

/// Answers and kills: what was acknowledged comes up, in the real program.
#[test]
fn what_was_acknowledged_comes_up_after_a_kill() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    let mut acknowledged = 1;
    for round in 2..14 {
        device.start();
        let mut host = device.host();
        assert_eq!(host.version(), Some(acknowledged), "{round}");
        let broken = round % 3 == 0;
        if broken {
            break_disk(&device);
        }
        match swap(&mut host, round, AT_ONCE) {
            Ok(_) => acknowledged = round,
            Err(code) => assert_eq!((code, broken), (ErrorCode::NotKept, true)),
        }
        if broken {
            mend_disk(&device);
        }
        device.kill();
    }
    assert!(acknowledged >= 12, "{acknowledged}");
}

#[test]
fn a_slot_is_forgotten_and_a_newer_default_panel_is_told() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    assert_eq!(swap(&mut device.host(), 2, AT_ONCE), Ok(Some(())));
    // Not while it runs.
    let output = device.command().args(["--forget", "0"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("error[X1207]: "), "{said}");
    device.stop();
    fs::write(device.path("panel.xmap"), panel(3, AT_ONCE)).unwrap();
    device.start();
    device.says("module 0: hall, version 2, runs from its slot, and not hall, version 3, of ");
    let mut host = device.host();
    assert_eq!((host.version(), host.0.kept().unwrap().unwrap().newer_default), (Some(2), 1));
    device.stop();
    let output = device.command().args(["--forget", "0"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("module 0: its slot is forgotten"), "{said}");
    device.start();
    let mut host = device.host();
    assert_eq!((host.version(), host.0.kept().unwrap().unwrap().newer_default), (Some(3), 0));
}

#[test]
fn what_is_named_and_cannot_be_used_is_an_error() {
    let device = Device::new(&panel(1, AT_ONCE));
    let run = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = device.command();
        change(&mut command);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let check = |config: &str| {
        fs::write(device.path("xmapd.toml"), config).unwrap();
        run(&|command| _ = command.arg("--check"))
    };
    assert_eq!(check("realtime_priority = 0\n").0, Some(0));
    for (config, code) in [
        ("[link]\nkeys = '/no/such/keys'\n", "X1209"),
        (
            "[trust]\nroot = '00ff000000000000000000000000000000000000000000000000000000000001'\npolicy = '/no/policy'\n",
            "X1209",
        ),
        ("gpiochip = '/dev/no-such-chip'\n", "X1203"),
    ] {
        let (status, said) = check(config);
        assert!(status == Some(1) && said.contains(code), "{config}: {said}");
    }
    fs::write(device.path("xmapd.toml"), "realtime_priority = 0\n").unwrap();
    fs::write(device.path("panel.xmap"), "[module]\n").unwrap();
    for flag in [&["--check"][..], &[]] {
        let (status, said) = run(&|command| _ = command.args(flag));
        assert!(status == Some(1) && said.contains("X1210") && said.contains("xmap build"), "{said}");
    }
    fs::remove_file(device.path("panel.xmap")).unwrap();
    let (status, said) = run(&|_| ());
    assert!(status == Some(1) && said.contains("panel.xmap: cannot be read: "), "{said}");
    assert!(!device.path("registers").exists(), "nothing was touched");
}
