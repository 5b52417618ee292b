//! Scripts: what happens to a panel during a run and what is expected of it, one step a line.
//!
//! ```text
//! # A visitor presses the button for 20 ms.
//! call gpio_set 17 true        # an export, by its wasm name or its key, and its arguments
//! press button for 20ms        # a line, by number or by the manifest's name
//! expect lamp high within 5ms
//! call presses -> 1            # the results that it must have
//! ```
//!
//! A script is checked as a whole against the image before its first step runs. docs/scripts.md is the
//! reference for people.

mod chips;
mod error;
mod read;
mod words;

use tiny_mapper::TrapCode;
use xmap_boards::Line;
use xmap_image::{ExportId, Image, OwnedImage};

use crate::Arguments;

pub(crate) use chips::places;
pub use chips::{Chip, ChipPlace, ChipStep};
pub use error::{ScriptError, ScriptErrorKind};
pub use read::{MAX_STEPS, parse_args};

/// A script that has been checked against an image.
#[derive(Clone, Debug)]
pub struct Script {
    steps: Vec<Step>,
}

/// One step, and where it stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line of the script, from 1.
    pub at: usize,
    /// What is done.
    pub action: Action,
}

/// The action of a step.
#[derive(Clone, Debug)]
pub enum Action {
    /// Calls an export.
    Call {
        /// The module that has it.
        module: u8,
        /// The export, as the script names it.
        name: String,
        /// The export.
        export: ExportId,
        /// The arguments.
        args: Arguments,
        /// The results that it must have, as they are printed.
        results: Option<Vec<String>>,
    },
    /// Connects a level to a line.
    Level {
        /// The line.
        line: Line,
        /// Its level.
        high: bool,
    },
    /// Disconnects what was connected to a line.
    Release {
        /// The line.
        line: Line,
    },
    /// Turns the level of a line round for a time, in which everything goes on.
    Press {
        /// The line.
        line: Line,
        /// Microseconds.
        us: u64,
    },
    /// Drives a line later, also in the middle of a call that waits.
    At {
        /// When.
        when: When,
        /// The line.
        line: Line,
        /// What is done to it then.
        drive: Drive,
    },
    /// Lets time pass.
    Advance {
        /// Microseconds.
        us: u64,
    },
    /// Sets the wall clock, as a host does.
    SetClock {
        /// Microseconds since 1970.
        unix_us: i64,
    },
    /// Lets time pass until the wall clock shows a time.
    AdvanceTo {
        /// Microseconds since 1970.
        unix_us: i64,
    },
    /// Holds a line against a level: now, or at some point of the time that passes until it has it.
    Expect {
        /// The line.
        line: Line,
        /// The level.
        high: bool,
        /// The longest time that passes, in microseconds; `None` lets none pass.
        within_us: Option<u64>,
    },
    /// Holds the results of the latest call of an export against values.
    ExpectResults {
        /// The export, as the script names it.
        name: String,
        /// Its key.
        key: String,
        /// The results, as they are printed.
        results: Vec<String>,
    },
    /// Expects a trap of the step before.
    ExpectTrap {
        /// Why it stopped.
        code: TrapCode,
        /// The file, or the end of its path, and the line.
        place: Option<(String, u32)>,
    },
    /// Expects a message of the step before that contains a text.
    ExpectLog {
        /// The text.
        text: String,
    },
    /// Does something to a device on a bus.
    Device {
        /// Its name in the manifest.
        name: String,
        /// Where it is.
        at: ChipPlace,
        /// What is done.
        step: ChipStep,
    },
    /// Loads another panel beside those that run, as the next module of the device.
    Beside {
        /// The module that it becomes.
        module: u8,
        /// The file, as the script names it.
        file: String,
        /// The image.
        image: OwnedImage,
    },
    /// Puts another image in the place of the one that runs.
    Swap {
        /// The module: the one whose panel has the same name, else the first.
        module: u8,
        /// The file, as the script names it.
        file: String,
        /// The image.
        image: OwnedImage,
    },
    /// Loads all modules anew, as a host can ask for.
    Reset,
    /// Ends all panels: `on_unmount`, then the safe states.
    Unmount,
    /// Lets time pass until the module has given up its host.
    LoseHost {
        /// The time that the manifest gives a host, in microseconds.
        us: u64,
    },
    /// A host is heard again.
    FindHost,
    /// Plays steps several times. [`Script::unrolled`] has no such step.
    Repeat {
        /// How often.
        times: u32,
        /// The steps.
        steps: Vec<Step>,
    },
}

impl Action {
    /// Returns whether it only looks at what the steps before it did.
    pub const fn expects(&self) -> bool {
        matches!(
            self,
            Self::Expect { .. }
                | Self::ExpectResults { .. }
                | Self::ExpectTrap { .. }
                | Self::ExpectLog { .. }
                | Self::Device { step: ChipStep::Expect { .. }, .. }
        )
    }
}

/// A time of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Microseconds since the board was made.
    Since(u64),
    /// Microseconds from the step on.
    In(u64),
}

/// A drive of a line from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A level is connected.
    Level(bool),
    /// What was connected is not any more.
    Release,
    /// The level is turned round for this time, in microseconds.
    Press(u64),
}

impl Script {
    /// Reads a script and checks all of it against an image. Files that it would swap in are not opened.
    ///
    /// # Errors
    /// The first mistake: see [`ScriptErrorKind`]. Whether a line of mode `inout` is an input is
    /// known only when the step runs.
    pub fn parse(text: &str, image: &Image<'_>) -> Result<Self, ScriptError> {
        let mut none = |_: &str| Err("this script is played without files".to_owned());
        Self::read(text, &[*image], &mut none).map_err(|mut errors| errors.swap_remove(0))
    }

    /// Reads a script and checks all of it against the images that run, by the numbers of their modules, and
    /// behind each `swap` and `beside` against the one that `open` gives for its file.
    ///
    /// # Errors
    /// Every mistake, in the order of the text; at least one.
    pub fn read(
        text: &str,
        images: &[Image<'_>],
        open: &mut dyn FnMut(&str) -> Result<OwnedImage, String>,
    ) -> Result<Self, Vec<ScriptError>> {
        read::read(text, images, open).map(|steps| Self { steps })
    }

    /// The steps, in the order of the text.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The steps as they are played: those of a `repeat` as often as it says, and itself not at all.
    pub fn unrolled(&self) -> Unrolled<'_> {
        Unrolled { open: vec![(self.steps.iter(), &[], 0)] }
    }
}

/// The steps of a script as they are played.
#[derive(Clone, Debug)]
pub struct Unrolled<'s> {
    /// For each block that is open, what is left of this round, the block and the rounds behind this one.
    open: Vec<(std::slice::Iter<'s, Step>, &'s [Step], u32)>,
}

impl<'s> Iterator for Unrolled<'s> {
    type Item = &'s Step;

    fn next(&mut self) -> Option<&'s Step> {
        loop {
            let (steps, block, rounds) = self.open.last_mut()?;
            match steps.next() {
                Some(Step { action: Action::Repeat { times, steps }, .. }) => {
                    if let Some(rounds) = times.checked_sub(1) {
                        self.open.push((steps.iter(), steps, rounds));
                    }
                }
                Some(step) => return Some(step),
                None if *rounds > 0 => {
                    *rounds -= 1;
                    *steps = block.iter();
                }
                None => _ = self.open.pop(),
            }
        }
    }
}
