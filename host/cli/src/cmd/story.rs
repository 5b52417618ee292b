//! A run on the simulated board, told to a person.

use std::io::Write;

use tiny_mapper::Trap;
use xmap_boards::{Line, LineSet, RegisterKind};
use xmap_compiler::manifest::lines_text;
use xmap_project::{ScriptFile, traps};
use xmap_sim::{Access, Player, Shown, Sim, Step, draw, time};

use super::Done;
use super::load::Loaded;
use super::output::{self, count};

/// Returns what was loaded.
pub(super) fn loaded(loaded: &Loaded, out: &mut dyn Write) -> Done {
    let image = loaded.image.image();
    let header = image.header();
    let manifest = loaded.image.manifest();
    let path = loaded.path.display();
    writeln!(
        out,
        "{path}: {} version {} for {}, {}, {}",
        manifest.module,
        header.version,
        header.board.board().name,
        count(image.exports().len(), "export"),
        count(image.words().len() * 4, "byte")
    )?;
    if image.is_bare() {
        let lines = lines_text(image.declared());
        writeln!(out, "no manifest: lines {lines} may all be used")?;
    }
    if loaded.stale_map {
        let map = &loaded.map_path;
        writeln!(out, "{} is that of another image: traps have no source lines", map.display())?;
    }
    Ok(writeln!(out)?)
}

/// Begins with the mount.
pub(super) fn begin(out: &mut dyn Write) -> Done {
    Ok(writeln!(out, "{:>10}  mount", "0")?)
}

/// A step, and what it did.
pub(super) fn step(
    sim: &mut Sim,
    loaded: &Loaded,
    file: &ScriptFile,
    player: &mut Player<'_>,
    step: &Step,
    out: &mut dyn Write,
) -> Done {
    let mut all = Vec::new();
    let played = player.play(sim, step, &mut |shown| all.push(shown));
    shown(sim, loaded, file, &all, out)?;
    Ok(played.map_err(|error| file.diagnose(&error))?)
}

/// Returns what the module did.
pub(super) fn shown(
    sim: &Sim,
    loaded: &Loaded,
    file: &ScriptFile,
    all: &[Shown],
    out: &mut dyn Write,
) -> Done {
    for shown in all {
        one(sim, shown, out)?;
        if let Shown::Trapped { trap, .. } | Shown::HandlerTrapped { trap, .. } = shown
            && let Some(origin) = traps::origin(loaded.map.iter().chain(file.maps()), trap)
        {
            writeln!(out, "{INDENT}  at {origin}")?;
            for op in sim.callers(trap) {
                let called = Trap { op: *op, ..*trap };
                if let Some(origin) = traps::origin(loaded.map.iter().chain(file.maps()), &called) {
                    writeln!(out, "{INDENT}  called from {origin}")?;
                }
            }
        }
    }
    Ok(())
}

/// The waveform, and what was counted.
pub(super) fn end(sim: &Sim, out: &mut dyn Write) -> Done {
    let drawn = output::drawn(draw(&sim.signals(), &sim.traffic(), sim.time_us(), output::columns()));
    if !drawn.is_empty() {
        write!(out, "\n{drawn}")?;
    }
    let counters = sim.counters();
    writeln!(
        out,
        "\n{}, {}, {}, {} of virtual time",
        count(counters.calls as usize, "call"),
        count(counters.traps as usize, "trap"),
        count(sim.stores().count(), "register store"),
        time(sim.time_us())
    )?;
    Ok(())
}

/// Where a step's doings stand.
const INDENT: &str = "              ";

fn one(sim: &Sim, shown: &Shown, out: &mut dyn Write) -> Done {
    let text = match shown {
        Shown::Store(access) => format!("{access}  {}", effect(sim, access)),
        Shown::Trapped { trap, .. } => format!("trap {}: {}", trap.code, traps::reason(trap)),
        Shown::HandlerTrapped { name, trap } => format!("{name} trap {}: {}", trap.code, traps::reason(trap)),
        Shown::Faulted { .. } => "faulted: the module takes no calls until it is reset".into(),
        Shown::Returned { values, .. } if values.is_empty() => return Ok(()),
        Shown::Returned { values, .. } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("-> {}", values.join(" "))
        }
        Shown::Log(..) => shown.to_string(),
    };
    Ok(writeln!(out, "{INDENT}{text}")?)
}

/// Returns what a store does to the lines, by their names: `lamp high`.
fn effect(sim: &Sim, access: &Access) -> String {
    let level = match access.register.kind {
        RegisterKind::Set => "high",
        RegisterKind::Clear => "low",
        _ => return String::new(),
    };
    let Some(bank) = access.register.bank() else { return String::new() };
    let name = |line: Line| sim.name_of(line).map_or_else(|| format!("line {line}"), str::to_owned);
    let lines = LineSet::of_bank(bank, access.value).iter();
    format!("{} {level}", lines.map(name).collect::<Vec<_>>().join(", "))
}
