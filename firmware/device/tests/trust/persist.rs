//! What a restart brings back from a card, wherever the power was cut.

use xmap_bodies::card::{Card, Fault, Random};
use xmap_device::{
    Fate, Keeper, Memory, Mounting, Owned, REFILL_US, Remembered, SCRATCH_WORDS, Starts, Tried,
    UNCLEAN_STARTS, WRITES_A_DAY,
};
use xmap_image::Confirm;
use xmap_link::{DeviceEventKind, KeepFault, PolicyState, Thing};
use xmap_sim::SimBoard;
use xmap_store::{Place, RINGS, Store, StoreError};
use xmap_trust::TrustPolicy;

use super::owner::*;
use crate::common::{Small, call, happened, pass, room};

type Kept = Own<Remembered>;

/// Changed state is written as often.
pub(crate) const KEEP_US: u64 = 1_000_000;

/// What a target does while images are mounted.
#[derive(Default)]
struct Target {
    starts: Starts,
    log: Vec<String>,
}

impl Mounting<Kept> for Target {
    fn set_aside(&mut self, hash: &[u8; 32]) -> Option<u8> {
        self.starts.set_aside(hash)
    }

    fn begin(&mut self, hash: &[u8; 32], image: &[u8], _: &Kept) {
        assert!(image.len() > 64);
        self.starts.begin(hash);
    }

    fn ended(&mut self, module: u8, hash: &[u8; 32], tried: Tried<'_>, _: &mut Kept) {
        if let Tried::Failed(_) = tried {
            self.starts.gave_up(hash);
        }
        self.log.push(match tried {
            Tried::Failed(failure) => format!("{module}: {failure}"),
            other => format!("{module}: {other:?}"),
        });
    }
}

pub(crate) struct Running<'m> {
    pub(crate) keeper: Keeper<'m, Card>,
    pub(crate) device: Kept,
    target: Target,
}

/// Starts a device with this card. What it was flashed with is version 1.
pub(crate) fn boot<'m>(card: &Card, scratch: &'m mut [u32], starts: Starts) -> Running<'m> {
    let mut card = card.clone();
    card.on();
    let mut keeper = Keeper::new(Store::open(card).unwrap(), scratch, KEEP_US);
    let memory = keeper.remembered();
    let owner = Owned::new(root().public(), &signed(&policy()), memory).unwrap();
    let rooms = core::array::from_fn(|_| [room(), room()]);
    let mut device = xmap_device::Device::with_trust(SimBoard::new(), rooms, owner);
    let mut target = Target { starts, log: Vec::new() };
    keeper.mount(&mut device, &mut target);
    if device.image(0).is_none() {
        let first = sealed(&image(1));
        keeper.install((0, &first), (&stated_hash(&first), WIRE), &mut device, &mut target);
    }
    keeper.mounted(&device, 0);
    Running { keeper, device, target }
}

fn image(version: u32) -> Small {
    on_trial(version, 1000, Confirm::Host)
}

impl Running<'_> {
    /// Lets the keeper do all that there is to do.
    pub(crate) fn work(&mut self) -> Result<(), StoreError<Fault>> {
        loop {
            let now_us = now_us(&mut self.device);
            self.keeper.look(&self.device, Some(self.device.trust().memory()), now_us);
            if !self.keeper.is_busy() {
                self.keeper.report(&mut self.device, now_us);
                return Ok(());
            }
            let outcome = self.keeper.step(now_us);
            self.keeper.report(&mut self.device, now_us);
            outcome?;
        }
    }

    pub(crate) fn version(&self) -> u32 {
        self.device.image(0).map_or(0, |image| image.header().version)
    }

    fn ticks(&mut self) -> u64 {
        call(&mut self.device, "ticks", &[]).unwrap()[0]
    }

    pub(crate) fn card(&mut self) -> Card {
        self.keeper.store().disk_mut().clone()
    }
}

pub(crate) fn now_us(device: &mut Kept) -> u64 {
    use tiny_mapper::Clock as _;
    device.board_mut().now_us()
}

/// What a history does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Swap(u32),
    Confirm,
    /// Time passes, and state changes.
    Pass,
    Policy(u32),
}

fn history(random: &mut Random) -> Vec<Act> {
    let (mut version, mut policy) = (1, 3);
    let mut acts = Vec::new();
    for _ in 0..4 + random.below(5) {
        match random.below(5) {
            0 | 1 => {
                version += 1;
                acts.extend([Act::Swap(version), Act::Confirm]);
            }
            2 => {
                version += 1;
                // Nobody confirms it.
                acts.extend([Act::Swap(version), Act::Pass]);
            }
            3 => acts.push(Act::Pass),
            _ => {
                policy += 1;
                acts.push(Act::Policy(policy));
            }
        }
    }
    acts
}

/// What was said to be kept: the version, the policy, the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    version: u32,
    policy: u32,
    ticks: u64,
}

/// Does what a history says until the power goes. Returns what was said to be kept, and the highest version
/// and policy that were under way.
fn play(running: &mut Running<'_>, acts: &[Act]) -> (Said, Said) {
    let mut said = Said { version: 1, policy: 3, ticks: 0 };
    let mut tried = said;
    for act in acts {
        match *act {
            Act::Swap(version) => {
                swap(&mut running.device, 0, &sealed(&image(version))).unwrap().unwrap();
            }
            Act::Confirm => {
                running.device.confirm(0).unwrap();
                tried.version = running.version();
            }
            Act::Pass => {
                pass(&mut running.device, 2 * KEEP_US);
            }
            Act::Policy(version) => {
                let policy = TrustPolicy { version, ..policy() };
                let taken = send(&mut running.device, &signed(&policy)).unwrap();
                assert!(matches!(taken, PolicyState::Taken { .. }));
                tried.policy = version;
            }
        }
        if running.work().is_err() {
            return (said, tried);
        }
        let good = Thing::Image.bit(0) | Thing::Versions.bit(0) | Thing::Policy.bit(0);
        assert_eq!(running.keeper.items().fate(good, running.keeper.items().latest), Fate::Kept);
        let ticks = if matches!(act, Act::Pass) { running.ticks() } else { said.ticks };
        // A trial that nobody confirms has gone back by then.
        said = Said { ticks: if tried.version == running.version() { ticks } else { said.ticks }, ..tried };
    }
    (said, tried)
}

fn check(running: &mut Running<'_>, (said, tried): (Said, Said), what: &str) {
    let version = running.version();
    assert!((said.version..=tried.version).contains(&version), "{what}: {version} of {said:?}, {tried:?}");
    let highest = running.device.trust().memory().highest("hall");
    assert!((said.version..=tried.version).contains(&highest), "{what}: {highest} of {said:?}, {tried:?}");
    let policy = running.device.trust_status().policy.unwrap();
    assert!((said.policy..=tried.policy).contains(&policy), "{what}: policy {policy} of {said:?}");
    if version > 1 {
        let older = running.device.install_from(0, &sealed(&image(version - 1)), WIRE);
        assert!(older.is_err(), "{what}: {} after {version}", version - 1);
        assert_eq!(running.version(), version, "{what}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of starts")]
fn every_cut_brings_the_image_before_or_the_new_one_and_no_version_back() {
    let histories = std::env::var("XMAP_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut cuts = 0;
    for seed in 0..histories {
        let acts = history(&mut Random::new(seed));
        let mut running = boot(&Card::new(seed), &mut scratch, Starts::default());
        let all = play(&mut running, &acts);
        assert_eq!(all.0.version, all.1.version);
        let card = running.card();
        drop(running);
        check(&mut boot(&card, &mut scratch, Starts::default()), all, "no cut");
        for cut in 0..card.writes {
            let mut running = boot(&Card::new(seed << 20 | cut), &mut scratch, Starts::default());
            running.keeper.store().disk_mut().cut_after = Some(cut);
            let said = play(&mut running, &acts);
            let card = running.card();
            assert!(card.off);
            drop(running);
            let mut running = boot(&card, &mut scratch, Starts::default());
            assert!(running.ticks() >= said.0.ticks || running.version() > said.0.version);
            // What the cut took from the account of versions is there again.
            running.work().unwrap();
            let card = running.card();
            check(&mut running, said, &format!("history {seed}, cut {cut}"));
            drop(running);
            check(&mut boot(&card, &mut scratch, Starts::default()), said, &format!("{seed}, {cut}, again"));
            cuts += 1;
        }
    }
    println!("{histories} histories, {cuts} cuts");
    assert!(cuts > 20 * histories);
}

/// Swaps to a version and confirms it.
fn bring(running: &mut Running<'_>, version: u32) -> Result<(), StoreError<Fault>> {
    swap(&mut running.device, 0, &sealed(&image(version))).unwrap().unwrap();
    running.device.confirm(0).unwrap();
    running.work()
}

#[test]
fn a_trial_that_the_power_cut_goes_back() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    bring(&mut running, 2).unwrap();
    swap(&mut running.device, 0, &sealed(&image(3))).unwrap().unwrap();
    running.work().unwrap();
    assert_eq!(running.version(), 3);
    let card = running.card();
    drop(running);
    let running = boot(&card, &mut scratch, Starts::default());
    assert_eq!((running.version(), running.target.log), (2, vec!["0: Mounted(false)".to_string()]));
}

#[test]
fn starts_that_do_not_end_well_lead_to_the_image_before_and_then_to_safe_states() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    bring(&mut running, 2).unwrap();
    bring(&mut running, 3).unwrap();
    let card = running.card();
    let mut starts = Starts::default();
    drop(running);
    let mut versions = Vec::new();
    let mut asides = Vec::new();
    for _ in 0..2 * UNCLEAN_STARTS + 1 {
        let mut running = boot(&card, &mut scratch, starts);
        versions.push(running.version());
        running.target.starts.mounted();
        asides.push(running.device.keep_status().set_aside);
        let events = happened(&running.device);
        let count = events.iter().filter(|what| matches!(what, DeviceEventKind::SetAside { .. })).count();
        assert_eq!(count as u8, versions.len() as u8 / (UNCLEAN_STARTS + 1), "{events:?}");
        starts = Starts::new(running.target.starts.rows().iter().copied());
    }
    // The owner's device takes nothing older than what counted as good, so what it was flashed with is none.
    assert_eq!(versions[..3], [3; 3]);
    assert_eq!(asides[..4], [0, 0, 0, 1]);
    assert!(versions[3..].iter().all(|version| *version == 0), "{versions:?}");
}

/// The account of starts is written where it has changed, and a cut leaves the one before or the new one.
#[test]
fn the_account_of_starts_is_on_the_card() {
    fn open<'m>(card: &Card, scratch: &'m mut [u32]) -> Keeper<'m, Card> {
        let mut card = card.clone();
        card.on();
        Keeper::new(Store::open(card).unwrap(), scratch, KEEP_US)
    }
    let mut scratch = vec![0; SCRATCH_WORDS];
    let failed = Starts::new([([7; 32], 2), ([8; 32], UNCLEAN_STARTS)]);
    for cut in 0..4 {
        let mut keeper = open(&Card::new(cut), &mut scratch);
        assert_eq!(keeper.starts(), Starts::default());
        keeper.keep_starts(&Starts::default(), 0).unwrap();
        assert_eq!(keeper.store().disk_mut().writes, 0, "an ordinary start writes nothing");
        keeper.store().disk_mut().cut_after = Some(cut);
        assert_eq!(keeper.keep_starts(&failed, 0).is_ok(), cut == 3);
        assert!(!keeper.is_busy());
        let card = keeper.store().disk_mut().clone();
        let mut keeper = open(&card, &mut scratch);
        let found = keeper.starts();
        assert!(found == failed || cut < 3 && found == Starts::default(), "{cut}: {found:?}");
        keeper.keep_starts(&failed, 0).unwrap();
        let card = keeper.store().disk_mut().clone();
        assert_eq!(open(&card, &mut scratch).starts(), failed);
    }
}

#[test]
fn a_record_that_is_damaged_leads_to_the_one_before() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    bring(&mut running, 2).unwrap();
    let mut card = running.card();
    drop(running);
    let ring = RINGS.iter().find(|ring| ring.place == Place::image(0)).unwrap();
    card.kept.get_mut(&(ring.sector(0) + 1)).unwrap()[100] ^= 1;
    let running = boot(&card, &mut scratch, Starts::default());
    // The policy takes none that is older than what counted as good here.
    assert_eq!(running.version(), 0);
    assert_eq!(running.target.log[0], "0: Damaged");
    assert_eq!(running.target.log.len(), 2, "{:?}", running.target.log);
}

#[test]
fn a_card_that_refuses_is_told_and_tried_again() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    let card = running.keeper.store().disk_mut();
    let all = RINGS.iter().flat_map(|ring| (0..ring.cells).map(|cell| ring.sector(cell)));
    card.bad.extend(all);
    assert_eq!(bring(&mut running, 2), Err(StoreError::Disk(Fault::Bad)));
    let image = Thing::Image.bit(0) | Thing::Versions.bit(0);
    assert_eq!(running.keeper.items().fate(image, running.keeper.items().latest), Fate::Failed);
    let status = running.device.keep_status();
    assert!(status.storage && status.missing == image, "{status:?}");
    assert_eq!(status.fault, Some(KeepFault::System { errno: 5 }));
    running.keeper.store().disk_mut().bad.clear();
    pass(&mut running.device, 11_000_000);
    running.work().unwrap();
    assert_eq!(running.device.keep_status().missing, 0);
    let told = |what: &&DeviceEventKind| {
        matches!(what, DeviceEventKind::NotKept { .. } | DeviceEventKind::KeptAgain { .. })
    };
    assert_eq!(happened(&running.device).iter().filter(told).count(), 2);
    let card = running.card();
    drop(running);
    assert_eq!(boot(&card, &mut scratch, Starts::default()).version(), 2);
}

/// The policy and an image are refused; the card is well again. One write begins at a time, and none of the
/// two is forgotten behind the other.
#[test]
fn all_that_a_card_refused_is_tried_again() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.work().unwrap();
    let all = RINGS.iter().flat_map(|ring| (0..ring.cells).map(|cell| ring.sector(cell)));
    running.keeper.store().disk_mut().bad.extend(all);
    let policy = TrustPolicy { version: 4, ..policy() };
    assert!(matches!(send(&mut running.device, &signed(&policy)).unwrap(), PolicyState::Taken { .. }));
    assert!(bring(&mut running, 2).is_err());
    while running.work().is_err() {}
    let things = Thing::Image.bit(0) | Thing::Versions.bit(0) | Thing::Policy.bit(0);
    assert_eq!(running.device.keep_status().missing & things, things);
    running.keeper.store().disk_mut().bad.clear();
    pass(&mut running.device, 11_000_000);
    running.work().unwrap();
    assert_eq!(running.device.keep_status().missing, 0);
}

/// The device restarts on a card of which one cell is bad: what is written behind that cell is kept.
#[test]
fn the_end_writes_what_a_bad_cell_stands_before() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    bring(&mut running, 2).unwrap();
    pass(&mut running.device, 2 * KEEP_US);
    let ticks = running.ticks();
    let ring = RINGS.iter().find(|ring| ring.place == Place::POLICY).unwrap();
    running.keeper.store().disk_mut().bad.insert(ring.sector(0));
    let policy = TrustPolicy { version: 4, ..policy() };
    assert!(matches!(send(&mut running.device, &signed(&policy)).unwrap(), PolicyState::Taken { .. }));
    let now_us = now_us(&mut running.device);
    running.keeper.finish(&running.device, Some(running.device.trust().memory()), || now_us);
    let card = running.card();
    drop(running);
    assert_eq!(boot(&card, &mut scratch, Starts::default()).ticks(), ticks);
}

#[test]
#[cfg_attr(miri, ignore = "a day under Miri")]
fn a_day_of_changing_state_stays_within_the_budget() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    bring(&mut running, 2).unwrap();
    let before = running.card().writes;
    let minutes = 10;
    for _ in 0..minutes {
        pass(&mut running.device, REFILL_US);
        running.work().unwrap();
    }
    let sectors = (running.card().writes - before) * 24 * 60 / minutes;
    println!("a state each minute: {sectors} sectors a day");
    // Erase, body, header.
    assert!(24 * 60 * 3 <= sectors && sectors <= u64::from(WRITES_A_DAY) * 3, "{sectors}");
}

#[test]
fn a_swap_and_its_confirmation_write_so_many_sectors() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.work().unwrap();
    let before = running.card().writes;
    assert_eq!(before, 3, "the version of the image that it was flashed with");
    swap(&mut running.device, 0, &sealed(&image(2))).unwrap().unwrap();
    running.work().unwrap();
    assert_eq!(running.card().writes, before, "an image on trial is not written");
    running.device.confirm(0).unwrap();
    running.work().unwrap();
    let body = sealed(&image(2)).len().div_ceil(512) as u64;
    // The image, then the versions: each erased, its body, its header.
    assert_eq!(running.card().writes - before, (2 + body) + 3);
}
