//! Every panel leaves the committed trace, whatever runs it.
//!
//! The trace in `expected.trace` is the oracle's; `BLESS=1 cargo test -p xmap-tests --test panels`
//! rewrites it. Another runner is one function `fn(&Panel) -> String` and one test below.

use std::collections::BTreeSet;
use std::fs;

use xmap_tests::oracle::{self, Step};
use xmap_tests::{Panel, simulated};

/// Runs a panel's script and returns the plain trace.
type Runner = fn(&Panel) -> String;

/// The panels of plain modules, those with standard libraries, and the one of each language's lifecycle.
fn every() -> Vec<Panel> {
    [Panel::all(), Panel::hosted(), Panel::lives()].into_iter().flat_map(Result::unwrap).collect()
}

/// `cargo xtask matrix` holds each trace on three targets.
#[test]
fn one_life_in_four_languages_is_one_trace() {
    let traces: BTreeSet<String> = Panel::lives()
        .unwrap()
        .iter()
        .map(|panel| fs::read_to_string(panel.expected_path()).unwrap())
        .collect();
    assert_eq!((Panel::lives().unwrap().len(), traces.len()), (4, 1), "{traces:?}");
    let trace = traces.first().unwrap();
    assert!(trace.contains("mounted") && trace.lines().count() > 5, "{trace}");
}

/// Asserts that a runner leaves the committed trace of every panel; says for each that does not
/// where it first differs.
fn leaves_the_committed_traces(runner: Runner) {
    let mut wrong = Vec::new();
    for panel in every() {
        let path = panel.expected_path();
        let expected = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if let Some(difference) = difference(&expected, &runner(&panel)) {
            wrong.push(format!("{}: {difference}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The first line where two traces differ.
fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (mut left, mut right) = (expected.lines(), found.lines());
    for number in 1.. {
        let (expected, found) = (left.next(), right.next());
        if expected != found {
            let end = "the end";
            let (expected, found) = (expected.unwrap_or(end), found.unwrap_or(end));
            return Some(format!("line {number}: expected `{expected}`, found `{found}`"));
        }
        if expected.is_none() {
            break;
        }
    }
    Some("only the ends of lines differ".to_owned())
}

fn oracle(panel: &Panel) -> String {
    asked(panel).trace
}

fn asked(panel: &Panel) -> oracle::Run {
    oracle::run(&panel.manifest, &panel.wasm, &panel.script)
        .unwrap_or_else(|e| panic!("{}: {e:#}", panel.name))
}

#[test]
fn the_oracle_leaves_the_committed_traces() {
    if std::env::var_os("BLESS").is_some() {
        for panel in every() {
            fs::write(panel.expected_path(), oracle(&panel)).unwrap();
        }
    }
    leaves_the_committed_traces(oracle);
}

fn simulator(panel: &Panel) -> String {
    simulated::trace(panel, &simulated::manifest(panel))
}

#[test]
fn the_simulator_leaves_the_committed_traces() {
    leaves_the_committed_traces(simulator);
}

/// A trace proves little about an export that no script calls, and about a handler that no event does.
#[test]
fn scripts_call_every_export_of_their_module() {
    for panel in every() {
        let ran = asked(&panel);
        // No script unmounts; `tests/swap.rs` does.
        let mut called = BTreeSet::from(["_initialize", "_start", "on_mount", "on_unmount"]);
        called.extend(ran.handled.iter().map(String::as_str));
        for step in &panel.script.steps {
            if let Step::Call { name, .. } = step {
                called.insert(panel.manifest.resolve(name).0);
            }
        }
        let exports = exported_functions(&panel.wasm);
        let missing: Vec<_> = exports.iter().filter(|e| !called.contains(e.as_str())).collect();
        assert!(missing.is_empty(), "{}: no call of {missing:?}", panel.name);
        let handlers: BTreeSet<_> =
            panel.manifest.handlers().into_iter().map(|(export, _)| export.name.clone()).collect();
        assert_eq!(ran.handled, handlers, "{}: handlers that events have called", panel.name);
    }
}

fn exported_functions(wasm: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::ExportSection(exports) = payload.unwrap() {
            for export in exports {
                let export = export.unwrap();
                if export.kind == wasmparser::ExternalKind::Func {
                    names.push(export.name.to_owned());
                }
            }
        }
    }
    names
}

#[test]
fn differences_name_their_line() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    let first = difference("a\nb\n", "a\nc\n").unwrap();
    assert_eq!(first, "line 2: expected `b`, found `c`");
    let shorter = difference("a\nb\n", "a\n").unwrap();
    assert_eq!(shorter, "line 2: expected `b`, found `the end`");
    assert!(difference("a\n", "a").is_some());
}
