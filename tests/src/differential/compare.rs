//! Both sides, step by step.

use std::any::Any;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::reference::{Broken, Reference};
use super::subject::{Program, Ram, Refused, Subject};
use super::{Call, Case, Outcome, Skip};

/// The name of a trap for an access outside a table.
pub(super) const TABLE: &str = "table_out_of_bounds";

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With results, as registers.
    Results(Vec<u64>),
    /// With a trap of this name.
    Trap(String),
    /// Out of fuel or stack, which each engine counts in its own way.
    Stopped,
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?")
}

/// Compares both sides of a case. A panic of the compiler or the mapper is a mismatch.
pub fn compare(case: &Case) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| run(case, &case.wasm)))
        .unwrap_or_else(|panic| Outcome::Mismatch(format!("panic: {}", panic_text(&*panic))));
    match outcome {
        Outcome::Mismatch(_) if !is_steady(case) => Outcome::Skipped(Skip::ReferenceUnsteady),
        Outcome::Mismatch(what) => Outcome::Mismatch(report(case, &what)),
        outcome => outcome,
    }
}

/// Returns whether the reference agrees with itself on a module and on the same module with more locals. Only
/// a mismatch asks: in one of some ten thousand modules wasmi 2.0.0 computes with a value that nobody gave it
/// (`tests/unsteady`).
fn is_steady(case: &Case) -> bool {
    let Ok(program) = Program::compile(&case.wasm, case.memory_bytes()) else { return true };
    let ask = |load: Load| catch_unwind(AssertUnwindSafe(|| alone(case, &program, load))).unwrap_or_default();
    ask(Reference::load) == ask(Reference::load_as_it_is)
}

/// A way to instantiate the reference.
type Load = fn(&[u8], usize) -> Result<(Reference, End), Broken>;

/// What a call made of the reference: how it ended, the globals, memory.
type Said = (Option<End>, Vec<Option<u64>>, Vec<u8>);

/// Returns what the reference makes of each call.
fn alone(case: &Case, program: &Program, load: Load) -> Vec<Said> {
    let Ok((mut reference, _)) = load(&case.wasm, case.memory_bytes()) else { return Vec::new() };
    if !reference.is_alive() {
        return Vec::new();
    }
    let mut said = Vec::new();
    for call in case.calls.iter() {
        if let Some((global, value)) = case.fuel {
            reference.set_global(global, value);
        }
        let end = reference.call(&call.name, &call.args).ok();
        let globals = program.globals.iter().map(|index| reference.global(*index)).collect();
        said.push((end, globals, reference.memory().to_vec()));
    }
    said
}

/// `reference` is the case's module, but in tests of this function.
fn run(case: &Case, reference: &[u8]) -> Outcome {
    let program = match Program::compile(&case.wasm, case.memory_bytes()) {
        Ok(program) => program,
        Err(Refused::Skip(skip)) => return Outcome::Skipped(skip),
        Err(Refused::Wrong(what)) => return Outcome::Mismatch(what),
        Err(Refused::Data) => {
            return match Reference::load(reference, case.memory_bytes()) {
                Ok((reference, _)) if reference.is_alive() => {
                    Outcome::Mismatch("a data segment is refused, and wasmi takes it".into())
                }
                Err(Broken::Panicked(_)) => Outcome::Skipped(Skip::ReferencePanicked),
                _ => Outcome::Skipped(Skip::Data),
            };
        }
    };
    let mut ram = Ram::new(&program);
    let (mut compared, mut traps, mut stopped, mut next) = (0, 0, 0, 0);
    // Behind a call that stopped, the two are no longer the same: both begin anew.
    loop {
        let (reference, mine) = match Reference::load(reference, case.memory_bytes()) {
            Ok(loaded) => loaded,
            Err(Broken::Panicked(_)) => return Outcome::Skipped(Skip::ReferencePanicked),
            Err(Broken::Stopped(error)) => {
                return Outcome::Mismatch(format!("wasmi does not instantiate it: {error}"));
            }
        };
        let (subject, other) = Subject::load(&program, &mut ram);
        let mut pair = Pair { reference, subject, program: &program, any_nan: case.any_nan };
        if mine == End::Stopped || other == End::Stopped {
            return Outcome::Skipped(Skip::Stopped);
        }
        if let Err(what) = pair.same(&mine, &other) {
            return Outcome::Mismatch(format!("start: {what}"));
        }
        if !pair.reference.is_alive() {
            return Outcome::Equal { calls: 1, traps: 1, stopped };
        }
        let mut end = false;
        while let Some(call) = case.calls.get(next) {
            next += 1;
            match pair.call(call, case) {
                Ok(End::Results(_)) => compared += 1,
                Ok(End::Trap(_)) => {
                    compared += 1;
                    traps += 1;
                    if program.stack_pointer().is_some() {
                        // A trap gives the shadow stack back, of which wasmi knows nothing.
                        end = true;
                        break;
                    }
                }
                Ok(End::Stopped) => {
                    stopped += 1;
                    end = true;
                    break;
                }
                Err(Unequal::NoReference) => return Outcome::Skipped(Skip::ReferencePanicked),
                Err(Unequal::Differs(what)) => {
                    return Outcome::Mismatch(format!("call {next}: {call}: {what}"));
                }
            }
        }
        if !end || next == case.calls.len() {
            break;
        }
    }
    if compared == 0 && stopped != 0 {
        return Outcome::Skipped(Skip::Stopped);
    }
    Outcome::Equal { calls: compared, traps, stopped }
}

/// Why a call is not the same on both sides.
enum Unequal {
    /// The reference panicked.
    NoReference,
    /// What differs.
    Differs(String),
}

impl From<String> for Unequal {
    fn from(what: String) -> Self {
        Self::Differs(what)
    }
}

struct Pair<'a> {
    reference: Reference,
    subject: Subject<'a>,
    program: &'a Program,
    any_nan: bool,
}

/// Returns whether the byte at `at` is part of a NaN on both sides.
fn is_nan(mine: &[u8], other: &[u8], at: usize) -> bool {
    let both = |bytes: usize, is_nan: fn(&[u8]) -> bool| {
        let first = at / bytes * bytes;
        [mine, other].iter().all(|side| side.get(first..first + bytes).is_some_and(is_nan))
    };
    both(4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).is_nan())
        || both(8, |b| f64::from_le_bytes(b.try_into().unwrap_or_default()).is_nan())
}

impl Pair<'_> {
    /// Makes a call on both sides, and says how both ended.
    fn call(&mut self, call: &Call, case: &Case) -> Result<End, Unequal> {
        if let Some((global, value)) = case.fuel {
            self.reference.set_global(global, value);
            self.subject.set_global(global, value);
        }
        let mine = self.reference.call(&call.name, &call.args).map_err(|broken| match broken {
            Broken::Panicked(_) => Unequal::NoReference,
            Broken::Stopped(why) => Unequal::Differs(format!("wasmi stopped: {why}")),
        })?;
        let mut other = self.subject.call(&call.name, &call.args)?;
        if let (true, End::Results(mine), End::Results(other)) = (self.any_nan, &mine, &mut other) {
            self.reference.take_nans(&call.name, mine, other);
        }
        if mine == End::Stopped || other == End::Stopped {
            return Ok(End::Stopped);
        }
        self.same(&mine, &other)?;
        Ok(mine)
    }

    fn same(&self, mine: &End, other: &End) -> Result<(), String> {
        if mine != other {
            return Err(format!("wasmi {mine:x?}, xmap {other:x?}"));
        }
        let trapped = mine;
        let (mine, other) = (&self.reference.world().events, &self.subject.world().events);
        if mine != other {
            let at = mine.iter().zip(other).position(|(a, b)| a != b).unwrap_or(mine.len().min(other.len()));
            let (a, b) = (mine.get(at), other.get(at));
            return Err(format!("operation {at} on the board: wasmi {a:x?}, xmap {b:x?}"));
        }
        if !self.reference.is_alive() {
            return Ok(());
        }
        let (mine, other) = (self.reference.memory(), self.subject.memory());
        if mine.len() != other.len() {
            return Err(format!("bytes of memory: wasmi {:#x}, xmap {:#x}", mine.len(), other.len()));
        }
        let apart = |at: &usize| mine[*at] != other[*at] && !(self.any_nan && is_nan(mine, other, *at));
        if let Some(at) = (mine != other).then(|| (0..mine.len()).find(apart)).flatten() {
            let (a, b) = (mine[at], other[at]);
            return Err(format!("memory at {at:#x}: wasmi {a:#04x}, xmap {b:#04x}"));
        }
        let given_back = self.program.stack_pointer().filter(|_| matches!(trapped, End::Trap(_)));
        for (slot, (index, b)) in self.program.globals.iter().zip(self.subject.globals()).enumerate() {
            if given_back == Some(slot) {
                continue;
            }
            match self.reference.global(*index) {
                Some(a) if a != *b => {
                    return Err(format!("global {index}: wasmi {a:#x}, xmap {b:#x}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn report(case: &Case, what: &str) -> String {
    let text = wasmprinter::print_bytes(&case.wasm).unwrap_or_else(|error| error.to_string());
    let mut report = format!("{what}\n");
    for call in &case.calls {
        let _ = writeln!(report, ";; call {call}");
    }
    if let Some((global, value)) = case.fuel {
        let _ = writeln!(report, ";; fuel {global} {value:#x}");
    }
    report + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"
;; call f 6 3
        (module
            (import "gpio" "set" (func $set (param i32 i32)))
            (import "gpio" "get" (func $get (param i32) (result i32)))
            (memory (export "memory") 1)
            (global $g (export "g0") (mut i32) (i32.const 0))
            (func (export "f") (param i32 i32) (result i32)
                (call $set (i32.const 17) (local.get 0))
                (i32.store (i32.const 8) (local.get 0))
                (global.set $g (i32.add (global.get $g) (local.get 0)))
                (i32.add (call $get (i32.const 4)) (i32.div_u (local.get 0) (local.get 1)))))"#;

    fn compared(change: &str, to: &str) -> Outcome {
        assert!(MODULE.contains(change));
        let case = Case::parse(MODULE, 0).unwrap();
        run(&case, &wat::parse_str(MODULE.replace(change, to)).unwrap())
    }

    #[test]
    fn the_same_module_is_equal() {
        assert_eq!(compared("17", "17"), Outcome::Equal { calls: 1, traps: 0, stopped: 0 });
    }

    /// On this module wasmi is no reference; what is right, another engine has said.
    #[test]
    fn a_value_that_wasmi_loses_is_not_lost() {
        let case = Case::parse(include_str!("../../tests/unsteady/lost_value.wat"), 0).unwrap();
        let program = Program::compile(&case.wasm, case.memory_bytes()).ok().unwrap();
        let mut ram = Ram::new(&program);
        let (mut subject, _) = Subject::load(&program, &mut ram);
        let (global, value) = case.fuel.unwrap();
        for call in &case.calls[..2] {
            subject.set_global(global, value);
            subject.call(&call.name, &call.args).unwrap();
        }
        let place = program.globals.iter().position(|index| *index == 5).unwrap();
        assert_eq!(subject.globals()[place], 0xc3e1_909e_f62f_729c);
    }

    #[test]
    fn every_difference_is_found() {
        for (change, to, what) in [
            ("i32.div_u", "i32.mul", "Results"),
            ("(local.get 1)))))", "(i32.const 0)))))", "divide_by_zero"),
            ("(i32.const 17) (local.get 0)", "(i32.const 18) (local.get 0)", "operation 0 on the board"),
            ("(i32.const 8) (local.get 0)", "(i32.const 8) (i32.const 7)", "memory at 0x8"),
            ("(i32.add (global.get $g)", "(i32.sub (global.get $g)", "global 0"),
            ("(memory (export \"memory\") 1)", "(memory (export \"memory\") 2)", "bytes of memory"),
        ] {
            let Outcome::Mismatch(report) = compared(change, to) else { panic!("{to} is not found") };
            assert!(report.contains(what), "{report}");
        }
    }
}
