//! The board's SD card: the store's partition, and the firmware slots.

use core::cell::RefCell;

use xmap_bcm2711::{CardError, GenericTimer, SdBlock, SdCard, SdHost};
use xmap_boards::BoardId;
use xmap_link::NoFirmware;
use xmap_store::{Disk, Sector, Store, StoreError, find_partition};
use xmap_trust::PublicKey;
use xmap_update::{Layout, Next, NoLayout, Slot, Slots, Standing, Start};

use crate::startup::once::Once;

/// The card. The store and the firmware slots share it, one after the other.
#[derive(Debug)]
pub(crate) struct Card {
    card: SdCard<SdBlock<'static>, GenericTimer>,
    id: [u32; 4],
    /// The card was lost, and is asked for anew before the next access.
    lost: bool,
}

/// The card, for those who share it.
pub(crate) type SharedCard = &'static RefCell<Card>;

/// The store's partition. The sectors around it are not written through this.
#[derive(Debug)]
pub(crate) struct StoreDisk {
    card: SharedCard,
    first: u32,
    count: u32,
}

/// All sectors of the card.
#[derive(Debug)]
pub(crate) struct WholeCard(pub(crate) SharedCard);

/// Starts the card, if there is one; where not, the log says why.
pub(crate) fn start(sd: SdBlock<'static>, timer: GenericTimer) -> Option<SharedCard> {
    static CARD: Once<RefCell<Card>> = Once::new();
    match SdCard::start(SdHost::new(sd, timer)) {
        Ok(card) => {
            let id = card.id();
            CARD.set(RefCell::new(Card { card, id, lost: false }))
        }
        Err(error) => {
            defmt::warn!("no card: {=u32:08x}: nothing outlives a restart", code(error));
            None
        }
    }
}

/// Opens the store of the card, if there is one; where not, the log says why.
pub(crate) fn open(shared: SharedCard) -> Option<Store<StoreDisk>> {
    let (partition, blocks, fast) = {
        let card = &mut shared.try_borrow_mut().ok()?.card;
        let mut table = [[0; 512]];
        let partition = match card.read(0, &mut table) {
            Ok(()) => find_partition(&table[0]).filter(|partition| partition.end <= card.blocks()),
            Err(error) => {
                defmt::error!("the card cannot be read: {=u32:08x}", code(error));
                None
            }
        };
        if card.is_protected() {
            defmt::warn!("the card is write-protected: what changes does not outlive a restart");
        }
        (partition, card.blocks(), card.is_fast())
    };
    let Some(partition) = partition else {
        defmt::warn!("the card has no store: nothing outlives a restart");
        return None;
    };
    let (first, count) = (partition.start, partition.end - partition.start);
    let store = Store::open(StoreDisk { card: shared, first, count });
    let store = store.inspect_err(|error| log(*error)).ok()?;
    defmt::info!(
        "store: a card of {=u32} MiB, high speed {=bool}, {=u32} damaged records, {=u64} sectors written so far",
        blocks / 2048,
        fast,
        store.counters().damaged,
        store.counters().written_ever
    );
    Some(store)
}

/// Opens the firmware slots of the card, if it has two.
///
/// # Errors
/// Why no firmware is taken; the log says more.
pub(crate) fn firmwares(
    card: Option<SharedCard>,
    booted: Option<(u32, bool)>,
    root: Option<PublicKey>,
) -> Result<(Slots<WholeCard>, Next), NoFirmware> {
    let mut whole = WholeCard(card.ok_or(NoFirmware::NoSlots)?);
    if let Err(error) = Layout::find(&mut whole) {
        if let NoLayout::Disk(error) = error {
            defmt::error!("the card: {=u32:08x}", code(error));
        }
        return Err(NoFirmware::NoSlots);
    }
    let Some((slot, tryboot)) = booted.and_then(|(number, trial)| Some((Slot::on(number)?, trial))) else {
        defmt::warn!("the boot loader does not say which firmware runs: none is taken over the link");
        return Err(NoFirmware::NoBootLoader);
    };
    let opened = Slots::open(whole, Start { slot, tryboot }, BoardId::Rpi4b as u16, root);
    let (slots, next) = opened.map_err(|_| NoFirmware::NoSlots)?;
    let (partition, version) = (slot.partition(), slots.have());
    match slots.choice().standing {
        Standing::Good => defmt::info!("firmware {=u32} on partition {=u8}", version, partition),
        Standing::Trial => defmt::warn!("firmware on partition {=u8} is on trial", partition),
        Standing::Beside => {
            defmt::warn!("firmware on partition {=u8}: another one counts as good", partition)
        }
    }
    Ok((slots, next))
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

impl Card {
    /// Does something with the card; one that was lost is asked for anew first, as it may have been put in
    /// again. Another card waits for a restart: what it has is not known.
    fn with<T>(
        shared: SharedCard,
        work: impl FnOnce(&mut SdCard<SdBlock<'static>, GenericTimer>) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        // Nobody holds it between two accesses.
        let this = &mut *shared.try_borrow_mut().map_err(|_| CardError::Controller)?;
        if this.lost {
            this.card.again()?;
            if this.card.id() != this.id {
                return Err(CardError::Unknown);
            }
            this.lost = false;
        }
        work(&mut this.card).inspect_err(|error| this.lost = matches!(error, CardError::Removed))
    }
}

impl Disk for WholeCard {
    type Error = CardError;

    fn sectors(&self) -> u32 {
        self.0.try_borrow().map_or(0, |card| card.card.blocks())
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), CardError> {
        Card::with(self.0, |card| card.read(first, into))
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), CardError> {
        Card::with(self.0, |card| card.write(first, sectors))
    }

    fn flush(&mut self) -> Result<(), CardError> {
        Card::with(self.0, SdCard::finish)
    }
}

impl Disk for StoreDisk {
    type Error = CardError;

    fn sectors(&self) -> u32 {
        self.count
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), CardError> {
        let at = self.place(first, into.len())?;
        Card::with(self.card, |card| card.read(at, into))
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), CardError> {
        let at = self.place(first, sectors.len())?;
        Card::with(self.card, |card| card.write(at, sectors))
    }

    fn flush(&mut self) -> Result<(), CardError> {
        // A card has what was written when it is not busy any more, which every write waits for.
        Card::with(self.card, SdCard::finish)
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
