//! What the hosts of a world send: sealed images of two modules, good and bad, and policies.
//!
//! `hall` is a lamp on line 17 that is on as long as its module lives, in every version, running or safe, and
//! a fan on line 27 that is on while the module runs and off where it is safe.
//! `pump` sets line 23 once for each call of `pulse`, and at no other time.

use std::collections::BTreeMap;

use xmap_boards::{BoardId, Line, LineSet};
use xmap_image::{
    Confirm, Entry, Event, EventSource, Export, FaultPolicy, Function, HASH_WORD, Image, ImageBuilder, Keep,
    OnFault, Op, Persist, PinMode, PinRow, Pull, Safe, Ty, Word,
};
use xmap_trust::{MAX_POLICY_BYTES, OpClass, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy};

/// Where the link's images come from.
pub(crate) const WIRE: &str = "uart";
/// The modules' names, by number.
pub(crate) const NAMES: [&str; 2] = ["hall", "pump"];
/// The lamp of `hall`.
pub(crate) const LAMP: u8 = 17;
/// The fan of `hall`.
pub(crate) const FAN: u8 = 27;
/// The line of `pump`.
pub(crate) const PULSE: u8 = 23;
/// A line that the owner's key may not have.
const OTHER: u8 = 22;

/// What is wrong with an image, or how it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It counts as good once it runs.
    Good,
    /// A host has to confirm it within three seconds.
    Trial,
    /// It counts as good by itself after a second.
    Settles,
    /// Its `on_mount` says no.
    Refuses,
    /// Its `on_mount` traps.
    Traps,
    /// It has a trial, and traps in its timer meanwhile.
    Fails,
    /// Nobody has sealed it.
    Unsealed,
    /// A stranger has.
    Stranger,
    /// The owner's key is named, and has not signed it.
    Forged,
    /// It declares a line that its key may not have.
    Greedy,
    /// A bit of it is another one.
    Damaged,
    /// It is what it says, and goes to the other module's number.
    Misplaced,
}

impl Kind {
    /// Returns whether no device may run it.
    pub(crate) const fn is_bad(self) -> bool {
        matches!(
            self,
            Self::Refuses
                | Self::Traps
                | Self::Unsealed
                | Self::Stranger
                | Self::Forged
                | Self::Greedy
                | Self::Damaged
                | Self::Misplaced
        )
    }
}

/// Everything that was made so far, by what it is: signing takes the most of a world's time.
#[derive(Default)]
pub(crate) struct Images {
    images: BTreeMap<(u8, u32, Kind), Vec<u8>>,
    policies: BTreeMap<u32, Vec<u8>>,
}

impl Images {
    /// Returns an image of a module, its seal behind it.
    pub(crate) fn image(&mut self, module: u8, version: u32, kind: Kind) -> &[u8] {
        self.images.entry((module, version, kind)).or_insert_with(|| sealed(module, version, kind))
    }

    /// Returns a signed policy of this version. All of them allow the same.
    pub(crate) fn policy(&mut self, version: u32) -> &[u8] {
        self.policies.entry(version).or_insert_with(|| signed(version))
    }
}

/// The key that policies are signed with.
pub(crate) fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

/// The hash that an image's header has, whatever the image is.
pub(crate) fn stated_hash(image: &[u8]) -> [u8; 32] {
    let at = HASH_WORD * 4;
    image.get(at..at + 32).and_then(|hash| hash.try_into().ok()).unwrap_or_default()
}

fn signer() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn signed(version: u32) -> Vec<u8> {
    let key = TrustedKey {
        key: signer().public(),
        origins: [WIRE.try_into().expect("short")].into_iter().collect(),
        modules: NAMES.map(|name| name.try_into().expect("short")).into_iter().collect(),
        boards: [BoardId::Rpi4b as u16].into_iter().collect(),
        lines: LineSet::from_bits(1 << LAMP | 1 << FAN | 1 << PULSE),
        ops: OpClass::GpioWrite.bit() | OpClass::TimeDelay.bit(),
    };
    let policy = TrustPolicy { version, keys: [key].into_iter().collect(), ..TrustPolicy::default() };
    sign_policy(&policy, &root(), &mut [0; MAX_POLICY_BYTES]).expect("it fits").to_vec()
}

fn sealed(module: u8, version: u32, kind: Kind) -> Vec<u8> {
    let words = image(module, version, kind);
    let image = Image::verify(&words).expect("an image by the book");
    let mut bytes = image.bytes().to_vec();
    let key = if kind == Kind::Stranger { SecretKey::from_seed(&[9; 32]) } else { signer() };
    if kind != Kind::Unsealed {
        let seal = seal(&image, WIRE, &key).expect("it has a manifest");
        bytes.extend(seal.to_words().iter().flat_map(|word| word.to_le_bytes()));
    }
    if kind == Kind::Forged {
        // The signature stands last.
        let last = bytes.len() - 1 - version as usize % 64;
        bytes[last] ^= 1 << (version % 8);
    }
    if kind == Kind::Damaged {
        let at = 64 + version as usize * 13 % (bytes.len() - 64);
        bytes[at] ^= 1 << (version % 8);
    }
    bytes
}

fn image(module: u8, version: u32, kind: Kind) -> Vec<Word> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    let name = NAMES[usize::from(module) % 2];
    b.manifest.module = name;
    b.version = version;
    b.globals = vec![0];
    let pins = if module == 0 { &[(LAMP, Safe::High), (FAN, Safe::Low)][..] } else { &[(PULSE, Safe::Low)] };
    let other = (kind == Kind::Greedy).then_some((OTHER, Safe::Low));
    for (line, safe) in other.iter().chain(pins) {
        b.pins.push(PinRow::new(Line::new(*line).expect("a line"), PinMode::Out, *safe, Pull::None));
    }
    let set = |line: u8| Op::LineSet.abc(line, 0, 0);
    let (trap, ret) = (Op::Unreachable.abc(0, 0, 0), Op::Ret.abc(0, 0, 0));
    let mut code = |name: &str, key: String, results: &[Ty], code: &[Word]| {
        let results_len = results.len() as u8;
        let function = b.add(Function { frame: 16, params: 0, results: results_len, code: code.to_vec() });
        let entry = Entry::Code { function, fuel: 1000 };
        b.exports.push(Export { key, name: name.into(), params: vec![], results: results.to_vec(), entry });
    };
    let key = |export: &str| format!("{name}.{export}");
    let result = |value: u16| Op::Const32.a16(1, value);
    let mut mount = if module == 0 { vec![set(LAMP), set(FAN)] } else { vec![] };
    match kind {
        Kind::Refuses => mount.extend([result(3), ret]),
        Kind::Traps => mount.extend([trap, ret]),
        _ => mount.extend([result(0), ret]),
    }
    code("on_mount", "on_mount".into(), &[Ty::I32], &mount);
    // A count that outlives swaps and, in most versions, restarts.
    let [get, one, add, put] =
        [Op::GlobalGet.a16(1, 0), Op::Const32.a16(2, 1), Op::Add32.abc(1, 1, 2), Op::GlobalSet.a16(1, 0)];
    let tick = if kind == Kind::Fails { vec![trap, ret] } else { vec![get, one, add, put, ret] };
    code("tick", key("tick"), &[], &tick);
    code("trip", key("trip"), &[], &[trap, ret]);
    code("spin", key("spin"), &[], &[Op::Br.a24(-1), ret]);
    if module == 1 {
        code("pulse", key("pulse"), &[], &[set(PULSE), ret]);
    }
    let mut keys: Vec<&str> = b.exports.iter().map(|export| export.key.as_str()).collect();
    keys.sort_unstable();
    let tick = keys.iter().position(|key| key.ends_with(".tick")).expect("it is there") as u16;
    let event = Event { export: tick, source: EventSource::Every { every_us: 50_000 } };
    assert!(b.manifest.events.push(event).is_ok());
    let faults = [OnFault::Hold, OnFault::Safe, OnFault::Restart];
    let persists = [Persist::AsConfigured, Persist::EveryS(60), Persist::Never];
    let (confirm_ms, confirm) = match kind {
        Kind::Trial | Kind::Fails => (3000, Confirm::Host),
        Kind::Settles => (1000, Confirm::Device),
        _ => (0, Confirm::Device),
    };
    b.manifest.policy = FaultPolicy {
        on_trap: faults[version as usize % 3],
        on_fuel: faults[version as usize / 3 % 3],
        restarts: (version % 4) as u8,
        coalesce: true,
        confirm_ms,
        confirm,
        layout: 1,
        keep: [Keep::Global(0)].into_iter().collect(),
        persist: persists[version as usize / 2 % 3],
        ..FaultPolicy::default()
    };
    b.build().expect("an image by the book")
}
