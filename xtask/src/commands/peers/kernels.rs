//! `cargo xtask bench --kernels`: the programs of `tests/kernels`, beside other engines and native code.
//!
//! Instructions are those between two runs of different length, so that what an engine does once (start,
//! translation) is no part of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use xmap_tools::{process, root, target_dir};

use super::measure::{count_instructions, median};
use super::table::short;
use super::{Arguments, MAPPER, PEERS, Peer, Programs, RUN_LIMIT, WASMI, document, machine, xmap_build};

/// The engines that run kernels, as [`PEERS`] names them.
const ENGINES: [&str; 5] = [MAPPER, WASMI, "tinywasm", "wasmtime, Cranelift", "wasmtime, Pulley"];
/// Code of the machine, of the same source.
const NATIVE: &str = "native";

/// `kernels.toml`: how many rounds a measured call of each kernel does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    tune: BTreeMap<String, u32>,
    check: BTreeMap<String, u32>,
}

/// What was measured of one kernel.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    name: String,
    /// The ending of its source.
    language: String,
    /// x86-64 instructions of one round, by engine.
    instructions: BTreeMap<&'static str, f64>,
    /// Nanoseconds of a call, by engine.
    times: BTreeMap<&'static str, f64>,
}

impl Kernel {
    /// One figure of the mapper to another's.
    fn ratio(figures: &BTreeMap<&'static str, f64>, reference: &str) -> Option<f64> {
        Some(figures.get(MAPPER)? / figures.get(reference)?)
    }
}

/// The packages that have an engine for kernels.
pub(super) fn packages() -> impl Iterator<Item = &'static str> {
    PEERS.iter().filter(|peer| ENGINES.contains(&peer.name)).map(|peer| peer.package)
}

/// Measures every kernel, prints the tables, and commits them if asked to.
pub(super) fn run(programs: &Programs, arguments: &Arguments) -> Result<()> {
    let rounds = arguments.rounds;
    let folder = root().join("tests/kernels");
    let file = folder.join("kernels.toml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let sets: Sets = toml::from_str(&text).with_context(|| file.display().to_string())?;
    let mut section = String::new();
    for (set, kernels) in [("tune", &sets.tune), ("check", &sets.check)] {
        let mut measured = Vec::new();
        for (name, n) in kernels {
            eprintln!("kernel {name} ...");
            let kernel = measure(programs, &folder.join(set), name, *n, rounds);
            measured.push(kernel.with_context(|| format!("kernel {name}"))?);
        }
        section += &table(set, &measured);
    }
    section += &machine::describe(rounds)?;
    print!("{section}");
    if arguments.bless { document::write_section("kernels", &section) } else { Ok(()) }
}

fn measure(programs: &Programs, folder: &Path, name: &str, n: u32, rounds: u32) -> Result<Kernel> {
    let module = folder.join(name).with_extension("wasm");
    xmap_build(&manifest(name, &module)?, &programs.images)?;
    let mut commands: Vec<(&'static str, Vec<PathBuf>)> = PEERS
        .iter()
        .filter(|peer| ENGINES.contains(&peer.name))
        .map(|peer| (peer.name, engine(programs, *peer, &module)))
        .collect();
    let (language, native) = native(folder, name)?;
    commands.extend(native.map(|program| (NATIVE, vec![program])));
    let mut kernel = Kernel { name: name.to_owned(), language, ..Kernel::default() };
    let mut results = BTreeMap::new();
    let mut times: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for (engine, arguments) in &commands {
            let said = process::run(command(arguments).arg(n.to_string()), RUN_LIMIT)?;
            let mut words = said.split_whitespace();
            results.insert(*engine, words.next().map(str::to_owned));
            // The native program has no clock of its own.
            if let Some(time) = words.next().filter(|_| round > 0 || rounds == 1) {
                times.entry(*engine).or_default().push(time.parse()?);
            }
        }
    }
    let first = results.values().next();
    ensure!(results.values().all(|result| Some(result) == first), "results differ: {results:?}");
    kernel.times = times.into_iter().filter_map(|(engine, times)| Some((engine, median(times)?))).collect();
    for (engine, arguments) in &commands {
        let [few, many] = [(n / 4).max(1), (n / 2).max(2)];
        let count = |n: u32| count_instructions(command(arguments).arg(n.to_string()));
        let between = count(many)?.saturating_sub(count(few)?);
        kernel.instructions.insert(engine, between as f64 / f64::from(many - few));
    }
    Ok(kernel)
}

/// Returns what runs a kernel in an engine, but for the number of rounds.
fn engine(programs: &Programs, peer: Peer, module: &Path) -> Vec<PathBuf> {
    let mut arguments = vec![programs.path(peer, "")];
    arguments.extend(programs.how(peer));
    arguments.extend([PathBuf::from("kernel"), module.to_owned()]);
    arguments
}

fn command(arguments: &[PathBuf]) -> Command {
    let mut command = Command::new(arguments.first().map_or(Path::new(""), PathBuf::as_path));
    command.args(arguments.get(1..).unwrap_or_default());
    command
}

/// Writes the manifest of a kernel, with all the fuel there is.
fn manifest(name: &str, module: &Path) -> Result<PathBuf> {
    let text = format!(
        "[module]\nname = {name:?}\nversion = 1\nboard = \"rpi4b\"\nwasm = {:?}\n\n[limits]\nfuel = {}\n",
        module.display().to_string(),
        u32::MAX
    );
    let path = target_dir().join("peers").join("kernels").join(name).with_extension("toml");
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

/// The ending of a kernel's source, and the program that it is natively: clang -O2, rustc -O. There is none
/// for the other languages.
fn native(folder: &Path, name: &str) -> Result<(String, Option<PathBuf>)> {
    let program = target_dir().join("peers").join("kernels").join(name);
    let source = |ending| folder.join(name).with_extension(ending);
    let mut compiler = if source("c").exists() {
        let clang = std::env::var_os("CLANG").unwrap_or("clang-19".into());
        let mut clang = Command::new(clang);
        clang.args(["-O2", "-DNATIVE", "-I"]).arg(folder.join("..")).arg(source("c"));
        clang
    } else if source("rs").exists() {
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-O"]).arg(source("rs"));
        rustc
    } else {
        let ending = ["zig", "ts"].into_iter().find(|ending| source(ending).exists());
        return Ok((ending.context("the kernel has no source")?.to_owned(), None));
    };
    process::run(compiler.arg("-o").arg(&program), RUN_LIMIT)?;
    let ending = if source("c").exists() { "c" } else { "rs" };
    Ok((ending.to_owned(), Some(program)))
}

fn table(set: &str, kernels: &[Kernel]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    _ = write_table(set, kernels, &mut out);
    out
}

fn write_table(set: &str, kernels: &[Kernel], out: &mut String) -> std::fmt::Result {
    writeln!(out, "**{set}**\n")?;
    writeln!(
        out,
        "| kernel | source | insns a round | / wasmi | / tinywasm | / Pulley | / Cranelift | / native | time / wasmi |"
    )?;
    writeln!(out, "| --- | --- |{}", " ---: |".repeat(7))?;
    let columns: [fn(&Kernel) -> Option<f64>; 6] = [
        |kernel| Kernel::ratio(&kernel.instructions, WASMI),
        |kernel| Kernel::ratio(&kernel.instructions, "tinywasm"),
        |kernel| Kernel::ratio(&kernel.instructions, "wasmtime, Pulley"),
        |kernel| Kernel::ratio(&kernel.instructions, "wasmtime, Cranelift"),
        |kernel| Kernel::ratio(&kernel.instructions, NATIVE),
        |kernel| Kernel::ratio(&kernel.times, WASMI),
    ];
    let cells = |figures: [Option<f64>; 6]| figures.map(|figure| figure.map_or("-".to_owned(), short));
    for kernel in kernels {
        let insns = kernel.instructions.get(MAPPER).map_or("-".to_owned(), |count| format!("{count:.0}"));
        let row = cells(columns.map(|column| column(kernel))).join(" | ");
        writeln!(out, "| {} | {} | {insns} | {row} |", kernel.name, kernel.language)?;
    }
    let each = columns.map(|column| kernels.iter().filter_map(column).collect::<Vec<f64>>());
    let row = cells(each.each_ref().map(|figures| geometric_mean(figures))).join(" | ");
    writeln!(out, "| **geometric mean** | | | {row} |")?;
    let worst = each.map(|figures| figures.into_iter().reduce(f64::max));
    writeln!(out, "| **worst** | | | {} |\n", cells(worst).join(" | "))
}

fn geometric_mean(figures: &[f64]) -> Option<f64> {
    let logs: f64 = figures.iter().map(|figure| figure.ln()).sum();
    (!figures.is_empty()).then(|| (logs / figures.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_mean_and_worst_and_a_dash_for_what_was_not_measured() {
        let kernel = |name: &str, ours: f64| Kernel {
            name: name.to_owned(),
            language: "c".to_owned(),
            instructions: BTreeMap::from([(MAPPER, ours), (WASMI, 2.0)]),
            times: BTreeMap::new(),
        };
        let text = table("tune", &[kernel("one", 1.0), kernel("two", 4.0)]);
        assert!(text.contains("| two | c | 4 | 2.00 | - | - | - | - | - |"), "{text}");
        assert!(text.contains("| **geometric mean** | | | 1.00 |"), "{text}");
        assert!(text.contains("| **worst** | | | 2.00 |"), "{text}");
    }
}
