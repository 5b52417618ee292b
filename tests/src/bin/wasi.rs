#![forbid(unsafe_code)]
//! Holds the cases of the WASI testsuite against what tests/wasi.toml expects of each: that it passes, or why
//! it cannot. Each is compiled with the compiler's library and run on the simulated board.
//!
//! The suite is not in this repository. Its branch `prod/testsuite-base` has the compiled cases:
//! `git clone --branch prod/testsuite-base https://github.com/WebAssembly/wasi-testsuite FOLDER`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use serde::{Deserialize, Serialize};
use tiny_mapper::LogLevel;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_sim::{EventKind, MountError, Sim, SimBoard, SimError};

/// The cases of preview 1, by the language that they are written in.
const LANGUAGES: [&str; 3] = ["assemblyscript", "c", "rust"];
/// What is expected of a case that does what it says.
const PASSES: &str = "passes";
/// What is expected of one that does not and was to be given a folder.
const FOLDER: &str = "a folder is given to it, and a panel has none";

/// Compares what the cases of the WASI testsuite do with what is expected of them.
#[derive(Parser)]
struct Args {
    /// The suite's branch `prod/testsuite-base`
    folder: PathBuf,
    /// Write what was found to tests/wasi.toml
    #[arg(long)]
    bless: bool,
}

/// What a case asks of its host, by the specification of the suite.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Its folders, as older cases name them.
    #[serde(default)]
    dirs: Vec<String>,
    /// The folder that is the case's `/`.
    root: Option<String>,
    #[serde(default)]
    exit_code: i32,
    /// None where any will do.
    stdout: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct List {
    /// For each case what is expected of it.
    case: BTreeMap<String, String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasi.toml");
    let mut found = List { case: BTreeMap::new() };
    for language in LANGUAGES {
        let folder = args.folder.join("tests").join(language).join("testsuite/wasm32-wasip1");
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{language}/{stem}");
            let answer = answer(&path).with_context(|| name.clone())?;
            found.case.insert(name, answer);
        }
    }
    let passed = found.case.values().filter(|answer| *answer == PASSES).count();
    println!("{} cases: {passed} pass", found.case.len());
    if args.bless {
        let text = toml::to_string(&found)?;
        let head = "# The cases of the WASI testsuite (preview 1), and what the simulated board does with each:\n\
                    # `cargo run --release -p xmap-tests --bin wasi -- FOLDER` (docs/wasi.md).\n\n";
        fs::write(&place, format!("{head}{text}"))?;
        return Ok(true);
    }
    let text = fs::read_to_string(&place).with_context(|| place.display().to_string())?;
    let expected: List = toml::from_str(&text).with_context(|| place.display().to_string())?;
    let names: BTreeSet<&String> = expected.case.keys().chain(found.case.keys()).collect();
    let mut same = true;
    for name in names {
        let [wanted, came] =
            [&expected, &found].map(|list| list.case.get(name).map_or("no such case", String::as_str));
        if wanted != came {
            println!("{name}: expected: {wanted}, found: {came}");
            same = false;
        }
    }
    Ok(same)
}

/// Runs a case. Returns that it passes, or why it does not.
fn answer(path: &Path) -> Result<String> {
    let asked = match fs::read(path.with_extension("json")) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Asked::default(),
        Err(error) => bail!(error),
    };
    let manifest = manifest(&asked)?;
    let compiled = match compile(&manifest, &fs::read(path)?) {
        Ok(compiled) => compiled,
        Err(error) => {
            return Ok(format!("does not compile: {}", error.to_string().lines().next().unwrap_or("")));
        }
    };
    let (code, stdout) = match Sim::from_words(compiled.words.clone()) {
        Ok(sim) => (0, output(sim.board())),
        Err(SimError::Mount { board, error }) => (exit_code(&compiled, &error, &board), output(&board)),
        Err(error) => bail!("{error}"),
    };
    Ok(match (code, stdout) {
        (code, stdout)
            if code == asked.exit_code && asked.stdout.as_ref().is_none_or(|asked| *asked == stdout) =>
        {
            PASSES.into()
        }
        _ if !asked.dirs.is_empty() || asked.root.is_some() => FOLDER.into(),
        (code, stdout) => format!("exits with {code} and writes {stdout:?}"),
    })
}

/// A panel with the arguments and variables of a case.
fn manifest(asked: &Asked) -> Result<Manifest> {
    let quoted = |text: &String| serde_json::to_string(text).map_err(anyhow::Error::from);
    let args = asked.args.iter().map(quoted).collect::<Result<Vec<_>>>()?;
    let env = asked.env.iter().map(|(name, value)| Ok(format!("{name} = {}", quoted(value)?)));
    let text = format!(
        "module = {{ name = \"case\", board = \"rpi4b\", wasm = \"case.wasm\" }}\n\
         limits = {{ max_bytes = 4194304, fuel = 200000000, time_us = 1000000 }}\n\
         wasi = {{ args = [{}], env = {{ {} }} }}\n",
        args.join(", "),
        env.collect::<Result<Vec<_>>>()?.join(", ")
    );
    Manifest::parse("panel.toml", &text).map_err(|errors| anyhow!("{errors}"))
}

/// Returns what a case wrote to its standard output: INFO, a message for each line. The end of the last line
/// is lost.
fn output(board: &SimBoard) -> String {
    let lines = board.events().iter().filter_map(|event| match &event.kind {
        EventKind::Log { level: LogLevel::Info, text } => Some(text.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the code that a program which was not mounted exited with: the map has it where it is a constant,
/// and the last message has it. Any other trap is 134, as a shell has it of a program that was aborted.
fn exit_code(compiled: &Compiled, error: &MountError, board: &SimBoard) -> i32 {
    let known = match error {
        MountError::Trap(_, trap) => compiled.map.find(trap.op, Some(trap.export)),
        _ => None,
    };
    let said = board.events().iter().rev().find_map(|event| match &event.kind {
        EventKind::Log { text, .. } => Some(text.clone()),
        _ => None,
    });
    let texts = known.and_then(|origin| origin.message).into_iter().chain(said);
    texts.filter_map(|text| text.strip_prefix("exit ")?.parse().ok()).next().unwrap_or(134)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_numbers_of_the_list() {
        let list: List = toml::from_str(include_str!("../../wasi.toml")).unwrap();
        let passed = list.case.values().filter(|answer| *answer == PASSES).count();
        let folder = list.case.values().filter(|answer| *answer == FOLDER).count();
        assert_eq!(passed + folder, list.case.len(), "docs/wasi.md names no other answer");
        let said = format!(
            "Of {} cases **{passed} pass**, all that are given no folder; the other {folder} open files",
            list.case.len()
        );
        let document = include_str!("../../../docs/wasi.md");
        assert!(document.split_whitespace().collect::<Vec<_>>().join(" ").contains(&said), "{said}");
    }
}
