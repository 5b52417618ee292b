//! What a file is that somebody wants to make a panel of, and what stands in the way: for `xmap inspect`, and
//! for the last line of a build that failed.

mod sketch;
mod tool;

use std::fmt;
use std::path::Path;

use crate::compile::compile;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::input::{self, Content};
use crate::manifest::Manifest;
use crate::names::{abridged, cut};
use crate::recognize::FileKind;

use sketch::Sketch;
use tool::Tool;

/// Names of a list that are printed; of others, the number.
const MOST_NAMES: usize = 12;

/// Errors that are printed, each in a line.
const MOST_ERRORS: usize = 3;
/// Characters of a message that are shown.
const MOST_CHARS: usize = 4096;

/// The inspection of a file.
#[derive(Clone, Debug)]
pub struct Inspection {
    file: String,
    /// What it is, with its compiler and target, as a noun phrase.
    is: String,
    /// Rows of a table: a title and its words.
    rows: Vec<(&'static str, Vec<String>)>,
    /// What stands in the way.
    errors: Option<Diagnostics>,
    /// What to change, where the compiler that wrote it is known.
    way_out: Option<String>,
}

impl Inspection {
    /// Inspects the bytes of a file. Of the path, only its name counts. Never panics, whatever the bytes are.
    pub fn of(path: &Path, bytes: Vec<u8>) -> Self {
        let file = path.display().to_string();
        let kind = FileKind::of(path, &bytes);
        let module = match input::content(path, bytes) {
            Ok(Content::Module(module)) => module,
            Ok(Content::Image(_) | Content::Manifest(_)) => {
                return Self {
                    file,
                    is: kind.is(),
                    rows: Vec::new(),
                    errors: None,
                    way_out: kind.help(path),
                };
            }
            Err(error) => {
                let (is, way_out) = match kind {
                    FileKind::ModuleText => ("text of a module that does not parse".to_string(), None),
                    kind => (kind.is(), kind.help(path)),
                };
                return Self { file, is, rows: Vec::new(), errors: Some(error.into()), way_out };
            }
        };
        let sketch = Sketch::of(&module);
        let tool = Tool::of(&sketch);
        let manifest = Manifest::bare(&xmap_boards::RPI4B, path);
        let errors = compile(&manifest, &module).err().map(|errors| input::in_text(path, &module, errors));
        Self {
            file,
            is: tool.is(&sketch),
            rows: sketch.rows(),
            way_out: errors.as_ref().and_then(|_| tool.way_out(&sketch)),
            errors,
        }
    }

    /// Returns what the file is and what to do, in one sentence.
    pub fn sentence(&self) -> String {
        let file = &self.file;
        match (&self.errors, &self.way_out) {
            (None, None) => format!("{file} is {}: it compiles as it is", self.is),
            (_, Some(way_out)) => format!("{file} is {}: {way_out}", self.is),
            (Some(errors), None) => match errors.0.iter().find_map(|error| error.help.as_deref()) {
                Some(help) => format!("{file} is {}: {help}", self.is),
                None => {
                    let message = errors.0.first().map(|error| &error.message[..]).unwrap_or_default();
                    let message = message.trim_start_matches(&format!("{file}: "));
                    format!("{file} is {}, and does not compile: {message}", self.is)
                }
            },
        }
    }

    /// The sentence, where the file is a module of a compiler that has a way out of what stands in its way.
    pub fn advice(&self) -> Option<String> {
        (self.errors.is_some() && self.way_out.is_some() && !self.rows.is_empty()).then(|| self.sentence())
    }

    /// Returns what stands in the way of compiling it.
    pub fn errors(&self) -> Option<&Diagnostics> {
        self.errors.as_ref()
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, words) in &self.rows {
            let shown = words.iter().take(MOST_NAMES).map(|word| abridged(word));
            let shown = shown.collect::<Vec<_>>().join(", ");
            write!(f, "{title:<9} {}", xmap_image::Plain(&shown))?;
            match words.len().saturating_sub(MOST_NAMES) {
                0 => writeln!(f)?,
                more => writeln!(f, " and {more} more")?,
            }
        }
        let errors = self.errors.iter().flat_map(|errors| &errors.0);
        for Diagnostic { code, message, .. } in errors.clone().take(MOST_ERRORS) {
            writeln!(f, "{:<9} {code}: {}", "against", xmap_image::Plain(&cut(message, MOST_CHARS)))?;
        }
        match errors.count().saturating_sub(MOST_ERRORS) {
            0 => {}
            more => writeln!(f, "{:<9} {more} more: `xmap build` shows them", "")?,
        }
        write!(f, "{}", xmap_image::Plain(&cut(&self.sentence(), MOST_CHARS)))
    }
}
