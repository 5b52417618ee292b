//! A verified image: typed views of the words that hold it.

use xmap_boards::{BoardId, LineSet};

use crate::layout::{self, Extension, Header, Section, field};
use crate::limits;
use crate::op::Word;
use crate::parts::{Part, part};
use crate::{
    DataRow, ElementRow, ExportRow, FunctionRow, I2cRegisters, I2cRow, Manifest, NameRow, PassiveRow,
    PinMode, PinRow, PwmRow, Signature, SpiRow, TableRow, TypeRow, UartRow, VerifyError, Zone,
};

/// The id of an export: an index into the image's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExportId(pub u16);

/// A verified image. The only way to one is [`Image::verify`], so that everything that takes an
/// `Image` may rely on what verification has shown.
///
/// It holds views of what calls read. All else is found when it is asked for, by a walk over the header.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pub(crate) words: &'a [Word],
    pub(crate) exports: &'a [ExportRow],
    pub(crate) functions: &'a [FunctionRow],
    pub(crate) code: &'a [Word],
    pub(crate) data: &'a [u8],
    pub(crate) signatures: &'a [u8],
    #[cfg(feature = "full")]
    pub(crate) tables: &'a [TableRow],
    #[cfg(feature = "full")]
    pub(crate) passive_elements: &'a [PassiveRow],
    #[cfg(feature = "full")]
    pub(crate) items: &'a [u16],
    #[cfg(feature = "full")]
    pub(crate) passive_data: &'a [PassiveRow],
    /// The global with the shadow stack's pointer, its index plus one; 0 where there is none.
    pub(crate) stack_pointer: u32,
    pub(crate) declared: LineSet,
    pub(crate) writable: LineSet,
    #[cfg(feature = "full")]
    pub(crate) beyond_integers: bool,
}

/// Views bytes as the words of an image.
///
/// # Errors
/// [`VerifyError::Alignment`] where the bytes do not start on a multiple of four or their number is none.
pub fn words_of(bytes: &[u8]) -> Result<&[Word], VerifyError> {
    bytemuck::try_cast_slice(bytes).map_err(|_| VerifyError::Alignment)
}

#[cfg(target_endian = "big")]
compile_error!("images are little-endian and used in place");

impl<'a> Image<'a> {
    /// The image's words, as they were verified.
    pub fn words(&self) -> &'a [Word] {
        self.words
    }

    /// The image's bytes, as they were verified.
    pub fn bytes(&self) -> &'a [u8] {
        bytemuck::cast_slice(self.words)
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> Header {
        Header::of(self.words.first_chunk().unwrap_or(&[0; layout::HEADER_WORDS]))
    }

    /// The board that the image was compiled for.
    // Not by way of the whole header: where a build knows one board, this is a constant.
    #[inline(always)]
    pub fn board(&self) -> BoardId {
        layout::board(self.words.get(field::FORMAT_BOARD).copied().unwrap_or(0))
    }

    /// SHA-256 of the image, its own hash field left out, as the header has it. That it is so, only
    /// [`crate::check_intact`] shows.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        let words = self.words.iter().skip(layout::HASH_WORD);
        for (to, from) in hash.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        hash
    }

    /// The first four bytes of the hash, as traps carry them.
    pub fn hash_prefix(&self) -> u32 {
        self.words.get(layout::HASH_WORD).copied().unwrap_or(0)
    }

    /// The export table, sorted by key.
    #[inline(always)]
    pub fn exports(&self) -> &'a [ExportRow] {
        self.exports
    }

    /// The function table.
    #[inline(always)]
    pub fn functions(&self) -> &'a [FunctionRow] {
        self.functions
    }

    /// The code of all functions.
    #[inline(always)]
    pub fn code(&self) -> &'a [Word] {
        self.code
    }

    /// The lines that the module may use, sorted by line.
    #[inline(never)]
    pub fn pins(&self) -> &'a [PinRow] {
        self.part(Section::Pins as usize).rows::<_, 1>()
    }

    /// Lines that the module may read, over all banks.
    #[inline(always)]
    pub fn declared(&self) -> LineSet {
        self.declared
    }

    /// Lines that the module may drive, over all banks.
    #[inline(always)]
    pub fn writable(&self) -> LineSet {
        self.writable
    }

    /// The initial value of each global.
    pub fn globals(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        let words: &[[Word; 2]] = self.part(Section::Globals as usize).rows::<_, 2>();
        words.iter().map(|[low, high]| u64::from(*low) | u64::from(*high) << 32)
    }

    /// The data segments: address in linear memory and bytes.
    pub fn data(&self) -> impl ExactSizeIterator<Item = (u32, &'a [u8])> + use<'a> {
        let data = self.data;
        self.part(Section::DataRows as usize).rows::<DataRow, 3>().iter().map(move |row| {
            let bytes = data.get(row.offset as usize..).and_then(|rest| rest.get(..row.len as usize));
            (row.address, bytes.unwrap_or_default())
        })
    }

    /// The I2C devices that calls may name, by their indices.
    #[inline(never)]
    pub fn i2c(&self) -> &'a [I2cRow] {
        self.part(Extension::I2c.part()).rows::<_, 5>()
    }

    /// The registers that transfers of an I2C device of the image may name; `None` where they may name any.
    pub fn i2c_registers(&self, row: &I2cRow) -> Option<&'a I2cRegisters> {
        let rows: &[I2cRegisters] = self.part(Extension::I2cRegisters.part()).rows::<_, 16>();
        rows.get(usize::from(row.registers()).checked_sub(1)?)
    }

    /// The name of an I2C device of the image.
    pub fn i2c_name(&self, row: &I2cRow) -> &'a str {
        text(self.names().string(row.name))
    }

    /// The SPI devices that calls may name, by their indices.
    #[inline(never)]
    pub fn spi(&self) -> &'a [SpiRow] {
        self.part(Extension::Spi.part()).rows::<_, 5>()
    }

    /// The PWM channels that calls may name, by their indices.
    #[inline(never)]
    pub fn pwm(&self) -> &'a [PwmRow] {
        if !crate::HOST_CALLS {
            return &[];
        }
        self.part(Extension::Pwm.part()).rows::<_, 3>()
    }

    /// The name of a PWM channel of the image.
    pub fn pwm_name(&self, row: &PwmRow) -> &'a str {
        text(self.names().string(row.name))
    }

    /// The serial ports that calls may name, by their indices.
    #[inline(never)]
    pub fn uart(&self) -> &'a [UartRow] {
        self.part(Extension::Uart.part()).rows::<_, 4>()
    }

    /// The name of a serial port of the image.
    pub fn uart_name(&self, row: &UartRow) -> &'a str {
        text(self.names().string(row.name))
    }

    /// The name of an SPI device of the image.
    pub fn spi_name(&self, row: &SpiRow) -> &'a str {
        text(self.names().string(row.name))
    }

    /// Slots of RAM for globals, tables and the lengths of passive segments.
    #[inline(never)]
    pub fn slots(&self) -> usize {
        let tables = self.tables().iter().map(|t| t.capacity as usize + 1).sum::<usize>();
        self.globals().len() + tables + self.passive_elements().len() + self.passive_data().len()
    }

    /// Slots of RAM for the register stack, the window of the innermost function included.
    #[inline(never)]
    pub fn stack_slots(&self) -> usize {
        let more: &[Word] = self.part(Extension::Stack.part()).rows::<_, 1>();
        limits::WINDOW + more.first().copied().unwrap_or(limits::STACK_SLOTS) as usize
    }

    /// The index of the global that is the pointer of the module's shadow stack, if it has one.
    #[inline(always)]
    pub fn stack_pointer(&self) -> Option<usize> {
        self.stack_pointer.checked_sub(1).map(|index| index as usize)
    }

    /// Returns whether the device notes nothing of the module's calls: `trace = false` of the manifest.
    pub fn is_untraced(&self) -> bool {
        #[cfg(feature = "host-calls")]
        return !self.part(Extension::Untraced.part()).rows::<Word, 1>().is_empty();
        #[cfg(not(feature = "host-calls"))]
        return false;
    }

    /// The zone that local time is in; UTC where the image says none.
    #[inline(never)]
    pub fn zone(&self) -> Zone {
        let words: &[[Word; 3]] = self.part(Extension::Zone.part()).rows::<_, 3>();
        words.first().and_then(|words| Zone::from_words(*words)).unwrap_or(Zone::UTC)
    }

    /// Fills [`Image::slots`] slots as they are at load: globals, the sizes of tables and the references in
    /// them, the lengths of passive segments. Of fewer slots, those that there are.
    #[inline(never)]
    pub fn fill_slots(&self, slots: &mut [u64]) {
        slots.fill(0);
        slots.iter_mut().zip(self.globals()).for_each(|(slot, value)| *slot = value);
        #[cfg(feature = "full")]
        self.fill_tables(slots);
    }

    #[cfg(feature = "full")]
    fn fill_tables(&self, slots: &mut [u64]) {
        let lengths = self.tables.iter().map(|table| (table.slot, table.initial));
        let segments = self.passive_elements.iter().chain(self.passive_data);
        for (slot, len) in lengths.chain(segments.map(|row| (row.slot, row.len))) {
            // Verification has shown that every slot that a row names is there.
            if let Some(slot) = slots.get_mut(slot as usize) {
                *slot = u64::from(len);
            }
        }
        for (table, offset, items) in self.elements() {
            let first = table.slot as usize + 1 + offset as usize;
            let references = slots.get_mut(first..).unwrap_or_default();
            references.iter_mut().zip(items).for_each(|(slot, item)| *slot = crate::reference(*item));
        }
    }

    /// The function types that indirect calls name.
    pub fn types(&self) -> &'a [TypeRow] {
        self.part(Extension::Types.part()).halves()
    }

    /// The tables.
    #[inline(always)]
    pub fn tables(&self) -> &'a [TableRow] {
        #[cfg(feature = "full")]
        return self.tables;
        #[cfg(not(feature = "full"))]
        &[]
    }

    /// Returns what stands in tables at load: the table's row, the first index and the items.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = (&'a TableRow, u32, &'a [u16])> + use<'a> {
        let (tables, items) = (self.tables(), self.element_items());
        self.element_rows().iter().map(move |row| {
            const NONE: &TableRow = &TableRow { slot: u32::MAX, initial: 0, capacity: 0 };
            let items = items.get(row.first as usize..).and_then(|rest| rest.get(..row.len as usize));
            (tables.get(row.table as usize).unwrap_or(NONE), row.offset, items.unwrap_or_default())
        })
    }

    /// The active element segments.
    pub(crate) fn element_rows(&self) -> &'a [ElementRow] {
        self.part(Extension::Elements.part()).rows::<_, 4>()
    }

    /// The element segments that `table.init` copies from.
    pub fn passive_elements(&self) -> &'a [PassiveRow] {
        #[cfg(feature = "full")]
        return self.passive_elements;
        #[cfg(not(feature = "full"))]
        &[]
    }

    /// The items that [`Image::passive_elements`] name: function indices, or [`crate::NO_FUNCTION`].
    pub fn element_items(&self) -> &'a [u16] {
        #[cfg(feature = "full")]
        return self.items;
        #[cfg(not(feature = "full"))]
        &[]
    }

    /// The data segments that `memory.init` copies from.
    pub fn passive_data(&self) -> &'a [PassiveRow] {
        #[cfg(feature = "full")]
        return self.passive_data;
        #[cfg(not(feature = "full"))]
        &[]
    }

    /// The bytes that [`Image::passive_data`] names.
    pub fn data_bytes(&self) -> &'a [u8] {
        self.data
    }

    /// The types of an export, if it exists.
    pub fn signature(&self, id: ExportId) -> Option<Signature<'a>> {
        let row = self.exports.get(usize::from(id.0))?;
        let from = row.signature as usize;
        let mid = from + row.params();
        Some(Signature {
            params: self.signatures.get(from..mid)?,
            results: self.signatures.get(mid..mid + row.results())?,
        })
    }

    /// A part that calls do not read.
    pub(crate) fn part(&self, number: usize) -> Part<'a> {
        part(self.words, number)
    }

    #[inline(never)]
    fn names(&self) -> Names<'a> {
        let strings = self.part(Section::Strings as usize).bytes();
        Names { rows: self.part(Section::Names as usize).rows::<_, 2>(), strings }
    }

    /// The key of an export: `panel.gpio_set`.
    pub fn key(&self, id: ExportId) -> Option<&'a str> {
        let names = self.names();
        names.rows.get(usize::from(id.0)).map(|row| text(names.string(row.key)))
    }

    /// The wasm export's own name.
    pub fn name(&self, id: ExportId) -> Option<&'a str> {
        let names = self.names();
        names.rows.get(usize::from(id.0)).map(|row| text(names.string(row.name)))
    }

    /// The export with this key or, where no key is equal, with this wasm name.
    pub fn find(&self, name: &str) -> Option<ExportId> {
        self.names().position(name, |row| row.key).or_else(|| self.find_name(name))
    }

    /// The export with this wasm name.
    pub fn find_name(&self, name: &str) -> Option<ExportId> {
        self.names().position(name, |row| row.name)
    }

    /// The cold part: names and events. It is decoded and checked here, at each call; nothing that the
    /// mapper does depends on it.
    ///
    /// # Errors
    /// [`VerifyError::Manifest`] where the block does not decode, or names an export or a line that the
    /// image does not have.
    pub fn manifest(&self) -> Result<Manifest<'a>, VerifyError> {
        Manifest::decode(self.part(Section::Manifest as usize).bytes())
            .filter(|m| m.fits(self))
            .ok_or(VerifyError::Manifest)
    }

    /// Bytes of each section, in the order of [`crate::Section::ALL`].
    pub fn section_bytes(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.words.iter().skip(field::SECTIONS).take(layout::SECTIONS).copied()
    }

    /// Bytes of each extension section, in the order of [`crate::Extension::ALL`].
    pub fn extension_bytes(&self) -> [u32; layout::EXTENSIONS] {
        let mut lens = self.words.iter().skip(layout::HEADER_WORDS);
        let present = self.words.get(field::EXTENSIONS).copied().unwrap_or(0);
        core::array::from_fn(|n| if present >> n & 1 != 0 { lens.next().copied().unwrap_or(0) } else { 0 })
    }

    /// Returns whether any of its code works on floats, tables or stretches of memory, as
    /// [`crate::Op::is_beyond_integers`] says.
    pub fn is_beyond_integers(&self) -> bool {
        #[cfg(feature = "full")]
        return self.beyond_integers;
        #[cfg(not(feature = "full"))]
        false
    }

    /// Returns whether the module was compiled without a manifest: it left the function select of its lines
    /// alone.
    pub fn is_bare(&self) -> bool {
        self.pins().iter().any(|pin| pin.mode() == PinMode::Any)
    }
}

/// The names of all exports, and where their text stands.
struct Names<'a> {
    rows: &'a [NameRow],
    strings: &'a [u8],
}

impl<'a> Names<'a> {
    fn string(&self, reference: u32) -> &'a [u8] {
        let [from, len] = NameRow::place(reference);
        self.strings.get(from..from + len).unwrap_or_default()
    }

    /// The export that a text belongs to.
    #[inline(never)]
    fn position(&self, name: &str, text: fn(&NameRow) -> u32) -> Option<ExportId> {
        let mut rows = self.rows.iter();
        let index = rows.position(|row| self.string(text(row)) == name.as_bytes())?;
        // An image has at most 4,096.
        Some(ExportId(index as u16))
    }
}

/// Text that verification has shown to be UTF-8.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}
