//! Verification: the only constructor of an [`Image`].
//!
//! Everything that the mapper relies on is shown here, once, in time linear in the image's size and
//! without allocation. In the order of the checks: the header; the sections' bounds; rows, strings,
//! pins and data; each function's ops, registers, lines and branch targets; the direct rows. Whether
//! the words are undamaged is another question, [`crate::check_intact`]'s.

use bytemuck::Pod;
use xmap_boards::{Bank, BoardId, Line};

use crate::error::VerifyError;
use crate::layout::{
    EXTENSIONS, Extension, FORMAT, HEADER_WORDS, Header, MAGIC, NO_START, SECTIONS, Section, field,
};
use crate::op::{Field, Fields, Immediate, Op, Word, decode};
use crate::{DataRow, ExportRow, FunctionRow, Image, PinMode, PinRow, Ty, limits};

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
        let header = header(words)?;
        let image = Self::views(words, header)?;
        image.check_tables()?;
        image.check_extensions()?;
        image.check_data()?;
        image.check_code()?;
        for (n, row) in image.exports.iter().enumerate() {
            image.check_export(n as u16, row)?;
        }
        Ok(image)
    }

    /// The views of words whose header holds: everything of an image that is found by looking at
    /// bounds, text and pins alone. What the rows and the code say is not checked.
    fn views(words: &'a [Word], header: Header) -> Result<Image<'a>> {
        let sections = Sections::split(words)?;
        let declared_by = |modes: &[PinMode]| {
            let pins: &[PinRow] = sections.rows(Section::Pins)?;
            pins.iter().enumerate().try_fold(0u64, |lines, (n, pin)| {
                pin.check().map_err(|_| VerifyError::Pin(n as u16))?;
                // Sorted and distinct: no line above this one is there yet.
                if lines_from(pin.line()) & lines_seen(pins, n) != 0 {
                    return Err(VerifyError::Pin(n as u16));
                }
                let used = modes.contains(&pin.mode());
                Ok(if used { lines | pin.line().mask64() } else { lines })
            })
        };
        Ok(Image {
            words,
            header,
            exports: sections.rows(Section::Exports)?,
            functions: sections.rows(Section::Functions)?,
            code: sections.rows(Section::Code)?,
            pins: sections.rows(Section::Pins)?,
            globals: sections.rows(Section::Globals)?,
            data_rows: sections.rows(Section::DataRows)?,
            data: sections.bytes(Section::Data),
            signatures: sections.bytes(Section::Signatures),
            names: sections.rows(Section::Names)?,
            strings: sections.bytes(Section::Strings),
            manifest: sections.bytes(Section::Manifest),
            types: sections.extension(Extension::Types)?,
            tables: sections.extension(Extension::Tables)?,
            elements: sections.extension(Extension::Elements)?,
            passive_elements: sections.extension(Extension::PassiveElements)?,
            items: sections.extension(Extension::ElementItems)?,
            passive_data: sections.extension(Extension::PassiveData)?,
            stack: sections.extension(Extension::Stack)?,
            declared: declared_by(&[PinMode::In, PinMode::Out, PinMode::InOut, PinMode::Any])?,
            writable: declared_by(&[PinMode::Out, PinMode::InOut, PinMode::Any])?,
        })
    }
}

/// Lines from `line` up.
const fn lines_from(line: Line) -> u64 {
    u64::MAX << line.number()
}

/// Lines of the rows before row `n`.
fn lines_seen(pins: &[PinRow], n: usize) -> u64 {
    match n.checked_sub(1).and_then(|last| pins.get(last)) {
        Some(last) => last.line().mask64(),
        None => 0,
    }
}

/// The header, if it is one of an image of this length.
pub(crate) fn header(words: &[Word]) -> Result<Header> {
    let head = words.first_chunk::<HEADER_WORDS>().ok_or(VerifyError::TooShort)?;
    if head[field::MAGIC].to_le_bytes() != MAGIC {
        return Err(VerifyError::Magic);
    }
    let format = head[field::FORMAT_BOARD] as u16;
    if format != FORMAT {
        return Err(VerifyError::Format(format));
    }
    let board = (head[field::FORMAT_BOARD] >> 16) as u16;
    let board = BoardId::from_u16(board).ok_or(VerifyError::Board(board))?;
    let bytes = words.len() * 4;
    if bytes > limits::MAX_IMAGE_BYTES || head[field::LENGTH] as usize != bytes {
        return Err(VerifyError::Length);
    }
    let header = Header {
        board,
        version: head[field::VERSION],
        start: Some(head[field::START]).filter(|f| *f != NO_START),
        memory_bytes: head[field::MEMORY_BYTES],
        memory_pages: head[field::MEMORY_PAGES] & 0xffff,
        memory_max_pages: head[field::MEMORY_PAGES] >> 16,
        time_us: head[field::TIME_US],
    };
    let pages_fit = u64::from(header.memory_bytes) <= u64::from(header.memory_pages) << 16
        && header.memory_pages <= header.memory_max_pages;
    if !pages_fit || head[field::EXTENSIONS] >> EXTENSIONS != 0 {
        return Err(VerifyError::HeaderField);
    }
    Ok(header)
}

/// The sections of an image whose header holds.
struct Sections<'a> {
    bytes: [&'a [u8]; SECTIONS],
    extensions: [&'a [u8]; EXTENSIONS],
}

impl<'a> Sections<'a> {
    fn split(words: &'a [Word]) -> Result<Self> {
        let present = words[field::EXTENSIONS];
        let mut at = HEADER_WORDS + present.count_ones() as usize;
        let mut sections = Self { bytes: [&[]; SECTIONS], extensions: [&[]; EXTENSIONS] };
        for (section, bytes) in Section::ALL.into_iter().zip(&mut sections.bytes) {
            let len = words[field::SECTIONS + section as usize] as usize;
            *bytes = take(words, &mut at, len).ok_or(VerifyError::Section(section))?;
        }
        let mut lens = words.get(HEADER_WORDS..).unwrap_or(&[]).iter();
        for (extension, bytes) in Extension::ALL.into_iter().zip(&mut sections.extensions) {
            if present >> extension as u8 & 1 != 0 {
                let err = VerifyError::Extension(extension);
                // One that is empty is not there, so that an image has one encoding.
                let len = lens.next().copied().filter(|len| *len != 0).ok_or(err)?;
                *bytes = take(words, &mut at, len as usize).ok_or(err)?;
            }
        }
        if at != words.len() {
            return Err(VerifyError::Length);
        }
        Ok(sections)
    }

    fn extension<T: Pod>(&self, extension: Extension) -> Result<&'a [T]> {
        let bytes = self.extensions[extension as usize];
        // What is not there has no address that could be aligned.
        if bytes.is_empty() {
            return Ok(&[]);
        }
        bytemuck::try_cast_slice(bytes).map_err(|_| VerifyError::Extension(extension))
    }

    fn bytes(&self, section: Section) -> &'a [u8] {
        self.bytes[section as usize]
    }

    fn rows<T: Pod>(&self, section: Section) -> Result<&'a [T]> {
        bytemuck::try_cast_slice(self.bytes(section)).map_err(|_| VerifyError::Section(section))
    }
}

/// The next `len` bytes and their padding, which is zero.
fn take<'a>(words: &'a [Word], at: &mut usize, len: usize) -> Option<&'a [u8]> {
    let end = *at + len.div_ceil(4);
    let raw: &[u8] = bytemuck::cast_slice(words.get(*at..end)?);
    let (used, padding) = raw.split_at_checked(len)?;
    *at = end;
    padding.iter().all(|b| *b == 0).then_some(used)
}

impl Image<'_> {
    /// Types, tables and segments: all slots follow each other, all items exist.
    fn check_extensions(&self) -> Result<()> {
        let row = |ok: bool, extension| if ok { Ok(()) } else { Err(VerifyError::Extension(extension)) };
        let stack = match self.stack {
            [] => true,
            [slots] => *slots > limits::STACK_SLOTS && *slots <= limits::MAX_STACK_SLOTS,
            _ => false,
        };
        row(stack, Extension::Stack)?;
        row(self.types.len() <= limits::MAX_TYPES, Extension::Types)?;
        row(self.tables.len() <= limits::MAX_TABLES, Extension::Tables)?;
        let mut slot = (self.globals.len() / 2) as u64;
        for table in self.tables {
            let fits = table.initial <= table.capacity && table.capacity <= limits::MAX_TABLE_CAPACITY;
            row(u64::from(table.slot) == slot && fits, Extension::Tables)?;
            slot += 1 + u64::from(table.capacity);
        }
        let inside = |first: u32, len: u32, all: usize| u64::from(first) + u64::from(len) <= all as u64;
        for (rows, extension, all) in [
            (self.passive_elements, Extension::PassiveElements, self.items.len()),
            (self.passive_data, Extension::PassiveData, self.data.len()),
        ] {
            row(rows.len() <= limits::MAX_SEGMENTS, extension)?;
            for passive in rows {
                let follows = u64::from(passive.slot) == slot;
                row(follows && inside(passive.first, passive.len, all), extension)?;
                slot += 1;
            }
        }
        for element in self.elements {
            let table = self.tables.get(element.table as usize);
            let fits = table.is_some_and(|t| inside(element.offset, element.len, t.initial as usize));
            row(fits && inside(element.first, element.len, self.items.len()), Extension::Elements)?;
        }
        let known = |item: &u16| *item == crate::NO_FUNCTION || usize::from(*item) < self.functions.len();
        row(self.items.iter().all(known), Extension::ElementItems)
    }

    fn check_tables(&self) -> Result<()> {
        let limit = |ok: bool, section| if ok { Ok(()) } else { Err(VerifyError::Section(section)) };
        limit(self.exports.len() <= limits::MAX_EXPORTS, Section::Exports)?;
        limit(self.names.len() == self.exports.len(), Section::Names)?;
        limit(self.functions.len() <= limits::MAX_FUNCTIONS, Section::Functions)?;
        limit(self.globals.len().is_multiple_of(2), Section::Globals)?;
        limit(self.globals.len() / 2 <= limits::MAX_GLOBALS, Section::Globals)?;
        limit(self.strings.len() <= limits::MAX_STRING_BYTES, Section::Strings)?;
        if self.header.start.is_some_and(|f| match self.functions.get(f as usize) {
            Some(row) => row.params() != 0 || row.results() != 0,
            None => true,
        }) {
            return Err(VerifyError::HeaderField);
        }
        let strings = core::str::from_utf8(self.strings).map_err(|_| VerifyError::Strings)?;
        let mut last = None;
        for (n, row) in self.names.iter().enumerate() {
            let err = VerifyError::Name(n as u16);
            let string = |reference: u32| {
                let from = (reference & 0xffff) as usize;
                strings.get(from..from + (reference >> 16) as usize).ok_or(err)
            };
            string(row.name)?;
            let key = string(row.key)?;
            if last.is_some_and(|last| last >= key) {
                return Err(err);
            }
            last = Some(key);
        }
        Ok(())
    }

    fn check_data(&self) -> Result<()> {
        for (n, row) in self.data_rows.iter().enumerate() {
            let DataRow { address, offset, len } = *row;
            let inside = |from: u32, size: u64| u64::from(from) + u64::from(len) <= size;
            if !inside(offset, self.data.len() as u64)
                || !inside(address, u64::from(self.header.memory_bytes))
            {
                return Err(VerifyError::Data(n as u16));
            }
        }
        Ok(())
    }

    fn check_code(&self) -> Result<()> {
        let mut at = 0;
        for (n, row) in self.functions.iter().enumerate() {
            let err = VerifyError::Function(n as u32);
            let end = at + row.words() as usize;
            let largest = row.params().max(row.results());
            if !row.is_well_formed() || row.start as usize != at || largest >= row.frame() {
                return Err(err);
            }
            let typed = match self.types.get(row.ty() as usize) {
                Some(ty) => (ty.params, ty.results) == (row.params(), row.results()),
                None => self.types.is_empty() && row.ty() == 0,
            };
            if !typed {
                return Err(err);
            }
            let code = self.code.get(at..end).ok_or(err)?;
            self.check_function(n as u32, row, code)?;
            at = end;
        }
        if at != self.code.len() {
            return Err(VerifyError::Section(Section::Code));
        }
        Ok(())
    }

    fn check_function(&self, n: u32, row: &FunctionRow, code: &[Word]) -> Result<()> {
        let scope = Scope { image: self, frame: row.frame(), results: row.results() };
        let mut decoded = 0;
        let mut ended = false;
        for (at, op, words) in decode(code) {
            scope.check_op(row.start + at as u32, op, words)?;
            decoded = at + words.len();
            ended = op.ends_block();
        }
        if decoded != code.len() {
            return Err(VerifyError::Opcode(row.start + decoded as u32));
        }
        if !ended {
            return Err(VerifyError::End(n));
        }
        let spills = check_spills(row.start, code)?;
        check_branches(row.start, code, spills)
    }

    fn check_export(&self, n: u16, row: &ExportRow) -> Result<()> {
        let err = VerifyError::Export(n);
        if !row.is_well_formed() || row.params() > limits::MAX_PARAMS {
            return Err(err);
        }
        let from = row.signature as usize;
        let types = self.signatures.get(from..from + row.params() + row.results());
        let types = types.ok_or(VerifyError::Signature(n))?;
        check_types(types, row.params()).ok_or(VerifyError::Signature(n))?;
        if !row.is_direct() {
            let function = self.functions.get(row.first as usize).ok_or(err)?;
            let same = usize::from(function.params()) == row.params()
                && usize::from(function.results()) == row.results();
            return if same { Ok(()) } else { Err(err) };
        }
        let op = Op::from_u8(row.first as u8).filter(|op| op.is_native()).ok_or(err)?;
        let words = [row.first, row.second];
        let used = op.words(row.first);
        let frame = row.params().max(row.results()) + 1;
        let scope = Scope { image: self, frame: frame as u8, results: row.results() as u8 };
        scope.check_op(0, op, &words[..used]).map_err(|_| err)?;
        let [_, a, b, c] = row.first.to_le_bytes();
        let result = match op.shape().fields {
            Fields::Abc(Field::Def, _, _) => a == 1 && row.results() == 1,
            _ => row.results() == 0,
        };
        // It reads nothing but its arguments: the register of a result has no value before.
        let read = |field: Field, r: u8| field != Field::Use || usize::from(r) <= row.params();
        let reads = match op.shape().fields {
            Fields::Abc(fa, fb, fc) => read(fa, a) && read(fb, b) && read(fc, c),
            _ => false,
        };
        // The mapper's fast path asks no more than whether the line is declared and the value 0 or 1.
        let ty = |r: u8| usize::from(r).checked_sub(1).and_then(|n| Ty::from_u8(*types.get(n)?));
        let plain = |r: u8| !matches!(ty(r), Some(Ty::BytesPtr | Ty::StrPtr | Ty::Len));
        let fast = op != Op::GpioPut || (plain(a) && plain(b) && ty(a) != Some(Ty::Bool));
        let whole = used == 2 || row.second == 0;
        if result && reads && fast && whole { Ok(()) } else { Err(err) }
    }
}

/// Every byte is a type, and a length stands behind each pointer and nowhere else.
fn check_types(types: &[u8], params: usize) -> Option<()> {
    let mut pointer = false;
    for (n, byte) in types.iter().enumerate() {
        let ty = Ty::from_u8(*byte)?;
        if (ty == Ty::Len) != pointer {
            return None;
        }
        pointer = matches!(ty, Ty::BytesPtr | Ty::StrPtr);
        if pointer && n + 1 >= params {
            return None;
        }
    }
    (!pointer).then_some(())
}

/// What the ops of one function may name.
struct Scope<'i, 'a> {
    image: &'i Image<'a>,
    frame: u8,
    results: u8,
}

impl Scope<'_, '_> {
    /// Checks everything of an op but where its branches go. `at` is its place in the code section.
    fn check_op(&self, at: u32, op: Op, words: &[Word]) -> Result<()> {
        let first = words[0];
        let [_, a, b, c] = first.to_le_bytes();
        let shape = op.shape();
        match shape.fields {
            Fields::Abc(fa, fb, fc) => {
                self.check_field(at, fa, a)?;
                self.check_field(at, fb, b)?;
                self.check_field(at, fc, c)?;
            }
            Fields::I16(f) | Fields::U16(f) | Fields::Off16(f) | Fields::Spill(f) | Fields::Targets(f) => {
                self.check_field(at, f, a)?;
            }
            Fields::Off24 => {}
            Fields::Func(f) => {
                let row = self.image.functions.get((first >> 16) as usize);
                let row = row.ok_or(VerifyError::Call(at))?;
                if f != Field::Base {
                    return self.check_field(at, f, a);
                }
                let top = u32::from(a) + u32::from(row.params().max(row.results()));
                if a == 0 || top >= u32::from(self.frame) {
                    return Err(VerifyError::Call(at));
                }
            }
            Fields::Global(f) => {
                self.check_field(at, f, a)?;
                if (first >> 16) as usize >= self.image.globals.len() / 2 {
                    return Err(VerifyError::Global(at));
                }
            }
        }
        let shift = match op {
            Op::ShlI32 | Op::ShrSI32 | Op::ShrUI32 | Op::RotlI32 => c < 32,
            Op::ShlI64 | Op::ShrSI64 | Op::ShrUI64 | Op::RotlI64 => c < 64,
            Op::RetV => self.results == 1,
            Op::BrTable => (first >> 16) as usize <= limits::MAX_TARGETS,
            _ => true,
        };
        if !shift {
            return Err(VerifyError::Immediate(at));
        }
        if shape.words > 0 {
            self.check_immediate(at, shape.word, a, words[1])?;
        }
        Ok(())
    }

    fn check_immediate(&self, at: u32, meaning: Immediate, a: u8, word: Word) -> Result<()> {
        let image = self.image;
        let (low, high) = ((word & 0xffff) as usize, (word >> 16) as usize);
        let ok = match meaning {
            Immediate::Number => true,
            Immediate::Mask => {
                let bank = Bank::new(u32::from(a)).ok_or(VerifyError::Line(at))?;
                let ours = word != 0 && word & !bank.of(image.writable) == 0;
                return if ours { Ok(()) } else { Err(VerifyError::Line(at)) };
            }
            // Any function of the type has its parameters and results; they must fit the frame.
            Immediate::Type => match image.types.get(word as usize) {
                Some(ty) => u32::from(a) + u32::from(ty.params.max(ty.results)) < u32::from(self.frame),
                None => false,
            },
            Immediate::Table => high == 0 && low < image.tables.len(),
            Immediate::Tables => low < image.tables.len() && high < image.tables.len(),
            Immediate::TableAndElements => low < image.tables.len() && high < image.passive_elements.len(),
            Immediate::Elements => high == 0 && low < image.passive_elements.len(),
            Immediate::Data => high == 0 && low < image.passive_data.len(),
        };
        if ok { Ok(()) } else { Err(VerifyError::Table(at)) }
    }

    fn check_field(&self, at: u32, field: Field, value: u8) -> Result<()> {
        let within = |lines: u64| Line::new(value).is_some_and(|line| lines & line.mask64() != 0);
        match field {
            Field::Zero if value != 0 => Err(VerifyError::Immediate(at)),
            Field::Def | Field::Use | Field::Mut if value == 0 || value >= self.frame => {
                Err(VerifyError::Register(at))
            }
            Field::LineIn if !within(self.image.declared) => Err(VerifyError::Line(at)),
            Field::LineOut if !within(self.image.writable) => Err(VerifyError::Line(at)),
            Field::Bank if value > 1 => Err(VerifyError::Line(at)),
            Field::Base if value == 0 => Err(VerifyError::Call(at)),
            Field::Table if usize::from(value) >= self.image.tables.len() => Err(VerifyError::Table(at)),
            _ => Ok(()),
        }
    }
}

/// The words that a branch's offset is counted from and the offset, for each target of an op.
fn targets(at: usize, op: Op, words: &[Word]) -> impl Iterator<Item = i64> {
    let first = words[0];
    let one = match op.shape().fields {
        Fields::Off24 => Some(first as i32 >> 8),
        Fields::Off16(_) => Some(first as i32 >> 16),
        Fields::Abc(_, _, Field::Off8) => Some(first as i32 >> 24),
        _ => None,
    };
    let table: &[Word] = match op {
        Op::BrTable => &words[1..],
        _ => &[],
    };
    let table = table.iter().map(|offset| *offset as i32);
    one.into_iter().chain(table).map(move |offset| at as i64 + 1 + i64::from(offset))
}

/// A function makes room for its spill slots once, names only those, and gives the room back before
/// each return. Whether it has any.
fn check_spills(start: u32, code: &[Word]) -> Result<bool> {
    let (mut slots, mut leaving) = (0, false);
    for (at, op, words) in decode(code) {
        let err = Err(VerifyError::Immediate(start + at as u32));
        let slot = words[0] >> 16;
        let returns = matches!(op, Op::Ret | Op::RetV);
        if slots != 0 && leaving != returns {
            return err;
        }
        leaving = op == Op::SpillLeave;
        match op {
            Op::SpillEnter if at == 0 && slot != 0 => slots = slot,
            Op::SpillEnter => return err,
            Op::SpillLeave if slot != slots => return err,
            Op::Spill | Op::Fill if slot >= slots => return err,
            _ => {}
        }
    }
    Ok(slots != 0)
}

/// Every branch of a function meets the start of one of its ops; where it has spill slots, neither its
/// first op nor a return.
///
/// Starts are marked for a stretch of the function at a time, so that a fixed set of bits does for
/// any function. A function has at most 65,535 words, so there are at most 16 stretches.
fn check_branches(start: u32, code: &[Word], spills: bool) -> Result<()> {
    const STRETCH: usize = 4096;
    let mut from = 0;
    while from < code.len() {
        let mut starts = [0u32; STRETCH / 32];
        for (at, op, _) in decode(code) {
            if spills && (at == 0 || matches!(op, Op::Ret | Op::RetV)) {
                continue;
            }
            if let Some(slot) = at.checked_sub(from).and_then(|n| Some((starts.get_mut(n / 32)?, n))) {
                *slot.0 |= 1 << (slot.1 % 32);
            }
        }
        for (at, op, words) in decode(code) {
            for target in targets(at, op, words) {
                let err = VerifyError::Branch(start + at as u32);
                let target = usize::try_from(target).map_err(|_| err)?;
                if target >= code.len() {
                    return Err(err);
                }
                let Some(n) = target.checked_sub(from).filter(|n| *n < STRETCH) else { continue };
                if starts[n / 32] >> (n % 32) & 1 == 0 {
                    return Err(err);
                }
            }
        }
        from += STRETCH;
    }
    Ok(())
}
