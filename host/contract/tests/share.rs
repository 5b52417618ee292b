//! The share of hand-written code that an application has in common on three platforms, on the application of
//! `examples/stairs`: printed with its formula. Its screen in Swift is read by the grammar here; those in
//! TypeScript and Kotlin are compiled by the gateway's tests.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lines with code: neither empty nor a comment alone.
fn lines(path: &str) -> usize {
    let text = read(path);
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty()
            && !["//", "#", "/*", "*", "*/"]
                .iter()
                .any(|mark| line.starts_with(mark) && !line.starts_with("#include"))
    };
    text.lines().filter(is_code).count()
}

#[test]
fn the_share_of_common_code_is_printed_with_its_formula() {
    let common = ["stairwell.c", "panel.toml"].map(|file| lines(&format!("../../tests/panels/demo/{file}")));
    let common: usize = common.iter().sum();
    let screens = ["App.tsx", "App.kt", "App.swift"].map(|file| lines(&format!("examples/stairs/{file}")));
    let mean = screens.iter().sum::<usize>() as f64 / 3.0;
    let share = common as f64 / (common as f64 + mean);
    println!(
        "common code: {:.0} % = C / (C + (T + K + S) / 3), with C = {common} lines of panel and manifest, T = {} \
         of React, K = {} of Compose, S = {} of SwiftUI; written clients are not counted",
        share * 100.0,
        screens[0],
        screens[1],
        screens[2]
    );
    assert!(common > 50 && screens.iter().all(|screen| *screen > 10), "{common} {screens:?}");
    assert!(share > 0.5, "{share}");
}

#[test]
fn the_screen_in_swift_reads_as_swift() {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_swift::LANGUAGE.into()).unwrap();
    for path in
        ["examples/stairs/App.swift", "templates/swift/Session.swift", "templates/swift/Lifecycle.swift"]
    {
        let tree = parser.parse(read(path), None).unwrap();
        assert!(!tree.root_node().has_error(), "{path}: {}", tree.root_node().to_sexp());
    }
}
