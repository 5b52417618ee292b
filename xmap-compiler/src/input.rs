//! What a path holds: an image, a module or a manifest, told apart by content, and a module made
//! from its text.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use xmap_image::limits::{MAX_IMAGE_BYTES, MAX_MODULES};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::recognize::{FileKind, UTF_16, not_this};
use crate::text::{self, TextPlaces};
use crate::wasm::{MAX_SOURCE_MAP_BYTES, SourceMapText, source_map_url};

/// Bytes of a module, binary or text, that are read: a debug build of a panel has one or two million.
pub const MAX_MODULE_BYTES: u64 = 64 << 20;
/// Bytes that may stand behind each image of a file: its seal has fewer.
pub const MAX_SEAL_BYTES: usize = 256;
/// Bytes of images, of one or of a bundle, that are read, with their seals.
pub const MAX_IMAGES_BYTES: u64 = ((MAX_IMAGE_BYTES + MAX_SEAL_BYTES) * MAX_MODULES) as u64;
/// Bytes of a simulator's script that are read: some hundred thousand steps.
pub const MAX_SCRIPT_BYTES: u64 = 16 << 20;

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes that start as an image does, or as a bundle of them.
    Image(Vec<u8>),
    /// A module in binary form, also where the file has its text.
    Module(Vec<u8>),
    /// Text that is not a module's: a manifest, if it is anything.
    Manifest(String),
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// X0101 to X0103 as the operating system has it, X0107 where there are more bytes.
pub fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, Diagnostic> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Opening a pipe waits for somebody to write to it, reading a device may never end.
        let kind = std::fs::metadata(path)?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a pipe or a device, not a file"));
        }
        // Opening a directory succeeds on Unix; reading it says what it is.
        File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| Diagnostic::reading(path, &e))?;
    if bytes.len() as u64 > limit {
        let kind = FileKind::of(path, &bytes);
        let what = match kind {
            FileKind::Text | FileKind::Unknown => String::new(),
            kind => format!(": {}", kind.is()),
        };
        let message = format!("{}: more than {limit} bytes{what}", path.display());
        return Err(Diagnostic::new(Code::FileTooLarge, Place::file(path), message).help(kind.help(path)));
    }
    Ok(bytes)
}

/// Reads a file of text.
///
/// # Errors
/// As [`read_at_most`], and X0108 where it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Diagnostic> {
    text(path, read_at_most(path, limit)?)
}

/// Bytes as text, without the byte order mark that editors of Windows put in front; `path` is for the
/// message.
///
/// # Errors
/// X0108 where they are not UTF-8.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        let message = format!("{}: not UTF-8 text: a bad byte at offset {offset}", path.display());
        let help = FileKind::of(path, e.as_bytes()).help(path);
        Diagnostic::new(Code::NotUtf8, Place::file(path), message).help(help)
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Reads what a path holds. Content decides; a name's ending is asked only where the content says nothing.
///
/// # Errors
/// As [`read_at_most`]; X0104, X0105 or X0110 where it is none of the three, X0109 where the text of a
/// module does not parse.
pub fn read(path: &Path) -> Result<Content, Diagnostic> {
    content(path, read_at_most(path, MAX_MODULE_BYTES)?)
}

/// Returns what the bytes of a file are; of the path, only its ending and its name for messages count. Never
/// panics, whatever the bytes are.
///
/// # Errors
/// As [`read`], but for those of the operating system.
pub fn content(path: &Path, bytes: Vec<u8>) -> Result<Content, Diagnostic> {
    let within = |limit: u64| {
        let message = || format!("{}: {} bytes, at most {limit} are read", path.display(), bytes.len());
        let error = || Diagnostic::new(Code::FileTooLarge, Place::file(path), message());
        if bytes.len() as u64 <= limit { Ok(()) } else { Err(error()) }
    };
    match kind(path, &bytes) {
        Kind::Image => within(MAX_IMAGES_BYTES).map(|()| Content::Image(bytes)),
        Kind::Binary => Ok(Content::Module(bytes)),
        Kind::Text => module_of_text(path, text(path, bytes)?).map(Content::Module),
        Kind::Manifest => {
            within(MAX_MANIFEST_BYTES)?;
            text(path, bytes).map(Content::Manifest)
        }
        Kind::None(code) => {
            let wanted = match code {
                Code::NotAModule => "a WebAssembly module",
                Code::NotAnImage => "an .xmap image",
                _ => "an image, a module or a manifest",
            };
            Err(not_this(code, path, &bytes, wanted))
        }
    }
}

/// Puts places in the module's text where errors of a module have offsets of its binary form, if the
/// module was made of text.
pub fn in_text(path: &Path, module: &[u8], errors: Diagnostics) -> Diagnostics {
    match text_places(path, module) {
        Some(places) => places.translate(errors),
        None => errors,
    }
}

/// Returns where the parts of a module stand in the text at a path; none where that is no text, or another
/// module's.
fn text_places(path: &Path, module: &[u8]) -> Option<TextPlaces> {
    let bytes = read_at_most(path, MAX_MODULE_BYTES).ok()?;
    let text = matches!(kind(path, &bytes), Kind::Text).then(|| text(path, bytes).ok()).flatten()?;
    TextPlaces::of(path, text, module)
}

/// Reads a module, binary or text.
///
/// # Errors
/// As [`read`], and X0104 where the path holds something else.
pub fn read_module(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let bytes = read_at_most(path, MAX_MODULE_BYTES)?;
    match kind(path, &bytes) {
        Kind::Binary | Kind::Text => match content(path, bytes)? {
            Content::Module(module) => Ok(module),
            Content::Image(_) | Content::Manifest(_) => unreachable!("a module's kind gives a module"),
        },
        _ => Err(not_this(Code::NotAModule, path, &bytes, "a WebAssembly module")),
    }
}

/// Reads the source map that a module names, if it stands beside the module; that of a module made of its
/// text has the lines of the text. A module without one, or with one that cannot be read, has no lines: no
/// error, as for one without debug information.
pub fn source_map(wasm: &Path, module: &[u8]) -> Option<SourceMapText> {
    if let Some(places) = text_places(wasm, module) {
        // The name alone, so that a map does not depend on the folder that a build runs in.
        return Some(places.source_map(&wasm.file_name()?.to_string_lossy()));
    }
    let url = Path::new(source_map_url(module)?);
    // A file name alone: a module that somebody else built reads no file of another folder.
    let name = url.file_name()?;
    if url.is_absolute() || url.components().filter(|part| *part != Component::CurDir).count() != 1 {
        return None;
    }
    SourceMapText::parse(&read_text(&wasm.with_file_name(name), MAX_SOURCE_MAP_BYTES).ok()?)
}

enum Kind {
    Image,
    Binary,
    Text,
    Manifest,
    /// None of them, and what to call that.
    None(Code),
}

fn kind(path: &Path, bytes: &[u8]) -> Kind {
    let ending = path.extension().and_then(|e| e.to_str());
    match (FileKind::of(path, bytes), ending) {
        (FileKind::Image, _) => Kind::Image,
        // What is wrong with a binary has its place in it, so the compiler says it.
        (FileKind::Module | FileKind::Object, _) => Kind::Binary,
        (FileKind::Component, _) if bytes.starts_with(b"\0asm") => Kind::Binary,
        (FileKind::Component, _) => Kind::None(Code::NotAModule),
        (FileKind::ModuleText, _) => Kind::Text,
        (FileKind::Manifest, _) => Kind::Manifest,
        // The content says nothing, so the name does; what is wrong with the text has a place in it.
        (FileKind::Empty | FileKind::Text | FileKind::Script | FileKind::Unknown | UTF_16, Some("toml")) => {
            Kind::Manifest
        }
        (FileKind::Empty | FileKind::Text | FileKind::Unknown | UTF_16, Some("wat" | "wast")) => Kind::Text,
        (_, Some("wasm")) => Kind::None(Code::NotAModule),
        (_, Some("xmap")) => Kind::None(Code::NotAnImage),
        _ => Kind::None(Code::UnknownInput),
    }
}

/// The binary of a module's text.
fn module_of_text(path: &Path, text: String) -> Result<Vec<u8>, Diagnostic> {
    let source = Source::new(path.display().to_string(), text);
    let encoded = text::encode(&source.text, |_, _| ());
    encoded.map(|(module, ())| module).map_err(|error| {
        let start = error.span().offset();
        let place = Place::text(&source, start..start + text::token(&source.text, start));
        Diagnostic::new(Code::WatSyntax, place, error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let kind = |path: &str, bytes: &[u8]| match kind(Path::new(path), bytes) {
            Kind::Image => "image".to_string(),
            Kind::Binary => "binary".to_string(),
            Kind::Text => "text".to_string(),
            Kind::Manifest => "manifest".to_string(),
            Kind::None(code) => code.to_string(),
        };
        let all: [(&str, &[u8], &str); 12] = [
            ("a.toml", b"XMAP....", "image"),
            ("a.xmap", b"\0asm\x01\0\0\0", "binary"),
            ("a.toml", b"\xef\xbb\xbf\n ;; a comment\n(module)", "text"),
            ("a.wat", b"", "text"),
            ("a", b"[module]", "manifest"),
            ("a.wasm", b"[modul]", "X0104"),
            ("a.toml", b"[modul]", "manifest"),
            ("policy.toml", b"[[key]]", "X0110"),
            ("panel.c", b"int a;", "X0110"),
            ("a.xmap", b"", "X0105"),
            ("a", b"\xff\xfe", "X0110"),
            ("a", b"\0elf", "X0110"),
        ];
        for (path, bytes, expected) in all {
            assert_eq!(kind(path, bytes), expected, "{path}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn text_becomes_a_module() {
        let text = "(module (func (export \"f\") unreachable))";
        let module = module_of_text(Path::new("f.wat"), text.to_string()).unwrap();
        assert_eq!(crate::wasm::WasmModule::read("f.wat", &module).unwrap().exports[0].name, "f");
    }

    #[test]
    fn a_mistake_in_text_has_its_place() {
        let error = module_of_text(Path::new("f.wat"), "(module\n  (fnc))".to_string()).unwrap_err();
        assert_eq!(error.code, Code::WatSyntax);
        assert_eq!(error.place.to_string(), "f.wat:2:4");
    }
}
