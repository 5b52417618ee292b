//! Any bytes on a card under a store.

use std::collections::BTreeMap;

use xmap_store::{
    AREA_SECTORS, Disk, Header, Place, RINGS, SECTOR, Sector, Store, area_sector, digest, find_partition,
};

use super::entropy::Entropy;

/// A card that has what was put on it, and zeros.
#[derive(Debug, Default)]
struct Card(BTreeMap<u32, Sector>);

impl Disk for Card {
    type Error = ();

    fn sectors(&self) -> u32 {
        AREA_SECTORS
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), ()> {
        for (at, to) in (first..).zip(into) {
            *to = self.0.get(&at).copied().unwrap_or([0; SECTOR]);
        }
        Ok(())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), ()> {
        self.0.extend((first..).zip(sectors.iter().copied()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ()> {
        Ok(())
    }
}

/// How often what is rare came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// A record was read.
    pub read: u32,
    /// A sector or a body was passed over.
    pub damaged: u32,
}

/// Bytes as sectors of a card: headers as they are, and such as have a digest. What the store reads has the
/// digest that its header says, is no longer than its ring allows, and a new record stands before all of
/// them.
pub fn store_card(data: &[u8]) -> Stored {
    let mut entropy = Entropy::of(data);
    let mut card = Card::default();
    card.0.insert(0, area_sector());
    for _ in 0..1 + entropy.below(8) {
        let ring = RINGS[entropy.below(RINGS.len() as u32) as usize];
        let cell = entropy.below(ring.cells);
        // The longest of images and states would only take time.
        let most = if ring.body_bytes < 10_000 { ring.body_bytes } else { 5000 };
        let length = [0, 3, 600, most, ring.body_bytes + 1, u32::MAX][entropy.below(6) as usize];
        let body: Vec<u8> = (0..length.min(600)).map(|_| entropy.u8()).collect();
        let mut sector = [0; SECTOR];
        if let Some(mut header) = Header::new(ring.place, &body[..body.len().min(9)]) {
            (header.cell, header.length) = (cell as u8, length);
            header.sequence = [0, 1, u64::from(entropy.u8()), u64::MAX][entropy.below(4) as usize];
            header.digest = digest([&body[..]]);
            sector = header.encode();
        }
        match entropy.below(4) {
            // Whatever the bytes say, with a digest that may hold or not.
            0 => sector.iter_mut().for_each(|byte| *byte = entropy.u8()),
            1 => sector[entropy.below(512) as usize] ^= 1 << entropy.below(8),
            _ => {}
        }
        let first = ring.sector(cell);
        card.0.insert(first, sector);
        for (at, part) in (first + 1..).zip(body.chunks(SECTOR)) {
            let mut sector = [0; SECTOR];
            sector[..part.len()].copy_from_slice(part);
            card.0.insert(at, sector);
        }
        _ = find_partition(&sector);
    }
    let mut store = Store::open(card).expect("the area begins as one");
    let mut found = Stored::default();
    for ring in RINGS {
        let records: Vec<_> = store.records(ring.place).collect();
        assert!(records.is_sorted_by(|a, b| a.sequence > b.sequence), "the newest comes first, and once");
        for record in records {
            assert!(record.length <= ring.body_bytes);
            let mut body = vec![0; record.length as usize];
            if let Ok(header) = store.read(&record, &mut body) {
                assert_eq!((header.digest, header.length), (digest([&body[..]]), record.length));
                found.read += 1;
            }
        }
    }
    found.damaged = store.counters().damaged;
    let place = if entropy.below(2) == 0 { Place::POLICY } else { Place::state(3) };
    store.write(place, b"meta", b"body").expect("the card takes it");
    let newest = store.records(place).next().expect("it is there");
    let mut body = [0; 4];
    let header = store.read(&newest, &mut body);
    assert_eq!((header.map(|header| header.length), &body), (Ok(4), b"body"));
    found
}
