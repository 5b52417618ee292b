//! A card loses power at every write of random histories: what was on it is there, or what was being written.
//! `XMAP_HISTORIES=1000` is the long form.

use std::env;

use xmap_bodies::card::{Card, Fault, Random};
use xmap_store::{Place, RINGS, Store, StoreError};

/// A record that a history writes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    place: Place,
    meta: Vec<u8>,
    body: Vec<u8>,
}

fn history(random: &mut Random) -> Vec<Entry> {
    let count = 3 + random.below(6);
    let entry = |_| {
        let place = RINGS[random.below(RINGS.len() as u64) as usize % 6].place;
        // From none to some sectors, and to the last byte of one.
        let length = [0, 1, 511, 512, 513, 1700][random.below(6) as usize];
        let body = (0..length).map(|_| random.draw() as u8).collect();
        Entry { place, meta: vec![random.draw() as u8; random.below(40) as usize], body }
    };
    (0..count).map(entry).collect()
}

/// Returns the newest record of a place that reads.
fn newest(store: &mut Store<Card>, place: Place) -> Option<Entry> {
    let records: Vec<_> = store.records(place).collect();
    records.iter().find_map(|record| {
        let mut body = vec![0; record.length as usize];
        let header = store.read(record, &mut body).ok()?;
        Some(Entry { place, meta: header.meta().to_vec(), body })
    })
}

/// What was written last of each place, and what was being written when the power went.
#[derive(Default)]
struct Expected {
    written: Vec<Entry>,
    under_way: Option<Entry>,
}

impl Expected {
    fn check(&self, store: &mut Store<Card>, what: &str) {
        for place in RINGS.map(|ring| ring.place) {
            let last = self.written.iter().rev().find(|entry| entry.place == place);
            let new = self.under_way.as_ref().filter(|entry| entry.place == place);
            let found = newest(store, place);
            assert!(found.as_ref() == last || new.is_some() && found.as_ref() == new, "{what}: {place:?}");
        }
    }
}

/// Plays a history until the power goes; returns what was written.
fn play(mut store: Store<Card>, entries: &[Entry]) -> (Card, Expected) {
    let mut expected = Expected::default();
    for entry in entries {
        match store.write(entry.place, &entry.meta, &entry.body) {
            Ok(()) => expected.written.push(entry.clone()),
            Err(error) => {
                assert_eq!(error, StoreError::Disk(Fault::Off));
                expected.under_way = Some(entry.clone());
                break;
            }
        }
    }
    (store.disk_mut().clone(), expected)
}

#[test]
fn every_cut_leaves_the_record_before_or_the_new_one() {
    let histories = env::var("XMAP_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let mut cuts = 0u64;
    for seed in 0..histories {
        let entries = history(&mut Random::new(seed));
        let (card, expected) = play(Store::open(Card::new(seed)).unwrap(), &entries);
        assert_eq!(expected.written.len(), entries.len());
        for cut in 0..card.writes {
            let mut card = Card::new(seed << 20 | cut);
            card.cut_after = Some(cut);
            let (mut card, mut expected) = play(Store::open(card).unwrap(), &entries);
            assert!(card.off);
            card.on();
            let what = format!("history {seed}, cut {cut}");
            let mut store = Store::open(card.clone()).unwrap();
            expected.check(&mut store, &what);
            // The device goes on, and the power goes once more, at the first writes of it.
            let again = expected.under_way.take().unwrap();
            let came = newest(&mut store, again.place).as_ref() == Some(&again);
            card.cut_after = Some(cut % 3);
            let mut store = Store::open(card).unwrap();
            if came {
                expected.written.push(again.clone());
            }
            assert!(store.write(again.place, &again.meta, b"once more").is_err());
            expected.under_way = Some(Entry { body: b"once more".to_vec(), ..again });
            let mut card = store.disk_mut().clone();
            card.on();
            expected.check(&mut Store::open(card).unwrap(), &format!("{what}, and {}", cut % 3));
            cuts += 2;
        }
    }
    println!("{histories} histories, {cuts} cuts");
    assert!(cuts > histories * 30);
}

#[test]
fn sectors_that_are_bad_deaf_or_unreadable_take_one_record_at_most() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut store = Store::open(Card::new(seed)).unwrap();
        let mut expected = Expected::default();
        for entry in history(&mut random).into_iter().cycle().take(20) {
            let ring = RINGS.iter().find(|ring| ring.place == entry.place).unwrap();
            let at = ring.sector(random.below(ring.cells.into()) as u32) + random.below(4) as u32;
            let card = store.disk_mut();
            card.bad.clear();
            card.deaf.clear();
            match random.below(4) {
                0 => _ = card.bad.insert(at),
                1 => _ = card.deaf.insert(at),
                _ => {}
            }
            match store.write(entry.place, &entry.meta, &entry.body) {
                Ok(()) => (expected.written.push(entry), expected.under_way = None).0,
                // At most two of its cells are bad, and the third has the newest record.
                Err(error) => panic!("seed {seed}: {error:?} for {:?}", entry.place),
            }
            expected.check(&mut store, &format!("seed {seed}"));
        }
        // A sector that goes bad later takes the record that it is of, and no other.
        let place = expected.written.last().unwrap().place;
        let record = store.records(place).next().unwrap();
        let ring = RINGS.iter().find(|ring| ring.place == place).unwrap();
        let mut card = store.disk_mut().clone();
        card.unreadable.insert(ring.sector(record.cell.into()));
        let mut store = Store::open(card).unwrap();
        assert_eq!(store.counters().damaged, 1);
        let before = expected.written.iter().rev().filter(|entry| entry.place == place).nth(1).cloned();
        assert_eq!(newest(&mut store, place), before, "seed {seed}");
    }
}

#[test]
fn a_bit_that_flips_in_a_record_is_found() {
    let body: Vec<u8> = (0..1000).map(|n| n as u8).collect();
    let mut store = Store::open(Card::new(1)).unwrap();
    store.write(Place::image(1), b"old", b"before").unwrap();
    store.write(Place::image(1), b"new", &body).unwrap();
    let card = store.disk_mut().clone();
    let first = RINGS.iter().find(|ring| ring.place == Place::image(1)).unwrap().sector(1);
    for (sector, byte) in (0..3).flat_map(|sector| (0..512).step_by(7).map(move |byte| (sector, byte))) {
        let mut card = card.clone();
        card.kept.entry(first + sector).or_insert([0; 512])[byte] ^= 1 << (byte % 8);
        let mut store = Store::open(card).unwrap();
        let found = newest(&mut store, Place::image(1)).unwrap();
        // Behind the last byte of the body is nobody's.
        let expected = if sector == 2 && byte >= 1000 - 512 { &b"new"[..] } else { b"old" };
        assert_eq!(found.meta, expected, "sector {sector}, byte {byte}");
        assert_eq!(store.counters().damaged, u32::from(expected == b"old"));
    }
}
