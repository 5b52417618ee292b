;; Text by line: what a module writes in pieces becomes messages of the log.
;;
;; A message is a line, without its end. A line that is whole in one piece, of ASCII and of at most 256 bytes, goes
;; to the log from where it stands. All else is held until its end comes: in globals, since of the module's memory no
;; byte is ours. `$h0` to `$h31` have eight bytes each (`held` in text.rs makes them); `$word` has those behind the last
;; eight.
;;
;; What is held is UTF-8 at all times, but for one character at its end that is not whole. A byte that is no part of
;; a character is held as `?`. A line of more than 256 bytes is cut between two characters.

(global $len (mut i32) (i32.const 0))
(global $word (mut i64) (i64.const 0))
;; The level of what is held: 0 DEBUG, 1 INFO, 2 WARN.
(global $level (mut i32) (i32.const 1))
;; Bytes that the last character still needs, those that it has, and the bounds of the next one.
(global $need (mut i32) (i32.const 0))
(global $have (mut i32) (i32.const 0))
(global $low (mut i32) (i32.const 0))
(global $high (mut i32) (i32.const 0))

;; Writes text: its lines, and what stands behind the last one is held.
(func $text (param $level i32) (param $at i32) (param $n i32)
  (local $end i32) (local $next i32)
  (if (i32.eqz (local.get $n)) (then (return)))
  (local.set $end (i32.add (local.get $at) (local.get $n)))
  ;; Text outside the memory traps before any of it is logged.
  (if (i32.lt_u (i32.sub (local.get $end) (i32.const 1)) (local.get $at)) (then (unreachable)))
  (drop (i32.load8_u (i32.sub (local.get $end) (i32.const 1))))
  (if (i32.ne (local.get $level) (global.get $level)) (then (call $flush)))
  (global.set $level (local.get $level))
  (loop $lines
    (local.set $next (call $line_end (local.get $at) (local.get $end)))
    (if (i32.lt_u (local.get $next) (local.get $end))
      (then
        (call $line (local.get $at) (i32.sub (local.get $next) (local.get $at)))
        (local.set $at (i32.add (local.get $next) (i32.const 1)))
        (br $lines))))
  (call $put (local.get $at) (i32.sub (local.get $end) (local.get $at))))

;; Returns where the first line feed stands, or the end.
(func $line_end (param $at i32) (param $end i32) (result i32)
  (local $eight i64)
  (block $byte
    (loop $eights
      (br_if $byte (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 8)))
      ;; A byte of `$eight` is zero where there is a line feed; the carries show the first one.
      (local.set $eight (i64.xor (i64.load align=1 (local.get $at)) (i64.const 0x0a0a0a0a0a0a0a0a)))
      (br_if $byte (i64.ne (i64.const 0) (i64.and (i64.const 0x8080808080808080)
        (i64.and (i64.xor (local.get $eight) (i64.const -1))
          (i64.sub (local.get $eight) (i64.const 0x0101010101010101))))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br $eights)))
  (loop $bytes
    (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (local.get $end))))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10)) (then (return (local.get $at))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br $bytes))
  (unreachable))

;; Whether bytes are ASCII.
(func $is_ascii (param $at i32) (param $n i32) (result i32)
  (local $end i32)
  (local.set $end (i32.add (local.get $at) (local.get $n)))
  (loop $eights
    (if (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 8))
      (then
        (if (i64.ne (i64.const 0)
              (i64.and (i64.load align=1 (local.get $at)) (i64.const 0x8080808080808080)))
          (then (return (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $eights))))
  (loop $bytes
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then
        (if (i32.ge_u (i32.load8_u (local.get $at)) (i32.const 128)) (then (return (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes))))
  (i32.const 1))

;; Logs a line whose end has come. The carriage return of a line end of two bytes is left out.
(func $line (param $at i32) (param $n i32)
  (if (local.get $n)
    (then
      (if (i32.eq (i32.const 13) (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $n)) (i32.const 1))))
        (then (local.set $n (i32.sub (local.get $n) (i32.const 1)))))))
  (if (i32.eqz (global.get $len))
    (then
      (if (i32.le_u (local.get $n) (i32.const 256))
        (then
          (if (call $is_ascii (local.get $at) (local.get $n))
            (then
              (call $message (global.get $level) (local.get $at) (local.get $n))
              (return)))))))
  (call $put (local.get $at) (local.get $n))
  (call $flush))

;; Adds bytes that have no line feed. Whole messages of a long line are not held.
(func $put (param $at i32) (param $n i32)
  (loop $more
    (if (i32.eqz (local.get $n)) (then (return)))
    (if (i32.and (i32.eqz (global.get $len)) (i32.gt_u (local.get $n) (i32.const 256)))
      (then
        (if (call $is_ascii (local.get $at) (i32.const 256))
          (then
            (call $message (global.get $level) (local.get $at) (i32.const 256))
            (local.set $at (i32.add (local.get $at) (i32.const 256)))
            (local.set $n (i32.sub (local.get $n) (i32.const 256)))
            (br $more)))))
    (call $byte (i32.load8_u (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br $more)))

;; Holds a byte of a text in UTF-8 (RFC 3629, section 4).
(func $byte (param $b i32)
  (local $need i32) (local $low i32) (local $high i32)
  (if (global.get $need)
    (then
      (if (i32.le_u (i32.sub (local.get $b) (global.get $low)) (i32.sub (global.get $high) (global.get $low)))
        (then
          (call $store (local.get $b))
          (global.set $need (i32.sub (global.get $need) (i32.const 1)))
          (global.set $have (i32.add (global.get $have) (i32.const 1)))
          (global.set $low (i32.const 0x80))
          (global.set $high (i32.const 0xbf))
          (return)))
      (call $spoil)))
  (local.set $low (i32.const 0x80))
  (local.set $high (i32.const 0xbf))
  (if (i32.ge_u (local.get $b) (i32.const 0x80))
    (then
      (block $lead
        (if (i32.le_u (i32.sub (local.get $b) (i32.const 0xc2)) (i32.const 0x1d))
          (then (local.set $need (i32.const 1)) (br $lead)))
        (if (i32.eq (i32.and (local.get $b) (i32.const 0xf0)) (i32.const 0xe0))
          (then
            (local.set $need (i32.const 2))
            (if (i32.eq (local.get $b) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
            (if (i32.eq (local.get $b) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
            (br $lead)))
        (if (i32.le_u (i32.sub (local.get $b) (i32.const 0xf0)) (i32.const 4))
          (then
            (local.set $need (i32.const 3))
            (if (i32.eq (local.get $b) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
            (if (i32.eq (local.get $b) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
            (br $lead)))
        (local.set $b (i32.const 63)))))
  (if (i32.ge_u (i32.add (global.get $len) (local.get $need)) (i32.const 256)) (then (call $flush)))
  (call $store (local.get $b))
  (global.set $need (local.get $need))
  (global.set $have (i32.const 1))
  (global.set $low (local.get $low))
  (global.set $high (local.get $high)))

;; Holds a byte. There is room for it.
(func $store (param $b i32)
  (global.set $word (i64.or (global.get $word)
    (i64.shl (i64.extend_i32_u (local.get $b))
      (i64.extend_i32_u (i32.shl (i32.and (global.get $len) (i32.const 7)) (i32.const 3))))))
  (global.set $len (i32.add (global.get $len) (i32.const 1)))
  (if (i32.eqz (i32.and (global.get $len) (i32.const 7)))
    (then
      (call $set_held (i32.sub (i32.shr_u (global.get $len) (i32.const 3)) (i32.const 1)) (global.get $word))
      (global.set $word (i64.const 0)))))

;; Makes `?` of the bytes of a character that is not whole.
(func $spoil
  (local $at i32) (local $n i32) (local $shift i64) (local $eight i64)
  (if (i32.eqz (global.get $need)) (then (return)))
  (global.set $need (i32.const 0))
  (local.set $at (i32.sub (global.get $len) (global.get $have)))
  (loop $bytes
    (local.set $n (i32.shr_u (local.get $at) (i32.const 3)))
    (local.set $shift (i64.extend_i32_u (i32.shl (i32.and (local.get $at) (i32.const 7)) (i32.const 3))))
    (local.set $eight (global.get $word))
    (if (i32.ne (local.get $n) (i32.shr_u (global.get $len) (i32.const 3)))
      (then (local.set $eight (call $held (local.get $n)))))
    (local.set $eight (i64.or (i64.shl (i64.const 63) (local.get $shift))
      (i64.and (local.get $eight) (i64.xor (i64.const -1) (i64.shl (i64.const 255) (local.get $shift))))))
    (if (i32.ne (local.get $n) (i32.shr_u (global.get $len) (i32.const 3)))
      (then (call $set_held (local.get $n) (local.get $eight)))
      (else (global.set $word (local.get $eight))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br_if $bytes (i32.lt_u (local.get $at) (global.get $len)))))

;; Logs what is held, if anything is.
(func $flush
  (if (i32.eqz (global.get $len)) (then (return)))
  (call $spoil)
  (if (i32.and (global.get $len) (i32.const 7))
    (then (call $set_held (i32.shr_u (global.get $len) (i32.const 3)) (global.get $word))))
  (call $show (global.get $level) (global.get $len))
  (global.set $len (i32.const 0))
  (global.set $word (i64.const 0)))

;; Holds a character.
(func $char (param $c i32)
  (if (i32.eq (local.get $c) (i32.const 10)) (then (call $flush) (return)))
  (if (i32.lt_u (local.get $c) (i32.const 0x80)) (then (call $byte (local.get $c)) (return)))
  (if (i32.lt_u (local.get $c) (i32.const 0x800))
    (then (call $byte (i32.or (i32.const 0xc0) (i32.shr_u (local.get $c) (i32.const 6)))))
    (else
      (if (i32.lt_u (local.get $c) (i32.const 0x10000))
        (then (call $byte (i32.or (i32.const 0xe0) (i32.shr_u (local.get $c) (i32.const 12)))))
        (else
          (call $byte (i32.or (i32.const 0xf0) (i32.shr_u (local.get $c) (i32.const 18))))
          (call $rest (i32.shr_u (local.get $c) (i32.const 12)))))
      (call $rest (i32.shr_u (local.get $c) (i32.const 6)))))
  (call $rest (local.get $c)))

(func $rest (param $c i32)
  (call $byte (i32.or (i32.const 0x80) (i32.and (local.get $c) (i32.const 0x3f)))))

;; Holds a number, in decimal.
(func $number (param $n i64)
  (if (i64.ge_u (local.get $n) (i64.const 10)) (then (call $number (i64.div_u (local.get $n) (i64.const 10)))))
  (call $byte (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10))))))

;; Holds up to eight ASCII characters, the first one in the lowest byte.
(func $ascii (param $eight i64)
  (loop $more
    (call $byte (i32.wrap_i64 (i64.and (local.get $eight) (i64.const 255))))
    (local.set $eight (i64.shr_u (local.get $eight) (i64.const 8)))
    (br_if $more (i64.ne (local.get $eight) (i64.const 0)))))
