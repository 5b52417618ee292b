;; No error of xmap's: wasmi 2.0.0 loses a value of this, which the reference has to work around.
;; call f 1
;; call f 0
(module
  (type $four (func (result i32 i32 i32 i32)))
  (global $g (mut i32) (i32.const 1))
  (export "g0" (global $g))
  (func $zeros (type $four)
    global.get $g
    global.set $g
    i32.const 0
    i32.const 0
    i32.const 0
    i32.const 0)
  (func (export "f") (param i32) (result i32 i32 i32 i32)
    local.get 0
    if (type $four)
      call $zeros
      i32.eqz
      call $zeros
      br_table 0 1 0
    else
      i32.const 1
      i32.const 2
      i32.const 3
      i32.const 4
    end))
