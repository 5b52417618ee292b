//! Faults that worlds have to find (`tests/vopr/faults.toml`): changes of one line, and a copy of the tree
//! that has one of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{process, root, target_dir};

/// Where the list is, from the workspace's top on.
pub const LIST: &str = "tests/vopr/faults.toml";

/// A change of one line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The name that `cargo xtask vopr --faults` takes.
    pub name: String,
    /// The file, from the workspace's top on.
    pub file: PathBuf,
    /// A line in front of the one that changes, where that stands more than once.
    #[serde(default)]
    pub after: String,
    /// The line as it is, without its indentation.
    pub line: String,
    /// What takes its place.
    pub becomes: String,
    /// What does not hold any more.
    pub breaks: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    fault: Vec<Fault>,
}

/// Reads the list.
///
/// # Errors
/// The file is not there, or is no list.
pub fn all() -> Result<Vec<Fault>> {
    let path = root().join(LIST);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(toml::from_str::<List>(&text).with_context(|| path.display().to_string())?.fault)
}

impl Fault {
    /// Returns the text of the file with the fault in it.
    ///
    /// # Errors
    /// The line is not there, or stands more than once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let Self { name, file, after, line, becomes, .. } = self;
        let file = file.display();
        ensure!(
            line != becomes && !line.contains('\n') && !becomes.contains('\n'),
            "{name}: one line changes"
        );
        let places = |wanted: &str| -> Vec<usize> {
            text.lines().enumerate().filter(|(_, line)| line.trim() == wanted).map(|(n, _)| n).collect()
        };
        let at = if after.is_empty() {
            let [at] = places(line)[..] else { bail!("{name}: `{line}` does not stand once in {file}") };
            at
        } else {
            let [after_at] = places(after)[..] else {
                bail!("{name}: `{after}` does not stand once in {file}")
            };
            let at = places(line).into_iter().find(|at| *at > after_at);
            at.with_context(|| format!("{name}: `{line}` does not stand behind `{after}` in {file}"))?
        };
        let mut changed = String::new();
        for (n, before) in text.lines().enumerate() {
            if n == at {
                let indent = before.len() - before.trim_start().len();
                changed.push_str(before.get(..indent).unwrap_or_default());
                changed.push_str(becomes);
            } else {
                changed.push_str(before);
            }
            changed.push('\n');
        }
        Ok(changed)
    }
}

/// A copy of the files that git knows, in which faults are made.
#[derive(Debug)]
pub struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Brings the copy to what the tree has. Files that are the same are left alone, so that cargo builds
    /// little of it anew.
    ///
    /// # Errors
    /// git does not list the files, or one cannot be copied.
    pub fn of_tree() -> Result<Self> {
        let folder = target_dir().join("vopr-faults").join("tree");
        let mut git = Command::new("git");
        let files =
            git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
        let files = files.output().context("git does not run")?;
        ensure!(files.status.success(), "git does not list the files of {}", root().display());
        let files = String::from_utf8(files.stdout).context("names of files are no text")?;
        for file in files.split_terminator('\0') {
            let (from, to) = (root().join(file), folder.join(file));
            // A file that was removed is still listed until the next commit.
            let Ok(bytes) = fs::read(&from) else { continue };
            write_changed(&to, &bytes)?;
        }
        Ok(Self { folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a fault, and takes it back when `with` is done.
    ///
    /// # Errors
    /// The fault's line is not there, a file cannot be written, or what `with` has.
    pub fn with<T>(&self, fault: &Fault, with: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.folder.join(&fault.file);
        let before = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, fault.apply(&before)?)?;
        let outcome = with();
        fs::write(&path, before)?;
        outcome
    }
}

fn write_changed(to: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes).with_context(|| to.display().to_string())
}

/// Builds the player of worlds in a copy, and returns where it is.
///
/// # Errors
/// It does not compile.
pub fn build(copy: &Copy) -> Result<PathBuf> {
    let target = target_dir().join("vopr-faults").join("target");
    let mut cargo = Command::new(crate::cargo());
    cargo.args(["build", "--quiet", "--profile", "vopr", "-p", "xmap-vopr"]).current_dir(copy.folder());
    // What a fault leaves unused is no news.
    cargo.env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "1").env("RUSTFLAGS", "-Awarnings");
    process::run(&mut cargo, BUILD_LIMIT)?;
    Ok(target.join("vopr").join(format!("xmap-vopr{}", std::env::consts::EXE_SUFFIX)))
}

const BUILD_LIMIT: std::time::Duration = std::time::Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A fault whose line has changed is made anew by hand.
    #[test]
    fn each_fault_of_the_list_can_be_made() {
        let faults = all().unwrap();
        assert!(faults.len() >= 12, "{}", faults.len());
        let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names.len(), faults.len(), "each has its own name");
        for fault in &faults {
            let text = fs::read_to_string(root().join(&fault.file)).unwrap();
            let changed = fault.apply(&text).unwrap();
            let differ = text.lines().zip(changed.lines()).filter(|(before, now)| before != now).count();
            assert_eq!((differ, text.lines().count()), (1, changed.lines().count()), "{}", fault.name);
        }
    }

    #[test]
    fn the_document_has_a_row_for_each_fault() {
        let document = fs::read_to_string(root().join("docs/testing.md")).unwrap();
        let rows: BTreeSet<&str> = document
            .lines()
            .skip_while(|line| !line.starts_with("| fault |"))
            .skip(2)
            .map_while(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let faults = all().unwrap();
        let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(rows, names);
    }

    #[test]
    fn a_line_that_is_not_there_once_is_refused() {
        let fault = |after: &str, line: &str| Fault {
            name: "x".into(),
            file: "x.rs".into(),
            after: after.into(),
            line: line.into(),
            becomes: "c".into(),
            breaks: String::new(),
        };
        let text = "a\n  b\nfn\n  b\n";
        assert_eq!(fault("", "a").apply(text).unwrap(), "c\n  b\nfn\n  b\n");
        assert_eq!(fault("fn", "b").apply(text).unwrap(), "a\n  b\nfn\n  c\n");
        assert!(fault("", "b").apply(text).is_err());
        assert!(fault("", "d").apply(text).is_err());
        assert!(fault("fn", "a").apply(text).is_err());
        assert!(fault("b", "a").apply(text).is_err());
        assert!(fault("", "c").apply("c\n").is_err(), "it changes nothing");
    }
}
