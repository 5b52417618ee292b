//! `cargo xtask gojs`: the tests of Go's standard library, under Node with Go's own host and under `xmap go`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use xmap_tools::go::Go;
use xmap_tools::{cargo, process, root, target_dir};

/// What is run where no package is named.
const PACKAGES: [&str; 21] = [
    "syscall/js",
    "bytes",
    "container/...",
    "context",
    "encoding/json",
    "fmt",
    "hash",
    "hash/...",
    "math",
    "math/...",
    "regexp",
    "regexp/...",
    "sort",
    "strings",
    "sync",
    "sync/...",
    "text/template",
    "text/template/...",
    "time",
    "unicode",
    "unicode/...",
];

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Longer than the tests' own limit of ten minutes.
const RUN_LIMIT: Duration = Duration::from_secs(11 * 60);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run the tests' short forms
    #[arg(long)]
    short: bool,
    /// The profile that `xmap-go` is built with
    #[arg(long, default_value = "release")]
    profile: String,
    /// Packages, as `go list` takes them; without any, those of docs/go.md
    packages: Vec<String>,
}

/// How the tests of a package ended.
struct Outcome {
    /// What each said last, by its name: PASS, FAIL or SKIP.
    tests: BTreeMap<String, String>,
    /// Whether the program ended with status 0.
    ok: bool,
    time: Duration,
}

impl Outcome {
    fn count(&self, word: &str) -> usize {
        self.tests.values().filter(|said| *said == word).count()
    }

    fn cell(&self) -> String {
        let failed = if self.ok { self.count("FAIL") } else { self.count("FAIL").max(1) };
        let (passed, skipped) = (self.count("PASS"), self.count("SKIP"));
        format!("{passed} / {failed} / {skipped} | {:.1}", self.time.as_secs_f64())
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let go = Go::find()?;
    let program = build(&arguments.profile)?;
    let node = vec!["node".into(), "--stack-size=8192".into(), go.host()?.display().to_string()];
    // With the files and the environment that Node gives.
    let ours = [&program.display().to_string(), "run", "--dir", "/", "--env", "*"].map(str::to_owned);
    let mut failed = Vec::new();
    println!("| package | Node: passed / failed / skipped | s | xmap go | s | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let (mut theirs, mut here) = (Duration::ZERO, Duration::ZERO);
    for (package, folder) in packages(&go, &arguments.packages)? {
        let test = compile(&go, &package)?;
        let flags = if arguments.short { &["-test.v", "-test.short"][..] } else { &["-test.v"][..] };
        let reference = play(&node, &test, flags, &folder)?;
        let found = play(&ours, &test, flags, &folder)?;
        (theirs, here) = (theirs + reference.time, here + found.time);
        let ratio = found.time.as_secs_f64() / reference.time.as_secs_f64();
        println!("| `{package}` | {} | {} | {ratio:.2} |", reference.cell(), found.cell());
        let name = |said: &BTreeMap<String, String>| {
            said.iter().filter(|(_, word)| *word == "FAIL").map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        if name(&reference.tests) != name(&found.tests) || reference.ok != found.ok {
            failed.push(package);
        }
        fs::remove_file(&test)?;
    }
    let (theirs, here) = (theirs.as_secs_f64(), here.as_secs_f64());
    println!("| all | | {theirs:.1} | | {here:.1} | {:.2} |", here / theirs);
    ensure!(failed.is_empty(), "other failures than under Node: {}", failed.join(", "));
    Ok(())
}

/// The packages with tests, each with its folder.
fn packages(go: &Go, named: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let mut arguments =
        vec!["list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"];
    match named {
        [] => arguments.extend(PACKAGES),
        named => arguments.extend(named.iter().map(String::as_str)),
    }
    let printed = process::run(&mut go.command(&arguments), BUILD_LIMIT)?;
    let lines = printed.lines().filter_map(|line| line.split_once(' '));
    let packages = lines.filter(|(package, _)| !package.contains("internal"));
    Ok(packages.map(|(package, folder)| (package.to_owned(), folder.into())).collect())
}

/// Builds `xmap-go`.
fn build(profile: &str) -> Result<PathBuf> {
    let mut command = Command::new(cargo());
    command.args(["build", "-p", "xmap-gojs", "--profile", profile]).current_dir(root());
    process::run(&mut command, BUILD_LIMIT)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target_dir().join(folder).join("xmap-go"))
}

/// Compiles the tests of a package.
fn compile(go: &Go, package: &str) -> Result<PathBuf> {
    let folder = target_dir().join("go/tests");
    fs::create_dir_all(&folder)?;
    let file = folder.join(package.replace('/', "-") + ".wasm");
    let path = file.display().to_string();
    process::run(&mut go.command(&["test", "-c", "-ldflags=-s -w", "-o", &path, package]), BUILD_LIMIT)?;
    Ok(file)
}

/// Runs tests in their package's folder.
fn play(host: &[String], test: &Path, flags: &[&str], folder: &Path) -> Result<Outcome> {
    let printed = test.with_extension("txt");
    let mut command = Command::new(&host[0]);
    command.args(&host[1..]).arg(test).args(flags).current_dir(folder);
    let output = File::create(&printed)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {}", host[0]))?;
    let status = process::wait(&mut child, RUN_LIMIT)?;
    if status.is_none() {
        _ = child.kill();
        _ = child.wait();
    }
    let time = start.elapsed();
    let text = fs::read(&printed)?;
    Ok(Outcome {
        tests: said(&String::from_utf8_lossy(&text)),
        ok: status.is_some_and(|status| status.success()),
        time,
    })
}

/// Returns what each test said: lines such as `    --- PASS: TestX/case (0.00s)`.
fn said(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("--- "));
    let said = lines.filter_map(|line| {
        let (word, rest) = line.split_once(": ")?;
        let name = rest.rsplit_once(" (").map_or(rest, |(name, _)| name);
        matches!(word, "PASS" | "FAIL" | "SKIP").then(|| (name.to_owned(), word.to_owned()))
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_are_read() {
        let text = "=== RUN   TestA\n--- PASS: TestA (0.01s)\n    --- FAIL: TestA/b c (1.00s)\nPASS\n--- SKIP: TestS (0.00s)\n";
        let said = said(text);
        assert_eq!(said.len(), 3);
        assert_eq!(said["TestA"], "PASS");
        assert_eq!(said["TestA/b c"], "FAIL");
        assert_eq!(said["TestS"], "SKIP");
    }
}
