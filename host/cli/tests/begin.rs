//! A panel in each language: what `xmap new` writes, and what docs/guest.md and `examples/panels` show,
//! compiles, passes its tests and runs. A language whose compiler is not on this machine is named.

mod languages;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xmap_project::Language;

use languages::{copy, good, missing, root, xmap};

#[test]
fn a_new_panel_of_each_language_compiles_and_passes_its_tests() {
    let mut built = Vec::new();
    for language in Language::ALL {
        let word = language.word();
        if let Some(why) = missing(language) {
            println!("skipped `xmap new --lang {word}`: {why}");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let began = Instant::now();
        let written = good(folder, &format!("xmap new hall --lang {word}"));
        assert!(
            written.ends_with("Next: xmap test hall\n") && written.contains("wrote hall/panel.toml"),
            "{written}"
        );
        let tested = good(folder, "xmap test hall");
        println!("{word}: tested {:.1} s after `xmap new`", began.elapsed().as_secs_f64());
        assert!(tested.contains("2 of 2 exports called, 2 of 2 handlers run"), "{tested}");
        assert!(tested.ends_with("2 passed, 0 failed\n"), "{tested}");
        let played = good(folder, "xmap sim hall/panel.toml --script hall/tests/press.txt");
        assert!(played.contains("lamp high") && played.contains("hall version 1 for rpi4b"), "{played}");
        good(folder, "xmap build hall/panel.toml");
        assert!(folder.join("hall/panel.xmap").is_file());
        // What is fresh is not built again, and a source that changes is.
        let fresh = xmap(folder, "xmap size hall/panel.toml");
        let said = String::from_utf8_lossy(&fresh.stderr);
        assert!(!said.contains("running ") && !said.contains("error"), "{said}");
        if language == Language::C {
            let source = fs::read_to_string(folder.join("hall/panel.c")).unwrap();
            fs::write(folder.join("hall/panel.c"), source.replace("pressed++;", "pressed += 2;")).unwrap();
            let output = xmap(folder, "xmap test hall");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(text.contains("expected `presses -> 1`: `presses -> 2`"), "{text}");
            fs::write(folder.join("hall/panel.c"), "int x").unwrap();
            let output = xmap(folder, "xmap build hall/panel.toml");
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(text.contains("error[X0113]") && text.contains("panel.c:1:6: error"), "{text}");
        }
        built.push(word);
    }
    assert!(built.contains(&"wat"), "the text of a module needs no compiler");
}

/// The folder of `examples/panels` and the section of docs/guest.md for a language, and the source there.
const fn example(language: Language) -> [&'static str; 3] {
    match language {
        Language::C => ["c", "C and C++", "panel.c"],
        Language::Rust => ["rust", "Rust", "src/lib.rs"],
        Language::Zig => ["zig", "Zig", "panel.zig"],
        Language::AssemblyScript => ["assemblyscript", "AssemblyScript", "panel.ts"],
        Language::Go => ["go", "Go", "panel.go"],
        Language::Wat => ["wat", "WebAssembly text", "panel.wat"],
    }
}

/// The first block of a kind in a section of docs/guest.md.
fn block<'a>(guide: &'a str, section: &str, kind: &str) -> &'a str {
    let section = guide.split_once(&format!("\n## {section}\n")).unwrap().1;
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let block = section.split_once(&format!("```{kind}\n")).unwrap().1;
    block.split_once("```").unwrap().0
}

#[test]
fn the_guide_has_the_sources_and_the_flags_of_the_examples() {
    let guide = fs::read_to_string(root().join("docs/guest.md")).unwrap();
    for language in Language::ALL {
        let [folder, section, source] = example(language);
        let folder = root().join("examples/panels").join(folder);
        let kind = source.rsplit(['.', '/']).next().unwrap();
        let kind = if kind == "rs" { "rust" } else { kind };
        // The guide's text of a module is shorter: it shows that one import is a panel.
        if language == Language::Wat {
            continue;
        }
        assert_eq!(
            fs::read_to_string(folder.join(source)).unwrap(),
            block(&guide, section, kind),
            "{section}"
        );
        // One command, whose words are those of `[build]`.
        let manifest = fs::read_to_string(folder.join("panel.toml")).unwrap();
        let command = manifest.split_once("command = [").unwrap().1.split_once(']').unwrap().0;
        let words: Vec<&str> = command.split('"').skip(1).step_by(2).collect();
        let words = words.join(" ").replace("../../../guests", "guests");
        let shown = block(&guide, section, "sh").replace("\\\n", " ").replace('"', "");
        let shown = shown.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words, shown, "{section}");
    }
}

#[test]
fn each_example_compiles_and_passes_its_script() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/panels"), &folder.path().join("examples/panels"));
    copy(&root().join("guests"), &folder.path().join("guests"));
    for language in Language::ALL {
        let [name, ..] = example(language);
        if let Some(why) = missing(language) {
            println!("skipped examples/panels/{name}: {why}");
            continue;
        }
        let tested = good(folder.path(), &format!("xmap test examples/panels/{name}"));
        assert!(tested.ends_with("1 passed, 0 failed\n"), "{name}: {tested}");
    }
}

/// The commands of docs/tutorial.md, as they stand there.
#[test]
fn the_tutorial_can_be_followed() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial.md")).unwrap();
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(commands.len() >= 7 && commands.iter().all(|line| line.starts_with("xmap ")), "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lamp.wasm"), LAMP).unwrap();
    for line in commands {
        if line.contains("--port") {
            // It needs a board; the verb itself is tested with a device of its own.
            assert_eq!(xmap(folder.path(), line).status.code(), Some(1), "{line}");
        } else if line.starts_with("xmap watch") {
            good(folder.path(), &format!("{line} --rounds 1"));
        } else {
            good(folder.path(), line);
        }
    }
    let manifest = fs::read_to_string(folder.path().join("panel.toml")).unwrap();
    assert!(manifest.contains("line17 = { line = 17, mode = \"out\", safe = \"low\" }"), "{manifest}");
    let built = good(folder.path(), "xmap build panel.toml");
    assert!(built.contains("lamp.on"), "{built}");
}

/// Exports `on`, which puts line 17 on: the module's text is taken as well.
const LAMP: &str = "(module (import \"gpio\" \"set\" (func $set (param i32 i32)))\
     (func (export \"on\") (call $set (i32.const 17) (i32.const 1))))";

#[test]
fn a_save_is_followed_within_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    good(folder.path(), "xmap new hall --lang wat");
    let mut watch = Command::new(env!("CARGO_BIN_EXE_xmap"))
        .args(["watch", "hall/panel.toml"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |part: &str| {
        let mut all = String::new();
        for line in lines.by_ref() {
            all += &format!("{line}\n");
            if line.contains(part) {
                return all;
            }
        }
        panic!("it ended without {part:?}:\n{all}");
    };
    until("2 of 2 tests passed");
    let script = folder.path().join("hall/tests/host.txt");
    let text = fs::read_to_string(&script).unwrap();
    let saved = Instant::now();
    fs::write(&script, text.replace("repeat 3", "repeat 2")).unwrap();
    let shown = until("2 of 2 tests passed");
    let took = saved.elapsed();
    assert!(shown.contains("464 bytes, as before\nhall/tests/host.txt: line "), "{shown}");
    println!("{} ms from save to result", took.as_millis());
    // 300 ms is what it takes at most on a machine that does nothing else; a test allows for one that does.
    assert!(took < Duration::from_secs(20), "{took:?}");

    // What happens is the same, and later or earlier.
    let manifest = folder.path().join("hall/panel.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("every = \"500ms\"", "every = \"400ms\"")).unwrap();
    let shown = until("2 of 2 tests passed");
    let expected = "hall/tests/host.txt: its levels differ: line 17 high at 500ms -> line 17 high at 400ms\n";
    assert!(shown.contains(expected), "{shown}");

    fs::write(folder.path().join("hall/panel.wat"), "(module (func (export \"on_tick\") unreachabl))")
        .unwrap();
    assert!(until("error[").contains("X0109"));
    let source = "(module (func (export \"blink\") (param i32)) (func (export \"presses\") (result i32) (i32.const 7))\
                  (func (export \"on_press\")) (func (export \"on_tick\")))";
    fs::write(folder.path().join("hall/panel.wat"), source).unwrap();
    let shown = until("0 of 2 tests passed");
    assert!(shown.contains("expected `presses -> 1`: `presses -> 7`"), "{shown}");
    watch.kill().unwrap();
    watch.wait().unwrap();
}
