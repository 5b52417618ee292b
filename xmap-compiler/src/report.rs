//! The size report: what an image takes, and what a call of each export costs at most.

use std::fmt;

use xmap_image::{HEADER_WORDS, Image, Section, Word};

use crate::bounds::{Bound, CALL_INSNS, DIRECT_INSNS};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};

/// How an export is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its row holds the operation.
    Direct,
    /// Its longest path is known.
    Bounded(Bound),
    /// It runs on this much fuel.
    Fuelled(u32),
}

/// One export.
#[derive(Clone, Debug)]
pub struct ExportReport {
    /// The key.
    pub key: String,
    /// The name in the module.
    pub name: String,
    /// Bytes of its function's code.
    pub bytes: usize,
    /// How it is run.
    pub how: How,
}

/// One function of the image.
#[derive(Clone, Debug)]
pub struct FunctionReport {
    /// Its name for messages.
    pub name: String,
    /// Bytes of code.
    pub bytes: usize,
    /// Its longest path, if there is one.
    pub bound: Option<Bound>,
}

/// What an image takes.
#[derive(Clone, Debug)]
pub struct Report {
    /// Bytes of the image.
    pub total: usize,
    /// Bytes of the module.
    pub module: usize,
    /// The budget in bytes.
    pub budget: u32,
    /// Bytes of each section, in the order of [`Section::ALL`].
    pub sections: Vec<u32>,
    /// The exports, by key.
    pub exports: Vec<ExportReport>,
    /// The functions.
    pub functions: Vec<FunctionReport>,
}

impl Report {
    pub(crate) fn new(
        words: &[Word],
        module: usize,
        budget: u32,
        exports: Vec<ExportReport>,
        functions: Vec<FunctionReport>,
    ) -> Self {
        let sections = Image::verify(words).map(|i| i.section_bytes().collect()).unwrap_or_default();
        Self { total: words.len() * 4, module, budget, sections, exports, functions }
    }

    /// Checks the image's size against the budget.
    ///
    /// # Errors
    /// X0601 with the largest five functions.
    pub fn check_budget(&self, file: &str) -> Result<(), Diagnostic> {
        if self.total <= self.budget as usize {
            return Ok(());
        }
        let message = format!("{file}: the image has {} bytes, max_bytes is {}", self.total, self.budget);
        let mut largest: Vec<&FunctionReport> = self.functions.iter().collect();
        largest.sort_by_key(|f| std::cmp::Reverse(f.bytes));
        let lines: Vec<String> =
            largest.iter().take(5).map(|f| format!("{:>7} bytes  {}", f.bytes, f.name)).collect();
        let help = match lines.is_empty() {
            true => "raise `max_bytes` in [limits]".to_string(),
            false => format!(
                "shorten what is largest, or raise `max_bytes` in [limits]; the largest functions are\n{}",
                lines.join("\n")
            ),
        };
        Err(Diagnostic::new(Code::ImageTooLarge, Place::File(file.to_string()), message).help(help))
    }

    fn section(&self, section: Section) -> u32 {
        self.sections.get(section as usize).copied().unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Section::{
            Code, Data, DataRows, Exports, Functions, Globals, Manifest, Names, Pins, Signatures, Strings,
        };
        let sum = |sections: &[Section]| sections.iter().map(|s| self.section(*s)).sum::<u32>();
        let header = HEADER_WORDS as u32 * 4;
        let table = sum(&[Exports, Functions, Pins, Signatures, Names]);
        let code = sum(&[Code]);
        let data = sum(&[Globals, DataRows, Data]);
        let manifest = sum(&[Strings, Manifest]);
        let padding = self.total as u32 - header - table - code - data - manifest;
        writeln!(f, "image {} bytes, module {} bytes", self.total, self.module)?;
        for (name, bytes) in [
            ("header", header),
            ("table", table),
            ("code", code),
            ("data", data),
            ("manifest", manifest),
            ("padding", padding),
        ] {
            writeln!(f, "  {name:<10}{bytes:>7}")?;
        }
        if self.budget as usize != xmap_image::limits::MAX_IMAGE_BYTES {
            let share = self.total as f64 * 100.0 / f64::from(self.budget.max(1));
            writeln!(f, "  budget    {:>7}  {share:.1} % used", self.budget)?;
        }
        writeln!(f)?;
        let width = self.exports.iter().map(|e| e.key.chars().count()).max().unwrap_or(0).max(6);
        writeln!(
            f,
            "{:<width$}  {:>6}  {:<8}  {:>8}  {:>14}",
            "export", "bytes", "kind", "ops", "AArch64 insns"
        )?;
        for export in &self.exports {
            let (kind, ops, insns) = match export.how {
                How::Direct => ("direct", "1".to_string(), DIRECT_INSNS.to_string()),
                How::Bounded(bound) => {
                    ("bounded", bound.ops.to_string(), (bound.insns + CALL_INSNS).to_string())
                }
                How::Fuelled(fuel) => ("fuelled", format!("<= {fuel}"), "-".to_string()),
            };
            writeln!(f, "{:<width$}  {:>6}  {kind:<8}  {ops:>8}  {insns:>14}", export.key, export.bytes)?;
        }
        Ok(())
    }
}
