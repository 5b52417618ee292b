//! Runs one script of the suite.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};
use xmap_compiler::codes::Code;
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::wasm::WasmModule;
use xmap_image::OwnedImage;

use super::alone::{Registered, Shares, alone, getter, imports_global, imports_storage};
use super::instance::{Instance, Results, Stop, image};
use super::play::Play;
use super::tally::{Tally, Verdict};
use super::{expect, value};

/// Runs a script and judges each of its directives but `register`.
///
/// # Errors
/// Where the script itself does not parse.
pub fn run(text: &str) -> Result<Tally, wast::Error> {
    play(text).map(|(tally, _)| tally)
}

/// [`run`], and what was done with each image that the script's modules became.
///
/// # Errors
/// As [`run`].
pub fn play(text: &str) -> Result<(Tally, Vec<Play>), wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let script = parser::parse::<Wast<'_>>(&buffer)?;
    let mut runner = Runner::default();
    for directive in script.directives {
        let line = directive.span().linecol_in(text).0 + 1;
        // A panic is a verdict about this directive, not the end of the run.
        let verdict = catch_unwind(AssertUnwindSafe(|| runner.directive(directive)));
        if let Some(verdict) = verdict.unwrap_or(Some(Verdict::Failed("a panic".into()))) {
            runner.tally.count(line, verdict);
        }
    }
    for at in 0..runner.units.len() {
        runner.replace(at, Unit::Not(Verdict::Passed));
    }
    Ok((runner.tally, runner.plays))
}

/// A module of the script: loaded, or the verdict about everything that would use it.
enum Unit {
    Loaded(Box<Instance>),
    Not(Verdict),
}

/// What the script has defined so far.
#[derive(Default)]
struct Runner {
    tally: Tally,
    units: Vec<Unit>,
    /// What was done with those that are gone.
    plays: Vec<Play>,
    /// The bytes of each unit's module, as far as they are known.
    bytes: Vec<Vec<u8>>,
    /// The module that directives without a name mean.
    current: Option<usize>,
    named: HashMap<String, usize>,
    registered: HashMap<String, usize>,
    /// The bytes of those.
    registered_bytes: Registered,
    /// Definitions that are instantiated later, by name; the last one also stands under no name.
    definitions: HashMap<String, Vec<u8>>,
}

impl Runner {
    fn directive(&mut self, directive: WastDirective<'_>) -> Option<Verdict> {
        Some(match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                // What a directive behind it means, if this one panics.
                self.place(name, Unit::Not(Verdict::Failed("the module before it panicked".into())));
                let unit = match module.encode() {
                    Ok(wasm) => self.instantiate(&wasm),
                    Err(e) => Unit::Not(Verdict::Failed(format!("the text is refused: {}", e.message()))),
                };
                self.current.map(|at| self.put(at, unit))?
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name();
                match module.encode() {
                    Ok(wasm) => self.define(name, wasm),
                    Err(e) => Verdict::Failed(format!("the text is refused: {}", e.message())),
                }
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                self.place(instance, Unit::Not(Verdict::Failed("the module before it panicked".into())));
                let key = module.map_or("", |id| id.name());
                let unit = match self.definitions.get(key).cloned() {
                    Some(wasm) => self.instantiate(&wasm),
                    None => Unit::Not(Verdict::Failed(format!("no definition {key:?}"))),
                };
                self.current.map(|at| self.put(at, unit))?
            }
            WastDirective::Register { name, module, .. } => {
                let unit = self.unit(module)?;
                self.registered.insert(name.to_string(), unit);
                self.registered_bytes.insert(name.to_string(), self.bytes[unit].clone());
                return None;
            }
            WastDirective::AssertMalformed { mut module, .. }
            | WastDirective::AssertInvalid { mut module, .. } => refused(&mut module),
            WastDirective::AssertUnlinkable { module, .. } => unlinkable(module),
            WastDirective::Invoke(invoke) => match self.invoke(&invoke) {
                Ok(_) => Verdict::Passed,
                Err(verdict) => verdict.unless_trap(|trap| Verdict::Failed(trap.to_string())),
            },
            WastDirective::AssertReturn { exec, results, .. } => match self.execute(exec) {
                Ok(found) => compare(&results, &found),
                Err(verdict) => verdict.unless_trap(|trap| Verdict::Failed(trap.to_string())),
            },
            WastDirective::AssertTrap { exec, message, .. } => trapped(message, self.execute(exec)),
            WastDirective::AssertExhaustion { call, message, .. } => trapped(message, self.invoke(&call)),
            WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
                Verdict::Skipped("annotations".into())
            }
            WastDirective::AssertException { .. } | WastDirective::AssertSuspension { .. } => {
                Verdict::Skipped("exceptions".into())
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Verdict::Skipped("threads".into()),
        })
    }

    /// Makes room for a module, under its name if it has one.
    fn place(&mut self, name: Option<Id<'_>>, unit: Unit) {
        self.units.push(unit);
        self.bytes.push(Vec::new());
        let at = self.units.len() - 1;
        self.current = Some(at);
        if let Some(id) = name {
            self.named.insert(id.name().to_string(), at);
        }
    }

    /// Puts a module into its place; the verdict about the directive that has it.
    fn put(&mut self, at: usize, unit: Unit) -> Verdict {
        let verdict = match &unit {
            Unit::Loaded(_) => Verdict::Passed,
            Unit::Not(verdict) => verdict.clone(),
        };
        self.replace(at, unit);
        verdict
    }

    /// Puts a module into a place, and remembers what was done with the one that was there.
    fn replace(&mut self, at: usize, unit: Unit) {
        if let Unit::Loaded(instance) = std::mem::replace(&mut self.units[at], unit) {
            self.plays.push(instance.into_play());
        }
    }

    /// Loads an image and runs its start function.
    fn start(&mut self, image: OwnedImage) -> Result<Instance, Stopped> {
        Instance::start(image).map_err(|stopped| {
            self.plays.push(stopped.play);
            Stopped::Trap(stopped.trap)
        })
    }

    /// Compiles a definition; what instantiates it compiles it again.
    fn define(&mut self, name: Option<Id<'_>>, wasm: Vec<u8>) -> Verdict {
        let verdict = match self.compile(&wasm) {
            Ok(_) => Verdict::Passed,
            Err(Stopped::Refused(refusal)) => not_compiled(&refusal),
            Err(Stopped::Verdict(verdict)) => verdict,
            Err(Stopped::Trap(_)) => unreachable!("nothing has run"),
        };
        if let Some(id) = name {
            self.definitions.insert(id.name().to_string(), wasm.clone());
        }
        self.definitions.insert(String::new(), wasm);
        verdict
    }

    /// Makes an image of a module that stands alone.
    fn compile(&mut self, wasm: &[u8]) -> Result<OwnedImage, Stopped> {
        match alone(wasm, &self.registered_bytes) {
            Ok(alone) => {
                self.tally.replaced += alone.replaced;
                Ok(image(&alone.wasm)?)
            }
            Err(shares) => Err(Stopped::Verdict(self.shared(&shares))),
        }
    }

    /// A module that imports from another is skipped, and what it does to the other is not done: what
    /// the script says of that one from here on cannot be judged either.
    fn shared(&mut self, shares: &Shares) -> Verdict {
        for module in &shares.modules {
            if let Some(unit) = self.registered.get(module).copied() {
                let why = format!("a module that is skipped imports its {}", shares.what);
                self.replace(unit, Unit::Not(Verdict::Skipped(why)));
            }
        }
        Verdict::Skipped(format!("imports another module's {}", shares.what))
    }

    /// Makes the current module of these bytes.
    fn instantiate(&mut self, wasm: &[u8]) -> Unit {
        if let Some(bytes) = self.bytes.last_mut() {
            *bytes = wasm.to_vec();
        }
        let started = self.compile(wasm).and_then(|image| self.start(image));
        Unit::Not(match started {
            Ok(instance) => return Unit::Loaded(Box::new(instance)),
            Err(Stopped::Refused(refusal)) => not_compiled(&refusal),
            Err(Stopped::Verdict(verdict)) => verdict,
            Err(Stopped::Trap(trap)) => Verdict::Failed(trap.to_string()),
        })
    }

    fn unit(&self, name: Option<Id<'_>>) -> Option<usize> {
        match name {
            Some(id) => self.named.get(id.name()).copied(),
            None => self.current,
        }
    }

    fn call(&mut self, module: Option<Id<'_>>, name: &str, args: &[u64]) -> Result<Results, Stopped> {
        let unit = self.unit(module).and_then(|at| self.units.get_mut(at));
        match unit {
            Some(Unit::Loaded(instance)) => Ok(instance.call(name, args)?),
            Some(Unit::Not(verdict)) => Err(Stopped::Verdict(verdict.clone())),
            None => Err(Stopped::Verdict(Verdict::Failed("there is no such module".into()))),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Results, Stopped> {
        let args: Result<Vec<u64>, _> = invoke.args.iter().map(value::argument).collect();
        let args = args.map_err(|why| Stopped::Verdict(Verdict::Skipped(why.into())))?;
        self.call(invoke.module, invoke.name, &args)
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Results, Stopped> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => self.call(module, &getter(global), &[]),
            WastExecute::Wat(mut module) => {
                let wasm = module.encode().map_err(|e| {
                    Stopped::Verdict(Verdict::Failed(format!("the text is refused: {}", e.message())))
                })?;
                let image = self.compile(&wasm)?;
                let instance = self.start(image)?;
                self.plays.push(instance.into_play());
                Ok(Results::new())
            }
        }
    }
}

/// Why there are no results.
enum Stopped {
    /// The compiler refused the module.
    Refused(Diagnostics),
    /// A trap.
    Trap(tiny_mapper::Trap),
    /// It is decided already.
    Verdict(Verdict),
}

impl Stopped {
    fn unless_trap(self, trap: impl FnOnce(tiny_mapper::Trap) -> Verdict) -> Verdict {
        match self {
            Stopped::Refused(refusal) => not_compiled(&refusal),
            Stopped::Trap(found) => trap(found),
            Stopped::Verdict(verdict) => verdict,
        }
    }
}

impl From<Diagnostics> for Stopped {
    fn from(refusal: Diagnostics) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Stop> for Stopped {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Trap(trap) => Self::Trap(trap),
            Stop::Call(what) => Self::Verdict(Verdict::Failed(what)),
        }
    }
}

/// The verdict about a module that should have become an image.
fn not_compiled(refusal: &Diagnostics) -> Verdict {
    let first = refusal.0.first().map(|d| format!("{}: {}", d.code, d.message)).unwrap_or_default();
    // More values at a time than a function has registers: a limit that an engine may have
    // (WebAssembly, appendix 7.2), and still a module that a panel cannot use.
    let is_unsupported = |code| matches!(code, Code::Unsupported | Code::TooManyRegisters);
    if refusal.0.iter().all(|d| is_unsupported(d.code)) {
        Verdict::Unsupported(first)
    } else {
        Verdict::Failed(first)
    }
}

/// The verdict about a module that breaks a rule: its text, or the compiler, has to refuse it.
fn refused(module: &mut QuoteWat<'_>) -> Verdict {
    let Ok(wasm) = module.encode() else { return Verdict::Passed };
    match image(&wasm) {
        Ok(_) => Verdict::Failed("a module that breaks a rule was compiled".into()),
        Err(refusal) if expect::is_invalid(&refusal) => Verdict::Passed,
        Err(refusal) => Verdict::Failed(format!("refused for another reason: {refusal}")),
    }
}

/// The verdict about a module whose imports nobody provides.
fn unlinkable(mut module: Wat<'_>) -> Verdict {
    let wasm = match module.encode() {
        Ok(wasm) => wasm,
        Err(e) => return Verdict::Failed(format!("the text is refused: {}", e.message())),
    };
    let functions = WasmModule::read("module.wasm", &wasm).is_ok_and(|module| !module.imports.is_empty());
    match image(&wasm) {
        // What no export reaches is left out: there is nothing to link.
        Ok(_) if functions || imports_global(&wasm) => {
            Verdict::Skipped("imports what no export reaches".into())
        }
        Err(refusal) if expect::is_import(&refusal) => Verdict::Passed,
        // A memory or a table that is imported is the module's own: nobody else has to fit.
        _ if imports_storage(&wasm) => Verdict::Skipped("imports a memory or a table as its own".into()),
        Ok(_) => Verdict::Failed("a module without imports was compiled".into()),
        Err(refusal) => Verdict::Failed(format!("refused for another reason: {refusal}")),
    }
}

/// The verdict about what should have trapped.
fn trapped(message: &str, outcome: Result<Results, Stopped>) -> Verdict {
    match outcome {
        Ok(found) => Verdict::Failed(format!("{found:?} instead of a trap: {message}")),
        Err(Stopped::Trap(trap)) if expect::is_trap(message, trap.code) => Verdict::Passed,
        Err(Stopped::Trap(trap)) => Verdict::Failed(format!("{trap} instead of: {message}")),
        Err(Stopped::Refused(refusal)) if expect::is_refused_trap(message, &refusal) => Verdict::Passed,
        Err(stopped) => stopped.unless_trap(|_| unreachable!("a trap is above")),
    }
}

/// The verdict about results.
fn compare(expected: &[WastRet<'_>], found: &Results) -> Verdict {
    let all = expected.iter().zip(found).all(|(expected, (ty, raw))| value::is_expected(expected, *ty, *raw));
    if all && expected.len() == found.len() {
        Verdict::Passed
    } else {
        Verdict::Failed(format!("{found:x?} instead of {expected:x?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of what failed, how many passed and how many were skipped.
    fn verdicts(script: &str) -> (Vec<usize>, usize, usize) {
        let tally = run(script).unwrap();
        assert!(tally.unsupported.is_empty(), "{:?}", tally.unsupported);
        (tally.failed.iter().map(|(line, _)| *line).collect(), tally.passed, tally.skips())
    }

    #[test]
    fn results_are_compared() {
        let script = r#"(module $m (global (export "g") (mut f32) (f32.const 1.5))
                (func (export "") (param i64) (result i64) (local.get 0))
                (func (export "set") (global.set 0 (f32.const nan))))
            (assert_return (invoke "" (i64.const 7)) (i64.const 7))
            (assert_return (invoke "" (i64.const 7)) (i64.const 8))
            (assert_return (invoke "" (i64.const 7)) (f64.const 7))
            (assert_return (invoke "" (i64.const 7)))
            (assert_return (get $m "g") (f32.const 1.5))
            (assert_return (invoke "set"))
            (assert_return (get "g") (f32.const nan:canonical))
            (assert_return (get "g") (f32.const 1.5))
            (assert_return (invoke "none"))"#;
        assert_eq!(verdicts(script), (vec![5, 6, 7, 11, 12], 5, 0));
    }

    #[test]
    fn traps_are_told_apart() {
        let script = r#"(module
                (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
                (func $deep (export "deep") (call $deep)))
            (assert_trap (invoke "div" (i32.const 0)) "integer divide by zero")
            (assert_trap (invoke "div" (i32.const 0)) "integer overflow")
            (assert_trap (invoke "div" (i32.const 1)) "integer divide by zero")
            (assert_exhaustion (invoke "deep") "call stack exhausted")
            (assert_return (invoke "div" (i32.const 0)) (i32.const 0))
            (invoke "div" (i32.const 0))
            (assert_trap (module (memory 1) (data (i32.const 65536) "a")) "out of bounds memory access")
            (assert_trap (module (func $f unreachable) (start $f)) "unreachable")
            (assert_trap (module (func $f unreachable) (start $f)) "out of bounds memory access")
            (module (func $f unreachable) (start $f))"#;
        assert_eq!(verdicts(script), (vec![5, 6, 8, 9, 12, 13], 5, 0));
    }

    #[test]
    fn what_must_be_refused_is_refused_for_its_reason() {
        let script = r#"(assert_invalid (module (func (result i32))) "type mismatch")
            (assert_invalid (module (import "M" "f" (func)) (func (result i32))) "type mismatch")
            (assert_invalid (module (func)) "type mismatch")
            (assert_invalid (module (import "M" "f" (func))) "type mismatch")
            (assert_malformed (module quote "(func") "unexpected end")
            (assert_malformed (module binary "") "unexpected end")
            (assert_malformed (module quote "(func)") "unexpected end")
            (assert_unlinkable (module (import "M" "f" (func $f)) (export "g" (func $f))) "unknown import")
            (assert_unlinkable (module (func)) "unknown import")
            (assert_unlinkable (module (import "M" "f" (func))) "unknown import")"#;
        assert_eq!(verdicts(script), (vec![3, 4, 7, 9], 5, 1));
    }

    #[test]
    fn modules_that_share_are_skipped_and_so_is_what_they_change() {
        let script = r#"(module $a (memory (export "m") 1) (func (export "f") (result i32) (memory.size)))
            (register "A" $a)
            (assert_return (invoke "f") (i32.const 1))
            (module $b (import "A" "m" (memory 1)) (func (export "g")))
            (assert_return (invoke "g"))
            (assert_return (invoke $a "f") (i32.const 2))"#;
        assert_eq!(verdicts(script), (vec![], 2, 3));
    }
}
