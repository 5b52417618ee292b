//! Holds the words of documents and comments: the glossary names what is there.

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
