//! Handles: an export that a host has found once, and that it can never mistake for another image's.

use heapless::Vec;

use crate::ModuleExport;

/// Handles that can be open at a time: more than the panels of a usual host have buttons.
pub const MAX_HANDLES: usize = 32;

/// An index and a generation. The number that travels is `generation << 8 | index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub u32);

impl Handle {
    const fn new(index: usize, generation: u32) -> Self {
        Self(generation << 8 | index as u32)
    }
}

/// The open handles.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    rows: Vec<Row, MAX_HANDLES>,
}

#[derive(Debug)]
struct Row {
    /// Grows each time that the row is given up, 24 bits; so an old handle meets another number.
    generation: u32,
    open: Option<ModuleExport>,
}

impl Handles {
    /// A handle for an export; `None` where all are open.
    pub(crate) fn bind(&mut self, export: ModuleExport) -> Option<Handle> {
        let free = self.rows.iter().position(|row| row.open.is_none());
        let index = match free {
            Some(index) => index,
            None => {
                self.rows.push(Row { generation: 1, open: None }).ok()?;
                self.rows.len() - 1
            }
        };
        let row = self.rows.get_mut(index)?;
        row.open = Some(export);
        Some(Handle::new(index, row.generation))
    }

    /// What a handle stands for; `None` where it is stale.
    pub(crate) fn get(&self, handle: Handle) -> Option<ModuleExport> {
        let row = self.rows.get(handle.0 as usize & 0xff)?;
        row.open.filter(|_| row.generation == handle.0 >> 8)
    }

    /// Gives a handle up. Whether it was open.
    pub(crate) fn release(&mut self, handle: Handle) -> bool {
        let open = self.get(handle).is_some();
        if open && let Some(row) = self.rows.get_mut(handle.0 as usize & 0xff) {
            row.open = None;
            row.generation = (row.generation + 1) & 0xff_ffff;
        }
        open
    }

    /// An open handle of a module.
    pub(crate) fn of(&self, module: u8) -> Option<Handle> {
        self.rows.iter().enumerate().find_map(|(index, row)| {
            row.open.filter(|export| export.module == module).map(|_| Handle::new(index, row.generation))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_image::ExportId;

    fn export(module: u8, id: u16) -> ModuleExport {
        ModuleExport { module, export: ExportId(id) }
    }

    #[test]
    fn a_released_handle_is_stale_for_ever() {
        let mut handles = Handles::default();
        let first = handles.bind(export(0, 3)).unwrap();
        assert_eq!(handles.get(first), Some(export(0, 3)));
        assert!(handles.release(first) && !handles.release(first));
        let second = handles.bind(export(1, 4)).unwrap();
        assert_ne!(first, second, "the row is the same, the generation is not");
        assert_eq!((handles.get(first), handles.get(second)), (None, Some(export(1, 4))));
    }

    #[test]
    fn handles_are_bounded_and_found_by_module() {
        let mut handles = Handles::default();
        for n in 0..MAX_HANDLES {
            assert!(handles.bind(export(n as u8 % 2, 0)).is_some());
        }
        assert_eq!(handles.bind(export(0, 0)), None);
        let mut released = 0;
        while let Some(handle) = handles.of(1) {
            assert!(handles.release(handle));
            released += 1;
        }
        assert_eq!((released, handles.of(1)), (MAX_HANDLES / 2, None));
        assert_eq!(handles.get(Handle(u32::MAX)), None);
    }
}
