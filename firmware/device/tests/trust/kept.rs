//! Which state a restart brings, and how often it is written for one: as each image says.

use xmap_bodies::card::Card;
use xmap_device::{BURST, SCRATCH_WORDS, Starts};
use xmap_image::{Confirm, EventSource, FaultPolicy, Keep, Op, Persist, PinMode, Pull, Safe, Ty};
use xmap_link::Thing;
use xmap_store::{Place, RINGS};

use super::owner::*;
use super::persist::{KEEP_US, Running, boot, now_us};
use crate::common::{Says as _, Small, pass, ret};

const SECOND: u64 = 1_000_000;

/// An image of `hall` without a trial, whose ticks a restart brings as `persist` says.
fn keeps(version: u32, persist: Persist) -> Small {
    let mut small = on_trial(version, 0, Confirm::Device);
    small.0.manifest.policy.persist = persist;
    small
}

/// Counts ticks beside `hall`.
fn pump(persist: Persist) -> Small {
    let mut small = Small::new()
        .pin(23, "motor", PinMode::Out, Safe::Low, Pull::None)
        .code("beats", &[], &[Ty::U32], &[Op::GlobalGet.a16(1, 0), ret()])
        .code("beat", &[], &[], &counts())
        .named("pump");
    small.0.globals = vec![0];
    let keep = [Keep::Global(0)].into_iter().collect();
    let policy = FaultPolicy { layout: 6, keep, confirm_ms: 0, persist, ..FaultPolicy::default() };
    small.on("beat", EventSource::Every { every_us: 1000 }).policy(policy)
}

impl Running<'_> {
    /// Swaps to an image, which counts as good at once.
    fn install(&mut self, module: u8, small: &Small) {
        swap(&mut self.device, module, &sealed(small)).unwrap().unwrap();
        self.work().unwrap();
    }

    /// The global that a module keeps.
    fn state(&self, module: u8) -> u64 {
        let mut state = None;
        self.device.kept(module, &mut |row| state = row.try_into().ok().map(u64::from_le_bytes));
        state.expect("it keeps a global")
    }

    /// The newest record of a module's state: its layout, its bytes.
    fn record(&mut self, module: u8) -> Option<(u32, u32)> {
        let store = self.keeper.store();
        let newest = store.records(Place::state(module)).next()?;
        let header = store.describe(&newest).unwrap();
        Some((u32::from_le_bytes(header.meta().try_into().unwrap()), header.length))
    }

    /// Ends in order. Returns the card.
    fn end(mut self) -> Card {
        let now_us = now_us(&mut self.device);
        self.keeper.finish(&self.device, Some(self.device.trust().memory()), || now_us);
        self.card()
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes under Miri")]
fn each_module_is_written_as_often_as_its_image_says() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.install(0, &keeps(2, Persist::AsConfigured));
    running.install(1, &pump(Persist::EveryS(60)));
    let mut written: [Vec<u64>; 2] = Default::default();
    let began_us = now_us(&mut running.device);
    for _ in 0..41 {
        pass(&mut running.device, 3 * SECOND);
        running.work().unwrap();
        let now_us = now_us(&mut running.device);
        assert!(running.keeper.next_us() <= now_us + KEEP_US);
        for (module, states) in (0..).zip(&mut written) {
            let store = running.keeper.store();
            let Some(newest) = store.records(Place::state(module)).next() else { continue };
            let mut state = [0; 8];
            store.read(&newest, &mut state).unwrap();
            let state = u64::from_le_bytes(state);
            if states.last() != Some(&state) {
                states.push(state);
            }
        }
    }
    // One each three seconds, and one a minute.
    assert_eq!(written.each_ref().map(Vec::len), [41, 2]);
    let ran_us = now_us(&mut running.device) - began_us;
    assert_eq!(ran_us, 123 * SECOND);
    let [ticks, beats] = [running.state(0), running.state(1)];
    let card = running.card();
    drop(running);
    let running = boot(&card, &mut scratch, Starts::default());
    assert_eq!([running.state(0), running.state(1)], [ticks, *written[1].last().unwrap()]);
    assert!(running.state(1) < beats, "what came after the last write is lost");
}

#[test]
fn state_that_ends_with_a_restart_is_neither_written_nor_given_back() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.install(0, &keeps(2, Persist::Never));
    running.install(1, &pump(Persist::AsConfigured));
    pass(&mut running.device, 2 * KEEP_US);
    running.work().unwrap();
    let writes = running.card().writes;
    running.device.kept(0, &mut |row| assert_ne!(row, [0; 8], "its state changes"));
    let mut after = || {
        assert_eq!(running.record(0), Some((0, 0)));
        pass(&mut running.device, KEEP_US);
        running.work().unwrap();
        running.card().writes
    };
    // The other module's state: erase, body, header.
    assert_eq!([after(), after()], [writes + 3, writes + 6]);
    let beats = running.state(1);
    let card = running.end();
    let mut running = boot(&card, &mut scratch, Starts::default());
    assert_eq!((running.version(), running.state(0), running.state(1)), (2, 0, beats));
    // A version that is as before brings what the storage never had.
    let ticks = {
        pass(&mut running.device, KEEP_US);
        running.work().unwrap();
        running.state(0)
    };
    assert!(ticks > 0);
    let writes = running.card().writes;
    running.install(0, &keeps(2, Persist::Never));
    assert!(running.state(0) >= ticks, "a swap carries it over");
    assert_eq!(running.record(0), Some((0, 0)));
    let body = sealed(&keeps(2, Persist::Never)).len().div_ceil(512) as u64;
    assert!(running.card().writes - writes <= 2 + body + 3, "an empty record is written once");
}

/// Version 2 keeps over a restart, 3 does not, 4 does again.
#[test]
fn a_version_without_a_restart_ends_the_state_of_the_one_before() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.install(0, &keeps(2, Persist::AsConfigured));
    pass(&mut running.device, 2 * KEEP_US);
    running.work().unwrap();
    let before = running.state(0);
    assert_eq!(running.record(0), Some((5, 8)));
    running.install(0, &keeps(3, Persist::Never));
    assert!(running.state(0) >= before, "a swap carries it over");
    assert_eq!(running.record(0), Some((0, 0)), "at once, whatever the interval");
    let card = running.card();
    drop(running);
    let mut running = boot(&card, &mut scratch, Starts::default());
    assert_eq!((running.version(), running.state(0)), (3, 0));
    pass(&mut running.device, 2 * KEEP_US);
    let after = running.state(0);
    running.install(0, &keeps(4, Persist::AsConfigured));
    assert!(running.state(0) >= after);
    pass(&mut running.device, KEEP_US);
    running.work().unwrap();
    let kept = running.state(0);
    let card = running.card();
    drop(running);
    let running = boot(&card, &mut scratch, Starts::default());
    assert_eq!((running.version(), running.state(0)), (4, kept));
}

#[test]
fn a_state_is_given_back_to_an_image_that_takes_one_of_its_layout() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    for (persist, layout, found) in [
        (Persist::AsConfigured, 5u32, 77),
        (Persist::EveryS(86_400), 5, 77),
        (Persist::AsConfigured, 6, 0),
        (Persist::EveryS(86_400), 6, 0),
        (Persist::Never, 5, 0),
        (Persist::Never, 6, 0),
    ] {
        let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
        running.install(0, &keeps(2, persist));
        let layout = layout.to_le_bytes();
        running.keeper.store().write(Place::state(0), &layout, &77u64.to_le_bytes()).unwrap();
        let card = running.card();
        drop(running);
        let mut running = boot(&card, &mut scratch, Starts::default());
        assert_eq!((running.version(), running.state(0)), (2, found), "{persist:?}, layout {layout:?}");
        running.work().unwrap();
        let ends = persist == Persist::Never;
        let record = if ends { (0, 0) } else { (u32::from_le_bytes(layout), 8) };
        assert_eq!(running.record(0), Some(record), "{persist:?}");
    }
}

/// The card refuses a state; then an image counts as good that keeps none.
#[test]
fn a_state_that_no_image_has_any_more_is_missed_by_nobody() {
    let mut scratch = vec![0; SCRATCH_WORDS];
    let mut running = boot(&Card::new(1), &mut scratch, Starts::default());
    running.install(0, &keeps(2, Persist::AsConfigured));
    let ring = RINGS.iter().find(|ring| ring.place == Place::state(0)).unwrap();
    running.keeper.store().disk_mut().bad.extend((0..ring.cells).map(|cell| ring.sector(cell)));
    pass(&mut running.device, 2 * KEEP_US);
    assert!(running.work().is_err());
    assert_eq!(running.device.keep_status().missing, Thing::State.bit(0));
    let mut none = hall(3);
    none.0.manifest.policy = FaultPolicy { confirm_ms: 0, ..FaultPolicy::default() };
    running.keeper.store().disk_mut().bad.clear();
    running.install(0, &none);
    let writes = running.card().writes;
    // Each look took one of the budget's writes until there was none.
    for _ in 0..2 * BURST {
        pass(&mut running.device, 11 * SECOND / u64::from(BURST));
        running.work().unwrap();
    }
    let status = running.device.keep_status();
    assert_eq!((status.missing, status.fault, running.card().writes), (0, None, writes));
}
