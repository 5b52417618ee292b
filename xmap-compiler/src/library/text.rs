//! The text of the library: what is written once stands in the files beside this one; what follows from a
//! manifest, or repeats itself, is made here.

use std::fmt::Write as _;

/// Words of eight bytes that hold a line, one global each: 256 bytes, which a message may have for free
/// (`xmap_image::fuel::FREE_TEXT_BYTES`).
const WORDS: usize = 32;

/// What is written once.
pub(super) const WASI: &str = include_str!("wasi.wat");
pub(super) const ENV: &str = include_str!("env.wat");
pub(super) const WIDE: &str = include_str!("wide.wat");

/// What is asked of the library beside its functions.
pub(super) struct Wanted<'t> {
    /// The arguments of a program, its name first.
    pub(super) args: &'t [String],
    /// The environment: `NAME=value`.
    pub(super) env: &'t [String],
    /// The guest is a program: the library calls its `_start`.
    pub(super) command: bool,
}

/// The library as a module's text.
pub(super) fn library(wanted: &Wanted<'_>) -> String {
    let mut text = String::from(
        "(module\n\
         (import \"log\" \"message\" (func $message (param i32 i32 i32)))\n\
         (import \"time\" \"now_us\" (func $now_us (result i64)))\n\
         (import \"time\" \"delay_us\" (func $delay_us (param i32)))\n\
         (import \"random\" \"get\" (func $random (param i32 i32)))\n",
    );
    if wanted.command {
        text += "(import \"guest\" \"_start\" (func $guest_start))\n\
                 (global $runs (mut i32) (i32.const 0))\n\
                 (global $exited (export \"exited\") (mut i32) (i32.const 0))\n\
                 (func (export \"command\")\n\
                 (global.set $runs (i32.const 1)) (call $guest_start) (global.set $runs (i32.const 0))\n\
                 (global.set $exited (i32.const 0)) (call $flush))\n\
                 (func $ended (global.set $exited (global.get $runs)))\n";
    } else {
        text += "(func $ended)\n";
    }
    text += "(func (export \"wasi_snapshot_preview1.random_get\") (param i32 i32) (result i32)\n\
             (call $random (local.get 0) (local.get 1)) (i32.const 0))\n";
    // Returns where the bytes are that the library is lent: the first ones. A memory without a page gets one;
    // where it cannot, they are outside.
    text += "(func $lent (result i32) (if (memory.size) (then (return (i32.const 0))))\n\
             (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))\n";
    // They are given back: nothing in between can trap.
    text += "(func (export \"env.seed\") (result f64) (local $at i32) (local $old i64) (local $seed i64)\n\
             (local.set $at (call $lent)) (local.set $old (i64.load (local.get $at)))\n\
             (call $random (local.get $at) (i32.const 8)) (local.set $seed (i64.load (local.get $at)))\n\
             (i64.store (local.get $at) (local.get $old)) (f64.convert_i64_u (local.get $seed)))\n";
    text += "(memory 1)\n";
    held(&mut text);
    strings(&mut text, "args", "args_get", "args_sizes_get", wanted.args);
    strings(&mut text, "env", "environ_get", "environ_sizes_get", wanted.env);
    text += include_str!("lines.wat");
    text += WASI;
    text += ENV;
    text += WIDE;
    text += ")";
    text
}

/// The globals that hold a line, and the functions that have to name each of them.
///
/// `$show` lends a message the first bytes of the guest's memory: what stands there is read before and put
/// back after. In between is one native operation that cannot trap: the text is UTF-8, stands in memory, and
/// is short enough to take no fuel. Straight code takes none either, so the call ends nowhere in between.
/// Where there are no bytes to lend, nothing is said.
fn held(text: &mut String) {
    let all = || 0..WORDS;
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all");
    for n in all() {
        add(format_args!("(global $h{n} (mut i64) (i64.const 0))"));
    }
    let targets: Vec<String> = all().map(|n| n.to_string()).collect();
    let choose = format!("{}local.get $n br_table {}", "block ".repeat(WORDS), targets.join(" "));
    add(format_args!("(func $held (param $n i32) (result i64) {choose}"));
    all().for_each(|n| add(format_args!("end global.get $h{n} return")));
    add(format_args!("unreachable)\n(func $set_held (param $n i32) (param $v i64) {choose}"));
    all().for_each(|n| add(format_args!("end local.get $v global.set $h{n} return")));
    add(format_args!(")\n(func $show (param $level i32) (param $n i32) (local{})", " i64".repeat(WORDS)));
    add(format_args!("(if (call $lent) (then (return)))"));
    for n in all() {
        add(format_args!("(local.set {} (i64.load offset={} (i32.const 0)))", n + 2, n * 8));
    }
    for n in all() {
        add(format_args!("(i64.store offset={} (i32.const 0) (global.get $h{n}))", n * 8));
    }
    add(format_args!("(call $message (local.get $level) (i32.const 0) (local.get $n))"));
    for n in all() {
        add(format_args!("(i64.store offset={} (i32.const 0) (local.get {}))", n * 8, n + 2));
    }
    add(format_args!(")"));
}

/// A pair of functions of WASI that give strings: `get` writes them and pointers to them, `sizes` says how
/// many there are and how many bytes they have, each with a zero at its end.
fn strings(text: &mut String, data: &str, get: &str, sizes: &str, strings: &[String]) {
    let mut add = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all");
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    let (module, errno) = ("wasi_snapshot_preview1", "(result i32)");
    add(format_args!("(func (export \"{module}.{sizes}\") (param i32 i32) {errno}"));
    add(format_args!("(i32.store (local.get 0) (i32.const {}))", strings.len()));
    add(format_args!("(i32.store (local.get 1) (i32.const {bytes})) (i32.const 0))"));
    if bytes > 0 {
        let escaped: String = strings.iter().map(|string| escaped(string) + "\\00").collect();
        add(format_args!("(data ${data} \"{escaped}\")"));
    }
    add(format_args!("(func (export \"{module}.{get}\") (param i32 i32) {errno}"));
    if bytes > 0 {
        add(format_args!("(memory.init ${data} (local.get 1) (i32.const 0) (i32.const {bytes}))"));
    }
    let mut at = 0;
    for (n, string) in strings.iter().enumerate() {
        let pointer = format!("(i32.add (local.get 1) (i32.const {at}))");
        add(format_args!("(i32.store offset={} (local.get 0) {pointer})", n * 4));
        at += string.len() + 1;
    }
    add(format_args!("(i32.const 0))"));
}

/// Bytes as the text format has them.
fn escaped(string: &str) -> String {
    string.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}
