//! The measuring: times in rounds, counts under callgrind, bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _};
use xmap_tools::process;

use super::{PEERS, Peer, Programs, RUN_LIMIT};

/// Rounds of a task under callgrind: the difference of the two runs is what the rounds between them take.
const COUNTED: [u32; 2] = [10_000, 110_000];

/// What was measured of one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// For each task, its time in each round, in nanoseconds.
    pub(super) times: BTreeMap<String, Vec<f64>>,
    /// For each task that is counted, x86-64 instructions of one call of `gpio.set`.
    pub(super) counts: BTreeMap<&'static str, f64>,
    /// Bytes on the heap that one more loaded panel holds, its linear memory left out.
    pub(super) heap: Option<u64>,
    /// Bytes of `.text` and of `.rodata` beyond those of the program without an engine.
    pub(super) size: Option<[u64; 2]>,
}

/// What was measured, by the peers' names.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(BTreeMap<&'static str, Measured>);

impl Figures {
    /// Measures everything.
    pub(super) fn measure(programs: &Programs, rounds: u32) -> Result<Self> {
        let mut figures = Self::default();
        for round in 1..=rounds {
            eprintln!("times, round {round} of {rounds} ...");
            for peer in PEERS {
                for line in programs.run(peer, "", &["time"])?.lines() {
                    let (task, time) = line.split_once(' ').context("a line of a peer is TASK TIME")?;
                    let times = &mut figures.of(peer).times;
                    times.entry(task.to_owned()).or_default().push(time.parse()?);
                }
            }
        }
        let without = size(&programs.path(PEERS[0], "-mini"))?;
        for peer in PEERS {
            let said = programs.run(peer, "-heap", &[])?;
            figures.of(peer).heap = said.trim().strip_prefix("heap ").map(str::parse).transpose()?;
            if peer.package != PEERS[0].package {
                let [text, rodata] = size(&programs.path(peer, "-mini"))?;
                figures.of(peer).size =
                    Some([text.saturating_sub(without[0]), rodata.saturating_sub(without[1])]);
            }
        }
        match valgrind() {
            Ok(_) => figures.count(programs)?,
            Err(error) => eprintln!("error: {error:#}\nerror: no instructions were counted"),
        }
        Ok(figures)
    }

    /// A peer's figures.
    pub(super) fn get(&self, name: &str) -> Option<&Measured> {
        self.0.get(name)
    }

    /// Returns whether instructions were counted.
    pub(super) fn has_counts(&self) -> bool {
        self.0.values().any(|measured| !measured.counts.is_empty())
    }

    fn of(&mut self, peer: Peer) -> &mut Measured {
        self.0.entry(peer.name).or_default()
    }

    fn count(&mut self, programs: &Programs) -> Result<()> {
        // The task, and how many calls of `gpio.set` a round has.
        for (task, calls) in [("call", 1.0), ("blink", 2.0), ("blink-line", 2.0)] {
            eprintln!("instructions, {task} ...");
            for peer in PEERS {
                let [few, many] = COUNTED;
                let rounds = f64::from(many - few);
                let between = collected(programs, peer, task, many)? - collected(programs, peer, task, few)?;
                self.of(peer).counts.insert(task, between / rounds / calls);
            }
        }
        Ok(())
    }

    /// The median over the rounds of a peer's time.
    pub(super) fn time(&self, name: &str, task: &str) -> Option<f64> {
        median(self.get(name)?.times.get(task)?.clone())
    }

    /// The median over the rounds of a peer's time to that of a reference in the same round.
    pub(super) fn ratio(&self, name: &str, reference: &str, task: &str) -> Option<f64> {
        let (times, references) = (self.get(name)?.times.get(task)?, self.get(reference)?.times.get(task)?);
        median(times.iter().zip(references).map(|(time, reference)| time / reference).collect())
    }
}

/// The version of valgrind.
///
/// # Errors
/// It is not there.
pub(super) fn valgrind() -> Result<String> {
    let mut version = Command::new("valgrind");
    let said = process::run(version.arg("--version"), RUN_LIMIT)
        .context("valgrind counts the instructions and is missing: `cargo xtask setup` installs it")?;
    Ok(said.trim().to_owned())
}

/// Instructions of a whole run of a task.
fn collected(programs: &Programs, peer: Peer, task: &str, rounds: u32) -> Result<f64> {
    let mut command = Command::new(programs.path(peer, ""));
    command.args(programs.how(peer)).args(["count", task, &rounds.to_string()]);
    Ok(count_instructions(&command).with_context(|| peer.name)? as f64)
}

/// Counts the instructions of a whole run of a program.
pub(super) fn count_instructions(program: &Command) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(program.get_program()).args(program.get_args());
    let said = process::run(&mut valgrind, RUN_LIMIT)?;
    let count =
        said.lines().find_map(|line| line.split_once("Collected : ")).context("callgrind says no count")?;
    Ok(count.1.trim().parse()?)
}

/// Bytes of `.text` and `.rodata`.
fn size(program: &Path) -> Result<[u64; 2]> {
    let bytes = fs::read(program).with_context(|| program.display().to_string())?;
    let file = object::File::parse(&*bytes)?;
    let section = |name| file.section_by_name(name).map_or(0, |section| section.size());
    Ok([section(".text"), section(".rodata")])
}

/// The middle one.
pub(super) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(times: &[(&'static str, &[f64])]) -> Figures {
        let measured = |times: &[f64]| Measured {
            times: BTreeMap::from([("fib".to_owned(), times.to_vec())]),
            ..Measured::default()
        };
        Figures(times.iter().map(|(name, times)| (*name, measured(times))).collect())
    }

    #[test]
    fn a_ratio_compares_within_a_round() {
        // The machine was slow in the second round, for both.
        let figures = figures(&[("ours", &[1.0, 30.0, 1.2]), ("reference", &[2.0, 60.0, 2.0])]);
        assert_eq!(figures.ratio("ours", "reference", "fib"), Some(0.5));
        assert_eq!(figures.time("ours", "fib"), Some(1.2));
        assert_eq!(figures.ratio("ours", "reference", "crc"), None);
        assert_eq!(figures.ratio("ours", "nobody", "fib"), None);
    }
}
