;; The porch's lamp: lit while the hall's button is pressed, which the porch only reads.
(module
  (import "gpio" "get" (func $get (param i32) (result i32)))
  (import "gpio" "set" (func $set (param i32 i32)))
  (func (export "on_mount") (result i32) (i32.const 0))
  (func (export "on_tick")
    (call $set (i32.const 22) (i32.eqz (call $get (i32.const 27)))))
  (func (export "lamp") (param i32) (call $set (i32.const 22) (local.get 0))))
