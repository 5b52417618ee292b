;; The hall's lamp: a press turns it.
(module
  (import "gpio" "toggle" (func $toggle (param i32)))
  (import "gpio" "set" (func $set (param i32 i32)))
  (func (export "on_mount") (result i32)
    (call $set (i32.const 17) (i32.const 0))
    (i32.const 0))
  (func (export "on_press") (call $toggle (i32.const 17)))
  (func (export "lamp") (param i32) (call $set (i32.const 17) (local.get 0))))
