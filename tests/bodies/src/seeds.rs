//! The committed corpus of a target, for the stable tests of the bodies.

use std::fs;
use std::path::{Path, PathBuf};

/// The corpus of a target, by the names of its files.
pub fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    // Whichever package the test is of, the repository is above it.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let folder = above.map(|folder| folder.join("tests/fuzz/seeds")).find(|folder| folder.is_dir());
    let folder = folder.expect("the repository has seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut seeds: Vec<_> = files
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| (path.clone(), fs::read(&path).expect("a readable seed")))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}
