//! The facts of a contract's file: comments `/// - FACT`, one a line, which WIT itself has no word for.
//!
//! They say all of an export but its signature in WIT, so that `xmap build` holds a panel against the file
//! without a parser of WIT; `xmap contract` holds the signatures against them.

use std::path::Path;

use super::{ContractExport, ContractParam};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::manifest::Typed;

/// The facts of a panel in a contract's file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// The module's name.
    pub panel: String,
    /// The exports in their order.
    pub exports: Vec<ContractExport>,
}

impl Stated {
    /// Reads the facts of a contract's file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// X1603 with the line of the comment that is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let wrong = |place: &str, message: String| {
            let help = "`xmap contract panel.toml -o FILE` writes one".to_string();
            let message = format!("{}{place}: {message}", path.display());
            Diagnostic::new(Code::NotAContract, Place::file(path), message).help(help)
        };
        let (mut panel, mut exports) = (None, Vec::<ContractExport>::new());
        let mut facts: Vec<&str> = Vec::new();
        for (n, line) in text.lines().chain([""]).enumerate() {
            if let Some(comment) = line.trim().strip_prefix("///") {
                facts.extend(comment.trim().strip_prefix("- "));
                continue;
            }
            let facts = std::mem::take(&mut facts);
            if facts.iter().any(|fact| fact.starts_with("key: ")) {
                let export = ContractExport::of_facts(&facts)
                    .map_err(|message| wrong(&format!(":{}", n + 1), message))?;
                if exports.iter().any(|other| other.key == export.key) {
                    let message = format!("two functions have the key {}", export.key);
                    return Err(wrong(&format!(":{}", n + 1), message));
                }
                exports.push(export);
            }
            panel = panel.or_else(|| facts.iter().find_map(|fact| fact.strip_prefix("panel: ")));
        }
        let panel = panel.ok_or_else(|| wrong("", "its world does not say `- panel: NAME`".into()))?;
        Ok(Self { panel: panel.to_string(), exports })
    }
}

impl ContractExport {
    /// Reads the facts of an export, without the `- ` in front of them.
    ///
    /// # Errors
    ///
    /// What is wrong, in one line.
    pub fn of_facts(facts: &[&str]) -> Result<Self, String> {
        let mut export = Self {
            key: String::new(),
            name: String::new(),
            params: Vec::new(),
            results: Vec::new(),
            needs: Vec::new(),
            idempotent: false,
        };
        for fact in facts {
            let typed = |text: &str| Typed::parse(text).map_err(|(message, _)| format!("{fact}: {message}"));
            match fact.split_once(": ").unwrap_or((fact, "")) {
                ("key", key) => export.key = key.to_string(),
                ("name", name) => export.name = name.to_string(),
                // It follows from the rest.
                ("contract", _) => {}
                ("needs", key) => export.needs.push(key.to_string()),
                ("idempotent", "") => export.idempotent = true,
                (what, text) => {
                    if let Some(name) = what.strip_prefix("param ") {
                        export.params.push(ContractParam { name: name.to_string(), ty: typed(text)? });
                    } else if what == format!("result {}", export.results.len()) {
                        export.results.push(typed(text)?);
                    } else {
                        return Err(format!("`- {what}` means nothing"));
                    }
                }
            }
        }
        export.needs.sort();
        Ok(export)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r"package xmap:hall@1.0.0;
interface exports {
    /// - key: hall.duty
    /// - name: duty
    /// - contract: 81f3c0a2b5d4e697
    /// - param level: u8 0..=100 %
    /// - result 0: bool
    /// - needs: hall.open
    duty: func(level: u8) -> result<bool, trap>;
}

/// - panel: hall
/// - line 17: lamp
world panel {}
";

    #[test]
    fn facts_are_the_line_that_the_hash_is_over() {
        let stated = Stated::parse(Path::new("hall.wit"), FILE).unwrap();
        assert_eq!((stated.panel.as_str(), stated.exports.len()), ("hall", 1));
        assert_eq!(stated.exports[0].to_string(), "hall.duty(u8 0..=100 %) -> (bool); needs hall.open");
        assert_eq!(stated.exports[0].params[0].name, "level");
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        for (from, to, says) in [
            ("- needs: ", "- wants: ", "hall.wit:9: `- wants` means nothing"),
            ("u8 0..=100 %", "u7", "hall.wit:9: param level: u7: "),
            ("- panel: hall", "", "hall.wit: its world does not say `- panel: NAME`"),
            ("result 0", "result 1", "hall.wit:9: `- result 1` means nothing"),
        ] {
            let error = Stated::parse(Path::new("hall.wit"), &FILE.replace(from, to)).unwrap_err();
            assert!(error.message.starts_with(says), "{}", error.message);
            assert_eq!(error.code, Code::NotAContract);
        }
        for end in 0..FILE.len() {
            _ = Stated::parse(Path::new("hall.wit"), &FILE[..end]);
        }
    }
}
