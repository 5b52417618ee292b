//! The module of a hall: a lamp, and presses that are counted.

/// Returns its text. `version` is what `version` gives, `tick` stands in the handler, `data` bytes go into
/// the memory, so that the image takes several frames, and `more` is more functions.
pub fn wat(version: u32, tick: &str, data: usize, more: &str) -> String {
    let data: String = (0..data).map(|n| format!("\\{:02x}", n * 37 % 251 + 1)).collect();
    format!(
        r#"(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (global $presses (mut i32) (i32.const 0))
  (global $zero (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (data (i32.const 16) "{data}")
  (func (export "lamp_on") (call $set (i32.const 17) (i32.const 1)))
  (func (export "press") (global.set $presses (i32.add (global.get $presses) (i32.const 1))))
  (func (export "presses") (result i32) (global.get $presses))
  (func (export "version") (result i32) (i32.add (i32.const {version}) (i32.load8_u offset=65535 (global.get $zero))))
  (func (export "trip") (result i32) (i32.div_u (i32.const 1) (global.get $zero)))
  (func $tick (export "tick") {tick})
  {more})"#
    )
}
