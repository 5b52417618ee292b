//! Which panels and scripts a folder has.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::recognize::FileKind;
use xmap_image::MAGIC;

use crate::build::bundled;

/// A panel and its scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// Its manifest.
    pub manifest: PathBuf,
    /// Its scripts, in order.
    pub scripts: Vec<PathBuf>,
}

/// Folders that have no panels of the author.
const OTHERS: &[&str] = &["target", "node_modules"];

/// Finds panels and their scripts: for a folder, those in it and below; for a manifest, its own; for a
/// script, itself.
///
/// The scripts of a panel are `tests/*.txt` and `script.txt` beside its manifest. Where a folder has several
/// manifests, those of `hall.toml` are in `tests/hall`.
///
/// # Errors
/// X0101 to X0103; X0801 where a script has no panel, or nothing was found at all.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Panel>, Diagnostics> {
    let mut panels: Vec<Panel> = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| Diagnostic::reading(path, &error))?;
        if metadata.is_dir() {
            walk(path, &mut panels);
        } else if is_manifest(path) || is_image(path) {
            panels.push(of_manifest(path));
        } else {
            let manifest = of_script(path).ok_or_else(|| {
                let message = format!("{}: no manifest beside it or above it", path.display());
                let help = "a script stands in the folder of its panel, or in `tests` there".to_string();
                Diagnostic::new(Code::ScriptSyntax, Place::file(path), message).help(help)
            })?;
            match panels.iter_mut().find(|panel| panel.manifest == manifest) {
                // A folder or a manifest before it may have named it.
                Some(panel) if panel.scripts.iter().any(|script| is_same(script, path)) => {}
                Some(panel) => panel.scripts.push(path.clone()),
                None => panels.push(Panel { manifest, scripts: vec![path.clone()] }),
            }
        }
    }
    if panels.iter().all(|panel| panel.scripts.is_empty()) {
        let place = paths.first().map_or(Path::new("."), PathBuf::as_path);
        let message = format!("{}: no scripts of panels here", place.display());
        let help = "a panel's scripts are `tests/*.txt` beside its manifest".to_string();
        return Err(Diagnostic::new(Code::ScriptSyntax, Place::file(place), message).help(help).into());
    }
    Ok(panels)
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Returns whether the file is a manifest, and not another text of TOML.
fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
        && fs::read(path).is_ok_and(|bytes| FileKind::of(path, &bytes) == FileKind::Manifest)
}

/// Returns whether the file is an image, or a bundle of them.
fn is_image(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "xmap")
        && fs::read(path).is_ok_and(|bytes| bytes.starts_with(&MAGIC))
}

/// Returns whether the file is a bundle of several images.
fn is_bundle(path: &Path) -> bool {
    is_image(path) && fs::read(path).is_ok_and(|bytes| bundled(&bytes).is_ok_and(|images| images.len() > 1))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    entries.sort();
    // A folder that is the current one has no name to show.
    if folder == Path::new(".") {
        entries.iter_mut().for_each(|path| *path = path.strip_prefix(".").unwrap_or(path).to_path_buf());
    }
    entries
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| is_manifest(path)).collect()
}

fn walk(folder: &Path, panels: &mut Vec<Panel>) {
    panels.extend(manifests(folder).iter().map(|manifest| of_manifest(manifest)));
    // What was linked has scripts of its own; an image of one panel has those of its manifest.
    let linked = entries(folder).into_iter().filter(|path| is_bundle(path));
    panels.extend(linked.map(|path| of_manifest(&path)).filter(|panel| !panel.scripts.is_empty()));
    for path in entries(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        if path.is_dir() && !is_link && !name.starts_with('.') && !OTHERS.contains(&&*name) {
            walk(&path, panels);
        }
    }
}

fn here(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn of_manifest(manifest: &Path) -> Panel {
    let folder = here(manifest);
    let texts = |folder: &Path| {
        let is_text = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "txt");
        entries(folder).into_iter().filter(is_text).collect::<Vec<_>>()
    };
    let tests = if folder == Path::new(".") { PathBuf::from("tests") } else { folder.join("tests") };
    let mut scripts = texts(&tests.join(manifest.file_stem().unwrap_or_default()));
    if manifest == main_of(folder).unwrap_or_default() {
        scripts.extend(texts(&tests));
        scripts.extend(entries(folder).into_iter().filter(|path| path.ends_with("script.txt")));
    }
    Panel { manifest: manifest.to_path_buf(), scripts }
}

/// The manifest that the scripts of a folder belong to: `panel.toml`, or the only one.
fn main_of(folder: &Path) -> Option<PathBuf> {
    let mut all = manifests(folder);
    match all.iter().position(|path| path.ends_with("panel.toml")) {
        Some(at) => Some(all.swap_remove(at)),
        None if all.len() == 1 => all.pop(),
        None => None,
    }
}

fn of_script(script: &Path) -> Option<PathBuf> {
    let folder = here(script).to_path_buf();
    if let Some(manifest) = main_of(&folder) {
        return Some(manifest);
    }
    let full = folder.canonicalize().ok()?;
    let up = |path: &Path| path.join("..");
    let name = full.file_name()?.to_string_lossy().into_owned();
    if name == "tests" {
        return main_of(&shorter(&folder, &up(&folder)));
    }
    let above = full.parent()?.file_name()?;
    let panel = shorter(&folder, &up(&up(&folder)));
    let named = |ending: &str| {
        let named = format!("{name}.{ending}");
        move |path: &PathBuf| path.ends_with(&named)
    };
    let linked = || entries(&panel).into_iter().filter(|path| is_image(path)).find(named("xmap"));
    (above == "tests").then(|| manifests(&panel).into_iter().find(named("toml")).or_else(linked))?
}

/// `hall/tests/..` as `hall`.
fn shorter(folder: &Path, up: &Path) -> PathBuf {
    let ups = up.components().count() - folder.components().count();
    let names = folder.components().filter(|part| matches!(part, std::path::Component::Normal(_))).count();
    if names < ups {
        return up.to_path_buf();
    }
    let mut path = folder.to_path_buf();
    (0..ups).for_each(|_| _ = path.pop());
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_beside_their_panels() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |file: &str, text: &str| {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), text).unwrap();
        };
        for file in ["a/panel.toml", "b/hall.toml", "b/porch.toml", "node_modules/c/panel.toml"] {
            write(file, "[module]\nname = \"a\"\n");
        }
        write("a/Cargo.toml", "[package]\n");
        for file in
            ["a/tests/one.txt", "a/tests/two.txt", "a/script.txt", "a/notes.txt", "b/tests/hall/x.txt"]
        {
            write(file, "advance 1\n");
        }
        let shown = |panels: Vec<Panel>| {
            let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
            let one =
                |panel: &Panel| (name(&panel.manifest), panel.scripts.iter().map(name).collect::<Vec<_>>());
            panels.iter().map(one).collect::<Vec<_>>()
        };
        let all = shown(find(&[root.to_path_buf()]).unwrap());
        let a = ["a/tests/one.txt", "a/tests/two.txt", "a/script.txt"].map(String::from).to_vec();
        assert_eq!(
            all,
            [
                ("a/panel.toml".into(), a),
                ("b/hall.toml".into(), vec!["b/tests/hall/x.txt".into()]),
                ("b/porch.toml".into(), vec![]),
            ]
        );
        for (script, panel) in [("a/tests/two.txt", "a/panel.toml"), ("b/tests/hall/x.txt", "b/hall.toml")] {
            assert_eq!(shown(find(&[root.join(script)]).unwrap()), [(panel.into(), vec![script.into()])]);
        }
        write("d/x.txt", "");
        assert_eq!(find(&[root.join("d/x.txt")]).unwrap_err().0[0].code, Code::ScriptSyntax);
        assert_eq!(find(&[root.join("nowhere")]).unwrap_err().0[0].code, Code::NoSuchFile);
        assert!(find(&[root.join("b/porch.toml")]).is_err(), "no scripts");
    }
}
