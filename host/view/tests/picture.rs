//! The picture of the documents: `BLESS=1 cargo test --workspace --test picture` draws it anew.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn view(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_xmap-view")).args(arguments).current_dir(root).output().unwrap()
}

#[test]
fn the_picture_is_current() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = folder.path().join("view.svg");
    let panel = "tests/panels/stairs/panel.toml";
    let keys = "2 1 tab down down down down down down down down enter 60 enter";
    let output = view(&[panel, "--keys", keys, "--svg", drawn.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures/view.svg");
    let drawn = fs::read_to_string(drawn).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&kept, &drawn).unwrap();
    }
    assert_eq!(fs::read_to_string(kept).unwrap_or_default(), drawn, "BLESS=1 draws it anew");
    for text in ["stairs on the simulated board", "stairs.set_seconds -&gt;", "door open"] {
        assert!(drawn.contains(text), "{text}:\n{drawn}");
    }
}

#[test]
fn what_cannot_be_drawn_says_why_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/view.svg");
    let output = view(&["tests/panels/demo/panel.toml", "--svg", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none/view.svg: "), "{output:?}");
    let file = folder.path().join("view.svg");
    let output = view(&["tests/panels/none.toml", "--svg", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), file.exists()), (Some(1), false));
    // A device at a port has a time of its own.
    let output = view(&["--port", "tcp:127.0.0.1:1", "--svg", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}
