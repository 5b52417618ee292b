//! What became of assertions, counted.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What became of one directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as the specification says.
    Passed,
    /// It is not; what was found.
    Failed(String),
    /// The compiler refused the module with X0502; its message.
    Unsupported(String),
    /// It was not tried; why.
    Skipped(String),
}

/// The verdicts of one script.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Directives that passed.
    pub passed: usize,
    /// Directives that failed: the line of each in its script, and what was found.
    pub failed: Vec<(usize, String)>,
    /// Directives that need what the compiler does not support: the line of each, and its message.
    pub unsupported: Vec<(usize, String)>,
    /// Directives that were not tried, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// Imports of `spectest` that were replaced by definitions.
    pub replaced: usize,
}

impl Tally {
    /// Counts a verdict about the directive at a line.
    pub fn count(&mut self, line: usize, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(what) => self.failed.push((line, what)),
            Verdict::Unsupported(what) => self.unsupported.push((line, what)),
            Verdict::Skipped(why) => *self.skipped.entry(why).or_default() += 1,
        }
    }

    /// Adds another tally's counts; lines of different scripts are then mixed.
    pub fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed.iter().cloned());
        self.unsupported.extend(other.unsupported.iter().cloned());
        for (why, n) in &other.skipped {
            *self.skipped.entry(why.clone()).or_default() += n;
        }
        self.replaced += other.replaced;
    }

    /// Directives that were not tried.
    pub fn skips(&self) -> usize {
        self.skipped.values().sum()
    }
}

/// The table that a person reads: one row for each file, then their sum.
pub fn table<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Tally)>) -> String {
    let mut text = String::new();
    let mut row = |name: &str, columns: [&str; 5], reasons: &str| {
        let [passed, failed, unsupported, skipped, replaced] = columns;
        let line =
            format!("{name:<52}{passed:>8}{failed:>8}{unsupported:>13}{skipped:>9}{replaced:>10}  {reasons}");
        writeln!(text, "{}", line.trim_end()).expect("a String takes everything");
    };
    row("file", ["passed", "failed", "unsupported", "skipped", "replaced"], "why skipped");
    let mut numbers = |name: &str, tally: &Tally, reasons: &str| {
        let numbers =
            [tally.passed, tally.failed.len(), tally.unsupported.len(), tally.skips(), tally.replaced];
        let texts = numbers.map(|n| n.to_string());
        row(name, texts.each_ref().map(String::as_str), reasons);
    };
    let mut total = Tally::default();
    for (name, tally) in rows {
        let reasons: Vec<String> = tally.skipped.iter().map(|(why, n)| format!("{why} ({n})")).collect();
        numbers(name, tally, &reasons.join(", "));
        total.add(tally);
    }
    numbers("total", &total, "");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_every_count_and_their_sum() {
        let mut tally = Tally { replaced: 2, ..Tally::default() };
        tally.count(1, Verdict::Passed);
        tally.count(2, Verdict::Failed("7 instead of 8".into()));
        tally.count(3, Verdict::Skipped("SIMD".into()));
        tally.count(4, Verdict::Skipped("SIMD".into()));
        tally.count(5, Verdict::Unsupported("f32.add is not supported".into()));
        let text = table([("a.wast", &tally), ("b.wast", &tally)]);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["a.wast", "1", "1", "1", "2", "2", "SIMD", "(2)"]);
        assert_eq!(words[3], ["total", "2", "2", "2", "4", "4"]);
    }
}
