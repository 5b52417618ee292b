//! A verified image: typed views of the words that hold it.

use xmap_boards::BoardId;

use crate::layout::{self, Header, field};
use crate::limits;
use crate::op::Word;
use crate::{
    DataRow, ElementRow, ExportRow, FunctionRow, Manifest, NameRow, PassiveRow, PinMode, PinRow, Signature,
    TableRow, TypeRow, VerifyError,
};

/// Which export, as an index into the image's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExportId(pub u16);

/// A verified image. The only way to one is [`Image::verify`], so that everything that takes an
/// `Image` may rely on what verification has shown.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pub(crate) words: &'a [Word],
    pub(crate) header: Header,
    pub(crate) exports: &'a [ExportRow],
    pub(crate) functions: &'a [FunctionRow],
    pub(crate) code: &'a [Word],
    pub(crate) pins: &'a [PinRow],
    pub(crate) globals: &'a [Word],
    pub(crate) data_rows: &'a [DataRow],
    pub(crate) data: &'a [u8],
    pub(crate) signatures: &'a [u8],
    pub(crate) names: &'a [NameRow],
    pub(crate) strings: &'a [u8],
    pub(crate) manifest: &'a [u8],
    pub(crate) types: &'a [TypeRow],
    pub(crate) tables: &'a [TableRow],
    pub(crate) elements: &'a [ElementRow],
    pub(crate) passive_elements: &'a [PassiveRow],
    pub(crate) items: &'a [u16],
    pub(crate) passive_data: &'a [PassiveRow],
    pub(crate) stack: &'a [Word],
    pub(crate) declared: u64,
    pub(crate) writable: u64,
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
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The board that the image was compiled for.
    pub fn board(&self) -> BoardId {
        self.header.board
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
    pub fn pins(&self) -> &'a [PinRow] {
        self.pins
    }

    /// Lines that the module may read, over all banks.
    #[inline(always)]
    pub fn declared(&self) -> u64 {
        self.declared
    }

    /// Lines that the module may drive, over all banks.
    #[inline(always)]
    pub fn writable(&self) -> u64 {
        self.writable
    }

    /// The initial value of each global.
    pub fn globals(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.globals.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32)
    }

    /// The data segments: address in linear memory and bytes.
    pub fn data(&self) -> impl ExactSizeIterator<Item = (u32, &'a [u8])> + use<'a> {
        let data = self.data;
        self.data_rows.iter().map(move |row| {
            let from = row.offset as usize;
            (row.address, data.get(from..from + row.len as usize).unwrap_or(&[]))
        })
    }

    /// Slots of RAM for globals, tables and the lengths of passive segments.
    pub fn slots(&self) -> usize {
        let tables = self.tables.iter().map(|t| t.capacity as usize + 1).sum::<usize>();
        self.globals().len() + tables + self.passive_elements.len() + self.passive_data.len()
    }

    /// Slots of RAM for the register stack, the window of the innermost function included.
    pub fn stack_slots(&self) -> usize {
        limits::WINDOW + self.stack.first().copied().unwrap_or(limits::STACK_SLOTS) as usize
    }

    /// The function types that indirect calls name.
    pub fn types(&self) -> &'a [TypeRow] {
        self.types
    }

    /// The tables.
    #[inline(always)]
    pub fn tables(&self) -> &'a [TableRow] {
        self.tables
    }

    /// What stands in tables at load: the table's row, the first index and the items.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = (&'a TableRow, u32, &'a [u16])> + use<'a> {
        let (tables, items) = (self.tables, self.items);
        self.elements.iter().map(move |row| {
            let from = row.first as usize;
            let items = items.get(from..from + row.len as usize).unwrap_or(&[]);
            (&tables[row.table as usize % tables.len().max(1)], row.offset, items)
        })
    }

    /// The element segments that `table.init` copies from.
    pub fn passive_elements(&self) -> &'a [PassiveRow] {
        self.passive_elements
    }

    /// The items that [`Image::passive_elements`] name: function indices, or [`crate::NO_FUNCTION`].
    pub fn element_items(&self) -> &'a [u16] {
        self.items
    }

    /// The data segments that `memory.init` copies from.
    pub fn passive_data(&self) -> &'a [PassiveRow] {
        self.passive_data
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

    fn string(&self, reference: u32) -> &'a str {
        let from = (reference & 0xffff) as usize;
        let bytes = self.strings.get(from..from + (reference >> 16) as usize).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The key of an export: `panel.gpio_set`.
    pub fn key(&self, id: ExportId) -> Option<&'a str> {
        self.names.get(usize::from(id.0)).map(|row| self.string(row.key))
    }

    /// The wasm export's own name.
    pub fn name(&self, id: ExportId) -> Option<&'a str> {
        self.names.get(usize::from(id.0)).map(|row| self.string(row.name))
    }

    /// The export with this key or, where no key is equal, with this wasm name.
    pub fn find(&self, name: &str) -> Option<ExportId> {
        let index = self
            .names
            .binary_search_by(|row| self.string(row.key).cmp(name))
            .ok()
            .or_else(|| self.names.iter().position(|row| self.string(row.name) == name))?;
        u16::try_from(index).ok().map(ExportId)
    }

    /// The export with this wasm name.
    pub fn find_name(&self, name: &str) -> Option<ExportId> {
        let index = self.names.iter().position(|row| self.string(row.name) == name)?;
        u16::try_from(index).ok().map(ExportId)
    }

    /// The cold part: names and events. It is decoded and checked here, at each call; nothing that the
    /// mapper does depends on it.
    ///
    /// # Errors
    /// [`VerifyError::Manifest`] where the block does not decode, or names an export or a line that the
    /// image does not have.
    pub fn manifest(&self) -> Result<Manifest<'a>, VerifyError> {
        Manifest::decode(self.manifest).filter(|m| m.fits(self)).ok_or(VerifyError::Manifest)
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

    /// Whether the module was compiled without a manifest: it left the function select of its lines alone.
    pub fn is_bare(&self) -> bool {
        self.pins.iter().any(|pin| pin.mode() == PinMode::Any)
    }
}
