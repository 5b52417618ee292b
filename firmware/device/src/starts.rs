//! Starts that do not go well: an image cannot keep its device down.
//!
//! Before an image is mounted, a start with it is counted, and the counts are kept where they outlive a
//! restart. Once the device has served a host, or has run for [`GOOD_US`], or ends in order, they are taken
//! back. A start that hangs or crashes leaves its count there. An image with [`UNCLEAN_STARTS`] of them is
//! set aside: what its device has before it is mounted, then nothing; the link is up in each case.
//!
//! This is the account alone. A disk (`firmware/linux`) or memory that a reset leaves alone
//! (`firmware/rpi4b`) keeps [`Starts::rows`]. A card keeps [`Starts::ended`], which is written only where a
//! start has found others than it has: a loss of power in the middle of a start is no fault of an image.

use heapless::Vec;

/// Starts that do not go well, one after another, before an image is set aside.
pub const UNCLEAN_STARTS: u8 = 3;

/// Microseconds of running after which a start has gone well, though no host came.
pub const GOOD_US: u64 = 5_000_000;

/// Images that are counted: those of two slots and a default panel for each module, twice. Where there are
/// more, the one that was counted first is forgotten.
pub const COUNTED: usize = 24;

/// An image, by its content hash.
pub type ImageHash = [u8; 32];

/// An image, and how many starts with it have not gone well.
pub type Count = (ImageHash, u8);

/// The account of starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// Starts that had not gone well when this one began.
    before: Vec<Count, COUNTED>,
    /// What has to be kept now.
    now: Vec<Count, COUNTED>,
    /// Images that run, or are being mounted.
    running: Vec<ImageHash, COUNTED>,
}

impl Starts {
    /// The account of a start that finds these counts.
    pub fn new(counts: impl IntoIterator<Item = Count>) -> Self {
        let mut before = Vec::new();
        counts.into_iter().for_each(|(hash, count)| set(&mut before, &hash, count));
        Self { now: before.clone(), before, running: Vec::new() }
    }

    /// Reads an account as a card has it; what is none counts for an empty one: it is only about starts.
    pub fn from_record(bytes: &[u8]) -> Self {
        decode(bytes).unwrap_or_default()
    }

    /// The counts that the next start has to find.
    pub fn rows(&self) -> &[Count] {
        &self.now
    }

    /// The counts that a start after a loss of power has to find: those of starts that have ended. This one
    /// counts once the next has seen that it did not end well.
    pub fn ended(&self) -> Vec<Count, COUNTED> {
        let ended = |(hash, counted): &Count| {
            (*hash, if self.running.contains(hash) { count(&self.before, hash) } else { *counted })
        };
        self.now.iter().map(ended).filter(|(_, starts)| *starts > 0).collect()
    }

    /// The counts that it has to find if this start hangs from here on.
    pub fn after_hang(&self) -> Self {
        let mut after = self.clone();
        after.mounted();
        after
    }

    /// Returns how many starts with an image have not gone well if those are enough to set it aside.
    pub fn set_aside(&self, hash: &ImageHash) -> Option<u8> {
        Some(count(&self.before, hash)).filter(|starts| *starts >= UNCLEAN_STARTS)
    }

    /// Notes that an image is about to be mounted: a start that does not go on from here counts against it,
    /// and no longer against those that are mounted already.
    pub fn begin(&mut self, hash: &ImageHash) {
        for mounted in &self.running {
            forget(&mut self.now, mounted);
        }
        run(&mut self.running, hash);
        self.count(hash);
    }

    /// Notes that an image was not mounted: it is none that runs.
    pub fn gave_up(&mut self, hash: &ImageHash) {
        self.running.retain(|running| running != hash);
        forget(&mut self.now, hash);
    }

    /// Notes that all that is to run is mounted, or hangs: a start that does not go on from here counts
    /// against all of it, once.
    pub fn mounted(&mut self) {
        for hash in self.running.clone() {
            self.count(&hash);
        }
    }

    /// Notes that the start has gone well.
    pub fn good(&mut self) {
        for running in &self.running {
            forget(&mut self.now, running);
        }
    }

    /// Notes which images run since a host has brought one: what hangs from here on counts against them. A
    /// host's own choice has all its starts again.
    pub fn set_running(&mut self, hashes: impl Iterator<Item = ImageHash>) {
        self.running.clear();
        for hash in hashes {
            run(&mut self.running, &hash);
            forget(&mut self.before, &hash);
            forget(&mut self.now, &hash);
        }
    }

    fn count(&mut self, hash: &ImageHash) {
        let starts = count(&self.before, hash).saturating_add(1);
        set(&mut self.now, hash, starts);
    }
}

/// Bytes of a row as a card has it: the hash, and the count behind it.
const ROW_BYTES: usize = 33;

/// Writes rows to the beginning of a buffer; returns how many bytes they take (docs/format.md).
pub(crate) fn encode(rows: &[Count], into: &mut [u8]) -> usize {
    let places = into.as_chunks_mut::<ROW_BYTES>().0;
    let mut written = 0;
    for ([hash @ .., starts], row) in places.iter_mut().zip(rows) {
        hash.copy_from_slice(&row.0);
        *starts = row.1;
        written += ROW_BYTES;
    }
    written
}

/// Reads rows; `None` where they are none.
fn decode(bytes: &[u8]) -> Option<Starts> {
    let (rows, rest) = bytes.as_chunks::<ROW_BYTES>();
    let row = |[hash @ .., starts]: &[u8; ROW_BYTES]| {
        let mut of = [0; 32];
        of.copy_from_slice(hash);
        (of, *starts)
    };
    (rest.is_empty() && rows.len() <= COUNTED).then(|| Starts::new(rows.iter().map(row)))
}

fn count(rows: &[Count], hash: &ImageHash) -> u8 {
    rows.iter().find(|row| row.0 == *hash).map_or(0, |row| row.1)
}

fn forget(rows: &mut Vec<Count, COUNTED>, hash: &ImageHash) {
    rows.retain(|row| row.0 != *hash);
}

fn set(rows: &mut Vec<Count, COUNTED>, hash: &ImageHash, count: u8) {
    if let Some(row) = rows.iter_mut().find(|row| row.0 == *hash) {
        row.1 = count;
        return;
    }
    if rows.is_full() {
        rows.remove(0);
    }
    // There is room.
    _ = rows.push((*hash, count));
}

fn run(running: &mut Vec<ImageHash, COUNTED>, hash: &ImageHash) {
    if !running.contains(hash) {
        // A device has fewer modules.
        _ = running.push(*hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: ImageHash = [1; 32];
    const Y: ImageHash = [2; 32];

    /// The next start.
    fn next(starts: &Starts) -> Starts {
        Starts::new(starts.rows().iter().copied())
    }

    #[test]
    fn three_starts_that_do_not_end_well_set_an_image_aside() {
        let mut starts = Starts::default();
        for _ in 0..UNCLEAN_STARTS {
            assert_eq!(starts.set_aside(&X), None);
            starts.begin(&X);
            starts = next(&starts);
        }
        assert_eq!(starts.set_aside(&X), Some(UNCLEAN_STARTS));
        // The one before has its own starts, and the one that was set aside stays so.
        starts.begin(&Y);
        starts.mounted();
        starts.good();
        starts = next(&starts);
        assert_eq!((starts.set_aside(&X), starts.set_aside(&Y)), (Some(UNCLEAN_STARTS), None));
        // A host brings it again: it has all its starts.
        starts.set_running([X].into_iter());
        assert_eq!(next(&starts).set_aside(&X), None);
    }

    #[test]
    fn a_good_start_between_them_begins_anew_and_a_hang_counts_once() {
        let mut starts = Starts::default();
        for round in 0..9 {
            assert_eq!(starts.set_aside(&X), None, "{round}");
            starts.begin(&X);
            starts.mounted();
            if round % 3 == 2 {
                starts.good();
            }
            starts = next(&starts);
        }
        for _ in 0..UNCLEAN_STARTS {
            starts.begin(&X);
            starts.mounted();
            starts.good();
            starts = (0..5).fold(starts, |starts, _| starts.after_hang());
            starts = next(&starts);
        }
        // The counter of the last start that went well is gone; each of these hung once.
        assert_eq!(starts.set_aside(&X), Some(UNCLEAN_STARTS));
    }

    #[test]
    fn what_is_mounted_already_does_not_pay_for_the_next() {
        let mut starts = Starts::default();
        for _ in 0..UNCLEAN_STARTS {
            starts.begin(&X);
            starts.begin(&Y);
            starts = next(&starts);
        }
        assert_eq!((starts.set_aside(&X), starts.set_aside(&Y)), (None, Some(UNCLEAN_STARTS)));
        starts.begin(&Y);
        starts.gave_up(&Y);
        assert_eq!(starts.rows(), [], "it was refused, and kept nobody down");
    }

    /// A loss of power: what the card has is all that is left.
    fn cold(starts: &Starts) -> Starts {
        let mut bytes = [0; COUNTED * ROW_BYTES];
        let length = encode(&starts.ended(), &mut bytes);
        let found = Starts::from_record(&bytes[..length]);
        assert_eq!(found.rows(), &starts.ended()[..]);
        found
    }

    #[test]
    fn a_card_has_starts_that_have_ended_and_no_loss_of_power() {
        let mut starts = Starts::default();
        for _ in 0..9 {
            // The power goes while it starts.
            starts.begin(&X);
            starts.mounted();
            starts = cold(&starts);
        }
        assert_eq!(starts.set_aside(&X), None);
        for _ in 0..UNCLEAN_STARTS {
            assert_eq!(starts.set_aside(&X), None);
            starts.begin(&X);
            starts.mounted();
            // It hangs; the next start finds that, and then the power goes.
            starts = cold(&next(&starts));
        }
        assert_eq!(starts.set_aside(&X), Some(UNCLEAN_STARTS));
        starts.begin(&Y);
        starts.mounted();
        starts.good();
        starts = cold(&starts);
        assert_eq!((starts.set_aside(&X), starts.set_aside(&Y)), (Some(UNCLEAN_STARTS), None));
        starts.set_running([X].into_iter());
        assert!(starts.ended().is_empty(), "a host has chosen it");
        assert_eq!(Starts::from_record(&[1; ROW_BYTES - 1]), Starts::default());
        assert_eq!(Starts::from_record(&[1; (COUNTED + 1) * ROW_BYTES]), Starts::default());
    }

    #[test]
    fn more_images_than_are_counted_forget_the_first() {
        let mut starts = Starts::default();
        for n in 0..=COUNTED as u8 {
            starts.begin(&[n; 32]);
            starts.running.clear();
        }
        let counted: std::vec::Vec<u8> = starts.rows().iter().map(|row| row.0[0]).collect();
        assert_eq!(counted, (1..=COUNTED as u8).collect::<std::vec::Vec<_>>());
    }
}
