//! A module without Go: it calls each import directly, and its `resume` does what a test says.

use xmap_gojs::output::{Record, Sink};
use xmap_gojs::{Error, Options, Program, Registry};
use xmap_sim::Value;

/// Where a test puts Go's stack, its strings and its slices.
pub(crate) const SP: u32 = 20_000;
pub(crate) const DATA: u32 = 30_000;
/// Stacks of the calls that `resume` makes.
const EVENT: u32 = 40_000;
const ANSWER: u32 = 40_100;
const KEEP: u32 = 40_200;
const CLEAR: u32 = 40_300;
const EXIT: u32 = 40_400;

/// What `resume` does; several may be added up.
pub(crate) const ANSWERS: i32 = 1;
pub(crate) const CLEARS: i32 = 2;
pub(crate) const MOVES: i32 = 4;
pub(crate) const EXITS: i32 = 8;

/// The number of times that `resume` ran.
const COUNT: u32 = 64;
const MODE: u32 = 68;
/// How far `resume` moves the stack.
pub(crate) const MOVED: u32 = 4096;

pub(crate) const GLOBAL: u64 = 0x7FF8_0001_0000_0005;
pub(crate) const GO: u64 = 0x7FF8_0001_0000_0006;
pub(crate) const NULL: u64 = 0x7FF8_0000_0000_0002;

pub(crate) struct Bench {
    pub(crate) program: Program,
    registry: Registry,
    pub(crate) written: Record,
}

/// The text of the module.
fn module() -> String {
    let mut text = String::from("(module\n");
    for (at, name) in xmap_gojs::import_names().enumerate() {
        text += &format!("(import \"gojs\" \"{name}\" (func $i{at} (param i32)))\n");
    }
    text += "(memory (export \"mem\") 2)\n(global $sp (mut i32) (i32.const 20000))\n";
    for at in 0..xmap_gojs::import_names().count() {
        text += &format!("(func (export \"i{at}\") (param i32) (call $i{at} (local.get 0)))\n");
    }
    text += &format!(
        "(func (export \"run\") (param i32 i32))
        (func (export \"getsp\") (result i32) (global.get $sp))
        (func (export \"resume\") (local $before i32)
          (i32.store (i32.const {COUNT}) (i32.add (i32.load (i32.const {COUNT})) (i32.const 1)))
          (if (i32.and (i32.load (i32.const {MODE})) (i32.const {ANSWERS})) (then
            (local.set $before (global.get $sp))
            (global.set $sp (i32.const {EVENT}))
            (call $i10 (i32.const {EVENT}))
            (global.set $sp (local.get $before))
            (i64.store (i32.const {answer}) (i64.load (i32.const {event})))
            (i64.store (i32.const {keep}) (i64.load (i32.const {event})))
            (call $i11 (i32.const {ANSWER}))
            (call $i11 (i32.const {KEEP}))))
          (if (i32.and (i32.load (i32.const {MODE})) (i32.const {CLEARS})) (then
            (call $i6 (i32.const {CLEAR}))))
          (if (i32.and (i32.load (i32.const {MODE})) (i32.const {MOVES})) (then
            (global.set $sp (i32.add (global.get $sp) (i32.const {MOVED})))))
          (if (i32.and (i32.load (i32.const {MODE})) (i32.const {EXITS})) (then
            (call $i0 (i32.const {EXIT}))))))",
        answer = ANSWER + 8,
        event = EVENT + 32,
        keep = KEEP + 32,
    );
    text
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options) -> Self {
        let written = Record::default();
        let wasm = wat::parse_str(module()).unwrap();
        let options = Options { sink: Sink::Record(written.clone()), ..options.clone() };
        let mut program = Program::load(&wasm, &options).unwrap();
        program.start().unwrap();
        let registry = Registry::of(&mut program, "default").unwrap();
        let mut bench = Self { program, registry, written };
        // `resume` takes the event, answers 42, and keeps it as `event` of the global object.
        bench.u64(EVENT + 8, GO);
        bench.string(EVENT + 16, 32_000, "_pendingEvent");
        bench.string(ANSWER + 16, 32_100, "result");
        bench.u64(ANSWER + 32, 42.0_f64.to_bits());
        bench.u64(KEEP + 8, GLOBAL);
        bench.string(KEEP + 16, 32_200, "event");
        bench.i32(EXIT + 8, 5);
        bench
    }

    /// Calls an import with the stack at [`SP`].
    pub(crate) fn call(&mut self, import: &str) -> Result<(), Error> {
        self.call_at(import, SP as i32)
    }

    pub(crate) fn call_at(&mut self, import: &str, sp: i32) -> Result<(), Error> {
        let at = xmap_gojs::import_names().position(|name| name == import).expect("an import");
        let answer = self.registry.call(&mut self.program, &format!("i{at}"), &[Value::I32(sp)]);
        answer.map(drop)
    }

    pub(crate) fn mode(&mut self, mode: i32) {
        self.i32(MODE, mode);
    }

    pub(crate) fn resumed(&mut self) -> i32 {
        self.program.memory().i32(COUNT).unwrap()
    }

    /// The timeout that `resume` clears.
    pub(crate) fn clears(&mut self, id: i32) {
        self.i32(CLEAR + 8, id);
    }

    pub(crate) fn u64(&mut self, at: u32, value: u64) {
        self.program.memory().write(at, &value.to_le_bytes()).unwrap();
    }

    pub(crate) fn i32(&mut self, at: u32, value: i32) {
        self.program.memory().write(at, &value.to_le_bytes()).unwrap();
    }

    pub(crate) fn get(&mut self, at: u32) -> u64 {
        self.program.memory().u64(at).unwrap()
    }

    pub(crate) fn byte(&mut self, at: u32) -> u8 {
        self.program.memory().bytes(at.into(), 1).unwrap()[0]
    }

    /// Puts a slice's header here and its bytes there.
    pub(crate) fn slice(&mut self, header: u32, at: u32, bytes: &[u8]) {
        self.program.memory().write(at, bytes).unwrap();
        self.u64(header, at.into());
        self.u64(header + 8, bytes.len() as u64);
    }

    pub(crate) fn string(&mut self, header: u32, at: u32, text: &str) {
        self.slice(header, at, text.as_bytes());
    }

    /// Sets a property of the global object to a value that the module holds.
    pub(crate) fn set_global(&mut self, name: &str, bits: u64) {
        self.u64(SP + 8, GLOBAL);
        self.string(SP + 16, DATA, name);
        self.u64(SP + 32, bits);
        self.call("syscall/js.valueSet").unwrap();
    }

    /// Returns what was written, as text.
    pub(crate) fn texts(&self) -> Vec<(i32, String)> {
        let written = self.written.lock().unwrap();
        written.iter().map(|(fd, bytes)| (*fd, String::from_utf8_lossy(bytes).into_owned())).collect()
    }
}
