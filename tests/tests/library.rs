//! The compiler's library: what modules import from WASI, AssemblyScript's and Emscripten's hosts and C's
//! block functions, on the simulator.

use std::path::Path;

use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_sim::{CallError, Sim, Value};

fn build_with(tables: &str, module: &str) -> Result<Compiled, Diagnostics> {
    let head = "module = { name = \"probe\", board = \"rpi4b\", wasm = \"probe.wasm\" }\n";
    let manifest = Manifest::parse("panel.toml", &format!("{head}{tables}")).unwrap();
    compile(&manifest, &wat::parse_str(module).unwrap())
}

fn build(module: &str) -> Compiled {
    build_with("", module).unwrap_or_else(|e| panic!("{e}"))
}

fn mounted(module: &str) -> Sim {
    Sim::from_words(build(module).words).unwrap_or_else(|e| panic!("{e}"))
}

fn log(sim: &Sim) -> Vec<String> {
    sim.log().map(|(level, text)| format!("{level:?} {text}")).collect()
}

/// Calls an export without parameters; its result as an i32, or the trap's name.
fn call(sim: &mut Sim, name: &str) -> Result<i32, String> {
    match sim.call(name, &[]) {
        Ok(values) => Ok(match values[..] {
            [] => 0,
            [Value::I32(n)] => n,
            ref other => panic!("{other:?}"),
        }),
        Err(CallError::Trap(trap)) => Err(trap.code.name().to_string()),
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The import of a function of WASI, by its parameters.
fn wasi(name: &str, params: &str) -> String {
    format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {params}) (result i32)))")
}

/// A module whose export `w` writes bytes of its memory to a descriptor, each stretch by itself.
fn writer(data: &str, writes: &[(i32, u32, u32)]) -> String {
    let calls: String = writes
        .iter()
        .map(|(fd, at, n)| {
            format!(
                "(i32.store (i32.const 1024) (i32.const {at})) (i32.store (i32.const 1028) (i32.const {n}))
                 (if (call $fd_write (i32.const {fd}) (i32.const 1024) (i32.const 1) (i32.const 1032)) (then unreachable))
                 (if (i32.ne (i32.load (i32.const 1032)) (i32.const {n})) (then unreachable))"
            )
        })
        .collect();
    format!(
        "(module {} (memory 40) (data (i32.const 2048) \"{data}\") (func (export \"w\") {calls}))",
        wasi("fd_write", "i32 i32 i32 i32")
    )
}

fn written(data: &str, writes: &[(i32, u32, u32)]) -> Vec<String> {
    let mut sim = mounted(&writer(data, writes));
    assert_eq!(call(&mut sim, "w"), Ok(0));
    // What the log was lent of the memory is as it was.
    assert!(sim.memory()[..1024].iter().all(|byte| *byte == 0));
    log(&sim)
}

#[test]
fn output_is_messages_by_line() {
    assert_eq!(written("one\\0atwo\\0a", &[(1, 2048, 8)]), ["Info one", "Info two"]);
    assert_eq!(written("one\\0d\\0a\\0atwo\\0a", &[(2, 2048, 10)]), ["Warn one", "Warn ", "Warn two"]);
    // In pieces: only the end of a line sends it.
    let pieces = [(1, 2048, 2), (1, 2050, 1), (1, 2051, 3)];
    assert_eq!(written("one\\0atwo", &pieces), ["Info one"]);
    assert_eq!(written("one\\0atwo", &[(1, 2048, 7), (1, 2051, 1)]), ["Info one", "Info two"]);
    // The other stream sends what is held, so that the order stays.
    assert_eq!(written("one\\0atwo", &[(1, 2052, 3), (2, 2048, 4)]), ["Info two", "Warn one"]);
}

#[test]
fn text_that_is_no_utf_8_is_shown_all_the_same() {
    let text = "\\c3\\a4 \\e2\\82\\ac \\f0\\9f\\98\\80\\0a";
    assert_eq!(written(text, &[(1, 2048, 12)]), ["Info ä € 😀"]);
    // A character in pieces is one all the same; one that never becomes whole is not.
    let bytes: Vec<_> = (0..12).map(|n| (1, 2048 + n, 1)).collect();
    assert_eq!(written(text, &bytes), ["Info ä € 😀"]);
    assert_eq!(
        written("\\e2\\82a\\ff\\c0\\80\\ed\\a0\\80\\f0\\9f\\0a", &[(1, 2048, 12)]),
        ["Info ??a????????"]
    );
    assert_eq!(written("\\f0\\9f\\98\\0a", &[(1, 2048, 4)]), ["Info ???"]);
}

#[test]
fn long_lines_are_cut_between_characters() {
    let line = "x".repeat(600) + "\\0a";
    let sent: Vec<usize> =
        written(&line, &[(1, 2048, 601)]).iter().map(|m| m.len() - "Info ".len()).collect();
    assert_eq!(sent, [256, 256, 88]);
    let exact = written(&("y".repeat(256) + "\\0a"), &[(1, 2048, 100), (1, 2148, 157)]);
    assert_eq!(exact, [format!("Info {}", "y".repeat(256))]);
    // 255 bytes, then a character of two: it begins the second message.
    let cut = written(&("z".repeat(255) + "\\c3\\a4\\0a"), &[(1, 2048, 258)]);
    assert_eq!(cut, [format!("Info {}", "z".repeat(255)), "Info ä".to_string()]);
}

#[test]
fn a_megabyte_is_written_whole_or_ends_with_the_fuel() {
    let module = writer("", &[(1, 65_536, 1 << 20)]);
    let mut sim = Sim::from_words(build_with("[limits]\nfuel = 20000000\n", &module).unwrap().words).unwrap();
    assert_eq!(call(&mut sim, "w"), Ok(0));
    // The last 256 bytes are held: no end of a line has come.
    assert_eq!(sim.log().count(), 4095);
    let mut sim = Sim::from_words(build_with("[limits]\nfuel = 100000\n", &module).unwrap().words).unwrap();
    assert_eq!(call(&mut sim, "w"), Err("fuel".into()));
    // The next call begins where that one stopped being heard.
    assert!(sim.log().all(|(_, text)| text.len() == 256));
}

#[test]
fn text_outside_the_memory_traps_before_it_is_logged() {
    let last = 40 * 65_536 - 4;
    for (at, n) in [(last, 5), (last, u32::MAX), (u32::MAX, 2)] {
        let mut sim = mounted(&writer("one\\0a", &[(1, 2048, 4), (1, at, n)]));
        let trap = call(&mut sim, "w").unwrap_err();
        assert!(trap == "out_of_bounds" || trap == "unreachable", "{trap}");
        assert_eq!(log(&sim), ["Info one"]);
    }
    // A module without memory.
    let module = format!(
        "(module {} (func (export \"w\") (result i32)
            (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0))))",
        wasi("fd_write", "i32 i32 i32 i32")
    );
    assert_eq!(call(&mut mounted(&module), "w"), Err("out_of_bounds".into()));
}

/// Each function of WASI with its parameters, and what it returns for the descriptors 1 and 7 (docs/wasi.md):
/// the table of the specification.
const FUNCTIONS: [(&str, &str, usize, i32, i32); 33] = [
    ("fd_advise", "i32 i64 i64 i32", 0, 70, 8),
    ("fd_allocate", "i32 i64 i64", 0, 76, 8),
    ("fd_close", "i32", 0, 0, 8),
    ("fd_datasync", "i32", 0, 0, 8),
    ("fd_fdstat_get", "i32 i32", 0, 0, 8),
    ("fd_fdstat_set_flags", "i32 i32", 0, 0, 8),
    ("fd_fdstat_set_rights", "i32 i64 i64", 0, 58, 8),
    ("fd_filestat_get", "i32 i32", 0, 0, 8),
    ("fd_filestat_set_size", "i32 i64", 0, 76, 8),
    ("fd_filestat_set_times", "i32 i64 i64 i32", 0, 76, 8),
    ("fd_pread", "i32 i32 i32 i64 i32", 0, 70, 8),
    ("fd_prestat_get", "i32 i32", 0, 8, 8),
    ("fd_prestat_dir_name", "i32 i32 i32", 0, 8, 8),
    ("fd_pwrite", "i32 i32 i32 i64 i32", 0, 70, 8),
    ("fd_read", "i32 i32 i32 i32", 0, 8, 8),
    ("fd_readdir", "i32 i32 i32 i64 i32", 0, 54, 8),
    ("fd_renumber", "i32 i32", 0, 0, 8),
    ("fd_seek", "i32 i64 i32 i32", 0, 70, 8),
    ("fd_sync", "i32", 0, 0, 8),
    ("fd_tell", "i32 i32", 0, 70, 8),
    ("fd_write", "i32 i32 i32 i32", 0, 0, 8),
    ("path_create_directory", "i32 i32 i32", 0, 54, 8),
    ("path_filestat_get", "i32 i32 i32 i32 i32", 0, 54, 8),
    ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32", 0, 54, 8),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32", 0, 54, 8),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32", 0, 54, 8),
    ("path_readlink", "i32 i32 i32 i32 i32 i32", 0, 54, 8),
    ("path_remove_directory", "i32 i32 i32", 0, 54, 8),
    ("path_rename", "i32 i32 i32 i32 i32 i32", 0, 54, 8),
    ("path_symlink", "i32 i32 i32 i32 i32", 2, 54, 8),
    ("path_unlink_file", "i32 i32 i32", 0, 54, 8),
    ("sock_accept", "i32 i32 i32", 0, 57, 8),
    ("sock_shutdown", "i32 i32", 0, 57, 8),
];

#[test]
fn each_function_answers_as_if_there_were_no_files() {
    for (name, params, descriptor, open, closed) in FUNCTIONS {
        let args = |fd: i32| -> String {
            let one = |(n, ty): (usize, &str)| {
                let value = if n == descriptor { fd } else { 0 };
                format!("({ty}.const {value}) ")
            };
            params.split(' ').enumerate().map(one).collect()
        };
        let module = format!(
            "(module {} (memory 1) (func (export \"open\") (result i32) (call ${name} {}))
                (func (export \"closed\") (result i32) (call ${name} {})))",
            wasi(name, params),
            args(1),
            args(7)
        );
        let open_at_zero = if name == "fd_renumber" { 0 } else { open };
        assert_eq!(call(&mut mounted(&module), "open"), Ok(open_at_zero), "{name}");
        assert_eq!(call(&mut mounted(&module), "closed"), Ok(closed), "{name}");
    }
}

#[test]
fn clocks_are_the_devices_and_polls_wait() {
    let module = format!(
        "(module {} {} (memory 1)
            ;; Two subscriptions: 250 microseconds from now, and the time 5 milliseconds.
            (data (i32.const 0) \"\\07\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\01\")
            (data (i32.const 24) \"\\90\\d0\\03\\00\")
            (data (i32.const 48) \"\\09\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\01\")
            (data (i32.const 72) \"\\40\\4b\\4c\\00\") (data (i32.const 88) \"\\01\")
            (func (export \"poll\") (param $n i32) (result i32)
                (call $poll_oneoff (i32.const 0) (i32.const 200) (local.get $n) (i32.const 400)))
            (func (export \"events\") (result i32) (i32.load (i32.const 400)))
            (func (export \"first\") (result i32) (i32.load (i32.const 200)))
            (func (export \"now\") (param $clock i32) (result i32)
                (if (call $clock_time_get (local.get $clock) (i64.const 1) (i32.const 500)) (then (return (i32.const -1))))
                (i32.wrap_i64 (i64.div_u (i64.load (i32.const 500)) (i64.const 1000)))))",
        wasi("poll_oneoff", "i32 i32 i32 i32"),
        wasi("clock_time_get", "i32 i64 i32")
    );
    let mut sim = mounted(&module);
    let mut ask = |name: &str, args: &[Value]| match sim.call(name, args).unwrap()[..] {
        [Value::I32(n)] => n,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(ask("now", &[Value::I32(1)]), 0);
    assert_eq!(ask("poll", &[Value::I32(2)]), 0);
    assert_eq!((ask("events", &[]), ask("first", &[]), ask("now", &[Value::I32(0)])), (1, 7, 250));
    assert_eq!(ask("poll", &[Value::I32(0)]), 28);
    assert_eq!(ask("now", &[Value::I32(4)]), -1);
}

#[test]
fn random_numbers_differ() {
    let module = format!(
        "(module {} (memory 1) (func (export \"r\") (result i32)
            (if (call $random_get (i32.const 8) (i32.const 4)) (then unreachable))
            (if (i32.load (i32.const 12)) (then unreachable)) (i32.load (i32.const 8))))",
        wasi("random_get", "i32 i32")
    );
    let mut sim = mounted(&module);
    let first = call(&mut sim, "r").unwrap();
    assert_ne!(call(&mut sim, "r"), Ok(first));
}

#[test]
fn a_poll_that_would_wait_too_long_traps() {
    let module = format!(
        "(module {} (memory 1) (data (i32.const 24) \"\\00\\94\\35\\77\")
            (func (export \"poll\") (result i32)
                (call $poll_oneoff (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 400))))",
        wasi("poll_oneoff", "i32 i32 i32 i32")
    );
    let mut sim =
        Sim::from_words(build_with("[limits]\ntime_us = 1999999\n", &module).unwrap().words).unwrap();
    assert_eq!(call(&mut sim, "poll"), Err("time".into()));
    let mut sim =
        Sim::from_words(build_with("[limits]\ntime_us = 2000000\n", &module).unwrap().words).unwrap();
    assert_eq!(call(&mut sim, "poll"), Ok(0));
}

#[test]
fn arguments_and_environment_come_from_the_manifest() {
    let module = format!(
        "(module {} {} {} {} {} (memory 1)
            (func (export \"show\")
                (drop (call $args_sizes_get (i32.const 512) (i32.const 516)))
                (drop (call $args_get (i32.const 520) (i32.const 600)))
                (drop (call $environ_sizes_get (i32.const 700) (i32.const 704)))
                (drop (call $environ_get (i32.const 708) (i32.const 800)))
                (i32.store8 (i32.sub (i32.add (i32.const 600) (i32.load (i32.const 516))) (i32.const 1)) (i32.const 10))
                (i32.store8 (i32.sub (i32.add (i32.const 800) (i32.load (i32.const 704))) (i32.const 1)) (i32.const 10))
                (i32.store (i32.const 1000) (i32.load (i32.const 524)))
                (i32.store (i32.const 1004) (i32.sub (i32.load (i32.const 516)) (i32.const 6)))
                (i32.store (i32.const 1008) (i32.load (i32.const 708)))
                (i32.store (i32.const 1012) (i32.load (i32.const 704)))
                (drop (call $fd_write (i32.const 1) (i32.const 1000) (i32.const 2) (i32.const 1020))))
            (func (export \"count\") (result i32) (i32.load (i32.const 512))))",
        wasi("args_sizes_get", "i32 i32"),
        wasi("args_get", "i32 i32"),
        wasi("environ_sizes_get", "i32 i32"),
        wasi("environ_get", "i32 i32"),
        wasi("fd_write", "i32 i32 i32 i32")
    );
    let tables = "wasi = { args = [\"--läuft\"], env = { MODE = \"quiet \\\" mode\" } }\n";
    let mut sim = Sim::from_words(build_with(tables, &module).unwrap().words).unwrap();
    call(&mut sim, "show").unwrap();
    assert_eq!(call(&mut sim, "count"), Ok(2));
    assert_eq!(log(&sim), ["Info --läuft", "Info MODE=quiet \" mode"]);
}

#[test]
fn what_is_wrong_in_the_table_of_wasi_has_its_place() {
    for (tables, wanted) in [
        ("wasi = { arg = [] }", "unknown key `arg`"),
        ("wasi = { args = [7] }", "expected a string"),
        ("wasi = { args = [\"a\\u0000\"] }", "a zero ends an argument"),
        ("wasi = { env = { \"A=B\" = \"\" } }", "no name of a variable"),
    ] {
        let head = "module = { name = \"probe\", board = \"rpi4b\", wasm = \"probe.wasm\" }\n";
        let errors = Manifest::parse("panel.toml", &format!("{head}{tables}\n")).unwrap_err();
        assert!(errors.to_string().contains(wanted), "{tables}: {errors}");
    }
}

#[test]
fn programs_run_once_when_they_are_mounted() {
    let program = |start: &str| {
        format!(
            "(module {} (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory 1) (global $n (mut i32) (i32.const 0))
                (data (i32.const 512) \"\\08\\02\\00\\00\\02\\00\\00\\00hi\")
                (func $say (drop (call $fd_write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 540))))
                (func (export \"_start\") (global.set $n (i32.add (global.get $n) (i32.const 1))) {start})
                (func (export \"count\") (result i32) (global.get $n)))",
            wasi("fd_write", "i32 i32 i32 i32")
        )
    };
    for start in ["(call $say)", "(call $say) (call $exit (i32.const 0)) (unreachable)"] {
        let mut sim = mounted(&program(start));
        // Half a line is sent when the program ends.
        assert_eq!((call(&mut sim, "count"), log(&sim)), (Ok(1), vec!["Info hi".to_string()]));
    }
    let compiled = build(&program("(call $say) (call $exit (i32.const 3))"));
    let error = Sim::from_words(compiled.words.clone()).unwrap_err();
    assert!(error.to_string().contains("`_initialize` trapped"), "{error}");
    let exit = compiled.map.functions.iter().flat_map(|f| &f.ops).find_map(|op| op.message.clone());
    assert_eq!(exit.as_deref(), Some("exit 3"));
}

#[test]
fn a_program_that_exits_with_0_has_ended_wherever_it_does_so() {
    let program = |body: &str| {
        format!(
            "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory 1) (table 2 funcref) (elem (i32.const 0) $seven $quit)
                (type $number (func (param i32) (result i32)))
                (global $n (mut i32) (i32.const 0))
                (func $tick (global.set $n (i32.add (global.get $n) (i32.const 1))))
                (func $seven (type $number) (i32.const 7))
                (func $quit (type $number) (call $exit (local.get 0)) (call $tick) (i32.const 3))
                (func $twice (param i32) (result i32)
                    (loop $again (drop (call $quit (local.get 0))) (call $tick) (br $again)) (unreachable))
                (func $deep (param i32) (result i64 i32)
                    (if (call $twice (local.get 0)) (then (call $tick))) (call $tick)
                    (i64.const 5) (i32.const 6))
                (func $tail (param i32) (result i32) (return_call $twice (local.get 0)))
                (func (export \"_start\") (call $tick) {body} (call $tick))
                (func (export \"count\") (result i32) (global.get $n))
                (func (export \"late\") (result i32) (call $quit (i32.const 0))))"
        )
    };
    for body in [
        "(call $exit (i32.const 0))",
        "(call $exit (global.get 1))",
        "(drop (call $quit (i32.const 0)))",
        "(drop (drop (call $deep (i32.const 0))))",
        "(drop (call $tail (i32.const 0)))",
        "(drop (call_indirect (type $number) (i32.const 0) (i32.const 1)))",
        "(loop $l (drop (call $twice (i32.const 0))) (br $l))",
    ] {
        let mut sim =
            mounted(&program(&body.replace("(global.get 1)", "(i32.sub (global.get $n) (i32.const 1))")));
        assert_eq!(call(&mut sim, "count"), Ok(1), "{body}: nothing ran behind the exit");
        // The program is over: an exit has nothing to end.
        assert!(call(&mut sim, "late").is_err(), "{body}");
        assert_eq!(call(&mut sim, "count"), Ok(1), "{body}");
    }
    // What is called by the table and does not exit goes on; and so does a function with another code.
    let mut sim = mounted(&program("(drop (call_indirect (type $number) (i32.const 0) (i32.const 0)))"));
    assert_eq!(call(&mut sim, "count"), Ok(2));
    for body in ["(call $exit (i32.const 2))", "(drop (drop (call $deep (i32.const 256))))"] {
        let compiled = build(&program(body));
        assert!(Sim::from_words(compiled.words).is_err(), "{body}");
    }
}

#[test]
fn a_memory_without_a_page_gets_one_where_the_library_is_lent_it() {
    let module = "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (import \"env\" \"seed\" (func $seed (result f64))) MEMORY
        (func (export \"quit\") (param i32) (call $exit (local.get 0)))
        (func (export \"fail\") (call $exit (i32.const 33)))
        (func (export \"roll\") (result i32) (i32.trunc_sat_f64_u (call $seed))))";
    for (memory, has) in [("(memory 0)", true), ("(memory 0 1)", true), ("", false), ("(memory 0 0)", false)]
    {
        let compiled = build(&module.replace("MEMORY", memory));
        let exit = compiled.map.functions.iter().flat_map(|f| &f.ops).find_map(|op| op.message.clone());
        assert_eq!(exit.as_deref(), Some("exit 33"));
        let mut sim = Sim::from_words(compiled.words).unwrap();
        for (name, args) in [("fail", vec![]), ("quit", vec![Value::I32(7)])] {
            let Err(CallError::Trap(trap)) = sim.call(name, &args) else {
                panic!("{memory} {name}: no trap")
            };
            assert_eq!(trap.code.name(), "unreachable", "{memory} {name}");
        }
        let said = if has { vec!["Warn exit 33", "Warn exit 7"] } else { vec![] };
        assert_eq!(log(&sim), said, "{memory}");
        let mut fresh = mounted(&module.replace("MEMORY", memory));
        let rolled = call(&mut fresh, "roll").map(|_| ());
        assert_eq!(rolled, if has { Ok(()) } else { Err("out_of_bounds".into()) }, "{memory}");
    }
}

#[test]
fn what_ends_a_module_ends_it_by_reference_too() {
    let module = |start: &str| {
        format!(
            "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (import \"env\" \"abort\" (func $abort))
                (type $code (func (param i32))) (type $none (func))
                (memory 1) (table 2 funcref) (elem (i32.const 0) $exit $abort)
                (global $n (mut i32) (i32.const 0)) (export \"bye\" (func $exit))
                (func (export \"quit\") (param i32)
                    (call_indirect (type $code) (local.get 0) (i32.const 0)) (global.set $n (i32.const 1)))
                (func (export \"abort\")
                    (call_indirect (type $none) (i32.const 1)) (global.set $n (i32.const 1)))
                (func (export \"count\") (result i32) (global.get $n)) {start})"
        )
    };
    for start in [
        "",
        "(func (export \"_start\") (call_indirect (type $code) (i32.const 0) (i32.const 0)) (unreachable))",
    ] {
        let mut sim = mounted(&module(start));
        for (name, args) in [
            ("quit", vec![Value::I32(2)]),
            ("quit", vec![Value::I32(0)]),
            ("bye", vec![Value::I32(2)]),
            ("bye", vec![Value::I32(0)]),
            ("abort", vec![]),
        ] {
            let Err(CallError::Trap(trap)) = sim.call(name, &args) else { panic!("{start} {name}: no trap") };
            assert_eq!(trap.code.name(), "unreachable", "{start} {name}");
        }
        assert_eq!(call(&mut sim, "count"), Ok(0), "{start}");
    }
    let fails = "(func (export \"_start\") (call_indirect (type $code) (i32.const 4) (i32.const 0)))";
    assert!(Sim::from_words(build(&module(fails)).words).is_err());
}

/// A string of AssemblyScript, at 16 bytes and more: its length stands in front. The optimiser leaves the
/// zeros at a segment's end out.
fn utf_16(at: usize, text: &str) -> String {
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = (bytes.len() as u32).to_le_bytes();
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let escaped: String =
        length.iter().chain(&bytes[..written]).map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {}) \"{escaped}\")", at - 4)
}

#[test]
fn an_abort_of_assemblyscript_says_what_and_where() {
    let module = format!(
        "(module (import \"env\" \"abort\" (func $abort (param i32 i32 i32 i32))) (memory 1) {} {}
            (func (export \"get\") (param i32) (result i32)
                (if (i32.ge_u (local.get 0) (i32.const 4))
                    (then (call $abort (i32.const 1024) (i32.const 2048) (i32.const 12) (i32.const 7)) (unreachable)))
                (local.get 0))
            (func (export \"any\") (param i32) (call $abort (local.get 0) (i32.const 0) (i32.const 0) (i32.const 0))))",
        utf_16(1024, "Index out of range: ä😀"),
        utf_16(2048, "~lib/array.ts")
    );
    let compiled = build(&module);
    let mut sim = Sim::from_words(compiled.words).unwrap();
    assert_eq!(sim.call("get", &[Value::I32(3)]).unwrap(), [Value::I32(3)]);
    let Err(CallError::Trap(trap)) = sim.call("get", &[Value::I32(4)]) else { panic!("no trap") };
    let origin = compiled.map.find(trap.op, Some(trap.export)).unwrap();
    assert_eq!(origin.message.as_deref(), Some("Index out of range: ä😀 in ~lib/array.ts:12:7"));
    assert!(origin.to_string().ends_with(": Index out of range: ä😀 in ~lib/array.ts:12:7"), "{origin}");
    assert_eq!(log(&sim), ["Warn abort: Index out of range: ä😀 in ~lib/array.ts:12:7"]);
    sim.call("any", &[Value::I32(2048)]).unwrap_err();
    assert_eq!(log(&sim)[1], "Warn abort: ~lib/array.ts");
}

/// No more of a text is read than is shown, whatever its length says.
#[test]
fn a_long_message_of_an_abort_is_cut() {
    let module = r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (memory 1)
        (data (i32.const 1020) "\d0\07\00\00N\00o") (data (i32.const 4092) "\08\00\00\00p\00.\00t\00s")
        (func (export "run") (call $abort (i32.const 1024) (i32.const 4096) (i32.const 1) (i32.const 2)) unreachable))"#;
    let compiled = build(module);
    let mut sim = Sim::from_words(compiled.words).unwrap();
    let Err(CallError::Trap(trap)) = sim.call("run", &[]) else { panic!("no trap") };
    let message = compiled.map.find(trap.op, Some(trap.export)).unwrap().message.unwrap();
    assert_eq!(message, format!("No{} in p.ts:1:2", "\\u{0}".repeat(198)));
}

#[test]
fn assemblyscript_traces_and_writes_to_the_console() {
    let trace = "(param i32 i32 f64 f64 f64 f64 f64)";
    let module = format!(
        "(module (import \"env\" \"trace\" (func $trace {trace}))
            (import \"env\" \"console.warn\" (func $warn (param i32))) (import \"env\" \"Date.now\" (func $now (result f64)))
            (memory 1) {}
            (func (export \"t\")
                (call $trace (i32.const 1024) (i32.const 5) (f64.const 1) (f64.const -2.5) (f64.const 0.0625)
                    (f64.const nan) (f64.const 1e300))
                (call $trace (i32.const 1024) (i32.const 0) (f64.const 1) (f64.const 1) (f64.const 1) (f64.const 1) (f64.const 1))
                (call $warn (i32.const 1024)))
            (func (export \"now\") (result i32) (i32.trunc_f64_u (call $now))))",
        utf_16(1024, "a\nb")
    );
    let mut sim = mounted(&module);
    call(&mut sim, "t").unwrap();
    let lines = ["Info a", "Info b 1 -2.5 0.0625 NaN huge", "Info a", "Info b", "Warn a", "Warn b"];
    assert_eq!(log(&sim), lines);
    sim.advance(5000);
    assert_eq!(call(&mut sim, "now"), Ok(5));
}

#[test]
fn block_functions_of_c_are_there() {
    let three = "(param i32 i32 i32) (result i32)";
    let module = format!(
        "(module (import \"env\" \"memcpy\" (func $memcpy {three})) (import \"env\" \"memmove\" (func $memmove {three}))
            (import \"env\" \"memset\" (func $memset {three})) (import \"env\" \"memcmp\" (func $memcmp {three}))
            (import \"env\" \"strlen\" (func $strlen (param i32) (result i32)))
            (import \"env\" \"emscripten_resize_heap\" (func $grow (param i32) (result i32)))
            (memory 1 3) (data (i32.const 16) \"hello\")
            (func (export \"f\") (result i32)
                (drop (call $memcpy (i32.const 32) (i32.const 16) (i32.const 5)))
                (drop (call $memmove (i32.const 33) (i32.const 32) (i32.const 5)))
                (drop (call $memset (i32.const 48) (i32.const 0x141) (i32.const 3)))
                (if (i32.ne (call $strlen (i32.const 32)) (i32.const 6)) (then (return (i32.const 1))))
                (if (i32.ne (call $memcmp (i32.const 16) (i32.const 33) (i32.const 5)) (i32.const 0)) (then (return (i32.const 2))))
                (if (i32.ge_s (call $memcmp (i32.const 48) (i32.const 16) (i32.const 3)) (i32.const 0)) (then (return (i32.const 3))))
                (if (i32.ne (call $grow (i32.const 0x20001)) (i32.const 1)) (then (return (i32.const 4))))
                (if (call $grow (i32.const 0x30001)) (then (return (i32.const 5))))
                (i32.sub (memory.size) (i32.const 3))))"
    );
    assert_eq!(call(&mut mounted(&module), "f"), Ok(0));
}

#[test]
fn whole_numbers_of_128_bits_are_there() {
    let two = ["__multi3", "__udivti3", "__umodti3", "__divti3", "__modti3"];
    let shifts = ["__ashlti3", "__lshrti3", "__ashrti3"];
    let mut module = String::new();
    for name in two {
        module += &format!("(import \"env\" \"{name}\" (func ${name} (param i32 i64 i64 i64 i64)))\n");
    }
    for name in shifts {
        module += &format!("(import \"env\" \"{name}\" (func ${name} (param i32 i64 i64 i32)))\n");
    }
    module += "(memory 1)";
    let result = "(i64.load (i32.const 20)) (i64.load (i32.const 28))";
    for (names, ty, last) in
        [(&two[..], "i64", "(local.get 2) (local.get 3)"), (&shifts[..], "i32", "(local.get 2)")]
    {
        for name in names {
            let params = if ty == "i64" { "i64 i64 i64 i64" } else { "i64 i64 i32" };
            module += &format!(
                "(func (export \"{name}\") (param {params}) (result i64 i64)
                    (call ${name} (i32.const 20) (local.get 0) (local.get 1) {last}) {result})"
            );
        }
    }
    let mut sim = mounted(&format!("(module {module})"));
    let halves = |n: u128| [Value::I64(n as i64), Value::I64((n >> 64) as i64)];
    let mut ask = |name: &str, args: &[Value]| match sim.call(name, args) {
        Ok(values) => match values[..] {
            [Value::I64(low), Value::I64(high)] => Ok(u128::from(low as u64) | u128::from(high as u64) << 64),
            ref other => panic!("{other:?}"),
        },
        Err(CallError::Trap(trap)) => Err(trap.code.name().to_string()),
        Err(error) => panic!("{name}: {error}"),
    };
    // The edges of words and halves, and what lies between them.
    let mut numbers = vec![0, 1, 2, 3, 10, u128::MAX, i128::MAX as u128, i128::MIN as u128];
    for bits in [31, 32, 33, 63, 64, 65, 95, 96, 127] {
        numbers.extend([(1u128 << bits) - 1, 1 << bits, (1 << bits) + 1, !(1u128 << bits)]);
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834_u128;
    for n in 0..20 {
        seed = seed.wrapping_mul(0xda94_2042_e4dd_58b5).rotate_left(29) ^ n;
        numbers.push(seed >> (n * 5));
    }
    for a in &numbers {
        for b in &numbers {
            let args = [halves(*a), halves(*b)].concat();
            let (sa, sb) = (*a as i128, *b as i128);
            let wanted = [
                Some(a.wrapping_mul(*b)),
                a.checked_div(*b),
                a.checked_rem(*b),
                (*b != 0).then(|| sa.wrapping_div(sb) as u128),
                (*b != 0).then(|| sa.wrapping_rem(sb) as u128),
            ];
            for (name, wanted) in two.iter().zip(wanted) {
                let wanted = wanted.ok_or_else(|| "divide_by_zero".to_string());
                assert_eq!(ask(name, &args), wanted, "{name} {a:#x} {b:#x}");
            }
        }
        for n in (0..128).step_by(7).chain([63, 64, 65, 127]) {
            let args = [halves(*a).to_vec(), vec![Value::I32(n)]].concat();
            for (name, wanted) in shifts.iter().zip([a << n, a >> n, (*a as i128 >> n) as u128]) {
                assert_eq!(ask(name, &args), Ok(wanted), "{name} {a:#x} {n}");
            }
        }
    }
}

#[test]
fn what_is_not_reached_costs_nothing() {
    let module = |imports: &str| {
        format!("(module {imports} (memory 1) (func (export \"f\") (result i32) (i32.const 3)))")
    };
    let all = [wasi("fd_write", "i32 i32 i32 i32"), wasi("poll_oneoff", "i32 i32 i32 i32")].concat();
    let (with, without) = (build(&module(&all)), build(&module("")));
    assert_eq!(with.words, without.words);
    // A function that only answers is not even a call.
    let get = format!(
        "(module {} (func (export \"f\") (result i32) (call $fd_prestat_get (i32.const 3) (i32.const 0))))",
        wasi("fd_prestat_get", "i32 i32")
    );
    assert!(Image::verify(&build(&get).words).unwrap().globals().next().is_none());
}

#[test]
fn another_type_is_an_error() {
    let module = "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $w (param i32))) (memory 1)
        (func (export \"f\") (call $w (i32.const 1))))";
    let errors = build_with("", module).unwrap_err().to_string();
    assert!(errors.contains("fd_write"), "{errors}");
}

#[test]
fn tail_calls_return_what_they_called_returns() {
    let mut sim = mounted(
        "(module (type $t (func (param i32 i32) (result i32))) (table 1 funcref) (elem (i32.const 0) $add)
            (func $add (type $t) (i32.add (local.get 0) (local.get 1)))
            (func $sum (param $n i32) (param $acc i32) (result i32)
                (if (i32.eqz (local.get $n)) (then (return (local.get $acc))))
                (return_call $sum (i32.sub (local.get $n) (i32.const 1)) (i32.add (local.get $acc) (local.get $n))))
            (func (export \"deep\") (result i32) (return_call $sum (i32.const 50000) (i32.const 0)))
            (func (export \"swap\") (result i32) (return_call $pair (i32.const 3) (i32.const 7) (i32.const 5)))
            (func $pair (param $a i32) (param $b i32) (param $n i32) (result i32) (local $c i32)
                (if (local.get $n)
                    (then (return_call $pair (local.get $b) (local.get $a) (i32.sub (local.get $n) (i32.const 1)))))
                (i32.add (local.get $c) (i32.sub (local.get $a) (local.get $b))))
            (func (export \"table\") (result i32)
                (return_call_indirect (type $t) (i32.const 3) (i32.const 4) (i32.const 0))))",
    );
    assert_eq!(call(&mut sim, "deep"), Ok(1_250_025_000));
    assert_eq!(call(&mut sim, "swap"), Ok(4));
    assert_eq!(call(&mut sim, "table"), Ok(7));
}

#[test]
fn an_imported_memory_is_the_modules_own() {
    let mut sim = mounted(
        "(module (import \"env\" \"memory\" (memory 1 2)) (import \"global\" \"NaN\" (global f64))
            (import \"env\" \"__indirect_function_table\" (table 2 funcref)) (global $g i32 (i32.const 5))
            (data (i32.const 8) \"\\2a\")
            (func (export \"f\") (result i32) (i32.load8_u (i32.const 8)))
            (func (export \"g\") (result i32) (f64.ne (global.get 0) (global.get 0)))
            (func (export \"h\") (result i32) (memory.grow (i32.const 2))))",
    );
    assert_eq!((call(&mut sim, "f"), call(&mut sim, "g"), call(&mut sim, "h")), (Ok(42), Ok(1), Ok(-1)));
}

/// The library is text that is assembled when it is needed: that takes no time that a person notices.
#[test]
fn it_takes_milliseconds() {
    let module = wat::parse_str(writer("", &[(1, 0, 1)])).unwrap();
    let manifest = Manifest::bare(&xmap_boards::RPI4B, Path::new("probe.wasm"));
    let start = std::time::Instant::now();
    for _ in 0..10 {
        compile(&manifest, &module).unwrap();
    }
    let each = start.elapsed() / 10;
    assert!(each.as_millis() < 500, "{each:?}, in a build without optimisation on a busy machine");
}
