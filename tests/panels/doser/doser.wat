;; SPDX-License-Identifier: MIT OR Apache-2.0
;; A pump that doses: what it does is told by spans, with constant names and with one that a call brings; and
;; everything that a panel can do wrong with spans.
(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "time" "delay_us" (func $delay (param i32)))
  (import "trace" "start_span" (func $start (param i32 i32) (result i32)))
  (import "trace" "end_span" (func $end (param i32)))
  (import "trace" "set_attr_i64" (func $number (param i32 i32 i32 i64)))
  (import "trace" "set_attr_str" (func $text (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1 1)
  ;; Names that calls have as constants, and those that a call picks.
  (data (i32.const 1024) "dosepourrinsemlagentacid")
  (data (i32.const 1100) "firstsecondthird")
  (global $total (mut i32) (i32.const 0))

  (func $pump (param $us i32)
    (call $set (i32.const 17) (i32.const 1))
    (call $delay (local.get $us))
    (call $set (i32.const 17) (i32.const 0)))

  (func (export "dose") (param $ml i32) (result i32) (local $dose i32) (local $pour i32)
    (local.set $dose (call $start (i32.const 1024) (i32.const 4)))
    (call $number (local.get $dose) (i32.const 1037) (i32.const 2) (i64.extend_i32_u (local.get $ml)))
    (call $text (local.get $dose) (i32.const 1039) (i32.const 5) (i32.const 1044) (i32.const 4))
    (local.set $pour (call $start (i32.const 1028) (i32.const 4)))
    (call $pump (i32.mul (local.get $ml) (i32.const 100)))
    (call $end (local.get $pour))
    (local.set $pour (call $start (i32.const 1032) (i32.const 5)))
    (call $pump (i32.const 50))
    (call $end (local.get $pour))
    (call $end (local.get $dose))
    (global.set $total (i32.add (global.get $total) (local.get $ml)))
    (global.get $total))

  ;; The pump runs until it is told otherwise.
  (func (export "prime") (param $on i32) (call $set (i32.const 17) (local.get $on)))

  ;; A name that only the call knows: it travels. Outside the memory is a trap.
  (func (export "named") (param $at i32) (param $len i32)
    (call $end (call $start (local.get $at) (local.get $len))))

  (func (export "twice") (local $span i32)
    (local.set $span (call $start (i32.const 1024) (i32.const 4)))
    (call $end (local.get $span))
    (call $end (local.get $span))
    (call $number (local.get $span) (i32.const 1037) (i32.const 2) (i64.const 1)))

  (func (export "wrong_order") (local $span i32)
    (local.set $span (call $start (i32.const 1024) (i32.const 4)))
    (drop (call $start (i32.const 1028) (i32.const 4)))
    (call $end (local.get $span)))

  (func (export "never") (drop (call $start (i32.const 1024) (i32.const 4))))

  (func (export "deep") (param $n i32)
    (loop
      (drop (call $start (i32.const 1024) (i32.const 4)))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))

  (func (export "trap") (drop (call $start (i32.const 1024) (i32.const 4))) unreachable)

  (func (export "tick") (call $end (call $start (i32.const 1032) (i32.const 5))))
  (func (export "on_mount") (result i32)
    (call $end (call $start (i32.const 1024) (i32.const 4))) (i32.const 0)))
