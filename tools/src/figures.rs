//! The figures that the device's code is held to: counted, compared with those that are committed, and
//! written where they are used.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use xmap_abi::HostFunction;
use xmap_boards::{BoardId, Line};
use xmap_image::{
    Entry, Event, EventSource, Export, Function, I2cRow, ImageBuilder, Op, PinMode, PinRow, Pull, Safe,
    SpiRow, Ty, Word,
};

use crate::measure::{Bench, Call, What};
use crate::opcost;
use crate::{link, root, size, swaps, trust, work};

/// Figures to reach, with their names for people.
pub const GOALS: [(&str, &str, u64); 6] = [
    ("store.call_gpio_set", "instructions to the store, line and level by arguments", 40),
    ("store.lamp_on", "instructions to the store, line and level by the compiler", 40),
    ("size.whole", "bytes of .text and .rodata of mapper and verification", 24 << 10),
    ("size.whole_integers", "the same without floats, tables and bulk memory", 16 << 10),
    ("ram.mapper", "bytes of RAM for the mapper and its registers", 4 << 10),
    ("trace.event", "instructions of an event of the ring, the dearest kind", 40),
];

/// Swaps that are counted for `swap.switch`; the emulator's tests make ten thousand.
const SWAPS: u32 = 64;

/// Events of a timer that are counted for `irq.store_max`.
const EVENTS: u32 = 250;

/// Figures by name; each is better when smaller.
pub type Figures = BTreeMap<String, u64>;

/// The file that the figures are committed in.
pub fn committed_path() -> PathBuf {
    root().join("docs/benchmarks.toml")
}

/// The board's table of costs, which the compiler's bounds are made of.
pub fn costs_path() -> PathBuf {
    root().join("boards/src/rpi4b/costs.rs")
}

/// Counts everything.
///
/// # Errors
/// The firmware does not build, or the emulator is missing.
pub fn count() -> Result<Figures> {
    let bench = Bench::build()?;
    let costs = opcost::costs(&bench)?;
    let mut figures = calls(&bench)?;
    figures.extend(bench.interrupts()?.into_iter().map(|(name, number)| (format!("irq.{name}"), number)));
    for (reads, of) in [(false, "irq"), (true, "irq.input")] {
        let image = beacon(reads)?;
        for (recorded, of) in [(true, of.to_owned()), (false, format!("{of}.unrecorded"))] {
            let events = bench.events(&image, EVENTS, recorded)?;
            figures.extend(events.into_iter().map(|(name, number)| (format!("{of}.{name}"), number)));
        }
    }
    figures.extend(bench.ring()?.into_iter().map(|(name, number)| (format!("trace.{name}"), number)));
    figures.extend(buses(&bench)?);
    figures.extend(work::count(&bench)?);
    let size = size::sizes()?;
    figures.insert("size.image".into(), size.image.code);
    figures.insert("size.mapper".into(), size.mapper.code);
    // A mapper takes an image, and an image is made by verification alone: a program gains both.
    figures.insert("size.whole".into(), size.image.code + size.mapper.code);
    figures.insert("size.whole_integers".into(), size.image.code + size.integers.code);
    figures.insert("size.mapper_integers".into(), size.integers.code);
    figures.extend(size::parts()?.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)));
    let (mapper, stack) = costs.ram;
    figures.insert("ram.mapper".into(), u64::from(mapper + stack) + size.image.data + size.mapper.data);
    figures.extend([
        ("call.code".into(), costs.call),
        ("call.param".into(), costs.param),
        ("call.result".into(), costs.result),
        ("call.text".into(), costs.text.0),
        ("call.text_byte".into(), costs.text.1),
    ]);
    let swaps = swaps::run(SWAPS)?;
    let of = |name: &str| swaps.get(name).copied().with_context(|| format!("no {name} among {swaps:?}"));
    figures.insert("swap.admit".into(), of("admit")?);
    figures.insert("swap.switch".into(), of("commit")? - of("admit")?);
    figures.extend(link::run()?.into_iter().map(|(name, number)| (format!("link.{name}"), number)));
    figures.extend(trust::count()?);
    for (kind, table) in [("op", &costs.ops), ("direct", &costs.direct)] {
        figures.extend(table.iter().map(|(op, insns)| (format!("{kind}.{}", op.text()), *insns)));
    }
    Ok(figures)
}

/// An export of a panel, without results.
pub(crate) fn export(name: &str, params: &[Ty], entry: Entry) -> Export {
    let key = format!("panel.{name}");
    Export { key, name: name.into(), params: params.into(), results: vec![], entry }
}

/// A panel of three ways to set a line: the dynamic entry, the resolved one, and code.
fn panel() -> Result<Vec<Word>> {
    const LAMP: u8 = 17;
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    let lamp = Line::new(LAMP).context("the line exists")?;
    builder.pins = vec![PinRow::new(lamp, PinMode::Out, Safe::Low, Pull::None)];
    let code = vec![Op::LineSet.abc(LAMP, 0, 0), Op::Ret.abc(0, 0, 0)];
    builder.functions = vec![Function { frame: 2, params: 0, results: 0, code }];
    let direct = |first| Entry::Direct { first, second: 0 };
    builder.exports = vec![
        // In the order of their keys.
        export("call_gpio_set", &[Ty::U8, Ty::Bool], direct(Op::GpioPut.abc(1, 2, 0))),
        export("lamp_code", &[], Entry::Code { function: 0, fuel: 100 }),
        export("lamp_on", &[], direct(Op::LineSet.abc(LAMP, 0, 0))),
    ];
    Ok(builder.build()?)
}

/// A panel whose only handler is a timer's: a direct entry that stores, or code that reads an input first.
fn beacon(reads: bool) -> Result<Vec<Word>> {
    const LAMP: u8 = 17;
    const BUTTON: u8 = 27;
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    let line = |number| Line::new(number).context("the line exists");
    builder.pins = vec![
        PinRow::new(line(LAMP)?, PinMode::Out, Safe::Low, Pull::None),
        PinRow::new(line(BUTTON)?, PinMode::In, Safe::Hold, Pull::None),
    ];
    let store = Op::LineSet.abc(LAMP, 0, 0);
    let code = vec![Op::LineGet.abc(1, BUTTON, 0), store, Op::Ret.abc(0, 0, 0)];
    builder.functions = vec![Function { frame: 2, params: 0, results: 0, code }];
    let entry = if reads {
        Entry::Code { function: 0, fuel: 100 }
    } else {
        Entry::Direct { first: store, second: 0 }
    };
    builder.exports = vec![export("lamp_on", &[], entry)];
    let source = EventSource::Every { every_us: 1013 };
    builder.manifest.events = [Event { export: 0, source }].into_iter().collect();
    Ok(builder.build()?)
}

/// Instructions of a call of a bus's host function, to the first byte that its FIFO is given.
fn buses(bench: &Bench) -> Result<Figures> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    (builder.memory_bytes, builder.memory_pages, builder.memory_max_pages) = (64, 1, 1);
    builder.i2c = vec![("temp".into(), I2cRow::new(1, 0x48, 400_000, [2, 2], 5_000))];
    builder.spi = vec![("memory".into(), SpiRow::new([0, 0, 0], 1_000_000, 4, 5_000))];
    let functions = [("i2c", HostFunction::I2cWriteRead), ("spi", HostFunction::SpiTransfer)];
    builder.exports = functions
        .iter()
        .map(|(name, function)| {
            let first = Op::HostCall.abc(0, *function as u8, 0);
            let entry = Entry::Direct { first, second: 0 };
            Export { results: vec![Ty::I32], ..export(name, &[Ty::I32; 5], entry) }
        })
        .collect();
    // Of the first device, a byte from address 0 on, and one to address 8.
    let plan = [0, 1].map(|export| Call { export, args: vec![0, 0, 1, 8, 1] });
    let counts = bench.run(What::Bus, &builder.build()?, &plan)?;
    let mut figures = Figures::new();
    for ((name, _), measured) in functions.iter().zip(counts.calls) {
        ensure!(measured.trap == 0, "{name} trapped: {measured:?}");
        let insns = measured.insns.with_context(|| format!("{name} sent nothing"))?;
        figures.insert(format!("bus.{name}"), insns.into());
    }
    Ok(figures)
}

fn calls(bench: &Bench) -> Result<Figures> {
    let image = panel()?;
    let names = ["call_gpio_set", "call_gpio_set", "lamp_code", "lamp_on"];
    let plan = [
        Call { export: 0, args: vec![17, 1] },
        Call { export: 0, args: vec![17, 0] },
        Call { export: 1, args: vec![] },
        Call { export: 2, args: vec![] },
    ];
    let mut figures = Figures::new();
    for (what, kind) in
        [(What::Store, "store"), (What::StoreAsFlashed, "store_as_flashed"), (What::Return, "return")]
    {
        let counts = bench.run(what, &image, &plan)?;
        for (name, measured) in names.iter().zip(counts.calls) {
            ensure!(measured.trap == 0, "{name} trapped: {measured:?}");
            let insns = measured.insns.with_context(|| format!("{name} made no store"))?;
            let figure = figures.entry(format!("{kind}.{name}")).or_default();
            *figure = u64::from(insns).max(*figure);
        }
    }
    Ok(figures)
}

/// Returns what has grown against the committed figures; empty where nothing has. Figures that are missing on
/// either side count as grown.
pub fn grown(committed: &Figures, counted: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, now) in counted {
        match committed.get(name) {
            None => lines.push(format!("{name}: {now}, and none is committed")),
            Some(before) if now > before => lines.push(format!("{name}: {now}, committed {before}")),
            Some(_) => {}
        }
    }
    for name in committed.keys().filter(|name| !counted.contains_key(*name)) {
        lines.push(format!("{name}: committed, and no longer counted"));
    }
    lines
}

/// Returns what is not as small as it has to be; a figure that is not there is not.
pub fn missed(figures: &Figures) -> Vec<String> {
    let missed = |(name, what, goal): &(&str, &str, u64)| {
        let now = figures.get(*name);
        let text = now.map_or("not counted".into(), u64::to_string);
        now.is_none_or(|now| now > goal).then(|| format!("{name}: {text} of {goal}, {what}"))
    };
    GOALS.iter().filter_map(missed).collect()
}

/// Compares with what is committed.
///
/// # Errors
/// Something has grown, or the board's table is not that of the committed figures.
pub fn check(counted: &Figures) -> Result<()> {
    let path = committed_path();
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let committed = parse(&text).with_context(|| path.display().to_string())?;
    let mut lines = grown(&committed, counted);
    let path = costs_path();
    let table = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    if table != render_costs(&committed) {
        lines.push(format!("{} is not made of the committed figures", path.display()));
    }
    // What the committed figures have reached stays reached: no headroom and no blessing takes it back. Sizes
    // differ by some bytes with the folder, and are held by what is committed.
    let missed = missed(counted).into_iter().filter(|line| !line.starts_with("size."));
    let missed: Vec<String> = missed.collect();
    ensure!(missed.is_empty(), "figures to reach are missed\n{}", missed.join("\n"));
    if !lines.is_empty() {
        bail!("figures have changed; `cargo xtask bench --bless` commits them\n{}", lines.join("\n"));
    }
    Ok(())
}

/// Returns what is committed for a figure: what bounds are made of has a sixteenth more, so that the
/// compiler's choice of registers somewhere else does not change every bound; so have long stretches of the
/// device program, whose counts differ by a few with the folder that it is built in.
fn stated(name: &str, counted: u64) -> u64 {
    let loose = ["op.", "direct.", "call.", "swap.", "irq.", "link.", "trace.", "trust."]
        .iter()
        .any(|kind| name.starts_with(kind));
    if !loose {
        return counted;
    }
    let most = counted + counted.div_ceil(16);
    // No more than the figure has to be, where it is there.
    GOALS.iter().find(|(of, ..)| *of == name).map_or(most, |(.., goal)| most.min(counted.max(*goal)))
}

/// Writes both files.
///
/// # Errors
/// A file cannot be written.
pub fn bless(counted: &Figures) -> Result<()> {
    let stated: Figures = counted.iter().map(|(name, now)| (name.clone(), stated(name, *now))).collect();
    for (path, text) in [(committed_path(), render(&stated)), (costs_path(), render_costs(&stated))] {
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// A file of figures: `name = number`.
fn parse(text: &str) -> Result<Figures> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, number) = line.split_once('=').with_context(|| format!("the line `{line}`"))?;
            let number = number.trim().parse().with_context(|| format!("the line `{line}`"))?;
            Ok((name.trim().trim_matches('"').to_owned(), number))
        })
        .collect()
}

fn render(figures: &Figures) -> String {
    let mut text = String::from(
        "# Figures of the device's code, each better when smaller: AArch64 instructions (store, return, op), bytes\n\
         # (size, ram). `cargo xtask test` fails when one grows; `cargo xtask bench --bless` writes this file.\n\
         # docs/benchmarks.md says how they are counted.\n",
    );
    for (name, number) in figures {
        _ = writeln!(text, "\"{name}\" = {number}");
    }
    text
}

/// Renders the board's table of costs.
fn render_costs(figures: &Figures) -> String {
    let mut text = format!(
        "//! The costs of ops on AArch64 at most, in instructions, as counted in the emulator.\n\
         //!\n\
         //! Written by `cargo xtask bench --bless`; docs/benchmarks.md says how it is counted. It is for the\n\
         //! program that is flashed, with its record of stores. Not in it: the wait of `time.delay_us`, which the\n\
         //! manifest's `time_us` bounds; text of `log.message` of unknown length beyond {} bytes, and that of a\n\
         //! `str` argument.\n\n\
         use crate::costs::{{Costs, by_op}};\n\n\
         /// The costs on the Raspberry Pi 4B.\n\
         pub(crate) const COSTS: Costs = Costs {{\n",
        opcost::LOG_BYTES
    );
    let counted = ["call.code", "call.param", "call.result", "call.text", "call.text_byte"]
        .map(|figure| figures.get(figure).copied().unwrap_or(0));
    let fields = ["call", "param", "result", "text", "text_byte"].into_iter().zip(counted);
    let [byte, reference, stretch] = opcost::STRETCH_INSNS;
    let [random, random_byte] = opcost::RANDOM_INSNS;
    let lengths = [("byte", byte), ("reference", reference), ("stretch", stretch)];
    for (field, insns) in fields.chain(lengths).chain([("random", random), ("random_byte", random_byte)]) {
        _ = writeln!(text, "    {field}: {insns},");
    }
    text += "    op: by_op(OPS),\n    direct: by_op(DIRECT),\n};\n";
    for (name, kind, what) in [
        ("OPS", "op", "The costs of one op"),
        ("DIRECT", "direct", "The costs of a call of a direct entry that is this op"),
    ] {
        _ = writeln!(
            text,
            "\n/// {what}, by its number in the image format.\n#[rustfmt::skip]\nconst {name}: &[(u8, u16)] = &["
        );
        for op in Op::ALL {
            if let Some(insns) = figures.get(&format!("{kind}.{}", op.text())) {
                _ = writeln!(text, "    ({:#04x}, {insns}), // {}", *op as u8, op.text());
            }
        }
        text += "];\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(all: &[(&str, u64)]) -> Figures {
        all.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let some = figures(&[("op.br_if", 30), ("store.lamp_on", 20)]);
        assert_eq!(parse(&render(&some)).unwrap(), some);
        assert!(parse("x = many").is_err());
        assert!(parse("x").is_err());
    }

    #[test]
    fn the_boards_costs_are_those_of_the_committed_figures() {
        let committed = parse(&fs::read_to_string(committed_path()).unwrap()).unwrap();
        assert!(
            fs::read_to_string(costs_path()).unwrap() == render_costs(&committed),
            "bench --bless writes it"
        );
    }

    #[test]
    fn the_committed_figures_are_those_to_reach() {
        let committed = parse(&fs::read_to_string(committed_path()).unwrap()).unwrap();
        let missed_now = missed(&committed);
        // The one that is not reached yet.
        let is_known = |line: &String| line.starts_with("size.whole_integers");
        assert!(missed_now.iter().all(is_known), "{missed_now:?}");
        assert_eq!(missed(&Figures::new()).len(), GOALS.len());
        let (name, _, goal) = GOALS[5];
        let one_more = Figures::from([(name.to_owned(), goal + 1)]);
        assert!(missed(&one_more).contains(&format!("{name}: {} of {goal}, {}", goal + 1, GOALS[5].1)));
    }

    #[test]
    fn only_what_bounds_are_made_of_has_headroom() {
        assert_eq!(stated("op.br_if", 32), 34);
        assert_eq!(stated("op.copy", 1), 2);
        assert_eq!((stated("trace.event", 39), stated("trace.event", 41)), (40, 41), "a goal is no headroom");
        assert_eq!(stated("trace.event", 30), 32);
        assert_eq!(stated("op.spill.leave", 0), 0);
        assert_eq!(stated("store.lamp_on", 32), 32);
        assert_eq!(stated("size.mapper", 32_000), 32_000);
    }

    #[test]
    fn only_growth_is_reported() {
        let committed = figures(&[("a", 10), ("b", 10), ("c", 10)]);
        assert_eq!(grown(&committed, &figures(&[("a", 9), ("b", 10), ("c", 10)])), [""; 0]);
        let lines = grown(&committed, &figures(&[("a", 11), ("b", 10), ("d", 1)]));
        assert_eq!(
            lines,
            ["a: 11, committed 10", "d: 1, and none is committed", "c: committed, and no longer counted"]
        );
    }
}
