;; A module with a shadow stack in linear memory, as LLVM lays one out: `$__stack_pointer` goes down with each frame, and
;; the module's variables stand below it, so that a stack which is never given back runs into them.
(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "time" "delay_us" (func $delay_us (param i32)))
  (memory (export "memory") 1 1)
  ;; Variables: 64 words from 0 on. Stack: from 1,280 down to 256, room for 21 frames.
  (global $__stack_pointer (export "__stack_pointer") (mut i32) (i32.const 1280))

  ;; Takes a frame of 48 bytes for each level, then does what traps as `kind` says; 0 returns.
  (func $dive (export "dive") (param $depth i32) (param $kind i32) (result i32)
    (local $frame i32)
    (global.set $__stack_pointer
      (local.tee $frame (i32.sub (global.get $__stack_pointer) (i32.const 48))))
    (i32.store offset=44 (local.get $frame) (local.get $depth))
    (i64.store (local.get $frame) (i64.const -1))
    (if (local.get $depth)
      (then (drop (call $dive (i32.sub (local.get $depth) (i32.const 1)) (local.get $kind))))
      (else (call $fault (local.get $kind))))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 48)))
    (i32.load offset=44 (local.get $frame)))

  (func $fault (param $kind i32)
    (block $line (block $time (block $fuel (block $memory (block $divide (block $unreachable (block $none
      (br_table $none $unreachable $divide $memory $fuel $time $line (local.get $kind)))
      (return))
      (unreachable))
      (drop (i32.div_u (i32.const 1) (i32.sub (local.get $kind) (i32.const 2))))
      (return))
      (drop (i32.load (i32.const -4)))
      (return))
      (loop $again (br $again)))
      (call $delay_us (i32.const 400))
      (call $delay_us (i32.const 400))
      (call $delay_us (i32.const 400)))
    (call $set (local.get $kind) (i32.const 1)))

  (func (export "fill")
    (local $at i32)
    (call $set (i32.const 17) (i32.const 1))
    (loop $next
      (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 1000)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 256)))))

  ;; The first variable that is not as `fill` left it; -1 where all are.
  (func (export "check") (result i32)
    (local $at i32)
    (loop $next
      (if (i32.ne (i32.load (local.get $at)) (i32.add (local.get $at) (i32.const 1000)))
        (then (return (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 256))))
    (i32.const -1))

  ;; Handlers trap as well.
  (func (export "on_press") (drop (call $dive (i32.const 4) (i32.const 1))))
  (func (export "on_tick") (drop (call $dive (i32.const 7) (i32.const 5)))))
