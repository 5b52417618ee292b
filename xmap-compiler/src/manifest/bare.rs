//! The manifest that a module has when it has none.

use std::path::Path;

use xmap_boards::{Board, Line, LineSet};
use xmap_image::{
    FaultPolicy, PinMode, Plain, Pull, Safe,
    limits::{DEFAULT_FUEL, DEFAULT_TIME_US},
};

use super::{At, Keep, Keys, Limits, Manifest, Module, Pin, Wasi};

impl Manifest {
    /// Returns what a bare `.wasm` or `.wat` may do on a board: use every line of the header but those that
    /// the board needs, in both directions, without names and safe states. Exports are mapped under their own
    /// names in the namespace `default`. No budget holds but what the board has.
    pub fn bare(board: &'static Board, wasm: &Path) -> Self {
        let stem = wasm.file_stem().map_or("module".into(), |s| s.to_string_lossy());
        let name = Plain(&stem).to_string().chars().take(super::MAX_NAME_CHARS).collect();
        let pins = board
            .header
            .iter()
            .map(|line| Pin {
                line: nowhere(line),
                name: None,
                mode: nowhere(PinMode::Any),
                safe: Safe::Hold,
                pull: Pull::None,
            })
            .collect();
        Self {
            module: Module {
                name: nowhere(name),
                namespace: nowhere("default".into()),
                version: nowhere(1),
                board: nowhere(board),
                wasm: nowhere(wasm.display().to_string()),
                contract: None,
            },
            pins,
            i2c: Vec::new(),
            spi: Vec::new(),
            pwm: Vec::new(),
            uart: Vec::new(),
            exports: None,
            limits: Limits {
                max_bytes: nowhere(board.limits.image_bytes as u32),
                memory_bytes: nowhere(board.limits.memory_bytes as u64),
                fuel: nowhere(DEFAULT_FUEL),
                time_us: nowhere(DEFAULT_TIME_US),
            },
            policy: FaultPolicy::default(),
            keep: Keep::default(),
            build: None,
            zone: None,
            trace: true,
            wasi: Wasi::default(),
            hooks: Vec::new(),
            keys: Keys::Normal,
            source: None,
        }
    }

    /// A bare module of which every exported function is mapped under its own name, unchanged
    /// ([`Keys::Verbatim`]): for engines' test suites and for embedders.
    pub fn verbatim(board: &'static Board, wasm: &Path) -> Self {
        Self { keys: Keys::Verbatim, ..Self::bare(board, wasm) }
    }
}

/// Names a set of lines: `2-13 and 16-27`.
pub fn lines_text(lines: LineSet) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for line in lines.iter().map(Line::number) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => runs.push((line, line)),
        }
    }
    let runs = runs.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    and(&runs.collect::<Vec<_>>())
}

/// Joins words as a sentence does: `a, b and c`.
pub fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

fn nowhere<T>(value: T) -> At<T> {
    At::new(value, 0..0)
}
