//! Machine code against the interpreter, by qemu-user: the program `same` of `firmware/enter` runs images on
//! both and compares after each call results or traps, fuel, the register stack, globals, memory, and what
//! the port was asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_tests::Panel;
use xmap_tests::spec::{self, Call, Play};
use xmap_tools::linux::user_emulator;
use xmap_tools::{process, service};

/// A program that hangs ends with it; one on a loaded machine takes some times as long as on a quiet one.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The program, built once.
fn same(arguments: &[&str], files: &[PathBuf]) -> String {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let built = || service::build_same().unwrap_or_else(|error| panic!("{error:#}"));
    let emulator = user_emulator().unwrap_or_else(|error| panic!("{error:#}"));
    let mut command = Command::new(emulator);
    command.arg(PROGRAM.get_or_init(built)).args(arguments).args(files);
    process::run(&mut command, LIMIT).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The number behind a name in what the program printed last.
fn count(printed: &str, name: &str) -> u64 {
    let rest = printed.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("{printed}")).1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{printed}"))
}

/// The images of all panels, as files in a folder.
fn panels(folder: &Path) -> Vec<PathBuf> {
    let panels = Panel::all().unwrap_or_else(|error| panic!("{error:#}"));
    let write = |panel: Panel| {
        let manifest = Manifest::read(&panel.manifest_path()).unwrap_or_else(|error| panic!("{error}"));
        let words = compile(&manifest, &panel.wasm).unwrap_or_else(|error| panic!("{error}")).words;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let path = folder.join(format!("{}.xmap", panel.name));
        fs::write(&path, bytes).expect("a temporary file");
        path
    };
    panels.into_iter().map(write).collect()
}

#[test]
fn images_of_any_ops_do_the_same() {
    let printed = same(&["random", "0", "6000"], &[]);
    println!("{printed}");
    assert_eq!(count(&printed, "images"), 6000);
    assert!(count(&printed, "calls") > 60_000);
}

/// Each op alone, on values at the edges of what it distinguishes.
#[test]
fn each_op_does_the_same() {
    let printed = same(&["ops", "0", "1000"], &[]);
    println!("{printed}");
    assert_eq!(count(&printed, "images"), 1000);
    assert!(count(&printed, "traps") > 5000);
}

/// Panels too, and so does their code with a bit of it changed, wherever the checker admits that.
#[test]
fn panels_do_the_same_with_any_bit_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = panels(folder.path());
    let printed = same(&["image"], &files);
    println!("{printed}");
    assert_eq!(count(&printed, "images"), files.len() as u64);
    let printed = same(&["flips"], &files);
    println!("{printed}");
    let (flips, admitted) = (count(&printed, "flips"), count(&printed, "admitted"));
    assert!(flips > 100_000 && admitted * 20 < flips, "{admitted} of {flips}");
}

/// Each program of `tests/kernels` runs two rounds.
#[test]
fn kernels_do_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let mut plays = Vec::new();
    for set in ["tune", "check"] {
        for entry in fs::read_dir(folder.join(set)).expect("the set is there") {
            let path = entry.expect("the set can be read").path();
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let text = format!(
                "[module]\nname = \"kernel\"\nversion = 1\nboard = \"rpi4b\"\nwasm = {:?}\n[limits]\nfuel = {}\n",
                path.display().to_string(),
                u32::MAX
            );
            let manifest = Manifest::parse("kernel.toml", &text).unwrap_or_else(|error| panic!("{error:?}"));
            let wasm = fs::read(&path).expect("the module can be read");
            let words = compile(&manifest, &wasm).unwrap_or_else(|error| panic!("{error}")).words;
            let image = Image::verify(&words).expect("it verifies");
            let export = image.find("run").expect("a kernel exports run");
            let memory = image.header().memory_bytes as usize;
            // Both sides are run anew, so that what it gave is not asked.
            let call = Call { export, args: vec![2], outcome: Ok(vec![0]) };
            plays.push(Play { words, memory, start: None, calls: vec![call] });
        }
    }
    assert!(plays.len() >= 20, "{} kernels", plays.len());
    let printed = play(&plays);
    assert_eq!(count(&printed, "traps"), 0);
}

/// Runs plays on both sides.
fn play(plays: &[Play]) -> String {
    let bytes: Vec<u8> = spec::blob(plays).iter().flat_map(|word| word.to_le_bytes()).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("plays");
    fs::write(&path, bytes).expect("a temporary file");
    let printed = same(&["plays"], &[path]);
    println!("{printed}");
    assert_eq!(count(&printed, "images"), plays.len() as u64);
    printed
}

/// The specification's suite: each load and call, bit for bit, with traps and what is left of the fuel.
#[test]
fn the_suite_does_the_same() {
    let mut plays = Vec::new();
    for file in spec::files() {
        plays.extend(spec::play(file.text).unwrap_or_else(|error| panic!("{}: {error}", file.name)).1);
    }
    let printed = play(&plays);
    let steps = count(&printed, "images") + count(&printed, "calls");
    assert_eq!(steps, plays.iter().map(|play| play.steps() as u64).sum::<u64>());
    assert!(steps > 40_000);
}
