//! What can be wrong in a script.

use std::fmt;

use xmap_boards::Line;
use xmap_image::Ty;
use xmap_image::limits::MAX_MODULES;

use super::MAX_STEPS;
use crate::value::expected;

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

/// The kind of an error of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptErrorKind {
    /// The first word of a line is no command.
    Command {
        /// The word.
        found: String,
        /// The command with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// The line ends too early.
    Missing {
        /// What should come.
        expected: &'static str,
    },
    /// Another word was expected.
    Word {
        /// What should stand there.
        expected: &'static str,
        /// The word.
        found: String,
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
    /// Another number of results is expected than the export has.
    Results {
        /// The export.
        name: String,
        /// How many it has.
        expected: usize,
        /// How many stand there.
        given: usize,
    },
    /// A result that is expected is not of its type.
    Result {
        /// The word.
        found: String,
        /// What its type's values are.
        expected: &'static str,
    },
    /// Neither the number of a line nor a name in the manifest.
    Line {
        /// The word.
        found: String,
        /// The last line of the image's board.
        last: u8,
        /// The pin with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// The manifest has no such device on a bus.
    Device {
        /// The name.
        found: String,
        /// The device with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// The line is an output of the module.
    Output {
        /// The line.
        line: Line,
    },
    /// A level is none of its words.
    Level {
        /// The word.
        found: String,
    },
    /// A time is no whole number of microseconds, 0 to 2^64-1.
    Time {
        /// The word.
        found: String,
    },
    /// A time of the wall clock is none from 1970 on.
    Stamp {
        /// The word.
        found: String,
    },
    /// No trap has this name.
    Trap {
        /// The word.
        found: String,
        /// The trap with the most similar name, where one is similar.
        nearest: Option<String>,
    },
    /// A file that is to be swapped in is no panel.
    File {
        /// The file.
        found: String,
        /// Why.
        why: String,
    },
    /// The panel was unmounted before.
    Unmounted {
        /// In this line.
        line: usize,
    },
    /// Several panels have an export or a line with this name.
    Ambiguous {
        /// The name.
        found: String,
        /// The names that say which.
        keys: Vec<String>,
    },
    /// A device has no room for another panel.
    Full,
    /// The manifest does not say how long a host may be silent.
    NoTimeout,
    /// An `end` without a `repeat`.
    NoBlock,
    /// A `repeat` without an `end`.
    NoEnd,
    /// The script has more than [`MAX_STEPS`] steps as it is played.
    Long,
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
            Self::Command { found, nearest } => {
                write!(f, "`{found}` is no command")?;
                hint(f, nearest)
            }
            Self::Missing { expected } => write!(f, "the line ends too early: expected {expected}"),
            Self::Word { expected, found } => write!(f, "expected {expected}, found `{found}`"),
            Self::Extra { found } => write!(f, "expected the end of the line, found `{found}`"),
            Self::Export { found, nearest } => {
                write!(f, "the image has no export `{found}`")?;
                hint(f, nearest)
            }
            Self::Arguments { name, expected, given } => {
                let types: Vec<_> = expected.iter().map(|ty| ty.name()).collect();
                let count = count(expected.len(), "argument");
                write!(f, "{name}({}) takes {count}, {given} given", types.join(", "))
            }
            Self::Argument { found, ty } => write!(f, "expected {}, found `{found}`", expected(*ty)),
            Self::Results { name, expected, given } => {
                write!(f, "{name} has {}, {given} expected", count(*expected, "result"))
            }
            Self::Result { found, expected } => write!(f, "expected {expected}, found `{found}`"),
            Self::Line { found, last, nearest } => {
                write!(f, "expected a line, 0 to {last} or a pin's name, found `{found}`")?;
                hint(f, nearest)
            }
            Self::Device { found, nearest } => {
                write!(f, "the manifest has no device `{found}` on a bus")?;
                hint(f, nearest)
            }
            Self::Output { line } => {
                write!(f, "line {line} is an output of the module: nothing else may drive it")
            }
            Self::Level { found } => write!(f, "expected a level, 0, 1, low or high, found `{found}`"),
            Self::Time { found } => {
                write!(f, "expected a time, in microseconds or as `5ms`, `1.5s`, `2min`, found `{found}`")
            }
            Self::Stamp { found } => write!(
                f,
                "expected a time with its offset, as 2026-11-28T07:00:00+01:00 or 2026-11-28T06:00:00Z, found `{found}`"
            ),
            Self::Trap { found, nearest } => {
                write!(f, "no trap is called `{found}`")?;
                hint(f, nearest)
            }
            Self::File { found, why } => write!(f, "`{found}` cannot be loaded: {why}"),
            Self::Ambiguous { found, keys } => {
                write!(f, "several panels have a `{found}`: say {}", keys.join(" or "))
            }
            Self::Full => write!(f, "a device has room for {MAX_MODULES} panels"),
            Self::Unmounted { line } => write!(f, "the panel was unmounted in line {line}"),
            Self::NoTimeout => {
                f.write_str("the manifest does not say how long a host may be silent (`link_timeout_ms`)")
            }
            Self::NoBlock => f.write_str("there is no `repeat` to end here"),
            Self::NoEnd => f.write_str("this `repeat` has no `end`"),
            Self::Long => write!(f, "with its repetitions the script has more than {MAX_STEPS} steps"),
        }
    }
}

impl std::error::Error for ScriptError {}

fn count(n: usize, one: &str) -> String {
    match n {
        0 => format!("no {one}s"),
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}
