//! Swaps on the emulated board, counted: `firmware/rpi4b/src/bin/swaps.rs`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;
use xmap_boards::{BoardId, Line};
use xmap_image::{
    Entry, Event, EventSource, FaultPolicy, Function, ImageBuilder, Keep, Op, PinMode, PinRow, Pull, Safe,
    Ty, Word,
};

use crate::emulator::Machine;
use crate::figures::export;
use crate::firmware::{self, Program};

/// Microseconds from one event of the timer to the next.
pub const PERIOD_US: u64 = 1000;

/// The line of the lamp.
const LAMP: u8 = 17;

/// Ten thousand swaps take half a minute.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A panel with a lamp and a timer that counts in a global which is kept.
///
/// # Errors
/// None: the panel is well-formed.
pub fn panel(version: u32) -> Result<Vec<Word>> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.version = version;
    let lamp = Line::new(LAMP).context("the line exists")?;
    builder.pins = vec![PinRow::new(lamp, PinMode::Out, Safe::Low, Pull::None)];
    builder.globals = vec![0];
    let count = [
        Op::GlobalGet.a16(1, 0),
        Op::Const32.a16(2, 1),
        Op::Add32.abc(1, 1, 2),
        Op::GlobalSet.a16(1, 0),
        Op::Ret.abc(0, 0, 0),
    ];
    builder.functions = vec![Function { frame: 3, params: 0, results: 0, code: count.to_vec() }];
    builder.exports = vec![
        export("lamp", &[Ty::Bool], Entry::Direct { first: Op::LinePut.abc(LAMP, 1, 0), second: 0 }),
        export("tick", &[], Entry::Code { function: 0, fuel: 100 }),
    ];
    let source = EventSource::Every { every_us: PERIOD_US as u32 };
    builder.manifest.events = [Event { export: 1, source }].into_iter().collect();
    builder.manifest.policy =
        FaultPolicy { layout: 1, keep: [Keep::Global(0)].into_iter().collect(), ..FaultPolicy::default() };
    Ok(builder.build()?)
}

/// Makes so many swaps and gives what was counted, by the names that the program's documentation has.
///
/// # Errors
/// The program cannot be built, or says something else than numbers.
pub fn run(swaps: u32) -> Result<BTreeMap<String, u64>> {
    let program = firmware::build(Program::Swaps)?;
    let mut bundle = NamedTempFile::new()?;
    for word in [panel(1)?, panel(2)?].concat() {
        bundle.write_all(&word.to_le_bytes())?;
    }
    let arguments = swaps.to_string();
    let machine = Machine {
        panel: Some(bundle.path()),
        arguments: &arguments,
        counting: true,
        ..Machine::new(&program)
    };
    machine.numbers(LIMIT)
}
