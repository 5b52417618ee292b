;; Results that change places, in a function with fewer registers in use than results: the register
;; that broke the cycle of moves was the one that the last result leaves in.
;; call f 1 2
;; call g 1 2 3 4
(module
  (func (export "f") (param i32 i32) (result i32 i32 i32)
    local.get 1
    local.get 0
    local.get 0)
  (func (export "g") (param i64 i64 i64 i64) (result i64 i64 i64 i64 i64)
    local.get 3
    local.get 0
    local.get 1
    local.get 2
    local.get 2))
