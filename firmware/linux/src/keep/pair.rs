//! One thing that is kept, in two files: while one is written, the other stands.
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | `XMAPKEEP` |
//! | 4 | the format, 1, little-endian |
//! | 4 | bytes of what is kept, little-endian |
//! | 8 | the number of this write, from 1 up, little-endian |
//! | | what is kept |
//! | 32 | SHA-256 of everything before |
//!
//! The one with the higher number holds. A write goes to a third name, is synced, takes the place of the
//! other one by a rename, and the folder is synced: so wherever the power goes, the file that held stands as
//! it was, and what takes its place is whole or does not count. That would hold without the checksum; it is
//! for disks that lie about being done, and for cards that wear out.

use std::io;

use hmac_sha256::Hash;

use super::disk::Disk;

const MAGIC: [u8; 8] = *b"XMAPKEEP";
const FORMAT: u32 = 1;
const HEAD: usize = 24;
const SUM: usize = 32;

/// Bytes that a record takes beside what it keeps.
pub const OVERHEAD: usize = HEAD + SUM;
/// What a write asks of the disk: write, sync, rename, sync of the folder.
pub const STEPS: usize = 4;

/// The two files of a thing.
#[derive(Debug)]
pub struct Pair {
    name: String,
    /// The file that holds, and its number; 0 where none does.
    holds: usize,
    number: u64,
}

/// The records that were found.
#[derive(Debug)]
pub struct Found {
    /// What is kept, the newest first: none, one, or one and the one before.
    pub records: Vec<Vec<u8>>,
    /// Files that are there and do not count, and why.
    pub bad: Vec<String>,
}

impl Pair {
    /// Reads both files.
    pub fn load(disk: &impl Disk, name: &str) -> (Self, Found) {
        let mut found = Found { records: Vec::new(), bad: Vec::new() };
        let mut good = Vec::new();
        for file in 0..2 {
            let file_name = file_name(name, file);
            match disk.read(&file_name) {
                Ok(None) => {}
                Ok(Some(bytes)) => match decode(bytes) {
                    Some((number, kept)) => good.push((number, file, kept)),
                    None => found.bad.push(format!("{file_name}: damaged")),
                },
                Err(error) => found.bad.push(format!("{file_name}: {error}")),
            }
        }
        good.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
        let (number, holds) = good.first().map_or((0, 1), |(number, file, _)| (*number, *file));
        found.records = good.into_iter().map(|(_, _, kept)| kept).collect();
        (Self { name: name.to_owned(), holds, number }, found)
    }

    /// Keeps something, its parts one behind the other, in the place of what was kept before the last time.
    /// Where it returns `Ok`, it outlives a power cut.
    ///
    /// # Errors
    /// What the disk says. What was kept last, or this, is kept then.
    pub fn store(&mut self, disk: &mut impl Disk, kept: &[&[u8]]) -> io::Result<()> {
        let number = self.number.saturating_add(1);
        let other = 1 - self.holds;
        let new = format!("{}.new", self.name);
        let (head, sum) = frame(number, kept);
        let parts: Vec<&[u8]> =
            [&head[..]].into_iter().chain(kept.iter().copied()).chain([&sum[..]]).collect();
        disk.write(&new, &parts)?;
        disk.sync(&new)?;
        disk.rename(&new, &file_name(&self.name, other))?;
        // From here on it may count, so the next write must not take its number, nor the only place of the
        // one before.
        (self.holds, self.number) = (other, number);
        disk.sync_folder()
    }
}

/// Removes both files of a thing, and what a write may have left; returns how many of the two there were.
///
/// # Errors
/// What the disk says.
pub fn forget(disk: &mut impl Disk, name: &str) -> io::Result<usize> {
    disk.remove(&format!("{name}.new"))?;
    (0..2).try_fold(0, |count, file| Ok(count + usize::from(disk.remove(&file_name(name, file))?)))
}

fn file_name(name: &str, file: usize) -> String {
    format!("{name}.{}", if file == 0 { 'a' } else { 'b' })
}

/// Returns what stands before and behind the parts of what is kept.
fn frame(number: u64, kept: &[&[u8]]) -> ([u8; HEAD], [u8; SUM]) {
    let len: usize = kept.iter().map(|part| part.len()).sum();
    let mut head = [0; HEAD];
    let fields = [&MAGIC[..], &FORMAT.to_le_bytes(), &(len as u32).to_le_bytes(), &number.to_le_bytes()];
    head.iter_mut().zip(fields.concat()).for_each(|(to, from)| *to = from);
    let mut hash = Hash::new();
    hash.update(head);
    kept.iter().for_each(|part| hash.update(part));
    (head, hash.finalize())
}

/// Takes a file apart, in place.
fn decode(mut bytes: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let number = check(&bytes)?;
    bytes.truncate(bytes.len() - SUM);
    bytes.drain(..HEAD);
    Some((number, bytes))
}

/// The number of a whole file.
fn check(bytes: &[u8]) -> Option<u64> {
    let (covered, sum) = bytes.split_last_chunk::<SUM>()?;
    let (head, kept) = covered.split_first_chunk::<HEAD>()?;
    let [magic @ .., f0, f1, f2, f3, l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7] = *head;
    let whole = magic == MAGIC
        && u32::from_le_bytes([f0, f1, f2, f3]) == FORMAT
        && u32::from_le_bytes([l0, l1, l2, l3]) as usize == kept.len()
        && Hash::hash(covered) == *sum;
    whole.then_some(u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, Fate};
    use super::*;

    fn load(disk: &Fake) -> Vec<Vec<u8>> {
        Pair::load(disk, "it").1.records
    }

    #[test]
    fn what_was_kept_last_comes_first() {
        let mut disk = Fake::default();
        let (mut pair, found) = Pair::load(&disk, "it");
        assert!(found.records.is_empty() && found.bad.is_empty());
        for kept in [&b"one"[..], b"two", b"three"] {
            pair.store(&mut disk, &[kept]).unwrap();
        }
        assert_eq!(load(&disk), [b"three".to_vec(), b"two".to_vec()]);
        // The next program goes on with the numbers, and spares the newest.
        let (mut pair, _) = Pair::load(&disk, "it");
        pair.store(&mut disk, &[b"four"]).unwrap();
        assert_eq!(load(&disk), [b"four".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let (head, sum) = frame(7, &[b"ke", b"", b"pt"]);
        assert_eq!((head, sum), frame(7, &[b"kept"]), "however it is cut");
        let whole = [&head[..], b"kept", &sum].concat();
        assert_eq!(decode(whole.clone()), Some((7, b"kept".to_vec())));
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(damaged), None, "bit {bit}");
        }
        for len in 0..whole.len() {
            assert_eq!(decode(whole[..len].to_vec()), None, "{len} bytes");
        }
        assert_eq!(decode([&whole[..], &[0]].concat()), None);
    }

    /// Whatever a power cut leaves of what was not synced, at each call, with the call done or not: the one
    /// before or the new one is there, and from the last sync on the new one.
    #[test]
    fn a_power_cut_at_every_call_leaves_the_old_or_the_new() {
        let mut cuts = 0;
        for writes in 1..=4u8 {
            for calls in 0..=STEPS {
                for fate in Fate::all() {
                    let mut disk = Fake::default();
                    let (mut pair, _) = Pair::load(&disk, "it");
                    for n in 1..=writes {
                        pair.store(&mut disk, &[&[n; 40]]).unwrap();
                    }
                    disk.fail_after(calls);
                    let stored = pair.store(&mut disk, &[&[writes + 1; 40]]);
                    assert_eq!(stored.is_ok(), calls == STEPS);
                    disk.cut(fate);
                    let records = load(&disk);
                    let newest = records.first().map_or(0, |kept| kept[0]);
                    let expected = if calls == STEPS { writes + 1..=writes + 1 } else { writes..=writes + 1 };
                    assert!(expected.contains(&newest), "{writes} writes, {calls} calls, {fate:?}: {newest}");
                    assert!(records.iter().all(|kept| *kept == [kept[0]; 40]));
                    // The next program writes on as if nothing had been.
                    let (mut pair, _) = Pair::load(&disk, "it");
                    pair.store(&mut disk, &[&[99; 40]]).unwrap();
                    disk.cut(fate);
                    assert_eq!(load(&disk)[0], [99; 40]);
                    cuts += 1;
                }
            }
        }
        assert_eq!(cuts, 4 * (STEPS + 1) * Fate::all().count());
    }

    /// An error of the disk, and no power cut: the same program tries again.
    #[test]
    fn an_error_at_every_call_leaves_the_old_or_the_new_and_the_next_try_works() {
        for calls in 0..STEPS {
            for fate in Fate::all() {
                let mut disk = Fake::default();
                let (mut pair, _) = Pair::load(&disk, "it");
                pair.store(&mut disk, &[b"old"]).unwrap();
                disk.fail_after(calls);
                assert!(pair.store(&mut disk, &[b"new"]).is_err());
                disk.mend();
                disk.fail_after(calls);
                assert!(pair.store(&mut disk, &[b"newer"]).is_err(), "it fails again");
                disk.mend();
                let mut torn = disk.clone();
                torn.cut(fate);
                assert!(!load(&torn).is_empty(), "{calls} calls, {fate:?}");
                pair.store(&mut disk, &[b"newest"]).unwrap();
                disk.cut(fate);
                assert_eq!(load(&disk)[0], b"newest", "{calls} calls, {fate:?}");
            }
        }
    }
}
