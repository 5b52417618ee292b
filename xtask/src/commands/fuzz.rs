//! `cargo xtask fuzz`: the fuzz targets in libFuzzer, for a time.
//!
//! The targets are built by a nightly compiler with its address sanitizer and the counters that libFuzzer
//! reads, as cargo-fuzz does it; nothing has to be installed beside that compiler. Corpora grow in
//! `target/fuzz`, beside the committed seeds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use xmap_tools::{process, root, target_dir};

/// The targets are built for a triple by name, so that build scripts have none of the flags below.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Seconds beyond its time after which a target counts as hung.
const GRACE_S: u64 = 120;
/// What libFuzzer and the address sanitizer need of the compiler.
const FLAGS: [&str; 10] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Zsanitizer=address",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds in all, which the targets share
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The toolchain of rustup that builds them: sanitizers are a nightly compiler's
    #[arg(long, default_value = "nightly")]
    toolchain: String,
    /// Targets of tests/fuzz/fuzz_targets; without any, all of them
    targets: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = root().join("tests/fuzz");
    let all = targets(&folder)?;
    for target in &arguments.targets {
        ensure!(all.contains(target), "there is no target `{target}`: choose of {}", all.join(", "));
    }
    let chosen = if arguments.targets.is_empty() { &all } else { &arguments.targets };
    let output = target_dir().join("fuzz");
    build(&folder, &output, &arguments.toolchain, chosen)?;
    let seconds = (arguments.seconds / chosen.len() as u64).max(1);
    for target in chosen {
        println!("{target}: {}", fuzz(&folder, &output, target, seconds)?);
    }
    Ok(())
}

/// The targets, by the names of their files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.join("fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for file in files {
        names.extend(file?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn build(folder: &Path, output: &Path, toolchain: &str, chosen: &[String]) -> Result<()> {
    // rustup's cargo, and not the one of the toolchain that runs this.
    let mut cargo = Command::new("rustup");
    cargo
        .args(["run", toolchain, "cargo", "build", "--release", "--target", TRIPLE, "--target-dir"])
        .arg(output)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .current_dir(folder);
    for target in chosen {
        cargo.args(["--bin", target]);
    }
    process::run(&mut cargo, BUILD_LIMIT).map(drop).with_context(|| {
        format!(
            "the fuzz targets need `rustup toolchain install {toolchain}`, and a C++ compiler for libFuzzer"
        )
    })
}

/// Runs a target for some seconds. Returns libFuzzer's last line of figures.
fn fuzz(folder: &Path, output: &Path, target: &str, seconds: u64) -> Result<String> {
    let corpus = output.join("corpus").join(target);
    let findings = output.join("findings").join(target);
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder)?;
    }
    let mut program = Command::new(output.join(TRIPLE).join("release").join(target));
    program.arg(&corpus);
    let seeds = folder.join("seeds").join(target);
    // Where any bytes are as good a start as others, none are committed.
    if seeds.is_dir() {
        program.arg(seeds);
    }
    program
        .arg(format!("-max_total_time={seconds}"))
        // An input may be slow where other programs share the machine.
        .arg("-timeout=120")
        .arg("-print_final_stats=1")
        .arg(format!("-artifact_prefix={}/", findings.display()));
    if let Some(dictionary) = dictionary(folder, target) {
        program.arg(format!("-dict={}", dictionary.display()));
    }
    let printed = process::run(&mut program, Duration::from_secs(seconds + GRACE_S))
        .with_context(|| format!("{target}: what it found is in {}", findings.display()))?;
    match printed.lines().rfind(|line| line.starts_with('#') && line.contains("DONE")) {
        Some(line) => Ok(line.split_whitespace().collect::<Vec<_>>().join(" ")),
        None => bail!("{target} did not come to its end:\n{printed}"),
    }
}

fn dictionary(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = folder.join("dictionaries").join(target).with_extension("dict");
    path.is_file().then_some(path)
}
