//! The size report: what an image takes, and what a call of each export costs at most.

use std::fmt;

use xmap_boards::BoardId;
use xmap_image::limits;
use xmap_image::{
    ExportId, Extension, FaultPolicy, Function, FunctionRow, HEADER_WORDS, I2cRow, Image, NoRoom, Op, Plain,
    PwmRow, Section, SpiRow, Ty, UartRow, Word,
};

use crate::bounds::{self, Bound, BusTimes, Program, Shares, Unbounded, Why};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::map::SourceMap;
use crate::policy;
use crate::timers::{BusTimer, bus_timers, percent as share};

/// The way in which an export is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its row holds the operation, this one.
    Direct(Op),
    /// Its longest path is known.
    Bounded(Bound),
    /// It runs on this much fuel.
    Fuelled(u32),
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The board that it runs on.
    pub board: BoardId,
    /// The key.
    pub key: String,
    /// The name in the module.
    pub name: String,
    /// Bytes of its function's code.
    pub bytes: usize,
    /// How many parameters a call takes, and how many results it leaves.
    pub values: (usize, usize),
    /// How many of them are texts, and the bytes that each may have.
    pub texts: (u64, u64),
    /// How it is run.
    pub how: How,
    /// Why it has no bound, and the place in the source; none where it has one.
    pub unbounded: Option<String>,
}

/// One function of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReport {
    /// Its name for messages.
    pub name: String,
    /// Bytes of code.
    pub bytes: usize,
    /// Its longest path, if there is one.
    pub bound: Option<Bound>,
}

/// The size report of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Bytes of the image.
    pub total: usize,
    /// Bytes of the module, where it is known.
    pub module: Option<usize>,
    /// The budget in bytes, where there is one.
    pub budget: Option<u32>,
    /// Bytes of each section, in the order of [`Section::ALL`].
    pub sections: Vec<u32>,
    /// Bytes of each extension section, in the order of [`Extension::ALL`].
    pub extensions: Vec<u32>,
    /// The exports, by key.
    pub exports: Vec<ExportReport>,
    /// The functions, in the order of their code.
    pub functions: Vec<FunctionReport>,
    /// What follows a fault, and where kept state is.
    pub policy: FaultPolicy,
    /// What each part of kept state is called, where that is known.
    pub kept: Vec<String>,
    /// The I2C devices with their names, by their indices.
    pub i2c: Vec<(String, I2cRow)>,
    /// The SPI devices with their names, by their indices.
    pub spi: Vec<(String, SpiRow)>,
    /// The PWM channels with their names and lines, by their indices.
    pub pwm: Vec<(String, PwmRow)>,
    /// The serial ports with their names, by their indices.
    pub uart: Vec<(String, UartRow)>,
    /// The timers whose handlers transfer on buses.
    pub timers: Vec<BusTimer>,
    /// Microseconds that a call may wait, transfers included.
    pub time_us: u32,
}

impl Report {
    pub(crate) fn new(
        words: &[Word],
        module: usize,
        budget: u32,
        mut exports: Vec<ExportReport>,
        functions: Vec<FunctionReport>,
        kept: Vec<String>,
    ) -> Self {
        let image = Image::verify(words).expect("the builder has verified what it built");
        let (sections, extensions) = (image.section_bytes().collect(), image.extension_bytes().to_vec());
        exports.sort_by(|a, b| a.key.cmp(&b.key));
        // A module without a manifest has the board's own limit, which is no budget.
        let most = image.board().board().limits.image_bytes;
        let budget = Some(budget).filter(|budget| (*budget as usize) < most);
        let mut report = Self {
            total: words.len() * 4,
            module: Some(module),
            budget,
            sections,
            extensions,
            exports,
            functions,
            policy: policy_of(&image),
            kept,
            i2c: i2c(&image),
            spi: spi(&image),
            pwm: pwm(&image),
            uart: uart(&image),
            time_us: image.header().time_us,
            timers: Vec::new(),
        };
        report.timers = bus_timers(&image, &report);
        report
    }

    /// The report of an image that exists: the same figures, but for those of the module and the
    /// manifest, which an image does not have. Functions have their names from the map.
    pub fn of(image: &Image<'_>, map: Option<&SourceMap>) -> Self {
        let program = OfImage::of(image, map);
        let OfImage { functions, memory_bytes: most, .. } = &program;
        let (most, bounds) = (*most, bounds::bounds(program.program()));
        let name = |n: usize| match map.and_then(|map| map.functions.get(n)) {
            Some(function) => function.name.clone(),
            None => format!("function {n}"),
        };
        let exports = (0..image.exports().len()).map(|n| {
            let id = ExportId(n as u16);
            let row = image.exports()[n];
            let (how, unbounded, bytes) = if row.is_direct() {
                (How::direct(row.first), None, 0)
            } else {
                let number = row.first as usize;
                let (how, unbounded) = How::of(bounds[number], row.second, map);
                (how, unbounded, functions[number].code.len() * 4)
            };
            let text = |text: Option<&str>| text.unwrap_or_default().to_string();
            ExportReport {
                board: image.board(),
                key: text(image.key(id)),
                name: text(image.name(id)),
                bytes,
                values: (row.params(), row.results()),
                texts: image.signature(id).map_or((0, 0), |of| texts(of.params().chain(of.results()), most)),
                how,
                unbounded,
            }
        });
        let one = |n: usize| FunctionReport {
            name: name(n),
            bytes: functions[n].code.len() * 4,
            bound: bounds[n].ok(),
        };
        let mut report = Self {
            total: image.words().len() * 4,
            module: None,
            budget: None,
            sections: image.section_bytes().collect(),
            extensions: image.extension_bytes().to_vec(),
            exports: exports.collect(),
            functions: (0..functions.len()).map(one).collect(),
            policy: policy_of(image),
            kept: map.map(|map| map.kept.clone()).unwrap_or_default(),
            i2c: i2c(image),
            spi: spi(image),
            pwm: pwm(image),
            uart: uart(image),
            time_us: image.header().time_us,
            timers: Vec::new(),
        };
        report.timers = bus_timers(image, &report);
        report
    }

    /// Checks the image's size against the budget.
    ///
    /// # Errors
    /// X0601 with the largest five functions.
    pub fn check_budget(&self, file: &str) -> Result<(), Diagnostic> {
        let Some(budget) = self.budget.filter(|budget| self.total > *budget as usize) else { return Ok(()) };
        let message = format!("{file}: the image has {} bytes, max_bytes is {budget}", self.total);
        let help = match self.largest() {
            None => "raise `max_bytes` in [limits]".to_string(),
            Some(largest) => {
                format!("shorten what is largest, or raise `max_bytes` in [limits]; {largest}")
            }
        };
        Err(Diagnostic::new(Code::ImageTooLarge, Place::File(file.to_string()), message).help(help))
    }

    /// The five largest functions, where there is one.
    fn largest(&self) -> Option<String> {
        let mut largest: Vec<&FunctionReport> = self.functions.iter().collect();
        largest.sort_by_key(|f| std::cmp::Reverse(f.bytes));
        let lines: Vec<String> =
            largest.iter().take(5).map(|f| format!("{:>7} bytes  {}", f.bytes, f.name)).collect();
        (!lines.is_empty()).then(|| format!("the largest functions are\n{}", lines.join("\n")))
    }

    /// Checks that a device on the image's board has room for it, with `beside` bytes behind it (a seal).
    ///
    /// # Errors
    /// X0620 with the device's own words.
    pub fn check_board(&self, file: &str, image: &Image<'_>, beside: usize) -> Result<(), Diagnostic> {
        let Err(no_room) = image.fits_board(beside) else { return Ok(()) };
        let help = match no_room {
            NoRoom::Image { .. } => {
                let largest = self.largest().map(|largest| format!("; {largest}")).unwrap_or_default();
                format!("shorten what is largest{largest}")
            }
            NoRoom::Memory { .. } => {
                "let the module reserve less: `-z stack-size=4096`, no large arrays, and \
                                      `--initial-memory` (wasm-ld) no more than that takes"
                    .to_string()
            }
            NoRoom::Globals { .. } => "make the tables smaller, or their number".to_string(),
            NoRoom::Stack { .. } => "let functions call each other less deeply".to_string(),
        };
        let message = format!("{file}: no device of {} takes it: {no_room}", image.board().board().name);
        Err(Diagnostic::new(Code::NoRoom, Place::File(file.to_string()), message).help(help))
    }

    /// Bytes of the image's parts by what they are for, with a few words on each; their sum is the total.
    pub fn parts(&self) -> [(&'static str, u32, &'static str); 6] {
        use Extension::{
            ElementItems, Elements, I2c, I2cRegisters, PassiveData, PassiveElements, Pwm, Spi, Stack,
            StackPointer, Tables, Types, Uart, Zone,
        };
        use Section::{
            Code, Data, DataRows, Exports, Functions, Globals, Manifest, Names, Pins, Signatures, Strings,
        };
        let bytes = |section: &Section| self.sections.get(*section as usize).copied().unwrap_or(0);
        let sum = |sections: &[Section]| sections.iter().map(bytes).sum::<u32>();
        let bytes = |section: &Extension| self.extensions.get(*section as usize).copied().unwrap_or(0);
        let more = |sections: &[Extension]| sections.iter().map(bytes).sum::<u32>();
        let lengths = self.extensions.iter().filter(|bytes| **bytes > 0).count();
        let header = (HEADER_WORDS + lengths) as u32 * 4;
        let table = sum(&[Exports, Functions, Pins, Signatures, Names])
            + more(&[
                Types,
                Tables,
                Elements,
                PassiveElements,
                ElementItems,
                Stack,
                StackPointer,
                I2c,
                I2cRegisters,
                Spi,
                Pwm,
                Uart,
                Zone,
            ]);
        let code = sum(&[Code]);
        let data = sum(&[Globals, DataRows, Data]) + more(&[PassiveData]);
        let manifest = sum(&[Strings, Manifest]);
        let padding = self.total as u32 - header - table - code - data - manifest;
        [
            ("header", header, "version, hash, section lengths"),
            ("table", table, "exports, functions, pins, signatures, types, tables"),
            ("code", code, "ops"),
            ("data", data, "globals, data segments"),
            ("manifest", manifest, "names, handlers, policy"),
            ("padding", padding, "between sections"),
        ]
    }
}

/// Finds what each op of an image has of the bounds: which ops a call runs at most, and how often.
pub fn shares(image: &Image<'_>, map: Option<&SourceMap>) -> Shares {
    Shares::of(OfImage::of(image, map).program())
}

/// What bounds are read off, of an image.
struct OfImage<'m> {
    board: BoardId,
    buses: BusTimes,
    memory_bytes: u64,
    slots: u64,
    functions: Vec<Function>,
    types: Vec<u16>,
    items: Vec<u16>,
    globals: Vec<u64>,
    loops: Vec<&'m [(u32, u64)]>,
}

impl<'m> OfImage<'m> {
    fn of(image: &Image<'_>, map: Option<&'m SourceMap>) -> Self {
        let memory_bytes = u64::from(image.header().memory_max_pages) << 16;
        let types = || image.functions().iter().map(|row| row.ty() as u16).collect();
        Self {
            board: image.board(),
            buses: BusTimes::of(image),
            memory_bytes: memory_bytes.max(image.header().memory_bytes.into()),
            slots: image.slots() as u64,
            functions: image.functions().iter().map(|row| function(image, row)).collect(),
            types: if image.types().is_empty() { Vec::new() } else { types() },
            items: image.element_items().to_vec(),
            globals: image.globals().collect(),
            loops: map.map(|map| map.functions.iter().map(|f| &f.loops[..]).collect()).unwrap_or_default(),
        }
    }

    fn program(&self) -> Program<'_> {
        Program {
            buses: &self.buses,
            costs: self.board.costs(),
            memory_bytes: self.memory_bytes,
            slots: self.slots,
            functions: &self.functions,
            types: &self.types,
            items: &self.items,
            globals: &self.globals,
            loops: &self.loops,
        }
    }
}

/// The I2C devices of an image, each with its name.
fn i2c(image: &Image<'_>) -> Vec<(String, I2cRow)> {
    image.i2c().iter().map(|row| (image.i2c_name(row).to_string(), *row)).collect()
}

/// The SPI devices of an image, each with its name.
fn spi(image: &Image<'_>) -> Vec<(String, SpiRow)> {
    image.spi().iter().map(|row| (image.spi_name(row).to_string(), *row)).collect()
}

/// The PWM channels of an image, each with its name.
fn pwm(image: &Image<'_>) -> Vec<(String, PwmRow)> {
    image.pwm().iter().map(|row| (image.pwm_name(row).to_string(), *row)).collect()
}

/// Says what an image may do to each of its devices and channels, with the kind.
pub fn device_texts(image: &Image<'_>) -> Vec<(&'static str, String)> {
    texts_of(&i2c(image), &spi(image), &pwm(image), &uart(image))
}

fn texts_of(
    i2c: &[(String, I2cRow)],
    spi: &[(String, SpiRow)],
    pwm: &[(String, PwmRow)],
    uart: &[(String, UartRow)],
) -> Vec<(&'static str, String)> {
    let i2c = i2c.iter().map(|(name, row)| ("i2c", i2c_text(&Plain(name).to_string(), row)));
    let spi = spi.iter().map(|(name, row)| ("spi", spi_text(&Plain(name).to_string(), row)));
    let pwm = pwm.iter().map(|(name, row)| ("pwm", pwm_text(&Plain(name).to_string(), row)));
    let uart = uart.iter().map(|(name, row)| ("uart", uart_text(&Plain(name).to_string(), row)));
    i2c.chain(spi).chain(pwm).chain(uart).collect()
}

/// The serial ports of an image, each with its name.
fn uart(image: &Image<'_>) -> Vec<(String, UartRow)> {
    image.uart().iter().map(|row| (image.uart_name(row).to_string(), *row)).collect()
}

/// `meter, port 3, 19200 8E1, drives line 17: writes up to 64, 256 wait; 54000 us at most`.
fn uart_text(name: &str, row: &UartRow) -> String {
    let de = row.de().map_or(String::new(), |line| format!(", drives line {line}"));
    format!(
        "{name}, port {}, {} {}{de}: writes up to {}, {} wait; {} us at most",
        row.port_number(),
        row.baud(),
        row.format(),
        row.write_max(),
        row.rx_buffer(),
        row.worst_us(),
    )
}

/// `dimmer, line 18, 1000 us; safe duty 0`.
fn pwm_text(name: &str, row: &PwmRow) -> String {
    format!("{name}, line {}, {} us; safe duty {}", row.line_number(), row.period_us(), row.safe())
}

/// `adc, bus 0 select 0, mode 0, 1000000 Hz: up to 3 bytes; 25 us on the wire, 1050 us at most`.
fn spi_text(name: &str, row: &SpiRow) -> String {
    format!(
        "{name}, bus {} select {}, mode {}, {} Hz: up to {} bytes; {} us on the wire, {} us at most",
        row.bus_number(),
        row.select(),
        row.mode(),
        row.clock_hz(),
        row.max_bytes(),
        row.wire_us(row.max_bytes()),
        row.timeout_us(),
    )
}

/// `temp, bus 1 at 0x48, 400000 Hz: writes up to 1, reads up to 2; 120 us on the wire, 1030 us at most`.
fn i2c_text(name: &str, row: &I2cRow) -> String {
    let (write, read) = (row.write_max(), row.read_max());
    format!(
        "{name}, bus {} at {:#04x}, {} Hz: writes up to {write}, reads up to {read}; {} us on the wire, {} us \
         at most",
        row.bus_number(),
        row.address(),
        row.speed_hz(),
        row.wire_us(write, read),
        row.worst_us(),
    )
}

/// An image's policy. One that came in has a block that holds.
fn policy_of(image: &Image<'_>) -> FaultPolicy {
    image.manifest().unwrap_or_default().policy
}

/// A function of an image as the bounds take it.
fn function(image: &Image<'_>, row: &FunctionRow) -> Function {
    let code = image.code()[row.start as usize..][..row.words() as usize].to_vec();
    Function { frame: row.frame(), params: row.params(), results: row.results(), code }
}

/// Returns how many values are texts, and the bytes that each may have in a module whose memory reaches so
/// many.
pub(crate) fn texts(types: impl Iterator<Item = Ty>, memory_bytes: u64) -> (u64, u64) {
    (types.filter(|ty| *ty == Ty::StrPtr).count() as u64, memory_bytes.min(limits::MAX_TEXT_BYTES as u64))
}

/// A share in percent.
fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

impl How {
    /// `direct`, `bounded` or `fuelled`.
    pub const fn name(self) -> &'static str {
        match self {
            How::Direct(_) => "direct",
            How::Bounded(_) => "bounded",
            How::Fuelled(_) => "fuelled",
        }
    }

    /// Returns how an export with code runs, with fuel `fuel`, and why it has no bound.
    pub(crate) fn of(
        bound: Result<Bound, Unbounded>,
        fuel: u32,
        map: Option<&SourceMap>,
    ) -> (Self, Option<String>) {
        match bound {
            Ok(bound) if bound.fuel <= u64::from(fuel) => (How::Bounded(bound), None),
            Ok(bound) => {
                let why = format!("its longest path takes {} words of fuel", bound.fuel);
                (How::Fuelled(fuel), Some(why))
            }
            Err(unbounded) => (How::Fuelled(fuel), Some(unbounded.text(map))),
        }
    }

    /// A direct entry by the first word of its op.
    pub(crate) fn direct(first: Word) -> Self {
        // Verification has shown that there is such an op.
        How::Direct(Op::from_u8(first as u8).unwrap_or(Op::Unreachable))
    }
}

impl Unbounded {
    /// Says what has no bound, and where: in the author's source, if the map knows that.
    fn text(&self, map: Option<&SourceMap>) -> String {
        let what = match self.why {
            Why::Loop => "loop",
            Why::Recursion => "recursion",
            Why::Nested => "deeply nested loops",
        };
        let at = self.at.unwrap_or_default();
        let start = map.and_then(|map| map.functions.get(self.function)).map(|function| function.start);
        match start.and_then(|start| map?.find(start + at, None)) {
            Some(origin) if origin.source.is_some() => format!("{what} at {origin}"),
            Some(origin) => format!("{what} in {origin}"),
            None => format!("{what} in function {}, word {at}", self.function),
        }
    }
}

impl ExportReport {
    /// The most ops of a call and, where it has a bound, the most instructions from the call of the
    /// mapper to its return. One word of fuel pays for one op at least.
    pub fn bound(&self) -> (u64, Option<u64>) {
        let (params, results) = self.values;
        // Each text is read, so that what is none is refused.
        let (texts, bytes) = self.texts;
        let costs = self.board.costs();
        let texts = texts * (costs.text + bytes * costs.text_byte);
        let call = costs.call + params as u64 * costs.param + results as u64 * costs.result + texts;
        match self.how {
            // Its work is as long as an argument says.
            How::Direct(Op::HostCall) => (1, None),
            How::Direct(op) => (1, Some(costs.direct(op as u8) + texts)),
            How::Bounded(bound) => (bound.ops, Some(bound.insns.saturating_add(call))),
            How::Fuelled(fuel) => (u64::from(fuel), None),
        }
    }
}

/// The size report, as `xmap build` prints it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10}{:>8}", "size", "bytes")?;
        for (name, bytes, what) in self.parts() {
            writeln!(f, "  {name:<8}{bytes:>8}  {what}")?;
        }
        write!(f, "  {:<8}{:>8}", "image", self.total)?;
        match self.budget {
            Some(budget) => {
                writeln!(f, "  {} of the budget of {budget}", percent(self.total, budget as usize))?
            }
            None => writeln!(f)?,
        }
        if let Some(module) = self.module {
            writeln!(f, "  {:<8}{module:>8}  the image is {} of it", "module", percent(self.total, module))?;
        }
        writeln!(f)?;
        self.write_exports(f)?;
        f.write_str(&self.policy_text())
    }
}

impl Report {
    /// Returns what of the policy differs from the default, and what is kept: mostly nothing.
    pub fn policy_text(&self) -> String {
        let heading = |title: String, rows: Vec<String>| match rows.is_empty() {
            true => String::new(),
            false => format!("\n{title}\n  {}\n", rows.join("\n  ")),
        };
        let rows = policy::policy(&self.policy).into_iter().map(|(key, value)| format!("{key:<16}{value}"));
        let kept = policy::kept(&self.policy, &self.kept);
        heading("policy".to_string(), rows.collect())
            + &heading(format!("kept by {}", policy::kept_by(&self.policy)), kept)
    }

    /// The most microseconds that transfers of a call of an export take: what would be longer is refused
    /// before it begins.
    pub fn bus_us(&self, export: &ExportReport) -> u64 {
        let most = match export.how {
            How::Direct(Op::HostCall) => self.buses().longest_of_all_us(),
            How::Direct(_) => 0,
            How::Bounded(bound) => bound.bus_us,
            How::Fuelled(_) => u64::MAX,
        };
        most.min(self.time_us.into())
    }

    fn buses(&self) -> BusTimes {
        BusTimes::of_rows(
            self.i2c.iter().map(|(_, row)| row),
            self.spi.iter().map(|(_, row)| row),
            self.uart.iter().map(|(_, row)| row),
        )
    }

    /// Returns whether the image has devices on buses, whose transfers take time.
    pub fn has_buses(&self) -> bool {
        !self.buses().is_empty()
    }

    fn write_exports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.exports.iter().map(|e| e.key.chars().count()).max().unwrap_or(0).max(6);
        let has_buses = self.has_buses();
        let head = if has_buses { "     bus us" } else { "" };
        writeln!(
            f,
            "{:<width$}  {:>6}  {:<7}  {:>10}  {:>13}{head}",
            "export", "bytes", "kind", "ops", "AArch64 insns"
        )?;
        for export in &self.exports {
            let kind = export.how.name();
            let (ops, insns) = export.bound();
            let insns = insns.map_or("-".to_string(), |insns| insns.to_string());
            let bus = if has_buses { format!("  {:>9}", self.bus_us(export)) } else { String::new() };
            writeln!(
                f,
                "{:<width$}  {:>6}  {kind:<7}  {ops:>10}  {insns:>13}{bus}",
                export.key, export.bytes
            )?;
        }
        writeln!(f, "ops and insns: of one call, at most")?;
        if has_buses {
            writeln!(f, "bus us: of its transfers, at most, whatever the devices do; no insns are in it")?;
            if !self.timers.is_empty() {
                writeln!(f, "bus time of timers: at most {} of all", share(&self.timers))?;
            }
        }
        let devices = texts_of(&self.i2c, &self.spi, &self.pwm, &self.uart);
        devices.iter().try_for_each(|(kind, text)| writeln!(f, "  {kind} {text}"))?;
        let unbounded: Vec<_> = self
            .exports
            .iter()
            .filter_map(|export| Some((&export.key, export.unbounded.as_ref()?)))
            .collect();
        if unbounded.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nfuelled: no bound is known; a call traps when its fuel is used up, after that many ops at most"
        )?;
        for (key, why) in unbounded {
            writeln!(f, "  {key:<width$}  {why}")?;
        }
        writeln!(f, "a loop has a bound where a counter starts at, moves by and is compared with constants")
    }
}
