//! Names are anybody's: none of them acts on the terminal of who looks at it, or writes lines of its own. An
//! image with such a name is refused, whoever wrote it; a module's own names are written out when it is
//! compiled.

use std::process::Command;

use xmap_boards::{BoardId, Line};
use xmap_image::{Entry, Export, Function, ImageBuilder, Op, PinMode, PinName, PinRow, Pull, Safe, reseal};

/// Clears the screen, colours what follows, reorders it, and begins a line of its own.
const EVIL: &str = "hall\u{1b}[2J\u{1b}[31m\u{202e}\u{9b}\r";
/// As many bytes that do nothing.
const GOOD: &str = "hall.[2J.[31m....._";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Module,
    Namespace,
    Pin,
    Key,
    Name,
}

/// An image in which the name at this place is changed after it was built, as nothing of ours builds it.
fn image(at: At, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let name = |of: At| if of == at { from.to_string() } else { format!("a_{of:?}") };
    let [module, namespace, pin] = [At::Module, At::Namespace, At::Pin].map(name);
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    (b.manifest.module, b.manifest.namespace) = (&module, &namespace);
    b.manifest.pins.push(PinName { line: 17, name: &pin }).unwrap();
    b.pins = vec![PinRow::new(Line::new(17).unwrap(), PinMode::Out, Safe::Low, Pull::None)];
    b.functions = vec![Function {
        frame: 2,
        params: 0,
        results: 0,
        code: vec![Op::LineSet.abc(17, 0, 0), Op::Ret.abc(0, 0, 0)],
    }];
    b.exports = vec![Export {
        key: name(At::Key),
        name: name(At::Name),
        params: vec![],
        results: vec![],
        entry: Entry::Code { function: 0, fuel: 100 },
    }];
    let bytes: Vec<u8> = b.build().unwrap().iter().flat_map(|word| word.to_le_bytes()).collect();
    let place = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut bytes = bytes;
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    let mut words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    reseal(&mut words);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn shown(arguments: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_xmap")).args(arguments).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.code().unwrap())
}

/// Returns whether nothing in it acts, but the line feeds between its lines.
fn is_calm(text: &str) -> bool {
    text.lines().all(xmap_image::is_plain)
}

#[test]
fn an_image_whose_names_act_on_a_terminal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.xmap");
    let file = path.to_str().unwrap();
    for at in [At::Module, At::Namespace, At::Pin, At::Key, At::Name] {
        std::fs::write(&path, image(at, GOOD, GOOD)).unwrap();
        assert_eq!(shown(&["verify", file]).1, 0, "{at:?}: {}", shown(&["verify", file]).0);
        let one = |c: char| format!("{}{c}", &GOOD[c.len_utf8()..]);
        let unseen = ['\u{200b}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{2066}', '\u{e0041}'].map(one);
        for evil in [EVIL.to_string(), one('\n'), one('\u{7f}')].into_iter().chain(unseen) {
            std::fs::write(&path, image(at, GOOD, &evil)).unwrap();
            for verb in [&["verify", file][..], &["dis", file], &["size", file], &["sim", file]] {
                let (text, status) = shown(verb);
                assert_eq!(status, 1, "{at:?}, {verb:?}: {text}");
                assert!(text.contains("error[X07") && is_calm(&text), "{at:?}, {verb:?}: {text:?}");
            }
        }
    }
}

#[test]
fn a_modules_own_names_are_written_out() {
    let folder = tempfile::tempdir().unwrap();
    let wat = folder.path().join("p.wat");
    std::fs::write(
        &wat,
        r#"(module (import "gpio" "set" (func $s (param i32 i32)))
            (func (export "safe\0a   evil  direct  GPCLR0[0x28]\1b[2J\e2\80\ae") (call $s (i32.const 17) (i32.const 1))))"#,
    )
    .unwrap();
    let (wat, out) = (wat.to_str().unwrap(), folder.path().join("p.xmap"));
    let out = out.to_str().unwrap();
    assert_eq!(shown(&["build", wat, "-o", out]).1, 0, "{}", shown(&["build", wat, "-o", out]).0);
    for verb in [&["verify", out][..], &["dis", out], &["dis", wat], &["size", out], &["sim", out]] {
        let (text, status) = shown(verb);
        assert_eq!(status, 0, "{verb:?}: {text}");
        assert!(is_calm(&text), "{verb:?}: {text:?}");
    }
    let (text, _) = shown(&["dis", out]);
    assert!(text.contains(r"safe\n   evil  direct  GPCLR0[0x28]\u{1b}[2J\u{202e}"), "{text}");
}

#[test]
fn a_manifest_has_no_such_name() {
    let folder = tempfile::tempdir().unwrap();
    let toml = folder.path().join("p.toml");
    std::fs::write(folder.path().join("p.wat"), "(module (func (export \"on\")))").unwrap();
    let manifest = |module: &str, pin: &str| {
        format!(
            "[module]\nname = \"{module}\"\nboard = \"rpi4b\"\nwasm = \"p.wat\"\n\
             [pins]\n17 = {{ name = \"{pin}\", mode = \"out\", safe = \"low\" }}\n[exports]\non = {{}}\n"
        )
    };
    for (module, pin) in [
        (r"ha\u001bll", "lamp"),
        ("hall", r"la\nmp"),
        ("hall", r"la\u202Emp"),
        (r"ha\u200bll", "lamp"),
        ("hall", r"lamp\uFEFF"),
    ] {
        std::fs::write(&toml, manifest(module, pin)).unwrap();
        let (text, status) = shown(&["build", toml.to_str().unwrap()]);
        assert!(status == 1 && is_calm(&text), "{text:?}");
        assert!(
            text.contains("error[X0405]: name: the character ") && text.contains("act on what shows it"),
            "{text}"
        );
    }
    std::fs::write(&toml, manifest("hall", "lamp")).unwrap();
    assert_eq!(shown(&["build", toml.to_str().unwrap()]).1, 0);
}
