//! What a verb works on: an image, however the path on the command line leads to one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xmap_boards::RPI4B;
use xmap_compiler::beside::{Panel, check};
use xmap_compiler::compile::{Compiled, compile_with};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::recognize::not_this;
use xmap_compiler::report::Report;
use xmap_image::{MAGIC, OwnedImage, VerifyError, Word, bundle, limits::MAX_MODULES};
use xmap_trust::{SEAL_MAGIC, SEAL_WORDS, Seal};

use super::output::stderr_has_colours;

/// Bytes of a map that are read: it has some ten times those of the largest image.
pub(super) const MAX_MAP_BYTES: u64 = 256 << 20;

/// An image and what is known of it.
pub(super) struct Loaded {
    /// The path on the command line.
    pub path: PathBuf,
    /// What messages call it: the path, and which image of a bundle it is.
    pub title: String,
    /// The image.
    pub image: OwnedImage,
    /// What stands behind it, where it is signed. That the signature is good, only a policy can say.
    pub seal: Option<Seal>,
    /// Its map, where there is one.
    pub map: Option<SourceMap>,
    /// Where its map is looked for.
    pub map_path: PathBuf,
    /// A map stands there and is that of another image.
    pub stale_map: bool,
    /// The manifest, where the image was compiled here.
    pub manifest: Option<Manifest>,
    /// The files that it was made of.
    pub sources: Vec<PathBuf>,
    /// The size report; that of an image that was compiled here has a budget.
    pub report: Report,
}

impl Loaded {
    /// Holds the image with its seal against what a device on its board has room for.
    ///
    /// # Errors
    /// X0620.
    pub(super) fn fits(&self) -> Result<(), Diagnostic> {
        let seal = self.seal.as_ref().map_or(0, |_| SEAL_WORDS * 4);
        self.report.check_board(&self.title, &self.image.image(), seal)
    }
}

/// What `xmap build` makes, and of what.
pub(super) struct Built {
    /// What the compiler gave.
    pub compiled: Compiled,
    /// Of what; a bare one where there was none.
    pub manifest: Manifest,
    /// The files that it was made of: none of them may be written over.
    pub sources: Vec<PathBuf>,
}

/// Reads an image, or compiles a manifest or a module to one.
///
/// # Errors
/// Everything that is wrong with the input; X0620 where no device takes the image, X0704 where it is a bundle
/// of several.
pub(super) fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    let mut all = load_all(path)?;
    match all.len() {
        1 => {
            all[0].fits()?;
            Ok(all.remove(0))
        }
        n => {
            let message = format!("{}: a bundle of {n} images", path.display());
            let help = "give the image, the manifest or the module of one panel".to_string();
            Err(Diagnostic::new(Code::Bundle, Place::file(path), message).help(help).into())
        }
    }
}

/// Reads an image or a bundle of them, or compiles a manifest or a module; at least one.
///
/// # Errors
/// Everything that is wrong with the input.
pub(super) fn load_all(path: &Path) -> Result<Vec<Loaded>, Diagnostics> {
    if let Content::Image(bytes) = input::read(path)? {
        return images(path, &bytes).map_err(Diagnostics::from);
    }
    let Built { compiled: Compiled { words, map, report, .. }, manifest, sources } = build(path, None)?;
    let title = path.display().to_string();
    let image = OwnedImage::new(words).map_err(|error| invalid(&title, &error))?;
    Ok(vec![Loaded {
        path: path.into(),
        title,
        image,
        seal: None,
        map: Some(map),
        map_path: map_path(path),
        stale_map: false,
        manifest: Some(manifest),
        sources,
        report,
    }])
}

/// Compiles a manifest or a module; `max_bytes` stands above the manifest's own.
///
/// Warnings go to the standard error.
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
    let map = input::source_map(&manifest.wasm_path(), &module);
    let compiled = compile_with(&manifest, &module, map)
        .map_err(|errors| input::in_text(&manifest.wasm_path(), &module, errors))?;
    if !compiled.warnings.is_empty() {
        // They stand in nobody's way: where they cannot be written, the image still is.
        let warnings = Diagnostics(compiled.warnings.clone()).render(stderr_has_colours());
        _ = writeln!(io::stderr(), "{warnings}");
    }
    Ok(Built { compiled, manifest, sources })
}

/// Verifies the bytes of an image or of a bundle; at least one image.
///
/// # Errors
/// X0105, X0701 or X0702.
pub(super) fn images(path: &Path, bytes: &[u8]) -> Result<Vec<Loaded>, Diagnostic> {
    let title = path.display().to_string();
    if !bytes.starts_with(&MAGIC) {
        return Err(not_this(Code::NotAnImage, path, bytes, "an .xmap image"));
    }
    let (chunks, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(invalid(&title, &VerifyError::Alignment));
    }
    let words: Vec<Word> = chunks.iter().map(|word| Word::from_le_bytes(*word)).collect();
    let pieces = pieces(&words);
    let count = pieces.len();
    let one = |(n, (piece, seal)): (usize, Piece<'_>)| {
        let (title, map_path) = match count {
            1 => (title.clone(), map_path(path)),
            _ => (format!("{title}, image {} of {count}", n + 1), map_path_of(path, n)),
        };
        let image = piece.and_then(|words| OwnedImage::new(words.to_vec()));
        let image = image.map_err(|error| match error {
            // It is the first that has to be one.
            VerifyError::Magic | VerifyError::TooShort if n > 0 => {
                let what = format!("{}: bytes behind image {n} are no image", path.display());
                Diagnostic::new(Code::ImageInvalid, Place::file(path), what).help(AGAIN.to_string())
            }
            VerifyError::Bundle => {
                let what = format!("{}: {error}", path.display());
                let help = "a device has room for four: link fewer".to_string();
                Diagnostic::new(Code::ImageInvalid, Place::file(path), what).help(help)
            }
            _ => invalid(&title, &error),
        })?;
        let seal = seal.map(Seal::parse).transpose().map_err(|error| {
            let message = format!("{title}: the seal behind it: {error}");
            Diagnostic::new(Code::ImageInvalid, Place::File(title.clone()), message)
                .help("sign the image again".to_string())
        })?;
        let text = input::read_text(&map_path, MAX_MAP_BYTES);
        let map = text.as_ref().ok().and_then(|text| SourceMap::read(text, &image.image()));
        let stale_map = text.is_ok() && map.is_none();
        let report = Report::of(&image.image(), map.as_ref());
        let sources = vec![path.into(), map_path.clone()];
        Ok(Loaded {
            path: path.into(),
            title,
            image,
            seal,
            map,
            map_path,
            stale_map,
            manifest: None,
            sources,
            report,
        })
    };
    pieces.into_iter().enumerate().map(one).collect()
}

/// An image of a bundle, or why there is none, and the words of the seal behind it.
type Piece<'w> = (Result<&'w [Word], VerifyError>, Option<&'w [Word]>);

/// Splits words into images, each with or without a seal behind it.
fn pieces(words: &[Word]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = words;
    loop {
        if pieces.len() == MAX_MODULES {
            pieces.push((Err(VerifyError::Bundle), None));
            break pieces;
        }
        let image = bundle(rest).next().unwrap_or(Err(VerifyError::TooShort));
        let behind = image.map_or(&[][..], |image| &rest[image.len()..]);
        let sealed = behind.first().is_some_and(|word| word.to_le_bytes() == SEAL_MAGIC);
        let (seal, behind) = behind.split_at(if sealed { SEAL_WORDS.min(behind.len()) } else { 0 });
        pieces.push((image, sealed.then_some(seal)));
        rest = behind;
        if rest.is_empty() {
            break pieces;
        }
    }
}

/// Checks that what was loaded can stand side by side.
///
/// # Errors
/// X10, where there are several.
pub(super) fn beside(all: &[Loaded]) -> Result<(), Diagnostics> {
    let one = |loaded| {
        let Loaded { title, image, manifest, .. }: &Loaded = loaded;
        Panel { file: title, image: image.image(), manifest: manifest.as_ref() }
    };
    check(&all.iter().map(one).collect::<Vec<_>>())
}

/// Where the map of an image stands: `panel.xmap.map`.
pub(super) fn map_path(image: &Path) -> PathBuf {
    behind(image, ".map")
}

/// Where the map of a bundle's image stands, the first one being 0: `home.xmap.1.map`.
pub(super) fn map_path_of(bundle: &Path, n: usize) -> PathBuf {
    behind(bundle, &format!(".{}.map", n + 1))
}

fn behind(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

const AGAIN: &str = "copy the image again, or compile the panel again";

fn invalid(title: &str, error: &VerifyError) -> Diagnostic {
    let (code, what, help) = match error {
        VerifyError::Magic => (Code::NotAnImage, "not an .xmap image".to_string(), None),
        VerifyError::Format(_) => {
            (Code::ImageFormat, error.to_string(), Some("compile the panel again with this xmap"))
        }
        VerifyError::Board(_) => {
            (Code::ImageInvalid, error.to_string(), Some("this xmap knows no such board"))
        }
        _ => (Code::ImageInvalid, error.to_string(), Some(AGAIN)),
    };
    let message = format!("{title}: {what}");
    Diagnostic::new(code, Place::File(title.to_string()), message).help(help.map(str::to_string))
}
