//! `[build]` of a manifest: the module is built where a source is newer than it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use xmap_compiler::diagnostic::{Code, Diagnostic};
use xmap_compiler::manifest::{Manifest, Recipe};

use crate::{Bindings, Note, tools};

/// Where this is set, modules are taken as they are.
pub const NO_BUILD: &str = "XMAP_NO_BUILD";
/// Endings of source files, where the manifest names none.
const SOURCES: &[&str] = &[
    "c", "h", "cc", "cpp", "cxx", "hpp", "inc", "s", "rs", "zig", "zon", "ts", "json", "go", "mod", "sum",
    "wat", "toml", "lock", "def", "ld",
];
/// Folders that are no source.
const OTHERS: &[&str] = &["target", "node_modules", "zig-out", "zig-cache"];
/// Files that are looked at: a folder with more of them is no panel's.
const MOST_FILES: usize = 10_000;

/// Runs the manifest's build command, where it has one and a source is newer than the module. Returns whether
/// it ran.
///
/// # Errors
/// X0106 where the names cannot be written, X0112 to X0114.
pub(crate) fn refresh(manifest: &Manifest, note: &mut dyn FnMut(Note<'_>)) -> Result<bool, Diagnostic> {
    let Some(recipe) = &manifest.build else { return Ok(false) };
    if std::env::var_os(NO_BUILD).is_some_and(|value| !value.is_empty()) || is_fresh(manifest, recipe) {
        return Ok(false);
    }
    bind(manifest, recipe)?;
    let newest = newest(manifest);
    run(manifest, recipe, note)?;
    // The module is as new as the sources that it was built from: one that is saved while the compiler runs,
    // or within the same tick of the file system's clock, is newer. Many build tools leave an equal output
    // alone.
    if let (Some(newest), Ok(file)) = (newest, fs::OpenOptions::new().append(true).open(manifest.wasm_path()))
    {
        _ = file.set_modified(newest);
    }
    Ok(true)
}

/// Writes the names of the manifest to the file that the source takes them from, where it has other ones.
///
/// # Errors
/// X0106 where the file cannot be written.
fn bind(manifest: &Manifest, recipe: &Recipe) -> Result<(), Diagnostic> {
    let Some(file) = &recipe.bindings else { return Ok(()) };
    let path = here(manifest.folder()).join(&file.value);
    // The manifest takes no ending but those of the languages.
    let Some(language) = Bindings::of_file(&path) else { return Ok(()) };
    let text = language.of(manifest);
    if fs::read(&path).is_ok_and(|before| before == text.as_bytes()) {
        return Ok(());
    }
    fs::write(&path, text).map_err(|error| Diagnostic::writing(&path, &error))
}

/// The files whose change makes a build necessary: the manifest's own, and those that it names or that stand
/// beside it.
pub fn sources(manifest: &Manifest) -> Vec<PathBuf> {
    let folder = here(manifest.folder());
    let mut files = vec![manifest.path().to_path_buf()];
    match &manifest.build {
        Some(recipe) if !recipe.sources.is_empty() => {
            for source in &recipe.sources {
                collect(&folder.join(&source.value), &|_| true, &mut files);
            }
        }
        Some(_) => {
            let is_source = |path: &Path| {
                let ending = path.extension().and_then(|ending| ending.to_str());
                ending.is_some_and(|ending| SOURCES.contains(&ending))
            };
            collect(folder, &is_source, &mut files);
        }
        None => files.push(manifest.wasm_path()),
    }
    let output = manifest.wasm_path();
    if manifest.build.is_some() {
        files.retain(|file| *file != output);
    }
    files.sort();
    files.dedup();
    files
}

fn is_fresh(manifest: &Manifest, recipe: &Recipe) -> bool {
    let Some(built) = modified(&manifest.wasm_path()) else { return false };
    // A source that is named and is not there is for the compiler to miss.
    let named = recipe.sources.iter().chain(&recipe.bindings);
    let missing = named.into_iter().any(|source| !manifest.folder().join(&source.value).exists());
    !missing && newest(manifest).is_none_or(|time| time <= built)
}

/// Returns when the source that was saved last was saved.
fn newest(manifest: &Manifest) -> Option<SystemTime> {
    sources(manifest).iter().filter_map(|path| modified(path)).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn collect(path: &Path, is_source: &dyn Fn(&Path) -> bool, files: &mut Vec<PathBuf>) {
    if files.len() >= MOST_FILES {
        return;
    }
    let Ok(entries) = path.read_dir() else {
        if path.is_file() && is_source(path) {
            files.push(path.to_path_buf());
        }
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A link to a folder may lead around in a circle.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && (name.starts_with('.') || OTHERS.contains(&&*name)) {
            continue;
        }
        let path = entry.path();
        if is_folder || !path.is_dir() {
            collect(&path, is_source, files);
        }
    }
}

fn run(manifest: &Manifest, recipe: &Recipe, note: &mut dyn FnMut(Note<'_>)) -> Result<(), Diagnostic> {
    let folder = here(manifest.folder());
    let (variables, words) = recipe.words();
    let shown = recipe.command.value.join(" ");
    let place = || manifest.place(&recipe.command.span);
    let program = words.first().map_or("", String::as_str);
    let Some(found) = tools::command(program, folder) else {
        let get = tools::tool(program).map(|tool| tool.get.to_string());
        let message = format!("`{program}` is not on this machine");
        return Err(Diagnostic::new(Code::NoTool, place(), message).help(get));
    };
    note(Note::Runs(&shown));
    let mut command = Command::new(&found[0]);
    command.args(&found[1..]).args(&words[1..]).envs(variables).current_dir(folder).stdin(Stdio::null());
    let output = command.output().map_err(|error| {
        Diagnostic::new(Code::BuildFailed, place(), format!("`{shown}` cannot be started: {error}"))
    })?;
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if !said.trim().is_empty() {
        note(Note::Said(said.trim_end()));
    }
    if !output.status.success() {
        let message = format!("`{shown}` failed: {}", output.status);
        return Err(Diagnostic::new(Code::BuildFailed, place(), message).help(tools::hint(program, &said)));
    }
    let wasm = manifest.wasm_path();
    if !wasm.is_file() {
        let message = format!("`{shown}` has not written {}", wasm.display());
        return Err(Diagnostic::new(Code::NoOutput, place(), message)
            .note(manifest.place(&manifest.module.wasm.span), "the module is named here"));
    }
    Ok(())
}

/// The folder, which has no name where it is the current one.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(folder: &Path, build: &str) -> Manifest {
        let text =
            format!("module = {{ name = \"a\", board = \"rpi4b\", wasm = \"a.wat\" }}\n[build]\n{build}\n");
        let path = folder.join("panel.toml");
        fs::write(&path, &text).unwrap();
        Manifest::parse(&path.display().to_string(), &text).unwrap()
    }

    #[test]
    fn a_build_runs_where_a_source_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.in"), "(module)").unwrap();
        let manifest = manifest(folder.path(), "command = \"cp a.in a.wat\"\nsources = [\"a.in\"]");
        let mut ran = Vec::new();
        let mut note = |note: Note<'_>| ran.push(format!("{note:?}"));
        assert!(refresh(&manifest, &mut note).unwrap(), "nothing is there");
        assert!(!refresh(&manifest, &mut note).unwrap(), "it is there");
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        fs::OpenOptions::new()
            .append(true)
            .open(folder.path().join("a.in"))
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert!(refresh(&manifest, &mut note).unwrap(), "a source is newer");
        assert_eq!(ran, ["Runs(\"cp a.in a.wat\")"; 2]);
    }

    #[test]
    fn what_is_saved_while_the_compiler_runs_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a.in");
        fs::write(&source, "(module)").unwrap();
        // A file system's clock moves on by ticks of up to 10 ms.
        let script = "cp a.in a.wat; sleep 0.05; echo >>a.in";
        let manifest = manifest(
            folder.path(),
            &format!("command = [\"sh\", \"-c\", \"{script}\"]\nsources = [\"a.in\"]"),
        );
        assert!(refresh(&manifest, &mut |_| {}).unwrap(), "nothing is there");
        assert!(refresh(&manifest, &mut |_| {}).unwrap(), "the source is newer than what it was built from");
    }

    #[test]
    fn a_save_right_after_a_build_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a.in");
        let manifest = manifest(folder.path(), "command = \"cp a.in a.wat\"\nsources = [\"a.in\"]");
        for round in 0..20 {
            // The tick of the file system's clock that the build before began in is over.
            std::thread::sleep(std::time::Duration::from_millis(11));
            fs::write(&source, format!("(module) ;; {round}")).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(11));
            assert!(refresh(&manifest, &mut |_| {}).unwrap(), "{round}");
            fs::write(&source, "(module)").unwrap();
            assert!(refresh(&manifest, &mut |_| {}).unwrap(), "saved {round}");
        }
    }

    #[test]
    fn names_and_variables_are_there_when_the_command_runs() {
        let folder = tempfile::tempdir().unwrap();
        let build = "command = [\"WORDS=a b\", \"sh\", \"-c\", \"cat names.h > a.wat; echo $WORDS >> a.wat\"]\n\
                     bindings = \"names.h\"";
        let manifest = manifest(folder.path(), build);
        assert!(refresh(&manifest, &mut |_| {}).unwrap());
        let written = fs::read_to_string(folder.path().join("a.wat")).unwrap();
        assert!(written.contains("_BINDINGS_H") && written.ends_with("a b\n"), "{written}");
        assert!(!refresh(&manifest, &mut |_| {}).unwrap(), "nothing is newer");
        fs::remove_file(folder.path().join("names.h")).unwrap();
        assert!(refresh(&manifest, &mut |_| {}).unwrap(), "the names are missing");
    }

    #[test]
    fn what_goes_wrong_has_its_number() {
        let folder = tempfile::tempdir().unwrap();
        for (build, code, part) in [
            ("command = \"no-such-compiler\"", Code::NoTool, "`no-such-compiler` is not on this machine"),
            ("command = \"false\"", Code::BuildFailed, "`false` failed: exit status: 1"),
            ("command = \"true\"", Code::NoOutput, "`true` has not written"),
        ] {
            let error = refresh(&manifest(folder.path(), build), &mut |_| {}).unwrap_err();
            assert_eq!(error.code, code, "{error:?}");
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    #[test]
    fn sources_are_what_the_manifest_says_or_all_that_is_source() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.c", "a.h", "a.wat", "notes.txt", "src/b.rs", "target/c.rs", ".git/d.c"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let names = |build: &str| {
            let found = sources(&manifest(folder.path(), build));
            let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
            found.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names("command = \"true\""), ["a.c", "a.h", "panel.toml", "src/b.rs"]);
        assert_eq!(
            names("command = \"true\"\nsources = [\"src\", \"notes.txt\"]"),
            ["notes.txt", "panel.toml", "src/b.rs"]
        );
    }
}
