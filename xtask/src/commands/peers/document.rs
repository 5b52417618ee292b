//! The section of docs/benchmarks.md.

use std::fs;

use anyhow::{Context as _, Result};
use xtask::root;

const BEGIN: &str = "<!-- peers -->\n";
const END: &str = "<!-- end of peers -->";

/// Puts the figures between the markers.
pub(super) fn write(section: &str) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    let name = || path.display().to_string();
    let text = fs::read_to_string(&path).with_context(name)?;
    let text = replaced(&text, section).with_context(|| format!("{}: {BEGIN}...{END} is missing", name()))?;
    fs::write(&path, text).with_context(name)
}

/// The text with another section; `None` where it has no markers.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{section}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("before\n{BEGIN}old\n{END}\nafter\n");
        assert_eq!(replaced(&text, "new\n"), Some(format!("before\n{BEGIN}new\n{END}\nafter\n")));
        assert_eq!(replaced("no markers", "new"), None);
    }

    #[test]
    fn the_document_has_the_markers() {
        let text = fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
        assert!(replaced(&text, "").is_some());
    }
}
