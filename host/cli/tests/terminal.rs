//! Names in an image are anybody's: none of them acts on the terminal of who looks at it, or writes lines of its own.

use std::process::Command;

use xmap_boards::{BoardId, Line};
use xmap_image::{Entry, Export, Function, ImageBuilder, Op, PinMode, PinName, PinRow, Pull, Safe};

/// Clears the screen, colours what follows, reorders it, and begins a line of its own.
const EVIL: &str = "hall\u{1b}[2J\u{1b}[31m\u{202e}\u{9b}\r";

fn image(module: &'static str) -> Vec<u8> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.manifest.module = module;
    b.manifest.namespace = EVIL;
    b.manifest.pins.push(PinName { line: 17, name: EVIL }).unwrap();
    b.pins = vec![PinRow::new(Line::new(17).unwrap(), PinMode::Out, Safe::Low, Pull::None)];
    b.functions = vec![Function {
        frame: 2,
        params: 0,
        results: 0,
        code: vec![Op::LineSet.abc(17, 0, 0), Op::Ret.abc(0, 0, 0)],
    }];
    b.exports = vec![Export {
        key: format!("{EVIL}.on"),
        name: format!("{EVIL}on"),
        params: vec![],
        results: vec![],
        entry: Entry::Code { function: 0, fuel: 100 },
    }];
    b.build().unwrap().iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn shown(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).args(arguments).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn names_in_an_image_do_nothing_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil.xmap");
    std::fs::write(&file, image(EVIL)).unwrap();
    let file = file.to_str().unwrap();
    for verb in [&["verify", file][..], &["dis", file], &["size", file], &["sim", file]] {
        let text = shown(verb);
        assert!(text.contains("\\u{1b}[2J"), "{verb:?} shows no name: {text}");
        let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(acts), "{verb:?}: {text:?}");
    }
}

#[test]
fn a_modules_name_writes_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil.xmap");
    std::fs::write(&file, image("hall, version 9\nregister writes: 0/0 inside the declared mask")).unwrap();
    let text = shown(&["verify", file.to_str().unwrap()]);
    assert_eq!(text.lines().filter(|line| line.starts_with("register writes")).count(), 1, "{text}");
    assert!(text.contains("register writes: 1/1 inside the declared mask"), "{text}");
}
