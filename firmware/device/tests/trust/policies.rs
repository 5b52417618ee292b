//! Policies that come while the device works.

use xmap_boards::Line;
use xmap_device::{Device, HostId, Memory, NotCalled, NotKept, Owned, SILENCE_US, Volatile};
use xmap_image::{Confirm, Op, PinMode, Pull, Safe};
use xmap_link::{DeviceEventKind, Life, PolicyState, Refusal};
use xmap_sim::SimBoard;
use xmap_trust::{MAX_POLICY_BYTES, MinimumVersion, PolicyError, SecretKey, TrustPolicy};

use crate::common::{Small, call, happened, pass, room, small_named, stores};
use crate::owner::*;

fn next(change: impl FnOnce(&mut TrustPolicy)) -> Vec<u8> {
    let mut policy = TrustPolicy { version: 4, ..policy() };
    change(&mut policy);
    signed(&policy)
}

fn taken(stopped: u8) -> Result<PolicyState, Refusal> {
    Ok(PolicyState::Taken { version: 4, stopped })
}

fn why(state: Result<PolicyState, Refusal>) -> PolicyError {
    match state {
        Ok(PolicyState::Refused { code, details }) => PolicyError::from_parts(code, details).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The bound that docs/security.md states: none of its ops behind the answer to the commit.
#[test]
fn a_revoked_module_runs_no_op_any_more_and_its_outputs_are_safe() {
    let image = sealed(&hall(7));
    let by_hash = next(|policy| policy.revoked_images.push(stated_hash(&image)).unwrap());
    let by_key = next(|policy| policy.revoked_keys.push(signer().public().id()).unwrap());
    let by_version = next(|policy| {
        let module = "hall".try_into().unwrap();
        policy.minimum_versions.push(MinimumVersion { module, version: 8 }).unwrap();
    });
    let by_silence = next(|policy| policy.keys.clear());
    for (policy, line) in [
        (by_hash, "reject: revoked"),
        (by_key, "reject: revoked"),
        (by_version, "reject: rollback 7 < 8"),
        (by_silence, "reject: unknown key"),
    ] {
        let mut device = running(&hall(7));
        let export = device.find("work").unwrap();
        let handle = device.bind(HostId::LOCAL, export).unwrap();
        // Events of it wait: they are not given to it any more.
        device.board_mut().advance(2500);
        let (from, refused) = (device.board().accesses().count(), device.trust_status().rejected);
        assert_eq!(send(&mut device, &policy), taken(1));
        assert_eq!(device.trust_status().rejected, refused + 1);
        assert_eq!(device.next_wake_us(), u64::MAX, "its timer is gone");
        // The stores of its safe state, and none of its own: `on_unmount` and `export_cleanup` toggle the
        // lamp.
        assert_eq!(stores(device.board(), from), ["GPCLR0 0x00020000", "GPSET0 0x00400000"]);
        let counters = device.counters(0);
        pass(&mut device, 1_000_000);
        assert_eq!(stores(device.board(), from).len(), 2);
        assert_eq!(device.counters(0), counters);
        assert_eq!(device.life(0), Life::Unloaded);
        assert!(happened(&device).iter().any(|what| matches!(what, DeviceEventKind::Disallowed { .. })));
        // Not by a call, a handle, a reset or a way back; not again by a swap.
        assert_eq!(call(&mut device, "work", &[]), Err(NotCalled::Unknown));
        assert_eq!(device.call_handle(HostId::LOCAL, handle, &[], &mut []), Err(NotCalled::Stale));
        assert_eq!(device.reset(0), Err(Refusal::NoImage));
        assert!(matches!(device.rollback(0), Err(Refusal::NoPrevious)));
        assert_eq!(line_of(swap(&mut device, 0, &image)), line);
        assert_eq!(line_of(swap(&mut device, 3, &image)), line);
        device.heard();
        pass(&mut device, 1_000_000);
        assert_eq!(stores(device.board(), from).len(), 2);
        assert!(
            !device.board().is_high(Line::new(17).unwrap()) && device.board().is_high(Line::new(22).unwrap())
        );
    }
}

#[test]
fn a_module_beside_a_revoked_one_goes_on() {
    let mut device = running(&hall(7));
    device.install_from(1, &sealed(&small_named("pump", 1)), WIRE).unwrap();
    let calls = device.calls().0;
    let export = device.find("work").unwrap();
    let handle = device.bind(HostId::LOCAL, export).unwrap();
    let image = stated_hash(&sealed(&hall(7)));
    assert_eq!(send(&mut device, &next(|policy| policy.revoked_images.push(image).unwrap())), taken(1));
    assert_eq!(device.calls().0, calls, "what was counted stays counted");
    assert_eq!([device.life(0), device.life(1)], [Life::Unloaded, Life::Running]);
    assert!(call(&mut device, "pump.beat", &[]).is_ok());
    // Another image of the owner takes the place.
    swap(&mut device, 0, &sealed(&hall(8))).unwrap().unwrap();
    assert_eq!(device.life(0), Life::Running);
    assert_eq!(
        device.call_handle(HostId::LOCAL, handle, &[], &mut []),
        Err(NotCalled::Stale),
        "it was the other image's"
    );
    // The other one goes by itself, too.
    let pump = stated_hash(&sealed(&small_named("pump", 1)));
    let fifth = signed(&TrustPolicy { version: 5, revoked_images: [pump].into_iter().collect(), ..policy() });
    assert_eq!(send(&mut device, &fifth), Ok(PolicyState::Taken { version: 5, stopped: 1 << 1 }));
    assert_eq!([device.life(0), device.life(1)], [Life::Running, Life::Unloaded]);
}

#[test]
fn what_was_taken_away_or_not_taken_is_not_there_for_the_next_policy() {
    let mut device = running(&hall(7));
    swap(&mut device, 0, &sealed(&hall(8))).unwrap().unwrap();
    device.confirm(0).unwrap();
    // Refused for what it is, behind seal and verification: it has stood in the slot.
    let line = hall(9).pin(27, "", PinMode::Out, Safe::Low, Pull::None);
    assert_eq!(line_of(swap(&mut device, 0, &sealed(&line))), "reject: line 27 not allowed");
    let refused = |device: &Own| device.trust_status().rejected;
    assert_eq!((refused(&device), send(&mut device, &next(|_| ()))), (1, taken(0)));
    assert_eq!(refused(&device), 1);
    // Both of its images go at once.
    let mut device = running(&hall(7));
    swap(&mut device, 0, &sealed(&hall(8))).unwrap().unwrap();
    let none = |version| signed(&TrustPolicy { version, keys: Default::default(), ..policy() });
    assert_eq!((send(&mut device, &none(4)), refused(&device)), (taken(1), 1));
    assert_eq!(send(&mut device, &none(5)), Ok(PolicyState::Taken { version: 5, stopped: 0 }));
    assert_eq!(refused(&device), 1);
}

#[test]
fn a_faulted_or_resting_module_does_not_come_back_either() {
    let mut policy_of = hall(7);
    policy_of.0.manifest.policy.link_timeout_ms = 10;
    let mut device = running(&policy_of);
    pass(&mut device, 20_000);
    assert_eq!(device.life(0), Life::Faulted, "its host is lost");
    let key = signer().public().id();
    assert_eq!(send(&mut device, &next(|policy| policy.revoked_keys.push(key).unwrap())), taken(1));
    device.heard();
    assert_eq!(device.life(0), Life::Unloaded, "a host that is back does not bring it back");
}

#[test]
fn the_image_before_is_taken_away_too() {
    let old = stated_hash(&sealed(&on_trial(7, 5, Confirm::Host)));
    let mut device = running(&on_trial(7, 5, Confirm::Host));
    swap(&mut device, 0, &sealed(&on_trial(8, 5, Confirm::Host))).unwrap().unwrap();
    assert_eq!(send(&mut device, &next(|policy| policy.revoked_images.push(old).unwrap())), taken(0));
    assert_eq!((device.life(0), device.status(0).unwrap().previous), (Life::Running, false));
    assert!(matches!(device.rollback(0), Err(Refusal::NoPrevious)));
    // Nobody confirms the new one, and there is nothing to go back to: it rests.
    pass(&mut device, 10_000);
    assert_eq!(device.life(0), Life::Faulted);
    assert!(!device.board().is_high(Line::new(17).unwrap()));
}

/// A trial that fails where nothing may come back: a disk is told so, whatever ended the trial, until
/// another image takes the place.
#[test]
fn an_image_that_failed_its_trial_never_counts_as_good() {
    let old = stated_hash(&sealed(&on_trial(7, 5, Confirm::Host)));
    let revoked = next(|policy| policy.revoked_images.push(old).unwrap());
    let traps = |small: Small| small.code("bad", &[], &[], &[Op::Unreachable.abc(0, 0, 0)]);
    for (confirm, by_trap) in [(Confirm::Host, false), (Confirm::Host, true), (Confirm::Device, true)] {
        let mut device = running(&on_trial(7, 5, Confirm::Host));
        swap(&mut device, 0, &sealed(&traps(on_trial(8, 5, confirm)))).unwrap().unwrap();
        assert_eq!(send(&mut device, &revoked), taken(0));
        assert!(device.stored(0).unwrap().on_trial);
        if by_trap {
            assert!(call(&mut device, "bad", &[]).is_err());
        }
        pass(&mut device, 10_000);
        assert_eq!((device.life(0), device.status(0).unwrap().trial_ms), (Life::Faulted, 0));
        assert!(device.stored(0).unwrap().on_trial, "it is no image that a restart should bring");
        assert!(matches!(device.confirm(0), Err(Refusal::NotOnTrial)));
        device.reset(0).unwrap();
        assert!(device.life(0) == Life::Running && device.stored(0).unwrap().on_trial);
        // No version of it is remembered: what is sent next may be older, and counts.
        swap(&mut device, 0, &sealed(&on_trial(7, 0, Confirm::Host))).unwrap().unwrap();
        assert!(!device.stored(0).unwrap().on_trial);
    }
}

#[test]
fn a_trial_ends_where_its_image_is_revoked() {
    let new = stated_hash(&sealed(&on_trial(8, 5, Confirm::Device)));
    let mut device = running(&on_trial(7, 5, Confirm::Device));
    swap(&mut device, 0, &sealed(&on_trial(8, 5, Confirm::Device))).unwrap().unwrap();
    assert_eq!(send(&mut device, &next(|policy| policy.revoked_images.push(new).unwrap())), taken(1));
    pass(&mut device, 10_000);
    assert_eq!((device.life(0), device.status(0).unwrap().trial_ms), (Life::Unloaded, 0));
    // It never counted as good: what ran before may be sent again.
    swap(&mut device, 0, &sealed(&on_trial(7, 5, Confirm::Device))).unwrap().unwrap();
}

#[test]
fn only_newer_policies_of_the_owner_are_taken() {
    let mut device = running(&hall(7));
    let stranger = SecretKey::from_seed(&[9; 32]);
    let third = |policy: &TrustPolicy| TrustPolicy { version: 2, ..policy.clone() };
    let mut other = policy();
    other.keys.clear();
    for (bytes, expected) in [
        (signed_by(&TrustPolicy { version: 4, ..policy() }, &stranger), PolicyError::BadSignature),
        (signed(&third(&policy())), PolicyError::Rollback { found: 2, have: 3 }),
        // Two policies of one version would each let the other come back.
        (signed(&other), PolicyError::Rollback { found: 3, have: 4 }),
        (b"XPOL".to_vec(), PolicyError::Form),
    ] {
        assert_eq!(why(send(&mut device, &bytes)), expected);
        assert_eq!((device.trust_status().policy, device.life(0)), (Some(3), Life::Running));
    }
    assert_eq!(send(&mut device, &signed(&policy())), Ok(PolicyState::Taken { version: 3, stopped: 0 }));
    assert_eq!(send(&mut device, &next(|_| ())), taken(0));
    assert_eq!(device.trust_status().policy, Some(4));
    assert_eq!(why(send(&mut device, &signed(&policy()))), PolicyError::Rollback { found: 3, have: 4 });
    assert_eq!(
        happened(&device).iter().filter(|what| matches!(what, DeviceEventKind::Policy { .. })).count(),
        2
    );
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn a_policy_that_is_damaged_or_cut_changes_nothing() {
    let mut device = running(&hall(7));
    let good = next(|policy| policy.keys.clear());
    let from = device.board().accesses().count();
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        why(send(&mut device, &changed));
    }
    for len in 0..good.len() {
        why(send(&mut device, &good[..len]));
    }
    assert_eq!(device.board().accesses().count(), from);
    assert_eq!((device.trust_status().policy, device.life(0)), (Some(3), Life::Running));
}

#[test]
fn a_policy_travels_as_an_image_does() {
    let mut device = running(&hall(7));
    let policy = next(|_| ());
    let (len, most) = (policy.len() as u32, MAX_POLICY_BYTES as u32);
    assert_eq!(device.begin_policy(most + 1, TOKEN), Err(Refusal::TooLarge { most }));
    assert_eq!(device.begin_policy(len, TOKEN), Ok(0));
    assert!(
        matches!(device.begin_from(0, 400, [0; 32], 8, WIRE), Err(Refusal::Busy { .. })),
        "one at a time"
    );
    assert_eq!(device.chunk(TOKEN, 0, &policy[..50]), Ok(50));
    assert_eq!(device.begin_policy(len, TOKEN), Ok(50), "it goes on");
    assert_eq!(device.commit_policy(TOKEN), Err(Refusal::BadChunk { expected: 50 }));
    assert!(device.abort(TOKEN) && !device.is_policy(TOKEN));
    assert_eq!(device.commit_policy(TOKEN), Err(Refusal::NoTransfer));
    // An image is no policy, nor the other way round.
    device.begin_from(0, 4, [0; 32], TOKEN, WIRE).unwrap();
    assert!(!device.is_policy(TOKEN));
    device.abort(TOKEN);
    device.begin_policy(len, TOKEN).unwrap();
    pass(&mut device, SILENCE_US);
    assert_eq!(device.chunk(TOKEN, 0, &policy[..50]), Err(Refusal::NoTransfer));
    let mut development = Device::new(SimBoard::new(), core::array::from_fn(|_| [room(), room()]));
    assert_eq!(development.begin_policy(len, TOKEN), Err(Refusal::Unsupported));
}

#[test]
fn whoever_sends_images_without_end_keeps_no_revocation_out() {
    let mut device = running(&hall(7));
    let image = sealed(&hall(8));
    let len = image.len() as u32;
    device.begin_from(0, len, stated_hash(&image), 9, WIRE).unwrap();
    device.chunk(9, 0, &image[..100]).unwrap();
    let key = signer().public().id();
    assert_eq!(send(&mut device, &next(|policy| policy.revoked_keys.push(key).unwrap())), taken(1));
    assert!(happened(&device).contains(&DeviceEventKind::TransferEnded));
    assert_eq!(device.chunk(9, 100, &image[100..]), Err(Refusal::NoTransfer));
    assert_eq!(line_of(swap(&mut device, 0, &image)), "reject: revoked");
    // While a policy is on its way, another one waits, and so does an image.
    let policy = signed(&TrustPolicy { version: 5, ..policy() });
    device.begin_policy(policy.len() as u32, TOKEN).unwrap();
    assert!(matches!(device.begin_policy(policy.len() as u32, 8), Err(Refusal::Busy { .. })));
    assert!(matches!(device.begin_from(0, len, stated_hash(&image), 9, WIRE), Err(Refusal::Busy { .. })));
}

/// A disk, and whether it is full.
#[derive(Default)]
struct Disk {
    versions: Volatile,
    policy: Vec<u8>,
    full: bool,
}

impl Memory for &mut Disk {
    fn highest(&self, module: &str) -> u32 {
        self.versions.highest(module)
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        self.versions.remember(module, version)?;
        if self.full { Err(NotKept) } else { Ok(()) }
    }

    fn policy(&self) -> &[u8] {
        &self.policy
    }

    fn keep_policy(&mut self, signed: &[u8]) -> Result<(), NotKept> {
        if self.full {
            return Err(NotKept);
        }
        self.policy = signed.to_vec();
        Ok(())
    }
}

#[test]
fn what_outlives_a_restart_holds_after_it() {
    let mut disk = Disk::default();
    let image = sealed(&hall(8));
    {
        let mut device = with_memory(&policy(), &mut disk);
        swap(&mut device, 0, &image).unwrap().unwrap();
        assert_eq!(
            send(&mut device, &next(|p| p.revoked_images.push(stated_hash(&image)).unwrap())),
            taken(1)
        );
    }
    {
        // The program came with policy 3; 4 was sent, and holds.
        let mut device = with_memory(&policy(), &mut disk);
        assert_eq!(device.trust_status().policy, Some(4));
        assert_eq!(line_of(swap(&mut device, 0, &image)), "reject: revoked");
        assert_eq!(line_of(swap(&mut device, 0, &sealed(&hall(7)))), "reject: rollback 7 < 8");
    }
    disk.full = true;
    {
        let mut device = with_memory(&policy(), &mut disk);
        let fifth = signed(&TrustPolicy { version: 5, ..policy() });
        assert_eq!(why(send(&mut device, &fifth)), PolicyError::Memory);
        assert_eq!(device.trust_status().policy, Some(4));
        assert_eq!(
            line_of(swap(&mut device, 0, &sealed(&hall(9)))),
            "reject: the device cannot remember another module"
        );
    }
    // A kept policy that does not open is not passed over: it may have had revocations.
    disk.policy[20] ^= 1;
    let opened = Owned::new(root().public(), &signed(&policy()), &mut disk);
    assert_eq!(opened.err(), Some(PolicyError::BadSignature));
    let closed = Owned::closed(root().public(), Volatile::default());
    let mut device = Device::with_trust(SimBoard::new(), core::array::from_fn(|_| [room(), room()]), closed);
    assert_eq!(line_of(swap(&mut device, 0, &image)), "reject: unknown key");
    assert_eq!(send(&mut device, &signed(&policy())), Ok(PolicyState::Taken { version: 3, stopped: 0 }));
    swap(&mut device, 0, &image).unwrap().unwrap();
}
