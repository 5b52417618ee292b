//! Where a file's sectors are on a FAT partition, if they stand one behind the other.
//!
//! Nothing of the file system is ever written: a file that was laid out beforehand has its sectors, and those
//! are written in their places. Well-kept crates for FAT read and write files; none says which sectors a file
//! has, which is all that is asked here.

use xmap_store::{Disk, SECTOR, Sector};

/// Sectors of a card, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// Why a partition has no such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit<E> {
    /// The card's own reason.
    Disk(E),
    /// It is no FAT16 or FAT32 with sectors of 512 bytes.
    NoFat,
    /// There is no file with this name in its root folder.
    NoFile,
    /// The file's sectors do not stand one behind the other.
    Scattered,
    /// The file's length is no multiple of a sector, or not what is wanted.
    Length,
}

/// Bytes of an entry of a folder.
const ENTRY: usize = 32;
/// The bits of an entry's attributes that no file has: the volume's label, a folder.
const NO_FILE: u8 = 0x18;
/// What the least of a chain's ends is, of 16 and of 32 bits.
const END_16: u32 = 0xfff8;
const END_32: u32 = 0x0fff_fff8;
/// Clusters of the smallest FAT16 and of the smallest FAT32.
const FAT16: u32 = 4085;
const FAT32: u32 = 65_525;

/// A FAT partition.
struct Volume<'d, D> {
    disk: &'d mut D,
    /// The first sector of the first table.
    table: u32,
    /// The first sector of cluster 2.
    data: u32,
    cluster_sectors: u32,
    clusters: u32,
    wide: bool,
    /// The root folder: its sectors, or where its chain begins.
    root: Root,
    /// The sector of the table that was read last.
    at: u32,
    sector: Sector,
}

#[derive(Clone, Copy)]
enum Root {
    Fixed(Run),
    Chain(u32),
}

/// Returns the sectors of a file in the root folder of the partition that begins at this sector: its name as
/// the folder has it, `AUTOBOOTTXT`.
///
/// # Errors
/// What is not as it was laid out.
pub(crate) fn find<D: Disk>(disk: &mut D, start: u32, name: &[u8; 11]) -> Result<Run, Misfit<D::Error>> {
    let mut volume = Volume::open(disk, start)?;
    let (cluster, bytes) = volume.entry(name)?.ok_or(Misfit::NoFile)?;
    if bytes == 0 || !bytes.is_multiple_of(SECTOR as u32) {
        return Err(Misfit::Length);
    }
    let count = bytes / SECTOR as u32;
    volume.is_one_run(cluster, count.div_ceil(volume.cluster_sectors))?;
    Ok(Run { first: volume.sector_of(cluster).ok_or(Misfit::NoFat)?, count })
}

fn word(sector: &Sector, at: usize) -> u32 {
    u32::from(u16::from_le_bytes([sector[at], sector[at + 1]]))
}

fn long(sector: &Sector, at: usize) -> u32 {
    word(sector, at) | word(sector, at + 2) << 16
}

impl<'d, D: Disk> Volume<'d, D> {
    fn open(disk: &'d mut D, start: u32) -> Result<Self, Misfit<D::Error>> {
        let mut boot = [[0; SECTOR]];
        disk.read(start, &mut boot).map_err(Misfit::Disk)?;
        let boot = &boot[0];
        let sizes = Self::sizes(boot).ok_or(Misfit::NoFat)?;
        let (reserved, fat_sectors, fats, entries, total, cluster_sectors) = sizes;
        let root_sectors = (entries * ENTRY as u32).div_ceil(SECTOR as u32);
        let root = fats.checked_mul(fat_sectors).and_then(|tables| tables.checked_add(reserved));
        let root = root.ok_or(Misfit::NoFat)?;
        let data = root.checked_add(root_sectors).ok_or(Misfit::NoFat)?;
        let clusters = total.checked_sub(data).ok_or(Misfit::NoFat)? / cluster_sectors;
        let wide = clusters >= FAT32;
        let per_sector = SECTOR as u32 / if wide { 4 } else { 2 };
        let enough = clusters.checked_add(2).is_some_and(|all| all.div_ceil(per_sector) <= fat_sectors);
        let end = start.checked_add(total);
        if clusters < FAT16 || !enough || end.is_none_or(|end| end > disk.sectors()) {
            return Err(Misfit::NoFat);
        }
        let root = match wide {
            true => Root::Chain(long(boot, 44)),
            false => Root::Fixed(Run { first: start + root, count: root_sectors }),
        };
        let (table, data) = (start + reserved, start + data);
        Ok(Self {
            disk,
            table,
            data,
            cluster_sectors,
            clusters,
            wide,
            root,
            at: u32::MAX,
            sector: [0; SECTOR],
        })
    }

    /// Returns what the first sector says: reserved sectors, sectors of a table, tables, entries of the root
    /// folder, sectors in all, sectors of a cluster.
    fn sizes(boot: &Sector) -> Option<(u32, u32, u32, u32, u32, u32)> {
        if boot[510..] != [0x55, 0xaa] || word(boot, 11) != SECTOR as u32 || !boot[13].is_power_of_two() {
            return None;
        }
        let either = |short: u32, wide: u32| if short == 0 { wide } else { short };
        let fat_sectors = either(word(boot, 22), long(boot, 36));
        let total = either(word(boot, 19), long(boot, 32));
        let sizes = (word(boot, 14), fat_sectors, boot[16].into(), word(boot, 17), total, boot[13].into());
        (sizes.0 > 0 && sizes.1 > 0 && sizes.2 > 0).then_some(sizes)
    }

    /// Returns the first sector of a cluster; `None` where the partition has no such cluster.
    fn sector_of(&self, cluster: u32) -> Option<u32> {
        let number = cluster.checked_sub(2).filter(|number| *number < self.clusters)?;
        Some(self.data + number * self.cluster_sectors)
    }

    /// Returns what the table has of a cluster that there is.
    fn next(&mut self, cluster: u32) -> Result<u32, Misfit<D::Error>> {
        let width = if self.wide { 4 } else { 2 };
        let byte = u64::from(cluster) * width;
        let at = self.table + (byte / SECTOR as u64) as u32;
        if at != self.at {
            self.at = u32::MAX;
            let mut sector = [[0; SECTOR]];
            self.disk.read(at, &mut sector).map_err(Misfit::Disk)?;
            (self.at, self.sector) = (at, sector[0]);
        }
        let at = (byte % SECTOR as u64) as usize;
        Ok(if self.wide { long(&self.sector, at) & 0x0fff_ffff } else { word(&self.sector, at) })
    }

    /// Holds a chain against the one that stands in a row.
    fn is_one_run(&mut self, first: u32, clusters: u32) -> Result<(), Misfit<D::Error>> {
        let last = clusters.checked_sub(1).and_then(|more| first.checked_add(more));
        let last = last.filter(|last| self.sector_of(*last).is_some()).ok_or(Misfit::Scattered)?;
        self.sector_of(first).ok_or(Misfit::Scattered)?;
        for cluster in first..=last {
            let next = self.next(cluster)?;
            let end = if self.wide { END_32 } else { END_16 };
            let expected = if cluster == last { next >= end } else { next == cluster + 1 };
            if !expected {
                return Err(Misfit::Scattered);
            }
        }
        Ok(())
    }

    /// Returns the first cluster and the bytes of a file.
    fn entry(&mut self, name: &[u8; 11]) -> Result<Option<(u32, u32)>, Misfit<D::Error>> {
        let mut cluster = match self.root {
            Root::Fixed(run) => {
                return Ok(match self.look(run, name)? {
                    Look::Found(cluster, bytes) => Some((cluster, bytes)),
                    Look::End | Look::More => None,
                });
            }
            Root::Chain(first) => first,
        };
        // A chain that leads to itself ends, too.
        for _ in 0..self.clusters {
            let Some(first) = self.sector_of(cluster) else { return Ok(None) };
            match self.look(Run { first, count: self.cluster_sectors }, name)? {
                Look::Found(cluster, bytes) => return Ok(Some((cluster, bytes))),
                Look::End => return Ok(None),
                Look::More => cluster = self.next(cluster)?,
            }
        }
        Ok(None)
    }

    /// Looks for a file in a part of a folder.
    fn look(&mut self, run: Run, name: &[u8; 11]) -> Result<Look, Misfit<D::Error>> {
        let mut sector = [[0; SECTOR]];
        for at in run.first..run.first + run.count {
            self.disk.read(at, &mut sector).map_err(Misfit::Disk)?;
            for entry in sector[0].as_chunks::<ENTRY>().0 {
                match entry[0] {
                    0 => return Ok(Look::End),
                    _ if entry[..11] != *name || entry[11] & NO_FILE != 0 => {}
                    _ => {
                        let number = |at: usize| u32::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
                        let high = if self.wide { number(20) << 16 } else { 0 };
                        return Ok(Look::Found(high | number(26), number(28) | number(30) << 16));
                    }
                }
            }
        }
        Ok(Look::More)
    }
}

/// What a part of a folder has.
enum Look {
    Found(u32, u32),
    End,
    More,
}
