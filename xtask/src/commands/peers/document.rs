//! The sections of docs/benchmarks.md that are generated.

use std::fs;

use anyhow::{Context as _, Result};
use xmap_tools::root;

/// The section of the peers.
const PEERS: &str = "peers";

/// Puts the peers' figures between their markers.
pub(super) fn write(section: &str) -> Result<()> {
    write_section(PEERS, section)
}

/// Puts figures between the markers of a section.
pub(crate) fn write_section(name: &str, section: &str) -> Result<()> {
    let (begin, end) = markers(name);
    let path = root().join("docs/benchmarks.md");
    let file = || path.display().to_string();
    let text = fs::read_to_string(&path).with_context(file)?;
    let text =
        replaced(&text, name, section).with_context(|| format!("{}: {begin}...{end} is missing", file()))?;
    fs::write(&path, text).with_context(file)
}

/// Returns what stands around a section.
fn markers(name: &str) -> (String, String) {
    (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"))
}

/// The text with another section; `None` where it has no markers.
fn replaced(text: &str, name: &str, section: &str) -> Option<String> {
    let (begin, end) = markers(name);
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{section}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = |section| format!("before\n<!-- x -->\n{section}\n<!-- end of x -->\nafter\n");
        assert_eq!(replaced(&text("old"), "x", "new\n"), Some(text("new")));
        assert_eq!(replaced(&text("old"), "y", "new"), None);
    }

    #[test]
    fn the_document_has_the_markers() {
        let text = fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
        assert!(replaced(&text, PEERS, "").is_some() && replaced(&text, "linux", "").is_some());
    }
}
