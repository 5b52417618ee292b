//! What `xmap inspect` says of each kind of file that somebody may have: tests/inspect/kinds.txt has the
//! files and the answers. `BLESS=1 cargo test -p xmap-compiler --test inspect` writes the answers anew.
//!
//! A case is a line `== NAME`, the file's text, a line `--`, and the answer. In the name, `.wat` is a
//! module's text that is made binary first where the line says `binary`; `cut N` takes its first N bytes;
//! `bytes` is bytes as in a string of the text format.

use std::fs;
use std::path::Path;

use xmap_compiler::input::{self, Content};
use xmap_compiler::inspect::Inspection;

/// Kinds that there have to be.
const KINDS: usize = 40;

fn file(name: &str, form: &[&str], text: &str) -> Vec<u8> {
    let binary = || match input::content(Path::new("made.wat"), text.as_bytes().to_vec()) {
        Ok(Content::Module(module)) => module,
        other => panic!("{name}: {other:?}"),
    };
    match form {
        [] => text.as_bytes().to_vec(),
        ["binary"] => binary(),
        ["cut", bytes] => binary()[..bytes.parse().unwrap()].to_vec(),
        ["bytes"] => {
            let mut bytes = Vec::new();
            let mut rest = text.trim_end().as_bytes();
            while let [first, behind @ ..] = rest {
                if *first == b'\\' {
                    let (hex, behind) = behind.split_at(2);
                    bytes.push(u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap());
                    rest = behind;
                } else {
                    bytes.push(*first);
                    rest = behind;
                }
            }
            bytes
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_kind_has_its_answer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspect/kinds.txt");
    let committed = fs::read_to_string(&path).unwrap();
    let (head, cases) = committed.split_once("\n== ").unwrap();
    let mut written = head.to_string();
    let mut kinds = 0;
    for case in cases.split("\n== ") {
        let (first, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("\n--\n").unwrap();
        let mut words = first.split(' ');
        let name = words.next().unwrap();
        let bytes = file(name, &words.collect::<Vec<_>>(), text);
        let answer = Inspection::of(Path::new(name), bytes);
        written += &format!("\n== {first}\n{text}\n--\n{answer}\n");
        kinds += 1;
    }
    assert!(kinds >= KINDS, "{kinds} kinds");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let differs = committed.lines().zip(written.lines()).find(|(old, new)| old != new);
    assert!(std::env::var_os("BLESS").is_some() || committed == written, "{differs:?}");
}
