//! Levels over time, drawn with plain characters for a terminal.
//!
//! ```text
//! lamp   17 ▁▁▁▁▁▁▁▁▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁
//! button 27 ▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
//!           ┬──────┬───────┬────────────≈───────
//!           0      20ms    40ms         1.04s
//! ```
//!
//! A bus has a row of what it carried, decoded, as far as there is room.
//!
//! Time runs to the right. Each instant at which something changed begins a new column, also where
//! two follow each other within a microsecond, so that a clock pulse without a wait is seen.
//! Stretches of equal length get equal room, but a stretch much longer than the usual one is
//! shortened and marked with `≈`.

use crate::{Change, Signal, Traffic};

const LOW: char = '▁';
const HIGH: char = '▇';
/// More than one level within a column.
const MIXED: char = '▒';
const AXIS: char = '─';
const TICK: char = '┬';
const SHORTENED: char = '≈';

/// Columns that the waveform gets at least, however narrow the terminal.
const LEAST_COLUMNS: usize = 8;
/// Columns that a stretch gets at most where no time passes at all.
const BASE_COLUMNS: usize = 3;
/// How many times the usual stretch one may last before it is shortened.
const LONGEST: u64 = 4;
/// Characters of a name at most.
const NAME_CHARS: usize = 20;

/// A stretch of time in which nothing changes, and where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// When it begins: the time, and the number of the change that began it.
    from: (u64, u32),
    /// Columns that it is drawn in; 0 where it shares one with the stretch before.
    columns: usize,
    /// Whether it lasts longer than it is drawn.
    shortened: bool,
}

/// Draws signals, and below them what buses carried, from time zero to `end_us` in lines of at most `width`
/// characters (more, if the terminal is too narrow for names and a few columns). Every line ends with a
/// newline. Without signals there is nothing to draw, and the text is empty.
pub fn draw(signals: &[Signal], traffic: &[Traffic], end_us: u64, width: usize) -> String {
    if signals.is_empty() {
        return String::new();
    }
    let names = signals.iter().map(|s| &s.name).chain(traffic.iter().map(|of| &of.name));
    let label = names.map(|name| name.chars().count().min(NAME_CHARS)).max().unwrap_or(0);
    let before = label + 4;
    let columns = width.saturating_sub(before).max(LEAST_COLUMNS);
    let stretches = lay_out(signals, end_us, columns);

    let mut text = String::new();
    let mut mixed = false;
    for signal in signals {
        let name = shorten(&signal.name);
        let row = row(signal, &stretches);
        mixed |= row.contains(MIXED);
        text.push_str(&format!("{name:<label$} {:>2} {row}\n", signal.line.number()));
    }
    for of in traffic {
        let row = carried(of, &stretches);
        mixed |= row.contains(MIXED);
        text.push_str(&format!("{:<label$}    {row}\n", shorten(&of.name)));
    }
    let (axis, times) = scale(&stretches, end_us);
    text.push_str(&format!("{:before$}{axis}\n{:before$}{times}\n", "", ""));
    let mut notes = Vec::new();
    if mixed {
        notes.push(format!("{MIXED} several changes in one column"));
    }
    if axis.contains(SHORTENED) {
        notes.push(format!("{SHORTENED} a long stretch, drawn shorter"));
    }
    if !notes.is_empty() {
        text.push_str(&format!("{:before$}{}\n", "", notes.join("; ")));
    }
    text
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS - 1).chain(['…']).collect()
}

/// Cuts time at every change and gives each stretch its columns.
fn lay_out(signals: &[Signal], end_us: u64, columns: usize) -> Vec<Stretch> {
    let mut instants: Vec<(u64, u32)> =
        signals.iter().flat_map(|s| &s.changes).map(|c| (c.time_us, c.step)).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut starts = vec![(0, 0)];
    starts.extend(instants);
    let ends = starts.iter().skip(1).map(|(time_us, _)| *time_us).chain([end_us]);
    let lengths: Vec<u64> = starts.iter().zip(ends).map(|((from, _), to)| to.saturating_sub(*from)).collect();
    let count = starts.len();
    let stretch = |n: usize, columns, shortened| Stretch { from: starts[n], columns, shortened };

    // More stretches than columns: equal numbers of them share each column.
    if count > columns {
        let column_of = |n: usize| n * columns / count;
        let begins = |n: usize| n == 0 || column_of(n) != column_of(n - 1);
        return (0..count).map(|n| stretch(n, usize::from(begins(n)), false)).collect();
    }

    let longest = usual(&lengths).saturating_mul(LONGEST).max(1);
    let drawn: Vec<u64> = lengths.iter().map(|us| (*us).min(longest)).collect();
    let sum: u128 = drawn.iter().map(|us| u128::from(*us)).sum();
    let base = if sum == 0 { (columns / count).clamp(1, BASE_COLUMNS) } else { 1 };
    let spare = (columns - base * count) as u128;
    // Rounding is carried along, so that all of them together fill the width.
    let mut passed = 0u128;
    let place = |us: u128| (us * spare).checked_div(sum).unwrap_or(0) as usize;
    let give = |(n, us): (usize, &u64)| {
        let from = place(passed);
        passed += u128::from(*us);
        stretch(n, base + place(passed) - from, lengths[n] > longest)
    };
    drawn.iter().enumerate().map(give).collect()
}

/// The length that stretches usually have: the median of those that last at all.
fn usual(lengths: &[u64]) -> u64 {
    let mut lasting: Vec<u64> = lengths.iter().copied().filter(|us| *us > 0).collect();
    lasting.sort_unstable();
    lasting.get(lasting.len() / 2).copied().unwrap_or(0)
}

/// One signal's row.
fn row(signal: &Signal, stretches: &[Stretch]) -> String {
    let mut row: Vec<char> = Vec::new();
    let mut level = signal.initial;
    let mut changes = signal.changes.iter().peekable();
    for (n, stretch) in stretches.iter().enumerate() {
        // The first stretch begins before any change, even one at time zero.
        let begun = |c: &&Change| n > 0 && (c.time_us, c.step) <= stretch.from;
        while let Some(change) = changes.next_if(begun) {
            level = change.high;
        }
        let drawn = if level { HIGH } else { LOW };
        match (stretch.columns, row.last_mut()) {
            (0, Some(last)) if *last != drawn => *last = MIXED,
            (columns, _) => row.extend(std::iter::repeat_n(drawn, columns)),
        }
    }
    row.into_iter().collect()
}

/// The row of a bus: each text from where it begins on, cut where it ends or the next one begins.
fn carried(of: &Traffic, stretches: &[Stretch]) -> String {
    let width: usize = stretches.iter().map(|stretch| stretch.columns).sum();
    let mut row = vec![' '; width];
    // The column of a time: that of the last stretch which began by then.
    let column = |time_us: u64| {
        let begun = stretches.iter().take_while(|stretch| stretch.from.0 <= time_us);
        let columns: usize = begun.clone().map(|stretch| stretch.columns).sum();
        columns - begun.last().map_or(0, |stretch| stretch.columns)
    };
    let nexts = of.spans.iter().skip(1).map(|span| Some(span.start_us)).chain([None]);
    let mut free = 0;
    for (span, next_us) in of.spans.iter().zip(nexts) {
        let (from, end) = (column(span.start_us), next_us.map_or(width, column));
        if from < free || end <= from {
            // Several in one column.
            row.get_mut(from.min(width.saturating_sub(1))).into_iter().for_each(|cell| *cell = MIXED);
            continue;
        }
        let fits = end - from > span.text.chars().count() || end == width;
        let room = if fits { end - from } else { end - from - 1 };
        let mut text: Vec<char> = span.text.chars().take(room).collect();
        if text.len() < span.text.chars().count() {
            text.pop();
            text.push('…');
        }
        row[from..from + text.len()].copy_from_slice(&text);
        free = from + text.len().max(1);
    }
    row.into_iter().collect::<String>().trim_end().to_owned()
}

/// The axis and the times below it.
fn scale(stretches: &[Stretch], end_us: u64) -> (String, String) {
    let width: usize = stretches.iter().map(|stretch| stretch.columns).sum();
    let mut axis = vec![AXIS; width];
    let mut times = vec![' '; width];
    let write = |times: &mut Vec<char>, at: usize, text: &str| {
        for (to, c) in times[at..].iter_mut().zip(text.chars()) {
            *to = c;
        }
    };

    // The end stands at the right edge, if it leaves room for the beginning.
    let end = time(end_us);
    let mut room = width;
    if end_us > 0 && end.len() + 4 <= width {
        room = width - end.len() - 1;
        write(&mut times, width - end.len(), &end);
    }
    let (mut at, mut free, mut last) = (0, 0, None);
    for stretch in stretches {
        let text = time(stretch.from.0);
        if stretch.columns > 0 && at >= free && at + text.len() <= room && last != Some(stretch.from.0) {
            axis[at] = TICK;
            write(&mut times, at, &text);
            free = at + text.len() + 1;
            last = Some(stretch.from.0);
        }
        if stretch.shortened && stretch.columns > 1 {
            axis[at + stretch.columns / 2] = SHORTENED;
        }
        at += stretch.columns;
    }
    let text = |row: Vec<char>| row.into_iter().collect::<String>().trim_end().to_owned();
    (text(axis), text(times))
}

/// A time in the unit that suits it: `0`, `120us`, `1.5ms`, `2s`. Exact.
pub fn time(us: u64) -> String {
    let (unit, name) = match us {
        0 => return "0".to_owned(),
        1..1_000 => return format!("{us}us"),
        1_000..1_000_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    };
    let digits = if unit == 1_000 { 3 } else { 6 };
    let fraction = format!("{:0digits$}", us % unit);
    match fraction.trim_end_matches('0') {
        "" => format!("{}{name}", us / unit),
        fraction => format!("{}.{fraction}{name}", us / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xmap_boards::Line;

    fn signal(name: &str, n: u8, initial: bool, changes: &[(u64, u32)]) -> Signal {
        let line = Line::new(n).unwrap();
        let mut high = initial;
        let change = |(time_us, step): &(u64, u32)| {
            high = !high;
            Change { time_us: *time_us, step: *step, line, high }
        };
        Signal { name: name.into(), line, initial, changes: changes.iter().map(change).collect() }
    }

    #[test]
    fn a_lamp_and_a_button() {
        let signals = [
            signal("lamp", 17, false, &[(20_000, 2), (60_000, 5)]),
            signal("button", 27, true, &[(20_000, 1), (40_000, 3)]),
        ];
        let expected = "\
lamp   17 ▁▁▁▁▁▁▁▁▁▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▁
button 27 ▇▇▇▇▇▇▇▇▁▁▁▁▁▁▁▁▁▁▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
          ┬───────┬─────────┬────────┬────────
          0       20ms      40ms     60ms 80ms
";
        assert_eq!(draw(&signals, &[], 80_000, 46), expected);
    }

    #[test]
    fn pulses_without_a_wait_are_seen() {
        let signals = [signal("clock", 4, false, &[(0, 1), (0, 2), (0, 3), (0, 4)])];
        let expected = "\
clock  4 ▁▁▁▇▇▇▁▁▁▇▇▇▁▁▁
         ┬──────────────
         0
";
        assert_eq!(draw(&signals, &[], 0, 40), expected);
    }

    #[test]
    fn a_long_stretch_is_shortened_and_says_so() {
        let signals = [signal("a", 5, false, &[(10, 1), (20, 2), (1_000_000, 3), (1_000_010, 4)])];
        let text = draw(&signals, &[], 1_000_020, 45);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "a  5 ▁▁▁▁▁▇▇▇▇▇▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▇▇▇▇▇▁▁▁▁▁▁");
        assert_eq!(lines[1].chars().filter(|c| *c == SHORTENED).count(), 1);
        assert!(lines[3].contains("drawn shorter"), "{text}");
    }

    #[test]
    fn more_changes_than_columns_are_marked() {
        let changes: Vec<(u64, u32)> = (1..=100).map(|n| (u64::from(n), n)).collect();
        let text = draw(&[signal("a", 5, false, &changes), signal("b", 6, true, &[])], &[], 101, 25);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("a  5 {}", "▒".repeat(20)));
        assert_eq!(lines[1], format!("b  6 {}", "▇".repeat(20)));
        assert!(lines[4].contains("several changes"), "{text}");
    }

    #[test]
    fn nothing_to_draw_is_no_text() {
        assert_eq!(draw(&[], &[], 100, 80), "");
    }

    #[test]
    fn times_are_exact_and_short() {
        let times = [0, 1, 999, 1_000, 1_500, 20_000, 999_999, 1_000_000, 1_040_000, 60_000_001];
        let texts: Vec<String> = times.into_iter().map(time).collect();
        let expected =
            ["0", "1us", "999us", "1ms", "1.5ms", "20ms", "999.999ms", "1s", "1.04s", "60.000001s"];
        assert_eq!(texts, expected);
    }

    proptest! {
        /// Every row has the same width, no wider than asked for, and shows exactly its own changes
        /// where there is a column for each.
        #[test]
        fn rows_show_their_changes(
            events in prop::collection::vec((0u64..100_000, 0usize..3), 0..40),
            width in 0usize..140,
            tail in 0u64..1_000_000,
        ) {
            let mut events = events;
            events.sort_unstable();
            let mut changes = [vec![], vec![], vec![]];
            for (n, (time_us, which)) in events.iter().enumerate() {
                changes[*which].push((*time_us, n as u32 + 1));
            }
            let signals: Vec<Signal> =
                changes.iter().enumerate().map(|(n, c)| signal("x", n as u8, n == 1, c)).collect();
            let end = events.last().map_or(0, |(t, _)| *t) + tail;
            let text = draw(&signals, &[], end, width);
            let columns = width.saturating_sub(5).max(LEAST_COLUMNS);
            for (line, signal) in text.lines().zip(&signals) {
                let row: Vec<char> = line.chars().skip(5).collect();
                prop_assert!(row.len() <= columns);
                if events.len() < columns {
                    let first = if signal.initial { HIGH } else { LOW };
                    prop_assert_eq!(row[0], first);
                    let flips = row.windows(2).filter(|w| w[0] != w[1]).count();
                    prop_assert_eq!(flips, signal.changes.len());
                } else {
                    prop_assert_eq!(row.len(), columns);
                }
            }
        }
    }
}
