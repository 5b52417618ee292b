//! `xmap bench`: what a call costs on this machine.

use std::io::Write;
use std::time::Duration;

use xmap_floors::{Figures, calls, verify_and_load};
use xmap_image::Image;

use super::{Done, demo_panel};

/// Batches of each kind.
const ROUNDS: usize = 1001;

/// Measure a call against the least that it can cost, on this machine
///
/// Two direct entries of the demo panel are called, `lamp_on` (line 17 high) and `call_gpio_set` (a line
/// and a level), against an inlined store and against an indexed table of function pointers that checks
/// the same. docs/benchmarks.md has the figures of the board.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap bench
  cargo run --release -- bench      a debug build measures nothing of use")]
pub(super) struct Args {}

pub(super) fn run(_: &Args, out: &mut dyn Write) -> Done {
    if cfg!(debug_assertions) {
        writeln!(out, "this is a debug build: its figures say nothing of a release build\n")?;
    }
    let compiled = demo_panel::build()?;
    let image = Image::verify(&compiled.words).expect("the compiler has verified what it built");
    let figures = calls(image, ROUNDS);
    table(&figures, out)?;

    let [verify, admit, load] = verify_and_load(&compiled.words, ROUNDS);
    let bytes = compiled.report.total;
    writeln!(out, "\nimage   {bytes} bytes, module {} bytes", compiled.report.module.unwrap_or(0))?;
    let us = |time: Duration| time.as_nanos() as f64 / 1e3;
    writeln!(out, "verify  {:.1} us ({:.1} ns a byte)", us(verify), us(verify) * 1e3 / bytes as f64)?;
    writeln!(out, "admit   {:.1} us, with the content hash and the manifest block", us(admit))?;
    writeln!(
        out,
        "load    {:.1} us, with {} bytes of memory cleared",
        us(load),
        image.header().memory_bytes
    )?;
    writeln!(out, "\n{METHOD}")?;
    Ok(())
}

const METHOD: &str = "\
clock   the operating system's monotonic clock, read before and after each batch
method  medians of 1001 batches of 4096 calls; batches of all kinds take turns in one process.
        The port is a word of memory for each register; each store is kept by black_box.
        The table's functions take the same arguments and refuse the same.
not in  a bus, a device register, an interrupt, a cold cache; the link; a call of another thread";

/// The table of figures.
pub(super) fn table(figures: &Figures, out: &mut dyn Write) -> Done {
    writeln!(out, "{:<32}{:>8}{:>10}{:>10}", "one call", "ns", "x store", "x table")?;
    let mut row = |name: &str, ns: f64, table: Option<f64>| {
        let ratio = |floor: f64| format!("{:.2}", ns / floor);
        let table = table.map_or(String::new(), ratio);
        let line = format!("{name:<32}{ns:>8.2}{:>10}{table:>10}", ratio(figures.store));
        writeln!(out, "{}", line.trim_end())
    };
    row("an inlined store", figures.store, None)?;
    row("lamp_on, table of functions", figures.table_lamp, None)?;
    row("lamp_on, mapper", figures.mapper_lamp, Some(figures.table_lamp))?;
    row("call_gpio_set, table", figures.table_set, None)?;
    row("call_gpio_set, mapper", figures.mapper_set, Some(figures.table_set))?;
    Ok(())
}
