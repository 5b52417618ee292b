//! What a store does on a card that is well, and where it refuses.

use xmap_bodies::card::{Card, Fault};
use xmap_store::{
    AREA_SECTORS, Disk, HEADER_MAGIC, Header, META_BYTES, PARTITION_TYPE, Place, RINGS, Ring, Store,
    StoreError, area_sector, find_partition,
};

#[test]
fn rings_lie_side_by_side_and_each_has_three_cells() {
    let mut end = 256;
    for ring in RINGS {
        assert_eq!(ring.first, end, "{ring:?}");
        assert!(ring.cells >= 3 && ring.cell_sectors.is_multiple_of(128));
        assert!((1 + ring.body_bytes.div_ceil(512)) <= ring.cell_sectors);
        end = ring.first + ring.cells * ring.cell_sectors;
    }
    assert_eq!(end, AREA_SECTORS);
    assert_eq!((Ring::of(Place::image(3)).is_some(), Ring::of(Place::image(4))), (true, None));
}

#[test]
fn the_largest_record_of_each_kind_fits_and_one_byte_more_does_not() {
    let mut store = Store::open(Card::new(1)).unwrap();
    for ring in RINGS.iter().filter(|ring| ring.place.module == 0) {
        let mut body = vec![0x5a; ring.body_bytes as usize];
        store.write(ring.place, &[7; META_BYTES], &body).unwrap();
        body.push(0);
        assert_eq!(store.write(ring.place, &[], &body), Err(StoreError::TooLong));
        assert_eq!(store.write(ring.place, &[0; META_BYTES + 1], &[]), Err(StoreError::TooLong));
        let record = store.records(ring.place).next().unwrap();
        let header = store.read(&record, &mut body).unwrap();
        assert_eq!((header.length, header.meta()), (ring.body_bytes, &[7; META_BYTES][..]));
        assert_eq!(store.read(&record, &mut [0; 16]), Err(StoreError::TooLong));
    }
    assert_eq!(store.counters().damaged, 0);
}

#[test]
fn records_go_round_the_cells_and_are_counted() {
    let mut store = Store::open(Card::new(1)).unwrap();
    for n in 0..50u8 {
        store.write(Place::VERSIONS, &[n], &[n; 700]).unwrap();
        let cells: Vec<_> = store.records(Place::VERSIONS).map(|record| record.cell).collect();
        assert_eq!(cells.first(), Some(&(n % 16)), "each cell is written as often as any other");
        assert_eq!(cells.len(), usize::from(n + 1).min(16));
    }
    // Erase, two of the body, the header.
    let counters = store.counters();
    assert_eq!((counters.written, counters.written_ever, counters.refused), (200, 200, 0));
    let mut store = Store::open(store.disk_mut().clone()).unwrap();
    store.write(Place::POLICY, &[], &[]).unwrap();
    let counters = store.counters();
    assert_eq!((counters.written, counters.written_ever), (2, 202));
}

#[test]
fn what_is_no_area_is_never_written() {
    let mut card = Card::blank(1);
    assert_eq!(Store::open(&mut card).err(), Some(StoreError::NoStore));
    card.kept.insert(128, area_sector());
    assert!(Store::open(&mut card).is_ok(), "the second one does");
    card.unreadable.insert(0);
    assert!(Store::open(&mut card).is_ok());
    card.unreadable.insert(128);
    assert_eq!(Store::open(&mut card).err(), Some(StoreError::Disk(Fault::Bad)));
    struct Small;
    impl Disk for Small {
        type Error = Fault;
        fn sectors(&self) -> u32 {
            AREA_SECTORS - 1
        }
        fn read(&mut self, _: u32, _: &mut [xmap_store::Sector]) -> Result<(), Fault> {
            Err(Fault::Bad)
        }
        fn write(&mut self, _: u32, _: &[xmap_store::Sector]) -> Result<(), Fault> {
            Err(Fault::Bad)
        }
        fn flush(&mut self) -> Result<(), Fault> {
            Ok(())
        }
    }
    assert_eq!(Store::open(Small).err(), Some(StoreError::NoStore));
    assert_eq!(card.writes, 0);
}

#[test]
fn a_record_in_the_wrong_cell_or_of_another_place_is_none() {
    let mut store = Store::open(Card::new(1)).unwrap();
    store.write(Place::image(0), b"first", b"one").unwrap();
    let card = store.disk_mut().clone();
    let [one, other] = [0, 1].map(|module| Ring::of(Place::image(module)).unwrap());
    for to in [one.sector(1), other.sector(0)] {
        let mut card = card.clone();
        let header = card.kept[&one.sector(0)];
        card.kept.insert(to, header);
        let store = Store::open(card).unwrap();
        assert_eq!(store.counters().damaged, 1);
        assert_eq!((0..4).map(|module| store.records(Place::image(module)).count()).sum::<usize>(), 1);
    }
}

#[test]
fn a_header_is_these_bytes() {
    let mut header = Header::new(Place::image(2), b"uart").unwrap();
    (header.cell, header.length, header.sequence, header.written) = (1, 0x0403_0201, 5, 6);
    header.digest = [9; 32];
    let sector = header.encode();
    assert_eq!(sector[..8], HEADER_MAGIC);
    assert_eq!(sector[8..24], [1, 2, 1, 0, 4, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
    assert_eq!(sector[24..40], [5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        (&sector[40..72], &sector[72..76], &sector[76..480]),
        (&[9; 32][..], &b"uart"[..], &[0; 404][..])
    );
    assert_eq!(Header::decode(&sector), Some(header));
}

#[test]
fn the_partition_is_the_one_of_its_type_that_is_large_enough() {
    let table = |kind: u8, first: u32, count: u32| {
        let mut sector = [0; 512];
        sector[446 + 4] = 0x0c;
        sector[462 + 4] = kind;
        sector[462 + 8..462 + 12].copy_from_slice(&first.to_le_bytes());
        sector[462 + 12..462 + 16].copy_from_slice(&count.to_le_bytes());
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    };
    assert_eq!(find_partition(&table(PARTITION_TYPE, 8192, AREA_SECTORS)), Some(8192..8192 + AREA_SECTORS));
    for (kind, first, count) in [
        (0x83, 8192, AREA_SECTORS),
        (PARTITION_TYPE, 8192, AREA_SECTORS - 1),
        (PARTITION_TYPE, 0, AREA_SECTORS),
        (PARTITION_TYPE, u32::MAX, AREA_SECTORS),
    ] {
        assert_eq!(find_partition(&table(kind, first, count)), None);
    }
    let mut unsigned = table(PARTITION_TYPE, 8192, AREA_SECTORS);
    unsigned[511] = 0;
    assert_eq!(find_partition(&unsigned), None);
}
