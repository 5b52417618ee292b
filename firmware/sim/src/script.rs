//! Scripts: what happens to a panel during a run, one step a line.
//!
//! ```text
//! # A visitor presses the button for 20 ms.
//! call gpio_set 17 true        # an export, by its wasm name or its key, and its arguments
//! level button 0               # a line, by number or by the manifest's name, and its level
//! advance 20000                # microseconds
//! level 27 1
//! ```
//!
//! A script is checked as a whole against the image before its first step runs.

use std::fmt;

use xmap_boards::Line;
use xmap_image::{ExportId, Image, PinMode, Signature, Ty};

use crate::value::{Value, expected, parse_whole};

/// A script that has been checked against an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    steps: Vec<Step>,
}

/// One step, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line of the script, from 1.
    pub at: usize,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Calls an export.
    Call {
        /// The export, as the script names it.
        name: String,
        /// The export.
        export: ExportId,
        /// The arguments, as registers hold them.
        args: Vec<u64>,
    },
    /// Connects a level to a line.
    Level {
        /// The line.
        line: Line,
        /// Its level.
        high: bool,
    },
    /// Lets time pass.
    Advance {
        /// Microseconds.
        us: u64,
    },
}

/// A script's mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: ScriptErrorKind,
}

/// What can be wrong in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptErrorKind {
    /// The first word of a line is no command.
    Command {
        /// The word.
        found: String,
    },
    /// The line ends too early.
    Missing {
        /// What should come.
        expected: &'static str,
    },
    /// The line goes on behind its end.
    Extra {
        /// The first word too many.
        found: String,
    },
    /// The image has no such export.
    Export {
        /// The name.
        found: String,
        /// The export with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// A call has another number of arguments than the export has parameters.
    Arguments {
        /// The export.
        name: String,
        /// The types of the parameters.
        expected: Vec<Ty>,
        /// How many arguments stand there.
        given: usize,
    },
    /// An argument is not of its parameter's type, or out of its range.
    Argument {
        /// The argument.
        found: String,
        /// The type.
        ty: Ty,
    },
    /// Neither the number of a line nor a name in the manifest.
    Line {
        /// The word.
        found: String,
        /// The pin with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// The line is an output of the module.
    Output {
        /// The line.
        line: Line,
    },
    /// A level is neither 0 nor 1.
    Level {
        /// The word.
        found: String,
    },
    /// A time is no whole number of microseconds, 0 to 2^64-1.
    Time {
        /// The word.
        found: String,
    },
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.kind)
    }
}

impl fmt::Display for ScriptErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = |f: &mut fmt::Formatter<'_>, nearest: &Option<String>| match nearest {
            Some(name) => write!(f, "; the nearest is `{name}`"),
            None => Ok(()),
        };
        match self {
            Self::Command { found } => {
                write!(f, "`{found}` is no command: expected `call`, `level` or `advance`")
            }
            Self::Missing { expected } => write!(f, "the line ends too early: expected {expected}"),
            Self::Extra { found } => write!(f, "expected the end of the line, found `{found}`"),
            Self::Export { found, nearest } => {
                write!(f, "the image has no export `{found}`")?;
                hint(f, nearest)
            }
            Self::Arguments { name, expected, given } => {
                let types: Vec<_> = expected.iter().map(|ty| ty.name()).collect();
                write!(f, "{name}({}) takes {}, {given} given", types.join(", "), count(expected.len()))
            }
            Self::Argument { found, ty } => write!(f, "expected {}, found `{found}`", expected(*ty)),
            Self::Line { found, nearest } => {
                let last = Line::COUNT - 1;
                write!(f, "expected a line, 0 to {last} or a pin's name, found `{found}`")?;
                hint(f, nearest)
            }
            Self::Output { line } => {
                write!(f, "line {line} is an output of the module: nothing else may drive it")
            }
            Self::Level { found } => write!(f, "expected a level, 0 or 1, found `{found}`"),
            Self::Time { found } => write!(f, "expected a time in microseconds, found `{found}`"),
        }
    }
}

impl std::error::Error for ScriptError {}

fn count(n: usize) -> String {
    match n {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

impl Script {
    /// Reads a script and checks all of it against an image.
    ///
    /// # Errors
    /// The first mistake: see [`ScriptErrorKind`]. Whether a line of mode `inout` is an input is
    /// known only when the step runs.
    pub fn parse(text: &str, image: &Image<'_>) -> Result<Self, ScriptError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut steps = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let at = n + 1;
            let action = Words::new(line).action(image);
            let action = action.map_err(|(column, kind)| ScriptError { line: at, column, kind })?;
            steps.extend(action.map(|action| Step { at, action }));
        }
        Ok(Self { steps })
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Reads the arguments of a call: what a script does, and a command line that calls one export.
///
/// # Errors
/// [`ScriptErrorKind::Arguments`] or [`ScriptErrorKind::Argument`], with the position of the
/// argument that is wrong; for a wrong number of arguments, that of the first missing or surplus one.
pub fn parse_args(
    name: &str,
    signature: Signature<'_>,
    args: &[&str],
) -> Result<Vec<u64>, (usize, ScriptErrorKind)> {
    let params: Vec<Ty> = signature.params().collect();
    if params.len() != args.len() {
        let at = params.len().min(args.len());
        let kind = ScriptErrorKind::Arguments { name: name.to_owned(), expected: params, given: args.len() };
        return Err((at, kind));
    }
    let read = |(n, (ty, text)): (usize, (&Ty, &&str))| {
        Value::parse(*ty, text)
            .and_then(|value| value.to_raw(*ty))
            .map_err(|_| (n, ScriptErrorKind::Argument { found: (*text).to_owned(), ty: *ty }))
    };
    params.iter().zip(args).enumerate().map(read).collect()
}

type Place<T> = Result<T, (usize, ScriptErrorKind)>;

/// The words of one line with their columns; a comment is none of them.
struct Words<'s> {
    words: std::vec::IntoIter<(usize, &'s str)>,
    end: usize,
}

impl<'s> Words<'s> {
    fn new(line: &'s str) -> Self {
        let mut words = Vec::new();
        let (mut column, mut end) = (1, 1);
        for piece in line.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if word.starts_with('#') {
                break;
            }
            if !word.is_empty() {
                words.push((column, word));
                end = column + word.chars().count();
            }
            column += piece.chars().count();
        }
        Self { words: words.into_iter(), end }
    }

    fn word(&mut self, expected: &'static str) -> Place<(usize, &'s str)> {
        self.words.next().ok_or((self.end, ScriptErrorKind::Missing { expected }))
    }

    fn finish(&mut self) -> Place<()> {
        match self.words.next() {
            None => Ok(()),
            Some((column, word)) => Err((column, ScriptErrorKind::Extra { found: word.to_owned() })),
        }
    }

    /// The step of this line; blank lines have none.
    fn action(mut self, image: &Image<'_>) -> Place<Option<Action>> {
        let Some((column, command)) = self.words.next() else { return Ok(None) };
        let action = match command {
            "call" => return self.call(image).map(Some),
            "level" => self.level(image)?,
            "advance" => {
                let (column, word) = self.word("a time in microseconds")?;
                let us = parse_whole(word).and_then(|n| u64::try_from(n).ok());
                let us = us.ok_or_else(|| (column, ScriptErrorKind::Time { found: word.to_owned() }))?;
                Action::Advance { us }
            }
            _ => return Err((column, ScriptErrorKind::Command { found: command.to_owned() })),
        };
        self.finish()?;
        Ok(Some(action))
    }

    fn call(mut self, image: &Image<'_>) -> Place<Action> {
        let (column, name) = self.word("the name of an export")?;
        let known = image.find(name).and_then(|export| Some((export, image.signature(export)?)));
        let Some((export, signature)) = known else {
            let ids = (0..image.exports().len()).map(|n| ExportId(n as u16));
            let names = ids.flat_map(|id| [image.name(id), image.key(id)]).flatten();
            let kind = ScriptErrorKind::Export { found: name.to_owned(), nearest: nearest(name, names) };
            return Err((column, kind));
        };
        let (columns, words): (Vec<usize>, Vec<&str>) = self.words.unzip();
        let args = parse_args(name, signature, &words)
            .map_err(|(n, kind)| (columns.get(n).copied().unwrap_or(self.end), kind))?;
        Ok(Action::Call { name: name.to_owned(), export, args })
    }

    fn level(&mut self, image: &Image<'_>) -> Place<Action> {
        let (column, word) = self.word("a line, then its level")?;
        let line = find_line(image, word).map_err(|kind| (column, kind))?;
        let pin = image.pins().iter().find(|pin| pin.line() == line);
        if pin.is_some_and(|pin| pin.mode() == PinMode::Out) {
            return Err((column, ScriptErrorKind::Output { line }));
        }
        let (column, word) = self.word("a level, 0 or 1")?;
        let high = match word {
            "0" => false,
            "1" => true,
            _ => return Err((column, ScriptErrorKind::Level { found: word.to_owned() })),
        };
        Ok(Action::Level { line, high })
    }
}

/// The line that a word names: a pin of the manifest, else a number.
fn find_line(image: &Image<'_>, word: &str) -> Result<Line, ScriptErrorKind> {
    // Without a block that holds there are no names, and numbers still serve.
    let manifest = image.manifest().unwrap_or_default();
    let named = manifest.pins.iter().find(|pin| pin.name == word).map(|pin| pin.line);
    let number = || parse_whole(word).and_then(|n| u8::try_from(n).ok());
    named.or_else(number).and_then(Line::new).ok_or_else(|| ScriptErrorKind::Line {
        found: word.to_owned(),
        nearest: nearest(word, manifest.pins.iter().map(|pin| pin.name)),
    })
}

/// Characters of a name that is compared with others.
const MOST_COMPARED: usize = 64;

/// The key that ends with this name behind its namespace, else the most similar name, if one is similar
/// enough to be what was meant.
fn nearest<'n>(found: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let is_end = |name: &&&str| name.rsplit_once('.').is_some_and(|(_, word)| word == found);
    if let Some(key) = names.iter().find(is_end) {
        return Some((*key).to_owned());
    }
    // The distance takes time in the product of the lengths.
    if found.chars().nth(MOST_COMPARED).is_some() {
        return None;
    }
    names
        .into_iter()
        .filter(|name| !name.is_empty() && name.chars().nth(MOST_COMPARED).is_none())
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .filter(|(distance, name)| *distance * 2 <= name.chars().count().min(found.chars().count()))
        .min()
        .map(|(_, name)| name.to_owned())
}
