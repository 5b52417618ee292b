;; No error of xmap's: wasmi 2.0.0 confuses these, which the reference has to work around.
;; call not 5
;; call not 0
;; call equal 5
;; call equal 0
;; call unequal 5
;; call unequal 0
;; call wide 5
;; call wide 0x100000000
(module
  (func (export "not") (param i32) (result i32)
    (select (i32.const 1) (local.get 0) (i32.eqz (local.get 0))))
  (func (export "equal") (param i32) (result i32)
    (select (local.get 0) (i32.const 7) (i32.eq (local.get 0) (i32.const 0))))
  (func (export "unequal") (param i32) (result i64)
    (select (i64.const 1) (i64.const 2) (i32.ne (local.get 0) (i32.const 0))))
  (func (export "wide") (param i64) (result i64)
    (select (i64.const 1) (local.get 0) (i64.eqz (local.get 0)))))
