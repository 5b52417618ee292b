//! What went wrong, where, and what to do about it: the one way in which `xmap` reports errors.
//!
//! A [`Diagnostic`] is a value. Its `Display` is plain text; a terminal gets the same with colours
//! from [`Diagnostics::render`].

use std::{ffi::OsStr, fmt, io, ops::Range, path::Path, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

pub use crate::codes::Code;
use crate::names;

/// A text that errors can point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the person gave it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A text to point into.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Line and column of a byte offset, both from 1, the column in characters. An offset behind
    /// the end or inside a character counts as the place before it.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.text[..offset].matches('\n').count() + 1;
        let start = self.line_start(offset);
        (line, self.text[start..offset].chars().count() + 1)
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text[..offset].rfind('\n').map_or(0, |n| n + 1)
    }
}

/// A function of a module: its index, and its name where the module has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The index, imports counted.
    pub index: u32,
    /// The name from the module's name section or its export.
    pub name: Option<String>,
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "function ${} ({})", names::abridged(name), self.index),
            None => write!(f, "function {}", self.index),
        }
    }
}

/// A place in the source of a module, as its debug information tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePlace {
    /// The file, as the debug information names it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column != 0 { write!(f, ":{}", self.column) } else { Ok(()) }
    }
}

/// The place of a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A whole file, a port or a device.
    File(String),
    /// Bytes of a text.
    Text {
        /// The text.
        source: Arc<Source>,
        /// The bytes. Any range is allowed; what is outside the text is left out.
        span: Range<usize>,
    },
    /// Something in a module.
    Wasm {
        /// The module's path.
        file: String,
        /// The function it is in.
        function: Option<FunctionName>,
        /// Bytes from the beginning of the module.
        offset: Option<u64>,
        /// The same place in the source that the module was compiled from.
        source: Option<SourcePlace>,
    },
}

impl Place {
    /// A whole file.
    pub fn file(path: &Path) -> Self {
        Place::File(path.display().to_string())
    }

    /// An offset in a module.
    pub fn wasm(file: &str, offset: u64) -> Self {
        Place::Wasm { file: file.to_string(), function: None, offset: Some(offset), source: None }
    }

    /// Bytes of a text.
    pub fn text(source: &Arc<Source>, span: Range<usize>) -> Self {
        Place::Text { source: source.clone(), span }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => f.write_str(path),
            Place::Text { source, span } => {
                let (line, column) = source.line_column(span.start);
                write!(f, "{}:{line}:{column}", source.path)
            }
            Place::Wasm { file, function, offset, source } => {
                f.write_str(file)?;
                let mut separator = ": ";
                if let Some(function) = function {
                    write!(f, "{separator}{function}")?;
                    separator = ", ";
                }
                if let Some(offset) = offset {
                    write!(f, "{separator}offset 0x{offset:x}")?;
                }
                match source {
                    Some(source) => write!(f, " ({source})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing was done.
    Error,
    /// It was done all the same.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stands in the way.
    pub severity: Severity,
    /// Its number.
    pub code: Code,
    /// What is wrong here, in one line without a full stop.
    pub message: String,
    /// Where; boxed, so that a `Result` with a diagnostic stays small.
    pub place: Box<Place>,
    /// Other places that belong to it, each with what is there.
    pub notes: Vec<(Place, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: Box::new(place),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(code, place, message) }
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn note(mut self, place: Place, text: impl Into<String>) -> Self {
        self.notes.push((place, text.into()));
        self
    }

    /// Says what to do about it: text, or nothing when nothing is known.
    #[must_use]
    pub fn help(mut self, text: impl Into<Option<String>>) -> Self {
        self.help = text.into();
        self
    }

    /// Returns what the operating system said when a file was read.
    pub fn reading(path: &Path, error: &io::Error) -> Self {
        let (code, what) = match error.kind() {
            io::ErrorKind::NotFound => (Code::NoSuchFile, "no such file".to_string()),
            io::ErrorKind::IsADirectory => (Code::NotAFile, "a directory, not a file".to_string()),
            io::ErrorKind::InvalidData => (Code::NotUtf8, "not UTF-8 text".to_string()),
            _ => (Code::Unreadable, format!("cannot be read: {}", reason(error))),
        };
        // A link that stands there, and leads to nothing.
        let target = std::fs::read_link(path).ok().filter(|_| code == Code::NoSuchFile);
        if let Some(target) = target {
            let message = format!("{}: a link to {}, where nothing stands", path.display(), target.display());
            return Self::new(code, Place::file(path), message)
                .help("make the link anew, or give the file that it is to lead to".to_string());
        }
        let error = Self::new(code, Place::file(path), format!("{}: {what}", path.display()));
        error.help(if code == Code::NoSuchFile { instead(path) } else { None })
    }

    /// Returns what the operating system said when a file was written.
    pub fn writing(path: &Path, error: &io::Error) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let (what, help) = match folder {
            Some(folder) => {
                let folder = folder.display();
                (format!("there is no folder {folder}"), Some(format!("`mkdir -p {folder}` makes it")))
            }
            None => (reason(error), None),
        };
        let message = format!("{}: cannot be written: {what}", path.display());
        Self::new(Code::CannotWrite, Place::file(path), message).help(help)
    }

    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(printable(&self.message)).id(self.code.to_string());
        let primary = match &*self.place {
            // The message names the file already.
            Place::File(path) if self.message.starts_with(&format!("{path}: ")) => Group::with_title(title),
            place => at(Group::with_title(title), place),
        };
        let mut groups = vec![primary];
        for (place, text) in &self.notes {
            let title = Level::NOTE.secondary_title(printable(text));
            groups.push(at(Group::with_title(title), place));
        }
        if let Some(help) = &self.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(printable(help))));
        }
        renderer.render(&groups)
    }
}

/// Adds a place to a group: the line of the text with the bytes underlined, or the place's name.
fn at<'a>(group: Group<'a>, place: &'a Place) -> Group<'a> {
    let Place::Text { source, span } = place else {
        return group.element(Origin::path(printable(&place.to_string())));
    };
    // One line is shown. A span over several lines is cut where its first line ends.
    let text = &source.text;
    let start = text.floor_char_boundary(span.start);
    let first = source.line_start(start);
    let last = text[start..].find('\n').map_or(text.len(), |n| start + n);
    let shown = text[first..last].strip_suffix('\r').unwrap_or(&text[first..last]);
    let (start, last) = (start.min(first + shown.len()), first + shown.len());
    let end = text.ceil_char_boundary(span.end.min(last)).clamp(start, last);
    let (number, _) = source.line_column(start);
    let line = Snippet::source(shown)
        .line_start(number)
        .path(printable(&source.path))
        .annotation(AnnotationKind::Primary.span(start - first..end - first));
    group.element(line)
}

/// Names of a folder that are compared with one that is not there.
const COMPARED_NAMES: usize = 1000;

/// Returns what may have been meant by a path at which nothing stands.
fn instead(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.exists() {
        return Some(format!("there is no folder {}", folder.display()));
    }
    let entries = std::fs::read_dir(folder).ok()?.take(COMPARED_NAMES);
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let wanted = path.file_name()?.to_str()?;
    // A module may be there in its other form.
    let other = ["wat", "wasm"].map(|ending| path.with_extension(ending));
    let is_other =
        |name: &&String| other.iter().any(|other| other.file_name() == Some(OsStr::new(name.as_str())));
    let near = match names.iter().find(is_other).filter(|_| path.extension().is_some_and(|e| e != "toml")) {
        Some(name) => name,
        None => names::nearest(wanted, names.iter().map(String::as_str))?,
    };
    Some(format!("`{near}` stands {}", if folder == Path::new(".") { "here" } else { "beside it" }))
}

/// The operating system's reason without its number, beginning like the rest of a sentence.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_lowercase().chain(chars).collect())
}

/// Bytes of a message that are printed, so that a name of a megabyte does not flood a terminal.
const MOST_BYTES: usize = 4096;

/// Returns whether a character does something to a terminal, or to the text around it: control characters but
/// line feeds and tabs, and those that change the direction of writing.
pub fn acts_on_terminal(c: char) -> bool {
    xmap_image::acts(c) && !matches!(c, '\n' | '\t')
}

/// Names come from files that anybody may have written: no control character reaches the terminal,
/// nor one that reorders the text around it. Line feeds are ours.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() > MOST_BYTES {
            out.push_str("...");
            break;
        }
        if c == '\t' || acts_on_terminal(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostic {}

/// At least one error; all that were found in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// Errors that are printed at most: nobody reads more, and a hostile file can have as many as bytes.
pub(crate) const MOST_SHOWN: usize = 50;

impl Diagnostics {
    /// The text for a person, with colours when `colour` is set; ends without a line feed. Of more
    /// than 50 errors the others are only counted.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = self.0.iter().take(MOST_SHOWN);
        let mut texts: Vec<_> = shown.map(|d| d.render(&renderer)).collect();
        if self.0.len() > MOST_SHOWN {
            texts.push(format!("and {} more errors", self.0.len() - MOST_SHOWN));
        }
        texts.join("\n\n")
    }

    /// Returns whether one of the errors has this code.
    pub fn has(&self, code: Code) -> bool {
        self.0.iter().any(|d| d.code == code)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_into_the_text() {
        let source = Source::new("panel.toml", "[module]\nnmae = \"hall\"\n");
        let error =
            Diagnostic::new(Code::UnknownKey, Place::text(&source, 9..13), "unknown key `nmae` in [module]")
                .note(Place::text(&source, 0..8), "the table starts here")
                .help("did you mean `name`?".to_string());
        let expected = "\
error[X0403]: unknown key `nmae` in [module]
 --> panel.toml:2:1
  |
2 | nmae = \"hall\"
  | ^^^^
  |
note: the table starts here
 --> panel.toml:1:1
  |
1 | [module]
  | ^^^^^^^^
help: did you mean `name`?";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn line_ends_of_windows_are_not_shown() {
        let source = Source::new("t", "a = 1\r\nb = x\r\n");
        let error = Diagnostic::new(Code::Syntax, Place::text(&source, 11..14), "m");
        assert_eq!(error.to_string(), "error[X0401]: m\n --> t:2:5\n  |\n2 | b = x\n  |     ^");
    }

    #[test]
    fn a_hostile_name_does_not_flood_the_terminal() {
        let error = Diagnostic::new(Code::BadName, Place::File("t".into()), "n".repeat(100_000));
        assert!(error.to_string().len() < 5_000);
    }

    #[test]
    fn names_a_place_in_a_module() {
        let place = Place::Wasm {
            file: "hall.wasm".into(),
            function: Some(FunctionName { index: 3, name: Some("blink".into()) }),
            offset: Some(0x1a4),
            source: Some(SourcePlace { file: "hall.c".into(), line: 12, column: 5 }),
        };
        assert_eq!(place.to_string(), "hall.wasm: function $blink (3), offset 0x1a4 (hall.c:12:5)");
        let error = Diagnostic::new(Code::Unsupported, place, "f32.add is not supported");
        assert_eq!(
            error.to_string(),
            "error[X0502]: f32.add is not supported\n\
             --> hall.wasm: function $blink (3), offset 0x1a4 (hall.c:12:5)"
        );
    }

    #[test]
    fn a_file_is_named_once() {
        let missing = io::Error::from_raw_os_error(2);
        let text = Diagnostic::reading(Path::new("hall.wasm"), &missing).to_string();
        assert_eq!(text, "error[X0101]: hall.wasm: no such file");
        let refused = io::Error::from_raw_os_error(30);
        let text = Diagnostic::writing(Path::new("a.xmap"), &refused).to_string();
        assert_eq!(text, "error[X0106]: a.xmap: cannot be written: read-only file system");
    }

    #[test]
    fn only_the_first_errors_are_printed() {
        let source = Source::new("t", "x\n".repeat(100));
        let error = |n| Diagnostic::new(Code::Syntax, Place::text(&source, n..n + 1), "m");
        let all = Diagnostics((0..53).map(error).collect());
        let text = all.to_string();
        assert_eq!(text.matches("error[X0401]").count(), 50);
        assert!(text.ends_with("\n\nand 3 more errors"));
    }

    #[test]
    fn colours_only_when_asked() {
        let all = Diagnostics::from(Diagnostic::new(Code::NotAnImage, Place::File("a".into()), "no"));
        assert!(!all.to_string().contains('\u{1b}'));
        assert!(all.render(true).contains('\u{1b}'));
    }

    #[test]
    fn control_characters_stay_out() {
        let source = Source::new("a\u{1b}[2J", "x = \"\u{1b}[31m\u{202e}\"");
        let error = Diagnostic::new(Code::Syntax, Place::text(&source, 0..99), "bad \u{1b}[31m")
            .note(Place::File("b\u{7}".into()), "c\u{9b}")
            .help("\r".to_string());
        let text = error.to_string();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'));
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_renders(text in "(.|[\\r\\n\\t温])*", a in 0usize..80, b in 0usize..80) {
            let source = Source::new("t", text);
            let error = Diagnostic::new(Code::Syntax, Place::text(&source, a..b), "m");
            let (line, column) = source.line_column(a);
            prop_assert!(error.to_string().starts_with("error[X0401]: m\n"));
            let place = error.place.to_string();
            prop_assert_eq!(place, format!("t:{line}:{column}"));
        }
    }
}
