//! docs/languages.md: each section is followed, with the compilers of this machine.

mod languages;

use std::fs;
use std::path::Path;

use xmap_project::Language;

use languages::{good, missing, root, xmap};

/// The title of a language's section.
const fn title(language: Language) -> &'static str {
    match language {
        Language::C => "C",
        Language::Rust => "Rust",
        Language::Zig => "Zig",
        Language::AssemblyScript => "AssemblyScript",
        Language::Go => "Go",
        Language::Wat => "WebAssembly text",
    }
}

fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let (_, rest) =
        page.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

/// The text of the first block, and the file that the line before it names.
fn block(section: &str) -> (&str, &str) {
    let (before, rest) = section.split_once("\n```").unwrap();
    let named = before.trim_end().lines().last().unwrap();
    let file = named.split('`').nth(1).unwrap_or_else(|| panic!("{named} names no file"));
    let (text, _) = rest.split_once('\n').unwrap().1.split_once("```").unwrap();
    (file, text)
}

fn commands(section: &str) -> Vec<&str> {
    let commands = section.lines().filter_map(|line| line.strip_prefix("    "));
    commands.filter(|line| line.starts_with("xmap ")).collect()
}

/// Adds a text at the end of a source: of a module's text, inside of its last parenthesis.
fn append(path: &Path, text: &str) {
    let source = fs::read_to_string(path).unwrap();
    let added = match path.extension().is_some_and(|ending| ending == "wat") {
        true => format!("{}\n{text})\n", source.trim_end().strip_suffix(')').unwrap()),
        false => format!("{source}\n{text}"),
    };
    fs::write(path, added).unwrap();
}

#[test]
fn every_section_can_be_followed() {
    let page = fs::read_to_string(root().join("docs/languages.md")).unwrap();
    let (script, steps) = block(&page);
    let (manifest, line) = block(page.split_once(steps).unwrap().1.strip_prefix("```").unwrap());
    let mut followed = 0;
    for language in Language::ALL {
        let section = section(&page, title(language));
        assert!(commands(section)[0].ends_with(&format!("--lang {}", language.word())), "{section}");
        if let Some(why) = missing(language) {
            println!("skipped {}: {why}", title(language));
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let [new, others @ ..] = &commands(section)[..] else { panic!("{section}") };
        good(folder, new);
        let (source, text) = block(section);
        append(&folder.join(source), text);
        append(&folder.join(manifest), line);
        fs::write(folder.join(script), steps).unwrap();
        let said: String = others.iter().map(|line| good(folder, line)).collect();
        assert!(said.contains("3 passed, 0 failed") && said.contains("panel.left"), "{said}");
        for line in commands(self::section(&page, "Onto the board")) {
            match line.contains("--port") {
                // It needs a board; both verbs are tested with devices of their own.
                true => assert_eq!(xmap(folder, line).status.code(), Some(1), "{line}"),
                false => _ = good(folder, line),
            }
        }
        followed += 1;
    }
    assert!(followed > 0, "the text of a module needs no compiler");
}
