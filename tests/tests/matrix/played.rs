//! What a script left on a target, and the simulator's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac_sha256::Hash;
use xmap_boards::{LineSet, RPI4B};
use xmap_client::Noted;
use xmap_link::ring::RingEvent;
use xmap_sim::{Access, Script, Sim};
use xmap_tools::linux::Store;

use crate::chips::{begin_alike, carried};
use crate::{Compiled, Run};

/// What a script left.
pub(crate) struct Played {
    /// The plain trace.
    pub(crate) trace: String,
    /// Levels of the declared lines after the mount and after each step.
    pub(crate) levels: Vec<LineSet>,
    /// Stores to set and clear registers from the first of the mount on: `GPSET0 0x00020000`.
    pub(crate) stores: Vec<String>,
    /// What its buses carried, without stop conditions: the simulator has none of a chip that is not there.
    pub(crate) carried: Vec<String>,
    /// What the device noted of calls, without times, by the numbers of the events: as far as it is held.
    pub(crate) noted: BTreeMap<u32, String>,
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
        found.extend(difference("on the buses, event", &reference.carried, &self.carried));
        found.extend(self.other_event(reference));
        found
    }

    /// Returns the first event that is not as the reference has it. What one of them has overwritten is not
    /// compared; each has the last.
    fn other_event(&self, reference: &Played) -> Option<String> {
        let last = |of: &Played| of.noted.last_key_value().map(|(number, _)| *number);
        if last(self) != last(reference) {
            return Some(format!("the last event: expected {:?}, found {:?}", last(reference), last(self)));
        }
        self.noted.iter().find_map(|(number, found)| {
            let expected = reference.noted.get(number).filter(|expected| *expected != found)?;
            Some(format!("event {number}: expected `{expected}`, found `{found}`"))
        })
    }

    /// The SHA-256 of the stores and of what buses carried, one in a line.
    pub(crate) fn hash(&self) -> String {
        let mut text = self.stores.join("\n");
        text += "\n";
        self.carried.iter().for_each(|event| text += &format!("{event}\n"));
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

/// Stores as lines. Without those that select functions or pulls, as they depend on what was there, and those
/// to lines of buses alone: a driver of bare metal latches the lines of its bus before it takes them.
pub(crate) fn driving(stores: &[Store], bus_lines: LineSet) -> Vec<String> {
    let accesses = stores.iter().filter_map(|store| {
        let register = RPI4B.register_at(store.offset)?;
        Some(Access { write: true, register, value: store.value })
    });
    let of_a_bus = |access: &Access| {
        let bank = access.register.bank();
        access.value != 0 && bank.is_some_and(|bank| access.value & !bus_lines.bank(bank) == 0)
    };
    let of_the_panel = accesses.filter(|access| access.drives() && !of_a_bus(access));
    of_the_panel.map(|access| access.to_string()).collect()
}

/// Returns events without what is another on each target: times, and how long transfers took.
pub(crate) fn without_times(noted: &Noted) -> BTreeMap<u32, String> {
    let shown = |event: RingEvent<'_>| match event {
        RingEvent::Bus { bus, number, address, status, .. } => {
            format!("{} {number} {address} {status}", bus.name())
        }
        other => format!("{other:?}"),
    };
    noted.events().map(|(number, _, event)| (number, shown(event))).collect()
}

/// A panel on the simulator.
pub(crate) fn simulated(compiled: &Compiled) -> Run {
    let mut sim = Sim::from_words(compiled.words.clone()).map_err(|error| error.to_string())?;
    let declared = sim.image().declared();
    let (mut trace, mut levels) = (String::new(), Vec::new());
    sim.show_new(&mut |line| trace += &format!("{line}\n"));
    levels.push(sim.board().levels() & declared);
    for line in compiled.lines() {
        let step = Script::parse(line, &sim.image()).map_err(|error| error.to_string())?;
        xmap_sim::run(&mut sim, &step, &mut |shown| trace += &format!("{shown}\n"))
            .map_err(|error| format!("{line}: {error}"))?;
        begin_alike(&mut sim, &step.steps()[0].action);
        levels.push(sim.board().levels() & declared);
    }
    let stores = sim.trace().filter(|access| access.drives()).map(ToString::to_string).collect();
    // The script as a whole is one that the simulator takes, too.
    Script::parse(&compiled.script, &sim.image()).map_err(|error| error.to_string())?;
    let mut noted = Noted::new();
    while noted.take(sim.device().ring(noted.next()).ok_or("the simulator notes nothing")?) {}
    let (carried, noted) = (carried(&sim), without_times(&noted));
    Ok(Played { trace, levels, stores, carried, noted })
}
