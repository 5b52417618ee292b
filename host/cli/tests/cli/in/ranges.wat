(module
  (func (export "up") (param i32) (result i32) (local $i i32) (local $s i32)
    (block $out (loop $l
      (br_if $out (i32.ge_u (local.get $i) (local.get 0)))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $l)))
    (local.get $s))
  (func (export "down") (param i32) (result i32) (local $s i32)
    (block $out (loop $l
      (br_if $out (i32.lt_s (local.get 0) (i32.const 3)))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 3)))
      (br $l)))
    (local.get $s))
  (func (export "guarded") (param i32) (result i32) (local $s i32)
    (if (local.get 0) (then (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
    (local.get $s))
  (func (export "until") (param i32) (result i32) (local $i i32) (local $s i32)
    (if (local.get 0) (then (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get $i)))
      (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))))
    (local.get $s))
  (func (export "wraps") (param i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get $s))
  ;; The head of the outer loop has no code: both begin with the same word.
  (func (export "shared") (param i32) (result i32) (local $i i32) (local $k i32) (local $s i32)
    (loop $outer
      (block $out (loop $l
        (br_if $out (i32.eqz (local.get $i)))
        (local.set $s (i32.add (local.get $s) (i32.const 1)))
        (local.set $i (i32.and (i32.mul (local.get $i) (i32.const 5)) (i32.const 7)))
        (br $l)))
      (local.set $i (local.get 0))
      (br_if $outer (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))
    (local.get $s))
  (func (export "both") (param i32) (result i32) (local $i i32) (local $k i32)
    (loop $outer
      (loop $l
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
      (local.set $i (i32.const 0))
      (br_if $outer (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 3))))
    (local.get $k))
  (func (export "free") (param i32) (result i32) (local $i i32) (local $s i32)
    (block $out (loop $l
      (br_if $out (i32.ge_u (local.get $i) (local.get 0)))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3)) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $l)))
    (local.get $s)))
