//! The panels of `tests/buses`, which have devices on buses: a manifest, a module, a script and the trace
//! that every target must leave. The chips of the emulator are what they are compared with.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::Word;

/// One folder of `tests/buses`.
#[derive(Debug)]
pub struct BusPanel {
    /// The folder of the script.
    dir: PathBuf,
    /// The image.
    pub words: Vec<Word>,
    /// `script.txt`.
    pub script: String,
}

impl BusPanel {
    /// Compiles the panel of a folder.
    ///
    /// # Panics
    /// Where a file is missing, or is not what it should be.
    pub fn open(name: &str) -> Self {
        Self::of(name, name)
    }

    /// Compiles the panel of a folder, which has the script and the trace of another.
    ///
    /// # Panics
    /// As [`BusPanel::open`].
    pub fn of(name: &str, script_of: &str) -> Self {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("buses");
        let dir = folders.join(script_of);
        let manifest =
            Manifest::read(&folders.join(name).join("panel.toml")).unwrap_or_else(|error| panic!("{error}"));
        let wasm = fs::read(manifest.wasm_path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let words = compile(&manifest, &wasm).unwrap_or_else(|error| panic!("{error}")).words;
        let script = fs::read_to_string(dir.join("script.txt")).unwrap_or_else(|e| panic!("{name}: {e}"));
        Self { dir, words, script }
    }

    /// The file of the trace.
    pub fn expected_path(&self) -> PathBuf {
        self.dir.join("expected.trace")
    }

    /// The trace that every target must leave.
    pub fn expected(&self) -> String {
        fs::read_to_string(self.expected_path()).unwrap_or_default()
    }
}
