//! Holds the words of documents and comments: the glossary names what is there, and summaries begin as the
//! style says.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns every source of Rust below a folder, but for what was built.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Returns whether a text declares an item of this name, or exports it again.
fn has_item(text: &str, name: &str) -> bool {
    let words = ["struct", "enum", "trait", "type", "const", "static", "fn", "mod", "macro_rules!"];
    let declared = |line: &str| {
        let words = words.iter().any(|word| {
            line.split_once(&format!("{word} ")).is_some_and(|(_, rest)| {
                rest.strip_prefix(name)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        });
        let again = line.trim_start().starts_with("pub use ");
        words || again && line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    };
    text.lines().any(declared)
}

#[test]
fn every_word_of_the_glossary_is_in_the_code() {
    let page = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(2);
    let (mut words, mut wrong) = (Vec::new(), Vec::new());
    for row in rows {
        let [word, meaning, places] =
            <[&str; 3]>::try_from(row.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>())
                .unwrap();
        words.push(word);
        assert!(!meaning.is_empty(), "{row}");
        let mut file: Option<PathBuf> = None;
        for place in places.split('`').skip(1).step_by(2) {
            let there = match place.split_once("::") {
                Some((package, item)) => {
                    let name = package.strip_prefix("xmap_").unwrap_or("mapper");
                    let folders = ["firmware", "host", ""].map(|above| root().join(above).join(name));
                    let folder = folders.into_iter().find(|folder| folder.join("Cargo.toml").is_file());
                    let texts = folder.map(|folder| sources(&folder.join("src"))).unwrap_or_default();
                    texts.iter().any(|source| has_item(&fs::read_to_string(source).unwrap(), item))
                }
                None if place.contains('/') => {
                    file = Some(root().join(place));
                    root().join(place).exists()
                }
                None => file.as_ref().is_some_and(|file| {
                    let texts = if file.is_dir() { sources(file) } else { vec![file.clone()] };
                    texts.iter().any(|source| has_item(&fs::read_to_string(source).unwrap(), place))
                }),
            };
            if !there {
                wrong.push(format!("{word}: {place}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(words.len() > 30 && words.len() <= 45, "{} words: more are no glossary", words.len());
    let mut once = words.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), words.len(), "a word has one meaning");
}

/// Words that begin a clause, and so no summary.
const CLAUSES: [&str; 8] = ["What", "Whether", "Where", "How", "When", "Who", "Whose", "Which"];

/// An item with a comment: the number and the words of its first line, and the line of its declaration.
struct Documented<'a> {
    line: usize,
    summary: &'a str,
    item: &'a str,
}

/// Returns the items of a source that have a comment.
fn documented(text: &str) -> Vec<Documented<'_>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(summary) = lines[at].strip_prefix("/// ") else {
            at += 1;
            continue;
        };
        let line = at + 1;
        let mut is_test = false;
        while lines.get(at).is_some_and(|line| line.starts_with("///") || line.starts_with("#[")) {
            is_test |= lines[at] == "#[test]";
            at += 1;
        }
        // The comment of a test is a sentence about what holds.
        if let Some(item) = lines.get(at).filter(|_| !is_test) {
            found.push(Documented { line, summary, item });
        }
    }
    found
}

/// Returns the declaration behind visibility and qualifiers.
fn bare(item: &str) -> &str {
    let item = item.strip_prefix("pub").map_or(item, |rest| match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        None => rest,
    });
    let mut item = item.trim_start();
    for word in ["default ", "const fn", "async fn", "unsafe fn"] {
        if let Some(rest) = item.strip_prefix(word) {
            item = if word.ends_with("fn") { &item[word.len() - 2..] } else { rest };
        }
    }
    item
}

#[test]
fn a_summary_of_a_function_begins_with_a_verb() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for source in sources(root()) {
        let text = fs::read_to_string(&source).unwrap();
        for documented in
            documented(&text).iter().filter(|documented| bare(documented.item).starts_with("fn "))
        {
            seen += 1;
            let first = documented.summary.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            if CLAUSES.contains(&first) {
                wrong.push(format!("{}:{}: {}", source.display(), documented.line, documented.summary));
            }
        }
    }
    assert!(seen > 2000, "{seen} functions");
    assert!(wrong.is_empty(), "begin these with a verb (\"Returns whether ...\"):\n{}", wrong.join("\n"));
}
