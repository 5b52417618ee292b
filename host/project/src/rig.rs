//! A panel on the simulated board, for tests in Rust: names for lines and exports, and failures that say
//! where.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tiny_mapper::Trap;
use xmap_boards::Line;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::map::SourceMap;
use xmap_sim::{CallError, Player, Sim, SimError, Value, time};

use crate::{Note, ScriptFile, build::panel, traps};

/// A panel on the simulated board. It is a [`Sim`] as well, for whatever has no shorter way here.
///
/// Its methods panic where something is not as it says, at the line of the test, with the panel's names and,
/// for a trap, with the line of the panel's source.
#[derive(Debug)]
pub struct Rig {
    sim: Sim,
    map: Option<SourceMap>,
    path: PathBuf,
}

impl Deref for Rig {
    type Target = Sim;

    fn deref(&self) -> &Sim {
        &self.sim
    }
}

impl DerefMut for Rig {
    fn deref_mut(&mut self) -> &mut Sim {
        &mut self.sim
    }
}

impl Rig {
    /// Builds a panel, where a source is newer than its module, compiles it and mounts it on a new board. An
    /// image and a module without a manifest do as well.
    ///
    /// # Errors
    /// Everything that is wrong with the panel.
    pub fn from_manifest(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        let path = path.as_ref();
        let mut note = |note: Note<'_>| match note {
            Note::Runs(command) => eprintln!("running {command}"),
            Note::Said(text) => eprintln!("{text}"),
            Note::Warnings(warnings) => eprintln!("{warnings}"),
        };
        let (image, map) = panel(path, &mut note)?;
        match Sim::from_image(image) {
            Ok(sim) => Ok(Self { sim, map, path: path.to_path_buf() }),
            Err(SimError::Mount { error, .. }) => Err(traps::refused(path, map.as_ref(), &error).into()),
            Err(error) => {
                let message = format!("{}: {error}", path.display());
                Err(Diagnostic::new(Code::ImageInvalid, Place::file(path), message).into())
            }
        }
    }

    /// Calls an export and returns its results.
    ///
    /// # Panics
    /// Where it traps, or does not fit.
    #[track_caller]
    pub fn call(&mut self, name: &str, args: &[Value]) -> Vec<Value> {
        match self.sim.call(name, args) {
            Ok(values) => values,
            Err(CallError::Trap(trap)) => panic!("{name} trap {}: {}", trap.code, self.trap(&trap)),
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// Calls an export that must trap, and returns the trap.
    ///
    /// # Panics
    /// Where it returns, or does not fit.
    #[track_caller]
    pub fn call_traps(&mut self, name: &str, args: &[Value]) -> Trap {
        match self.sim.call(name, args) {
            Err(CallError::Trap(trap)) => trap,
            Ok(values) => panic!("{name} returned {values:?}, and should have trapped"),
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// The lines of the panel's source that a trap is at, each as `file:line:column`.
    pub fn places(&self, trap: &Trap) -> Vec<String> {
        traps::places(&self.map, trap)
    }

    /// Connects a level to a line.
    ///
    /// # Panics
    /// Where there is no such line, or it is an output.
    #[track_caller]
    pub fn drive(&mut self, line: &str, high: bool) {
        let line = self.find(line);
        self.sim.set_input(line, high).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Turns the level of a line round for a time, in which everything goes on.
    ///
    /// # Panics
    /// As [`Rig::drive`], and where time does not pass.
    #[track_caller]
    pub fn press(&mut self, line: &str, hold: Duration) {
        let line = self.find(line);
        self.sim.press(line, micros(hold)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Lets time pass.
    ///
    /// # Panics
    /// Where it does not.
    #[track_caller]
    pub fn wait(&mut self, for_: Duration) {
        self.sim.pass(micros(for_)).unwrap_or_else(|standstill| panic!("{standstill}"));
    }

    /// Lets time pass until a line has a level.
    ///
    /// # Panics
    /// Where it does not have it in this time.
    #[track_caller]
    pub fn wait_until(&mut self, line: &str, high: bool, within: Duration) {
        let number = self.find(line);
        let reached = self.sim.pass_until_level(micros(within), number, high);
        if !reached.unwrap_or_else(|standstill| panic!("{standstill}")) {
            let (within, now) = (time(micros(within)), time(self.sim.time_us()));
            panic!("`{line}` is not {} within {within}: it is {} at {now}", word(high), word(!high));
        }
    }

    /// Holds levels of lines against what they must be.
    ///
    /// # Panics
    /// Where one is another: all of those are named.
    #[track_caller]
    pub fn assert_levels(&self, levels: &[(&str, bool)]) {
        let wrong = levels.iter().filter(|(line, high)| self.sim.level(self.find(line)) != *high);
        let wrong: Vec<String> = wrong
            .map(|(line, high)| format!("`{line}` is {} and not {}", word(!high), word(*high)))
            .collect();
        assert!(wrong.is_empty(), "at {}: {}", time(self.sim.time_us()), wrong.join(", "));
    }

    /// Plays the text of a script.
    ///
    /// # Panics
    /// Where a line is wrong, cannot be played, or expects what is not so.
    #[track_caller]
    pub fn play(&mut self, script: &str) {
        let path = self.path.with_file_name("script");
        let file = ScriptFile::parse(&path, script.to_owned(), &[self.sim.image()], &mut |_| {});
        let file = file.unwrap_or_else(|errors| panic!("{errors}"));
        let map = self.map.clone();
        let places = |trap: &Trap| traps::places(map.iter().chain(file.maps()), trap);
        let mut player = Player::new(&mut self.sim, &mut |_| {}).with_places(&places);
        let mut played = file.script().unrolled().map(|step| player.play(&mut self.sim, step, &mut |_| {}));
        let error = played.find_map(Result::err);
        drop(played);
        let error = error.or_else(|| player.finish(&mut self.sim).err());
        if let Some(error) = error {
            panic!("{}", Diagnostics::from(file.diagnose(&error)));
        }
    }

    fn trap(&self, trap: &Trap) -> String {
        match traps::origin(&self.map, trap) {
            Some(origin) => format!("{} at {origin}", traps::reason(trap)),
            None => traps::reason(trap),
        }
    }

    #[track_caller]
    fn find(&self, line: &str) -> Line {
        let number = || line.parse().ok().and_then(Line::new);
        self.sim.line(line).or_else(number).unwrap_or_else(|| panic!("the panel has no line `{line}`"))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn word(high: bool) -> &'static str {
    if high { "high" } else { "low" }
}
