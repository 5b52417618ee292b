//! What a verb works on: an image, however the path on the command line leads to one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xmap_compiler::beside::{Panel, check};
use xmap_compiler::compile::Compiled;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::recognize::not_this;
use xmap_compiler::report::Report;
use xmap_image::{MAGIC, OwnedImage, Plain, VerifyError, Word, bundle, limits::MAX_MODULES};
use xmap_project::{Built, Note};
use xmap_trust::{SEAL_MAGIC, SEAL_WORDS, Seal};

use super::map_store;
use super::output::stderr_has_colours;
use super::progress::Slow;

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
    /// Warns where the map beside the image is another one's: names and lines are missing then.
    pub(super) fn warn_of_stale_map(&self) {
        if self.stale_map {
            let map = self.map_path.display();
            // It stands in nobody's way.
            _ = writeln!(
                io::stderr(),
                "warning: {map}: that of another image, and not used: `xmap build` writes both"
            );
        }
    }

    /// Holds the image with its seal against what a device on its board has room for.
    ///
    /// # Errors
    /// X0620.
    pub(super) fn fits(&self) -> Result<(), Diagnostic> {
        let seal = self.seal.as_ref().map_or(0, |_| SEAL_WORDS * 4);
        self.report.check_board(&self.title, &self.image.image(), seal)
    }
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

/// Compiles a manifest or a module; `max_bytes` stands above the manifest's own. What the manifest says of
/// how the module is built is done first, where it is necessary.
///
/// Warnings, and what a build prints, go to the standard error.
///
/// # Errors
/// Everything that is wrong with the input; an image is none.
pub(super) fn build(path: &Path, max_bytes: Option<u32>) -> Result<Built, Diagnostics> {
    let slow = Slow::begin(format!("compiling {}", path.display()));
    let built = xmap_project::build(path, max_bytes, &mut tell)?;
    drop(slow);
    built.keeps_contract()?;
    Ok(built)
}

/// Tells a person something on the way. It stands in nobody's way: where it cannot be written, the image
/// still is.
pub(super) fn tell(note: Note<'_>) {
    let mut err = io::stderr();
    _ = match note {
        Note::Runs(command) => writeln!(err, "running {command}"),
        Note::Said(text) => text.lines().try_for_each(|line| writeln!(err, "{}", Plain(line))),
        Note::Warnings(warnings) => writeln!(err, "{}", warnings.render(stderr_has_colours())),
    };
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
        // Of one that is not beside the image, such as a signed copy's, a map may have been kept.
        let map = map.or_else(|| map_store::find_of(&image.image()));
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

/// Returns where the map of an image stands: `panel.xmap.map`.
pub(super) fn map_path(image: &Path) -> PathBuf {
    behind(image, ".map")
}

/// Returns where the map of a bundle's image stands, the first one being 0: `home.xmap.1.map`.
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
