//! A run as one page that opens anywhere: waveform, steps, bounds.

use std::fmt::Write;

use xmap_compiler::report::{How, Report};
use xmap_sim::{Signal, Traffic, escaped, svg, time};

/// The results of a run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'r> {
    /// What ran: name, version, board.
    pub title: &'r str,
    /// The levels of its lines.
    pub signals: &'r [Signal],
    /// What its buses carried.
    pub traffic: &'r [Traffic],
    /// When it ended, in microseconds.
    pub end_us: u64,
    /// The steps: when each began, its text, and what it did, line by line.
    pub steps: &'r [(u64, String, Vec<String>)],
    /// What the image takes.
    pub report: &'r Report,
}

const STYLE: &str = "body{font:14px/1.5 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top;\
border-bottom:1px solid #8883}td:first-child{white-space:nowrap;color:#777}pre{margin:0;white-space:pre-wrap}\
.trap{color:#c22}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.trap{color:#f77}}";

/// Writes the page: HTML without anything from elsewhere.
pub fn page(run: &Run<'_>) -> String {
    let title = escaped(run.title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n{}",
        svg(run.signals, run.traffic, run.end_us)
    );
    text += "<h2>Steps</h2>\n<table>\n";
    for (time_us, step, lines) in run.steps {
        _ = write!(text, "<tr><td>{}<td><code>{}</code><td><pre>", time(*time_us), escaped(step));
        for line in lines {
            let is_trap = line.split_whitespace().take(2).any(|word| word == "trap");
            let line = escaped(line);
            _ = if is_trap {
                writeln!(text, "<span class=\"trap\">{line}</span>")
            } else {
                writeln!(text, "{line}")
            };
        }
        text += "</pre>\n";
    }
    text += "</table>\n<h2>Bounds</h2>\n<table>\n<tr><th>export<th>bytes<th>a call takes at most\n";
    for export in &run.report.exports {
        let cost = match &export.how {
            How::Direct(_) => "one operation of the table".to_string(),
            How::Bounded(bound) => format!("{} ops", bound.ops),
            How::Fuelled(fuel) => format!("no bound: {fuel} of fuel"),
        };
        _ = writeln!(text, "<tr><td>{}<td>{}<td>{cost}", escaped(&export.key), export.bytes);
    }
    _ = writeln!(
        text,
        "</table>\n<p>{} bytes of image, {} of virtual time.</p>",
        run.report.total,
        time(run.end_us)
    );
    text + "</html>\n"
}
