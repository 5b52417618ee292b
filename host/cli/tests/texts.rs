//! Text of a host lands in a panel of each language: `greet` logs what it is given and returns its length.

mod languages;

use std::fs;

use xmap_project::Language;

use languages::{good, in_each_language};

const SCRIPT: &str = "call greet \"Gr\u{fc}\u{df}e, \\\"Welt\\\"\" -> 15
expect log \"Gr\u{fc}\u{df}e, \\\"Welt\\\"\"
call greet \"\" -> 0
call sum 0x01ff02 -> 258
";

/// The file of the source, and its text.
fn source(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::C => (
            "panel.c",
            "#include \"names.h\"
XMAP_ARGUMENTS(64)
uint32_t greet(const char *text, uint32_t len) { xmap_log_message(XMAP_INFO, text, len); return len; }
uint32_t sum(const uint8_t *raw, uint32_t len) {
    uint32_t all = 0;
    for (uint32_t i = 0; i < len; i++) all += raw[i];
    return all;
}
",
        ),
        Language::Rust => (
            "src/lib.rs",
            "#![no_std]
mod names;
xmap_guest::panic_is_trap!();
xmap_guest::arguments!(64);
names::check_exports!();
#[unsafe(no_mangle)]
extern \"C\" fn greet(text: *const u8, len: usize) -> u32 {
    xmap_guest::log::info(unsafe { xmap_guest::text(text, len) });
    len as u32
}
#[unsafe(no_mangle)]
extern \"C\" fn sum(raw: *const u8, len: usize) -> u32 {
    unsafe { xmap_guest::bytes(raw, len) }.iter().map(|b| u32::from(*b)).sum()
}
",
        ),
        Language::Zig => (
            "panel.zig",
            "const std = @import(\"std\");
const xmap = @import(\"xmap\");
const names = @import(\"names.zig\");
pub const panic = std.debug.no_panic;
comptime {
    xmap.arguments(64);
    _ = @as(*const names.exports.Greet, &greet);
}
export fn greet(text: [*]const u8, len: usize) u32 {
    xmap.log(.info, text[0..len]);
    return @intCast(len);
}
export fn sum(raw: [*]const u8, len: usize) u32 {
    var all: u32 = 0;
    for (raw[0..len]) |byte| all += byte;
    return all;
}
",
        ),
        Language::AssemblyScript => (
            "panel.ts",
            "import { log, Level } from \"./xmap\";
export { on_arguments } from \"./xmap\";
export function greet(text: usize, len: i32): u32 {
  log(Level.Info, String.UTF8.decodeUnsafe(text, len));
  return len;
}
export function sum(raw: usize, len: i32): u32 {
  let all: u32 = 0;
  for (let i = 0; i < len; i++) all += load<u8>(raw + i);
  return all;
}
",
        ),
        Language::Go => (
            "panel.go",
            "package main

import \"xmap\"

//go:wasmexport greet
func greet(text, length uint32) uint32 {
	xmap.Log(xmap.Info, xmap.Text(text, length))
	return length
}

//go:wasmexport sum
func sum(raw, length uint32) uint32 {
	var all uint32
	for _, b := range xmap.Bytes(raw, length) {
		all += uint32(b)
	}
	return all
}

func main() {}
",
        ),
        Language::Wat => (
            "panel.wat",
            "(module
  (import \"log\" \"message\" (func $log (param i32 i32 i32)))
  (memory 1 1)
  (func (export \"on_arguments\") (param i32) (result i32)
    (select (i32.const 0) (i32.const 1024) (i32.gt_u (local.get 0) (i32.const 64))))
  (func (export \"greet\") (param i32 i32) (result i32)
    (call $log (i32.const 1) (local.get 0) (local.get 1))
    (local.get 1))
  (func (export \"sum\") (param i32 i32) (result i32) (local $all i32)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get 1)))
      (local.set $all (i32.add (local.get $all) (i32.load8_u (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
      (br $next)))
    (local.get $all)))
",
        ),
    }
}

const EXPORTS: &str = "greet = { params = [\"text: str\"], results = [\"u32\"] }
sum = { params = [\"raw: bytes\"], results = [\"u32\"] }";

#[test]
fn text_and_bytes_land_in_a_panel_of_each_language() {
    let built = in_each_language(source, EXPORTS, |language, folder| {
        let (hall, word) = (folder.join("hall"), language.word());
        fs::remove_dir_all(hall.join("tests")).unwrap();
        fs::write(hall.join("script.txt"), SCRIPT).unwrap();
        let tested = good(folder, "xmap test hall");
        assert!(tested.contains("2 of 2 exports called"), "{word}: {tested}");
        assert!(tested.ends_with("1 passed, 0 failed\n"), "{word}: {tested}");
    });
    assert!(built.contains(&Language::Wat), "{built:?}");
}
