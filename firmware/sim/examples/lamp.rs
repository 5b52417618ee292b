//! A lamp that follows its button, drawn in the terminal: `cargo run -p xmap-sim --example lamp`.
//!
//! With a path as argument the levels also go to that file as VCD, for GTKWave.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use xmap_boards::{BoardId, Line};
use xmap_image::{Entry, Export, Function, ImageBuilder, Op, PinMode, PinName, PinRow, Pull, Safe, Word};
use xmap_sim::{Script, Sim, draw, run, write_vcd};

const LAMP: u8 = 17;
const BUTTON: u8 = 27;

const SCRIPT: &str = "\
advance 30000
level button 0      # pressed: the button connects the line to ground
call follow
advance 40000
level button 1
call follow
advance 10000
call blink
advance 2000000
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut sim = Sim::from_words(panel()?)?;
    let script = Script::parse(SCRIPT, &sim.image())?;
    run(&mut sim, &script, &mut |shown| println!("{shown}"))?;
    println!("\n{}", draw(&sim.signals(), &sim.traffic(), sim.time_us(), 72));
    if let Some(path) = std::env::args_os().nth(1) {
        let file = BufWriter::new(File::create(path)?);
        write_vcd(file, "panel", &sim.signals(), &sim.traffic(), sim.time_us())?;
    }
    Ok(())
}

/// Returns what the compiler makes of a module with two exports: `follow`, which drives the lamp by the
/// button, and `blink`, which drives it for 5 ms three times.
fn panel() -> Result<Vec<Word>, Box<dyn Error>> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    let pins = [
        (LAMP, "lamp", PinMode::Out, Safe::Low, Pull::None),
        (BUTTON, "button", PinMode::In, Safe::Hold, Pull::Up),
    ];
    for (line, name, mode, safe, pull) in pins {
        builder.pins.push(PinRow::new(Line::new(line).ok_or("no such line")?, mode, safe, pull));
        builder.manifest.pins.push(PinName { line, name }).map_err(|_| "too many names")?;
    }
    let follow = vec![
        Op::LineGet.abc(1, BUTTON, 0),
        Op::EqI.abc(1, 1, 0),
        Op::LinePut.abc(LAMP, 1, 0),
        Op::Ret.abc(0, 0, 0),
    ];
    let blink = vec![
        Op::Const32.a16(1, 6),
        Op::Const32.a16(2, 5000),
        Op::LineToggle.abc(LAMP, 0, 0),
        Op::TimeDelay.abc(2, 0, 0),
        Op::AddI32.abc(1, 1, (-1i8) as u8),
        // Four words back from the word behind this one.
        Op::BrNeI.abc(1, 0, (-4i8) as u8),
        Op::Ret.abc(0, 0, 0),
    ];
    for (name, code) in [("follow", follow), ("blink", blink)] {
        let function = builder.functions.len() as u32;
        builder.functions.push(Function { frame: 3, params: 0, results: 0, code });
        builder.exports.push(Export {
            key: format!("panel.{name}"),
            name: name.into(),
            params: vec![],
            results: vec![],
            entry: Entry::Code { function, fuel: 1000 },
        });
    }
    Ok(builder.build()?)
}
