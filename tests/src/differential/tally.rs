//! Counts of outcomes.

use std::collections::BTreeMap;
use std::fmt;

use super::{Outcome, Skip};

/// How many modules ended in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Modules that both sides agree on.
    pub equal: u64,
    /// Calls of them that were compared.
    pub calls: u64,
    /// How many of these trapped, on both sides alike.
    pub traps: u64,
    /// Calls of them that ran out of fuel or stack.
    pub stopped: u64,
    /// Modules of which nothing was compared, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Seeds that differ.
    pub mismatches: Vec<u64>,
    /// Seeds with which the reference panicked or was unsteady; `skipped` counts them too.
    pub panicked: Vec<u64>,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, seed: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Equal { calls, traps, stopped } => {
                self.equal += 1;
                self.calls += *calls as u64;
                self.traps += *traps as u64;
                self.stopped += *stopped as u64;
            }
            Outcome::Skipped(skip) => {
                *self.skipped.entry(skip.to_string()).or_default() += 1;
                if matches!(skip, Skip::ReferencePanicked | Skip::ReferenceUnsteady) {
                    self.panicked.push(seed);
                }
            }
            Outcome::Mismatch(_) => self.mismatches.push(seed),
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: Tally) {
        self.equal += other.equal;
        self.calls += other.calls;
        self.traps += other.traps;
        self.stopped += other.stopped;
        for (reason, n) in other.skipped {
            *self.skipped.entry(reason).or_default() += n;
        }
        self.mismatches.extend(other.mismatches);
        self.panicked.extend(other.panicked);
    }

    /// Modules of which nothing was compared.
    pub fn skips(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// All modules.
    pub fn modules(&self) -> u64 {
        self.equal + self.skips() + self.mismatches.len() as u64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (modules, skips, mismatches) = (self.modules(), self.skips(), self.mismatches.len());
        write!(f, "modules {modules} equal {} skipped {skips} mismatches {mismatches}", self.equal)?;
        write!(f, " (calls {}, traps {}, stopped {}", self.calls, self.traps, self.stopped)?;
        for (reason, n) in &self.skipped {
            write!(f, "; {reason} {n}")?;
        }
        write!(f, ")")
    }
}
