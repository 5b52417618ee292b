//! An image's ops beside the lines of source that they came from, and what each line has of the bounds.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use xmap_compiler::bounds::{Share, Shares};
use xmap_compiler::input;
use xmap_compiler::map::SourceMap;
use xmap_compiler::report::{How, Report, shares};
use xmap_image::{ExportId, Image};

/// Bytes of a source file that are read.
const MAX_SOURCE_BYTES: u64 = 4 << 20;
/// How many folders above the image sources are looked for in.
const FOLDERS_ABOVE: usize = 3;

/// What each line and each op of an image has of the bounds.
#[derive(Debug)]
pub struct Annotated {
    /// The exports with code that have a bound, by key.
    pub exports: Vec<ExportLines>,
    shares: Shares,
}

/// The bound of an export, by lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportLines {
    /// The key.
    pub key: String,
    /// Ops of a call, at most.
    pub ops: u64,
    /// Instructions of a call, at most: the lines' sum, and what the call itself takes.
    pub insns: u64,
    /// The lines, the dearest first.
    pub lines: Vec<LineShare>,
}

/// A line's part of a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineShare {
    /// `file:line`, or the function for code that has no line; none for the call itself.
    pub place: Option<String>,
    /// How often its ops run.
    pub ops: u64,
    /// Their instructions.
    pub insns: u64,
}

impl Annotated {
    /// Works the shares out.
    pub fn of(image: &Image<'_>, map: Option<&SourceMap>, report: &Report) -> Self {
        let shares = shares(image, map);
        let bounded = report.exports.iter().filter(|export| matches!(export.how, How::Bounded(_)));
        let exports = bounded.filter_map(|export| {
            let function = (0..image.exports().len())
                .find(|n| image.key(ExportId(*n as u16)) == Some(&export.key))
                .map(|n| image.exports()[n].first as usize)?;
            let (ops, insns) = export.bound();
            let insns = insns?;
            let mut lines: BTreeMap<Option<String>, (u64, u64)> = BTreeMap::new();
            let mut rest = insns;
            for Share { at, times, insns } in shares.of_call(function)? {
                let line = lines.entry(Some(place(map, at))).or_default();
                *line = (line.0.saturating_add(times), line.1.saturating_add(insns));
                rest = rest.saturating_sub(insns);
            }
            lines.insert(None, (0, rest));
            let line = |(place, (ops, insns))| LineShare { place, ops, insns };
            let mut lines: Vec<LineShare> = lines.into_iter().map(line).collect();
            lines.sort_by_key(|line| std::cmp::Reverse(line.insns));
            Some(ExportLines { key: export.key.clone(), ops, insns, lines })
        });
        Self { exports: exports.collect(), shares }
    }

    /// The parts that ops have of a call of a function, by the index of their first word; none where it has
    /// no bound.
    pub fn of_function(&self, function: usize) -> Option<HashMap<u32, Share>> {
        Some(self.shares.of_call(function)?.into_iter().map(|share| (share.at, share)).collect())
    }
}

/// Returns the line of an op as `file:line`, else its function.
pub fn place(map: Option<&SourceMap>, at: u32) -> String {
    match map.and_then(|map| map.find(at, None)) {
        Some(origin) => match origin.source {
            Some(source) => line_of(&source).to_string(),
            None => origin.function,
        },
        None => "code without a map".to_string(),
    }
}

/// Returns `file:line` of `file:line:column`.
fn line_of(source: &str) -> &str {
    let line = source.rsplit_once(':').filter(|(line, _)| {
        line.rsplit_once(':').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    line.map_or(source, |(line, _)| line)
}

/// The texts of source files, looked for where an image is: maps have no absolute places.
#[derive(Debug)]
pub struct Sources {
    folders: Vec<PathBuf>,
    files: HashMap<String, Option<Vec<String>>>,
}

impl Sources {
    /// Those beside a file, in the folders above it, and in the present one.
    pub fn beside(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let mut folders: Vec<PathBuf> =
            path.ancestors().skip(1).take(FOLDERS_ABOVE + 1).map(Path::to_path_buf).collect();
        folders.extend(std::env::current_dir());
        Self { folders, files: HashMap::new() }
    }

    /// Returns the text of `file:line` without the space around it, if there is such a file.
    pub fn line(&mut self, place: &str) -> Option<&str> {
        let (file, line) = place.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        if !self.files.contains_key(file) {
            let text = self.find(file).map(|text| text.lines().map(|line| line.trim().to_string()).collect());
            self.files.insert(file.to_string(), text);
        }
        let text = self.files[file].as_ref()?.get(line.checked_sub(1)?)?;
        Some(text).filter(|text| !text.is_empty()).map(String::as_str)
    }

    /// A map may be anybody's: it names no file outside the folders.
    fn find(&self, file: &str) -> Option<String> {
        let path = Path::new(file);
        let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if stays {
            let read = |folder: &PathBuf| input::read_text(&folder.join(path), MAX_SOURCE_BYTES).ok();
            return self.folders.iter().find_map(read);
        }
        let inside = self.folders.first().is_some_and(|folder| path.starts_with(folder));
        let up = path.components().any(|part| part == Component::ParentDir);
        (inside && !up).then(|| input::read_text(path, MAX_SOURCE_BYTES).ok()).flatten()
    }
}

/// A share in percent: `12.5 %`.
pub fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, begin, build};
    use xmap_boards::BOARDS;
    use xmap_image::OwnedImage;

    #[test]
    fn the_lines_of_an_export_are_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let hall = folder.path().join("hall");
        begin(&hall, Language::Wat, BOARDS[0], None).unwrap();
        let built = build(&hall.join("panel.toml"), None, &mut |_| {}).unwrap().compiled;
        let image = OwnedImage::new(built.words).unwrap();
        let annotated = Annotated::of(&image.image(), Some(&built.map), &built.report);
        assert!(!annotated.exports.is_empty());
        let mut sources = Sources::beside(&hall.join("panel.toml"));
        for export in &annotated.exports {
            assert_eq!(export.lines.iter().map(|line| line.insns).sum::<u64>(), export.insns, "{export:?}");
            let places = export.lines.iter().filter_map(|line| line.place.as_deref());
            for place in places {
                assert!(sources.line(place).is_some(), "{place} has no text");
            }
        }
        assert_eq!(sources.line("../hall/panel.toml:1"), None);
        assert_eq!(sources.line("/etc/passwd:1"), None);
    }

    #[test]
    fn no_instruction_of_a_bound_is_without_a_line() {
        let panels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/panels");
        let mut bounded = 0;
        for name in ["lamp", "hall64", "modbus", "keypad", "shift595"] {
            let built = build(&panels.join(name).join("panel.toml"), None, &mut |_| {}).unwrap().compiled;
            let image = OwnedImage::new(built.words).unwrap();
            let view = image.image();
            let annotated = Annotated::of(&view, Some(&built.map), &built.report);
            for (n, function) in built.report.functions.iter().enumerate() {
                let shares = annotated.of_function(n);
                let sum = shares.map(|shares| shares.values().map(|share| share.insns).sum::<u64>());
                assert_eq!(sum, function.bound.map(|bound| bound.insns), "{name}: {}", function.name);
            }
            bounded += annotated.exports.len();
        }
        assert!(bounded > 30, "{bounded}");
    }

    #[test]
    fn a_column_is_left_out() {
        assert_eq!(line_of("a.c:12:5"), "a.c:12");
        assert_eq!(line_of("a.c:12"), "a.c:12");
        assert_eq!(line_of("C:\\a.c:12:5"), "C:\\a.c:12");
    }
}
