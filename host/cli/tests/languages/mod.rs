//! The languages of panels in a test: their compilers, and `xmap` run in a folder.
#![allow(dead_code)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xmap_project::{Language, tools};

pub(crate) fn xmap(folder: &Path, line: &str) -> Output {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xmap"));
    // What the tests themselves are built with is not for the panel.
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"]
    {
        command.env_remove(name);
    }
    // What `cargo xtask setup` has fetched, and nothing from elsewhere.
    command.env("PATH", path()).envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]);
    command.args(words).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// The PATH, with the folders of the compilers that were fetched.
fn path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(fetched().chain(env::split_paths(&path))).unwrap()
}

/// The folders of what the set-up has fetched: the newest Go, and the packages of npm, AssemblyScript's
/// compiler among them.
fn fetched() -> impl Iterator<Item = PathBuf> {
    let target = root().join("target");
    let versions = target.join("go").read_dir().into_iter().flatten().flatten();
    let go =
        versions.map(|entry| entry.path().join("go/bin")).filter(|folder| folder.join("go").is_file()).max();
    go.into_iter().chain([target.join("node/node_modules/.bin")])
}

/// Returns what a command printed; it has to end well.
pub(crate) fn good(folder: &Path, line: &str) -> String {
    let output = xmap(folder, line);
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{line}\n{out}{err}");
    out
}

/// Makes a panel in each language that can be built here, in a folder of its own with this source and these
/// exports, and hands the folder over. Returns those languages.
pub(crate) fn in_each_language(
    source: fn(Language) -> (&'static str, &'static str),
    exports: &str,
    work: impl Fn(Language, &Path),
) -> Vec<Language> {
    let built = |language: &Language| {
        let word = language.word();
        if let Some(why) = missing(*language) {
            println!("skipped {word}: {why}");
            return false;
        }
        let folder = tempfile::tempdir().unwrap();
        good(folder.path(), &format!("xmap new hall --lang {word}"));
        let hall = folder.path().join("hall");
        let (file, text) = source(*language);
        fs::write(hall.join(file), text).unwrap();
        let manifest = fs::read_to_string(hall.join("panel.toml")).unwrap();
        let (head, _) = manifest.split_once("[exports]").unwrap();
        fs::write(hall.join("panel.toml"), format!("{head}[exports]\n{exports}\n")).unwrap();
        work(*language, folder.path());
        true
    };
    Language::ALL.into_iter().filter(built).collect()
}

/// Returns why a language cannot be built here.
pub(crate) fn missing(language: Language) -> Option<String> {
    let tool = |name: &&'static str| {
        let tool = tools::tool(name).unwrap();
        let here = tools::command(tool.name, Path::new(".")).is_some();
        let fetched = || fetched().any(|folder| folder.join(tool.name).is_file());
        (!here && !fetched()).then(|| format!("no `{}`: {}", tool.name, tool.get))
    };
    let target = language == Language::Rust && tools::has_rust_target() != Some(true);
    let target = target.then(|| format!("no target {}", tools::RUST_TARGET));
    language.tools().iter().find_map(tool).or(target)
}

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Copies a folder; a link becomes the file that it leads to. What was built there stays behind.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != "target" {
            copy(&path, &to.join(name));
        } else if path.is_file() && !name.to_str().unwrap().starts_with("panel.wasm") {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
