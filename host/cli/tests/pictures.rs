//! The pictures of README.md and docs that `xmap` draws: they are what it draws now.
//! `BLESS=1 cargo test --workspace --test pictures` draws them anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each picture below `docs/pictures`, and the arguments that draw it; the last one, the file, is added.
const PICTURES: [(&str, &[&str]); 2] = [
    (
        "sim.svg",
        &["sim", "tests/panels/traffic/panel.toml", "--script", "tests/panels/traffic/script.txt", "--svg"],
    ),
    ("treemap.svg", &["size", "tests/panels/demo/panel.toml", "--treemap"]),
];

/// The annotated page of which a browser took `docs/pictures/dis.png`: the arguments that write it.
const PAGE: [&str; 3] = ["dis", "tests/panels/lamp/panel.toml", "--html"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Has `xmap` write a file.
fn draw(arguments: &[&str], file: &Path) {
    let mut xmap = Command::new(env!("CARGO_BIN_EXE_xmap"));
    let output = xmap.args(arguments).arg(file).current_dir(root()).env("XMAP_MAPS", "").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_pictures_are_current() {
    let root = root();
    let folder = tempfile::tempdir().unwrap();
    let mut old = Vec::new();
    for (name, arguments) in PICTURES {
        let drawn = folder.path().join(name);
        draw(arguments, &drawn);
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
    for name in PICTURES.iter().map(|(name, _)| *name).chain(["dis.png", "view.svg"]) {
        assert!(pages.contains(&format!("pictures/{name})")), "no page shows {name}");
    }
}

/// A browser draws no two pictures alike, so the SHA-256 of the page that it shows stands beside it.
#[test]
fn the_picture_of_the_annotated_page_is_current() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("dis.html");
    draw(&PAGE, &page);
    let digest = hmac_sha256::Hash::hash(&fs::read(&page).unwrap());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = format!("{digits}  xmap {}\n", PAGE.join(" "));
    let kept = root().join("docs/pictures/dis.sha256");
    if std::env::var_os("BLESS").is_some() && fs::read_to_string(&kept).ok().as_ref() != Some(&shown) {
        let picture = root().join("docs/pictures/dis.png");
        let mut chromium = Command::new(std::env::var_os("CHROMIUM").unwrap_or("chromium".into()));
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
        chromium.arg("--window-size=1000,520").arg(format!("--screenshot={}", picture.display()));
        let output = chromium.arg(&page).output().expect("the picture takes a chromium");
        assert!(output.status.success(), "{output:?}");
        fs::write(&kept, &shown).unwrap();
    }
    let kept = fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(kept, shown, "BLESS=1 takes the picture anew, where there is a chromium");
}
