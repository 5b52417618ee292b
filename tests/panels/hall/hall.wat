;; SPDX-License-Identifier: MIT OR Apache-2.0
;; A hall panel by hand: what no compiler emits on its own. Imports exported again, a start
;; function, br_table with values, every kind of trap, and both widths of integers.
(module $hall
  (import "gpio" "set" (func $gpio_set (param i32 i32)))
  (import "gpio" "write" (func $gpio_write (param i32 i32 i32)))
  (import "gpio" "toggle" (func $gpio_toggle (param i32)))
  (import "gpio" "get" (func $gpio_get (param i32) (result i32)))
  (import "time" "now_us" (func $now_us (result i64)))
  (import "time" "delay_us" (func $delay_us (param i32)))
  (import "log" "message" (func $message (param i32 i32 i32)))

  (memory (export "memory") 1 1)
  (data (i32.const 16) "hall: gr\c3\bc\c3\9fe")
  (data (i32.const 65528) "\ff\fe\fd\fc\fb\fa\f9\f8")

  (global $lamp i32 (i32.const 17))
  (global $fan i32 (i32.const 18))
  (global $started (mut i32) (i32.const 0))

  ;; Imports under other names: entries without code.
  (export "call_gpio_set" (func $gpio_set))
  (export "raw_set" (func $gpio_set))
  (export "raw_write" (func $gpio_write))
  (export "toggle" (func $gpio_toggle))
  (export "level" (func $gpio_get))
  (export "uptime" (func $now_us))
  (export "wait" (func $delay_us))
  (export "say" (func $message))

  (func $start
    global.get $started
    i32.const 40
    i32.add
    global.set $started
    global.get $fan
    i32.const 0
    call $gpio_set)
  (start $start)

  (func (export "_initialize")
    (global.set $started (i32.add (global.get $started) (i32.const 1))))

  (func (export "on_mount") (result i32)
    (global.set $started (i32.add (global.get $started) (i32.const 1)))
    (call $gpio_set (global.get $lamp) (i32.const 1))
    (call $gpio_set (global.get $lamp) (i32.const 0))
    i32.const 0)

  ;; 42 where the start function, _initialize and on_mount have each run once.
  (func (export "started") (result i32)
    global.get $started)

  (func $lamp_on (export "lamp_on")
    (call $gpio_set (global.get $lamp) (i32.const 1)))
  (func $lamp_off (export "lamp_off")
    (call $gpio_set (global.get $lamp) (i32.const 0)))

  (func (export "both") (param $on i32)
    (local $mask i32)
    (local.set $mask
      (i32.or
        (i32.shl (i32.const 1) (global.get $lamp))
        (i32.shl (i32.const 1) (global.get $fan))))
    (call $gpio_write
      (i32.const 0)
      (select (local.get $mask) (i32.const 0) (local.get $on))
      (select (i32.const 0) (local.get $mask) (local.get $on))))

  ;; The lamp burns while the button is down.
  (func (export "follow") (result i32)
    (local $down i32)
    (call $gpio_set
      (global.get $lamp)
      (local.tee $down (i32.eqz (call $gpio_get (i32.const 27)))))
    local.get $down)

  ;; 0 dark, 1 lamp, 2 fan, 3 both, each with another result made of what the branch carries;
  ;; others 100 + n and no change.
  (func (export "scene") (param $n i32) (result i32)
    (block $other (result i32)
      (block $both (result i32)
        (block $fan (result i32)
          (block $lamp (result i32)
            (block $dark (result i32)
              (br_table $dark $lamp $fan $both $other
                (i32.add (local.get $n) (i32.const 100))
                (local.get $n)))
            (call $gpio_write (i32.const 0) (i32.const 0) (i32.const 0x60000))
            (return (i32.sub (i32.const 101))))
          (call $gpio_write (i32.const 0) (i32.const 0x20000) (i32.const 0x40000))
          (return (i32.mul (i32.const 3))))
        (call $gpio_write (i32.const 0) (i32.const 0x40000) (i32.const 0x20000))
        (return (i32.xor (i32.const -1))))
      (call $gpio_write (i32.const 0) (i32.const 0x60000) (i32.const 0))))

  (func (export "peek") (param $address i32) (result i32)
    (i32.load8_u offset=1 (local.get $address)))
  (func (export "poke") (param $address i32) (param $value i32)
    (i32.store (local.get $address) (local.get $value)))
  (func (export "poke_wide") (param $address i32) (param $value i64)
    (i64.store16 (local.get $address) (local.get $value))
    (i64.store32 offset=2 (local.get $address) (i64.shr_u (local.get $value) (i64.const 32))))

  ;; Adler-32 without the modulus, which these lengths never need.
  (func (export "checksum") (param $address i32) (param $len i32) (result i32)
    (local $a i32) (local $b i32)
    (local.set $a (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $a (i32.add (local.get $a) (i32.load8_u (local.get $address))))
        (local.set $b (i32.add (local.get $b) (local.get $a)))
        (local.set $address (i32.add (local.get $address) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $next)))
    (i32.or (i32.shl (local.get $b) (i32.const 16)) (local.get $a)))

  (func (export "greet") (param $level i32)
    (call $message (local.get $level) (i32.const 16) (i32.const 13)))

  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func (export "remainder") (param i32 i32) (result i32)
    (i32.rem_s (local.get 0) (local.get 1)))

  (func (export "average") (param i32 i32) (result i32)
    (i32.shr_s (i32.add (local.get 0) (local.get 1)) (i32.const 1)))

  ;; As wide as its argument, whatever the manifest says of its result.
  (func (export "echo") (param i32) (result i32)
    (local.get 0))

  (func (export "mix") (param $a i64) (param $b i64) (result i64)
    (if (result i64) (i64.lt_s (local.get $a) (local.get $b))
      (then (i64.rotl (i64.mul (local.get $a) (i64.const 0x9e3779b97f4a7c15)) (local.get $b)))
      (else (i64.xor (i64.shr_s (local.get $a) (i64.const 7)) (i64.sub (i64.const 0) (local.get $b))))))

  ;; Leading zeros, trailing zeros and ones of a number, ten bits for each.
  (func (export "bits") (param $n i64) (result i32)
    (i32.wrap_i64
      (i64.or
        (i64.shl (i64.clz (local.get $n)) (i64.const 20))
        (i64.or
          (i64.shl (i64.ctz (local.get $n)) (i64.const 10))
          (i64.popcnt (local.get $n))))))

  ;; The fuel ends it.
  (func (export "spin")
    (loop $again (br $again)))

  ;; 1 + 2 + ... + depth by recursion: the stack ends a deep one.
  (func $descend (export "descend") (param $depth i32) (result i32)
    (if (result i32) (local.get $depth)
      (then
        (i32.add
          (local.get $depth)
          (call $descend (i32.sub (local.get $depth) (i32.const 1)))))
      (else (i32.const 0))))

  (func (export "never")
    (call $gpio_set (global.get $lamp) (i32.const 1))
    unreachable))
