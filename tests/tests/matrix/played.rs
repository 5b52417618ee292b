//! What a script left on a target, and the simulator's.

use std::fmt::Write as _;
use std::fs;

use hmac_sha256::Hash;
use xmap_boards::{LineSet, RPI4B};
use xmap_sim::{Access, Script, Sim};
use xmap_tools::linux::Store;

use crate::act::script;
use crate::{Compiled, Run};

/// What a script left.
pub(crate) struct Played {
    /// The plain trace.
    pub(crate) trace: String,
    /// Levels of the declared lines after the mount and after each step.
    pub(crate) levels: Vec<LineSet>,
    /// Stores to set and clear registers from the first of the mount on: `GPSET0 0x00020000`.
    pub(crate) stores: Vec<String>,
}

impl Played {
    /// Returns what is not as the committed trace and the reference have it, each in a line.
    pub(crate) fn differences(&self, expected: &str, reference: Option<&Played>) -> Vec<String> {
        let mut found = Vec::new();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        found.extend(difference("the committed trace, line", &lines(expected), &lines(&self.trace)));
        let Some(reference) = reference else {
            found.push("there is no simulator's run to compare with".into());
            return found;
        };
        let shown = |levels: &[LineSet]| levels.iter().map(|level| format!("{level:?}")).collect::<Vec<_>>();
        found.extend(difference("levels after step", &shown(&reference.levels), &shown(&self.levels)));
        found.extend(difference("store", &reference.stores, &self.stores));
        found
    }

    /// The SHA-256 of the stores, one in a line.
    pub(crate) fn hash(&self) -> String {
        let mut text = self.stores.join("\n");
        text += "\n";
        Hash::hash(text.as_bytes()).iter().fold(String::new(), |mut hash, byte| {
            _ = write!(hash, "{byte:02x}");
            hash
        })
    }
}

/// The first place where two lists differ.
fn difference(what: &str, expected: &[String], found: &[String]) -> Option<String> {
    let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
    let shown = |list: &[String]| list.get(at).map_or("the end".into(), |line| format!("`{line}`"));
    Some(format!("{what} {}: expected {}, found {}", at + 1, shown(expected), shown(found)))
}

/// Stores as lines; those that select functions or pulls are not in it, as they depend on what was there.
pub(crate) fn driving(stores: &[Store]) -> Vec<String> {
    let accesses = stores.iter().filter_map(|store| {
        let register = RPI4B.register_at(store.offset)?;
        Some(Access { write: true, register, value: store.value })
    });
    accesses.filter(Access::drives).map(|access| access.to_string()).collect()
}

/// A panel on the simulator.
pub(crate) fn simulated(compiled: &Compiled) -> Run {
    let mut sim = Sim::from_words(compiled.words.clone()).map_err(|error| error.to_string())?;
    let declared = sim.image().declared();
    let (mut trace, mut levels) = (String::new(), Vec::new());
    sim.show_new(&mut |line| trace += &format!("{line}\n"));
    levels.push(sim.board().levels() & declared);
    for line in script(&compiled.panel) {
        let step = Script::parse(&line, &sim.image()).map_err(|error| error.to_string())?;
        xmap_sim::run(&mut sim, &step, &mut |shown| trace += &format!("{shown}\n"))
            .map_err(|error| format!("{line}: {error}"))?;
        levels.push(sim.board().levels() & declared);
    }
    let stores = sim.trace().filter(|access| access.drives()).map(ToString::to_string).collect();
    let whole = fs::read_to_string(compiled.panel.script_path()).map_err(|error| error.to_string())?;
    // The script as a whole is one that the simulator takes, too.
    Script::parse(&whole, &sim.image()).map_err(|error| error.to_string())?;
    Ok(Played { trace, levels, stores })
}
