//! Runs images by the interpreter and by machine code, and compares after each call: results or trap, fuel,
//! registers, globals, memory, and what the port was asked.
//!
//! `same random FROM COUNT` takes images of any ops that are generated from numbers, `same ops FROM COUNT`
//! such of one op in each function, `same image FILE...` those of files. `same flips FILE...` does the same
//! for the machine code of files with each bit of it changed, where the checker admits that.

mod executable;
mod ops;
mod port;

use std::process::ExitCode;

use executable::Executable;
use port::Digest;
use tiny_mapper::{Machine, Mapper, Store, Suspended};
use xmap_bodies::{Entropy, generate};
use xmap_enter::Code;
use xmap_image::{ExportId, Image, Op, Word};
use xmap_native::{check, translate};

/// Words of code that a call may run here, whatever the image says.
const FUEL: u32 = 5_000;
/// Bytes of memory beyond that of the image, for `memory.grow`.
const MORE: usize = 65_536 + 100;

/// One of the two, and all of its state.
struct Side {
    stack: Vec<u64>,
    memory: Vec<u8>,
    slots: Vec<u64>,
    port: Digest,
    /// Between two calls.
    state: Option<Suspended>,
}

/// What both sides have.
#[derive(Clone, Copy)]
struct Limits {
    memory: usize,
    fuel: u32,
}

/// The two sides of a comparison.
struct Pair<'c> {
    image: Image<'c>,
    machine: &'c dyn Machine,
    one: Side,
    two: Side,
}

impl<'c> Pair<'c> {
    /// Loads and starts both.
    fn new(image: Image<'c>, machine: &'c dyn Machine, limits: Limits) -> Result<Self, String> {
        let ((one, first), (two, second)) =
            (Side::new(image, None, limits), Side::new(image, Some(machine), limits));
        if first != second {
            return Err(format!("start: {first:?} and {second:?}"));
        }
        Ok(Self { image, machine, one, two })
    }

    /// Calls an export on both. Returns whether it trapped.
    fn call(&mut self, id: ExportId, args: &[u64]) -> Result<bool, String> {
        let first = self.one.call(self.image, None, id, args);
        let second = self.two.call(self.image, Some(self.machine), id, args);
        let (one, two) = (&self.one, &self.two);
        let called = format!("export {} {args:x?}", id.0);
        if first != second {
            return Err(format!("{called}: {first:x?} and {second:x?}"));
        }
        if let Some(slot) = one.stack.iter().zip(&two.stack).position(|(one, two)| one != two) {
            let values = [one.stack[slot], two.stack[slot]];
            return Err(format!("{called}: slot {slot} of the stack: {values:x?}; {first:x?}"));
        }
        if one.slots != two.slots || one.port != two.port {
            return Err(format!("{called}: globals or port; {first:x?}"));
        }
        Ok(first.result.is_err())
    }

    fn finish(self) -> Result<(), String> {
        if self.one.memory == self.two.memory { Ok(()) } else { Err("memory".into()) }
    }
}

/// What a call shows.
#[derive(Debug, PartialEq)]
struct Outcome {
    result: Result<Vec<u64>, String>,
    fuel: u32,
}

impl Side {
    fn new(image: Image<'_>, machine: Option<&dyn Machine>, limits: Limits) -> (Self, Outcome) {
        let mut side = Self {
            stack: vec![0; image.stack_slots()],
            memory: vec![0; limits.memory],
            slots: vec![0; image.slots()],
            port: Digest::default(),
            state: None,
        };
        let store = Store { stack: &mut side.stack, memory: &mut side.memory, globals: &mut side.slots };
        let mut mapper =
            Mapper::load(image, &mut side.port, store).expect("the store is as large as it says");
        mapper.set_fuel_cap(limits.fuel);
        mapper.set_machine(machine);
        let result = mapper.start().map(|()| Vec::new()).map_err(|trap| format!("{trap:?}"));
        let outcome = Outcome { result, fuel: mapper.counters().fuel };
        side.state = Some(mapper.suspend().2);
        (side, outcome)
    }

    fn call(
        &mut self,
        image: Image<'_>,
        machine: Option<&dyn Machine>,
        id: ExportId,
        args: &[u64],
    ) -> Outcome {
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.slots };
        let state = self.state.take().expect("a side has a state between calls");
        let mut mapper = Mapper::resume(image, &mut self.port, store, state).expect("the store is the same");
        mapper.set_machine(machine);
        let result = mapper.call(id, args).map(<[u64]>::to_vec).map_err(|error| format!("{error:?}"));
        let outcome = Outcome { result, fuel: mapper.counters().fuel };
        self.state = Some(mapper.suspend().2);
        outcome
    }
}

/// What has been run.
#[derive(Debug, Default)]
struct Tally {
    images: u64,
    calls: u64,
    traps: u64,
    ops: u64,
    words: u64,
    flips: u64,
    admitted: u64,
}

/// The machine code of an image, and where that of each op begins.
fn translated(image: &Image<'_>) -> Result<(Vec<u32>, Vec<u32>), String> {
    let mut code = vec![0; 64 * image.code().len() + 1024];
    let mut table = vec![0; image.code().len()];
    let len = translate(image, &mut code, &mut table).map_err(|error| error.to_string())?;
    code.truncate(len);
    Ok((code, table))
}

/// Translates an image and compares.
fn compare(
    words: &[Word],
    executable: &mut Executable,
    entropy: &mut Entropy<'_>,
    tally: &mut Tally,
) -> Result<(), String> {
    let image = Image::verify(words).map_err(|error| error.to_string())?;
    let (code, table) = translated(&image)?;
    tally.ops += image.code().len() as u64;
    tally.words += code.len() as u64;
    tally.images += 1;
    let checked = check(image, &code, &table).map_err(|error| {
        let at = error.op as usize;
        let op = image.code().get(at).and_then(|word| Op::from_u8(*word as u8));
        let from = table.get(at).map_or(0, |from| *from as usize);
        format!("{error}, {op:?}, {:08x?}", code.get(from..from + 12).unwrap_or_default())
    })?;
    run(image, &executable.take(checked), entropy, tally)
}

/// Changes each bit of an image's machine code: it is refused, or has the same effect.
fn flips(words: &[Word], executable: &mut Executable, tally: &mut Tally) -> Result<(), String> {
    let image = Image::verify(words).map_err(|error| error.to_string())?;
    let (mut code, table) = translated(&image)?;
    for at in 0..code.len() {
        for bit in 0..32 {
            code[at] ^= 1 << bit;
            tally.flips += 1;
            if let Ok(checked) = check(image, &code, &table) {
                tally.admitted += 1;
                run(image, &executable.take(checked), &mut Entropy::of(&[bit]), tally)
                    .map_err(|error| format!("bit {bit} of word {at}, now {:08x}: {error}", code[at]))?;
            }
            code[at] ^= 1 << bit;
        }
    }
    Ok(())
}

/// Runs every export of an image a few times on both sides.
fn run(
    image: Image<'_>,
    code: &Code<&[u32]>,
    entropy: &mut Entropy<'_>,
    tally: &mut Tally,
) -> Result<(), String> {
    let limits = Limits { memory: image.header().memory_bytes as usize + MORE, fuel: FUEL };
    let mut pair = Pair::new(image, code, limits)?;
    for n in 0..image.exports().len().min(64) as u16 {
        for round in 0..3 {
            let args: Vec<u64> = (0..image.exports()[usize::from(n)].params())
                .map(|_| match round {
                    0 => u64::from(entropy.below(2)),
                    1 => u64::from(entropy.u8() % 64),
                    _ => u64::from(entropy.u32()) | u64::from(entropy.u32() & 0xff) << 56,
                })
                .collect();
            tally.calls += 1;
            tally.traps += u64::from(pair.call(ExportId(n), &args)?);
        }
    }
    pair.finish()
}

/// Does what was done with images elsewhere: plays, as `firmware/rpi4b/src/bin/spec.rs` describes them. What
/// each gave there is passed over, since both sides are here.
fn plays(mut words: &[Word], executable: &mut Executable, tally: &mut Tally) -> Result<(), String> {
    fn take<'w>(words: &mut &'w [Word], count: u32) -> Result<&'w [Word], String> {
        let (taken, rest) = words.split_at_checked(count as usize).ok_or("a play is cut off")?;
        *words = rest;
        Ok(taken)
    }
    let skip_outcome = |words: &mut &[Word]| match take(words, 1)?[0] {
        trap @ 1..=0xff => take(words, 4).map(|_| _ = trap),
        results => take(words, 2 * (results >> 8)).map(drop),
    };
    while !words.is_empty() {
        let head = take(&mut words, 3)?;
        let image = take(&mut words, head[0])?;
        let image = Image::verify(image).map_err(|error| error.to_string())?;
        let (code, table) = translated(&image)?;
        let checked = check(image, &code, &table).map_err(|error| error.to_string())?;
        let code = executable.take(checked);
        tally.images += 1;
        skip_outcome(&mut words)?;
        let mut pair = Pair::new(image, &code, Limits { memory: head[1] as usize, fuel: u32::MAX })?;
        for _ in 0..head[2] {
            let call = take(&mut words, 2)?;
            let register = |halves: &[Word]| u64::from(halves[0]) | u64::from(halves[1]) << 32;
            let args: Vec<u64> = take(&mut words, 2 * call[1])?.chunks_exact(2).map(register).collect();
            skip_outcome(&mut words)?;
            tally.calls += 1;
            let trapped = pair.call(ExportId(call[0] as u16), &args);
            tally.traps += u64::from(trapped.map_err(|error| format!("play {}: {error}", tally.images - 1))?);
        }
        pair.finish()?;
    }
    Ok(())
}

/// Calls an export as machine code, and says where the code stands: for the emulator, which counts.
fn call(words: &[Word], export: &str, args: &[u64], executable: &mut Executable) -> Result<(), String> {
    let image = Image::verify(words).map_err(|error| error.to_string())?;
    let (code, table) = translated(&image)?;
    let checked = check(image, &code, &table).map_err(|error| error.to_string())?;
    let code = executable.take(checked);
    let id = image.find(export).ok_or("no such export")?;
    let limits = Limits { memory: image.header().memory_bytes as usize, fuel: u32::MAX };
    let (mut side, _) = Side::new(image, Some(&code), limits);
    let outcome = side.call(image, Some(&code), id, args);
    println!("{code:?} for {} words: {outcome:?}", image.code().len());
    Ok(())
}

/// The words of a file.
fn words_of(file: &str) -> Vec<Word> {
    let bytes = std::fs::read(file).expect("a file that can be read");
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four"));
    bytes.chunks_exact(4).map(word).collect()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut executable = Executable::new(1 << 22);
    let mut tally = Tally::default();
    let mut failed = false;
    let mut note = |name: &str, result: Result<(), String>| {
        if let Err(error) = result {
            println!("{name}: {error}");
            failed = true;
        }
    };
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [kind @ ("random" | "ops"), from, count] => {
            let [from, count] = [from, count].map(|n| n.parse::<u64>().expect("a number"));
            for n in from..from + count {
                let seed = n.to_le_bytes();
                let mut entropy = Entropy::of(&seed);
                let words = if kind == "ops" { ops::ops(&mut entropy) } else { generate(&mut entropy) };
                note(&format!("image {n}"), compare(&words, &mut executable, &mut entropy, &mut tally));
            }
        }
        [kind @ ("image" | "flips" | "plays"), ref files @ ..] => {
            for file in files {
                let words = words_of(file);
                note(
                    file,
                    match kind {
                        "flips" => flips(&words, &mut executable, &mut tally),
                        "plays" => plays(&words, &mut executable, &mut tally),
                        _ => compare(&words, &mut executable, &mut Entropy::of(file.as_bytes()), &mut tally),
                    },
                );
            }
        }
        ["call", file, export, ref args @ ..] => {
            let args: Vec<u64> = args.iter().map(|arg| arg.parse().expect("a number")).collect();
            note(file, call(&words_of(file), export, &args, &mut executable));
        }
        _ => {
            eprintln!(
                "usage: same random FROM COUNT | ops FROM COUNT | image FILE... | flips FILE... | plays FILE... | call FILE EXPORT ARG..."
            );
            return ExitCode::from(2);
        }
    }
    println!("{tally:?}");
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
