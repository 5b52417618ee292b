//! Panels as files: compiled where they have to be, with what the gateway tells people of them.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use xmap_boards::RPI4B;
use xmap_compiler::compile::compile_with;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_image::{OwnedImage, VerifyError, Word, bundle};
use xmap_trust::{SEAL_WORDS, Seal, sealed};

/// Bytes of a map that are read.
const MAX_MAP_BYTES: u64 = 64 << 20;

/// An image and its map.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The image.
    pub image: OwnedImage,
    /// Its map, where there is one: source lines of traps.
    pub map: Option<SourceMap>,
}

/// Reads an image or a bundle of them, or compiles a manifest or a module; at least one.
///
/// Warnings go to the standard error.
///
/// # Errors
/// Everything that is wrong with the input.
pub fn load(path: &Path) -> Result<Vec<Panel>, Diagnostics> {
    let (manifest, module) = match input::read(path)? {
        Content::Module(module) => (Manifest::bare(&RPI4B, path), module),
        Content::Manifest(text) => {
            let manifest = Manifest::parse(&path.display().to_string(), &text)?;
            let named_here = |error: Diagnostic| {
                error.note(manifest.place(&manifest.module.wasm.span), "the manifest names it here")
            };
            let module = input::read_module(&manifest.wasm_path()).map_err(named_here)?;
            (manifest, module)
        }
        Content::Image(bytes) => return images(path, &bytes).map_err(Diagnostics::from),
    };
    let map = input::source_map(&manifest.wasm_path(), &module);
    let compiled = compile_with(&manifest, &module, map)
        .map_err(|errors| input::in_text(&manifest.wasm_path(), &module, errors))?;
    if !compiled.warnings.is_empty() {
        _ = writeln!(std::io::stderr(), "{}", Diagnostics(compiled.warnings.clone()).render(false));
    }
    let image = OwnedImage::new(compiled.words).map_err(|error| invalid(path, &error))?;
    Ok(vec![Panel { image, map: Some(compiled.map) }])
}

/// Compiles the panel of `xmap demo`, which is part of the program.
///
/// # Errors
/// None, unless the panel and the compiler have grown apart.
pub fn demo() -> Result<Vec<Panel>, Diagnostics> {
    const MANIFEST: &str = include_str!("../../../tests/panels/demo/panel.toml");
    const MODULE: &[u8] = include_bytes!("../../../tests/panels/demo/stairwell.wasm");
    let compiled = compile_with(&Manifest::parse("demo/panel.toml", MANIFEST)?, MODULE, None)?;
    let image = OwnedImage::new(compiled.words).map_err(|error| invalid(Path::new("demo"), &error))?;
    Ok(vec![Panel { image, map: Some(compiled.map) }])
}

fn images(path: &Path, bytes: &[u8]) -> Result<Vec<Panel>, Diagnostic> {
    let words = words(bytes).map_err(|error| invalid(path, &error))?;
    let words = sealed(&words).map_or(&words[..], |(image, _)| image);
    let pieces: Vec<_> = bundle(words).collect();
    let count = pieces.len();
    let one = |(n, piece): (usize, Result<&[Word], VerifyError>)| {
        let image = piece.and_then(|words| OwnedImage::new(words.to_vec()));
        let image = image.map_err(|error| invalid(path, &error))?;
        let mut map: OsString = path.as_os_str().to_owned();
        map.push(if count == 1 { ".map".to_string() } else { format!(".{}.map", n + 1) });
        let text = input::read_text(Path::new(&map), MAX_MAP_BYTES).ok();
        let map = text.and_then(|text| SourceMap::read(&text, &image.image()));
        Ok(Panel { image, map })
    };
    pieces.into_iter().enumerate().map(one).collect()
}

/// Reads an image that came over the network, and the seal behind it.
///
/// # Errors
/// Why it is none.
pub fn received(bytes: &[u8]) -> Result<(OwnedImage, Option<Seal>), String> {
    let words = words(bytes).map_err(|error| error.to_string())?;
    let (image, seal) = match sealed(&words) {
        Some((image, seal)) => {
            let seal = seal.get(..SEAL_WORDS).map(Seal::parse).transpose();
            (image, seal.map_err(|error| format!("the seal behind it: {error}"))?)
        }
        None => (&words[..], None),
    };
    let image = OwnedImage::new(image.to_vec()).map_err(|error| error.to_string())?;
    Ok((image, seal))
}

fn words(bytes: &[u8]) -> Result<Vec<Word>, VerifyError> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(VerifyError::Alignment);
    }
    Ok(chunks.iter().map(|word| Word::from_le_bytes(*word)).collect())
}

fn invalid(path: &Path, error: &VerifyError) -> Diagnostic {
    let message = format!("{}: {error}", path.display());
    Diagnostic::new(Code::ImageInvalid, Place::file(path), message)
        .help("copy the image again, or compile the panel again".to_string())
}
