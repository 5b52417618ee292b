//! Holds the documents: what they point at is there (files, sections, the tests that docs/security.md names),
//! and their lines have a length that people can read.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every file of the repository with this extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|of| of == extension) {
                found.push(path);
            }
        }
    }
    found
}

/// The places that a text links to, but for those on the web.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(link, _)| link).filter(|link| !link.contains("://"))
}

/// A heading as the end of a link: `A device that has an owner` is `#a-device-that-has-an-owner`.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn has_section(text: &str, wanted: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).any(|anchor| anchor == wanted)
}

/// The figures of engines on the page that compares are those that were measured.
#[test]
fn the_comparison_has_the_measured_figures() {
    let page = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = |text: &str, head: &str| -> Vec<Vec<String>> {
        let table = text.split_once(head).unwrap_or_else(|| panic!("no table {head}")).1;
        table.lines().skip(2).take_while(|line| line.starts_with('|')).map(cells).collect()
    };
    let (compared, measured) = (page("compare.md"), page("benchmarks.md"));
    // Call, heap and code of each engine.
    let measured = rows(&measured, "| | (a) ns | (b) ns |");
    let compared = rows(&compared, "| engine | one call, ns |");
    assert!(compared.len() >= 8, "{compared:?}");
    for row in compared {
        let own = measured.iter().find(|own| own[1] == row[1]).unwrap_or_else(|| panic!("{row:?}"));
        assert_eq!([&row[2], &row[3], &row[4]], [&own[2], &own[8], &own[9]], "{}", row[1]);
    }
}

/// The site has each page once, under its own title.
#[test]
fn the_summary_names_every_page() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: Vec<&str> = links(&summary).collect();
    for file in files("md").into_iter().filter(|file| file.starts_with(&docs)) {
        let path = file.strip_prefix(&docs).unwrap().to_str().unwrap();
        if path == "SUMMARY.md" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        assert!(summary.contains(&format!("- [{title}]({path})\n")), "docs/SUMMARY.md lacks {path}: {title}");
        assert_eq!(listed.iter().filter(|link| **link == path).count(), 1, "{path}");
    }
}

/// The errors that a page names are in the list.
#[test]
fn every_error_that_a_page_names_exists() {
    let list = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let codes: Vec<&str> =
        page.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_code(word)).collect();
    assert!(codes.len() > 5, "{codes:?}");
    for code in codes {
        assert!(list.contains(&format!("### {code}: ")), "docs/troubleshooting.md names {code}");
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 5 && word.starts_with('X') && word[1..].bytes().all(|b| b.is_ascii_digit())
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files("md") {
        let text = fs::read_to_string(&file).unwrap();
        for link in links(&text) {
            seen += 1;
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { file.clone() } else { file.with_file_name(path) };
            let there = to.exists()
                && (section.is_empty() || has_section(&fs::read_to_string(&to).unwrap(), section));
            if !there {
                wrong.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(seen > 50, "{seen} links");
}

#[test]
fn every_test_that_the_security_page_names_is_a_test() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let section = page.split("\n## ").find(|text| text.starts_with("Attacks that are tests")).unwrap();
    // attack | tests | result
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let names: Vec<&str> = rows.flat_map(|tests| tests.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 50, "{names:?}");
    let code: String = files("rs").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let is_test = |name: &&&str| {
        let before = code.split(&format!("fn {name}(")).next().filter(|before| before.len() < code.len());
        // Attributes stand between `#[test]` and the function.
        before.is_some_and(|before| before.lines().rev().take(4).any(|line| line.trim() == "#[test]"))
    };
    let missing: Vec<_> = names.iter().filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns the lines that are too long to be read side by side. A table's row, an example, a line of a string
/// and a line that nothing can break (one word behind its mark) may be longer.
fn long_lines<'a>(text: &'a str, prose: impl Fn(&'a str) -> Option<&'a str>) -> Vec<(usize, &'a str)> {
    const COLUMNS: usize = 110;
    let mut long = Vec::new();
    let mut example = false;
    for (number, line) in text.lines().enumerate() {
        let Some(words) = prose(line) else { continue };
        let words = words.trim();
        if words.starts_with("```") {
            example = !example;
            continue;
        }
        let may = example
            || words.starts_with('|')
            || words.ends_with('\\')
            || words.split_whitespace().count() < 3;
        if line.chars().count() > COLUMNS && !may {
            long.push((number + 1, line));
        }
    }
    long
}

#[test]
fn lines_of_prose_end_at_the_column() {
    assert_eq!(long_lines(&"word ".repeat(30), Some).len(), 1);
    assert_eq!(long_lines(&format!("| {} |", "word ".repeat(30)), Some).len(), 0);
    let mut wrong = Vec::new();
    for (extension, comment) in [("md", None), ("rs", Some("//"))] {
        for file in files(extension) {
            let text = fs::read_to_string(&file).unwrap();
            let prose = |line| match comment {
                Some(mark) => {
                    str::trim_start(line).strip_prefix(mark).map(|rest| rest.trim_start_matches(['/', '!']))
                }
                None => Some(line),
            };
            for (line, words) in long_lines(&text, prose) {
                wrong.push(format!("{}:{line}: {words}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "wrap these at 110 columns:\n{}", wrong.join("\n"));
}
