//! The Raspberry Pi's boot loader as a model, and a power cut at every sector write of many random histories:
//! there is always a firmware that boots, and its version never goes back.

use xmap_bodies::card::{Card, Random};
use xmap_store::{SECTOR, Sector};
use xmap_trust::{FirmwareReject, FirmwareSeal, SecretKey, seal_firmware};
use xmap_update::{Fate, Layout, Next, Note, Proof, Slot, Slots, Standing, Start, UNASKED_US, note, trailer};

use crate::card::card;

const BOARD: u16 = 1;

fn root() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// A firmware: its version stands in its first bytes.
fn firmware(version: u32, salt: u8) -> (Vec<u8>, FirmwareSeal) {
    let bytes = program(version, salt);
    let seal = seal_firmware(&bytes, BOARD, version, &root()).unwrap();
    (bytes, seal)
}

/// The bytes of a firmware.
fn program(version: u32, salt: u8) -> Vec<u8> {
    let mut bytes = version.to_le_bytes().to_vec();
    bytes.extend((0..3000 + usize::from(salt)).map(|at| at as u8 ^ salt));
    bytes
}

/// Puts a firmware into a slot, as the card is laid out.
fn lay_out(card: &mut Card, slot: Slot, version: u32, fate: Option<Fate>) {
    let layout = Layout::find(card).unwrap();
    let (bytes, seal) = firmware(version, slot.partition());
    for (at, part) in (layout.slots[slot as usize].first..).zip(bytes.chunks(SECTOR)) {
        let mut sector: Sector = [0; SECTOR];
        sector[..part.len()].copy_from_slice(part);
        card.kept.insert(at, sector);
    }
    card.kept.insert(layout.trailer(slot), trailer(&seal));
    if let Some(fate) = fate {
        card.kept.insert(layout.note(slot), note(&Note { hash: seal.hash, fate }));
    }
}

/// The board around the card: the flag that a reset keeps and a loss of power does not.
struct Pi {
    card: Card,
    tryboot: bool,
    /// The highest version that was told to count as good.
    told: u32,
}

impl Pi {
    fn new(seed: u64) -> Self {
        let mut card = card(seed);
        lay_out(&mut card, Slot::A, 1, Some(Fate::Good(1)));
        Self { card, tryboot: false, told: 1 }
    }

    /// Boots as the boot loader does (*config.txt*, section *autoboot.txt*): the flag is cleared, the last
    /// `boot_partition` whose filter holds counts, and where there is none, the first partition with a
    /// `start4.elf`, which is the second.
    fn boot(&mut self) -> (Start, Vec<u8>) {
        self.card.on();
        let tryboot = std::mem::take(&mut self.tryboot);
        let layout = Layout::find(&mut self.card).unwrap();
        let sector = self.card.at(layout.autoboot);
        let (mut partition, mut holds) = (None, true);
        for line in String::from_utf8_lossy(&sector).lines() {
            match line.trim() {
                "[all]" => holds = true,
                "[tryboot]" => holds = tryboot,
                "[none]" => holds = false,
                line => {
                    let number = line.strip_prefix("boot_partition=").and_then(|number| number.parse().ok());
                    partition = number.filter(|_| holds).or(partition);
                }
            }
        }
        let slot = partition.and_then(Slot::on).unwrap_or(Slot::A);
        let run = layout.slots[slot as usize];
        let bytes = (run.first..run.first + run.count).flat_map(|at| self.card.at(at)).collect();
        (Start { slot, tryboot }, bytes)
    }

    /// Starts until a firmware runs that does not reset by itself. Every firmware that is started is whole.
    fn start(&mut self) -> Option<Slots<Card>> {
        for _ in 0..4 {
            let (start, bytes) = self.boot();
            let version = version_of(&bytes);
            let opened = Slots::open(self.card.clone(), start, BOARD, Some(root().public()));
            let (slots, next) = match opened {
                Ok(opened) => opened,
                Err(error) => panic!("{error:?}"),
            };
            if next == Next::Reset {
                self.card = slots.into_disk();
                assert!(!self.card.off);
                continue;
            }
            if slots.choice().standing != Standing::Trial {
                let version = version.unwrap_or_else(|| panic!("what boots is no firmware: {start:?}"));
                assert!(version >= self.told, "version {version} after {}: {:?}", self.told, slots.facts());
            }
            return Some(slots);
        }
        panic!("it resets for ever");
    }

    /// Runs something of the firmware with a loss of power after so many sector writes, if there are as many.
    /// Returns what it came to; `None` where the power went.
    fn run<T>(&mut self, cut_after: Option<u64>, work: impl FnOnce(&mut Slots<Card>) -> T) -> Option<T> {
        let mut slots = self.start()?;
        slots.disk_mut().cut_after = cut_after;
        let done = work(&mut slots);
        self.card = slots.into_disk();
        (!self.card.off).then_some(done)
    }
}

/// Returns the version of the firmware in a slot's bytes, if they are whole: as its processor would find out.
fn version_of(bytes: &[u8]) -> Option<u32> {
    let version = u32::from_le_bytes(*bytes.first_chunk()?);
    let salt = bytes.get(4)?;
    bytes.starts_with(&program(version, *salt)).then_some(version)
}

/// Sends a firmware, in chunks as the link has them.
fn send(slots: &mut Slots<Card>, bytes: &[u8], seal: &FirmwareSeal) -> Result<Slot, FirmwareReject> {
    slots.begin(&seal.to_bytes())?;
    for part in bytes.chunks(448) {
        slots.take(part)?;
    }
    slots.finish()
}

/// How a firmware on trial fares.
#[derive(Clone, Copy, Debug)]
enum Trial {
    Asked,
    Unasked,
    NotMounted,
    Hangs,
    PowerGoes,
}

fn proof(trial: Trial) -> Option<Proof> {
    let proof = Proof { mounted: true, asked: false, ran_us: 1 };
    match trial {
        Trial::Asked => Some(Proof { asked: true, ..proof }),
        Trial::Unasked => Some(Proof { ran_us: UNASKED_US, ..proof }),
        Trial::NotMounted => Some(Proof { mounted: false, ..proof }),
        Trial::Hangs | Trial::PowerGoes => None,
    }
}

/// One update: sent, tried, judged, each with a cut or without.
fn update(
    pi: &mut Pi,
    random: &mut Random,
    cut: &mut impl FnMut(&mut Random) -> Option<u64>,
) -> &'static str {
    let version = (pi.told + random.below(5) as u32).saturating_sub(1);
    let (bytes, seal) = firmware(version, random.draw() as u8);
    let at = cut(random);
    let have = pi.told;
    match pi.run(at, |slots| send(slots, &bytes, &seal)) {
        None => return "cut while it was sent",
        Some(Err(FirmwareReject::Rollback { found, have: lowest })) => {
            assert!(found == version && lowest >= have && version < lowest);
            return "refused";
        }
        Some(Err(reject)) => panic!("{reject}"),
        Some(Ok(_)) => assert!(version >= have),
    }
    let at = cut(random);
    match pi.run(at, |slots| slots.begin_trial(1)) {
        None => return "cut before its trial",
        Some(begun) => begun.unwrap_or_else(|reject| panic!("{reject}")),
    }
    pi.tryboot = true;
    let trial = [Trial::Asked, Trial::Unasked, Trial::NotMounted, Trial::Hangs, Trial::PowerGoes]
        [random.below(5) as usize];
    let at = cut(random);
    let judged = pi.run(at, |slots| {
        assert_eq!(slots.choice().standing, Standing::Trial, "{:?}", slots.facts());
        match proof(trial) {
            Some(proof) => slots.judge(&proof),
            None => {
                slots.disk_mut().lose_power();
                Next::Reset
            }
        }
    });
    match (trial, judged) {
        (Trial::Asked | Trial::Unasked, Some(Next::Stay)) => {
            pi.told = pi.told.max(version);
            "good"
        }
        (Trial::NotMounted, Some(next)) => {
            assert_eq!(next, Next::Reset);
            "back"
        }
        (_, None) => "cut on trial",
        (trial, judged) => panic!("{trial:?}: {judged:?}"),
    }
}

#[test]
fn a_cut_at_any_write_leaves_a_firmware_that_boots_and_versions_never_go_back() {
    let mut counts = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..150 {
        let (mut pi, mut random) = (Pi::new(seed), Random::new(seed ^ 0xf1f1));
        for _ in 0..6 {
            // A firmware of 3 KB takes 7 writes, two are in front of them and one behind; a trial takes two.
            let mut most = 14;
            let mut cut = |random: &mut Random| {
                let at = (random.below(3) == 0).then(|| random.below(most));
                most = 3;
                at
            };
            let how = update(&mut pi, &mut random, &mut cut);
            *counts.entry(how).or_default() += 1;
        }
        pi.start();
    }
    println!("{counts:?}");
    for how in ["good", "back", "refused", "cut while it was sent", "cut before its trial", "cut on trial"] {
        assert!(counts.get(how).is_some_and(|count| *count > 20), "{how}: {counts:?}");
    }
}

#[test]
fn every_cut_of_one_update_is_survived() {
    for seed in 0..8 {
        for step in 0..3 {
            for at in 0..16 {
                let mut pi = Pi::new(seed);
                let (bytes, seal) = firmware(2, seed as u8);
                let cut = |of: usize| (of == step).then_some(at);
                let mut told = None;
                if pi.run(cut(0), |slots| send(slots, &bytes, &seal)).is_some()
                    && pi.run(cut(1), |slots| slots.begin_trial(1)).is_some()
                {
                    pi.tryboot = true;
                    told =
                        pi.run(cut(2), |slots| slots.judge(&Proof { mounted: true, asked: true, ran_us: 0 }));
                }
                if told.is_some() {
                    pi.told = 2;
                }
                let slots = pi.start().unwrap();
                assert_eq!(slots.choice().standing, Standing::Good);
                let runs = slots.runs();
                assert!(told.is_none() || runs == Slot::B, "seed {seed}, step {step}, cut {at}");
                // Once more, without a cut: whatever was left does not stand in the way.
                pi.card = slots.into_disk();
                let (bytes, seal) = firmware(3, 0);
                let sent = pi.run(None, |slots| send(slots, &bytes, &seal)).unwrap();
                assert_eq!(sent, Ok(runs.other()));
            }
        }
    }
}

#[test]
fn a_damaged_autoboot_is_mended_and_the_good_slot_runs() {
    let mut pi = Pi::new(1);
    lay_out(&mut pi.card, Slot::B, 2, Some(Fate::Good(2)));
    pi.told = 2;
    let autoboot = Layout::find(&mut pi.card).unwrap().autoboot;
    for damage in [[0xff; SECTOR], [0; SECTOR], xmap_update::autoboot(Slot::A)] {
        pi.card.kept.insert(autoboot, damage);
        let slots = pi.start().unwrap();
        assert_eq!((slots.runs(), slots.choice().standing), (Slot::B, Standing::Good));
        pi.card = slots.into_disk();
        assert_eq!(pi.card.at(autoboot), xmap_update::autoboot(Slot::B));
    }
}

#[test]
fn a_slot_that_is_not_what_it_was_is_not_made_the_default_again() {
    let mut pi = Pi::new(1);
    lay_out(&mut pi.card, Slot::B, 2, Some(Fate::Good(2)));
    let layout = Layout::find(&mut pi.card).unwrap();
    pi.card.kept.insert(layout.slots[1].first, [0xaa; SECTOR]);
    pi.card.kept.insert(layout.autoboot, [0xff; SECTOR]);
    let slots = pi.start().unwrap();
    assert_eq!((slots.runs(), slots.choice().standing), (Slot::A, Standing::Good));
    pi.card = slots.into_disk();
    let (bytes, seal) = firmware(3, 0);
    assert_eq!(pi.run(None, |slots| send(slots, &bytes, &seal)), Some(Ok(Slot::B)), "it can be replaced");
}

#[test]
fn what_is_not_taken_writes_nothing() {
    let mut pi = Pi::new(1);
    pi.told = 1;
    let (bytes, seal) = firmware(1, 5);
    let room = Layout::find(&mut pi.card).unwrap().room(Slot::B);
    let other = SecretKey::from_seed(&[8; 32]);
    let forged = FirmwareSeal { key: seal.key, ..seal_firmware(&bytes, BOARD, 1, &other).unwrap() };
    let (old, _) = (firmware(0, 5).1, ());
    let long = seal_firmware(&vec![0; room as usize + 1], BOARD, 1, &root()).unwrap();
    for (seal, reject) in [
        (forged, FirmwareReject::BadSignature),
        (seal_firmware(&bytes, BOARD, 1, &other).unwrap(), FirmwareReject::UnknownKey),
        (seal_firmware(&bytes, 2, 1, &root()).unwrap(), FirmwareReject::Board { found: 2, own: BOARD }),
        (old, FirmwareReject::Rollback { found: 0, have: 1 }),
        (long, FirmwareReject::Length { found: room + 1, most: room }),
    ] {
        let before = pi.card.writes;
        assert_eq!(pi.run(None, |slots| slots.begin(&seal.to_bytes())), Some(Err(reject)));
        assert_eq!(pi.card.writes, before, "{reject}");
    }
    assert_eq!(pi.run(None, |slots| slots.begin(b"XFWS")), Some(Err(FirmwareReject::Seal)));
    // Fewer bytes than sealed, more, and others.
    let sent = |pi: &mut Pi, bytes: &[u8]| pi.run(None, |slots| send(slots, bytes, &seal)).unwrap();
    let most = bytes.len() as u32;
    assert_eq!(sent(&mut pi, &bytes[1..]), Err(FirmwareReject::Length { found: most - 1, most }));
    let more = [&bytes[..], &[1]].concat();
    assert!(matches!(sent(&mut pi, &more), Err(FirmwareReject::Length { .. })));
    let mut others = bytes.clone();
    others[7] ^= 1;
    assert_eq!(sent(&mut pi, &others), Err(FirmwareReject::HashMismatch));
    assert_eq!(
        pi.run(None, |slots| slots.begin_trial(1)),
        Some(Err(FirmwareReject::Seal)),
        "there is nothing to try"
    );
    assert_eq!(sent(&mut pi, &bytes), Ok(Slot::B));
    // A bit on the card changes before the trial.
    let first = Layout::find(&mut pi.card).unwrap().slots[1].first;
    let mut sector = pi.card.at(first);
    sector[9] ^= 1;
    pi.card.kept.insert(first, sector);
    assert_eq!(pi.run(None, |slots| slots.begin_trial(1)), Some(Err(FirmwareReject::HashMismatch)));
}

#[test]
fn a_firmware_on_trial_takes_no_other() {
    let mut pi = Pi::new(1);
    let (bytes, seal) = firmware(2, 5);
    assert_eq!(pi.run(None, |slots| send(slots, &bytes, &seal)), Some(Ok(Slot::B)));
    assert_eq!(pi.run(None, |slots| slots.begin_trial(1)), Some(Ok(())));
    pi.tryboot = true;
    let refused = pi.run(None, |slots| {
        assert_eq!(slots.judge(&Proof { mounted: true, asked: false, ran_us: UNASKED_US - 1 }), Next::Stay);
        (slots.begin(&seal.to_bytes()), slots.begin_trial(1))
    });
    assert_eq!(refused, Some((Err(FirmwareReject::OnTrial), Err(FirmwareReject::OnTrial))));
    // It is not confirmed: the next start has the one before, and knows how it ended.
    let slots = pi.start().unwrap();
    assert_eq!(slots.runs(), Slot::A);
    assert_eq!(slots.facts().went_back(slots.choice()), Some(xmap_update::Back::Reset));
}
