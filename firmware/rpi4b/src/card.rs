//! The store's partition on the board's SD card.

use xmap_bcm2711::{CardError, GenericTimer, SdBlock, SdCard, SdHost};
use xmap_store::{Disk, Sector, Store, StoreError, find_partition};

/// The partition. The card's other sectors are never written.
#[derive(Debug)]
pub(crate) struct StoreDisk {
    card: SdCard<SdBlock<'static>, GenericTimer>,
    first: u32,
    count: u32,
    id: [u32; 4],
    /// The card was lost, and is asked for anew before the next access.
    lost: bool,
}

/// Opens the store of the card, if there is one; where not, the log says why.
pub(crate) fn open(sd: SdBlock<'static>, timer: GenericTimer) -> Option<Store<StoreDisk>> {
    let mut card = match SdCard::start(SdHost::new(sd, timer)) {
        Ok(card) => card,
        Err(error) => {
            defmt::warn!("no card: {=u32:08x}: nothing outlives a restart", code(error));
            return None;
        }
    };
    let mut table = [[0; 512]];
    let partition = match card.read(0, &mut table) {
        Ok(()) => find_partition(&table[0]).filter(|partition| partition.end <= card.blocks()),
        Err(error) => {
            defmt::error!("the card cannot be read: {=u32:08x}", code(error));
            None
        }
    };
    let Some(partition) = partition else {
        defmt::warn!("the card has no store: nothing outlives a restart");
        return None;
    };
    if card.is_protected() {
        defmt::warn!("the card is write-protected: what changes does not outlive a restart");
    }
    let (blocks, fast, id) = (card.blocks(), card.is_fast(), card.id());
    let (first, count) = (partition.start, partition.end - partition.start);
    let disk = StoreDisk { card, first, count, id, lost: false };
    let store = Store::open(disk).inspect_err(|error| log(*error)).ok()?;
    defmt::info!(
        "store: a card of {=u32} MiB, high speed {=bool}, {=u32} damaged records, {=u64} sectors written so far",
        blocks / 2048,
        fast,
        store.counters().damaged,
        store.counters().written_ever
    );
    Some(store)
}

/// Logs why the store did not do something.
pub(crate) fn log(error: StoreError<CardError>) {
    match error {
        StoreError::Disk(error) => defmt::error!("the card: {=u32:08x}", code(error)),
        StoreError::NoStore => defmt::error!("the card's partition has no store"),
        StoreError::TooLong => defmt::error!("a record is longer than the store has room for"),
        StoreError::Damaged => defmt::error!("the card does not have what was written"),
    }
}

/// An error as a number: its kind in the upper half, the command below; the card's own status as it is.
const fn code(error: CardError) -> u32 {
    match error {
        CardError::Absent => 0x1_0000,
        CardError::Unknown => 0x2_0000,
        CardError::Removed => 0x3_0000,
        CardError::Protected => 0x4_0000,
        CardError::Range => 0x5_0000,
        CardError::Controller => 0x6_0000,
        CardError::Timeout(command) => 0x7_0000 | command as u32,
        CardError::Crc(command) => 0x8_0000 | command as u32,
        CardError::Status(status) => status,
    }
}

impl StoreDisk {
    /// Does something with the card; one that was lost is asked for anew first, as it may have been put in
    /// again. Another card waits for a restart: what it has is not known.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut SdCard<SdBlock<'static>, GenericTimer>) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        if self.lost {
            self.card.again()?;
            if self.card.id() != self.id {
                return Err(CardError::Unknown);
            }
            self.lost = false;
        }
        work(&mut self.card).inspect_err(|error| self.lost = matches!(error, CardError::Removed))
    }
}

impl Disk for StoreDisk {
    type Error = CardError;

    fn sectors(&self) -> u32 {
        self.count
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), CardError> {
        let at = self.place(first, into.len())?;
        self.with(|card| card.read(at, into))
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), CardError> {
        let at = self.place(first, sectors.len())?;
        self.with(|card| card.write(at, sectors))
    }

    fn flush(&mut self) -> Result<(), CardError> {
        // A card has what was written when it is not busy any more, which every write waits for.
        self.with(SdCard::finish)
    }
}

impl StoreDisk {
    /// Returns the card's block of the partition's sectors: none outside of it is reached.
    fn place(&self, first: u32, count: usize) -> Result<u32, CardError> {
        let end = u32::try_from(count).ok().and_then(|count| first.checked_add(count));
        end.filter(|end| *end <= self.count).ok_or(CardError::Range)?;
        Ok(self.first + first)
    }
}
