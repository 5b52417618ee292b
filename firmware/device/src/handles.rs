//! Handles: an export that a host has found once, and that it can never mistake for another image's.

use heapless::Vec;

use crate::flight::{Exchange, flag, value};
use crate::modules::ModuleId;
use crate::{ModuleExport, Torn};

/// Handles that a host can have open at a time: more than the panels of a usual host have buttons.
pub const MAX_HANDLES: usize = 32;
/// Hosts that a device serves at a time, each with its own share of the handles.
pub const MAX_HOSTS: usize = 8;
/// All handles; a handle's index is a byte.
const ALL: usize = MAX_HANDLES * MAX_HOSTS;
const _: () = assert!(ALL <= 1 << INDEX_BITS);
const INDEX_BITS: u32 = 8;

/// A session of a host, by a number that the device gives once. Handles and transfers belong to one and end
/// with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostId(pub(crate) u32);

impl HostId {
    /// The program around the device, which needs no session.
    pub const LOCAL: Self = Self(0);
}

/// An index and a generation. The number that travels is `generation << 8 | index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub u32);

impl Handle {
    const fn new(index: usize, generation: u32) -> Self {
        Self(generation << INDEX_BITS | index as u32)
    }

    const fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }
}

/// The open handles.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    rows: Vec<Row, ALL>,
}

#[derive(Debug)]
struct Row {
    /// Grows each time that the row is given up, 24 bits; so an old handle meets another number.
    generation: u32,
    host: HostId,
    open: Option<ModuleExport>,
    /// Whether the host said which contract it was made for.
    held: bool,
}

impl Row {
    fn close(&mut self) {
        self.open = None;
        self.generation = (self.generation + 1) & 0xff_ffff;
    }
}

impl Handles {
    /// Opens a handle for an export; `None` if the host has as many as it may. `held` says whether the host
    /// was made for the export's contract.
    pub(crate) fn bind(&mut self, host: HostId, export: ModuleExport, held: bool) -> Option<Handle> {
        let own = self.rows.iter().filter(|row| row.open.is_some() && row.host == host).count();
        if own >= MAX_HANDLES {
            return None;
        }
        let index = match self.rows.iter().position(|row| row.open.is_none()) {
            Some(index) => index,
            None => {
                self.rows.push(Row { generation: 1, host, open: None, held }).ok()?;
                self.rows.len() - 1
            }
        };
        let row = self.rows.get_mut(index)?;
        (row.host, row.open, row.held) = (host, Some(export), held);
        Some(Handle::new(index, row.generation))
    }

    /// Returns the export behind a handle; `None` if it is stale, or another host's.
    pub(crate) fn get(&self, host: HostId, handle: Handle) -> Option<ModuleExport> {
        let row = self.rows.get(handle.index())?;
        row.open.filter(|_| row.generation == handle.0 >> INDEX_BITS && row.host == host)
    }

    /// Closes a handle of a host. Returns whether it was open.
    pub(crate) fn release(&mut self, host: HostId, handle: Handle) -> bool {
        let open = self.get(host, handle).is_some();
        if open && let Some(row) = self.rows.get_mut(handle.index()) {
            row.close();
        }
        open
    }

    /// Returns the export behind each open handle whose host was made for its contract, by the handle's
    /// place.
    pub(crate) fn uses(&self) -> impl Iterator<Item = (usize, ModuleExport)> {
        self.rows.iter().enumerate().filter_map(|(n, row)| Some((n, row.open.filter(|_| row.held)?)))
    }

    /// Exchanges all handles, those that are closed included: their places and generations count.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        let mut count = self.rows.len() as u64;
        with.number(&mut count)?;
        self.rows.truncate(usize::try_from(count).map_err(|_| Torn)?);
        while (self.rows.len() as u64) < count {
            let none = Row { generation: 0, host: HostId::LOCAL, open: None, held: false };
            self.rows.push(none).map_err(|_| Torn)?;
        }
        for row in &mut self.rows {
            value(with, &mut row.generation)?;
            value(with, &mut row.host.0)?;
            flag(with, &mut row.held)?;
            // No module has so many exports.
            let mut export = row.open.map_or(0, |export| u32::from(export.id()) + 1);
            value(with, &mut export)?;
            let open = export.checked_sub(1).map(u16::try_from).transpose().map_err(|_| Torn)?;
            row.open = open.map(ModuleExport::from_id);
        }
        Ok(())
    }

    /// Closes all handles of a host.
    pub(crate) fn end(&mut self, host: HostId) {
        self.rows.iter_mut().filter(|row| row.open.is_some() && row.host == host).for_each(Row::close);
    }

    /// Closes an open handle of a module, and returns it.
    pub(crate) fn take_of(&mut self, module: ModuleId) -> Option<Handle> {
        self.rows.iter_mut().enumerate().find_map(|(index, row)| {
            row.open.filter(|export| export.module == module.number())?;
            let handle = Handle::new(index, row.generation);
            row.close();
            Some(handle)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_image::ExportId;

    const ONE: HostId = HostId(1);
    const OTHER: HostId = HostId(2);

    fn export(module: u8, id: u16) -> ModuleExport {
        ModuleExport { module, export: ExportId(id) }
    }

    #[test]
    fn a_released_handle_is_stale_for_ever() {
        let mut handles = Handles::default();
        let first = handles.bind(ONE, export(0, 3), false).unwrap();
        assert_eq!(handles.get(ONE, first), Some(export(0, 3)));
        assert!(handles.release(ONE, first) && !handles.release(ONE, first));
        let second = handles.bind(ONE, export(1, 4), false).unwrap();
        assert_ne!(first, second, "the row is the same, the generation is not");
        assert_eq!((handles.get(ONE, first), handles.get(ONE, second)), (None, Some(export(1, 4))));
    }

    #[test]
    fn uses_are_the_handles_of_hosts_that_said_what_they_were_made_for() {
        let mut handles = Handles::default();
        let plain = handles.bind(ONE, export(0, 3), false).unwrap();
        let held = handles.bind(OTHER, export(0, 4), true).unwrap();
        assert!(handles.uses().eq([(1, export(0, 4))]));
        handles.release(ONE, plain);
        handles.release(OTHER, held);
        assert_eq!(handles.uses().count(), 0);
        handles.bind(ONE, export(0, 4), true).unwrap();
        handles.end(ONE);
        assert_eq!(handles.uses().count(), 0, "who is gone uses nothing");
    }

    #[test]
    fn handles_are_bounded_and_found_by_module() {
        let mut handles = Handles::default();
        for n in 0..MAX_HANDLES {
            assert!(handles.bind(ONE, export(n as u8 % 2, 0), false).is_some());
        }
        assert_eq!(handles.bind(ONE, export(0, 0), false), None);
        let mut released = 0;
        while let Some(handle) = handles.take_of(ModuleId::ALL[1]) {
            assert_eq!(handles.get(ONE, handle), None);
            released += 1;
        }
        assert_eq!(released, MAX_HANDLES / 2);
        assert_eq!(handles.get(ONE, Handle(u32::MAX)), None);
    }

    #[test]
    fn a_host_has_its_own_handles_and_leaves_none() {
        let mut handles = Handles::default();
        let hosts: [HostId; MAX_HOSTS] = core::array::from_fn(|n| HostId(n as u32 + 1));
        let firsts = hosts.map(|host| handles.bind(host, export(0, 3), false).unwrap());
        for host in hosts {
            let more = std::iter::repeat_with(|| handles.bind(host, export(0, 3), false))
                .take_while(Option::is_some);
            assert_eq!(more.count(), MAX_HANDLES - 1, "no host takes another one's");
        }
        assert_eq!((handles.get(OTHER, firsts[0]), handles.release(OTHER, firsts[0])), (None, false));
        handles.end(ONE);
        assert_eq!(handles.get(ONE, firsts[0]), None);
        assert_eq!(handles.get(OTHER, firsts[1]), Some(export(0, 3)));
        assert!(handles.bind(HostId(100), export(0, 3), false).is_some(), "their places are free");
    }
}
