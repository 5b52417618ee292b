;; The lamp of a hall, in WebAssembly text.
(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "gpio" "toggle" (func $toggle (param i32)))
  (import "log" "message" (func $log (param i32 i32 i32)))
  (memory 1)
  (data (i32.const 16) "button")
  (global $presses (mut i32) (i32.const 0))
  (func (export "lamp_set") (param $on i32)
    (call $set (i32.const 17) (local.get $on)))
  (func (export "on_press")
    (global.set $presses (i32.add (global.get $presses) (i32.const 1)))
    (call $toggle (i32.const 17))
    (call $log (i32.const 1) (i32.const 16) (i32.const 6))))
