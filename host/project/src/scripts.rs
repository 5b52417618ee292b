//! A script's file: its steps, and the places of its lines for messages.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use xmap_compiler::input::{self, MAX_SCRIPT_BYTES};
use xmap_compiler::map::SourceMap;
use xmap_compiler::recognize::{FileKind, UTF_16, not_this};
use xmap_image::Image;
use xmap_sim::{Script, ScriptError, ScriptErrorKind, Standstill, StepError, StepErrorKind};

use crate::{Note, build::panel};

/// A script that fits an image.
#[derive(Clone, Debug)]
pub struct ScriptFile {
    source: Arc<Source>,
    script: Script,
    /// The maps of the images that it swaps in.
    maps: Vec<SourceMap>,
}

impl ScriptFile {
    /// Reads a script and holds all of its lines against the images that run, by their modules; `-` is the
    /// standard input. Panels that it loads are compiled; their files are relative to the script's folder.
    ///
    /// # Errors
    /// Every line that is wrong, and what stops the reading.
    pub fn read(
        path: &Path,
        images: &[Image<'_>],
        note: &mut dyn FnMut(Note<'_>),
    ) -> Result<Self, Diagnostics> {
        if path == Path::new("-") {
            let path = Path::new("standard input");
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().take(MAX_SCRIPT_BYTES).read_to_end(&mut bytes);
            read.map_err(|error| Diagnostic::reading(path, &error))?;
            return Self::parse(path, input::text(path, bytes)?, images, note);
        }
        let bytes = input::read_at_most(path, MAX_SCRIPT_BYTES)?;
        match FileKind::of(path, &bytes) {
            FileKind::Script | FileKind::Text | FileKind::Empty | FileKind::Unknown | UTF_16 => {
                Self::parse(path, input::text(path, bytes)?, images, note)
            }
            _ => Err(not_this(Code::ScriptSyntax, path, &bytes, "a script").into()),
        }
    }

    /// The same of a text; `path` is what errors call it.
    ///
    /// # Errors
    /// Every line that is wrong.
    pub fn parse(
        path: &Path,
        text: String,
        images: &[Image<'_>],
        note: &mut dyn FnMut(Note<'_>),
    ) -> Result<Self, Diagnostics> {
        let source = Source::new(path.display().to_string(), text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut maps = Vec::new();
        let mut open = |file: &str| {
            let opened = panel(&folder.join(file), note);
            let kept = opened.map(|(image, map)| {
                maps.extend(map);
                image
            });
            kept.map_err(|errors| {
                let first = errors.0.first();
                first.map_or_else(String::new, |error| {
                    // What is wrong with a whole file names it already.
                    let place = error.place.to_string();
                    if error.message.starts_with(&place) {
                        error.message.clone()
                    } else {
                        format!("{place}: {}", error.message)
                    }
                })
            })
        };
        let script = Script::read(&source.text, images, &mut open);
        match script {
            Ok(script) => Ok(Self { source, script, maps }),
            Err(errors) => Err(Diagnostics(errors.iter().map(|error| mistake(&source, error)).collect())),
        }
    }

    /// The steps.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The maps of the images that it swaps in, where there are any.
    pub fn maps(&self) -> &[SourceMap] {
        &self.maps
    }

    /// A line as it is written, without its comment.
    pub fn line(&self, at: usize) -> &str {
        let line = self.source.text.lines().nth(at.saturating_sub(1)).unwrap_or_default();
        line.split(" #").next().unwrap_or_default().trim()
    }

    /// A whole line, without its comment.
    pub fn place(&self, at: usize) -> Place {
        let start = start_of(&self.source.text, at);
        let line = self.source.text[start..].lines().next().unwrap_or_default();
        let text = line.split(" #").next().unwrap_or_default();
        let begin = start + (text.len() - text.trim_start().len());
        Place::text(&self.source, begin..begin + text.trim().len())
    }

    /// A step that could not be played, or what it expected and was not so.
    pub fn diagnose(&self, error: &StepError) -> Diagnostic {
        let code = match &error.kind {
            StepErrorKind::Contention(_) => Code::ScriptContention,
            StepErrorKind::Standstill(_) => Code::ScriptStandstill,
            StepErrorKind::Expected { .. } => Code::ScriptExpectation,
            StepErrorKind::Past { .. } | StepErrorKind::NeverCame { .. } => Code::ScriptTime,
            _ => Code::ScriptImage,
        };
        let help = match &error.kind {
            StepErrorKind::Standstill(standstill) => Some(way_out(standstill).to_string()),
            _ => None,
        };
        Diagnostic::new(code, self.place(error.line), error.kind.to_string()).help(help)
    }
}

fn start_of(text: &str, at: usize) -> usize {
    text.split_inclusive('\n').take(at.saturating_sub(1)).map(str::len).sum()
}

fn mistake(source: &Arc<Source>, error: &ScriptError) -> Diagnostic {
    let code = match &error.kind {
        ScriptErrorKind::Export { .. } | ScriptErrorKind::Ambiguous { .. } => Code::ScriptName,
        ScriptErrorKind::Arguments { .. }
        | ScriptErrorKind::Argument { .. }
        | ScriptErrorKind::Results { .. }
        | ScriptErrorKind::Result { .. } => Code::ScriptArgument,
        ScriptErrorKind::Line { .. } => Code::ScriptLine,
        ScriptErrorKind::Output { .. } => Code::ScriptContention,
        ScriptErrorKind::Unmounted { .. }
        | ScriptErrorKind::File { .. }
        | ScriptErrorKind::Full
        | ScriptErrorKind::NoTimeout => Code::ScriptImage,
        _ => Code::ScriptSyntax,
    };
    let start = start_of(&source.text, error.line);
    let line = source.text[start..].lines().next().unwrap_or_default();
    let column = line.char_indices().nth(error.column - 1).map_or(line.len(), |(at, _)| at);
    let word = line[column..].find(char::is_whitespace).unwrap_or(line.len() - column);
    let span = start + column..start + column + word;
    Diagnostic::new(code, Place::text(source, span), error.kind.to_string())
}

/// Returns what lets time pass.
fn way_out(standstill: &Standstill) -> &'static str {
    match standstill {
        Standstill::Feedback { line: Some(_), .. } => {
            "a handler of an edge must not drive its own line there and back each time; `debounce_us` in [exports] \
             lets time pass between the edges"
        }
        Standstill::Feedback { .. } => "the handlers call each other without a wait between them",
        Standstill::Events { .. } => "advance in several steps, or give the timers longer periods",
        _ => "advance by less",
    }
}
