//! Tables and bulk memory: everything that works on a stretch of memory or of references.
//!
//! None of it is on a hot path, so it stands apart from the loop of ops. Lengths that only a call
//! knows are paid for with fuel before anything moves; one that is longer than everything that there
//! is moves nothing, and costs nothing.

use xmap_image::{Image, PassiveRow, TableRow, Word, fuel, opcode as op, reference};

use crate::window::Window;
use crate::{Fault, TrapCode};

/// What a failed `table.grow` gives.
const REFUSED: u64 = u32::MAX as u64;

/// What bulk operations work on.
pub(crate) struct Bulk<'r, 'm> {
    pub(crate) image: &'r Image<'r>,
    /// Globals, tables and the lengths of passive segments.
    pub(crate) slots: &'m mut [u64],
    pub(crate) memory: &'m mut [u8],
}

impl Bulk<'_, '_> {
    /// Runs the op at `at`. Gives the number of its words and the fuel that is left.
    ///
    /// # Errors
    /// Where the fuel does not cover it, or a stretch is not inside its table, segment or memory.
    /// Nothing has changed then.
    // Cold, so that the loop of ops keeps its own values in registers.
    #[cold]
    #[inline]
    pub(crate) fn step(
        &mut self,
        code: &[Word],
        at: usize,
        window: &mut Window,
        left: i64,
    ) -> Result<(usize, i64), Fault> {
        let code = code.get(at..).unwrap_or_default();
        let word = code.first().copied().unwrap_or_default();
        let [opcode, a, b, c] = word.to_le_bytes();
        let has_immediate = matches!(
            opcode,
            op::TableFill | op::TableCopy | op::TableInit | op::ElemDrop | op::MemoryInit | op::DataDrop
        );
        let immediate = if has_immediate { code.get(1).copied().unwrap_or_default() } else { 0 };
        let operands = [a, b, c].map(|r| window[usize::from(r)]);
        let count = operands[if opcode == op::TableGrow { 0 } else { 2 }] as u32;
        let all = match opcode {
            op::MemoryCopy | op::MemoryFill | op::MemoryInit => self.memory.len(),
            _ => self.slots.len(),
        };
        let left =
            if count as usize > all { left } else { left - i64::from(fuel::of_stretch(opcode, count)) };
        if left < 0 {
            return Err(Fault::new(TrapCode::Fuel, 0));
        }
        let result = self.run(word, immediate, operands)?;
        if matches!(opcode, op::TableGet | op::TableSize | op::TableGrow) {
            window[usize::from(a)] = result;
        }
        Ok((1 + usize::from(has_immediate), left))
    }

    /// Runs an operation on the registers `a`, `b` and `c`, with the op's first word and, where it has
    /// one, its immediate. The result is that of an operation that has one.
    #[inline]
    fn run(&mut self, word: Word, immediate: Word, [a, b, c]: [u64; 3]) -> Result<u64, Fault> {
        let [opcode, _, field_b, field_c] = word.to_le_bytes();
        let (low, high) = (immediate & 0xffff, immediate >> 16);
        let [x, y, n] = [a, b, c].map(|r| r as u32);
        match opcode {
            op::TableGet => return Ok(*self.reference(u32::from(field_c), y)?),
            op::TableSet => *self.reference(u32::from(field_c), x)? = b,
            op::TableSize => return Ok(self.size(self.table(u32::from(field_b)))),
            op::TableGrow => return Ok(self.grow(u32::from(field_c), x, b)),
            op::TableFill => self.stretch(low, x, n)?.fill(b),
            op::TableCopy => {
                let (to, from) = (self.place(low, x, n)?, self.place(high, y, n)?);
                copy(self.slots, from, to, n as usize);
            }
            op::TableInit => self.init_table(low, high, [x, y, n])?,
            op::ElemDrop => self.drop_segment(self.image.passive_elements(), low),
            op::MemoryCopy => {
                let (to, from) = (self.bytes(x, n).map(|_| x)?, self.bytes(y, n).map(|_| y)?);
                copy(self.memory, from as usize, to as usize, n as usize);
            }
            op::MemoryFill => self.bytes(x, n)?.fill(y as u8),
            op::MemoryInit => self.init_memory(low, [x, y, n])?,
            _ => self.drop_segment(self.image.passive_data(), low),
        }
        Ok(0)
    }

    /// Verification has shown that the table exists; one without references stands for none.
    #[inline]
    fn table(&self, table: u32) -> TableRow {
        let none = TableRow { slot: u32::MAX, initial: 0, capacity: 0 };
        self.image.tables().get(table as usize).copied().unwrap_or(none)
    }

    #[inline]
    fn size(&self, table: TableRow) -> u64 {
        self.slots.get(table.slot as usize).copied().unwrap_or(0)
    }

    /// The slot of the first of `count` references from `index` on, which are all there.
    #[inline]
    fn place(&self, table: u32, index: u32, count: u32) -> Result<usize, Fault> {
        let table = self.table(table);
        if u64::from(index) + u64::from(count) <= self.size(table) {
            Ok(table.slot as usize + 1 + index as usize)
        } else {
            Err(Fault::new(TrapCode::TableOutOfBounds, index))
        }
    }

    /// A reference of a table.
    #[inline]
    fn reference(&mut self, table: u32, index: u32) -> Result<&mut u64, Fault> {
        let place = self.place(table, index, 1)?;
        self.slots.get_mut(place).ok_or(Fault::new(TrapCode::TableOutOfBounds, index))
    }

    /// References of a table.
    #[inline]
    fn stretch(&mut self, table: u32, index: u32, count: u32) -> Result<&mut [u64], Fault> {
        let first = self.place(table, index, count)?;
        let fault = Fault::new(TrapCode::TableOutOfBounds, index);
        self.slots.get_mut(first..).and_then(|rest| rest.get_mut(..count as usize)).ok_or(fault)
    }

    /// Bytes of memory.
    #[inline]
    fn bytes(&mut self, start: u32, count: u32) -> Result<&mut [u8], Fault> {
        let fault = Fault::new(TrapCode::OutOfBounds, start);
        self.memory.get_mut(start as usize..).and_then(|rest| rest.get_mut(..count as usize)).ok_or(fault)
    }

    #[inline]
    fn grow(&mut self, table: u32, count: u32, reference: u64) -> u64 {
        let row = self.table(table);
        let size = self.size(row);
        let new = size + u64::from(count);
        if new > u64::from(row.capacity) {
            return REFUSED;
        }
        let first = row.slot as usize + 1 + size as usize;
        let Some(fresh) = self.slots.get_mut(first..first + count as usize) else { return REFUSED };
        fresh.fill(reference);
        if let Some(size) = self.slots.get_mut(row.slot as usize) {
            *size = new;
        }
        size
    }

    #[inline]
    fn init_table(&mut self, table: u32, segment: u32, [to, from, count]: [u32; 3]) -> Result<(), Fault> {
        let items =
            self.segment(self.image.passive_elements(), segment, self.image.element_items(), from, count);
        let slots = self.stretch(table, to, count)?;
        let items = items.ok_or(Fault::new(TrapCode::TableOutOfBounds, from))?;
        slots.iter_mut().zip(items).for_each(|(slot, item)| *slot = reference(*item));
        Ok(())
    }

    #[inline]
    fn init_memory(&mut self, segment: u32, [to, from, count]: [u32; 3]) -> Result<(), Fault> {
        let items = self.segment(self.image.passive_data(), segment, self.image.data_bytes(), from, count);
        let bytes = self.bytes(to, count)?;
        let items = items.ok_or(Fault::new(TrapCode::OutOfBounds, from))?;
        // Both have `count` bytes.
        let len = bytes.len().min(items.len());
        bytes[..len].copy_from_slice(&items[..len]);
        Ok(())
    }

    /// A stretch of a segment that was not dropped.
    #[inline]
    fn segment<'i, T>(
        &self,
        rows: &[PassiveRow],
        segment: u32,
        all: &'i [T],
        from: u32,
        count: u32,
    ) -> Option<&'i [T]> {
        let row = rows.get(segment as usize)?;
        let len = *self.slots.get(row.slot as usize)?;
        if u64::from(from) + u64::from(count) > len {
            return None;
        }
        all.get(row.first as usize + from as usize..)?.get(..count as usize)
    }

    #[inline]
    fn drop_segment(&mut self, rows: &[PassiveRow], segment: u32) {
        let slot = rows.get(segment as usize).and_then(|row| self.slots.get_mut(row.slot as usize));
        if let Some(len) = slot {
            *len = 0;
        }
    }
}

/// Copies `count` items that are all there; the stretches may overlap.
fn copy<T: Copy>(items: &mut [T], from: usize, to: usize, count: usize) {
    let last = from.max(to).saturating_add(count);
    if last <= items.len() {
        items.copy_within(from..from + count, to);
    }
}
