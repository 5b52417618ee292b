#![forbid(unsafe_code)]
//! Differential fuzzing from the command line: many seeds on several threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use xmap_tests::differential::{
    Case, Features, Generator, Outcome, STACK_BYTES, Tally, case, check_with, compare,
};

/// Seeds between two lines of progress, and between two states that are kept.
const BATCH: u64 = 2000;

/// Runs random modules as images and in wasmi, and compares the two.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  differential --seconds 100
  differential --seeds 0..100000 --jobs 2 --state target/differential.state
  differential --show 4711")]
struct Args {
    /// Seeds to run: FROM..TO.
    #[arg(long, value_parser = range, conflicts_with = "seconds", default_value = "0..20000")]
    seeds: (u64, u64),
    /// Run for so long instead, from a seed that the time of day gives or --from.
    #[arg(long)]
    seconds: Option<u64>,
    /// First seed of a run with --seconds.
    #[arg(long, requires = "seconds")]
    from: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Everything that generated modules may contain, or what the compiler lowers.
    #[arg(long, value_parser = features, default_value = "supported")]
    features: Features,
    /// Only one generator: smith or program.
    #[arg(long, value_parser = generator)]
    generator: Option<Generator>,
    /// A file that says which seed is next, to go on where a run was ended.
    #[arg(long)]
    state: Option<PathBuf>,
    /// So many modules may go without a comparison because wasmi panics; more are a failure.
    #[arg(long, default_value_t = 5)]
    panics: usize,
    /// Prints the module and the calls of one seed, and what comes of it.
    #[arg(long, conflicts_with_all = ["seconds", "state"])]
    show: Option<u64>,
    /// Compares a module in a file as `--show` prints it.
    #[arg(long, conflicts_with_all = ["seconds", "state", "show"])]
    file: Option<PathBuf>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("not FROM..TO")?;
    let number = |text: &str| text.parse().map_err(|e| format!("{text}: {e}"));
    Ok((number(from)?, number(to)?))
}

fn features(text: &str) -> Result<Features, String> {
    match text {
        "supported" => Ok(Features::SUPPORTED),
        "integers" => Ok(Features::INTEGERS),
        "all" => Ok(Features::ALL),
        _ => Err("supported, integers or all".into()),
    }
}

fn generator(text: &str) -> Result<Generator, String> {
    match text {
        "smith" => Ok(Generator::Smith),
        "program" => Ok(Generator::Program),
        _ => Err("smith or program".into()),
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(seed) = args.show {
        let generator = args.generator.unwrap_or(Generator::of(seed));
        let Some(case) = case(seed, &args.features, generator) else { bail!("seed {seed} makes no module") };
        return show(&case);
    }
    if let Some(path) = &args.file {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let case = Case::parse(&text, 0).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        return show(&case);
    }
    let tally = match args.seconds {
        Some(seconds) => for_seconds(&args, Duration::from_secs(seconds)),
        None => for_seeds(&args)?,
    };
    println!("{tally}");
    ensure!(tally.equal != 0, "no module was compared");
    if !tally.panicked.is_empty() {
        println!("seeds that were skipped, as the reference panicked: {:?}", tally.panicked);
    }
    if !tally.mismatches.is_empty() {
        println!("seeds that differ: {:?}", tally.mismatches);
    }
    let trusted = tally.panicked.len() <= args.panics;
    ensure!(trusted, "wasmi panicked {} times, more than {}", tally.panicked.len(), args.panics);
    Ok(if tally.mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(case: &Case) -> Result<ExitCode> {
    for call in &case.calls {
        println!(";; call {call}");
    }
    if let Some((global, value)) = case.fuel {
        println!(";; fuel {global} {value:#x}");
    }
    println!("{}", wasmprinter::print_bytes(&case.wasm)?);
    let outcome = compare(case);
    let text = match &outcome {
        Outcome::Mismatch(report) => report.lines().take_while(|line| !line.starts_with(";;")).collect(),
        other => format!("{other:?}"),
    };
    println!(";; => {text}");
    Ok(if matches!(outcome, Outcome::Mismatch(_)) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn for_seconds(args: &Args, time: Duration) -> Tally {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mut next = args.from.unwrap_or(now.as_secs() * 1_000_000);
    let end = Instant::now() + time;
    println!("seeds from {next} for {} s", time.as_secs());
    let mut tally = Tally::default();
    while Instant::now() < end {
        tally.merge(batch(args, next, next + 200));
        next += 200;
    }
    println!("seeds up to {next}");
    tally
}

fn for_seeds(args: &Args) -> Result<Tally> {
    let (mut next, to) = args.seeds;
    if let Some(path) = args.state.as_deref().filter(|path| path.exists()) {
        let state = read_state(path)?;
        ensure!((next..=to).contains(&state), "{}: seed {state} is not in the range", path.display());
        next = state;
    }
    let mut tally = Tally::default();
    let start = Instant::now();
    while next < to {
        let end = (next + BATCH).min(to);
        tally.merge(batch(args, next, end));
        next = end;
        if let Some(path) = &args.state {
            fs::write(path, format!("{next}\n")).with_context(|| path.display().to_string())?;
        }
        println!("up to {next}, {:.0} s: {tally}", start.elapsed().as_secs_f64());
    }
    Ok(tally)
}

fn read_state(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.trim().parse().with_context(|| format!("{}: not a seed", path.display()))
}

/// Runs seeds on all threads; each prints what differs.
fn batch(args: &Args, from: u64, to: u64) -> Tally {
    let (next, total) = (AtomicU64::new(from), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let work = || {
                let mut tally = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        break;
                    }
                    let generator = args.generator.unwrap_or(Generator::of(seed));
                    let outcome = check_with(seed, &args.features, generator);
                    if let Outcome::Mismatch(report) = &outcome {
                        println!("MISMATCH {} bytes: {report}", report.len());
                    }
                    tally.add(seed, &outcome);
                }
                total.lock().expect("no thread panics while it holds it").merge(tally);
            };
            thread.spawn_scoped(scope, work).expect("there is address space for a stack");
        }
    });
    let mut tally = total.into_inner().expect("no thread panics while it holds it");
    tally.mismatches.sort_unstable();
    tally.panicked.sort_unstable();
    tally
}
