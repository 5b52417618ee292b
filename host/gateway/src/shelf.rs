//! Images that the gateway has seen: they name the lines of a device and the source lines of its traps.
//!
//! An image counts for a device where its hash is the one that the device reports, so that an old file never
//! names a wrong line.

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use serde_json::{Value as Json, json};
use xmap::text::Maps;
use xmap_compiler::map::SourceMap;
use xmap_image::{Image, PinMode, Pull, Safe};

use crate::panel::Panel;

/// Images that came over HTTP and are kept; the oldest goes first.
const MOST_IMAGES: usize = 256;
/// Maps that came over HTTP and are kept.
const MOST_MAPS: usize = 16;

/// A line as an image declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOf {
    /// Its number.
    pub line: u8,
    /// Its name.
    pub name: String,
    /// How it is used.
    pub mode: PinMode,
    safe: Safe,
    pull: Pull,
}

impl LineOf {
    /// Returns whether somebody outside may drive it.
    pub fn is_input(&self) -> bool {
        self.mode != PinMode::Out
    }

    /// The line of a module, and its level where it is known.
    pub fn json(&self, module: u8, high: Option<bool>) -> Json {
        json!({
            "line": self.line,
            "name": self.name,
            "module": module,
            "mode": match self.mode {
                PinMode::In => "in",
                PinMode::Out => "out",
                PinMode::InOut => "inout",
                PinMode::Any => "any",
            },
            "safe": match self.safe {
                Safe::Hold => "hold",
                Safe::Low => "low",
                Safe::High => "high",
                Safe::Float => "float",
            },
            "pull": match self.pull {
                Pull::None => "none",
                Pull::Up => "up",
                Pull::Down => "down",
            },
            "high": high,
        })
    }
}

/// The lines of an image, by number. One without a manifest declares all, which says nothing.
pub fn lines_of(image: &Image<'_>) -> Vec<LineOf> {
    if image.is_bare() {
        return Vec::new();
    }
    let manifest = image.manifest().unwrap_or_default();
    let one = |pin: &xmap_image::PinRow| {
        let line = pin.line().number();
        let named = manifest.pins.iter().find(|name| name.line == line);
        let name = named.map_or_else(|| format!("gpio{line}"), |pin| pin.name.to_owned());
        LineOf { line, name, mode: pin.mode(), safe: pin.safe(), pull: pin.pull() }
    };
    image.pins().iter().map(one).collect()
}

#[derive(Debug, Default)]
struct Known {
    /// Hashes with lines: of files first, then what came over HTTP.
    images: VecDeque<([u8; 32], Arc<[LineOf]>)>,
    /// How many of them are of files, and stay.
    pinned: usize,
    maps_of_files: Vec<SourceMap>,
    maps: VecDeque<SourceMap>,
    all_maps: Arc<Maps>,
}

/// All images that are known.
#[derive(Debug, Default)]
pub struct Shelf(RwLock<Known>);

impl Shelf {
    /// Keeps what a file had.
    pub fn pin(&self, panel: &Panel) {
        let mut known = self.0.write().expect("nobody panics while it is locked");
        known.images.push_front((panel.image.image().hash(), lines_of(&panel.image.image()).into()));
        known.pinned += 1;
        known.maps_of_files.extend(panel.map.clone());
        known.gather();
    }

    /// Keeps an image that is sent to a device.
    pub fn add(&self, image: &Image<'_>) {
        let mut known = self.0.write().expect("nobody panics while it is locked");
        let hash = image.hash();
        if known.images.iter().any(|(of, _)| *of == hash) {
            return;
        }
        if known.images.len() - known.pinned == MOST_IMAGES {
            let oldest = known.pinned;
            known.images.remove(oldest);
        }
        known.images.push_back((hash, lines_of(image).into()));
    }

    /// Keeps the map of an image.
    pub fn add_map(&self, map: SourceMap) {
        let mut known = self.0.write().expect("nobody panics while it is locked");
        known.maps.retain(|of| of.image != map.image);
        if known.maps.len() == MOST_MAPS {
            known.maps.pop_front();
        }
        known.maps.push_back(map);
        known.gather();
    }

    /// The lines of an image, where it is known.
    pub fn lines(&self, hash: &[u8; 32]) -> Option<Arc<[LineOf]>> {
        let known = self.0.read().expect("nobody panics while it is locked");
        known.images.iter().find(|(of, _)| of == hash).map(|(_, lines)| lines.clone())
    }

    /// All maps.
    pub fn maps(&self) -> Arc<Maps> {
        self.0.read().expect("nobody panics while it is locked").all_maps.clone()
    }
}

impl Known {
    fn gather(&mut self) {
        let mut all = Maps::default();
        self.maps_of_files.iter().chain(&self.maps).for_each(|map| all.add(map.clone()));
        self.all_maps = Arc::new(all);
    }
}
