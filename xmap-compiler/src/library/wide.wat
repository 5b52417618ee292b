;; Whole numbers of 128 bits: what clang calls for `__int128` (the names are those of compiler-rt). A number is
;; two words, the low one first; a result goes to memory.

(func $wide (param $to i32) (param $low i64) (param $high i64)
  (i64.store align=1 (local.get $to) (local.get $low))
  (i64.store offset=8 align=1 (local.get $to) (local.get $high)))

;; The products of the halves, as one does it by hand: none of the sums overflows.
(func (export "env.__multi3") (param $to i32) (param $al i64) (param $ah i64) (param $bl i64) (param $bh i64)
  (local $a i64) (local $b i64) (local $low i64) (local $middle i64) (local $high i64)
  (local.set $high (i64.add (i64.mul (local.get $al) (local.get $bh)) (i64.mul (local.get $ah) (local.get $bl))))
  (local.set $a (i64.shr_u (local.get $al) (i64.const 32)))
  (local.set $b (i64.shr_u (local.get $bl) (i64.const 32)))
  (local.set $al (i64.and (local.get $al) (i64.const 0xffffffff)))
  (local.set $bl (i64.and (local.get $bl) (i64.const 0xffffffff)))
  (local.set $low (i64.mul (local.get $al) (local.get $bl)))
  (local.set $middle (i64.add (i64.mul (local.get $a) (local.get $bl)) (i64.shr_u (local.get $low) (i64.const 32))))
  (local.set $high (i64.add (local.get $high) (i64.add (i64.mul (local.get $a) (local.get $b))
    (i64.shr_u (local.get $middle) (i64.const 32)))))
  (local.set $middle (i64.add (i64.mul (local.get $al) (local.get $b))
    (i64.and (local.get $middle) (i64.const 0xffffffff))))
  (call $wide (local.get $to)
    (i64.or (i64.shl (local.get $middle) (i64.const 32)) (i64.and (local.get $low) (i64.const 0xffffffff)))
    (i64.add (local.get $high) (i64.shr_u (local.get $middle) (i64.const 32)))))

;; A shift of a word takes the count modulo 64, so a count of 64 and more needs no difference.
(func (export "env.__ashlti3") (param $to i32) (param $low i64) (param $high i64) (param $n i32)
  (local $by i64)
  (local.set $by (i64.extend_i32_u (local.get $n)))
  (if (i32.and (local.get $n) (i32.const 64))
    (then
      (local.set $high (i64.shl (local.get $low) (local.get $by)))
      (local.set $low (i64.const 0)))
    (else
      (if (i32.and (local.get $n) (i32.const 63))
        (then
          (local.set $high (i64.or (i64.shl (local.get $high) (local.get $by))
            (i64.shr_u (local.get $low) (i64.sub (i64.const 64) (local.get $by)))))
          (local.set $low (i64.shl (local.get $low) (local.get $by)))))))
  (call $wide (local.get $to) (local.get $low) (local.get $high)))

;; To the right; `$sign` is what comes in from the left: all bits 0 or all bits 1.
(func $right (param $to i32) (param $low i64) (param $high i64) (param $n i32) (param $sign i64)
  (local $by i64)
  (local.set $by (i64.extend_i32_u (local.get $n)))
  (if (i32.and (local.get $n) (i32.const 64))
    (then (local.set $low (local.get $high)) (local.set $high (local.get $sign))))
  (if (i32.and (local.get $n) (i32.const 63))
    (then
      (local.set $low (i64.or (i64.shr_u (local.get $low) (local.get $by))
        (i64.shl (local.get $high) (i64.sub (i64.const 64) (local.get $by)))))
      (local.set $high (i64.or (i64.shr_u (local.get $high) (local.get $by))
        (i64.shl (local.get $sign) (i64.sub (i64.const 64) (local.get $by)))))))
  (call $wide (local.get $to) (local.get $low) (local.get $high)))
(func (export "env.__lshrti3") (param $to i32) (param $low i64) (param $high i64) (param $n i32)
  (call $right (local.get $to) (local.get $low) (local.get $high) (local.get $n) (i64.const 0)))
(func (export "env.__ashrti3") (param $to i32) (param $low i64) (param $high i64) (param $n i32)
  (call $right (local.get $to) (local.get $low) (local.get $high) (local.get $n)
    (i64.shr_s (local.get $high) (i64.const 63))))

;; Quotient and remainder without signs, a bit at a time. By zero it traps as an op does.
(func $divide (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64) (result i64 i64 i64 i64)
  (local $rl i64) (local $rh i64) (local $out i64) (local $n i32)
  (drop (i64.div_u (i64.const 1) (i64.or (local.get $dl) (local.get $dh))))
  (if (i64.eqz (i64.or (local.get $nh) (local.get $dh)))
    (then
      (return (i64.div_u (local.get $nl) (local.get $dl)) (i64.const 0)
        (i64.rem_u (local.get $nl) (local.get $dl)) (i64.const 0))))
  (local.set $n (i32.const 128))
  (loop $bits
    (local.set $out (i64.shr_u (local.get $rh) (i64.const 63)))
    (local.set $rh (i64.or (i64.shl (local.get $rh) (i64.const 1)) (i64.shr_u (local.get $rl) (i64.const 63))))
    (local.set $rl (i64.or (i64.shl (local.get $rl) (i64.const 1)) (i64.shr_u (local.get $nh) (i64.const 63))))
    (local.set $nh (i64.or (i64.shl (local.get $nh) (i64.const 1)) (i64.shr_u (local.get $nl) (i64.const 63))))
    (local.set $nl (i64.shl (local.get $nl) (i64.const 1)))
    ;; The remainder, with the bit that went out of it, is at least the divisor.
    (if (i32.or (i32.wrap_i64 (local.get $out))
          (i32.or (i64.gt_u (local.get $rh) (local.get $dh))
            (i32.and (i64.eq (local.get $rh) (local.get $dh)) (i64.ge_u (local.get $rl) (local.get $dl)))))
      (then
        (local.set $rh (i64.sub (i64.sub (local.get $rh) (local.get $dh))
          (i64.extend_i32_u (i64.lt_u (local.get $rl) (local.get $dl)))))
        (local.set $rl (i64.sub (local.get $rl) (local.get $dl)))
        (local.set $nl (i64.or (local.get $nl) (i64.const 1)))))
    (br_if $bits (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (local.get $nl) (local.get $nh) (local.get $rl) (local.get $rh))

;; A number, or with `$sign` of all bits 1 its negative: in two's complement.
(func $signed (param $low i64) (param $high i64) (param $sign i64) (result i64 i64)
  (local.set $low (i64.sub (i64.xor (local.get $low) (local.get $sign)) (local.get $sign)))
  (local.get $low)
  (i64.add (i64.xor (local.get $high) (local.get $sign))
    (i64.and (local.get $sign) (i64.extend_i32_u (i64.eqz (local.get $low))))))

;; Quotient and remainder with signs: the remainder has the dividend's.
(func $divide_signed (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64) (result i64 i64 i64 i64)
  (local $n i64) (local $d i64) (local $ql i64) (local $qh i64)
  (local.set $n (i64.shr_s (local.get $nh) (i64.const 63)))
  (local.set $d (i64.shr_s (local.get $dh) (i64.const 63)))
  (call $divide
    (call $signed (local.get $nl) (local.get $nh) (local.get $n))
    (call $signed (local.get $dl) (local.get $dh) (local.get $d)))
  (local.set $nh) (local.set $nl) (local.set $qh) (local.set $ql)
  (call $signed (local.get $ql) (local.get $qh) (i64.xor (local.get $n) (local.get $d)))
  (call $signed (local.get $nl) (local.get $nh) (local.get $n)))

(func (export "env.__udivti3") (param $to i32) (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64)
  (call $divide (local.get $nl) (local.get $nh) (local.get $dl) (local.get $dh))
  (drop) (drop) (local.set $nh) (local.set $nl)
  (call $wide (local.get $to) (local.get $nl) (local.get $nh)))
(func (export "env.__umodti3") (param $to i32) (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64)
  (call $divide (local.get $nl) (local.get $nh) (local.get $dl) (local.get $dh))
  (local.set $nh) (local.set $nl) (drop) (drop)
  (call $wide (local.get $to) (local.get $nl) (local.get $nh)))
(func (export "env.__divti3") (param $to i32) (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64)
  (call $divide_signed (local.get $nl) (local.get $nh) (local.get $dl) (local.get $dh))
  (drop) (drop) (local.set $nh) (local.set $nl)
  (call $wide (local.get $to) (local.get $nl) (local.get $nh)))
(func (export "env.__modti3") (param $to i32) (param $nl i64) (param $nh i64) (param $dl i64) (param $dh i64)
  (call $divide_signed (local.get $nl) (local.get $nh) (local.get $dl) (local.get $dh))
  (local.set $nh) (local.set $nl) (drop) (drop)
  (call $wide (local.get $to) (local.get $nl) (local.get $nh)))
