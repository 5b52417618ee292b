//! The specification's own tests, compiled to images and run by the mapper.
//!
//! `spec.expected` has the table; `BLESS=1 cargo test -p xmap-tests --test spec` rewrites it.

use std::fmt::Write;
use std::fs;

use xmap_tests::spec;

#[test]
fn the_suite_passes() {
    let mut rows = Vec::new();
    let mut wrong = String::new();
    for file in spec::files() {
        let tally = spec::run(file.text).unwrap_or_else(|e| panic!("{}: {e}", file.name));
        for (line, what) in &tally.failed {
            writeln!(wrong, "{}:{line}: {what}", file.name).unwrap();
        }
        rows.push((file.name, tally));
    }
    let mut text = spec::table(rows.iter().map(|(name, tally)| (name.as_str(), tally)));
    text.push_str("\nnot covered, by folder of the suite:\n");
    for spec::NotCovered { folder, files, assertions } in spec::not_covered() {
        writeln!(text, "{folder}: {files} files, {assertions} assertions").unwrap();
    }
    println!("{text}");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec.expected");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    let changed: Vec<String> = text
        .lines()
        .filter(|line| !expected.lines().any(|known| known == *line))
        .map(|line| format!("found:    {line}"))
        .chain(
            expected
                .lines()
                .filter(|known| !text.lines().any(|line| line == *known))
                .map(|known| format!("expected: {known}")),
        )
        .collect();
    assert!(wrong.is_empty(), "\n{wrong}");
    let refused: Vec<_> = rows.iter().flat_map(|(_, tally)| &tally.unsupported).collect();
    assert!(refused.is_empty(), "every module of the suite compiles: {refused:?}");
    assert!(text == expected, "spec.expected differs:\n{}", changed.join("\n"));
}
