//! Which source lines of a panel have run.

use std::collections::BTreeMap;
use std::fmt;

use xmap_compiler::map::SourceMap;
use xmap_compiler::wasm::is_library;

/// The lines of a panel's sources that the image has code of, by file, each with whether it has run. A line
/// that the compiler has made an entry of the table, or left out, has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(pub BTreeMap<String, BTreeMap<u32, bool>>);

impl Lines {
    /// Holds the ops that ran, a place for each word of the code, against the lines that they are of.
    pub fn of(map: &SourceMap, seen: &[bool]) -> Self {
        let mut lines = Self::default();
        let starts = || map.functions.iter().map(|function| function.start as usize);
        for (function, end) in map.functions.iter().zip(starts().skip(1).chain([seen.len()])) {
            let start = function.start as usize;
            let places = || function.ops.iter().map(|op| start + op.at as usize);
            for ((op, from), to) in function.ops.iter().zip(places()).zip(places().skip(1).chain([end])) {
                let has_run = seen.get(from..to).is_some_and(|words| words.contains(&true));
                op.source.iter().chain(&op.inlined).for_each(|place| lines.add(place, has_run));
            }
        }
        lines
    }

    fn add(&mut self, place: &str, has_run: bool) {
        let mut parts = place.rsplitn(3, ':');
        let (_, line, file) = (parts.next(), parts.next(), parts.next());
        let (Some(Ok(line)), Some(file)) = (line.map(str::parse), file) else { return };
        let file = file.trim_start_matches("./");
        if line != 0 && !is_library(file) {
            *self.0.entry(file.to_owned()).or_default().entry(line).or_default() |= has_run;
        }
    }

    /// Adds the lines of another run.
    pub fn join(&mut self, other: &Self) {
        for (file, lines) in &other.0 {
            let file = self.0.entry(file.clone()).or_default();
            lines.iter().for_each(|(line, has_run)| *file.entry(*line).or_default() |= has_run);
        }
    }

    /// Writes them as LCOV's tools and editors read it, a record for each file.
    pub fn lcov(&self) -> String {
        let mut text = String::new();
        for (file, lines) in &self.0 {
            text += &format!("TN:\nSF:{file}\n");
            for (line, has_run) in lines {
                text += &format!("DA:{line},{}\n", u8::from(*has_run));
            }
            let hit = lines.values().filter(|has_run| **has_run).count();
            text += &format!("LF:{}\nLH:{hit}\nend_of_record\n", lines.len());
        }
        text
    }
}

/// `panel.c: 14 of 16 lines run (not 12, 30-31)`, a line for each file.
impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (file, lines)) in self.0.iter().enumerate() {
            let separator = if n > 0 { "\n" } else { "" };
            let ran = lines.values().filter(|has_run| **has_run).count();
            write!(f, "{separator}{file}: {ran} of {} lines run", lines.len())?;
            let missing = ranges(lines);
            if !missing.is_empty() {
                write!(f, " (not {})", missing.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The lines that did not run; those with no other line between them are one range.
fn ranges(lines: &BTreeMap<u32, bool>) -> Vec<String> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut goes_on = false;
    for (line, has_run) in lines {
        match ranges.last_mut() {
            Some((_, end)) if !has_run && goes_on => *end = *line,
            _ if !has_run => ranges.push((*line, *line)),
            _ => {}
        }
        goes_on = !has_run;
    }
    let text = |(from, to): (u32, u32)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    ranges.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_what_is_missing_is_named() {
        let mut lines = Lines::default();
        let places = [("3:1", true), ("4:9", false), ("7:1", false), ("9:1", true), ("12:1", false)];
        places.iter().for_each(|(place, has_run)| lines.add(&format!("a.c:{place}"), *has_run));
        for other in ["a.c:0:0", "a.c", "/rustc/1/library/core/src/num.rs:1:1", "~lib/array.ts:1:1"] {
            lines.add(other, true);
        }
        assert_eq!(lines.to_string(), "a.c: 2 of 5 lines run (not 4-7, 12)");
        let mut second = Lines::default();
        second.add("a.c:12:5", true);
        second.add("b.c:1:1", true);
        lines.join(&second);
        assert_eq!(lines.to_string(), "a.c: 3 of 5 lines run (not 4-7)\nb.c: 1 of 1 lines run");
        second.add("././b.c:2:1", true);
        assert_eq!(second.to_string(), "a.c: 1 of 1 lines run\nb.c: 2 of 2 lines run");
        let record = "TN:\nSF:b.c\nDA:1,1\nLF:1\nLH:1\nend_of_record\n";
        assert!(lines.lcov().ends_with(record) && lines.lcov().contains("DA:4,0\n"));
    }
}
