//! The tables: what was measured, and what it should be.

use std::fmt::Write as _;

use super::measure::Figures;
use super::{MAPPER, PEERS, TABLE, WASMI};

/// A figure of the issue that the mapper has to reach.
struct Target {
    what: &'static str,
    most: f64,
    unit: &'static str,
    of: fn(&Figures) -> Option<f64>,
}

const fn target(
    what: &'static str,
    most: f64,
    unit: &'static str,
    of: fn(&Figures) -> Option<f64>,
) -> Target {
    Target { what, most, unit, of }
}

fn times(figures: &Figures, reference: &str, task: &str) -> Option<f64> {
    figures.ratio(MAPPER, reference, task)
}

fn count(figures: &Figures, task: &str) -> Option<f64> {
    figures.get(MAPPER)?.counts.get(task).copied()
}

const TARGETS: [Target; 10] = [
    target("(a) host calls an export that is `gpio.set`", 2.0, "x table", |f| times(f, TABLE, "call")),
    target("(a) the same", 60.0, "instructions", |f| count(f, "call")),
    target("(b) guest loop, line in the code", 2.0, "x table", |f| times(f, TABLE, "blink")),
    target("(b) the same, each call", 30.0, "instructions", |f| count(f, "blink")),
    target("(b) guest loop, line of the caller", 2.0, "x table", |f| times(f, TABLE, "blink-line")),
    target("(b) the same, each call", 30.0, "instructions", |f| count(f, "blink-line")),
    target("(c) fib(30)", 0.5, "x wasmi", |f| times(f, WASMI, "fib")),
    target("(d) CRC-32 over 1 MiB", 0.8, "x wasmi", |f| times(f, WASMI, "crc")),
    target("(e) bytes to first call done", 0.1, "x wasmi", |f| times(f, WASMI, "first-call")),
    target("(f) held for each panel", 4096.0, "bytes", |f| f.get(MAPPER)?.heap.map(|bytes| bytes as f64)),
];

/// All tables, as Markdown.
pub(super) fn tables(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    _ = targets(figures, &mut out);
    _ = ratios(figures, &mut out);
    _ = absolute(figures, &mut out);
    out
}

fn targets(figures: &Figures, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| tiny-mapper | measured | at most | |\n| --- | ---: | ---: | --- |")?;
    for Target { what, most, unit, of } in TARGETS {
        let (measured, verdict) = match of(figures) {
            Some(figure) => (short(figure), if figure <= most { "OK" } else { "MISSED" }),
            None => ("-".to_owned(), "not measured"),
        };
        writeln!(out, "| {what} | {measured} | {most} {unit} | {verdict} |")?;
    }
    let (admitted, wasmi) = (figures.time(MAPPER, "admitted-call"), figures.time(WASMI, "first-call"));
    if let (Some(admitted), Some(wasmi)) = (admitted, wasmi) {
        let (us, ratio) = (short(admitted / 1e3), short(admitted / wasmi));
        writeln!(
            out,
            "\nFirst call, hash and manifest block checked too (`Image::admit`): {us} us, {ratio} x wasmi."
        )?;
    }
    writeln!(out)
}

fn ratios(figures: &Figures, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "Times as ratios: (a) and (b) to the table of function pointers, (c) to (e) to wasmi; \
         *insns* are x86-64 instructions of one call of `gpio.set`.\n"
    )?;
    writeln!(
        out,
        "| | (a) call | insns | (b) line in the code | insns | (b) line of the caller | insns | (c) fib(30) | (d) CRC-32 | (e) first call |"
    )?;
    writeln!(out, "| --- |{}", " ---: |".repeat(9))?;
    for peer in PEERS {
        let ratio = |reference, task| figures.ratio(peer.name, reference, task).map(short);
        let counts = |task| Some(short(*figures.get(peer.name)?.counts.get(task)?));
        let cells = [
            ratio(TABLE, "call"),
            counts("call"),
            ratio(TABLE, "blink"),
            counts("blink"),
            ratio(TABLE, "blink-line"),
            counts("blink-line"),
            ratio(WASMI, "fib"),
            ratio(WASMI, "crc"),
            ratio(WASMI, "first-call"),
        ];
        row(peer.name, cells, out)?;
    }
    writeln!(out)
}

fn absolute(figures: &Figures, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "Medians on this machine, bytes on the heap for each panel, and the size of the engine on x86-64:\n"
    )?;
    writeln!(
        out,
        "| | (a) ns | (b) ns | (b') ns | (c) ms | (d) ms | (e) us | (f) bytes | (g) `.text` | `.rodata` |"
    )?;
    writeln!(out, "| --- |{}", " ---: |".repeat(9))?;
    for peer in PEERS {
        let time = |task, unit: f64| figures.time(peer.name, task).map(|time| short(time / unit));
        let measured = figures.get(peer.name);
        let size = |n: usize| Some(measured?.size?[n].to_string());
        let cells = [
            time("call", 1.0),
            time("blink", 1.0),
            time("blink-line", 1.0),
            time("fib", 1e6),
            time("crc", 1e6),
            time("first-call", 1e3),
            measured.and_then(|measured| Some(measured.heap?.to_string())),
            size(0),
            size(1),
        ];
        row(peer.name, cells, out)?;
    }
    Ok(())
}

fn row(name: &str, cells: [Option<String>; 9], out: &mut String) -> std::fmt::Result {
    let cells = cells.map(|cell| cell.unwrap_or("-".into()));
    writeln!(out, "| {name} | {} |", cells.join(" | "))
}

/// Three digits.
pub(super) fn short(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        10.0..100.0 => format!("{figure:.1}"),
        1.0..10.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_a_figure_is_not_reached() {
        let text = tables(&Figures::default());
        assert!(text.contains("| (c) fib(30) | - | 0.5 x wasmi | not measured |"), "{text}");
        assert!(!text.contains("OK"), "{text}");
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([0.0841, 1.905, 27.11, 723.4].map(short), ["0.084", "1.91", "27.1", "723"]);
    }
}
