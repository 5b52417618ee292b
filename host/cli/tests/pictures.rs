//! The pictures of README.md and docs that `xmap` draws: they are what it draws now.
//! `BLESS=1 cargo test --workspace --test pictures` draws them anew.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each picture below `docs/pictures`, and the arguments that draw it; the last one, the file, is added.
const PICTURES: [(&str, &[&str]); 2] = [
    (
        "sim.svg",
        &["sim", "tests/panels/traffic/panel.toml", "--script", "tests/panels/traffic/script.txt", "--svg"],
    ),
    ("treemap.svg", &["size", "tests/panels/demo/panel.toml", "--treemap"]),
];

#[test]
fn the_pictures_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let mut old = Vec::new();
    for (name, arguments) in PICTURES {
        let drawn = folder.path().join(name);
        let mut xmap = Command::new(env!("CARGO_BIN_EXE_xmap"));
        let output =
            xmap.args(arguments).arg(&drawn).current_dir(&root).env("XMAP_MAPS", "").output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let (drawn, kept) = (fs::read(drawn).unwrap(), root.join("docs/pictures").join(name));
        if std::env::var_os("BLESS").is_some() {
            fs::write(kept, drawn).unwrap();
        } else if fs::read(kept).ok().as_ref() != Some(&drawn) {
            old.push(name);
        }
    }
    assert_eq!(old, [""; 0], "BLESS=1 draws them anew");
    // Each is shown somewhere.
    let pages =
        ["README.md", "docs/cli.md", "docs/tutorial.md"].map(|page| fs::read_to_string(root.join(page)));
    let pages: String = pages.into_iter().map(Result::unwrap).collect();
    for (name, _) in PICTURES {
        assert!(pages.contains(&format!("pictures/{name})")), "no page shows {name}");
    }
}
