(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "gpio" "get" (func $get (param i32) (result i32)))
  (import "gpio" "toggle" (func $toggle (param i32)))
  (import "gpio" "read" (func $read (param i32) (result i32)))
  (import "gpio" "write" (func $write (param i32 i32 i32)))
  (import "gpio" "direction" (func $direction (param i32 i32)))

  ;; Lines that a call names: held against the declared ones at each call.
  (func (export "lamp") (param i32 i32) (call $set (local.get 0) (local.get 1)))
  (func (export "level") (param i32) (result i32) (call $get (local.get 0)))
  (func (export "bank") (param i32) (result i32) (call $read (local.get 0)))
  (func (export "mask") (param i32 i32 i32) (call $write (local.get 0) (local.get 1) (local.get 2)))

  ;; Lines 64, 65 and 79 by one store of bank 2, and one line of each other bank: known to the compiler.
  (func (export "all") (param i32)
    (if (local.get 0)
      (then
        (call $write (i32.const 2) (i32.const 0x8003) (i32.const 0))
        (call $set (i32.const 31) (i32.const 1))
        (call $set (i32.const 32) (i32.const 1)))
      (else
        (call $write (i32.const 2) (i32.const 0) (i32.const 0x8003))
        (call $set (i32.const 31) (i32.const 0))
        (call $set (i32.const 32) (i32.const 0)))))
  (func (export "turn") (param i32)
    (call $set (i32.const 63) (i32.const 1))
    (call $direction (i32.const 63) (local.get 0)))

  (func (export "on_key") (call $set (i32.const 64) (call $get (i32.const 95))))
  (func (export "on_door") (call $toggle (i32.const 79))))
