//! Panels that are to stand beside each other on one device: what `xmap_image::conflicts` finds between
//! their images, told with the places in both manifests.

use std::ops::Range;

use xmap_boards::Line;
use xmap_image::{Conflict, ExportId, Image, Pull, limits::MAX_MODULES};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::manifest::{Export, Manifest};
use crate::report::Report;
use crate::timers::{self, bus_timers};

/// One of the panels.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// The file, for messages.
    pub file: &'a str,
    /// Its image.
    pub image: Image<'a>,
    /// Its manifest, where the image was compiled here.
    pub manifest: Option<&'a Manifest>,
}

/// Checks that panels can share a device.
///
/// # Errors
/// Everything that two of them may not both have (X10), for each pair in their order.
pub fn check(panels: &[Panel<'_>]) -> Result<(), Diagnostics> {
    let mut errors = Vec::new();
    if panels.len() > MAX_MODULES {
        let message = format!("{} modules, at most {MAX_MODULES}", panels.len());
        let last = panels.last().map_or("", |panel| panel.file);
        errors.push(Diagnostic::new(Code::TooManyModules, Place::File(last.to_string()), message));
    }
    // Such a module would be told of every line of the header, once for each of the others.
    let bare = |panel: &&Panel<'_>| panel.image.is_bare();
    if panels.len() > 1 {
        errors.extend(panels.iter().filter(bare).map(|panel| {
            let message = format!("{}: has no manifest, so that it may use every line", panel.file);
            Diagnostic::new(Code::NoManifest, Place::File(panel.file.to_string()), message)
                .help("write a panel.toml that declares the lines that it needs".to_string())
        }));
    }
    for (n, right) in panels.iter().enumerate() {
        for left in panels[..n].iter().filter(|left| !left.image.is_bare() && !right.image.is_bare()) {
            let same = left.image.hash() == right.image.hash();
            let found = xmap_image::conflicts(&left.image, &right.image);
            // The same image twice has every conflict; one says it.
            let found = found.filter(|conflict| !same || *conflict == Conflict::Module);
            errors.extend(found.map(|conflict| tell(left, right, conflict)));
        }
    }
    let timers = panels.iter().flat_map(|panel| bus_timers(&panel.image, &Report::of(&panel.image, None)));
    let last = panels.last().map_or("", |panel| panel.file);
    errors.extend(timers::check(&timers.collect::<Vec<_>>(), Place::File(last.to_string())).err());
    if errors.is_empty() { Ok(()) } else { Err(Diagnostics(errors)) }
}

impl<'a> Panel<'a> {
    /// The module's name.
    fn module(&self) -> &'a str {
        // An image that came in has a block that holds.
        self.image.manifest().unwrap_or_default().module
    }

    fn place(&self, span: impl FnOnce(&'a Manifest) -> Option<&'a Range<usize>>) -> Place {
        let place = self.manifest.and_then(|manifest| Some(manifest.place(span(manifest)?)));
        place.unwrap_or_else(|| Place::File(self.file.to_string()))
    }

    fn pin(&self, line: Line) -> Place {
        self.place(|manifest| Some(&manifest.pin(line.number())?.line.span))
    }

    /// Returns where a line is declared, or a device on the line's bus.
    fn line_or_bus(&self, line: Line) -> Place {
        self.place(|manifest| match manifest.pin(line.number()) {
            Some(pin) => Some(&pin.line.span),
            None => {
                let devices = manifest.devices();
                Some(devices.into_iter().find(|device| device.claim.lines.contains(line))?.place)
            }
        })
    }

    fn export(&self, id: ExportId) -> &'a str {
        self.image.name(id).unwrap_or_default()
    }

    /// The entry of an export, where the manifest lists it.
    fn listed(&self, manifest: &'a Manifest, id: ExportId) -> Option<&'a Export> {
        let name = self.export(id);
        manifest.exports.as_ref()?.iter().find(|export| export.name.value == name)
    }

    fn handler(&self, id: ExportId) -> Place {
        self.place(|manifest| Some(&self.listed(manifest, id)?.on.as_ref()?.span))
    }

    /// Returns where a key comes from: the export's entry, else the namespace.
    fn key(&self, id: ExportId) -> Place {
        self.place(|manifest| {
            let listed = self.listed(manifest, id).map(|export| &export.key.span);
            Some(listed.unwrap_or(&manifest.module.namespace.span))
        })
    }

    fn drives(&self, line: Line) -> bool {
        self.image.writable().contains(line)
    }

    fn pull(&self, line: Line) -> &'static str {
        let row = self.image.pins().iter().find(|row| row.line() == line);
        match row.map_or(Pull::None, |row| row.pull()) {
            Pull::None => "none",
            Pull::Up => "up",
            Pull::Down => "down",
        }
    }
}

/// A conflict, told at the second panel's place with the first one's beside it.
fn tell(left: &Panel<'_>, right: &Panel<'_>, conflict: Conflict) -> Diagnostic {
    let [ours, theirs] = [left.module(), right.module()];
    let both = |place: &dyn Fn(&Panel<'_>) -> Place| [place(left), place(right)];
    let (code, message, [first, second], note, help) = match conflict {
        Conflict::Board => {
            let [a, b] = [left, right].map(|panel| panel.image.board().board().name);
            let message = format!("`{ours}` is for {a}, and `{theirs}` for {b}");
            let places = both(&|panel| panel.place(|manifest| Some(&manifest.module.board.span)));
            (Code::OtherBoard, message, places, format!("`{ours}` is for {a}"), "link panels of one board")
        }
        Conflict::Module => {
            let places = both(&|panel| panel.place(|manifest| Some(&manifest.module.name.span)));
            let message = format!("two modules are named `{theirs}`");
            (Code::SameModule, message, places, "the first one".into(), "give one of them another `name`")
        }
        Conflict::Line(line) => {
            let what = |panel: &Panel<'_>| if panel.drives(line) { "drives" } else { "declares" };
            let message = match (left.drives(line), right.drives(line)) {
                (true, true) => format!("line {line}: `{ours}` and `{theirs}` both drive it"),
                _ => format!("line {line}: `{ours}` {} it, and `{theirs}` {} it", what(left), what(right)),
            };
            let note = format!("`{ours}` {} it", what(left));
            let help = "a line that is driven belongs to one module: give one of them another line";
            (Code::LineTaken, message, both(&|panel| panel.pin(line)), note, help)
        }
        Conflict::Pull(line) => {
            let [a, b] = [left, right].map(|panel| panel.pull(line));
            let message = format!("line {line}: `{ours}` wants the pull {a}, and `{theirs}` {b}");
            let note = format!("`{ours}` wants {a}");
            let help = "several modules may read a line: write the same `pull` in all of them";
            (Code::PullDiffers, message, both(&|panel| panel.pin(line)), note, help)
        }
        Conflict::Edges { line, left: handler, right: other } => {
            let (a, b) = (left.export(handler), right.export(other));
            let message =
                format!("line {line}: `{a}` of `{ours}` and `{b}` of `{theirs}` both handle its edges");
            let places = [left.handler(handler), right.handler(other)];
            let help = "edges of a line are handled in one module; another one may read its level";
            (Code::EdgesTaken, message, places, format!("`{a}` handles them"), help)
        }
        Conflict::Bus(line) => {
            let what = |panel: &Panel<'_>| match panel.image.declared().contains(line) {
                true => "declares it",
                false => "has a device on its bus",
            };
            let message = format!("line {line}: `{ours}` {}, and `{theirs}` {}", what(left), what(right));
            let note = format!("`{ours}` {}", what(left));
            let help =
                "the lines of a bus are the bus's alone: give one of them another line, or another bus";
            (Code::BusLineTaken, message, both(&|panel| panel.line_or_bus(line)), note, help)
        }
        Conflict::Device { bus, address } => {
            let message =
                format!("I2C bus {bus}: `{ours}` and `{theirs}` both have the device at {address:#04x}");
            let places =
                both(&|panel| panel.place(|manifest| Some(&manifest.i2c_at(bus, address)?.name.span)));
            let note = format!("`{ours}` has it");
            (
                Code::DeviceTaken,
                message,
                places,
                note,
                "a device belongs to one module: declare it in that one alone",
            )
        }
        Conflict::Claim(line) => {
            let message = format!("line {line}: `{ours}` and `{theirs}` each have a device that takes it");
            let note = format!("`{ours}` has one");
            let help = "only one of the two can take the line: put the other elsewhere";
            (Code::BusLineTaken, message, both(&|panel| panel.line_or_bus(line)), note, help)
        }
        Conflict::Key { left: export, right: other } => {
            let (a, b) = (left.export(export), right.export(other));
            let key = left.image.key(export).unwrap_or_default();
            let message = format!("`{a}` of `{ours}` and `{b}` of `{theirs}` both have the key {key}");
            let places = [left.key(export), right.key(other)];
            let help = "give one of the modules another `namespace`, or one of the exports another `key`";
            (Code::KeyTaken, message, places, format!("`{a}` has it"), help)
        }
    };
    Diagnostic::new(code, second, message).note(first, note).help(help.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xmap_boards::RPI4B;

    use super::*;
    use crate::compile::compile;

    /// Compiles panels of one module with these manifests, and tells what keeps them apart.
    fn told(manifests: &[Manifest]) -> Vec<(Code, String)> {
        let wat = r#"(module (func (export "f")) (func (export "g")))"#;
        let buffer = wast::parser::ParseBuffer::new(wat).unwrap();
        let wasm = wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap().encode().unwrap();
        let words: Vec<_> =
            manifests.iter().map(|manifest| compile(manifest, &wasm).unwrap().words).collect();
        let panels = manifests.iter().zip(&words).map(|(manifest, words)| Panel {
            file: &manifest.module.name.value,
            image: Image::admit(words).unwrap(),
            manifest: Some(manifest),
        });
        match check(&panels.collect::<Vec<_>>()) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.0.into_iter().map(|error| (error.code, error.message)).collect(),
        }
    }

    fn manifest(name: &str, tables: &str) -> Manifest {
        let head = format!(
            "module = {{ name = \"{name}\", namespace = \"{name}\", board = \"rpi4b\", wasm = \"m\" }}"
        );
        Manifest::parse(&format!("{name}.toml"), &format!("{head}\n{tables}\n")).unwrap()
    }

    #[test]
    fn each_pair_is_held_against_each_other() {
        let lamp = "pins = { 17 = { mode = \"out\" } }";
        let reader = "pins = { 17 = { mode = \"in\" } }";
        let apart =
            [manifest("a", lamp), manifest("b", ""), manifest("c", "pins = { 4 = { mode = \"in\" } }")];
        assert_eq!(told(&apart), []);
        let all = [manifest("a", lamp), manifest("b", reader), manifest("c", lamp), manifest("d", reader)];
        let expected = [
            "line 17: `a` drives it, and `b` declares it",
            "line 17: `a` and `c` both drive it",
            "line 17: `b` declares it, and `c` drives it",
            "line 17: `a` drives it, and `d` declares it",
            // `b` and `d` both read it, which is no conflict.
            "line 17: `c` drives it, and `d` declares it",
        ];
        assert_eq!(told(&all), expected.map(|message| (Code::LineTaken, message.to_string())));
    }

    #[test]
    fn more_than_a_device_has_slots_for_and_one_without_a_manifest() {
        let five: Vec<Manifest> = ["a", "b", "c", "d", "e"].map(|name| manifest(name, "")).into();
        assert_eq!(told(&five), [(Code::TooManyModules, "5 modules, at most 4".to_string())]);
        assert_eq!(told(&five[..4]), []);
        let bare = Manifest::bare(&RPI4B, Path::new("lamp.wasm"));
        let message = "lamp: has no manifest, so that it may use every line".to_string();
        let pair = [manifest("a", "pins = { 17 = { mode = \"out\" } }"), bare.clone()];
        assert_eq!(told(&pair), [(Code::NoManifest, message)]);
        assert_eq!(told(&[bare]), []);
    }

    #[test]
    fn the_same_image_twice_is_told_once() {
        let same = manifest("a", "pins = { 17 = { mode = \"out\" } }");
        assert_eq!(
            told(&[same.clone(), same]),
            [(Code::SameModule, "two modules are named `a`".to_string())]
        );
    }
}
