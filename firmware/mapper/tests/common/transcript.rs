//! A script of calls and what it gives, as text.

use std::fmt::Write;

use tiny_mapper::{CallError, Function, Mapper, Pull, STACK_SLOTS, Store};
use xmap_image::{Image, Word};

use super::{Did, Recorder};

/// Runs the lines of a script: `call NAME ARG...`, `level LINE 0|1`; `#` begins a comment. Each
/// line stands in the transcript, and below it what came of it.
pub fn transcript(words: &[Word], script: &str) -> String {
    let image = Image::verify(words).expect("the image verifies");
    let (mut stack, mut memory) = ([0; STACK_SLOTS], vec![0; 4 << 16]);
    let mut globals = vec![0; image.slots()];
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut m = Mapper::load(image, Recorder::default(), store).expect("the store is large enough");
    let mut out = format!("start {:?}\n", m.start().map_err(|trap| trap.to_string()));
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        writeln!(out, "{line}").expect("a string takes all");
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &&str| text.parse::<i128>().expect("a number") as u64;
        match words[..] {
            ["call", name, ref args @ ..] => {
                let args: Vec<u64> = args.iter().map(number).collect();
                let id = image.find(name).expect("an export");
                let came = match m.call(id, &args) {
                    Ok(results) => format!("{name} -> {results:#x?}").replace(['\n', ' ', ','], " "),
                    Err(CallError::Trap(trap)) => {
                        format!("{name} trap {} op {:#x} detail {:#x}", trap.code, trap.op, trap.detail)
                    }
                    Err(error) => format!("{name}: {error}"),
                };
                for did in m.port_mut().take() {
                    writeln!(out, "  {}", act(&did)).expect("a string takes all");
                }
                let came = came.split_whitespace().collect::<Vec<_>>().join(" ");
                writeln!(out, "  {came}, fuel {}", m.counters().fuel).expect("a string takes all");
            }
            ["level", line, high] => {
                let (line, levels) = (number(&line), &mut m.port_mut().levels);
                let (bank, bit) = ((line / 32) as usize, 1 << (line % 32));
                levels[bank] = if high == "1" { levels[bank] | bit } else { levels[bank] & !bit };
            }
            _ => panic!("no such command: {line}"),
        }
    }
    out
}

/// Returns what a port was asked, as a word of its own and not as this crate's types print themselves.
fn act(did: &Did) -> String {
    match did {
        Did::Set(bank, mask) => format!("GPSET{bank} 0x{mask:08x}"),
        Did::Clear(bank, mask) => format!("GPCLR{bank} 0x{mask:08x}"),
        Did::Select(line, Function::Input) => format!("select {line} input"),
        Did::Select(line, Function::Output) => format!("select {line} output"),
        Did::Pull(line, Pull::None) => format!("pull {line} none"),
        Did::Pull(line, Pull::Up) => format!("pull {line} up"),
        Did::Pull(line, Pull::Down) => format!("pull {line} down"),
        Did::Delay(us) => format!("delay {us}"),
        Did::Pwm(..) => unreachable!("no panel of the transcript has channels"),
        Did::Bus(bus, address, write, read) => format!("bus {bus} {address:#04x} {write:02x?} {read}"),
        Did::Random(len) => format!("random {len}"),
        Did::Log(level, text) => format!("log {} {text}", level.name()),
    }
}
