//! Constants and typed functions for the names of a manifest, in the language of a module: so that no number
//! stands in the manifest and in the source.

mod assemblyscript;
mod c;
mod go;
mod rust;
mod zig;

use std::path::Path;

use xmap_boards::Line;
use xmap_compiler::manifest::{BINDINGS, Manifest, Typed, Value};
use xmap_compiler::names;
use xmap_image::{PinMode, Ty};

/// A language that bindings are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bindings {
    /// A header for C and C++.
    C,
    /// A module of a Rust crate.
    Rust,
    /// A file of Zig.
    Zig,
    /// A file of AssemblyScript.
    AssemblyScript,
    /// A file of a Go package.
    Go,
}

impl Bindings {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::C, Self::Rust, Self::Zig, Self::AssemblyScript, Self::Go];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Rust => "rust",
            Self::Zig => "zig",
            Self::AssemblyScript => "as",
            Self::Go => "go",
        }
    }

    /// The language whose files have this one's ending.
    pub fn of_file(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        BINDINGS.iter().zip(Self::ALL).find(|(known, _)| **known == ending).map(|(_, language)| language)
    }

    /// Writes the bindings of a manifest.
    pub fn of(self, manifest: &Manifest) -> String {
        let names = Names::of(manifest);
        match self {
            Self::C => c::write(&names),
            Self::Rust => rust::write(&names),
            Self::Zig => zig::write(&names),
            Self::AssemblyScript => assemblyscript::write(&names),
            Self::Go => go::write(&names),
        }
    }
}

/// The names of a manifest, as identifiers.
struct Names<'m> {
    /// What the first line says.
    title: String,
    /// The module's name as a word.
    module: String,
    lines: Vec<LineName>,
    devices: Vec<DeviceName>,
    channels: Vec<IndexName>,
    ports: Vec<IndexName>,
    exports: Vec<Export<'m>>,
}

/// A line that has a name.
struct LineName {
    /// `night_light`.
    word: String,
    line: Line,
    mode: PinMode,
}

impl LineName {
    const fn drives(&self) -> bool {
        matches!(self.mode, PinMode::Out | PinMode::InOut)
    }

    const fn turns(&self) -> bool {
        matches!(self.mode, PinMode::InOut)
    }

    /// Keeps, of the functions of a line as a language writes them, those that the line's mode allows.
    fn functions<T>(&self, [get, set, toggle, direction, pull]: [T; 5]) -> impl Iterator<Item = T> {
        let (drives, turns, reads) = (self.drives(), self.turns(), self.mode != PinMode::Out);
        [(true, get), (drives, set), (drives, toggle), (turns, direction), (reads, pull)]
            .into_iter()
            .filter_map(|(allowed, function)| allowed.then_some(function))
    }
}

/// A device on a bus.
struct DeviceName {
    kind: Kind,
    word: String,
    index: usize,
}

/// A PWM channel, or a serial port.
struct IndexName {
    word: String,
    index: usize,
}

/// A kind of device, which says what functions it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    I2c,
    Spi,
}

impl Kind {
    /// The table of the manifest.
    const fn table(self) -> &'static str {
        match self {
            Self::I2c => "i2c",
            Self::Spi => "spi",
        }
    }

    /// The name for people.
    const fn title(self) -> &'static str {
        match self {
            Self::I2c => "I2C",
            Self::Spi => "SPI",
        }
    }

    /// The function of a transfer.
    const fn function(self) -> &'static str {
        match self {
            Self::I2c => "write_read",
            Self::Spi => "transfer",
        }
    }
}

/// A function of `[exports]` whose types the manifest says.
struct Export<'m> {
    name: &'m str,
    params: Vec<(&'m str, Value)>,
    results: Vec<Value>,
}

impl Export<'_> {
    /// Returns the parameters as `param` writes them, and the type of the result if there is a result; `None`
    /// for a function whose result is no scalar, or that has several results.
    fn signature(&self, param: impl Fn(&str, Value) -> String) -> Option<(String, Option<Ty>)> {
        let result = match self.results[..] {
            [] => None,
            [Value::Scalar(ty)] => Some(ty),
            _ => return None,
        };
        let params: Vec<String> = self.params.iter().map(|(name, value)| param(name, *value)).collect();
        Some((params.join(", "), result))
    }
}

impl<'m> Names<'m> {
    fn of(manifest: &'m Manifest) -> Self {
        let lines = manifest.pins.iter().filter_map(|pin| {
            let word = word(&pin.name.as_ref()?.value);
            Some(LineName { word, line: pin.line.value, mode: pin.mode.value })
        });
        let mut devices: Vec<DeviceName> = Vec::new();
        let i2c = manifest.i2c.iter().map(|device| &device.name.value).enumerate();
        let spi = manifest.spi.iter().map(|device| &device.name.value).enumerate();
        let all = i2c.map(|name| (Kind::I2c, name)).chain(spi.map(|name| (Kind::Spi, name)));
        for (kind, (index, name)) in all {
            let mut word = word(name);
            if devices.iter().any(|other| other.word == word) {
                word = format!("{word}_{index}");
            }
            devices.push(DeviceName { kind, word, index });
        }
        let channels = manifest.pwm.iter().enumerate();
        let channels = channels.map(|(index, channel)| IndexName { word: word(&channel.name.value), index });
        let ports = manifest.uart.iter().enumerate();
        let ports = ports.map(|(index, port)| IndexName { word: word(&port.name.value), index });
        let exports = manifest.exports.iter().flatten().filter_map(|export| {
            // A handler has no types; neither has what says none.
            let handler = export.on.is_some();
            let params = export.params.as_ref().map(|params| &params.value[..]);
            let results = export.results.as_ref().map(|results| &results.value[..]);
            let is_word = |name: &str| {
                let mut bytes = name.bytes();
                bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                    && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            let known = (handler || params.is_some() || results.is_some()) && is_word(&export.name.value);
            known.then(|| Export {
                name: &export.name.value,
                params: params.unwrap_or_default().iter().map(|p| (p.name.as_str(), p.ty.value)).collect(),
                results: results.unwrap_or_default().iter().map(|result| returned(&result.value)).collect(),
            })
        });
        let module = word(&manifest.module.name.value);
        let file = manifest.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            title: format!("Written by `xmap bindings {file}`; the names are those of the manifest."),
            module,
            lines: lines.collect(),
            devices,
            channels: channels.collect(),
            ports: ports.collect(),
            exports: exports.collect(),
        }
    }
}

/// Returns what a function returns: of so many bytes the address alone.
fn returned(result: &Typed) -> Value {
    match (result.value, result.fixed) {
        (Value::Bytes(_), Some(_)) => Value::Scalar(Ty::BytesPtr),
        (value, _) => value,
    }
}

/// A name as an identifier of small letters, digits and `_`.
fn word(name: &str) -> String {
    let word = names::word(name).unwrap_or_default();
    if word.starts_with(|c: char| c.is_ascii_digit()) { format!("n{word}") } else { word }
}

/// `night_light` as `NightLight`.
fn camel(word: &str) -> String {
    let parts = word.split('_').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (first, rest) = part.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

/// `WriteRead` as `writeRead`.
fn uncapitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// An identifier that no keyword of these languages is.
fn free(word: &str) -> String {
    const TAKEN: [&str; 76] = [
        "as",
        "align",
        "anyframe",
        "anytype",
        "async",
        "await",
        "break",
        "bool",
        "box",
        "case",
        "catch",
        "class",
        "comptime",
        "const",
        "continue",
        "crate",
        "debugger",
        "declare",
        "default",
        "defer",
        "delete",
        "do",
        "dyn",
        "else",
        "enum",
        "error",
        "errdefer",
        "export",
        "extends",
        "extern",
        "false",
        "final",
        "finally",
        "fn",
        "for",
        "function",
        "gen",
        "if",
        "impl",
        "import",
        "in",
        "inline",
        "interface",
        "let",
        "loop",
        "macro",
        "match",
        "mod",
        "move",
        "mut",
        "namespace",
        "new",
        "null",
        "or",
        "and",
        "override",
        "pub",
        "ref",
        "resume",
        "return",
        "self",
        "static",
        "struct",
        "suspend",
        "super",
        "switch",
        "test",
        "this",
        "throw",
        "trait",
        "true",
        "try",
        "type",
        "var",
        "while",
        "with",
    ];
    const MORE: [&str; 20] = [
        "abstract",
        "become",
        "do",
        "noalias",
        "noinline",
        "nosuspend",
        "opaque",
        "orelse",
        "packed",
        "priv",
        "threadlocal",
        "typeof",
        "undefined",
        "union",
        "unreachable",
        "unsafe",
        "use",
        "volatile",
        "where",
        "yield",
    ];
    if TAKEN.contains(&word) || MORE.contains(&word) { format!("{word}_") } else { word.to_string() }
}

/// The type of a scalar in a language that has the guest ABI's names, with its address and its length of
/// bytes.
const fn type_name(ty: Ty, address: &'static str, length: &'static str) -> &'static str {
    match ty {
        Ty::BytesPtr | Ty::StrPtr => address,
        Ty::Len => length,
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_says_its_language() {
        let all = BINDINGS.map(|ending| Bindings::of_file(Path::new(&format!("src/names.{ending}"))));
        assert_eq!(all, Bindings::ALL.map(Some));
        assert_eq!(Bindings::of_file(Path::new("names.py")), None);
    }

    #[test]
    fn names_become_identifiers() {
        assert_eq!((word("Night light"), word("74HC595")), ("night_light".into(), "n74hc595".into()));
        assert_eq!(camel("night_light_2"), "NightLight2");
        assert_eq!((free("switch"), free("lamp")), ("switch_".into(), "lamp".into()));
    }
}
