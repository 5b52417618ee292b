//! Maps of images that were given to devices, by their hash: in the user's data folder, where every verb
//! finds them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use xmap_compiler::input;
use xmap_compiler::map::{SourceMap, hex};
use xmap_image::Image;

use super::load::MAX_MAP_BYTES;
use super::output::write_file;

/// Maps that are kept: those of older images go.
const MOST: usize = 200;
/// Digits of a hash that a map's name has to begin with: what a trap carries.
const PREFIX: usize = 8;

/// The folder; none where the user has none. An empty `XMAP_MAPS` keeps none.
fn folder() -> Option<PathBuf> {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if env::var_os("XMAP_MAPS").is_some() {
        return named("XMAP_MAPS");
    }
    let data = named("XDG_DATA_HOME").or_else(|| match env::consts::OS {
        "windows" => named("LOCALAPPDATA"),
        "macos" => Some(named("HOME")?.join("Library/Application Support")),
        _ => Some(named("HOME")?.join(".local/share")),
    });
    Some(data?.join("xmap/maps"))
}

/// Keeps a map. It stands in nobody's way: where it cannot be kept, it can still be named with `--map`.
pub(super) fn keep(map: &SourceMap) {
    let Some(folder) = folder() else { return };
    _ = keep_in(&folder, map);
}

fn keep_in(folder: &Path, map: &SourceMap) -> Option<()> {
    if map.image.len() < PREFIX || !map.image.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    fs::create_dir_all(folder).ok()?;
    write_file(&folder.join(format!("{}.map", map.image)), map.to_json().as_bytes()).ok()?;
    let mut all: Vec<_> = maps(folder).collect();
    all.sort_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    for old in all.iter().take(all.len().saturating_sub(MOST)) {
        fs::remove_file(old).ok()?;
    }
    Some(())
}

fn maps(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "map"))
}

/// Returns the map of an image whose hash begins with these hexadecimal digits, if this machine has swapped
/// the image in.
pub fn find(prefix: &str) -> Option<SourceMap> {
    find_in(&folder()?, prefix)
}

/// The map of this image.
pub(super) fn find_of(image: &Image<'_>) -> Option<SourceMap> {
    let folder = folder()?;
    let text = input::read_text(&folder.join(format!("{}.map", hex(&image.hash()))), MAX_MAP_BYTES);
    SourceMap::read(&text.ok()?, image)
}

fn find_in(folder: &Path, prefix: &str) -> Option<SourceMap> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        prefix.len() >= PREFIX && name.is_some_and(|name| name.starts_with(prefix))
    };
    let path = maps(folder).find(is_it)?;
    let map = SourceMap::read_any(&input::read_text(&path, MAX_MAP_BYTES).ok()?)?;
    map.image.starts_with(prefix).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(image: &str) -> SourceMap {
        let (functions, exports, globals, kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (contracts, texts) = (Vec::new(), Vec::new());
        SourceMap { format: 1, image: image.into(), functions, exports, globals, kept, contracts, texts }
    }

    #[test]
    fn a_map_is_found_by_the_beginning_of_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (map("0123456789"), map("ffeeddccbb"));
        keep_in(folder.path(), &first).unwrap();
        keep_in(folder.path(), &second).unwrap();
        assert_eq!(find_in(folder.path(), "01234567"), Some(first));
        assert_eq!(find_in(folder.path(), "ffeeddcc"), Some(second));
        assert_eq!((find_in(folder.path(), "ffeedd"), find_in(folder.path(), "00000000")), (None, None));
        // A name that would lead elsewhere is none.
        assert_eq!(keep_in(folder.path(), &map("../../escape")), None);
        // What stands there under another one's name is not taken.
        fs::write(folder.path().join("aaaaaaaaaa.map"), map("bbbbbbbbbb").to_json()).unwrap();
        assert_eq!(find_in(folder.path(), "aaaaaaaa"), None);
    }

    #[test]
    fn old_maps_go() {
        let folder = tempfile::tempdir().unwrap();
        (0..MOST + 3).for_each(|n| keep_in(folder.path(), &map(&format!("{n:010x}"))).unwrap());
        assert_eq!(maps(folder.path()).count(), MOST);
        assert!(find_in(folder.path(), &format!("{:08x}", (MOST + 2) >> 8)).is_some());
    }
}
