//! `xmap dis`: an image as text.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use xmap_boards::Board;
use xmap_compiler::input;
use xmap_compiler::map::{MapFunction, MapOp, hex};
use xmap_compiler::names;
use xmap_compiler::optext;
use xmap_image::{
    ExportId, FORMAT, Field, Fields, FunctionRow, Image, Manifest, Op, PinMode, Pull, Safe, Signature, Ty,
    Word, branch_targets, decode,
};
use xmap_trust::POLICY_MAGIC;

use super::asks::trigger;
use super::load::{Loaded, load_all};
use super::output::{count, write_file};
use super::{Done, annotated, signed_policy, verify::seal_text};

/// Names are aligned up to this many characters.
const NAME_COLUMN: usize = 32;
/// The column in which source lines stand.
const SOURCE_COLUMN: usize = 48;

/// Show an image as text: header, pins, exports and code
///
/// A direct entry holds its operation in the export table; `arg0` is the call's first argument. In code,
/// `r1` is a register, `@12` the op with this index, which is how a trap names its place. Source lines
/// come from the image's map (FILE.map).
///
/// With --annotate each line of source stands above its ops, with its share of the instructions that a call
/// takes at most; the sources are looked for beside the file and in the folders above it. Of a signed policy
/// it shows what `xmap verify` shows.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap dis panel.xmap
  xmap dis panel.toml            compiles it first
  xmap dis panel.xmap | grep direct
  xmap dis panel.toml --annotate            which line takes how much of the bound
  xmap dis panel.toml --html panel.html     the same, as one page that opens anywhere")]
pub(super) struct Args {
    /// An image, a bundle or a signed policy; a manifest or a module is compiled first
    file: PathBuf,
    /// Show the lines of source above their ops, with their shares of the bounds
    #[arg(long)]
    annotate: bool,
    /// Write the annotated image as a page, and print nothing
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    if is_policy(&args.file) {
        let bytes = input::read_at_most(&args.file, input::MAX_IMAGES_BYTES)?;
        return signed_policy::show(&args.file, &bytes, None, out);
    }
    let all = load_all(&args.file)?;
    if let Some(path) = &args.html {
        all.iter().for_each(Loaded::warn_of_stale_map);
        return Ok(write_file(path, annotated::page(&all).as_bytes())?);
    }
    for (n, loaded) in all.iter().enumerate() {
        if n > 0 {
            writeln!(out)?;
        }
        if args.annotate { annotated::text(loaded, out)? } else { one(loaded, out)? }
    }
    Ok(())
}

/// Returns whether a file begins as a signed policy does.
fn is_policy(path: &Path) -> bool {
    let mut magic = [0; POLICY_MAGIC.len()];
    // Only a regular file: to open a pipe would wait for its other end.
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let read = is_file && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok();
    read && magic == POLICY_MAGIC
}

fn one(loaded: &Loaded, out: &mut dyn Write) -> Done {
    let image = loaded.image.image();
    header(loaded, &image, out)?;
    let manifest = loaded.image.manifest();
    pins(&image, &manifest, out)?;
    exports(loaded, &image, out)?;
    handlers(&image, &manifest, out)?;
    // As `xmap build` prints it: what differs from the default, and what is kept.
    write!(out, "{}", loaded.report.policy_text())?;
    for (n, row) in image.functions().iter().enumerate() {
        let map = loaded.map.as_ref().and_then(|map| map.functions.get(n));
        function(&image, n, row, map, out)?;
    }
    Ok(())
}

pub(super) fn header(loaded: &Loaded, image: &Image<'_>, out: &mut dyn Write) -> Done {
    let header = image.header();
    let manifest = loaded.image.manifest();
    let bytes = image.words().len() * 4;
    writeln!(out, "{}: format {FORMAT}, {bytes} bytes", loaded.title)?;
    writeln!(out, "  board   {}", header.board.board().name)?;
    writeln!(out, "  module  {}, version {}", manifest.module, header.version)?;
    writeln!(out, "  hash    {}", hex(&image.hash()))?;
    if let Some(seal) = &loaded.seal {
        writeln!(out, "  seal    {}", seal_text(seal, false))?;
    }
    writeln!(
        out,
        "  memory  {}, {} of at most {}; {} of data; {}",
        count(header.memory_bytes as usize, "byte"),
        count(header.memory_pages as usize, "page"),
        header.memory_max_pages,
        count(image.data().map(|(_, bytes)| bytes.len()).sum(), "byte"),
        count(image.globals().len(), "global")
    )?;
    writeln!(out, "  waits   at most {} us in one call", header.time_us)?;
    if let Some(start) = header.start {
        writeln!(out, "  start   function {start}")?;
    }
    if loaded.stale_map {
        let map = &loaded.map_path;
        writeln!(out, "  map     {} is that of another image, and is not used", map.display())?;
    }
    Ok(())
}

fn pins(image: &Image<'_>, manifest: &Manifest<'_>, out: &mut dyn Write) -> Done {
    writeln!(out, "\npins")?;
    for pin in image.pins() {
        let line = pin.line().number();
        let mode = match pin.mode() {
            PinMode::In => "in",
            PinMode::Out => "out",
            PinMode::InOut => "inout",
            PinMode::Any => "any",
        };
        let mut row = format!("  {line:>2}  {mode:<5}");
        if matches!(pin.mode(), PinMode::Out | PinMode::InOut) {
            let safe = match pin.safe() {
                Safe::Hold => "hold",
                Safe::Low => "low",
                Safe::High => "high",
                Safe::Float => "float",
            };
            _ = write!(row, "  safe={safe}");
        }
        match pin.pull() {
            Pull::None => {}
            Pull::Up => row.push_str("  pull=up"),
            Pull::Down => row.push_str("  pull=down"),
        }
        if let Some(named) = manifest.pins.iter().find(|named| named.line == line) {
            _ = write!(row, "  {}", named.name);
        }
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

fn exports(loaded: &Loaded, image: &Image<'_>, out: &mut dyn Write) -> Done {
    let namespace = loaded.image.manifest().namespace;
    let ids = || (0..image.exports().len()).map(|n| ExportId(n as u16));
    let name = |id| image.name(id).unwrap_or_default();
    let width = ids().map(|id| name(id).chars().count()).max().unwrap_or(0).min(NAME_COLUMN);
    let reports: HashMap<&str, _> = loaded.report.exports.iter().map(|e| (e.key.as_str(), e)).collect();
    writeln!(out, "\nexports")?;
    for (id, row) in ids().zip(image.exports()) {
        let key = image.key(id).unwrap_or_default();
        let export = reports[key];
        let what = if row.is_direct() {
            direct(image.board().board(), [row.first, row.second], row.params())
        } else {
            format!("function {}, at most {}", row.first, count(export.bound().0 as usize, "op"))
        };
        let mut line = format!("  {:>width$}  {}  {what}", name(id), export.how.name());
        if names::key(namespace, name(id)).as_deref() != Ok(key) && key != name(id) {
            _ = write!(line, "  key={key}");
        }
        // Types that are no more than the module's own say nothing.
        if let Some(signature) = image.signature(id).filter(is_typed) {
            _ = write!(line, "  {}", types(&signature));
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A direct entry: its operation with the call's arguments.
fn direct(board: &Board, row: [Word; 2], params: usize) -> String {
    let name = |register: u8| match usize::from(register) {
        n if n >= 1 && n <= params => format!("arg{}", n - 1),
        _ => "result".to_string(),
    };
    match decode(&row).next() {
        // The register of a result may have held an argument before.
        Some((at, op, words)) if matches!(op.shape().fields, Fields::Abc(Field::Def, ..)) => {
            let text = optext::text(board, at, op, words, &name);
            text.split_once(" <- ").map_or(text.clone(), |(_, what)| format!("result <- {what}"))
        }
        Some((at, op, words)) => optext::text(board, at, op, words, &name),
        None => unreachable!("verification has decoded the row"),
    }
}

fn is_typed(signature: &Signature<'_>) -> bool {
    signature
        .params()
        .chain(signature.results())
        .any(|ty| !matches!(ty, Ty::I32 | Ty::I64 | Ty::F32 | Ty::F64))
}

/// A signature: `(u8, bool) -> u32`.
fn types(signature: &Signature<'_>) -> String {
    let names = |types: &mut dyn Iterator<Item = Ty>| types.map(Ty::name).collect::<Vec<_>>().join(", ");
    let params = names(&mut signature.params());
    match signature.results().len() {
        0 => format!("({params})"),
        _ => format!("({params}) -> {}", names(&mut signature.results())),
    }
}

fn handlers(image: &Image<'_>, manifest: &Manifest<'_>, out: &mut dyn Write) -> Done {
    if !manifest.events.is_empty() {
        writeln!(out, "\nhandlers")?;
    }
    for event in &manifest.events {
        let name = image.name(ExportId(event.export)).unwrap_or_default();
        let source = trigger(event.source);
        writeln!(out, "  {name}  {source}")?;
    }
    Ok(())
}

fn function(
    image: &Image<'_>,
    number: usize,
    row: &FunctionRow,
    map: Option<&MapFunction>,
    out: &mut dyn Write,
) -> Done {
    let start = row.start as usize;
    let name = map.map_or(String::new(), |map| format!(": {}", map.name));
    writeln!(
        out,
        "\nfunction {number}{name}\n  {}, {}, {}, {}",
        count(row.params().into(), "param"),
        count(row.results().into(), "result"),
        count(row.frame().into(), "register"),
        count(row.words() as usize * 4, "byte")
    )?;
    let mut shown = None;
    for (index, line) in op_lines(image, row) {
        let at = index as usize - start;
        let source = map.and_then(|map| origin(map, at)).filter(|source| shown.as_ref() != Some(source));
        match &source {
            Some(source) => writeln!(out, "{line:<SOURCE_COLUMN$}  ; {source}")?,
            None => writeln!(out, "{line}")?,
        }
        shown = source.or(shown);
    }
    Ok(())
}

/// The ops of a function: the index of each one's first word, and its text.
pub(super) fn op_lines(image: &Image<'_>, row: &FunctionRow) -> Vec<(u32, String)> {
    let start = row.start as usize;
    let code = &image.code()[start..][..row.words() as usize];
    let ops: Vec<(usize, Op, &[Word])> = decode(code).collect();
    let targets: BTreeSet<i64> =
        ops.iter().flat_map(|(at, op, words)| branch_targets(*at, *op, words)).collect();
    let line = |(at, op, words): (usize, Op, &[Word])| {
        let mark = if targets.contains(&(at as i64)) { "@" } else { "" };
        let index = format!("{mark}{}", start + at);
        let text = optext::text(image.board().board(), start + at, op, words, &|n| format!("r{n}"));
        ((start + at) as u32, format!("{index:>8}: {text}"))
    };
    ops.into_iter().map(line).collect()
}

/// Returns where an op came from: its source line, else its offset in the module.
fn origin(map: &MapFunction, at: usize) -> Option<String> {
    let n = map.ops.partition_point(|op| op.at as usize <= at).checked_sub(1)?;
    let MapOp { wasm, source, .. } = &map.ops[n];
    Some(source.clone().unwrap_or_else(|| format!("wasm offset {wasm:#x}")))
}

#[cfg(test)]
mod tests {
    use xmap_boards::RPI4B;

    use super::*;

    #[test]
    fn direct_entries_name_arguments_and_results() {
        assert_eq!(direct(&RPI4B, [Op::GpioPut.abc(1, 2, 0), 0], 2), "gpio.set line=arg0 value=arg1");
        assert_eq!(direct(&RPI4B, [Op::GpioPut.abc(2, 1, 0), 0], 2), "gpio.set line=arg1 value=arg0");
        assert_eq!(direct(&RPI4B, [Op::GpioGet.abc(1, 1, 0), 0], 1), "result <- gpio.get line=arg0");
        assert_eq!(direct(&RPI4B, [Op::LineGet.abc(1, 27, 0), 0], 0), "result <- GPLEV0[0x34] bit 27");
        assert_eq!(direct(&RPI4B, [Op::TimeNow.abc(1, 0, 0), 0], 0), "result <- time.now_us");
        assert_eq!(direct(&RPI4B, [Op::MaskSet.abc(0, 0, 0), 6], 0), "GPSET0[0x1c] <- 0x00000006");
    }
}
