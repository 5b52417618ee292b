//! The table of features in docs/guest.md, held against the compiler: each row has a module, which compiles
//! or is refused for what it is.

use std::path::Path;

use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::Code;
use xmap_compiler::input::{self, Content};
use xmap_compiler::manifest::Manifest;

/// A module for each row, by the first words of the row.
const MODULES: [(&str, &str); 18] = [
    (
        "integers of 32 and 64 bits",
        r#"(memory 1) (data (i32.const 0) "a") (global $g (mut i64) (i64.const 1))
        (func $f (param i32) (result i32) (local.get 0))
        (func (export "e") (param i32) (result i32)
            (loop (br_if 0 (i32.eqz (i32.load8_u (i32.const 0)))))
            (global.set $g (i64.mul (global.get $g) (i64.const 3)))
            (if (result i32) (local.get 0) (then (call $f (i32.const 1))) (else (i32.wrap_i64 (global.get $g)))))"#,
    ),
    (
        "floats of 32 and 64 bits",
        r#"(func (export "e") (param f32) (result f64) (f64.sqrt (f64.promote_f32 (local.get 0))))"#,
    ),
    (
        "`call_indirect`",
        r#"(type $t (func (result i32))) (table 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
        (func (export "e") (param i32) (result i32) (call_indirect (type $t) (local.get 0)))"#,
    ),
    ("sign extension", r#"(func (export "e") (param i32) (result i32) (i32.extend8_s (local.get 0)))"#),
    (
        "conversions that saturate",
        r#"(func (export "e") (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0)))"#,
    ),
    (
        "several results",
        r#"(func $two (result i32 i32) (i32.const 1) (i32.const 2))
        (func (export "e") (result i32) (call $two) (block (param i32 i32) (result i32) (i32.add)))"#,
    ),
    (
        "`memory.copy`",
        r#"(memory 1) (data $d "abc")
        (func (export "e") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
            (memory.copy (i32.const 8) (i32.const 0) (i32.const 3))
            (memory.fill (i32.const 0) (i32.const 7) (i32.const 3)))"#,
    ),
    (
        "reference types in tables",
        r#"(table $t 1 4 funcref) (elem declare func $f) (func $f)
        (func (export "e") (result i32) (table.set $t (i32.const 0) (ref.func $f))
            (table.grow $t (ref.null func) (i32.const 1)))"#,
    ),
    (
        "constant expressions",
        r#"(memory 1) (data (i32.add (i32.const 4) (i32.const 4)) "a")
        (func (export "e") (result i32) (i32.load8_u (i32.const 8)))"#,
    ),
    ("tail calls", r#"(func $f) (func (export "e") (return_call $f))"#),
    (
        "an imported memory or table",
        r#"(import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref)) (elem (i32.const 0) $f)
        (func $f) (func (export "e") (result i32) (call_indirect (i32.const 0)) (i32.load (i32.const 0)))"#,
    ),
    ("SIMD", r#"(func (export "e") (result i32) (i32x4.extract_lane 0 (i32x4.splat (i32.const 1))))"#),
    ("threads", r#"(memory 1 1 shared) (func (export "e") (result i32) (i32.atomic.load (i32.const 0)))"#),
    ("exceptions", r#"(tag $t) (func (export "e") (throw $t))"#),
    (
        "garbage collection",
        r#"(type $s (struct (field i32))) (func (export "e") (drop (struct.new $s (i32.const 1))))"#,
    ),
    ("64-bit memory", r#"(memory i64 1) (func (export "e") (result i32) (i32.load (i64.const 0)))"#),
    (
        "more than one memory",
        r#"(memory 1) (memory $m 1) (func (export "e") (result i32) (i32.load $m (i32.const 0)))"#,
    ),
    (
        "an imported global",
        r#"(import "env" "base" (global i32)) (func (export "e") (result i32) (global.get 0))"#,
    ),
];

#[test]
fn the_table_of_features_is_what_the_compiler_does() {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guest.md");
    let guest = std::fs::read_to_string(guest).unwrap();
    let table = guest.split("| feature | compiles |\n| --- | --- |\n").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let modules = MODULES.iter();
    assert_eq!(rows.len(), modules.clone().count(), "each row has a module, and each module a row");
    for (row, (words, module)) in rows.iter().zip(modules) {
        let says_yes = row.ends_with("| yes |");
        assert!(row[2..].starts_with(words), "{row}");
        assert!(says_yes || row.ends_with("| no |"), "{row}");
        let path = Path::new("probe.wat");
        let Ok(Content::Module(wasm)) = input::content(path, format!("(module {module})").into_bytes())
        else {
            panic!("{row}: the module's text does not parse");
        };
        match compile(&Manifest::bare(&xmap_boards::RPI4B, path), &wasm) {
            Ok(_) => assert!(says_yes, "{row}: it compiles"),
            Err(errors) => {
                assert!(!says_yes, "{row}: {errors}");
                let named = errors.has(Code::Unsupported) || errors.has(Code::ImportKind);
                assert!(named, "{row}: not refused for what it is: {errors}");
            }
        }
    }
}
