//! The panels of docs/cookbook.md: each compiles, passes its scripts, and these reach all of it.

mod languages;

use std::fs;

use xmap_project::Language;

use languages::{copy, good, missing, root};

#[test]
fn each_panel_of_the_cook_book_passes_its_scripts() {
    let page = fs::read_to_string(root().join("docs/cookbook.md")).unwrap();
    let mut names: Vec<String> = fs::read_dir(root().join("examples/cookbook"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    for name in &names {
        assert!(page.contains(&format!("(../examples/cookbook/{name})")), "docs/cookbook.md lacks {name}");
    }
    if let Some(why) = missing(Language::C) {
        println!("skipped the panels of the cook book: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/cookbook"), &folder.path().join("examples/cookbook"));
    copy(&root().join("guests"), &folder.path().join("guests"));
    for name in names {
        let tested = good(folder.path(), &format!("xmap test examples/cookbook/{name} --coverage"));
        assert!(
            tested.contains("exports called, ") && tested.ends_with(" passed, 0 failed\n"),
            "{name}: {tested}"
        );
        // All exports, all handlers, all lines.
        assert!(!tested.contains("(not "), "{name}: {tested}");
        assert!(tested.contains("panel.c: "), "{name}: {tested}");
    }
}
