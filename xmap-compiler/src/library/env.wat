;; What compilers import by themselves, beside WASI: AssemblyScript's and Emscripten's environment, and the block
;; functions that clang takes for granted.

;; AssemblyScript: a string is UTF-16, and the bytes that it has stand in front of it.
(func $string (param $at i32)
  (local $end i32) (local $c i32) (local $low i32)
  (if (i32.eqz (local.get $at)) (then (return)))
  (local.set $end (i32.add (local.get $at)
    (i32.and (i32.load align=1 (i32.sub (local.get $at) (i32.const 4))) (i32.const -2))))
  (loop $units
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then
        (local.set $c (i32.load16_u align=1 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (if (i32.eq (i32.and (local.get $c) (i32.const 0xf800)) (i32.const 0xd800))
          (then
            (local.set $low (i32.const 0))
            (if (i32.lt_u (local.get $at) (local.get $end))
              (then (local.set $low (i32.load16_u align=1 (local.get $at)))))
            (if (i32.and (i32.lt_u (local.get $c) (i32.const 0xdc00))
                  (i32.eq (i32.and (local.get $low) (i32.const 0xfc00)) (i32.const 0xdc00)))
              (then
                (local.set $at (i32.add (local.get $at) (i32.const 2)))
                (local.set $c (i32.add (i32.const 0x10000)
                  (i32.or (i32.shl (i32.and (local.get $c) (i32.const 0x3ff)) (i32.const 10))
                    (i32.and (local.get $low) (i32.const 0x3ff))))))
              (else (local.set $c (i32.const 63))))))
        (call $char (local.get $c))
        (br $units)))))

;; A line of its own at a level.
(func $begin (param $level i32)
  (call $flush)
  (global.set $level (local.get $level)))

(func (export "env.abort") (param $message i32) (param $file i32) (param $line i32) (param $column i32)
  (call $begin (i32.const 2))
  (call $ascii (i64.const 0x203a74726f6261)) ;; `abort: `
  (call $string (local.get $message))
  (if (local.get $file)
    (then
      (call $ascii (i64.const 0x206e6920)) ;; ` in `
      (call $string (local.get $file))
      (call $char (i32.const 58))
      (call $number (i64.extend_i32_u (local.get $line)))
      (call $char (i32.const 58))
      (call $number (i64.extend_i32_u (local.get $column)))))
  (call $flush))

(func $console (param $level i32) (param $text i32)
  (call $begin (local.get $level))
  (call $string (local.get $text))
  (call $flush))
(func (export "env.console.log") (param $text i32) (call $console (i32.const 1) (local.get $text)))
(func (export "env.console.info") (param $text i32) (call $console (i32.const 1) (local.get $text)))
(func (export "env.console.debug") (param $text i32) (call $console (i32.const 0) (local.get $text)))
(func (export "env.console.warn") (param $text i32) (call $console (i32.const 2) (local.get $text)))
(func (export "env.console.error") (param $text i32) (call $console (i32.const 2) (local.get $text)))

(func (export "env.trace") (param $text i32) (param $n i32)
  (param $a f64) (param $b f64) (param $c f64) (param $d f64) (param $e f64)
  (call $begin (i32.const 1))
  (call $string (local.get $text))
  (loop $values
    (if (i32.and (i32.gt_s (local.get $n) (i32.const 0)) (i32.le_s (local.get $n) (i32.const 5)))
      (then
        (call $char (i32.const 32))
        (call $float (local.get $a))
        (local.set $a (local.get $b))
        (local.set $b (local.get $c))
        (local.set $c (local.get $d))
        (local.set $d (local.get $e))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $values))))
  (call $flush))

;; Holds a number: exact where it is whole and below 2^63, otherwise cut to six places; larger ones are `huge`.
(func $float (param $x f64)
  (local $whole i64) (local $part i64) (local $place i64)
  (if (f64.ne (local.get $x) (local.get $x))
    (then
      (call $ascii (i64.const 0x4e614e)) ;; `NaN`
      (return)))
  (if (f64.lt (local.get $x) (f64.const 0))
    (then (call $char (i32.const 45)) (local.set $x (f64.neg (local.get $x)))))
  (if (f64.ge (local.get $x) (f64.const 0x1p63))
    (then
      (call $ascii (i64.const 0x65677568)) ;; `huge`
      (return)))
  (local.set $whole (i64.trunc_f64_u (local.get $x)))
  (call $number (local.get $whole))
  (local.set $part (i64.trunc_f64_u (f64.mul (f64.const 1000000)
    (f64.sub (local.get $x) (f64.convert_i64_u (local.get $whole))))))
  (if (i64.eqz (local.get $part)) (then (return)))
  (call $char (i32.const 46))
  (local.set $place (i64.const 100000))
  (loop $digits
    (call $char (i32.add (i32.const 48) (i32.wrap_i64 (i64.div_u (local.get $part) (local.get $place)))))
    (local.set $part (i64.rem_u (local.get $part) (local.get $place)))
    (local.set $place (i64.div_u (local.get $place) (i64.const 10)))
    (br_if $digits (i64.ne (local.get $part) (i64.const 0)))))

(func $milliseconds (result f64) (f64.div (f64.convert_i64_u (call $now_us)) (f64.const 1000)))
(export "env.Date.now" (func $milliseconds))
(export "env.performance.now" (func $milliseconds))
(export "env.emscripten_get_now" (func $milliseconds))
(export "env.emscripten_date_now" (func $milliseconds))

;; C's.
(func (export "env.abort c") (call $flush))
(func (export "env._abort_js") (call $flush))
(func (export "env.exit") (param i32) (call $flush))

;; Emscripten. Its heap grows by the module's own memory.
(func (export "env.emscripten_notify_memory_growth") (param i32))
(func (export "env.emscripten_resize_heap") (param $bytes i32) (result i32)
  (local $pages i32)
  (local.set $pages (i32.add (i32.shr_u (i32.sub (local.get $bytes) (i32.const 1)) (i32.const 16)) (i32.const 1)))
  (if (i32.le_u (local.get $pages) (memory.size)) (then (return (i32.const 1))))
  (i32.ne (i32.const -1) (memory.grow (i32.sub (local.get $pages) (memory.size)))))
(global $temporary (mut i32) (i32.const 0))
(func (export "env.setTempRet0") (param $value i32) (global.set $temporary (local.get $value)))
(func (export "env.getTempRet0") (result i32) (global.get $temporary))

;; Blocks of memory (C17, section 7.24).
(func $copy (param $to i32) (param $from i32) (param $n i32) (result i32)
  (memory.copy (local.get $to) (local.get $from) (local.get $n))
  (local.get $to))
(export "env.memcpy" (func $copy))
(export "env.memmove" (func $copy))
(export "env.emscripten_memcpy_big" (func $copy))
(func $copied (param $to i32) (param $from i32) (param $n i32)
  (memory.copy (local.get $to) (local.get $from) (local.get $n)))
(export "env.emscripten_memcpy_big 0" (func $copied))
(export "env.emscripten_memcpy_js" (func $copied))
(export "env._emscripten_memcpy_js" (func $copied))
(func (export "env.memset") (param $to i32) (param $byte i32) (param $n i32) (result i32)
  (memory.fill (local.get $to) (local.get $byte) (local.get $n))
  (local.get $to))
(func $compare (param $a i32) (param $b i32) (param $n i32) (result i32)
  (local $difference i32)
  (loop $bytes
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set $difference (i32.sub (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))))
    (if (local.get $difference) (then (return (local.get $difference))))
    (local.set $a (i32.add (local.get $a) (i32.const 1)))
    (local.set $b (i32.add (local.get $b) (i32.const 1)))
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br $bytes))
  (unreachable))
(export "env.memcmp" (func $compare))
(export "env.bcmp" (func $compare))
(func (export "env.strlen") (param $at i32) (result i32)
  (local $end i32)
  (local.set $end (local.get $at))
  (loop $bytes
    (if (i32.load8_u (local.get $end))
      (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $bytes))))
  (i32.sub (local.get $end) (local.get $at)))
