;; Counts presses in a global and in memory, and survives the next version of itself.
(module
  (import "gpio" "toggle" (func $toggle (param i32)))
  (memory 1)
  (global $presses (mut i32) (i32.const 0))
  (global (export "history") i32 (i32.const 64))
  (func (export "on_press")
    (call $toggle (i32.const 17))
    (global.set $presses (i32.add (global.get $presses) (i32.const 1)))
    (i32.store offset=64
      (i32.and (i32.shl (global.get $presses) (i32.const 2)) (i32.const 12))
      (global.get $presses)))
  (func (export "presses") (result i32) (global.get $presses)))
