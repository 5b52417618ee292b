//! Verification: the only constructor of an [`Image`].
//!
//! Everything that the mapper relies on is shown here, once, in time linear in the image's size and
//! without allocation. In the order of the checks: the header; the sections' bounds and rows; pins,
//! strings and names; segments and data; each function's ops, registers, lines and branch targets; the
//! direct rows. Whether the words are undamaged is another question, [`crate::check_intact`]'s.
//!
//! It is on every device, so it is written to be small: what sections, ops and fields have in common is
//! checked in one place, from a table.

mod code;
mod export;

use xmap_boards::{BoardId, LineSet};

use crate::error::VerifyError;
use crate::layout::{EXTENSIONS, Extension, FORMAT, HEADER_WORDS, Header, MAGIC, Section, field};
use crate::op::Word;
use crate::parts::{PARTS, Part, Parts, split};
use crate::{DataRow, FULL, Image, NameRow, PinMode, PinRow, is_plain, limits};

pub(crate) type Result<T> = core::result::Result<T, VerifyError>;

impl<'a> Image<'a> {
    /// Checks `words` and, if everything holds, hands out the image in place: safe to run, whoever
    /// wrote it. The content hash and the manifest block are not looked at; an image that comes in
    /// goes through [`Image::admit`].
    ///
    /// # Errors
    /// The first thing that does not hold.
    ///
    /// # Panics
    /// Never, for any words.
    #[inline(never)]
    pub fn verify(words: &'a [Word]) -> Result<Image<'a>> {
        check_header(words)?;
        let bits = [Extension::Stack, Extension::StackPointer, Extension::Contracts];
        let left_out = bits.iter().fold(!0, |left, extension| left & !(1u32 << *extension as u8));
        if !FULL && words.get(field::EXTENSIONS).is_some_and(|present| present & left_out != 0) {
            return Err(VerifyError::Unsupported);
        }
        let mut parts = [Part::default(); PARTS];
        split(words, &mut parts)?;
        let mut image = Image {
            words,
            exports: parts[Section::Exports as usize].rows::<_, 4>(),
            functions: parts[Section::Functions as usize].rows::<_, 3>(),
            code: parts[Section::Code as usize].rows::<_, 1>(),
            data: parts[Section::Data as usize].bytes(),
            signatures: parts[Section::Signatures as usize].bytes(),
            #[cfg(feature = "full")]
            tables: parts[Extension::Tables.part()].rows::<_, 3>(),
            #[cfg(feature = "full")]
            passive_elements: parts[Extension::PassiveElements.part()].rows::<_, 3>(),
            #[cfg(feature = "full")]
            items: parts[Extension::ElementItems.part()].halves(),
            #[cfg(feature = "full")]
            passive_data: parts[Extension::PassiveData.part()].rows::<_, 3>(),
            stack_pointer: 0,
            declared: LineSet::EMPTY,
            writable: LineSet::EMPTY,
            #[cfg(feature = "full")]
            beyond_integers: false,
        };
        image.check_pins(&parts)?;
        image.check_names(&parts)?;
        #[cfg(feature = "host-calls")]
        image.check_devices(&parts)?;
        image.check_memory(&parts)?;
        #[cfg(feature = "full")]
        image.check_tables(&parts)?;
        image.check_code(&parts)?;
        image.check_exports(&parts)?;
        Ok(image)
    }

    /// Pin rows, sorted by line; gathers the lines.
    fn check_pins(&mut self, parts: &Parts<'_>) -> Result<()> {
        for (n, pin) in parts[Section::Pins as usize].rows::<PinRow, 1>().iter().enumerate() {
            let line = LineSet::of(pin.line());
            // No line from this one up is there yet.
            if pin.check(self.board()).is_err() || self.declared.bits() >= line.bits() {
                return Err(VerifyError::Pin(n as u16));
            }
            self.declared |= line;
            if pin.mode() != PinMode::In {
                self.writable |= line;
            }
        }
        Ok(())
    }

    /// The start function; the strings; names and their order.
    #[inline(never)]
    fn check_names(&self, parts: &Parts<'_>) -> Result<()> {
        if self.header().start.is_some_and(|f| match self.functions.get(f as usize) {
            Some(row) => row.params() != 0 || row.results() != 0,
            None => true,
        }) {
            return Err(VerifyError::HeaderField);
        }
        let strings = core::str::from_utf8(parts[Section::Strings as usize].bytes());
        let strings = strings.ok().filter(|strings| is_plain(strings)).ok_or(VerifyError::Strings)?;
        let names: &[NameRow] = parts[Section::Names as usize].rows::<_, 2>();
        if names.len() != self.exports.len() {
            return Err(VerifyError::Section(Section::Names));
        }
        let mut last = None;
        for (n, row) in names.iter().enumerate() {
            let string = |[from, len]: [usize; 2]| strings.get(from..from + len);
            let key = string(NameRow::place(row.key));
            if string(NameRow::place(row.name)).is_none() || key.is_none() || key <= last {
                return Err(VerifyError::Name(n as u16));
            }
            last = key;
        }
        Ok(())
    }

    /// Devices and channels: what the board has, each once, on lines that the image does not have otherwise.
    #[cfg(feature = "host-calls")]
    #[inline(never)]
    fn check_devices(&self, parts: &Parts<'_>) -> Result<()> {
        let rows: &[crate::I2cRow] = parts[Extension::I2c.part()].rows::<_, 5>();
        let strings = core::str::from_utf8(parts[Section::Strings as usize].bytes()).unwrap_or_default();
        // Devices name the rows of registers in their order, each once.
        let registers: &[crate::I2cRegisters] = parts[Extension::I2cRegisters.part()].rows::<_, 16>();
        let numbers = rows.iter().map(|row| usize::from(row.registers())).filter(|number| *number != 0);
        if !numbers.eq(1..=registers.len()) {
            return Err(VerifyError::Extension(Extension::I2cRegisters));
        }
        let is_named = |name: u32| {
            let [from, len] = NameRow::place(name);
            strings.get(from..from + len).is_some_and(|name| !name.is_empty())
        };
        let board = self.board();
        for (n, row) in rows.iter().enumerate() {
            let same = |other: &crate::I2cRow| {
                (other.bus_number(), other.address()) == (row.bus_number(), row.address())
            };
            if !(is_named(row.name) && row.check(board)) || rows.iter().take(n).any(same) {
                return Err(VerifyError::Extension(Extension::I2c));
            }
        }
        let spi: &[crate::SpiRow] = parts[Extension::Spi.part()].rows::<_, 5>();
        if !spi.iter().all(|row| is_named(row.name) && row.check(board)) {
            return Err(VerifyError::Extension(Extension::Spi));
        }
        let pwm: &[crate::PwmRow] = parts[Extension::Pwm.part()].rows::<_, 3>();
        if !pwm.iter().all(|row| is_named(row.name) && row.check(board)) {
            return Err(VerifyError::Extension(Extension::Pwm));
        }
        let uart: &[crate::UartRow] = parts[Extension::Uart.part()].rows::<_, 4>();
        if !uart.iter().all(|row| is_named(row.name) && row.check(board)) {
            return Err(VerifyError::Extension(Extension::Uart));
        }
        for (n, claim) in self.claims().enumerate() {
            let is_disputed = |other: crate::Claim| !claim.disputed(&other).is_empty();
            if !(claim.lines & self.declared).is_empty() || self.claims().take(n).any(is_disputed) {
                return Err(VerifyError::Extension(claim.section));
            }
        }
        Ok(())
    }

    /// Data rows; the register stack; the pointer of the shadow stack; the zone.
    fn check_memory(&mut self, parts: &Parts<'_>) -> Result<()> {
        let memory = self.header().memory_bytes as usize;
        let mut copied = Budget::new(memory.max(self.data.len()));
        for (n, row) in parts[Section::DataRows as usize].rows::<DataRow, 3>().iter().enumerate() {
            let inside = inside(row.offset, row.len, self.data.len()) && inside(row.address, row.len, memory);
            if !inside || !copied.covers(row.len) {
                return Err(VerifyError::Data(n as u16));
            }
        }
        match parts[Extension::Stack.part()].rows::<Word, 1>() {
            [slots] if *slots <= limits::STACK_SLOTS || *slots > limits::MAX_STACK_SLOTS => {
                return Err(VerifyError::Extension(Extension::Stack));
            }
            _ => {}
        }
        if let [index] = parts[Extension::StackPointer.part()].rows::<Word, 1>() {
            // An i32, as far as an image says: it stands zero-extended.
            match parts[Section::Globals as usize].rows::<[Word; 2], 2>().get(*index as usize) {
                Some([_, 0]) => self.stack_pointer = index + 1,
                _ => return Err(VerifyError::Extension(Extension::StackPointer)),
            }
        }
        #[cfg(feature = "host-calls")]
        if let [words] = parts[Extension::Zone.part()].rows::<[Word; 3], 3>()
            && crate::Zone::from_words(*words).is_none()
        {
            return Err(VerifyError::Extension(Extension::Zone));
        }
        #[cfg(feature = "host-calls")]
        if parts[Extension::Untraced.part()].rows::<Word, 1>().iter().any(|word| *word != 0) {
            return Err(VerifyError::Extension(Extension::Untraced));
        }
        Ok(())
    }

    /// Tables and segments: all slots follow each other, all items exist.
    #[cfg(feature = "full")]
    #[inline(never)]
    fn check_tables(&self, parts: &Parts<'_>) -> Result<()> {
        use crate::{ElementRow, PassiveRow, TableRow};

        let row = |ok: bool, extension| if ok { Ok(()) } else { Err(VerifyError::Extension(extension)) };
        let mut slot = parts[Section::Globals as usize].rows::<[Word; 2], 2>().len() as u64;
        for table in self.tables {
            let fits = table.initial <= table.capacity && table.capacity <= limits::MAX_TABLE_CAPACITY;
            row(u64::from(table.slot) == slot && fits, Extension::Tables)?;
            slot += 1 + u64::from(table.capacity);
        }
        for (rows, extension, all) in [
            (self.passive_elements, Extension::PassiveElements, self.items.len()),
            (self.passive_data, Extension::PassiveData, self.data.len()),
        ] {
            for PassiveRow { slot: place, first, len } in rows {
                row(u64::from(*place) == slot && inside(*first, *len, all), extension)?;
                slot += 1;
            }
        }
        let mut copied = Budget::new((slot as usize).max(self.items.len()));
        for element in parts[Extension::Elements.part()].rows::<ElementRow, 4>() {
            let room = |table: &TableRow| inside(element.offset, element.len, table.initial as usize);
            let fits = self.tables.get(element.table as usize).is_some_and(room);
            let inside = inside(element.first, element.len, self.items.len());
            row(fits && inside && copied.covers(element.len), Extension::Elements)?;
        }
        let known = |item: &u16| *item == crate::NO_FUNCTION || usize::from(*item) < self.functions.len();
        row(self.items.iter().all(known), Extension::ElementItems)
    }
}

/// What the rows of a section may copy in all when an image is loaded: so that a load takes time linear in
/// the image and its memory, although rows may share what they copy.
struct Budget(u64);

impl Budget {
    const fn new(most: usize) -> Self {
        Self(most as u64)
    }

    fn covers(&mut self, len: u32) -> bool {
        let left = self.0.checked_sub(u64::from(len));
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// Returns whether a stretch is part of `all`.
fn inside(first: u32, len: u32, all: usize) -> bool {
    u64::from(first) + u64::from(len) <= all as u64
}

/// Returns whether the header is one of an image of this length.
pub(crate) fn check_header(words: &[Word]) -> Result<()> {
    let head = words.first_chunk::<HEADER_WORDS>().ok_or(VerifyError::TooShort)?;
    if head[field::MAGIC].to_le_bytes() != MAGIC {
        return Err(VerifyError::Magic);
    }
    let format = head[field::FORMAT_BOARD] as u16;
    if format != FORMAT {
        return Err(VerifyError::Format(format));
    }
    let board = (head[field::FORMAT_BOARD] >> 16) as u16;
    BoardId::from_u16(board).ok_or(VerifyError::Board(board))?;
    let bytes = words.len() * 4;
    if bytes > limits::MAX_IMAGE_BYTES || head[field::LENGTH] as usize != bytes {
        return Err(VerifyError::Length);
    }
    let Header { memory_bytes, memory_pages, memory_max_pages, .. } = Header::of(head);
    let pages_fit =
        u64::from(memory_bytes) <= u64::from(memory_pages) << 16 && memory_pages <= memory_max_pages;
    if !pages_fit || head[field::EXTENSIONS] >> EXTENSIONS != 0 {
        return Err(VerifyError::HeaderField);
    }
    Ok(())
}
