//! Who may ask, and whose images are taken: role keys, an owner's policy, and what the disk remembers of
//! both.

mod common;

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use common::{Device, HELD, LOW, guarded, keyed, panel, secret, with_key};
use xmap_boards::{BoardId, RPI4B};
use xmap_client::{Client, ErrorCode, Options};
use xmap_image::OwnedImage;
use xmap_link::limits::MAX_PAYLOAD;
use xmap_link::{ImageState, Life, PolicyState, features};
use xmap_trust::{MAX_POLICY_BYTES, OpClass, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy};

#[test]
fn without_a_key_nothing_but_a_greeting_is_answered() {
    let mut device = guarded();
    device.start();
    // A stranger learns that the device is guarded, and no more.
    let stranger = Client::connect(&device.port(), &Options::default());
    let refused = match stranger {
        Ok(mut client) => client.status().expect_err("a key is required"),
        Err(error) => error,
    };
    assert!(refused.code as u16 / 100 == 9, "{refused}");
    assert!(Client::connect(&device.port(), &with_key(9)).and_then(|mut client| client.status()).is_err());
    let mut owner = common::Host(Client::connect(&device.port(), &with_key(2)).unwrap());
    assert_eq!(owner.0.hello().features & features::GUARDED, features::GUARDED);
    owner.call("held", &[1]);
    assert_eq!(device.levels() & HELD, HELD);
    // One who may look may not touch, side by side with the owner, whose session goes on.
    let mut observer = common::Host(Client::connect(&device.port(), &with_key(1)).unwrap());
    assert_eq!(observer.version(), Some(1));
    let image = OwnedImage::from_bytes(&panel(2, "")).unwrap();
    assert!(observer.0.swap(0, &image.image(), &mut |_| ()).is_err());
    owner.call("held", &[0]);
    assert_eq!((device.levels() & HELD, owner.version()), (0, Some(1)));
}

#[test]
fn keys_that_everybody_may_read_are_no_keys() {
    let device = guarded();
    fs::set_permissions(device.path("role.keys"), Permissions::from_mode(0o644)).unwrap();
    let output = device.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[X1209]: ") && said.contains("everybody may use it (mode 644)"), "{said}");
    assert!(!device.path("registers").exists(), "no register was touched");
    fs::write(device.path("role.keys"), "no keys").unwrap();
    fs::set_permissions(device.path("role.keys"), Permissions::from_mode(0o600)).unwrap();
    let output = device.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[X1209]: ") && said.contains("not a table of role keys"), "{said}");
}

fn signer() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

fn root() -> SecretKey {
    SecretKey::from_seed(&[6; 32])
}

/// A panel with the signer's seal.
fn sealed(version: u32, origin: &str) -> Vec<u8> {
    let image = panel(version, "confirm_ms = 0");
    let seal = seal(&OwnedImage::from_bytes(&image).unwrap().image(), origin, &signer()).unwrap();
    let words = seal.to_words();
    [image, words.iter().flat_map(|word| word.to_le_bytes()).collect()].concat()
}

/// The owner's policy: the signer is trusted, and these images are not.
fn policy(version: u32, revoked: &[[u8; 32]]) -> Vec<u8> {
    let mut policy = TrustPolicy { version, ..TrustPolicy::default() };
    policy.revoked_images.extend(revoked.iter().copied());
    let key = TrustedKey {
        key: signer().public(),
        origins: ["file", "unix"].map(|origin| origin.try_into().unwrap()).into_iter().collect(),
        modules: ["hall".try_into().unwrap()].into_iter().collect(),
        boards: [BoardId::Rpi4b as u16].into_iter().collect(),
        lines: RPI4B.all_lines(),
        ops: OpClass::ALL.iter().fold(0, |all, class| all | class.bit()),
    };
    policy.keys.push(key).unwrap();
    let mut buffer = [0; MAX_POLICY_BYTES];
    sign_policy(&policy, &root(), &mut buffer).unwrap().to_vec()
}

/// A device with an owner, who trusts the signer and is the one who asks.
fn owned(panel: &[u8]) -> Device {
    let mut device = Device::new(panel);
    device.key = Some(secret(2));
    let keys = keyed(&device);
    fs::write(device.path("policy"), policy(1, &[])).unwrap();
    let config = format!(
        "realtime_priority = 0\n{keys}[trust]\nroot = '{}'\npolicy = '{}'\n",
        root().public(),
        device.path("policy").display()
    );
    fs::write(device.path("xmapd.toml"), config).unwrap();
    device
}

#[test]
fn an_owners_device_takes_sealed_images_and_never_an_older_one() {
    let mut device = owned(&sealed(3, "file"));
    device.start();
    let mut host = device.host();
    assert_eq!((host.version(), host.life()), (Some(3), Life::Running));
    let image = OwnedImage::from_bytes(&panel(4, "")).unwrap();
    let outcome = host.0.swap(0, &image.image(), &mut |_| ()).unwrap();
    assert!(matches!(outcome, Err(ImageState::Rejected { .. })), "no seal: {outcome:?}");
    assert_eq!(host.version(), Some(3));
    let folder = device.path("state");
    device.until("what is remembered", || common::has(&folder, "trust.a"));
    device.kill();
    // Neither without a seal, nor from elsewhere, nor an older version, whatever the file has.
    for (panel, what) in
        [(panel(5, ""), "no seal"), (sealed(5, "unix"), "origin"), (sealed(2, "file"), "rollback 2 < 3")]
    {
        fs::write(device.path("panel.xmap"), panel).unwrap();
        device.start();
        assert_eq!(device.host().version(), None, "{what}");
        device.says(what);
        device.kill();
    }
    fs::write(device.path("panel.xmap"), sealed(4, "file")).unwrap();
    device.start();
    assert_eq!(device.host().version(), Some(4));
}

/// A swap brings its seal along, which a restart looks at again; a policy that was sent outlives the restart,
/// and what it revokes does not come back.
#[test]
fn a_sealed_swap_and_a_policy_that_is_sent_outlive_a_restart() {
    let mut device = owned(&sealed(3, "file"));
    device.start();
    let image = OwnedImage::from_bytes(&panel(4, "confirm_ms = 0")).unwrap();
    let seal = seal(&image.image(), "unix", &signer()).unwrap();
    let mut host = device.host();
    let switch = host.0.swap_sealed(0, &image.image(), Some(&seal), &mut |_| ()).unwrap();
    assert!(switch.is_ok(), "{switch:?}");
    let mut host = device.cut_power();
    assert_eq!(host.version(), Some(4));
    host.call("held", &[1]);
    host.call("low", &[1]);
    let state = host.0.send_policy(&policy(2, &[image.image().hash()]), &mut |_| ()).unwrap();
    assert_eq!(state, PolicyState::Taken { version: 2, stopped: 1 });
    assert_eq!((host.version(), device.levels() & LOW), (None, 0), "it has run its last op, and is safe");
    assert_eq!(device.cut_power().version(), None, "revoked in its slot, and the default panel is older");
    device.says("policy 2 holds");
    device.says("revoked");
}

/// A release on bare metal is the same.
#[test]
fn an_owners_device_without_keys_answers_nobody() {
    let mut device = owned(&sealed(3, "file"));
    let config = fs::read_to_string(device.path("xmapd.toml")).unwrap();
    let (before, trust) = config.split_once("[link]").unwrap();
    let trust = &trust[trust.find("[trust]").unwrap()..];
    fs::write(device.path("xmapd.toml"), format!("{before}{trust}")).unwrap();
    device.start();
    device.says("CLOSED device");
    let mut stranger = Client::connect(&device.port(), &Options::default()).unwrap();
    assert_eq!(stranger.status().unwrap_err().code, ErrorCode::KeyRequired);
    let owner = Client::connect(&device.port(), &with_key(2)).err().unwrap();
    assert_eq!(owner.code, ErrorCode::KeyUnknown);
}

#[test]
fn a_policy_that_does_not_open_lets_no_image_in() {
    let mut device = owned(&sealed(3, "file"));
    let mut policy = fs::read(device.path("policy")).unwrap();
    policy[20] ^= 1;
    fs::write(device.path("policy"), policy).unwrap();
    device.start();
    assert_eq!(device.host().version(), None);
    device.says("no image is taken until a policy comes");
}

/// What systemd hears: ready, alive, stopping.
#[test]
fn the_manager_is_told() {
    let mut device = Device::new(&panel(1, ""));
    let at = device.path("notify");
    let manager = UnixDatagram::bind(&at).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut buffer = [0; MAX_PAYLOAD];
        let count = manager.recv(&mut buffer).unwrap();
        let mut text = String::new();
        (&buffer[..count]).read_to_string(&mut text).unwrap();
        text
    };
    let mut command = device.command();
    command.env("NOTIFY_SOCKET", &at).env("WATCHDOG_USEC", "200000");
    // Before it starts: what it says may wait here for a while.
    let start = Instant::now();
    device.start_as(command);
    let mut said = vec![heard()];
    assert!(said[0].contains("READY=1") && said[0].contains("1 of 4 modules mounted"), "{said:?}");
    while said.len() < 6 {
        said.push(heard());
    }
    assert!(said[1..].iter().all(|text| text.trim() == "WATCHDOG=1"), "{said:?}");
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "five signs of life take four times 100 ms, less a first one"
    );
    device.stop();
    let mut rest = Vec::new();
    manager.set_nonblocking(true).unwrap();
    let mut buffer = [0; 512];
    while let Ok(count) = manager.recv(&mut buffer) {
        rest.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    assert!(rest.iter().any(|text| text.contains("STOPPING=1")), "{rest:?}");
}
