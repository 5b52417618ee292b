//! The oracle on modules small enough to know the trace by hand.

use super::*;

const PINS: &str = "[module]\nwasm = 'a.wat'\n[pins]\n\
    17 = { mode = 'out', safe = 'low' }\n18 = { mode = 'out', safe = 'high' }\n\
    33 = { mode = 'out', safe = 'low' }\n23 = { mode = 'inout', safe = 'float' }\n\
    27 = { mode = 'in', pull = 'up' }\n";

const IMPORTS: &str = r#"
    (import "gpio" "set" (func $set (param i32 i32)))
    (import "gpio" "get" (func $get (param i32) (result i32)))
    (import "gpio" "toggle" (func $toggle (param i32)))
    (import "gpio" "write" (func $write (param i32 i32 i32)))
    (import "gpio" "read" (func $read (param i32) (result i32)))
    (import "gpio" "direction" (func $direction (param i32 i32)))
    (import "gpio" "pull" (func $pull (param i32 i32)))
    (import "time" "now_us" (func $now (result i64)))
    (import "time" "delay_us" (func $delay (param i32)))
    (import "log" "message" (func $log (param i32 i32 i32)))
    (import "random" "get" (func $random (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hi\ff")
    (export "set" (func $set)) (export "get" (func $get)) (export "toggle" (func $toggle))
    (export "write" (func $write)) (export "read" (func $read)) (export "now" (func $now))
    (export "direction" (func $direction)) (export "pull" (func $pull))
    (export "delay" (func $delay)) (export "log" (func $log))
"#;

/// The trace of a script on the imports and some functions.
fn trace(exports: &str, functions: &str, script: &str) -> String {
    let manifest = Manifest::parse(&format!("{PINS}{exports}")).unwrap();
    let wasm = wat::parse_str(format!("(module {IMPORTS} {functions})")).unwrap();
    run(&manifest, &wasm, &Script::parse(script).unwrap()).unwrap().trace
}

#[test]
fn writes_go_to_the_register_of_their_bank() {
    let script = "call set 17 -1\ncall set 33 2\ncall set 33 0\ncall write 0 0x60000 0x20000\n\
                  call write 0 0 0\ncall get 17\ncall read 0\ncall read 1";
    let expected = "GPSET0 0x00020000\nset ->\nGPSET1 0x00000002\nset ->\nGPCLR1 0x00000002\nset ->\n\
                    GPCLR0 0x00020000\nGPSET0 0x00060000\nwrite ->\nwrite ->\nget -> 1\n\
                    read -> 134610944\nread -> 0\n";
    assert_eq!(trace("", "", script), expected);
}

/// SplitMix64 from state 0, as its authors give it.
#[test]
fn random_numbers_are_those_of_the_simulator() {
    let functions = r#"(func (export "word") (result i64)
        (call $random (i32.const 64) (i32.const 8)) (i64.load (i32.const 64)))"#;
    let expected = "word -> -2152535657050944081\nword -> 7960286522194355700\n";
    assert_eq!(trace("", functions, "call word\ncall word"), expected);
}

#[test]
fn a_toggle_goes_by_the_level() {
    let expected = "GPCLR0 0x00040000\ntoggle ->\nGPSET0 0x00040000\ntoggle ->\n";
    assert_eq!(trace("", "", "call toggle 18\ncall toggle 18"), expected);
}

#[test]
fn an_inout_line_is_what_its_direction_makes_it() {
    let script = "call get 23\ncall pull 23 1\ncall get 23\nlevel 23 0\ncall get 23\n\
                  call set 23 1\ncall get 23\ncall direction 23 1\ncall get 23\n\
                  call direction 23 0\ncall get 23\ncall pull 23 3\ncall direction 17 0";
    let expected = "get -> 0\npull ->\nget -> 1\nget -> 0\nGPSET0 0x00800000\nset ->\nget -> 0\n\
                    direction ->\nget -> 1\ndirection ->\nget -> 0\npull trap bad_argument\n\
                    direction trap undeclared_line\n";
    assert_eq!(trace("", "", script), expected);
}

#[test]
fn what_is_not_declared_traps_before_any_store() {
    let script = "call set 27 1\ncall set 4 1\ncall set -1 1\ncall set 58 1\ncall toggle 27\n\
                  call get 5\ncall write 0 0x20000 0x8000000\ncall write 2 1 0\ncall read -1\ncall pull 17 1";
    let trapped = trace("", "", script);
    assert_eq!(trapped.lines().count(), 10);
    for line in trapped.lines() {
        assert!(line.ends_with(" trap undeclared_line"), "{line}");
    }
}

#[test]
fn time_moves_by_waits_and_by_the_script() {
    let twice = "(func (export \"twice\") (param i32) (call $delay (local.get 0)) \
                 (call $set (i32.const 17) (i32.const 1)) (call $delay (local.get 0)))";
    let script = "call now\nadvance 7\ncall delay 1000000\ncall now\ncall delay 1000001\n\
                  call twice 500000\ncall twice 500001\ncall now";
    let expected = "now -> 0\ndelay ->\nnow -> 1000007\ndelay trap time\nGPSET0 0x00020000\ntwice ->\n\
                    GPSET0 0x00020000\ntwice trap time\nnow -> 2500008\n";
    assert_eq!(trace("", twice, script), expected);
}

#[test]
fn messages_are_text_inside_the_memory() {
    let script = "call log 0 8 2\ncall log 1 8 1\ncall log -5 8 0\ncall log 1 8 3\n\
                  call log 1 65536 0\ncall log 1 65535 2\ncall log 1 -1 1";
    let expected = "log DEBUG hi\nlog ->\nlog INFO h\nlog ->\nlog WARN \nlog ->\nlog trap bad_text\n\
                    log INFO \nlog ->\nlog trap out_of_bounds\nlog trap out_of_bounds\n";
    assert_eq!(trace("", "", script), expected);
}

#[test]
fn types_narrow_results() {
    let exports = "[exports]\nsame = { key = 'S', params = ['x: i8'], results = ['i8'] }\n\
                   truth = { params = ['x: i32'], results = ['bool'] }\n";
    let functions = "(func (export \"same\") (param i32) (result i32) local.get 0)\
                     (func (export \"truth\") (param i32) (result i32) local.get 0)";
    let script = "call same -128\ncall default.s 5\ncall truth 1\ncall truth 0\ncall truth 2\n\
                  call truth -1";
    let expected = "same -> -128\ndefault.s -> 5\ntruth -> true\ntruth -> false\n\
                    truth trap bad_argument\ntruth trap bad_argument\n";
    assert_eq!(trace(exports, functions, script), expected);
}

#[test]
fn what_does_not_fit_the_module_is_an_error_and_no_trap() {
    let exports = "[exports]\nsame = { params = ['x: i8'], results = ['i8'] }\n";
    let functions = "(func (export \"same\") (param i32) (result i32) local.get 0)";
    let manifest = Manifest::parse(&format!("{PINS}{exports}")).unwrap();
    let wasm = wat::parse_str(format!("(module {IMPORTS} {functions})")).unwrap();
    for (script, says) in [
        ("call same 128", "step 1: `same`: 128 does not fit argument 0"),
        ("call same 1 2", "step 1: `same`: takes 1 arguments"),
        ("call sane 1", "step 1: `sane`: no such export"),
        ("call set 17 4294967296", "step 1: `set`: 4294967296 does not fit argument 1"),
        ("level 27 0\nlevel 17 1", "step 2: line 17 is an output, or no line of the board"),
    ] {
        let error = run(&manifest, &wasm, &Script::parse(script).unwrap()).unwrap_err();
        assert_eq!(format!("{error:#}"), says);
    }
}

#[test]
fn traps_have_their_names_and_leave_the_module_callable() {
    let functions = r#"
        (func (export "never") unreachable)
        (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
        (func $deep (export "deep") call $deep)
        (func (export "spin") (loop (br 0)))
    "#;
    let script = "call never\ncall div 1 0\ncall div -2147483648 -1\ncall load 65533\ncall deep\n\
                  call spin\ncall div 7 -2";
    let expected = "never trap unreachable\ndiv trap divide_by_zero\ndiv trap integer_overflow\n\
                    load trap out_of_bounds\ndeep trap stack_overflow\nspin trap fuel\ndiv -> -3\n";
    assert_eq!(trace("", functions, script), expected);
}

#[test]
fn start_initialize_and_on_mount_run_first_in_this_order() {
    let functions = r#"
        (func $up (call $set (i32.const 17) (i32.const 1)))
        (start $up)
        (func (export "on_mount") (result i32) (call $set (i32.const 18) (i32.const 0)) i32.const 0)
        (func (export "_initialize") (call $set (i32.const 17) (i32.const 0)))
    "#;
    let expected = "GPSET0 0x00020000\nGPCLR0 0x00020000\nGPCLR0 0x00040000\n";
    assert_eq!(trace("", functions, ""), expected);
}

#[test]
fn a_module_that_refuses_the_mount_is_an_error() {
    let manifest = Manifest::parse(PINS).unwrap();
    let wat = r#"(module (func (export "on_mount") (result i32) i32.const 1))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let script = Script::parse("").unwrap();
    let error = run(&manifest, &wasm, &script).unwrap_err().to_string();
    assert!(error.starts_with("on_mount refused"), "{error}");
}
