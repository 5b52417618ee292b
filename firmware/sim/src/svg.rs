//! Levels over time as a picture that browsers and documents show: SVG, with its own colours for light and
//! dark.

use std::fmt::Write;

use crate::{Signal, Traffic, time};

/// Pixels of the whole picture, of its names and of a row.
const WIDTH: f64 = 960.0;
const LABEL: f64 = 150.0;
const ROW: f64 = 30.0;
/// Pixels of the axis below the rows, and of the margin around everything.
const AXIS: f64 = 28.0;
const MARGIN: f64 = 10.0;
/// Pixels that a character takes at most.
const CHARACTER: f64 = 7.5;
/// Changes of a signal that are drawn: more than these are one grey stretch each to the eye.
const MOST_CHANGES: usize = 20_000;

/// Draws signals, and below them what buses carried, from time zero to `end_us`. Without any it is an empty
/// picture.
///
/// # Examples
///
/// ```
/// let svg = xmap_sim::svg(&[], &[], 0);
/// assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
/// ```
pub fn svg(signals: &[Signal], traffic: &[Traffic], end_us: u64) -> String {
    let height = MARGIN * 2.0 + ROW * (signals.len() + traffic.len()) as f64 + AXIS;
    let (left, right) = (MARGIN + LABEL, WIDTH - MARGIN);
    // A run in which no time passes has one column all the same.
    let scale = (right - left) / end_us.max(1) as f64;
    let x = |us: u64| left + us.min(end_us) as f64 * scale;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"monospace\" \
         font-size=\"12\">\n<style>.l{{fill:none;stroke:#2a7;stroke-width:1.5}}.t{{fill:#333}}.g{{stroke:#8883}}\
         .b{{fill:#2a73;stroke:#2a7}}\
         @media(prefers-color-scheme:dark){{.t{{fill:#ddd}}.l{{stroke:#5d9}}}}</style>\n"
    );
    for us in ticks(end_us) {
        let (x, bottom) = (x(us), height - MARGIN - AXIS);
        _ = writeln!(text, "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{MARGIN}\" y2=\"{bottom}\"/>");
        let y = height - MARGIN - 8.0;
        _ = writeln!(
            text,
            "<text class=\"t\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            time(us)
        );
    }
    for (n, signal) in signals.iter().enumerate() {
        let top = MARGIN + ROW * n as f64;
        let y = |high: bool| top + if high { 6.0 } else { ROW - 6.0 };
        let name = escaped(&signal.name);
        let middle = top + ROW / 2.0 + 4.0;
        _ = writeln!(text, "<text class=\"t\" x=\"{MARGIN}\" y=\"{middle}\">{name} {}</text>", signal.line);
        let mut path = format!("M{left:.1} {:.1}", y(signal.initial));
        for change in signal.changes.iter().take(MOST_CHANGES) {
            _ = write!(path, "H{:.1}V{:.1}", x(change.time_us), y(change.high));
        }
        _ = write!(path, "H{right:.1}");
        let changes = signal.changes.len();
        _ = writeln!(text, "<path class=\"l\" d=\"{path}\"><title>{name}: {changes} changes</title></path>");
    }
    for (n, of) in traffic.iter().enumerate() {
        let top = MARGIN + ROW * (signals.len() + n) as f64;
        let (upper, middle) = (top + 6.0, top + ROW / 2.0 + 4.0);
        let height = ROW - 12.0;
        let name = escaped(&of.name);
        _ = writeln!(text, "<text class=\"t\" x=\"{MARGIN}\" y=\"{middle}\">{name}</text>");
        for span in of.spans.iter().take(MOST_CHANGES) {
            let from = x(span.start_us);
            // A short transfer is seen all the same.
            let width = (x(span.end_us) - from).max(1.0);
            let what = escaped(&span.text);
            let since = time(span.start_us);
            _ = writeln!(
                text,
                "<rect class=\"b\" x=\"{from:.1}\" y=\"{upper}\" width=\"{width:.1}\" height=\"{height}\">\
                 <title>{since}: {what}</title></rect>"
            );
            if span.text.chars().count() as f64 * CHARACTER < width {
                let from = from + 3.0;
                _ = writeln!(text, "<text class=\"t\" x=\"{from:.1}\" y=\"{middle}\">{what}</text>");
            }
        }
    }
    text + "</svg>\n"
}

/// Points of time that are round, five to ten of them.
fn ticks(end_us: u64) -> Vec<u64> {
    let mut step = 1u64;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut decade = 1u64;
    while end_us / step > 8 {
        let Some(factor) = factors.next() else { break };
        step = decade.saturating_mul(factor);
        if factor == 10 {
            decade = step;
        }
    }
    (0..=end_us / step).map(|n| n * step).collect()
}

/// A text inside XML.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(c),
            // XML 1.0 does not allow these at all.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.extend(c.escape_default()),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;
    use xmap_boards::Line;

    #[test]
    fn a_picture_has_a_row_for_each_signal() {
        let line = Line::new(17).unwrap();
        let change = |time_us, high| Change { time_us, step: 1, line, high };
        let changes = vec![change(250, true), change(750, false)];
        let signal = Signal { name: "lamp <1>".into(), line, initial: false, changes };
        let span = |start_us, end_us| crate::Span { start_us, end_us, text: "a<b w 00 ok".into() };
        let traffic = Traffic { name: "i2c1".into(), spans: vec![span(0, 500), span(600, 601)] };
        let drawn = svg(&[signal], &[traffic], 1000);
        // The text stands where it has room, and is a tip of the pointer where it has none.
        assert_eq!(drawn.matches(">a&lt;b w 00 ok</text>").count(), 1, "{drawn}");
        assert_eq!(drawn.matches("a&lt;b w 00 ok</title></rect>").count(), 2, "{drawn}");
        assert!(drawn.contains("d=\"M160.0 34.0H357.5V16.0H752.5V34.0H950.0\""), "{drawn}");
        assert!(drawn.contains(">lamp &lt;1&gt; 17</text>") && drawn.contains(">1ms</text>"), "{drawn}");
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0), [0]);
        assert_eq!(ticks(1000), [0, 200, 400, 600, 800, 1000]);
        for end in [1, 7, 99, 12_345, 3_050_000, 86_400_000_000, u64::MAX] {
            let ticks = ticks(end);
            assert!((2..=9).contains(&ticks.len()) && ticks.iter().all(|us| *us <= end), "{end}: {ticks:?}");
        }
    }
}
