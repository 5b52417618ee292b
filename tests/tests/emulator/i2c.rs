//! Chips on the emulated board's I2C bus, by the flashed program and in the simulator: the same results, and
//! the same bytes on the bus, of which the emulator's own trace is the witness.

use xmap_client::Outcome;
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_link::Export;
use xmap_sim::{Eeprom, Rtc, Sim, Tmp105};

use crate::board::{Board, boot_with_chips};
use crate::carried::transferred;

const MANIFEST: &str = r#"
module = { name = "cellar", board = "rpi4b", wasm = "cellar.wasm" }
[i2c.temp]
bus = 1
address = 0x48
speed = "400 kHz"
write_max = 3
read_max = 2
[i2c.clock]
bus = 1
address = 0x68
write_max = 9
read_max = 8
[i2c.settings]
bus = 1
address = 0x50
write_max = 34
read_max = 32
[i2c.gone]
bus = 1
address = 0x49
write_max = 2
read_max = 2
[exports]
temp = { results = ["i32"] }
precise = { results = ["i32"] }
keep = { params = ["value: u32"], results = ["i32"] }
kept = { results = ["u32"] }
clock_write = { params = ["value: u32"], results = ["i32"] }
clock_read = { results = ["u32"] }
gone = { results = ["i32"] }
probe = { results = ["i32"] }
"#;

const MODULE: &str = r#"(module
    (import "i2c" "write_read" (func $i2c (param i32 i32 i32 i32 i32) (result i32)))
    (memory 1)
    (data (i32.const 0) "\00\01\60\00\10\08")
    ;; The temperature register, as it is; a status that is not 0 as a negative number.
    (func (export "temp") (result i32) (local $status i32)
        (local.set $status (call $i2c (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 2)))
        (if (local.get $status) (then (return (i32.sub (i32.const 0) (local.get $status)))))
        (i32.or (i32.shl (i32.load8_u (i32.const 64)) (i32.const 8)) (i32.load8_u (i32.const 65))))
    (func (export "precise") (result i32)
        (call $i2c (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 0) (i32.const 0)))
    ;; Four bytes of the EEPROM's second row.
    (func (export "keep") (param i32) (result i32)
        (i32.store16 (i32.const 32) (i32.const 0x2000))
        (i32.store (i32.const 34) (local.get 0))
        (call $i2c (i32.const 2) (i32.const 32) (i32.const 6) (i32.const 0) (i32.const 0)))
    (func (export "kept") (result i32)
        (i32.store16 (i32.const 32) (i32.const 0x2000))
        (if (call $i2c (i32.const 2) (i32.const 32) (i32.const 2) (i32.const 80) (i32.const 4)) (then unreachable))
        (i32.load (i32.const 80)))
    ;; Bytes that the clock chip keeps: registers 8 to 11.
    (func (export "clock_write") (param i32) (result i32)
        (i32.store8 (i32.const 48) (i32.const 8))
        (i32.store (i32.const 49) (local.get 0))
        (call $i2c (i32.const 1) (i32.const 48) (i32.const 5) (i32.const 0) (i32.const 0)))
    (func (export "clock_read") (result i32)
        (if (call $i2c (i32.const 1) (i32.const 5) (i32.const 1) (i32.const 96) (i32.const 4)) (then unreachable))
        (i32.load (i32.const 96)))
    (func (export "gone") (result i32)
        (call $i2c (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 2)))
    (func (export "probe") (result i32)
        (call $i2c (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#;

struct Pair {
    sim: Sim,
    board: Board,
    /// Transfers of the simulator that were compared.
    compared: usize,
}

impl Pair {
    fn new(chips: &[&str]) -> Self {
        let manifest = Manifest::parse("cellar.toml", MANIFEST).unwrap_or_else(|e| panic!("{e}"));
        let compiled = compile(&manifest, &wat::parse_str(MODULE).unwrap()).unwrap_or_else(|e| panic!("{e}"));
        let board = boot_with_chips(&compiled.words, chips);
        Self { sim: Sim::from_words(compiled.words).unwrap(), board, compared: 0 }
    }

    /// Calls an export on both, and compares the result and the bytes on the bus.
    fn call(&mut self, name: &str, args: &[u64]) -> u64 {
        let image = self.sim.image();
        let id = image.find(name).unwrap();
        let expected = self.sim.call_raw(id, args).unwrap_or_else(|error| panic!("{name}: {error}"));
        let export = Export::name(name).unwrap();
        let found = self.board.client.call(&export, args).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found, Outcome::Returned(expected.clone()), "{name}");
        let sim = self.sim.board().transfers().skip(self.compared);
        let wanted: Vec<String> = sim.flat_map(transferred).collect();
        self.compared = self.sim.board().transfers().count();
        let bus = self.board.emulator.bus().unwrap_or_else(|error| panic!("{error:#}"));
        let bus: Vec<String> = bus.into_iter().filter(|event| event != "stop").collect();
        assert_eq!(bus, wanted, "{name}");
        expected[0]
    }
}

#[test]
fn chips_answer_as_those_of_the_simulator_do() {
    let chips =
        ["tmp105,id=temp,address=0x48", "ds1338,address=0x68", "at24c-eeprom,address=0x50,rom-size=4096"];
    let mut pair = Pair::new(&chips);
    let board = pair.sim.board_mut();
    board.attach(1, 0x48, Tmp105::default());
    board.attach(1, 0x68, Rtc::default());
    let mut memory = Eeprom::new(4096);
    memory.content_mut().fill(0);
    board.attach(1, 0x50, memory);
    // 21.5 degrees, in steps of half a degree; then below zero, in steps of a sixteenth.
    for (millidegrees, degrees, raw) in [(21_500, "21.5", 0x1580), (-62, "-0.0625", 0xff80)] {
        pair.board
            .emulator
            .set("temp", "temperature", millidegrees)
            .unwrap_or_else(|error| panic!("{error:#}"));
        pair.sim.board_mut().device(1, 0x48).unwrap().set("temperature", degrees).unwrap();
        assert_eq!(pair.call("temp", &[]), raw);
    }
    assert_eq!(pair.call("precise", &[]), 0);
    assert_eq!(pair.call("temp", &[]), 0xfff0);
    assert_eq!(pair.call("keep", &[0xdead_beef]), 0);
    pair.sim.advance(10_000);
    assert_eq!(pair.call("kept", &[]), 0xdead_beef);
    assert_eq!(pair.call("clock_write", &[0x0123_4567]), 0);
    assert_eq!(pair.call("clock_read", &[]), 0x0123_4567);
    assert_eq!(pair.call("gone", &[]), 1);
    assert_eq!(pair.call("temp", &[]), 0xfff0, "the transfer behind one without an answer");
    assert_eq!(pair.call("probe", &[]), 0);
}

#[test]
fn a_bus_without_chips_answers_in_time() {
    let mut pair = Pair::new(&["ds1338,address=0x68"]);
    for _ in 0..20 {
        assert_eq!(pair.call("gone", &[]), 1);
        assert_eq!(pair.call("probe", &[]), 1);
    }
}
