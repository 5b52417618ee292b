//! A device that has an owner, and what the owner's people send it.

use heapless::Vec as Few;
use xmap_boards::{BoardId, LineSet};
use xmap_device::{Device, Failure, Memory, Owned, Volatile};
use xmap_image::{
    Confirm, EventSource, FaultPolicy as Manifest, Image, Keep, Op, PinMode, Pull, Safe, Ty, Word,
};
use xmap_link::{PolicyState, Refusal};
use xmap_sim::{Heap, SimBoard};
use xmap_trust::{MAX_POLICY_BYTES, OpClass, SecretKey, TrustPolicy, TrustedKey, seal, sign_policy};

use crate::common::{Says, Small, bytes, put, ret, room};

pub(crate) const TOKEN: u32 = 7;
/// Where the link's images come from here.
pub(crate) const WIRE: &str = "uart";

pub(crate) type Own<M = Volatile> = Device<Heap, SimBoard, Owned<M>>;

pub(crate) fn root() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

/// The key that seals the module `hall`.
pub(crate) fn signer() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// Adds 1 to the first global.
pub(crate) fn counts() -> [Word; 5] {
    [Op::GlobalGet.a16(1, 0), Op::Const32.a16(2, 1), Op::Add32.abc(1, 1, 2), Op::GlobalSet.a16(1, 0), ret()]
}

/// A lamp that a timer and hosts switch, an output that is safe when it is high, and hooks that drive both:
/// what runs of it when it goes, shows in the stores.
pub(crate) fn hall(version: u32) -> Small {
    let mut small = Small::new()
        .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
        .pin(22, "valve", PinMode::Out, Safe::High, Pull::None)
        .direct("lamp", &[Ty::Bool], &[], Op::LinePut.abc(17, 1, 0))
        .code("work", &[], &[], &[put(17, true), put(22, false), ret()])
        .code("on_unmount", &[], &[], &[Op::LineToggle.abc(17, 0, 0), ret()])
        .code("export_cleanup", &[Ty::U32], &[], &[Op::LineToggle.abc(17, 0, 0), ret()])
        .code("ticks", &[], &[Ty::U32], &[Op::GlobalGet.a16(1, 0), ret()])
        .code("tick", &[], &[], &counts())
        .named("hall");
    small.0.globals = vec![0];
    small.0.version = version;
    small.on("tick", EventSource::Every { every_us: 1000 })
}

/// With a trial of so many milliseconds.
pub(crate) fn on_trial(version: u32, confirm_ms: u32, confirm: Confirm) -> Small {
    let keep = [Keep::Global(0)].into_iter().collect();
    hall(version).policy(Manifest { layout: 5, keep, confirm_ms, confirm, ..Manifest::default() })
}

/// An image with its seal behind it.
pub(crate) fn sealed_by(small: &Small, origin: &str, key: &SecretKey) -> Vec<u8> {
    let mut all = bytes(small);
    let words = small.words();
    let seal = seal(&Image::verify(&words).unwrap(), origin, key).unwrap();
    all.extend(seal.to_words().iter().flat_map(|word| word.to_le_bytes()));
    all
}

pub(crate) fn sealed(small: &Small) -> Vec<u8> {
    sealed_by(small, WIRE, &signer())
}

/// Returns what [`signer`] may: `hall`, over the wire and from a stick.
pub(crate) fn policy() -> TrustPolicy {
    let key = TrustedKey {
        key: signer().public(),
        origins: Few::from_slice(&[WIRE.try_into().unwrap(), "usb".try_into().unwrap()]).unwrap(),
        modules: Few::from_slice(&["hall".try_into().unwrap(), "pump".try_into().unwrap()]).unwrap(),
        boards: Few::from_slice(&[BoardId::Rpi4b as u16]).unwrap(),
        lines: LineSet::from_bits(1 << 17 | 1 << 22 | 1 << 23),
        ops: OpClass::GpioWrite.bit(),
    };
    let mut policy = TrustPolicy { version: 3, ..TrustPolicy::default() };
    policy.keys.push(key).unwrap();
    policy
}

pub(crate) fn signed_by(policy: &TrustPolicy, key: &SecretKey) -> Vec<u8> {
    sign_policy(policy, key, &mut [0; MAX_POLICY_BYTES]).unwrap().to_vec()
}

pub(crate) fn signed(policy: &TrustPolicy) -> Vec<u8> {
    signed_by(policy, &root())
}

pub(crate) fn with_memory<M: Memory>(policy: &TrustPolicy, memory: M) -> Own<M> {
    let owner = Owned::new(root().public(), &signed(policy), memory).unwrap();
    Device::with_trust(SimBoard::new(), core::array::from_fn(|_| [room(), room()]), owner)
}

pub(crate) fn device(policy: &TrustPolicy) -> Own {
    with_memory(policy, Volatile::default())
}

/// A device with this image in module 0, its lamp on.
pub(crate) fn running(small: &Small) -> Own {
    let mut device = device(&policy());
    device.install_from(0, &sealed(small), WIRE).unwrap();
    crate::common::call(&mut device, "work", &[]).unwrap();
    device
}

/// The hash in an image's header, whatever stands there.
pub(crate) fn stated_hash(image: &[u8]) -> [u8; 32] {
    let at = xmap_image::HASH_WORD * 4;
    image.get(at..at + 32).map_or([0; 32], |hash| hash.try_into().unwrap())
}

/// Sends an image as a host does; what came of it.
pub(crate) fn swap<M: Memory>(
    device: &mut Own<M>,
    module: u8,
    image: &[u8],
) -> Result<Result<u8, Failure>, Refusal> {
    let mut next = device.begin_from(module, image.len() as u32, stated_hash(image), TOKEN, WIRE)?;
    for chunk in image.chunks(448) {
        next = device.chunk(TOKEN, next, chunk)?;
    }
    device.commit(TOKEN)
}

/// The line that an operator reads of an image that was refused.
pub(crate) fn line_of(outcome: Result<Result<u8, Failure>, Refusal>) -> String {
    match outcome {
        Ok(Err(failure @ Failure::Trust(_))) => failure.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Sends a policy as a host does.
pub(crate) fn send<M: Memory>(device: &mut Own<M>, signed: &[u8]) -> Result<PolicyState, Refusal> {
    let mut next = device.begin_policy(signed.len() as u32, TOKEN)?;
    for chunk in signed.chunks(448) {
        next = device.chunk(TOKEN, next, chunk)?;
    }
    assert!(device.is_policy(TOKEN));
    device.commit_policy(TOKEN)
}
