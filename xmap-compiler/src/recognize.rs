//! What a file is, by its beginning and its name: for the error of a verb that was given another kind
//! of file than it takes.

use std::path::Path;

use wasmparser::{Parser, Payload};
use xmap_image::MAGIC;

use crate::diagnostic::{Code, Diagnostic, Place};

/// The first bytes of a signed policy and of a table of role keys: those of `xmap-trust` and `xmap-link`.
pub const POLICY_MAGIC: [u8; 4] = *b"XPOL";
/// See [`POLICY_MAGIC`].
pub const KEYS_MAGIC: [u8; 4] = *b"XKEY";
/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 64 << 10;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing is in it.
    Empty,
    /// An image or a bundle (`XMAP`).
    Image,
    /// A module in binary form.
    Module,
    /// A module's text.
    ModuleText,
    /// An object file of WebAssembly, which is for a linker.
    Object,
    /// A component, binary or text.
    Component,
    /// A manifest: it has a table `[module]`.
    Manifest,
    /// The text of a policy.
    Policy,
    /// A policy that `xmap policy sign` wrote.
    SignedPolicy,
    /// A key that signs.
    SecretKey,
    /// A key that a device asks its callers for.
    RoleKey,
    /// A device's table of role keys.
    RoleKeys,
    /// The map of an image.
    Map,
    /// A simulator's script.
    Script,
    /// Source of this language.
    Source(&'static str),
    /// Machine code of a processor.
    Elf,
    /// Something else that can be named, and what to do about it where that is known.
    Other(&'static str, Option<&'static str>),
    /// Text of another kind.
    Text,
    /// None of these.
    Unknown,
}

/// First bytes of formats that are none of ours.
const FOREIGN: &[(&[u8], FileKind)] = &[
    (b"\x7fELF", FileKind::Elf),
    (
        b"BC\xc0\xde",
        FileKind::Other("LLVM bitcode", Some("link it: wasm-ld makes a module of what `-flto -c` wrote")),
    ),
    (
        b"!<arch>\n",
        FileKind::Other(
            "a static library",
            Some("link it into a module: `wasm-ld --no-entry ... -o panel.wasm`"),
        ),
    ),
    (b"\x1f\x8b", FileKind::Other("compressed (gzip)", Some("`gunzip` it first"))),
    (b"\x28\xb5\x2f\xfd", FileKind::Other("compressed (zstd)", Some("`zstd -d` it first"))),
    (b"\xfd7zXZ", FileKind::Other("compressed (xz)", Some("`xz -d` it first"))),
    (b"BZh", FileKind::Other("compressed (bzip2)", Some("`bzip2 -d` it first"))),
    (b"PK\x03\x04", FileKind::Other("a ZIP archive", Some("unpack it first"))),
    (b"MZ", FileKind::Other("a program for Windows", None)),
    (b"\x89PNG", FileKind::Other("a picture", None)),
    (b"%PDF", FileKind::Other("a PDF document", None)),
];

/// Text as old editors of Windows save it.
pub const UTF_16: FileKind = FileKind::Other("UTF-16 text", Some("save it as UTF-8"));
const HTML: FileKind = FileKind::Other(
    "an HTML page",
    Some("a download may have got a page in the place of the file: look at its address"),
);

/// Languages by the ending of a file's name.
const LANGUAGES: &[(&[&str], &str)] = &[
    (&["c", "h"], "C"),
    (&["cc", "cpp", "cxx", "hpp"], "C++"),
    (&["rs"], "Rust"),
    (&["zig"], "Zig"),
    (&["ts"], "AssemblyScript or TypeScript"),
    (&["js", "mjs", "cjs"], "JavaScript"),
    (&["go"], "Go"),
    (&["py"], "Python"),
    (&["swift"], "Swift"),
    (&["kt"], "Kotlin"),
    (&["mbt"], "MoonBit"),
    (&["s", "asm"], "assembler"),
];

impl FileKind {
    /// The kind of a file. The bytes decide, and the name's ending where they are text of no kind.
    pub fn of(path: &Path, bytes: &[u8]) -> Self {
        let magics = [(MAGIC, Self::Image), (*b"\0asm", Self::Module), (POLICY_MAGIC, Self::SignedPolicy)];
        let ours = magics.into_iter().chain([(KEYS_MAGIC, Self::RoleKeys)]);
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some((_, kind)) = ours.into_iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return match kind {
                Self::Module if Parser::is_component(bytes) => Self::Component,
                Self::Module if is_object(bytes) => Self::Object,
                kind => kind,
            };
        }
        if let Some((_, kind)) = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *kind;
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return UTF_16;
        }
        let head = &bytes[..bytes.len().min(LOOKED_AT)];
        let text = match std::str::from_utf8(head) {
            Ok(text) => text,
            // The cut may be inside a character.
            Err(error) if error.error_len().is_none() && head.len() < bytes.len() => {
                std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Self::Unknown,
        };
        if text.contains('\0') {
            return Self::Unknown;
        }
        Self::of_text(path, text.trim_start_matches('\u{feff}').trim_start())
    }

    fn of_text(path: &Path, text: &str) -> Self {
        let starts = |head: &str| text.get(..head.len()).is_some_and(|s| s.eq_ignore_ascii_case(head));
        if starts("xmap secret key ") {
            return Self::SecretKey;
        }
        if starts("xmap role key ") {
            return Self::RoleKey;
        }
        if starts("<!doctype html") || starts("<html") || starts("<head") {
            return HTML;
        }
        if starts("(component") {
            return Self::Component;
        }
        // No TOML starts like this, and every module's text does: `(module` or a comment.
        if starts("(") || starts(";") {
            return Self::ModuleText;
        }
        if starts("{") {
            let map = text.contains("\"image\"") && text.contains("\"functions\"");
            return if map { Self::Map } else { Self::Other("JSON", None) };
        }
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        if let Some(kind) = toml(text) {
            return kind;
        }
        if let Some((_, language)) = LANGUAGES.iter().find(|(endings, _)| endings.contains(&&*ending)) {
            return Self::Source(language);
        }
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let commands = ["call", "level", "advance"];
        let word = |line: &str| line.split_whitespace().next().unwrap_or_default().to_string();
        if lines().next().is_some_and(|line| commands.contains(&&*word(line))) {
            return Self::Script;
        }
        Self::Text
    }

    /// Returns what it is, as a noun phrase.
    pub fn is(self) -> String {
        match self {
            Self::Empty => "an empty file".to_string(),
            Self::Image => "an image".to_string(),
            Self::Module | Self::ModuleText => "a WebAssembly module".to_string(),
            Self::Object => "an object file of WebAssembly".to_string(),
            Self::Component => "a component, not a core module".to_string(),
            Self::Manifest => "a manifest".to_string(),
            Self::Policy => "the text of a policy".to_string(),
            Self::SignedPolicy => "a signed policy".to_string(),
            Self::SecretKey => "a key that signs images and policies".to_string(),
            Self::RoleKey => "a role key".to_string(),
            Self::RoleKeys => "a table of role keys".to_string(),
            Self::Map => "the map of an image".to_string(),
            Self::Script => "a script of the simulator".to_string(),
            Self::Source(language) => format!("{language} source"),
            Self::Elf => "machine code (ELF)".to_string(),
            Self::Other(what, _) => what.to_string(),
            Self::Text => "text".to_string(),
            Self::Unknown => "none of xmap's files".to_string(),
        }
    }

    /// Returns which verb takes it, or what has to be done first.
    pub fn help(self, path: &Path) -> Option<String> {
        let path = path.display();
        Some(match self {
            Self::Image => format!("`xmap verify {path}` checks an image; `sim`, `dis`, `size` and `swap` take it, too"),
            Self::Module | Self::ModuleText | Self::Manifest => {
                format!("`xmap build {path}` compiles it; `sim`, `dis`, `size` and `swap` take it as it is")
            }
            Self::Object => LINK_IT.to_string(),
            Self::Component => CORE_MODULE.to_string(),
            Self::Policy => format!("`xmap policy sign {path} --key ROOT -o FILE` signs it"),
            Self::SignedPolicy => format!("`xmap policy send {path} --port PORT` sends it to a device"),
            Self::SecretKey => "`xmap sign` and `xmap policy sign` take it as --key".to_string(),
            Self::RoleKey => {
                format!("a caller shows it with --key; `xmap keys TABLE --add {path}` puts it into a device's table")
            }
            Self::RoleKeys => format!("`xmap keys {path}` shows and changes it"),
            Self::Map => "it is taken by itself where it stands beside its image; `call`, `events` and `status` take it as --map"
                .to_string(),
            Self::Script => format!("`xmap sim PANEL --script {path}` runs it"),
            Self::Source(_) => {
                "compile it first, with the language's own compiler (docs/guest.md), and give the module that it writes"
                    .to_string()
            }
            Self::Elf => "compile for WebAssembly: `--target=wasm32` (clang); docs/guest.md has each language".to_string(),
            Self::Other(_, help) => help?.to_string(),
            Self::Empty | Self::Text | Self::Unknown => return None,
        })
    }
}

/// How an object file becomes a module.
pub(crate) const LINK_IT: &str =
    "link it: `wasm-ld --no-entry -o panel.wasm panel.o` (docs/guest.md has all flags)";

/// How to do without a component.
pub(crate) const CORE_MODULE: &str = "build a core module: for wasm32-unknown-unknown (rustc) and not wasm32-wasip2, without \
                                      `wasm-tools component new`, `cargo component` or `jco componentize`";

/// Returns whether a module has what a linker takes away: its custom sections stand behind the code, so all
/// are looked at.
fn is_object(bytes: &[u8]) -> bool {
    let names = Parser::new(0).parse_all(bytes).map_while(Result::ok).filter_map(|payload| match payload {
        Payload::CustomSection(section) => Some(section.name().to_string()),
        _ => None,
    });
    names.into_iter().any(|name| name == "linking" || name.starts_with("reloc."))
}

/// The kind of a TOML file by the tables that it has.
fn toml(text: &str) -> Option<FileKind> {
    let mut kind = None;
    for line in text.lines().map(str::trim) {
        let header = line.split('#').next().unwrap_or_default().trim_end();
        let key = line.split('=').next().unwrap_or_default().trim_end();
        let in_line = line.contains('=') && kind.is_none();
        let found = match header {
            "[module]" => Some(FileKind::Manifest),
            "[[key]]" | "[[pin]]" | "[revoked]" | "[minimum_version]" => Some(FileKind::Policy),
            "[package]" | "[workspace]" => Some(FileKind::Other(
                "a Cargo manifest",
                Some(
                    "`cargo build` makes the module; panel.toml, the panel's manifest, names it (docs/guest.md)",
                ),
            )),
            "[link]" | "[trust]" => {
                Some(FileKind::Other("the configuration of xmapd", Some("`xmapd --config FILE` reads it")))
            }
            _ if in_line && (key == "module" || key.starts_with("module.")) => Some(FileKind::Manifest),
            _ => None,
        };
        // A manifest is one whatever else stands in it.
        match found {
            Some(FileKind::Manifest) => return found,
            found => kind = kind.or(found),
        }
    }
    kind
}

/// The error of a file that is not what a verb takes: `wanted` is what it takes, with its article.
pub fn not_this(code: Code, path: &Path, bytes: &[u8], wanted: &str) -> Diagnostic {
    let kind = FileKind::of(path, bytes);
    let what = match kind {
        // Right at its beginning, and wrong further on.
        FileKind::Unknown => String::new(),
        kind => format!(": {}", kind.is()),
    };
    let message = format!("{}: not {wanted}{what}", path.display());
    let help = kind.help(path).or_else(|| {
        let any = matches!(code, Code::UnknownInput | Code::NotAModule);
        any.then(|| {
            "give a panel's manifest (panel.toml), a module (.wasm, .wat) or an image (.xmap)".to_string()
        })
    });
    Diagnostic::new(code, Place::file(path), message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_beginning() {
        let of = |path: &str, bytes: &[u8]| FileKind::of(Path::new(path), bytes).is();
        for (path, bytes, what) in [
            ("a.toml", &b"XMAP...."[..], "an image"),
            ("a.xmap", b"\0asm\x01\0\0\0", "a WebAssembly module"),
            ("a.toml", b"\xef\xbb\xbf\n ;; a comment\n(module)", "a WebAssembly module"),
            ("a.wat", b"", "an empty file"),
            ("a", b"# A panel\r\n[module] # of the hall\r\nname = \"a\"\r\n", "a manifest"),
            ("a", b"module = { name = \"a\" }\n", "a manifest"),
            ("a", b"module.name = \"a\"\n", "a manifest"),
            ("a.wasm", b"\0asm\x0d\0\x01\0", "a component, not a core module"),
            ("a.wat", b" (component)", "a component, not a core module"),
            ("a.o", b"\0asm\x01\0\0\0\0\x0a\x07linking\x02\0", "an object file of WebAssembly"),
            ("panel.toml", b"[package]\nname = \"a\"\n", "a Cargo manifest"),
            ("policy.toml", b"version = 1\n\n[[key]]\nkey = \"\"\n", "the text of a policy"),
            ("a.policy", b"XPOL\x01", "a signed policy"),
            ("a.keys", b"XKEY\x01", "a table of role keys"),
            ("a.key", b"xmap secret key 1\n00\n", "a key that signs images and policies"),
            ("a.key", b"xmap role key 1\nrole: call\n", "a role key"),
            ("day.txt", b"# A day\n\ncall lamp_on\n", "a script of the simulator"),
            ("stairwell.c", b"#include \"xmap.h\"\nint a[3];\n", "C source"),
            ("lib.rs", b"#![no_std]\n", "Rust source"),
            ("panel.wasm", b"<!DOCTYPE html>\n<html>", "an HTML page"),
            ("panel.wasm", b"\x7fELF\x02", "machine code (ELF)"),
            ("panel.wasm", b"\x1f\x8b\x08", "compressed (gzip)"),
            ("panel.toml", b"\xff\xfe[\0m\0", "UTF-16 text"),
            ("README.md", b"# xmap\n\nSome words.\n", "text"),
            ("a", b"\xff", "none of xmap's files"),
            ("a.map", b"{\n \"format\": 1,\n \"image\": \"00\",\n \"functions\": []}", "the map of an image"),
        ] {
            assert_eq!(of(path, bytes), what, "{path}");
        }
    }

    #[test]
    fn a_cut_inside_a_character_is_text_all_the_same() {
        let mut text = vec![b'x'; LOOKED_AT - 1];
        text.extend("ü and on".bytes());
        assert_eq!(FileKind::of(Path::new("a"), &text), FileKind::Text);
        text.push(0xff);
        assert_eq!(FileKind::of(Path::new("a"), &text[..LOOKED_AT]), FileKind::Unknown);
    }
}
