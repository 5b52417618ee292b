//! Running a script, and the plain trace of a run.

use std::fmt;

use tiny_mapper::{CallError, LogLevel, Trap};
use xmap_image::{ExportId, Plain};
use xmap_link::Life;

use crate::{Access, Action, Contention, EventKind, Script, Sim, Standstill, Value};

/// Runs a script and shows, in order, what the plain trace of the run has: first what the module did since
/// the simulation began or was last asked ([`Sim::show_new`]), so for a new simulation its start function,
/// `_initialize` and `on_mount`; then, for each step, its stores and messages, the traps of the handlers that
/// ran in it, and a call's outcome.
///
/// A trap does not end the run. What follows it for the module, its policy says.
///
/// # Errors
/// [`StepError`] where a `level` meets a line that is an output at that time, or where time does not pass.
/// The steps before it have run, and what the step itself did up to there has been shown.
///
/// # Panics
/// Where a call's export or arguments do not fit the image: the script was checked against another one.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use xmap_sim::{Script, Sim, run};
///
/// let mut sim = Sim::load(&std::fs::read("panel.xmap")?)?;
/// let script = Script::parse("call lamp_on\nadvance 1000\n", &sim.image())?;
/// run(&mut sim, &script, &mut |shown| println!("{shown}"))?;
/// # Ok(()) }
/// ```
pub fn run(sim: &mut Sim, script: &Script, show: &mut dyn FnMut(Shown)) -> Result<(), StepError> {
    sim.show_new(show);
    // Traps of before were the outcomes of calls that others made.
    _ = sim.new_traps();
    for step in script.steps() {
        let error = |kind| StepError { line: step.at, kind };
        let (outcome, us) = match &step.action {
            Action::Call { name, export, args } => (Some(call(sim, name, *export, args)), 0),
            Action::Level { line, high } => {
                let driven = sim.board_mut().drive(*line, Some(*high));
                driven.map_err(|contention| error(StepErrorKind::Contention(contention)))?;
                (None, 0)
            }
            Action::Advance { us } => (None, *us),
        };
        let passed = sim.pass(us);
        sim.show_new(show);
        let mut traps = sim.new_traps();
        if let Some(Shown::Trapped { trap, .. }) = &outcome {
            // The call's own trap happened as well, and is its outcome.
            let own = traps.iter().rposition(|(_, other)| other == trap);
            own.map(|at| traps.remove(at));
        }
        traps.into_iter().for_each(|(name, trap)| show(Shown::HandlerTrapped { name, trap }));
        outcome.into_iter().for_each(&mut *show);
        passed.map_err(|standstill| error(StepErrorKind::Standstill(standstill)))?;
    }
    Ok(())
}

fn call(sim: &mut Sim, name: &str, export: ExportId, args: &[u64]) -> Shown {
    let name = name.to_owned();
    match sim.call_alone(export, args) {
        Ok(values) => Shown::Returned { name, values },
        Err(CallError::Trap(trap)) => Shown::Trapped { name, trap },
        Err(_) if sim.status().life == Life::Faulted => Shown::Faulted { name },
        Err(error) => unreachable!("the script was checked against the image: {error}"),
    }
}

impl Shown {
    /// What the plain trace shows of an event: stores to `GPSETn` and `GPCLRn`, and messages.
    pub(crate) fn of(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::Access(access) if access.drives() => Some(Self::Store(*access)),
            EventKind::Log { level, text } => Some(Self::Log(*level, text.clone())),
            _ => None,
        }
    }
}

/// A step that could not be run, though the script is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// The line of the script, from 1.
    pub line: usize,
    /// What was in the way.
    pub kind: StepErrorKind,
}

/// What is in the way of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepErrorKind {
    /// A level from outside meets an output.
    Contention(Contention),
    /// Time does not pass.
    Standstill(Standstill),
}

impl fmt::Display for StepErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contention(contention) => contention.fmt(f),
            Self::Standstill(standstill) => standstill.fmt(f),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl std::error::Error for StepError {}

/// Something that a run shows, in its order. Prints as a line of the plain trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A store to `GPSETn` or `GPCLRn`: `GPSET0 0x00020000`.
    Store(Access),
    /// A message of the module: `log INFO ready`.
    Log(LogLevel, String),
    /// A call that returned: `add -> 5`.
    Returned {
        /// The export, as the script names it.
        name: String,
        /// The results.
        values: Vec<Value>,
    },
    /// A call that did not: `add trap fuel`.
    Trapped {
        /// The export, as the script names it.
        name: String,
        /// Why, and where.
        trap: Trap,
    },
    /// A handler, or another function that the device calls by itself, that did not return:
    /// `panel.on_tick trap fuel`.
    HandlerTrapped {
        /// Its key; `start` for the start function.
        name: String,
        /// Why, and where.
        trap: Trap,
    },
    /// A call that the module does not take, as it rests after a fault: `add faulted`.
    Faulted {
        /// The export, as the script names it.
        name: String,
    },
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(access) => access.fmt(f),
            Self::Log(level, text) => write!(f, "log {} {}", level.name(), Plain(text)),
            Self::Returned { name, values } => {
                write!(f, "{name} ->")?;
                values.iter().try_for_each(|value| write!(f, " {value}"))
            }
            Self::Trapped { name, trap } | Self::HandlerTrapped { name, trap } => {
                write!(f, "{name} trap {}", trap.code)
            }
            Self::Faulted { name } => write!(f, "{name} faulted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        let shown = Shown::Log(tiny_mapper::LogLevel::Warn, "a\nb\\ é\u{7}".to_owned());
        assert_eq!(shown.to_string(), r"log WARN a\nb\ é\u{7}");
    }
}
