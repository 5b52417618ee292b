#![forbid(unsafe_code)]
//! Holds the modules of published packages against what tests/corpus.toml expects of each: that it compiles,
//! or the exact diagnosis. Those that compile are run beside wasmi. `cargo xtask corpus` fetches the
//! packages.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::Parser;
use serde::{Deserialize, Serialize};
use xmap_compiler::inspect::Inspection;
use xmap_compiler::map::hex;
use xmap_tests::differential::{Outcome, STACK_BYTES, compare, found};

/// Pages that a module's memory may grow to: the 16 MiB of a board.
const MAX_PAGES: u32 = 256;
/// Seeds whose calls are made of each module that compiles.
const SEEDS: u64 = 4;
/// Larger files are no source text with a module in it.
const MOST_TEXT_BYTES: u64 = 32 << 20;
/// How a module begins, in base64.
const MAGIC: &str = "AGFzbQEAAA";

/// Compares published modules with what is expected of them.
#[derive(Parser)]
struct Args {
    /// The list: tests/corpus.toml
    list: PathBuf,
    /// Where the packages were unpacked
    folder: PathBuf,
    /// Write what was found to the list
    #[arg(long)]
    bless: bool,
    /// Packages; without any, all of the list
    packages: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Corpus {
    package: Vec<Package>,
}

#[derive(Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    integrity: Option<String>,
    #[serde(default)]
    module: Vec<Module>,
}

/// A module of a package and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Module {
    /// Where it stands: a path, and behind `#` the number of a text in base64 in that file.
    file: String,
    sha256: String,
    /// What `xmap inspect` ends with.
    says: String,
    /// What became of its calls beside wasmi, where it compiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    ran: Option<String>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let text = fs::read_to_string(&args.list)?;
    let mut corpus: Corpus = toml::from_str(&text)?;
    let mut tasks = Vec::new();
    for (index, package) in corpus.package.iter().enumerate() {
        if args.packages.is_empty() || args.packages.contains(&package.name) {
            let place = args.folder.join(format!("{}-{}", package.name.replace('/', "+"), package.version));
            let modules = modules(&place.join("package")).with_context(|| place.display().to_string())?;
            ensure!(!modules.is_empty(), "{} {} has no module", package.name, package.version);
            tasks.extend(modules.into_iter().map(|(file, bytes)| (index, file, bytes)));
        }
    }
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some((index, file, bytes)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let answer = answer(file, bytes);
            eprintln!("{} {file}: {:.1} s", corpus.package[*index].name, began.elapsed().as_secs_f64());
            answers.lock().unwrap_or_else(|error| error.into_inner()).insert((*index, file.clone()), answer);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, work).expect("a thread can be begun");
        }
    });
    let mut found: BTreeMap<usize, Vec<Module>> = BTreeMap::new();
    for ((index, _), module) in answers.into_inner().unwrap_or_else(|error| error.into_inner()) {
        found.entry(index).or_default().push(module);
    }
    let mut good = true;
    let (mut all, mut compiled, mut equal) = (0, 0, 0);
    for (index, modules) in found {
        let package = &mut corpus.package[index];
        for module in &modules {
            all += 1;
            compiled += usize::from(module.ran.is_some());
            equal += usize::from(module.ran.as_ref().is_some_and(|ran| ran.starts_with("equal")));
            if module.ran.as_ref().is_some_and(|ran| ran.starts_with("differs")) {
                good = false;
                println!("{} {}: {}", package.name, module.file, module.ran.as_deref().unwrap_or_default());
            }
        }
        if args.bless {
            let known = args.folder.join(format!("{}-{}", package.name.replace('/', "+"), package.version));
            package.integrity = Some(fs::read_to_string(known.join("integrity"))?);
            package.module = modules;
        } else if package.module != modules {
            good = false;
            for (had, has) in package.module.iter().zip(&modules).filter(|(had, has)| had != has) {
                println!("{}: expected {had:#?}, found {has:#?}", package.name);
            }
            if package.module.len() != modules.len() {
                println!("{}: {} modules, expected {}", package.name, modules.len(), package.module.len());
            }
        }
    }
    let packages = corpus.package.iter().filter(|package| !package.module.is_empty()).count();
    println!("{all} modules of {packages} packages: {compiled} compile, {equal} of these run as in wasmi");
    if args.bless {
        let head: String =
            text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        fs::write(&args.list, head + "\n" + &toml::to_string(&corpus)?)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what a module is, and what became of it.
fn answer(file: &str, bytes: &[u8]) -> Module {
    let inspection = Inspection::of(Path::new("module.wasm"), bytes.to_vec());
    let sha256 = hex(&hmac_sha256::Hash::hash(bytes));
    let ran = inspection.errors().is_none().then(|| ran(bytes));
    Module { file: file.into(), sha256, says: inspection.sentence(), ran }
}

/// Calls the exports of a module that compiles, and says what became of it.
fn ran(bytes: &[u8]) -> String {
    let (mut calls, mut traps, mut stopped) = (0, 0, 0);
    for seed in 0..SEEDS {
        let case = match found(bytes, seed, MAX_PAGES) {
            Ok(case) if case.calls.is_empty() => return "exports nothing that takes numbers".into(),
            Ok(case) => case,
            Err(error) => return format!("not read: {error}"),
        };
        match compare(&case) {
            Outcome::Equal { calls: c, traps: t, stopped: s } => {
                (calls, traps, stopped) = (calls + c, traps + t, stopped + s);
            }
            Outcome::Skipped(skip) => return format!("not compared: {skip}"),
            Outcome::Mismatch(report) => {
                let report = report.lines().take_while(|line| !line.starts_with(";;"));
                return format!("differs with seed {seed}: {}", report.collect::<Vec<_>>().join("; "));
            }
        }
    }
    format!(
        "equal: {calls} calls, {traps} of them traps; {stopped} ended by fuel or a function that is not there"
    )
}

/// The modules of a folder, each once: files, and texts in base64 in sources.
fn modules(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let (mut found, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    let mut add = |name: String, bytes: Vec<u8>| {
        if seen.insert(hmac_sha256::Hash::hash(&bytes)) {
            found.push((name, bytes));
        }
    };
    // What a module's own file is wins over a copy of it in a source.
    for (wanted, is_module) in [("wasm", true), ("js cjs mjs ts", false)] {
        for file in &files {
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if !wanted.split(' ').any(|wanted| wanted == ending) {
                continue;
            }
            let name = file.strip_prefix(folder)?.display().to_string();
            if is_module {
                add(name, fs::read(file)?);
            } else if fs::metadata(file)?.len() <= MOST_TEXT_BYTES {
                let text = fs::read(file)?;
                let text = String::from_utf8_lossy(&text);
                for (number, bytes) in inline(&text).into_iter().enumerate() {
                    add(format!("{name}#{number}"), bytes);
                }
            }
        }
    }
    Ok(found)
}

/// The modules that stand in a source as texts in base64.
fn inline(text: &str) -> Vec<Vec<u8>> {
    let padding = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decoder = GeneralPurpose::new(&STANDARD, padding);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let starts = text.match_indices(MAGIC).map(|(at, _)| &text[at..]);
    let whole = starts.map(|rest| &rest[..rest.find(|c| !is_base64(c)).unwrap_or(rest.len())]);
    whole.filter_map(|text| decoder.decode(text).ok()).filter(|bytes| bytes.len() > 8).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}
