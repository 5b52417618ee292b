//! From a manifest or a module to an image.

use std::path::{Path, PathBuf};

use xmap_boards::RPI4B;
use xmap_compiler::compile::{Compiled, compile_with};
use xmap_compiler::contract::{Change, ContractExport, Stated, in_use, removed, replaced};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_image::{OwnedImage, VerifyError};
use xmap_trust::pieces;

use crate::recipe;

/// Something to tell a person on the way.
#[derive(Clone, Copy, Debug)]
pub enum Note<'n> {
    /// A build command begins.
    Runs(&'n str),
    /// What it printed.
    Said(&'n str),
    /// What the compiler warns of.
    Warnings(&'n Diagnostics),
}

/// An image, and what it was made of.
#[derive(Debug)]
pub struct Built {
    /// What the compiler gave.
    pub compiled: Compiled,
    /// Of what; a bare one where there was none.
    pub manifest: Manifest,
    /// The files that it was made of: none of them may be written over.
    pub sources: Vec<PathBuf>,
}

/// Bytes of a contract's file that are read.
const MAX_CONTRACT_BYTES: u64 = 16 << 20;

impl Built {
    /// Holds the panel against the contract that its manifest names: each export of it has to be there with
    /// the same hash. What is new is nobody's yet.
    ///
    /// # Errors
    /// X1604, with the sentence of a swap; X1602 for the contract of another panel; X1603 and what is wrong
    /// with the file.
    pub fn keeps_contract(&self) -> Result<(), Diagnostics> {
        let (Some(file), Some(named)) = (self.manifest.contract_path(), &self.manifest.module.contract)
        else {
            return Ok(());
        };
        let again = || format!("`xmap contract {} -o {}`", self.manifest.path().display(), file.display());
        let text = input::read_text(&file, MAX_CONTRACT_BYTES).map_err(|mut error| {
            error.help = Some(format!("{} writes it", again()));
            error.note(self.manifest.place(&named.span), "the manifest names it here")
        })?;
        let stated = Stated::parse(&file, &text)?;
        let own = &self.compiled.contract;
        let place = self.manifest.place(&named.span);
        if stated.panel != own.panel {
            let message = format!(
                "{}: the contract is of the panel `{}`, and this is `{}`",
                file.display(),
                stated.panel,
                own.panel
            );
            return Err(Diagnostic::new(Code::ContractDiffers, place, message).into());
        }
        let changes = |old: &ContractExport| -> Vec<Change> {
            match own.export(&old.key) {
                Some(new) if new.hash() == old.hash() => Vec::new(),
                Some(new) => replaced(old, new, true),
                None => vec![removed(&old.key)],
            }
        };
        let changes: Vec<Change> = stated.exports.iter().flat_map(changes).collect();
        let Some(message) = in_use(&file.display().to_string(), changes) else { return Ok(()) };
        let help =
            format!("keep the export, or, where every client is made anew, write the contract: {}", again());
        Err(Diagnostic::new(Code::BreaksClients, place, message).help(help).into())
    }
}

/// Compiles a manifest or a module; `max_bytes` stands above the manifest's own. Where the manifest says how
/// the module is built, and a source is newer than it, the module is built first.
///
/// # Errors
/// Everything that is wrong with the input; an image is none.
pub fn build(
    path: &Path,
    max_bytes: Option<u32>,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<Built, Diagnostics> {
    let (mut manifest, module, sources) = match input::read(path)? {
        Content::Module(module) => (Manifest::bare(&RPI4B, path), module, vec![path.to_path_buf()]),
        Content::Manifest(text) => {
            let manifest = Manifest::parse(&path.display().to_string(), &text)?;
            recipe::refresh(&manifest, note)?;
            let wasm = manifest.wasm_path();
            let named_here = |error: Diagnostic| {
                error.note(manifest.place(&manifest.module.wasm.span), "the manifest names it here")
            };
            let module = input::read_module(&wasm).map_err(named_here)?;
            let contract = manifest.contract_path();
            (manifest, module, [path.to_path_buf(), wasm].into_iter().chain(contract).collect())
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
    let map = input::source_map(&manifest.wasm_path(), &module);
    let compiled = compile_with(&manifest, &module, map)
        .map_err(|errors| input::in_text(&manifest.wasm_path(), &module, errors))?;
    if !compiled.warnings.is_empty() {
        note(Note::Warnings(&Diagnostics(compiled.warnings.clone())));
    }
    Ok(Built { compiled, manifest, sources })
}

/// The image of a panel, and its map where there is one: of an image itself, of a manifest or of a module.
///
/// # Errors
/// Everything that is wrong with the input.
pub fn panel(
    path: &Path,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<(OwnedImage, Option<SourceMap>), Diagnostics> {
    let invalid = |error: xmap_image::VerifyError| {
        let message = format!("{}: {error}", path.display());
        Diagnostic::new(Code::ImageInvalid, Place::file(path), message)
    };
    if let Content::Image(bytes) = input::read(path)? {
        let image = OwnedImage::from_bytes(&bytes).map_err(invalid)?;
        let map = map_beside(path, ".map", &image);
        return Ok((image, map));
    }
    let Compiled { words, map, .. } = build(path, None, note)?.compiled;
    Ok((OwnedImage::new(words).map_err(invalid)?, Some(map)))
}

/// The images of a panel or of a bundle, each with its map where there is one: as [`panel`], and of a bundle
/// all of them, by the modules that they become.
///
/// # Errors
/// Everything that is wrong with the input.
pub fn panels(
    path: &Path,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<Vec<(OwnedImage, Option<SourceMap>)>, Diagnostics> {
    let Content::Image(bytes) = input::read(path)? else { return Ok(vec![panel(path, note)?]) };
    let images = bundled(&bytes).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Diagnostic::new(Code::ImageInvalid, Place::file(path), message)
    })?;
    if images.len() == 1 {
        return Ok(vec![panel(path, note)?]);
    }
    let one = |(n, image): (usize, OwnedImage)| {
        let map = map_beside(path, &format!(".{}.map", n + 1), &image);
        (image, map)
    };
    Ok(images.into_iter().enumerate().map(one).collect())
}

/// The images of a bundle, without the seals behind them.
pub(crate) fn bundled(bytes: &[u8]) -> Result<Vec<OwnedImage>, VerifyError> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(VerifyError::Alignment);
    }
    let words: Vec<u32> = chunks.iter().map(|word| u32::from_le_bytes(*word)).collect();
    pieces(&words).map(|piece| OwnedImage::new(piece?.image.to_vec())).collect()
}

/// The map of an image that stands beside it, unless it is another one's.
fn map_beside(path: &Path, ending: &str, image: &OwnedImage) -> Option<SourceMap> {
    let mut map = path.as_os_str().to_owned();
    map.push(ending);
    let text = std::fs::read_to_string(map).ok()?;
    SourceMap::read(&text, &image.image())
}
