//! The command line, as it is typed and as it answers.
//!
//! Each file of `tests/cli` is a transcript: `#` lines are comments, `$` lines are commands for `sh`,
//! and what a command printed on both outputs stands behind it, indented; `? 1` is its status where
//! that is not 0. The commands of a file run one after the other in a folder of their own, with the
//! files of `tests/cli/in` and, in `panels`, those of the repository's `tests/panels`.
//! `BLESS=1 cargo test -p xmap --test cli` writes the transcripts anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapbox::{Assert, Data, assert::Action, data::DataFormat};

#[test]
fn the_transcripts_hold() {
    let action = if std::env::var_os("BLESS").is_some() { Action::Overwrite } else { Action::Verify };
    let assert = Assert::new().action(action).normalize_paths(false);
    let files = transcripts();
    assert!(files.len() >= 10, "the transcripts are gone");
    let mut failed = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        let expected = Data::read_from(path, Some(DataFormat::Text)).raw();
        let played = Data::from(play(&text)).raw();
        if let Err(error) = assert.try_eq(Some(&path.display()), played, expected) {
            failed.push(error.to_string());
        }
    }
    assert!(failed.is_empty(), "{}\nBLESS=1 writes them anew", failed.join("\n"));
}

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files
}

/// Runs a transcript's commands, and writes down what they print.
fn play(text: &str) -> String {
    let sandbox = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // In a folder of its own, so that no other program of the build stands beside it.
    let programs = tempfile::tempdir().unwrap();
    fs::copy(env!("CARGO_BIN_EXE_xmap"), programs.path().join("xmap")).unwrap();
    copy(&root.join("tests/cli/in"), sandbox.path());
    copy(&root.join("../../tests/panels"), &sandbox.path().join("panels"));
    let mut played = String::new();
    for line in text.lines().filter(|line| !line.starts_with("    ") && !line.starts_with("? ")) {
        played += &format!("{line}\n");
        if let Some(command) = line.strip_prefix("$ ") {
            played += &run(command, sandbox.path(), programs.path());
        }
    }
    played
}

fn run(command: &str, folder: &Path, programs: &Path) -> String {
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env("COLUMNS", "100")
        .env("LC_ALL", "C.UTF-8")
        .env("XMAP_MAPS", "")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("panicked"), "{command}\n{text}");
    let indent = |line: &str| if line.is_empty() { "    \n".to_string() } else { format!("    {line}\n") };
    let mut shown: String = text.lines().map(indent).collect();
    match output.status.code() {
        Some(0) => {}
        Some(code) => shown += &format!("? {code}\n"),
        None => shown += "? killed by a signal\n",
    }
    shown
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { _ = fs::copy(&path, &target).unwrap() }
    }
}

/// The sample of a size report in docs/cli.md is what the first command of build.txt prints.
#[test]
fn the_sample_of_a_size_report_is_a_real_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/cli.md")).unwrap();
    let sample: Vec<&str> = page
        .split("## The size report\n")
        .nth(1)
        .unwrap()
        .lines()
        .skip_while(|line| line.is_empty())
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .filter(|line| !line.is_empty())
        .collect();
    let transcript = fs::read_to_string(root.join("tests/cli/build.txt")).unwrap();
    let lines = transcript.lines().skip_while(|line| !line.starts_with("$ ")).skip(1);
    let printed: Vec<&str> = lines
        .take_while(|line| !line.starts_with("$ "))
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(sample, printed);
}
