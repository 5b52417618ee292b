//! What a verb works on: an image, however the path on the command line leads to one.

use std::path::{Path, PathBuf};

use xmap_boards::RPI4B;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::report::Report;
use xmap_image::{MAGIC, OwnedImage, VerifyError};

/// Bytes of a map that are read: it has some ten times those of the largest image.
const MAX_MAP_BYTES: u64 = 256 << 20;

/// An image and what is known of it.
pub(super) struct Loaded {
    /// The path on the command line.
    pub path: PathBuf,
    /// The image.
    pub image: OwnedImage,
    /// Its map, where there is one.
    pub map: Option<SourceMap>,
    /// A map stands beside the image and is that of another one.
    pub stale_map: bool,
    /// The size report; that of an image that was compiled here has a budget.
    pub report: Report,
}

/// What `xmap build` makes, and of what.
pub(super) struct Built {
    /// What the compiler gave.
    pub compiled: Compiled,
    /// Whether there was no manifest.
    pub bare: bool,
    /// The files that it was made of: none of them may be written over.
    pub sources: Vec<PathBuf>,
}

/// Reads an image, or compiles a manifest or a module to one.
///
/// # Errors
/// Everything that is wrong with the input.
pub(super) fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    if let Content::Image(bytes) = input::read(path)? {
        return image(path, &bytes).map_err(Diagnostics::from);
    }
    let Compiled { words, map, report } = build(path, None)?.compiled;
    let image = OwnedImage::new(words).map_err(|error| invalid(path, &error))?;
    Ok(Loaded { path: path.into(), image, map: Some(map), stale_map: false, report })
}

/// Compiles a manifest or a module; `max_bytes` stands above the manifest's own.
///
/// # Errors
/// Everything that is wrong with the input; an image is none.
pub(super) fn build(path: &Path, max_bytes: Option<u32>) -> Result<Built, Diagnostics> {
    let (mut manifest, module, sources) = match input::read(path)? {
        Content::Module(module) => (Manifest::bare(&RPI4B, path), module, vec![path.to_path_buf()]),
        Content::Manifest(text) => {
            let manifest = Manifest::parse(&path.display().to_string(), &text)?;
            let wasm = manifest.wasm_path();
            let named_here = |error: Diagnostic| {
                error.note(manifest.place(&manifest.module.wasm.span), "the manifest names it here")
            };
            let module = input::read_module(&wasm).map_err(named_here)?;
            (manifest, module, vec![path.to_path_buf(), wasm])
        }
        Content::Image(_) => {
            let message = format!("{}: already an image", path.display());
            let help = "give the manifest or the module; `xmap verify` checks an image".to_string();
            return Err(Diagnostic::new(Code::NotAModule, Place::file(path), message).help(help).into());
        }
    };
    if let Some(max_bytes) = max_bytes {
        manifest.limits.max_bytes.value = max_bytes;
    }
    let compiled = compile(&manifest, &module)?;
    Ok(Built { compiled, bare: manifest.is_bare(), sources })
}

/// Verifies the bytes of an image.
///
/// # Errors
/// X0105, X0701 or X0702.
pub(super) fn image(path: &Path, bytes: &[u8]) -> Result<Loaded, Diagnostic> {
    if !bytes.starts_with(&MAGIC) {
        return Err(invalid(path, &VerifyError::Magic));
    }
    let image = OwnedImage::from_bytes(bytes).map_err(|error| invalid(path, &error))?;
    let text = input::read_text(&map_path(path), MAX_MAP_BYTES);
    let map = text.as_ref().ok().and_then(|text| SourceMap::read(text, &image.image()));
    let stale_map = text.is_ok() && map.is_none();
    let report = Report::of(&image.image(), map.as_ref());
    Ok(Loaded { path: path.into(), image, map, stale_map, report })
}

/// Where the map of an image stands: `panel.xmap.map`.
pub(super) fn map_path(image: &Path) -> PathBuf {
    let mut path = image.as_os_str().to_owned();
    path.push(".map");
    path.into()
}

fn invalid(path: &Path, error: &VerifyError) -> Diagnostic {
    let again = "copy the image again, or compile the panel again";
    let (code, what, help) = match error {
        VerifyError::Magic => (Code::NotAnImage, "not an .xmap image".to_string(), None),
        VerifyError::Format(_) => {
            (Code::ImageFormat, error.to_string(), Some("compile the panel again with this xmap"))
        }
        VerifyError::Board(_) => {
            (Code::ImageInvalid, error.to_string(), Some("this xmap knows no such board"))
        }
        _ => (Code::ImageInvalid, error.to_string(), Some(again)),
    };
    let message = format!("{}: {what}", path.display());
    Diagnostic::new(code, Place::file(path), message).help(help.map(str::to_string))
}
