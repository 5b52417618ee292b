//! Writing images. What the builder promises, [`Image::verify`] checks: it is called on every
//! image that leaves here.

use alloc::string::String;
use alloc::vec::Vec;

use xmap_boards::BoardId;

use crate::intact::content_hash;
use crate::layout::{Extension, FORMAT, HASH_WORD, HASH_WORDS, HEADER_WORDS, MAGIC, NO_START, field};
use crate::op::Word;
use crate::{
    ContractHash, DataRow, ElementRow, ExportRow, FunctionRow, I2cRegisters, I2cRow, Image, Manifest,
    NameRow, PassiveRow, PinRow, PwmRow, SpiRow, TableRow, Ty, TypeRow, UartRow, VerifyError, Zone, limits,
};

/// An export on its way into an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The key: `panel.gpio_set`.
    pub key: String,
    /// The wasm export's own name.
    pub name: String,
    /// The types of the parameters.
    pub params: Vec<Ty>,
    /// The types of the results.
    pub results: Vec<Ty>,
    /// What a call does.
    pub entry: Entry,
}

/// The action of an export.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Runs a function, with this much fuel.
    Code {
        /// The function's index.
        function: u32,
        /// Words of code that a call may run.
        fuel: u32,
    },
    /// Is one native op, whose registers 1 and up are the arguments.
    Direct {
        /// The op's first word.
        first: Word,
        /// Its immediate word, or zero.
        second: Word,
    },
}

/// A function on its way into an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Registers, the link included: 1 to 255.
    pub frame: u8,
    /// Parameters.
    pub params: u8,
    /// Results.
    pub results: u8,
    /// Words of code.
    pub code: Vec<Word>,
}

/// A table on its way into an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// References at load.
    pub initial: u32,
    /// References at most.
    pub capacity: u32,
}

/// An element segment on its way into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elements {
    /// The table and the index of the first reference; a passive segment has none.
    pub place: Option<(u32, u32)>,
    /// Function indices, or [`crate::NO_FUNCTION`].
    pub items: Vec<u16>,
}

/// Everything that an image holds.
#[derive(Clone, Debug)]
pub struct ImageBuilder<'a> {
    /// The board.
    pub board: BoardId,
    /// The module's version.
    pub version: u32,
    /// The start function.
    pub start: Option<u32>,
    /// Bytes of linear memory at load.
    pub memory_bytes: u32,
    /// Pages that `memory.size` says at load.
    pub memory_pages: u32,
    /// Pages that `memory.grow` may reach.
    pub memory_max_pages: u32,
    /// Microseconds that a call may wait.
    pub time_us: u32,
    /// The exports, in any order; the image has them sorted by key.
    pub exports: Vec<Export>,
    /// The functions.
    pub functions: Vec<Function>,
    /// The lines, in any order.
    pub pins: Vec<PinRow>,
    /// Initial values of globals.
    pub globals: Vec<u64>,
    /// Data segments: address and bytes.
    pub data: Vec<(u32, Vec<u8>)>,
    /// The function types that indirect calls name. With any, each function has one of them.
    pub types: Vec<TypeRow>,
    /// The type of each function, where there are types.
    pub function_types: Vec<u16>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The element segments.
    pub elements: Vec<Elements>,
    /// The data segments that `memory.init` copies from.
    pub passive_data: Vec<Vec<u8>>,
    /// Slots of the register stack beside a window; all images have [`limits::STACK_SLOTS`].
    pub stack_slots: u32,
    /// The index of the global that is the shadow stack's pointer, where it is known.
    pub stack_pointer: Option<u32>,
    /// The I2C devices, each with its name, in the order of their indices.
    pub i2c: Vec<(String, I2cRow)>,
    /// The registers that devices with [`I2cRow::with_registers`] may name, in their order.
    pub i2c_registers: Vec<I2cRegisters>,
    /// The SPI devices, each with its name, in the order of their indices.
    pub spi: Vec<(String, SpiRow)>,
    /// The PWM channels, each with its name, in the order of their indices.
    pub pwm: Vec<(String, PwmRow)>,
    /// The serial ports, each with its name, in the order of their indices.
    pub uart: Vec<(String, UartRow)>,
    /// What callers of each export go by, in the order of `exports` *as sorted by key*; empty where the types
    /// say all of it.
    pub contracts: Vec<ContractHash>,
    /// The zone that local time is in.
    pub zone: Zone,
    /// Whether the device notes nothing of the module's calls.
    pub untraced: bool,
    /// The cold part. Its events name exports by their place in `exports` *as sorted by key*.
    pub manifest: Manifest<'a>,
}

/// Why no image could be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Something exceeds a limit of the format: what, how many, and how many there may be.
    TooMany(&'static str, usize, usize),
    /// The manifest block could not be encoded.
    Manifest,
    /// The result does not verify: the content breaks a rule of the format.
    Verify(VerifyError),
}

impl core::fmt::Display for BuildError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooMany(what, n, most) => write!(f, "{n} {what}, and an image holds at most {most}"),
            Self::Manifest => write!(f, "the manifest block could not be encoded"),
            Self::Verify(e) => write!(f, "the image does not verify: {e}"),
        }
    }
}

impl core::error::Error for BuildError {}

impl<'a> ImageBuilder<'a> {
    /// Adds a function; returns its index.
    pub fn add(&mut self, function: Function) -> u32 {
        self.functions.push(function);
        self.functions.len() as u32 - 1
    }

    /// A builder of an image with nothing in it.
    pub fn new(board: BoardId) -> Self {
        Self {
            board,
            version: 0,
            start: None,
            memory_bytes: 0,
            memory_pages: 0,
            memory_max_pages: 0,
            time_us: limits::DEFAULT_TIME_US,
            exports: Vec::new(),
            functions: Vec::new(),
            pins: Vec::new(),
            globals: Vec::new(),
            data: Vec::new(),
            types: Vec::new(),
            function_types: Vec::new(),
            tables: Vec::new(),
            elements: Vec::new(),
            passive_data: Vec::new(),
            stack_slots: limits::STACK_SLOTS,
            stack_pointer: None,
            i2c: Vec::new(),
            i2c_registers: Vec::new(),
            spi: Vec::new(),
            pwm: Vec::new(),
            uart: Vec::new(),
            contracts: Vec::new(),
            zone: Zone::UTC,
            untraced: false,
            manifest: Manifest::default(),
        }
    }

    /// Takes an image apart again: the inverse of [`ImageBuilder::build`].
    ///
    /// # Errors
    /// As [`Image::manifest`].
    pub fn from_image(image: &Image<'a>) -> Result<Self, VerifyError> {
        let header = image.header();
        let exports = (0..image.exports().len()).map(|n| {
            let (id, row) = (crate::ExportId(n as u16), image.exports()[n]);
            let signature = image.signature(id);
            Export {
                key: image.key(id).unwrap_or_default().into(),
                name: image.name(id).unwrap_or_default().into(),
                params: signature.map(|s| s.params().collect()).unwrap_or_default(),
                results: signature.map(|s| s.results().collect()).unwrap_or_default(),
                entry: if row.is_direct() {
                    Entry::Direct { first: row.first, second: row.second }
                } else {
                    Entry::Code { function: row.first, fuel: row.second }
                },
            }
        });
        let functions = image.functions().iter().map(|row| {
            let from = row.start as usize;
            Function {
                frame: row.frame(),
                params: row.params(),
                results: row.results(),
                code: image.code()[from..from + row.words() as usize].to_vec(),
            }
        });
        let bytes = |row: &PassiveRow| {
            let from = row.first as usize;
            image.data_bytes()[from..from + row.len as usize].to_vec()
        };
        Ok(Self {
            board: header.board,
            version: header.version,
            start: header.start,
            memory_bytes: header.memory_bytes,
            memory_pages: header.memory_pages,
            memory_max_pages: header.memory_max_pages,
            time_us: header.time_us,
            exports: exports.collect(),
            functions: functions.collect(),
            pins: image.pins().to_vec(),
            globals: image.globals().collect(),
            data: image.data().map(|(address, bytes)| (address, bytes.to_vec())).collect(),
            types: image.types().to_vec(),
            function_types: match image.types().is_empty() {
                true => Vec::new(),
                false => image.functions().iter().map(|row| row.ty() as u16).collect(),
            },
            tables: image
                .tables()
                .iter()
                .map(|t| Table { initial: t.initial, capacity: t.capacity })
                .collect(),
            elements: elements_of(image),
            passive_data: image.passive_data().iter().map(bytes).collect(),
            stack_slots: (image.stack_slots() - limits::WINDOW) as u32,
            stack_pointer: image.stack_pointer().map(|index| index as u32),
            i2c: image.i2c().iter().map(|row| (image.i2c_name(row).into(), row.named(0))).collect(),
            i2c_registers: image.i2c().iter().filter_map(|row| image.i2c_registers(row).copied()).collect(),
            spi: image.spi().iter().map(|row| (image.spi_name(row).into(), row.named(0))).collect(),
            pwm: image.pwm().iter().map(|row| (image.pwm_name(row).into(), row.named(0))).collect(),
            uart: image.uart().iter().map(|row| (image.uart_name(row).into(), row.named(0))).collect(),
            contracts: image.carried_contracts().to_vec(),
            zone: image.zone(),
            untraced: image.is_untraced(),
            manifest: image.manifest()?,
        })
    }

    /// Writes the image.
    ///
    /// # Errors
    /// Where a limit of the format is exceeded, or where the content breaks one of its rules.
    pub fn build(&self) -> Result<Vec<Word>, BuildError> {
        let most = |what, n: usize, most: usize| {
            if n <= most { Ok(()) } else { Err(BuildError::TooMany(what, n, most)) }
        };
        most("exports", self.exports.len(), limits::MAX_EXPORTS)?;
        most("functions", self.functions.len(), limits::MAX_FUNCTIONS)?;
        most("globals", self.globals.len(), limits::MAX_GLOBALS)?;

        let mut order: Vec<&Export> = self.exports.iter().collect();
        order.sort_by(|a, b| a.key.cmp(&b.key));
        let mut signatures = Pool::default();
        let mut strings = Pool::default();
        let mut exports = Vec::new();
        let mut names = Vec::new();
        // Longest keys first, so that a name which is the end of a key finds it there.
        let mut by_length = order.clone();
        by_length.sort_by_key(|e| core::cmp::Reverse(e.key.len()));
        by_length.iter().for_each(|e| _ = strings.place(e.key.as_bytes()));
        for export in order {
            most("parameters", export.params.len(), limits::MAX_PARAMS)?;
            most("results", export.results.len(), limits::MAX_PARAMS)?;
            let types: Vec<u8> = export.params.iter().chain(&export.results).map(|t| *t as u8).collect();
            let signature = signatures.place(&types);
            most("bytes of signatures", signatures.bytes.len(), limits::MAX_STRING_BYTES)?;
            let (params, results) = (export.params.len() as u8, export.results.len() as u8);
            exports.push(match export.entry {
                Entry::Code { function, fuel } => {
                    ExportRow::code(params, results, function, fuel, signature as u16)
                }
                Entry::Direct { first, second } => {
                    ExportRow::direct(params, results, first, second, signature as u16)
                }
            });
            let mut reference = |s: &str| {
                let at = strings.place(s.as_bytes());
                most("bytes of names", strings.bytes.len(), limits::MAX_STRING_BYTES)?;
                Ok(at as u32 | (s.len() as u32) << 16)
            };
            names.push(NameRow { key: reference(&export.key)?, name: reference(&export.name)? });
        }

        most("I2C devices", self.i2c.len(), limits::MAX_I2C_DEVICES)?;
        most("SPI devices", self.spi.len(), limits::MAX_SPI_DEVICES)?;
        most("PWM channels", self.pwm.len(), limits::MAX_PWM_CHANNELS)?;
        most("serial ports", self.uart.len(), limits::MAX_UART_PORTS)?;
        let mut reference = |name: &str| {
            let at = strings.place(name.as_bytes());
            most("bytes of names", strings.bytes.len(), limits::MAX_STRING_BYTES)?;
            Ok(at as u32 | (name.len() as u32) << 16)
        };
        let i2c = self.i2c.iter().map(|(name, row)| Ok(row.named(reference(name)?)));
        let i2c = i2c.collect::<Result<Vec<_>, _>>()?;
        let spi = self.spi.iter().map(|(name, row)| Ok(row.named(reference(name)?)));
        let spi = spi.collect::<Result<Vec<_>, _>>()?;
        let pwm = self.pwm.iter().map(|(name, row)| Ok(row.named(reference(name)?)));
        let pwm = pwm.collect::<Result<Vec<_>, _>>()?;
        let uart = self.uart.iter().map(|(name, row)| Ok(row.named(reference(name)?)));
        let uart = uart.collect::<Result<Vec<_>, _>>()?;

        let mut code: Vec<Word> = Vec::new();
        let mut functions = Vec::new();
        for (n, f) in self.functions.iter().enumerate() {
            most("words in a function", f.code.len(), limits::MAX_FUNCTION_WORDS)?;
            let (start, words) = (code.len() as u32, f.code.len() as u16);
            let ty = self.function_types.get(n).copied().unwrap_or(0);
            functions.push(FunctionRow::new(start, words, f.frame, f.params, f.results).with_type(ty));
            code.extend_from_slice(&f.code);
        }

        let mut pins = self.pins.clone();
        pins.sort_by_key(|p| p.line());
        let mut rows = Vec::new();
        let mut data = Pool::default();
        for (address, bytes) in &self.data {
            let offset = data.place(bytes) as u32;
            rows.push(DataRow { address: *address, offset, len: bytes.len() as u32 });
        }
        let globals: Vec<Word> = self.globals.iter().flat_map(|g| [*g as u32, (*g >> 32) as u32]).collect();
        let rows_of = self.extensions(&mut data)?;
        let stack: Vec<Word> =
            Some(self.stack_slots).filter(|s| *s > limits::STACK_SLOTS).into_iter().collect();
        let zone = Some(self.zone).filter(|zone| *zone != Zone::UTC).map(Zone::to_words);
        let extensions: [&[u8]; Extension::Untraced as usize + 1] = [
            bytemuck::cast_slice(&self.types),
            bytemuck::cast_slice(&rows_of.tables),
            bytemuck::cast_slice(&rows_of.elements),
            bytemuck::cast_slice(&rows_of.passive_elements),
            bytemuck::cast_slice(&rows_of.items),
            bytemuck::cast_slice(&rows_of.passive_data),
            bytemuck::cast_slice(&stack),
            bytemuck::cast_slice(self.stack_pointer.as_slice()),
            bytemuck::cast_slice(&i2c),
            bytemuck::cast_slice(&self.contracts),
            bytemuck::cast_slice(zone.as_slice()),
            bytemuck::cast_slice(&self.i2c_registers),
            bytemuck::cast_slice(&spi),
            bytemuck::cast_slice(&pwm),
            bytemuck::cast_slice(&uart),
            if self.untraced { &[0; 4] } else { &[] },
        ];
        let manifest = self.manifest.encode().map_err(|_| BuildError::Manifest)?;

        // In the order of `Section::ALL`.
        let sections: [&[u8]; crate::layout::SECTIONS] = [
            bytemuck::cast_slice(&exports),
            bytemuck::cast_slice(&functions),
            bytemuck::cast_slice(&code),
            bytemuck::cast_slice(&pins),
            bytemuck::cast_slice(&globals),
            bytemuck::cast_slice(&rows),
            &data.bytes,
            &signatures.bytes,
            bytemuck::cast_slice(&names),
            &strings.bytes,
            &manifest,
        ];
        let mut words = self.header_words();
        for (n, extension) in extensions.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            words[field::EXTENSIONS] |= 1 << n;
            words.push(extension.len() as u32);
        }
        for (n, section) in sections.iter().enumerate() {
            words[field::SECTIONS + n] = section.len() as u32;
        }
        for section in sections.iter().chain(&extensions) {
            words.extend(section.chunks(4).map(|chunk| {
                let mut word = [0; 4];
                word[..chunk.len()].copy_from_slice(chunk);
                u32::from_le_bytes(word)
            }));
        }
        most("bytes", words.len() * 4, limits::MAX_IMAGE_BYTES)?;
        words[field::LENGTH] = (words.len() * 4) as u32;
        let hash = content_hash(&words);
        words[HASH_WORD..HASH_WORD + HASH_WORDS].copy_from_slice(&hash);
        match Image::verify(&words).and_then(|image| image.manifest().map(|_| ())) {
            Ok(()) => Ok(words),
            Err(e) => Err(BuildError::Verify(e)),
        }
    }

    /// The rows of tables and segments. Passive data joins the bytes of the data section.
    fn extensions(&self, data: &mut Pool) -> Result<Rows, BuildError> {
        let mut rows = Rows::default();
        let mut slot = self.globals.len() as u32;
        for table in &self.tables {
            rows.tables.push(TableRow { slot, initial: table.initial, capacity: table.capacity });
            slot = slot.saturating_add(1).saturating_add(table.capacity);
        }
        for segment in &self.elements {
            let (first, len) = (rows.items.len() as u32, segment.items.len() as u32);
            rows.items.extend(&segment.items);
            match segment.place {
                Some((table, offset)) => rows.elements.push(ElementRow { table, offset, first, len }),
                None => {
                    rows.passive_elements.push(PassiveRow { slot, first, len });
                    slot = slot.saturating_add(1);
                }
            }
        }
        for bytes in &self.passive_data {
            let (first, len) = (data.place(bytes) as u32, bytes.len() as u32);
            rows.passive_data.push(PassiveRow { slot, first, len });
            slot = slot.saturating_add(1);
        }
        let segments = rows.passive_elements.len().max(rows.passive_data.len());
        if segments > limits::MAX_SEGMENTS {
            return Err(BuildError::TooMany("passive segments", segments, limits::MAX_SEGMENTS));
        }
        Ok(rows)
    }

    fn header_words(&self) -> Vec<Word> {
        let mut words = alloc::vec![0; HEADER_WORDS];
        words[field::MAGIC] = u32::from_le_bytes(MAGIC);
        words[field::FORMAT_BOARD] = u32::from(FORMAT) | (self.board as u32) << 16;
        words[field::VERSION] = self.version;
        words[field::START] = self.start.unwrap_or(NO_START);
        words[field::MEMORY_BYTES] = self.memory_bytes;
        words[field::MEMORY_PAGES] = self.memory_pages.min(0xffff) | self.memory_max_pages.min(0xffff) << 16;
        words[field::TIME_US] = self.time_us;
        words
    }
}

/// The rows of the extension sections.
#[derive(Default)]
struct Rows {
    tables: Vec<TableRow>,
    elements: Vec<ElementRow>,
    passive_elements: Vec<PassiveRow>,
    items: Vec<u16>,
    passive_data: Vec<PassiveRow>,
}

/// Takes the element segments of an image apart. Each kind keeps its own order, for that is what ops
/// and loads go by; between the kinds, the order is that of their items, an empty segment first.
fn elements_of(image: &Image<'_>) -> Vec<Elements> {
    let segment = |place, first: u32, len: u32| {
        let from = first as usize;
        Elements { place, items: image.element_items()[from..from + len as usize].to_vec() }
    };
    let mut active = image.element_rows().iter().peekable();
    let mut all = Vec::new();
    for passive in image.passive_elements() {
        while let Some(row) = active.next_if(|row| (row.first, row.len) < (passive.first, passive.len)) {
            all.push(segment(Some((row.table, row.offset)), row.first, row.len));
        }
        all.push(segment(None, passive.first, passive.len));
    }
    all.extend(active.map(|row| segment(Some((row.table, row.offset)), row.first, row.len)));
    all
}

/// Bytes in which equal strings, and strings that are part of another, stand once.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
}

impl Pool {
    fn place(&mut self, item: &[u8]) -> usize {
        if item.is_empty() {
            return 0;
        }
        // Large items (data segments) are not searched for: the search is quadratic.
        let found = if item.len() <= 256 && self.bytes.len() <= limits::MAX_STRING_BYTES {
            self.bytes.windows(item.len()).position(|w| w == item)
        } else {
            None
        };
        found.unwrap_or_else(|| {
            let at = self.bytes.len();
            self.bytes.extend_from_slice(item);
            at
        })
    }
}

/// Recomputes the length and the hash of mutated words, so that tests and fuzzers reach what lies
/// behind the two.
pub fn reseal(words: &mut [Word]) {
    if words.len() >= HEADER_WORDS {
        words[field::LENGTH] = (words.len() * 4) as u32;
        let hash = content_hash(words);
        words[HASH_WORD..HASH_WORD + HASH_WORDS].copy_from_slice(&hash);
    }
}
