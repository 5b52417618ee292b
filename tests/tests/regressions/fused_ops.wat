;; Ops that do the work of several, where they wrap, trap, keep an operand alive or branch far.
;; call byte 0
;; call byte 4113
;; call byte 4294967295
;; call byte 69632
;; call byte 69631
;; call byte 4095
;; call item 0 0
;; call item 255 170
;; call item 4294967295 1
;; call past 255 0
;; call past 255 254
;; call past 0 1
;; call beyond 0 0
;; call step 305419896 2596069104
;; call step 4294967295 0
;; call step 255 4294967040
;; call swapped 305419896 2596069104
;; call swapped 4294967295 0
;; call swapped 255 4294967040
;; call seven 305419896 2596069104
;; call seven 4294967295 0
;; call seven 255 4294967040
;; call other 305419896 2596069104
;; call other 4294967295 0
;; call other 255 4294967040
;; call stored 305419896 2596069104
;; call stored 4294967295 0
;; call stored 255 4294967040
;; call twice 305419896 2596069104
;; call twice 4294967295 0
;; call twice 255 4294967040
;; call checksum 305419896 2596069104
;; call checksum 4294967295 0
;; call checksum 255 4294967040
;; call step_past 255 0
;; call step_past 0 255
;; call step_past 0 2
;; call mix 305419896 2596069104
;; call mix 4294967295 0
;; call keep 305419896 2596069104
;; call own 2596069104
;; call kept 7
;; call down 5
;; call up 10
;; call swap 7 3
;; call far 3
;; call tree 6
;; call three 5 9
;; call around 3 4
(module
  (memory (export "memory") 1 1)
  (data (i32.const 0) "abcdefghijklmnopqrstuvwxyz0123456789")
  (data (i32.const 64) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10")
  (data (i32.const 65528) "UVWXYZ!?")
  ;; The sum of an address wraps; the offset does not.
  (func (export "byte") (param $i i32) (result i32)
    (i32.load8_u (i32.add (local.get $i) (i32.const -4096))))
  (func (export "item") (param $x i32) (param $y i32) (result i32)
    (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))))
  (func (export "past") (param $x i32) (param $y i32) (result i32)
    (i32.load offset=64520 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))))
  (func (export "beyond") (param $x i32) (param $y i32) (result i32)
    (i32.load offset=4294967295 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))))
  ;; What a checksum does for each byte, and what only looks like it.
  (func (export "step") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))) (i32.shr_u (local.get $x) (i32.const 8))))
  (func (export "swapped") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.shr_u (local.get $y) (i32.const 8)) (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2)))))
  (func (export "seven") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))) (i32.shr_u (local.get $x) (i32.const 7))))
  (func (export "other") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))) (i32.shr_u (i32.mul (local.get $x) (local.get $y)) (i32.const 8))))
  ;; The load stays in front of the store.
  (func (export "stored") (param $x i32) (param $y i32) (result i32) (local $i i32)
    (local.set $i (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))))
    (i32.store8 offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2)) (i32.const 99))
    (i32.xor (local.get $i) (i32.shr_u (local.get $x) (i32.const 8))))
  ;; The item is read once more.
  (func (export "twice") (param $x i32) (param $y i32) (result i32) (local $i i32)
    (local.set $i (i32.load offset=64 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))))
    (i32.add (i32.xor (local.get $i) (i32.shr_u (local.get $x) (i32.const 8))) (local.get $i)))
  (func (export "step_past") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.load offset=64520 (i32.shl (i32.and (i32.xor (local.get $x) (local.get $y)) (i32.const 255)) (i32.const 2))) (i32.shr_u (local.get $x) (i32.const 8))))
  (func (export "checksum") (param $x i32) (param $y i32) (result i32) (local $n i32)
    (loop $again
      (local.set $x (i32.xor
        (i32.load offset=64 (i32.shl (i32.and (i32.xor (i32.load8_u (local.get $n)) (local.get $x)) (i32.const 255)) (i32.const 2)))
        (i32.shr_u (local.get $x) (i32.const 8))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 80))))
    (i32.add (local.get $x) (local.get $y)))
  (func (export "mix") (param $x i32) (param $y i32) (result i32)
    (i32.xor (i32.mul (local.get $x) (i32.const 31)) (i32.shr_u (local.get $y) (i32.const 5))))
  ;; The operand is read once more.
  (func (export "keep") (param $x i32) (param $y i32) (result i32) (local $p i32)
    (local.set $p (i32.mul (local.get $x) (i32.const 31)))
    (i32.sub (i32.xor (local.get $p) (i32.shr_u (local.get $y) (i32.const 31))) (local.get $p)))
  (func (export "own") (param $x i32) (result i32)
    (local.set $x (i32.mul (local.get $x) (i32.const 3)))
    (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 13))))
  ;; The operand lives through all rounds.
  (func (export "kept") (param $n i32) (result i32) (local $p i32) (local $sum i32)
    (local.set $p (i32.mul (local.get $n) (i32.const 1000003)))
    (loop $again
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 7))
        (i32.xor (local.get $p) (i32.shr_u (local.get $sum) (i32.const 3)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "down") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "up") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (local.set $i (i32.const -100))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (local.get $i))))
      (br_if $again (local.tee $i (i32.add (local.get $i) (i32.const 4)))))
    (local.get $sum))
  ;; The way back exchanges two values.
  (func (export "swap") (param $n i32) (param $a i32) (result i32) (local $b i32) (local $t i32)
    (loop $again
      (local.set $t (i32.add (local.get $a) (i32.const 5)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $t))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.sub (i32.mul (local.get $a) (i32.const 3)) (local.get $b)))
  ;; Farther back than a byte reaches.
  (func (export "far") (param $n i32) (result i32) (local $x i32)
    (loop $again
      (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 65536)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 143309)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 221082)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 298855)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 376628)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 454401)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 532174)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 609947)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 687720)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 765493)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 843266)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 921039)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 998812)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1076585)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1154358)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1232131)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1309904)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1387677)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1465450)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1543223)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1620996)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1698769)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1776542)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1854315)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 1932088)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2009861)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2087634)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2165407)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2243180)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2320953)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2398726)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2476499)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2554272)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2632045)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2709818)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2787591)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2865364)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 2943137)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3020910)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3098683)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3176456)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3254229)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3332002)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3409775)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3487548)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3565321)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3643094)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3720867)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3798640)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3876413)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 3954186)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4031959)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4109732)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4187505)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4265278)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4343051)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4420824)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4498597)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4576370)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4654143)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4731916)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4809689)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4887462)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 4965235)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5043008)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5120781)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5198554)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5276327)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5354100)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5431873)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5509646)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5587419)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5665192)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5742965)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5820738)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5898511)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 5976284)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6054057)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6131830)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6209603)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6287376)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6365149)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6442922)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6520695)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6598468)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6676241)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6754014)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6831787)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6909560)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 6987333)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7065106)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7142879)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7220652)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7298425)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7376198)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7453971)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7531744)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7609517)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7687290)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7765063)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7842836)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7920609)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 7998382)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8076155)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8153928)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8231701)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8309474)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8387247)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8465020)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8542793)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8620566)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8698339)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8776112)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8853885)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 8931658)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9009431)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9087204)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9164977)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9242750)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9320523)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9398296)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9476069)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9553842)) (i32.const 4))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9631615)) (i32.const 5))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9709388)) (i32.const 6))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9787161)) (i32.const 7))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9864934)) (i32.const 1))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 9942707)) (i32.const 2))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 10020480)) (i32.const 3))) (local.set $x (i32.rotl (i32.xor (local.get $x) (i32.const 10098253)) (i32.const 4)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  ;; Results that outlive calls, each call with a window of its own.
  (func $tree (export "tree") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (i32.add (local.get $n) (i32.const 1)))
      (else
        (i32.sub
          (i32.mul (call $tree (i32.sub (local.get $n) (i32.const 1))) (i32.const 3))
          (i32.add
            (call $tree (i32.shr_u (local.get $n) (i32.const 1)))
            (i32.mul (call $tree (i32.sub (local.get $n) (i32.const 2))) (local.get $n)))))))
  (func $pair (param $x i32) (param $y i32) (result i32 i32)
    (if (result i32 i32) (i32.eqz (local.get $x))
      (then (local.get $y) (local.get $x))
      (else (call $pair (i32.sub (local.get $x) (i32.const 1)) (i32.add (local.get $y) (local.get $x))))))
  ;; Results go on as arguments, the other way around.
  (func (export "three") (param $x i32) (param $y i32) (result i32) (local $a i32) (local $b i32)
    (call $pair (local.get $x) (local.get $y)) (local.set $a) (local.set $b)
    (call $pair (local.get $a) (local.get $b)) (call $pair) (local.set $a) (local.set $b)
    (i32.add (i32.add (local.get $a) (local.get $b)) (i32.mul (local.get $x) (local.get $y))))
  (func (export "around") (param $n i32) (param $x i32) (result i32) (local $y i32)
    (local.set $y (i32.const 1))
    (loop $again
      (call $pair (local.get $x) (local.get $y)) (local.set $x) (local.set $y)
      (local.set $x (i32.add (local.get $x) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (i32.mul (local.get $x) (i32.const 100)) (local.get $y))))
