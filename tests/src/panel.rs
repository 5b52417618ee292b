//! The panels of `tests/panels`, `tests/hosted` and `tests/lives`: a manifest, a module, a script and the
//! trace it must leave.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::oracle::{Manifest, Script};

/// One folder of `tests/panels`.
#[derive(Debug)]
pub struct Panel {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub dir: PathBuf,
    /// `panel.toml` as the oracle reads it.
    pub manifest: Manifest,
    /// The module that the manifest names, in binary form.
    pub wasm: Vec<u8>,
    /// `script.txt`.
    pub script: Script,
}

impl Panel {
    /// Every panel, sorted by name.
    ///
    /// # Errors
    ///
    /// Where a folder lacks a file, or one of its files cannot be read.
    pub fn all() -> Result<Vec<Panel>> {
        Panel::all_in("panels")
    }

    /// Every panel whose module brings the standard library of its language, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`Panel::all`].
    pub fn hosted() -> Result<Vec<Panel>> {
        Panel::all_in("hosted")
    }

    /// The panel of one lifecycle in each language, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`Panel::all`].
    pub fn lives() -> Result<Vec<Panel>> {
        Panel::all_in("lives")
    }

    fn all_in(folder: &str) -> Result<Vec<Panel>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut dirs = Vec::new();
        for entry in fs::read_dir(&root).with_context(|| root.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            }
        }
        dirs.sort();
        ensure!(!dirs.is_empty(), "{}: no panels", root.display());
        dirs.iter().map(|dir| Panel::open(dir)).collect()
    }

    /// The panel in a folder.
    ///
    /// # Errors
    ///
    /// Where a file is missing or is not what it should be; the message names it.
    pub fn open(dir: &Path) -> Result<Panel> {
        let named = |path: &Path| path.display().to_string();
        let read = |path: &Path| fs::read_to_string(path).with_context(|| named(path));

        let path = dir.join("panel.toml");
        let manifest = Manifest::parse(&read(&path)?).with_context(|| named(&path))?;
        let path = dir.join(&manifest.wasm);
        let wasm = wat::parse_file(&path).with_context(|| named(&path))?;
        let path = dir.join("script.txt");
        let script = Script::parse(&read(&path)?).with_context(|| named(&path))?;
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Panel { name, dir: dir.to_path_buf(), manifest, wasm, script })
    }

    /// The manifest's file.
    pub fn manifest_path(&self) -> PathBuf {
        self.dir.join("panel.toml")
    }

    /// The script's file.
    pub fn script_path(&self) -> PathBuf {
        self.dir.join("script.txt")
    }

    /// The file with the trace that every target must leave.
    pub fn expected_path(&self) -> PathBuf {
        self.dir.join("expected.trace")
    }
}
