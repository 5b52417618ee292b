//! `xmap dis --annotate`: lines of source beside ops, with their shares of the bounds, as text and as a page.

use std::fmt::Write as _;
use std::io::Write;

use xmap_project::{Annotated, LineShare, Sources, percent, place};
use xmap_sim::escaped;

use super::dis::{header, op_lines};
use super::output::{columns, count};
use super::{Done, load::Loaded};

/// Characters before a source line: share and place.
const PLACE_COLUMN: usize = 24;

/// Prints an image with its shares.
pub(super) fn text(loaded: &Loaded, out: &mut dyn Write) -> Done {
    let image = loaded.image.image();
    header(loaded, &image, out)?;
    let mut sources = Sources::beside(&loaded.path);
    let annotated = Annotated::of(&image, loaded.map.as_ref(), &loaded.report);
    for export in &annotated.exports {
        let ops = count(export.ops as usize, "op");
        writeln!(out, "\nexport {}: at most {ops}, {} insns", export.key, export.insns)?;
        for line in &export.lines {
            let (place, source) = shown(line, &mut sources);
            let share = percent(line.insns, export.insns);
            let row = format!("{:>8} {share:>8}  {place:<PLACE_COLUMN$}  {source}", line.insns);
            writeln!(out, "{}", cut(row.trim_end()))?;
        }
    }
    for function in functions(loaded, &annotated) {
        writeln!(out, "\n{}", function.title)?;
        for block in &function.blocks {
            let source = sources.line(&block.place).unwrap_or_default();
            let row = format!("{:>8}  {:<PLACE_COLUMN$}  {source}", block.share, block.place);
            writeln!(out, "{}", cut(row.trim_end()))?;
            for (share, line) in &block.ops {
                writeln!(out, "{share:>8}  {line}")?;
            }
        }
    }
    Ok(())
}

/// A place and its text.
fn shown(line: &LineShare, sources: &mut Sources) -> (String, String) {
    match &line.place {
        Some(place) => (place.clone(), sources.line(place).unwrap_or_default().to_string()),
        None => ("the call itself".to_string(), String::new()),
    }
}

/// Cuts a line to the terminal's width.
fn cut(line: &str) -> String {
    line.chars().take(columns()).collect()
}

/// A function, and its ops in groups of a line of source.
struct Function {
    title: String,
    blocks: Vec<Block>,
}

/// Ops that follow each other and are of one line.
struct Block {
    place: String,
    /// Their share of the function's bound; empty where it has none.
    share: String,
    ops: Vec<(String, String)>,
}

fn functions(loaded: &Loaded, annotated: &Annotated) -> Vec<Function> {
    let image = loaded.image.image();
    let map = loaded.map.as_ref();
    let one = |(n, report): (usize, &xmap_compiler::report::FunctionReport)| {
        let shares = annotated.of_function(n);
        let whole = report.bound.map(|bound| bound.insns);
        let most = match report.bound {
            Some(bound) => format!("at most {}, {} insns", count(bound.ops as usize, "op"), bound.insns),
            None => "no bound".to_string(),
        };
        // What stands beside the longest path has no share of it.
        let share = |insns: u64| match whole {
            Some(whole) if insns > 0 => percent(insns, whole),
            _ => String::new(),
        };
        let mut blocks: Vec<(Block, u64)> = Vec::new();
        for (at, line) in op_lines(&image, &image.functions()[n]) {
            let place = place(map, at);
            let insns = shares.as_ref().and_then(|all| all.get(&at)).map(|share| share.insns);
            let op = (insns.map_or(String::new(), share), line);
            match blocks.last_mut().filter(|(block, _)| block.place == place) {
                Some((block, sum)) => {
                    block.ops.push(op);
                    *sum += insns.unwrap_or(0);
                }
                None => {
                    let block = Block { place, share: String::new(), ops: vec![op] };
                    blocks.push((block, insns.unwrap_or(0)));
                }
            }
        }
        let done = |(block, sum): (Block, u64)| Block { share: share(sum), ..block };
        let name =
            map.and_then(|map| map.functions.get(n)).map_or(String::new(), |f| format!(": {}", f.name));
        let title = format!("function {n}{name}, {most}");
        Function { title, blocks: blocks.into_iter().map(done).collect() }
    };
    loaded.report.functions.iter().enumerate().map(one).collect()
}

const STYLE: &str = "body{font:14px/1.5 sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.1em .8em .1em 0;vertical-align:top;\
border-bottom:1px solid #8883}td.n{text-align:right;white-space:nowrap;width:6em}td.b{width:120px}\
.bar{display:block;height:.9em;margin-top:.3em;background:#7bb}pre{margin:0}code{white-space:pre-wrap}\
tr.l td{padding-top:.6em;font-weight:bold}summary{cursor:pointer}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.bar{background:#488}}";

/// Writes images as a page: HTML without anything from elsewhere.
pub(super) fn page(all: &[Loaded]) -> String {
    let title = all.first().map(|loaded| escaped(&loaded.title).to_string()).unwrap_or_default();
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
    );
    for loaded in all {
        let manifest = loaded.image.manifest();
        let title = escaped(&loaded.title);
        _ = writeln!(
            text,
            "<h1>{title}</h1>\n<p>{} version {}, {} bytes</p>",
            escaped(manifest.module),
            loaded.image.image().header().version,
            loaded.report.total
        );
        image(loaded, &mut text);
    }
    text + "</html>\n"
}

fn image(loaded: &Loaded, text: &mut String) {
    let mut sources = Sources::beside(&loaded.path);
    let annotated = Annotated::of(&loaded.image.image(), loaded.map.as_ref(), &loaded.report);
    for export in &annotated.exports {
        _ = writeln!(
            text,
            "<h2>{}</h2>\n<p>at most {}, {} instructions</p>\n<table>",
            escaped(&export.key),
            count(export.ops as usize, "op"),
            export.insns
        );
        for line in &export.lines {
            let (place, source) = shown(line, &mut sources);
            let width = 100.0 * line.insns as f64 / export.insns.max(1) as f64;
            _ = writeln!(
                text,
                "<tr><td class=\"n\">{}<td class=\"n\">{}<td class=\"b\"><span class=\"bar\" style=\"width:{width:.1}%\">\
                 </span><td>{}<td><code>{}</code>",
                line.insns,
                percent(line.insns, export.insns),
                escaped(&place),
                escaped(&source)
            );
        }
        text.push_str("</table>\n");
    }
    text.push_str("<h2>Functions</h2>\n");
    for function in functions(loaded, &annotated) {
        _ = writeln!(text, "<details open><summary>{}</summary>\n<table>", escaped(&function.title));
        for block in &function.blocks {
            let source = escaped(sources.line(&block.place).unwrap_or_default());
            let place = escaped(&block.place);
            _ = writeln!(
                text,
                "<tr class=\"l\"><td class=\"n\">{}<td>{place}  <code>{source}</code>",
                block.share
            );
            for (share, line) in &block.ops {
                _ = writeln!(text, "<tr><td class=\"n\">{share}<td><pre>{}</pre>", escaped(line));
            }
        }
        text.push_str("</table></details>\n");
    }
}
