//! What holds on a device between any two steps, written down a second time: without the device's own check.

use std::collections::BTreeMap;

use xmap_device::{Board, Device, Ram, Trust};
use xmap_image::{ExportId, HOOKS, PinMode, PinRow, Pull, Safe};
use xmap_link::Life;
use xmap_link::limits::MAX_MODULES;
use xmap_sim::SimBoard;

/// Checks that what the active images have is theirs alone: a line has one driver, and names, keys, edges
/// and pulls have one owner. The device has [`xmap_image::conflict`] for it. Returns how many modules run.
///
/// # Panics
/// Where two modules share something.
pub fn check_owners<R: Ram, B: Board, T: Trust>(device: &Device<R, B, T>) -> u32 {
    let mut names = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut edges = BTreeMap::new();
    let mut declared: BTreeMap<u8, Vec<(u8, PinMode, Pull)>> = BTreeMap::new();
    let mut running = 0;
    for module in 0..MAX_MODULES as u8 {
        running += u32::from(device.life(module) == Life::Running);
        let Some(image) = device.image(module) else { continue };
        let manifest = image.manifest().expect("an image that was admitted");
        let other = names.insert(manifest.module.to_owned(), module);
        assert_eq!(other, None, "module {module} has the name {}, too", manifest.module);
        for id in (0..image.exports().len() as u16).map(ExportId) {
            let key = image.key(id).expect("each export has a key");
            if !HOOKS.contains(&key) {
                let other = keys.insert(key.to_owned(), module);
                assert!(other.is_none_or(|other| other == module), "{key}: {other:?} and {module}");
            }
        }
        for line in manifest.events.iter().filter_map(|event| event.source.line()) {
            let other = edges.insert(line, module);
            assert!(other.is_none_or(|other| other == module), "edges of {line}: {other:?} and {module}");
        }
        for pin in image.pins() {
            declared.entry(pin.line().number()).or_default().push((module, pin.mode(), pin.pull()));
        }
    }
    for (line, of) in &declared {
        let driven = of.iter().any(|(_, mode, _)| *mode != PinMode::In);
        assert!(!driven || of.len() == 1, "line {line} is driven, and declared by {of:?}");
        assert!(of.iter().all(|(.., pull)| *pull == of[0].2), "pulls of line {line}: {of:?}");
    }
    running
}

/// Checks that the lines of a module that runs are what it declares, and those of a module that rests are
/// safe. `simulated` is the board behind what records it. Returns how many modules rest.
///
/// # Panics
/// Where a line is otherwise.
pub fn check_lines<R: Ram, B: Board, T: Trust>(
    device: &Device<R, B, T>,
    simulated: impl Fn(&B) -> &SimBoard,
) -> u32 {
    let mut resting = 0;
    for module in 0..MAX_MODULES as u8 {
        let life = device.life(module);
        resting += u32::from(life == Life::Faulted);
        let pins: Vec<PinRow> = device.image(module).map_or_else(Vec::new, |i| i.pins().to_vec());
        let board = simulated(device.board());
        for pin in pins {
            let (drives, high) = (board.is_output(pin.line()), board.is_high(pin.line()));
            let right = match (life, pin.mode(), pin.safe()) {
                (Life::Running, PinMode::Out, _) => drives,
                (_, PinMode::In, _) => !drives,
                (Life::Faulted, PinMode::Out, Safe::Low) => drives && !high,
                (Life::Faulted, PinMode::Out, Safe::High) => drives && high,
                (Life::Faulted, PinMode::Out, Safe::Hold) => drives,
                (Life::Faulted, PinMode::InOut, Safe::Low) => !drives || !high,
                (Life::Faulted, PinMode::InOut, Safe::High) => !drives || high,
                (Life::Faulted, PinMode::Out | PinMode::InOut, Safe::Float) => !drives,
                (Life::Faulted, PinMode::Any, _) => !drives,
                _ => true,
            };
            assert!(right, "module {module} is {life:?}, {pin:?}: drives {drives}, high {high}");
        }
    }
    resting
}
