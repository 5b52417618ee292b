//! panel.toml: what the author promises about a module, typed, with the place of every value.
//!
//! [`Manifest::parse`] checks everything that the manifest and the board alone can tell, and reports
//! all errors at once; [`resolve_exports`] then holds the exports against a module. The reference
//! for people is docs/manifest.md.

mod bare;
mod build;
mod clock;
mod devices;
mod exports;
mod hooks;
mod i2c;
mod keep;
mod measure;
mod module;
mod pins;
pub(crate) mod policy;
mod pwm;
pub mod reader;
mod resolve;
mod schema;
mod spi;
mod toml_errors;
mod uart;
mod value;
mod wasi;

#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use xmap_boards::{Board, Line};
use xmap_image::{EventSource, FaultPolicy, PinMode, Pull, Safe, Zone};

pub use bare::{and, lines_text};
pub use build::{BINDINGS, Recipe};
pub use devices::Device;
pub use hooks::ExportHooks;
pub use i2c::I2cDevice;
pub use keep::{Keep, KeptFrom, KeptMemory};
pub use pwm::PwmChannel;
pub use resolve::{ExportedFunction, MappedExport, WasmTy, resolve_exports};
pub use schema::schema;
pub use spi::SpiDevice;
pub use uart::Uart;
pub use value::{Owner, Param, Typed, Value, ValueRange};
pub use wasi::Wasi;

use crate::diagnostic::{Diagnostics, Place, Source};

/// Bytes of a manifest that are read: a panel of 4096 exports with long names stays below.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// Characters of a module's, a namespace's or a line's name: they stand in tables and waveforms.
pub const MAX_NAME_CHARS: usize = 64;

/// A value and where it stands in the manifest: a span of bytes. A default stands where its table does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Bytes of the manifest's text.
    pub span: Range<usize>,
}

impl<T> At<T> {
    /// A value and its bytes in the text.
    pub fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }

    /// Another value in its place.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At::new(f(self.value), self.span)
    }
}

/// A whole manifest. Every value has been checked against its range and against the board.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Who the module is.
    pub module: Module,
    /// The declared lines, sorted by line.
    pub pins: Vec<Pin>,
    /// The I2C devices, in the order of the manifest: their indices.
    pub i2c: Vec<I2cDevice>,
    /// The SPI devices, in the order of the manifest: their indices.
    pub spi: Vec<SpiDevice>,
    /// The PWM channels, in the order of the manifest: their indices.
    pub pwm: Vec<PwmChannel>,
    /// The serial ports, in the order of the manifest: their indices.
    pub uart: Vec<Uart>,
    /// The exports in the order of the manifest; `None` maps every exported function.
    pub exports: Option<Vec<Export>>,
    /// What the module may use.
    pub limits: Limits,
    /// What follows a fault and how a new image proves itself; without what is kept, which only the
    /// module can tell.
    pub policy: FaultPolicy,
    /// What outlives a swap of images, and a restart.
    pub keep: Keep,
    /// How the module is built from its source, where the manifest says it.
    pub build: Option<Recipe>,
    /// The zone that local time is in, where the manifest says one.
    pub zone: Option<At<Zone>>,
    /// `trace`: whether the device notes what happens in the module's calls.
    pub trace: bool,
    /// What a module that asks for arguments and variables gets.
    pub wasi: Wasi,
    /// The functions that run before and after exports.
    pub hooks: Vec<ExportHooks>,
    /// How names become keys. A manifest's text always says [`Keys::Normal`].
    pub keys: Keys,
    /// The text; a bare module has none.
    source: Option<Arc<Source>>,
}

/// The rule by which exports that `[exports]` does not list get their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// As docs/manifest.md says: normalised, behind the namespace, with the runtime's own names apart.
    #[default]
    Normal,
    /// Each exported function under its own name, whatever that is, and no name means anything to
    /// the runtime. For engines' test suites and for embedders; the command line has no way to it.
    Verbatim,
}

/// `[module]`.
#[derive(Clone, Debug)]
pub struct Module {
    /// The name, for people.
    pub name: At<String>,
    /// What stands in front of keys.
    pub namespace: At<String>,
    /// Only grows: a device refuses an older one.
    pub version: At<u32>,
    /// The board.
    pub board: At<&'static Board>,
    /// The module's file as it is written in the manifest; see [`Manifest::wasm_path`].
    pub wasm: At<String>,
    /// The contract that the panel has to keep, as it is written; see [`Manifest::contract_path`].
    pub contract: Option<At<String>>,
}

/// One line of `[pins]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The line; its place is the key.
    pub line: At<Line>,
    /// Its name, for people.
    pub name: Option<At<String>>,
    /// What the module may do with it.
    pub mode: At<PinMode>,
    /// What an output does without its module; `Hold` for an input.
    pub safe: Safe,
    /// The pull resistor while the line is an input.
    pub pull: Pull,
}

/// One entry of `[exports]`.
#[derive(Clone, Debug)]
pub struct Export {
    /// The function's name in the module.
    pub name: At<String>,
    /// The normalised key; its place is the `key` value, or the name.
    pub key: At<String>,
    /// The parameters, where the manifest types them.
    pub params: Option<At<Vec<Param>>>,
    /// The results, where the manifest types them.
    pub results: Option<At<Vec<At<Typed>>>>,
    /// What calls it.
    pub on: Option<At<EventSource>>,
    /// Functions that a caller has to have called before, by their names in the module or their keys.
    pub needs: Vec<At<String>>,
    /// Whether a call that is done twice does what one call does.
    pub idempotent: bool,
}

/// `[limits]`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the image.
    pub max_bytes: At<u32>,
    /// Bytes of linear memory.
    pub memory_bytes: At<u64>,
    /// Words of code of one call, for exports with no static bound.
    pub fuel: At<u32>,
    /// Microseconds that one call may spend in `time.delay_us`, all waits together.
    pub time_us: At<u32>,
}

impl Manifest {
    /// Reads a manifest's file.
    ///
    /// # Errors
    ///
    /// What stopped the reading (X01), or everything that [`Manifest::parse`] finds.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let text = crate::input::read_text(path, MAX_MANIFEST_BYTES)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a manifest's text. `path` is what errors call it and what [`Manifest::wasm_path`] is
    /// relative to; nothing is opened. Never panics, whatever the text is.
    ///
    /// # Errors
    ///
    /// Every error of the manifest, in the order of the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use xmap_compiler::manifest::Manifest;
    /// let manifest = Manifest::parse(
    ///     "panel.toml",
    ///     r#"
    ///         [module]
    ///         name = "hall"
    ///         board = "rpi4b"
    ///         wasm = "hall.wasm"
    ///         [pins]
    ///         17 = { name = "lamp", mode = "out", safe = "low" }
    ///     "#,
    /// )?;
    /// assert_eq!(manifest.pin(17).unwrap().name.as_ref().unwrap().value, "lamp");
    ///
    /// let errors = Manifest::parse("panel.toml", "[modul]\n").unwrap_err();
    /// assert!(errors.to_string().contains("did you mean `module`?"));
    /// # Ok::<(), xmap_compiler::diagnostic::Diagnostics>(())
    /// ```
    pub fn parse(path: &str, text: &str) -> Result<Self, Diagnostics> {
        reader::read_toml(&Source::new(path, text), "the manifest", module::tables)
    }

    /// Returns whether there is a text: a bare module has none.
    pub(crate) fn has_text(&self) -> bool {
        self.source.is_some()
    }

    /// The module's file: `wasm` relative to the manifest's folder.
    pub fn wasm_path(&self) -> PathBuf {
        self.folder().join(&self.module.wasm.value)
    }

    /// The file of the contract that the panel has to keep, where the manifest names one.
    pub fn contract_path(&self) -> Option<PathBuf> {
        Some(self.folder().join(&self.module.contract.as_ref()?.value))
    }

    /// The manifest's folder: what paths in it are relative to. Empty for a bare module.
    pub fn folder(&self) -> &Path {
        match &self.source {
            Some(source) => Path::new(&source.path).parent().unwrap_or(Path::new("")),
            None => Path::new(""),
        }
    }

    /// The manifest's file; for a bare module, which has none, the module's.
    pub fn path(&self) -> &Path {
        match &self.source {
            Some(source) => Path::new(&source.path),
            None => Path::new(&self.module.wasm.value),
        }
    }

    /// Returns where a value of this manifest stands; for a bare module, which has no manifest, its file.
    pub fn place(&self, span: &Range<usize>) -> Place {
        match &self.source {
            Some(source) => Place::text(source, span.clone()),
            None => Place::File(self.module.wasm.value.clone()),
        }
    }

    /// Returns whether there is no manifest's text behind this: [`Manifest::bare`].
    pub fn is_bare(&self) -> bool {
        self.source.is_none()
    }

    /// The declaration of a line, if there is one.
    pub fn pin(&self, line: u8) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.line.value.number() == line)
    }

    /// The declaration of the I2C device at an address, if there is one.
    pub fn i2c_at(&self, bus: u8, address: u8) -> Option<&I2cDevice> {
        self.i2c.iter().find(|device| (device.row.bus_number(), device.row.address()) == (bus, address))
    }

    /// The board.
    pub fn board(&self) -> &'static Board {
        self.module.board.value
    }
}
