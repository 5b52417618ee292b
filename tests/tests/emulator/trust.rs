//! A release build on the emulated Pi: a `kernel8.img` with a policy compiled in, as
//! `cargo xtask image --policy` lays it out.

use std::io::Write as _;
use std::sync::OnceLock;

use heapless::Vec as Few;
use tempfile::NamedTempFile;
use xmap::text::rejection_text;
use xmap_boards::{Bank, BoardId, Line, LineSet};
use xmap_client::{Client, Options, PortName, Swapped};
use xmap_image::{
    Entry, Event, EventSource, Export, ImageBuilder, Op, OwnedImage, PinMode, PinRow, Pull, Safe, Ty,
};
use xmap_link::{Export as Named, ImageState, Life, POLICY_CODES, PolicyState, Role, features};
use xmap_tools::emulator::{Emulator, Machine};
use xmap_tools::firmware::{self, Built, Owner, Program};
use xmap_trust::{MAX_POLICY_BYTES, OpClass, Seal, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy};

use crate::access;
use crate::board::{bytes, patient, until};

const LAMP: u32 = 1 << 17;
/// Numbers of the Raspberry Pi's boot loader.
const SD: u32 = 1;
pub(crate) const USB: u32 = 4;

pub(crate) fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn signer() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn policy(version: u32) -> TrustPolicy {
    let key = TrustedKey {
        key: signer().public(),
        origins: Few::from_slice(&["usb".try_into().unwrap(), "uart".try_into().unwrap()]).unwrap(),
        modules: Few::from_slice(&["hall".try_into().unwrap(), "pump".try_into().unwrap()]).unwrap(),
        boards: Few::from_slice(&[BoardId::Rpi4b as u16]).unwrap(),
        lines: LineSet::of_bank(Bank::Zero, LAMP | 1 << 22),
        ops: OpClass::GpioWrite.bit(),
    };
    let mut policy = TrustPolicy { version, ..TrustPolicy::default() };
    policy.keys.push(key).unwrap();
    policy
}

fn signed(policy: &TrustPolicy) -> Vec<u8> {
    sign_policy(policy, &root(), &mut [0; MAX_POLICY_BYTES]).unwrap().to_vec()
}

/// The release build, made once: its link answers those who have a key of `crate::access`.
pub(crate) fn release() -> &'static Built {
    static RELEASE: OnceLock<Built> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&signed(&policy(3))).unwrap();
        let (owner, opened) = Owner::read(file.path(), &root().public().to_string()).unwrap();
        assert_eq!(opened, policy(3));
        let keys = access::keys_file();
        firmware::build_with(Program::Firmware, owner, Some(keys.path()))
            .unwrap_or_else(|error| panic!("{error:#}"))
    })
}

/// A module with a lamp on `line`, and a timer that counts in nothing but the device's own counters.
pub(crate) fn module(name: &'static str, version: u32, line: u8) -> OwnedImage {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.version = version;
    builder.manifest.module = name;
    builder.pins = vec![PinRow::new(Line::new(line).unwrap(), PinMode::Out, Safe::Low, Pull::None)];
    let export = |export: &str, params: &[Ty], first| Export {
        key: format!("{name}.{export}"),
        name: export.to_owned(),
        params: params.to_vec(),
        results: vec![],
        entry: Entry::Direct { first, second: 0 },
    };
    builder.exports = vec![
        export("lamp", &[Ty::Bool], Op::LinePut.abc(line, 1, 0)),
        export("tick", &[], Op::LineSet.abc(line, 0, 0)),
    ];
    let source = EventSource::Every { every_us: 10_000 };
    builder.manifest.events = [Event { export: 1, source }].into_iter().collect();
    OwnedImage::new(builder.build().unwrap()).unwrap()
}

pub(crate) fn sealed(image: &OwnedImage, origin: &str) -> (Seal, Vec<u8>) {
    let image = image.image();
    let seal = seal(&image, origin, &signer()).unwrap();
    (seal.clone(), [bytes(image.words()), bytes(&seal.to_words())].concat())
}

struct Board {
    client: Client,
    _emulator: Emulator,
}

/// Boots the release build with these bytes beside it, from where the boot loader says.
fn boot(panel: &[u8], boot_mode: Option<u32>) -> Board {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(panel).unwrap();
    let machine = Machine { panel: Some(file.path()), boot_mode, ..Machine::new(release()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = emulator.listen().unwrap();
    let name = PortName::Tcp { host: "127.0.0.1".into(), port };
    let options = Options { key: Some(access::secret(Role::Own)), ..patient() };
    let client = Client::connect(&name, &options).unwrap_or_else(|error| panic!("{error}"));
    Board { client, _emulator: emulator }
}

impl Board {
    /// The line of the latest image that was refused.
    fn refused(&mut self) -> String {
        rejection_text(&self.client.trust().unwrap().unwrap().last.unwrap())
    }

    fn stores(&mut self) -> u32 {
        self.client.status().unwrap().trace_next
    }

    fn lamp_is_on(&mut self) -> bool {
        self.client.levels().unwrap()[0] & LAMP != 0
    }

    fn life(&mut self, module: u8) -> Life {
        self.client.module(module).unwrap().unwrap().life
    }

    /// Sends an image with its seal; the line where it is refused.
    fn swap(&mut self, image: &OwnedImage, seal: Option<&Seal>) -> Result<Swapped, String> {
        let switch = self.client.swap_sealed(0, &image.image(), seal, &mut |_| ()).unwrap();
        switch.map_err(|state| {
            let rejection = self.client.rejection(&state).unwrap_or_else(|| panic!("{state:?}"));
            rejection_text(&rejection)
        })
    }
}

#[test]
fn a_release_boots_what_is_sealed_for_its_medium_and_nothing_else() {
    let hall = module("hall", 7, 17);
    let (_, from_usb) = sealed(&hall, "usb");
    let mut damaged = from_usb.clone();
    damaged[100] ^= 1;
    for (panel, mode, line) in [
        (bytes(hall.image().words()), Some(USB), "reject: no seal"),
        (damaged, Some(USB), "reject: hash mismatch"),
        (from_usb.clone(), Some(SD), "reject: untrusted origin sd"),
        (from_usb.clone(), None, "reject: untrusted origin boot"),
        (sealed(&hall, "sd").1, Some(SD), "reject: untrusted origin sd"),
    ] {
        let mut board = boot(&panel, mode);
        assert_eq!(board.client.hello().features & features::TRUST, features::TRUST);
        assert_eq!(board.refused(), line);
        let state = board.client.status().unwrap().image;
        assert!(matches!(state, ImageState::Rejected { code, .. } if code > POLICY_CODES), "{state:?}");
        assert_eq!((board.stores(), board.life(0)), (0, Life::Unloaded), "{line}: no register was written");
    }
    let mut board = boot(&from_usb, Some(USB));
    assert_eq!((board.life(0), board.client.trust().unwrap().unwrap().rejected), (Life::Running, 0));
}

#[test]
fn a_bundle_of_sealed_images_boots_and_one_without_a_seal_is_left_out() {
    let (hall, pump) = (module("hall", 7, 17), module("pump", 1, 22));
    let bundle = [sealed(&hall, "usb").1, sealed(&pump, "usb").1].concat();
    let mut board = boot(&bundle, Some(USB));
    assert_eq!([0, 1].map(|n| board.life(n)), [Life::Running, Life::Running]);
    drop(board);
    let half = [bytes(hall.image().words()), sealed(&pump, "usb").1].concat();
    let mut board = boot(&half, Some(USB));
    assert_eq!([0, 1].map(|n| board.life(n)), [Life::Unloaded, Life::Running]);
    assert_eq!(board.refused(), "reject: no seal");
}

#[test]
fn a_release_swaps_what_is_sealed_refuses_what_is_old_and_stops_what_is_revoked() {
    let (seventh, eighth) = (module("hall", 7, 17), module("hall", 8, 17));
    let mut board = boot(&sealed(&seventh, "usb").1, Some(USB));
    board.client.call(&Named::name("lamp").unwrap(), &[1]).unwrap();
    assert_eq!(board.swap(&eighth, None).unwrap_err(), "reject: no seal");
    assert_eq!(
        board.swap(&eighth, Some(&sealed(&eighth, "usb").0)).unwrap_err(),
        "reject: untrusted origin uart"
    );
    assert_eq!(board.swap(&eighth, Some(&sealed(&seventh, "uart").0)).unwrap_err(), "reject: hash mismatch");
    assert_eq!(board.swap(&eighth, Some(&sealed(&eighth, "uart").0)).unwrap().generation, 2);
    assert_eq!(board.client.confirm(0).map_err(drop), Ok(()));
    assert!(board.lamp_is_on());
    // Neither back nor down.
    let back = board.client.rollback(0).unwrap().unwrap_err();
    assert_eq!(rejection_text(&board.client.rejection(&back).unwrap()), "reject: rollback 7 < 8");
    let old = board.swap(&seventh, Some(&sealed(&seventh, "uart").0)).unwrap_err();
    assert_eq!(old, "reject: rollback 7 < 8");
    assert!(board.lamp_is_on() && board.life(0) == Life::Running);
    assert_eq!(board.client.trust().unwrap().unwrap().rejected, 5);

    // Its owner revokes it, while its timer keeps the lamp on.
    let mut next = policy(4);
    next.revoked_images.push(eighth.image().hash()).unwrap();
    let state = board.client.send_policy(&signed(&next), &mut |_| ()).unwrap();
    assert_eq!(state, PolicyState::Taken { version: 4, stopped: 1 });
    assert!(!board.lamp_is_on(), "safe is low");
    let stores = board.stores();
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!((board.stores(), board.life(0)), (stores, Life::Unloaded), "not one op behind the answer");
    let again = board.swap(&eighth, Some(&sealed(&eighth, "uart").0)).unwrap_err();
    assert_eq!(again, "reject: revoked");
    let older = board.client.send_policy(&signed(&policy(3)), &mut |_| ()).unwrap();
    assert_eq!(older, PolicyState::Refused { code: 5, details: [3, 4] });
    let ninth = module("hall", 9, 17);
    board.swap(&ninth, Some(&sealed(&ninth, "uart").0)).unwrap();
    until("the tick that lights the lamp", || board.lamp_is_on());
}

#[test]
fn a_policy_that_another_key_signed_is_not_built_in() {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&signed(&policy(3))).unwrap();
    let other = signer().public().to_string();
    let error = Owner::read(file.path(), &other).unwrap_err();
    assert!(error.to_string().contains("not signed by the owner's key"), "{error:#}");
    assert!(Owner::read(file.path(), "12").is_err());
}
