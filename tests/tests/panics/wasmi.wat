;; call e10 0xfca988df79326015
;; call e11 0xde47 0xf50792c3 0x2000001 0x3df6
;; call e10 0xffffffffffffffff
;; call e12 0x9ea8 0x8ef55b1e 0xffffffff 0x33 0xc3b3 0x2 0x2 0x80000000 0x7fc00000 0xf13ea702 0x0 0x2577 0xfffffffd 0xfffffffffffffffe 0x1 0xc7c1d9b 0x5f000000 0x5c4e10ae 0x994 0x3caf9b00 0x25 0x12c53488e0
;; call e12 0x8a4db056 0x3 0x400001 0x1d 0x3e 0x3 0x81 0xfffffffd 0x7fc00000 0xcf000000 0x0 0x80000000 0x10001 0x0 0xfffffffd 0x8001 0x800000 0x0 0xffffffff 0x2 0xffffffff 0x5
;; call e10 0x92b
;; call e14 0x5ece7c7e
;; call e13 0xffffffff
;; call e12 0x48 0x32 0x935a13965c8a7df0 0x1 0xfffffffe 0xfa86 0x631e 0x5882 0x3f800000 0x7f7fffff 0xffffffff 0xb5835ac7 0x15e3 0x46 0x28 0x2001 0x7f800000 0xb237 0xffffffff 0x239e 0x4c 0x7fffffffff
(module
  (type (;0;) (func (param i32 i32)))
  (type (;1;) (func (param i32) (result i32)))
  (type (;2;) (func (param i32)))
  (type (;3;) (func (param i32 i32 i32)))
  (type (;4;) (func (result i64)))
  (type (;5;) (func (param i64)))
  (type (;6;) (func (param i32 i32 i32 i64)))
  (type (;7;) (func (param i64 i32 i32 f64 i32 i32) (result i64 i32 i32 f64 i32 i32)))
  (type (;8;) (func (param i32 i64 i32 f32) (result i32 i64 i32 f32)))
  (type (;9;) (func (param f64) (result f64)))
  (type (;10;) (func (param i32) (result i64 i32 i32)))
  (type (;11;) (func (result i64 i32 i32)))
  (type (;12;) (func (param i32 i32 i64 i32 i32 i64 i64 i32 f32 f32 i32 i32 i32 i64 i32 i32 f32 i32 i32 i32 i32 i64)))
  (type (;13;) (func (result f64 i32)))
  (type (;14;) (func (param i64) (result i32 i32 f64)))
  (type (;15;) (func (result i32 i32 f64)))
  (type (;16;) (func (param f32) (result i32 f64)))
  (import "gpio" "set" (func (;0;) (type 0) (param i32 i32)))
  (import "gpio" "get" (func (;1;) (type 1) (param i32) (result i32)))
  (import "gpio" "toggle" (func (;2;) (type 2) (param i32)))
  (import "gpio" "write" (func (;3;) (type 3) (param i32 i32 i32)))
  (import "gpio" "read" (func (;4;) (type 1) (param i32) (result i32)))
  (import "gpio" "direction" (func (;5;) (type 0) (param i32 i32)))
  (import "gpio" "pull" (func (;6;) (type 0) (param i32 i32)))
  (import "time" "now_us" (func (;7;) (type 4) (result i64)))
  (import "time" "delay_us" (func (;8;) (type 2) (param i32)))
  (import "log" "message" (func (;9;) (type 3) (param i32 i32 i32)))
  (table (;0;) 4 4 funcref)
  (memory (;0;) 1)
  (global (;0;) (mut i32) i32.const 77)
  (global (;1;) (mut f32) f32.const 0x1p+32 (;=4294967300;))
  (global (;2;) (mut i32) i32.const 75)
  (export "e10" (func 10))
  (export "e11" (func 11))
  (export "e12" (func 12))
  (export "e13" (func 13))
  (export "e14" (func 14))
  (export "memory" (memory 0))
  (export "g0" (global 0))
  (export "g1" (global 1))
  (export "g2" (global 2))
  (elem (;0;) (i32.const 1) func 10 11)
  (func (;10;) (type 5) (param i64)
    (local f64 f32 i32 f32 f32 i32 i32 i32 i32 f64)
    global.get 2
    local.get 6
    local.get 6
    select
    i32.const 3
    i32.and
    i32.const 1
    i32.add
    local.set 6
    f64.const 0x1.1debbf17ff026p-559 (;=0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000005918863675791301;)
    i64.trunc_sat_f64_u
    i32.wrap_i64
    loop (type 1) (param i32) (result i32) ;; label = @1
      local.set 7
      i32.const -1871914777
      if (result i32) ;; label = @2
        global.get 2
      else
        local.get 9
      end
      i32.const 255
      i32.and
      i32.load16_u align=1
      i32.const 65528
      i32.and
      local.tee 8
      i32.const 9
      i32.add
      local.set 9
      loop ;; label = @2
        local.get 8
        local.get 8
        i32.load8_u offset=27
        local.get 3
        i32.add
        local.tee 3
        i32.store8 offset=27
        local.get 8
        i32.const 1
        i32.add
        local.tee 8
        local.get 9
        i32.ne
        br_if 0 (;@2;)
      end
      local.get 3
      if (result i32) ;; label = @2
        i32.const -2147483648
        local.get 9
        i32.rotr
        i32.const 4092
        i32.and
        i32.load8_u
      else
        block (result i32) ;; label = @3
          local.get 6
          local.get 3
          i32.div_u
          i32.const 573203348
          i32.const 65520
          i32.and
          i32.load8_u offset=65530
          br_if 0 (;@3;)
          local.tee 3
        end
      end
      if ;; label = @2
        local.get 5
        i32.trunc_f32_s
        i32.const 31
        if (result i32) ;; label = @3
          i32.const 1381117526
        else
          local.get 3
        end
        local.get 9
        select
        local.get 7
        i32.const 65520
        i32.and
        i32.load align=1
        local.get 8
        i32.const 1
        i32.or
        i32.rem_u
        i32.rotr
        if ;; label = @3
          local.get 7
          local.set 3
          local.get 7
          if (result i32) ;; label = @4
            local.get 3
            local.get 6
            i32.const 1
            i32.or
            i32.rem_s
            i32.extend8_s
          else
            local.get 9
          end
          if ;; label = @4
            local.get 4
            local.set 4
            local.get 6
            f64.convert_i32_u
            local.tee 10
            f64.const nan (;=NaN;)
            local.get 10
            local.get 10
            f64.eq
            select
            local.set 1
          end
          local.get 9
          i32.const 65535
          i32.and
          i32.const 63
          i32.shl
          i32.const 63
          i32.shr_s
          local.tee 3
          local.get 3
          i32.store8 offset=4294967288
        else
          i32.const -1
          i32.const 4092
          i32.and
          local.get 1
          f64.abs
          f64.store align=1
        end
        local.get 9
        local.get 8
        i32.rotl
        local.set 3
        local.get 9
        i32.const 65520
        i32.and
        i32.const 7116
        i32.const 65520
        i32.and
        f32.load offset=135 align=1
        i64.trunc_sat_f32_u
        local.get 8
        i32.extend16_s
        i32.const 65520
        i32.and
        i64.load8_u
        i64.and
        i64.store16 align=1
      else
        local.get 3
        i32.const 2147483647
        i32.and
        i32.const 32
        i32.shl
        i32.const 32
        i32.shr_u
        i32.eqz
        i32.const 63
        i32.and
        block (result i32) ;; label = @3
          i32.const 67108864
          i32.const -1
          i32.and
          i32.const -1
          i32.rotr
          local.get 0
          i32.wrap_i64
          i64.const 2251799813685248
          i32.wrap_i64
          select
          block (result i32) ;; label = @4
            local.get 9
            local.get 7
            br_if 0 (;@4;)
            local.tee 3
          end
          local.tee 3
          br_if 0 (;@3;)
          drop
          local.get 8
          i32.const 255
          i32.and
          i32.const 0
          i32.ge_u
          i32.const 65535
          i32.and
          i32.const 65536
          i32.ge_u
        end
        i32.store16 offset=65528 align=1
        block (result i32) ;; label = @3
          local.get 7
          local.tee 3
          local.get 9
          local.get 6
          i32.add
          br_if 0 (;@3;)
          drop
          local.get 8
        end
        i32.const 61574
        if (result i32) ;; label = @3
          local.get 7
        else
          local.get 7
        end
        i64.extend_i32_u
        local.get 0
        local.get 3
        i32.const 63
        i32.and
        i32.load8_u
        i32.const -2
        i32.rem_u
        select
        i64.store8
      end
      local.get 8
      i32.const 0
      i32.sub
      local.set 3
      local.get 7
      local.get 6
      i32.const 1
      i32.sub
      local.tee 6
      br_if 0 (;@1;)
    end
    local.set 3
  )
  (func (;11;) (type 6) (param i32 i32 i32 i64)
    (local i32 f32 i64 i32 i32 f64 i32 i32 f64 f32 i32 i64 i32 i32 f64 i32 i32 i32 i32 i64 i32 f32 i32 f64)
    block ;; label = @1
      block ;; label = @2
        block ;; label = @3
          i64.const 11
          i64.eqz
          i32.const -1
          if (result i32) ;; label = @4
            local.get 7
          else
            local.get 1
          end
          i32.const 1
          i32.or
          i32.div_u
          i32.const 7
          i32.and
          br_table 1 (;@2;)
        end
        i32.const 1859
        i32.const 3
        i32.and
        i32.const 1
        i32.add
        local.set 10
        loop ;; label = @3
          i32.const -3
          local.get 0
          i32.lt_u
          local.get 0
          i32.rotl
          if ;; label = @4
            i32.const 2
            local.set 11
            block ;; label = @5
              loop ;; label = @6
                f32.const 0x1.fffffep+127 (;=340282350000000000000000000000000000000;)
                f32.const 0x1.9e5f24p-117 (;=0.0000000000000000000000000000000000097418305;)
                block (result i32) ;; label = @7
                  local.get 7
                  local.get 2
                  br_if 0 (;@7;)
                  local.tee 8
                end
                select
                local.set 5
                local.get 4
                local.get 0
                local.get 0
                local.get 4
                local.set 4
                local.set 4
                local.set 0
                local.set 0
                local.get 6
                i64.eqz
                if (result f64) ;; label = @7
                  local.get 8
                  i32.const 65520
                  i32.and
                  f64.load offset=65537 align=1
                  f64.const 0x1.fffffep+127 (;=340282346638528860000000000000000000000;)
                  f64.const -0x1.8bdd14p-91 (;=-0.0000000000000000000000000006245626142637561;)
                  f64.div
                  local.tee 12
                  f64.const nan (;=NaN;)
                  local.get 12
                  local.get 12
                  f64.eq
                  select
                  local.tee 9
                  f64.add
                  local.tee 12
                  f64.const nan (;=NaN;)
                  local.get 12
                  local.get 12
                  f64.eq
                  select
                else
                  global.get 0
                  i32.const 4092
                  i32.and
                  f64.load align=1
                end
                local.set 9
                i32.const 50
                br_if 1 (;@5;)
                block (result i32) ;; label = @7
                  global.get 0
                  i32.const -2
                  br_if 0 (;@7;)
                  local.tee 1
                end
                local.get 10
                i32.rotr
                i32.const 4092
                i32.and
                f32.const 0x1p-1 (;=0.5;)
                f32.trunc
                local.tee 13
                f32.const nan (;=NaN;)
                local.get 13
                local.get 13
                f32.eq
                select
                f32.store offset=235 align=1
                block (result i64) ;; label = @7
                  i32.const -788450926
                  i32.const 63
                  i32.and
                  i64.load8_s offset=28
                  local.get 5
                  i32.trunc_f32_u
                  br_if 0 (;@7;)
                  local.tee 3
                end
                local.set 3
                i32.const 0
                i32.const 4092
                i32.and
                local.get 0
                local.get 11
                i32.const 23
                i32.or
                i32.const 4092
                i32.and
                i32.load16_s offset=253 align=1
                i32.shr_s
                i32.store offset=165 align=1
                local.get 11
                i32.const 1
                i32.sub
                local.tee 11
                br_if 0 (;@6;)
              end
            end
            local.get 3
            i64.eqz
            i32.const 63
            i32.and
            i32.load16_u align=1
            i32.const 3
            i32.and
            memory.grow
            local.set 8
            i32.const 1
            local.set 14
            local.get 20
            local.tee 4
            i64.extend_i32_u
            local.get 16
            local.get 8
            i32.const 1
            i32.or
            i32.rem_u
            local.get 0
            local.tee 0
            i32.const 1
            i32.or
            i32.div_s
            local.get 19
            if (result i32) ;; label = @5
              local.get 10
            else
              i32.const 216134246
            end
            i32.load16_u offset=143 align=1
            f64.const 0x1.a104dcp+11 (;=3336.15185546875;)
            i32.const 3
            i32.const 54727
            global.get 0
            global.get 2
            i32.lt_s
            i32.shl
            loop (type 7) (param i64 i32 i32 f64 i32 i32) (result i64 i32 i32 f64 i32 i32) ;; label = @5
              local.set 20
              local.set 19
              local.set 18
              local.set 17
              local.set 16
              local.set 15
              local.get 3
              local.get 3
              local.get 2
              select
              i32.wrap_i64
              i32.const 63
              i32.and
              f32.load offset=81 align=1
              global.set 1
              block (result f64) ;; label = @6
                i32.const -1
                local.get 16
                i32.and
                if (result i32) ;; label = @7
                  local.get 16
                else
                  block (result i32) ;; label = @8
                    i32.const 369648363
                    local.get 0
                    br_if 0 (;@8;)
                    drop
                    i32.const 50
                  end
                end
                i32.const 4092
                i32.and
                f64.load align=1
                local.get 5
                i32.trunc_sat_f32_u
                i32.clz
                i32.const 63
                i32.and
                i32.load16_s offset=14 align=1
                br_if 0 (;@6;)
                drop
                local.get 16
                i32.const 65520
                i32.and
                f64.load align=1
                local.tee 9
              end
              i32.trunc_sat_f64_s
              local.set 8
              local.get 15
              local.get 17
              local.get 19
              block (result f64) ;; label = @6
                local.get 9
                local.get 1
                br_if 0 (;@6;)
                drop
                local.get 18
              end
              local.get 9
              local.get 18
              f64.min
              local.tee 12
              f64.const nan (;=NaN;)
              local.get 12
              local.get 12
              f64.eq
              select
              f64.copysign
              local.get 20
              local.get 16
              local.get 14
              i32.const 1
              i32.sub
              local.tee 14
              br_if 0 (;@5;)
            end
            local.set 4
            local.set 4
            local.set 9
            local.set 7
            local.set 2
            local.set 6
          end
          block ;; label = @4
            block ;; label = @5
              local.get 7
              i32.const 1
              i32.shr_u
              i32.const -1
              i32.and
              i32.const -2147483648
              i32.ne
              i32.const 7
              i32.and
              br_table 1 (;@4;)
            end
            local.get 2
            i32.const -2
            i32.const 1
            i32.or
            i32.rem_u
            i32.const 3
            i32.and
            i32.const 1
            i32.add
            local.set 21
            local.get 11
            local.tee 7
            local.get 3
            local.get 10
            i32.const 255
            i32.and
            i32.load16_s align=1
            local.get 16
            i32.const 63
            i32.and
            i32.load align=1
            i32.const 1
            i32.or
            i32.rem_s
            global.get 1
            loop (type 8) (param i32 i64 i32 f32) (result i32 i64 i32 f32) ;; label = @5
              local.set 25
              local.set 24
              local.set 23
              local.set 22
              f32.const -0x0p+0 (;=-0;)
              local.get 25
              local.get 7
              select
              local.tee 5
              local.get 5
              f32.le
              local.tee 4
              local.set 8
              local.get 16
              i32.clz
              local.set 4
              local.get 24
              local.get 23
              local.get 22
              local.get 25
              local.get 21
              i32.const 1
              i32.sub
              local.tee 21
              br_if 0 (;@5;)
            end
            local.set 5
            local.set 7
            local.set 6
            local.set 4
            local.get 8
            local.get 4
            local.get 1
            local.get 7
            local.get 0
            local.set 7
            local.set 0
            local.set 8
            local.set 4
            local.set 1
            br 0 (;@4;)
          end
          i32.const 1
          local.set 26
          i32.const 1524190828
          if (result f64) ;; label = @4
            local.get 9
            f64.const nan (;=NaN;)
            f64.max
            local.tee 12
            f64.const nan (;=NaN;)
            local.get 12
            local.get 12
            f64.eq
            select
          else
            local.get 18
          end
          loop (type 9) (param f64) (result f64) ;; label = @4
            local.set 27
            local.get 1
            block (type 10) (param i32) (result i64 i32 i32) ;; label = @5
              local.set 4
              block (type 11) (result i64 i32 i32) ;; label = @6
                local.get 15
                local.get 6
                local.get 6
                i64.and
                i64.sub
                local.get 8
                local.tee 8
                memory.size
                local.get 11
                if (result f32) ;; label = @7
                  f32.const 0x1p-126 (;=0.000000000000000000000000000000000000011754944;)
                else
                  local.get 5
                end
                i32.reinterpret_f32
                br_if 0 (;@6;)
                local.set 0
                local.set 1
                local.set 3
                i32.const -1631278091
                local.tee 1
                if (result f32) ;; label = @7
                  local.get 25
                  local.get 5
                  f32.mul
                  local.tee 13
                  f32.const nan (;=NaN;)
                  local.get 13
                  local.get 13
                  f32.eq
                  select
                else
                  local.get 5
                  local.get 5
                  f32.div
                  local.tee 13
                  f32.const nan (;=NaN;)
                  local.get 13
                  local.get 13
                  f32.eq
                  select
                end
                i32.trunc_sat_f32_u
                local.set 8
                local.get 9
                global.get 2
                if (result f64) ;; label = @7
                  local.get 9
                  local.get 27
                  f64.mul
                  local.tee 12
                  f64.const nan (;=NaN;)
                  local.get 12
                  local.get 12
                  f64.eq
                  select
                else
                  local.get 27
                end
                f64.const 0x1p-1 (;=0.5;)
                f64.div
                local.tee 12
                f64.const nan (;=NaN;)
                local.get 12
                local.get 12
                f64.eq
                select
                i32.const 1
                if (result i32) ;; label = @7
                  i32.const -1446618265
                else
                  i32.const -2147483648
                end
                local.get 19
                i32.const -1
                i32.and
                i32.extend16_s
                i32.rotr
                i32.const 4092
                i32.and
                i32.load16_s align=1
                select
                local.set 9
                local.get 20
                local.get 22
                i32.const 1
                i32.or
                i32.div_u
                block (result i32) ;; label = @7
                  local.get 10
                  global.get 2
                  br_if 0 (;@7;)
                  drop
                  i32.const 12439
                end
                global.get 0
                select
                i32.const 63
                i32.and
                global.get 0
                local.get 24
                i32.rotr
                local.get 22
                if (result i32) ;; label = @7
                  local.get 1
                else
                  local.get 10
                end
                i32.sub
                i32.const 255
                i32.and
                i32.load8_u
                i32.store16 align=1
                block (result f64) ;; label = @7
                  local.get 9
                  local.get 4
                  br_if 0 (;@7;)
                  drop
                  local.get 9
                end
                i64.reinterpret_f64
                block (result i32) ;; label = @7
                  local.get 2
                  i32.const 57765
                  i32.const 1
                  i32.or
                  i32.div_s
                  local.get 19
                  global.get 2
                  i32.rotl
                  br_if 0 (;@7;)
                  drop
                  block (result i32) ;; label = @8
                    local.get 22
                    i32.const -2147483648
                    br_if 0 (;@8;)
                    local.tee 1
                  end
                end
                local.get 2
                i32.const -2147483648
                br_if 1 (;@5;)
                local.set 1
                local.set 7
                local.set 3
                i32.const -3
                local.tee 2
                local.set 0
                f64.const 0x1.bc325p+62 (;=8001933365651440000;)
                local.set 9
                i64.const 68
                local.get 8
                local.get 6
                i32.wrap_i64
                local.tee 4
              end
            end
            local.set 2
            local.set 0
            local.set 6
            local.get 27
            local.get 26
            i32.const 1
            i32.sub
            local.tee 26
            br_if 0 (;@4;)
          end
          local.set 9
          local.get 10
          i32.const 1
          i32.sub
          local.tee 10
          br_if 0 (;@3;)
        end
        br 1 (;@1;)
      end
      local.get 6
      local.tee 6
      local.set 6
      i32.const 2
      local.get 7
      global.get 0
      select
      block (result i32) ;; label = @2
        local.get 4
        local.get 20
        br_if 0 (;@2;)
        local.tee 0
      end
      i32.rotr
      i32.const 4092
      i32.and
      local.get 6
      local.get 20
      local.get 17
      global.get 2
      select
      i32.const 63
      i32.and
      i64.load32_s align=1
      i64.const 1
      i64.or
      i64.div_u
      i64.store16 align=1
      br 0 (;@1;)
    end
  )
  (func (;12;) (type 12) (param i32 i32 i64 i32 i32 i64 i64 i32 f32 f32 i32 i32 i32 i64 i32 i32 f32 i32 i32 i32 i32 i64)
    (local f32 f64 f32 f32 f32 i64 i32 f32 i32 f64)
    i32.const 1010
    local.get 28
    i32.const 0
    i32.rotl
    i32.rotr
    i32.const 1
    global.get 0
    i32.or
    local.get 3
    local.get 20
    i64.extend_i32_s
    i32.const 2
    call_indirect (type 6)
    i32.const 1036
    local.set 4
    local.get 4
    if ;; label = @1
      block ;; label = @2
        block ;; label = @3
          block ;; label = @4
            block ;; label = @5
              block ;; label = @6
                local.get 20
                if (result i32) ;; label = @7
                  global.get 0
                else
                  i32.const 45709
                end
                i32.ctz
                i32.const 7
                i32.and
                br_table 4 (;@2;) 0 (;@6;) 2 (;@4;) 3 (;@3;)
              end
              block (type 13) (result f64 i32) ;; label = @6
                block (type 13) (result f64 i32) ;; label = @7
                  block (type 13) (result f64 i32) ;; label = @8
                    block (type 13) (result f64 i32) ;; label = @9
                      local.get 27
                      f64.reinterpret_i64
                      local.get 1
                      i32.const -1
                      i32.rotl
                      local.get 14
                      i32.const 600
                      i32.and
                      i32.sub
                      i32.const -3
                      br_table 2 (;@7;) 3 (;@6;) 3 (;@6;) 1 (;@8;)
                    end
                    local.set 11
                    local.set 23
                    i32.const -1
                    if ;; label = @9
                      i32.const -1
                      i32.const 4092
                      i32.and
                      i32.load align=1
                      if (result i32) ;; label = @10
                        local.get 1
                        if (result i32) ;; label = @11
                          local.get 3
                        else
                          i32.const 2
                        end
                      else
                        local.get 9
                        local.get 8
                        f32.le
                      end
                      i32.const 4092
                      i32.and
                      block (result i64) ;; label = @10
                        i64.const 2097152
                        local.tee 5
                        i32.const 309631
                        if (result i32) ;; label = @11
                          local.get 10
                        else
                          local.get 18
                        end
                        br_if 0 (;@10;)
                        local.tee 27
                      end
                      i64.popcnt
                      i64.store8
                      local.get 12
                      local.tee 4
                      if (result f32) ;; label = @10
                        f32.const -0x1.6830ecp-24 (;=-0.000000083863526;)
                        local.get 24
                        f32.sub
                        local.tee 29
                        f32.const nan (;=NaN;)
                        local.get 29
                        local.get 29
                        f32.eq
                        select
                      else
                        block (result f32) ;; label = @11
                          local.get 16
                          local.get 14
                          br_if 0 (;@11;)
                          drop
                          f32.const 0x1.0eebbep+92 (;=5240372000000000000000000000;)
                        end
                      end
                      f32.neg
                      global.set 1
                    end
                    local.get 23
                    local.get 18
                    local.get 12
                    i32.xor
                  end
                  local.set 14
                  local.set 23
                  local.get 0
                  local.get 0
                  i32.rotr
                  if (result i32) ;; label = @8
                    local.get 19
                  else
                    local.get 6
                    i64.eqz
                  end
                  i32.const 65520
                  i32.and
                  block (result i32) ;; label = @8
                    local.get 19
                    local.get 7
                    local.get 1
                    select
                    local.tee 28
                    local.get 18
                    local.get 4
                    i32.and
                    i32.const 4092
                    i32.and
                    i32.load8_s
                    br_if 0 (;@8;)
                    drop
                    local.get 1
                    i32.const 32767
                    i32.and
                    i32.const -1
                    i32.rotr
                  end
                  i32.store16 align=1
                  local.get 17
                  i32.const 3
                  i32.rotr
                  local.set 14
                  local.get 23
                  local.get 11
                  global.get 2
                  global.get 2
                  i32.and
                  br_if 1 (;@6;)
                end
                local.set 12
                local.set 23
                i32.const 6760
                local.get 30
                i32.le_u
                i32.const 3
                i32.and
                i32.const 1
                i32.add
                local.set 30
                loop ;; label = @7
                  local.get 25
                  local.get 26
                  local.set 26
                  local.set 25
                  local.get 9
                  f32.abs
                  local.get 3
                  i32.const 4092
                  i32.and
                  f32.load align=1
                  f32.add
                  local.tee 29
                  f32.const nan (;=NaN;)
                  local.get 29
                  local.get 29
                  f32.eq
                  select
                  local.tee 25
                  global.set 1
                  local.get 30
                  i32.const 1
                  i32.sub
                  local.tee 30
                  br_if 0 (;@7;)
                end
                f64.const -0x1.e1513c7e26e81p+275 (;=-114140649769732460000000000000000000000000000000000000000000000000000000000000000000;)
                local.tee 23
                i32.const 85
                local.get 14
                global.get 2
                select
              end
              local.set 20
              local.set 23
              block ;; label = @6
                block ;; label = @7
                  block ;; label = @8
                    block ;; label = @9
                      block ;; label = @10
                        block ;; label = @11
                          block ;; label = @12
                            block ;; label = @13
                              global.get 0
                              global.get 0
                              i32.const 1
                              i32.or
                              i32.rem_s
                              i32.ctz
                              i32.const 7
                              i32.and
                              br_table 6 (;@7;) 5 (;@8;) 5 (;@8;) 6 (;@7;) 6 (;@7;) 0 (;@13;) 0 (;@13;)
                            end
                            local.get 0
                            i32.const 4092
                            i32.and
                            local.get 27
                            i64.store16 offset=289 align=1
                            f32.const nan (;=NaN;)
                            local.get 15
                            if (result f32) ;; label = @13
                              local.get 9
                            else
                              local.get 24
                            end
                            f32.le
                            i32.const 65520
                            i32.and
                            f32.const -0x1.f16ca6p-75 (;=-0.000000000000000000000051432478;)
                            f32.store offset=49 align=1
                            local.get 0
                            local.get 12
                            local.tee 12
                            local.get 11
                            local.get 4
                            i32.and
                            select
                            if (result i32) ;; label = @13
                              local.get 11
                              i32.const 24
                              i32.shr_u
                              local.tee 28
                            else
                              i32.const -1
                            end
                            global.set 2
                            br 6 (;@6;)
                          end
                          i32.const -2147483648
                          i32.const 1829551612
                          i32.sub
                          local.get 7
                          i32.gt_u
                          global.set 2
                          br 5 (;@6;)
                        end
                        local.get 23
                        local.set 23
                        local.get 3
                        i32.const 65520
                        i32.and
                        f32.const 0x1.fffffep+127 (;=340282350000000000000000000000000000000;)
                        f32.store offset=235 align=1
                        br 4 (;@6;)
                      end
                      i64.const 64202522243670
                      local.get 27
                      i64.shr_s
                      global.get 2
                      if (result i64) ;; label = @10
                        local.get 2
                      else
                        local.get 13
                      end
                      i64.sub
                      call 10
                      global.get 2
                      i32.ctz
                      i32.const 65520
                      i32.and
                      global.get 1
                      f32.const 0x1p+0 (;=1;)
                      f32.lt
                      i32.const 255
                      i32.and
                      i32.load16_u align=1
                      local.get 28
                      i32.const 579677679
                      local.get 7
                      select
                      local.get 14
                      if (result i32) ;; label = @10
                        local.get 19
                      else
                        i32.const 7
                      end
                      i32.rotl
                      i32.ge_u
                      i32.store offset=50 align=1
                      local.get 7
                      local.get 24
                      f32.const -0x1.1d5aa6p+32 (;=-4787447300;)
                      f32.min
                      local.tee 29
                      f32.const nan (;=NaN;)
                      local.get 29
                      local.get 29
                      f32.eq
                      select
                      i32.reinterpret_f32
                      local.get 6
                      i64.eqz
                      memory.size
                      i32.or
                      local.get 30
                      if (result i64) ;; label = @10
                        local.get 21
                      else
                        i64.const 4294967295
                      end
                      i64.const 0
                      i64.const -9223372036854775808
                      i64.shl
                      i64.shr_s
                      i32.const 2
                      call_indirect (type 6)
                      br 3 (;@6;)
                    end
                    block (result i32) ;; label = @9
                      local.get 7
                      local.get 20
                      br_if 0 (;@9;)
                      drop
                      global.get 2
                    end
                    if (result i32) ;; label = @9
                      local.get 4
                    else
                      block (result i32) ;; label = @10
                        i32.const -1
                        local.get 18
                        br_if 0 (;@10;)
                        local.tee 28
                      end
                    end
                    i32.const 65520
                    i32.and
                    local.get 23
                    f64.store offset=102 align=1
                    i32.const -1837257537
                    if (result i32) ;; label = @9
                      i32.const -2
                    else
                      i32.const 61742
                    end
                    local.get 18
                    global.get 2
                    i32.shr_s
                    f64.const 0x1.p-1074 (;=0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000005;)
                    i32.trunc_sat_f64_u
                    select
                    global.get 0
                    i32.and
                    local.get 18
                    i32.rotr
                    local.set 11
                    local.get 21
                    local.get 6
                    i64.rotr
                    local.set 13
                  end
                  local.get 21
                  local.get 5
                  i64.const 1
                  i64.or
                  i64.div_u
                  i32.wrap_i64
                  i32.const 65520
                  i32.and
                  local.get 18
                  local.get 4
                  i32.or
                  i32.const 255
                  i32.and
                  i32.load16_s align=1
                  i32.const 255
                  i32.and
                  i32.const 0
                  i32.const 511
                  i32.and
                  memory.copy
                  block (result i32) ;; label = @8
                    block (result i32) ;; label = @9
                      local.get 14
                      local.get 10
                      br_if 0 (;@9;)
                      local.tee 4
                    end
                    local.get 19
                    global.get 2
                    i32.gt_s
                    br_if 0 (;@8;)
                    local.tee 11
                  end
                  i32.const 255
                  i32.and
                  i32.const 3
                  i32.store align=1
                  br 1 (;@6;)
                end
                i32.const 17
                i32.const 35035
                i32.extend16_s
                call 0
                block (result i64) ;; label = @7
                  local.get 5
                  global.get 2
                  br_if 0 (;@7;)
                  drop
                  local.get 13
                end
                local.get 27
                i64.add
                call 10
                local.get 21
                f32.convert_i64_s
                local.tee 29
                f32.const nan (;=NaN;)
                local.get 29
                local.get 29
                f32.eq
                select
                global.set 1
                br 0 (;@6;)
              end
              local.get 20
              f32.convert_i32_u
              local.tee 29
              f32.const nan (;=NaN;)
              local.get 29
              local.get 29
              f32.eq
              select
              f32.const nan (;=NaN;)
              f32.ge
              i32.const 255
              i32.and
              i32.const 1104922886
              i32.store8 offset=270
              local.get 30
              i32.const 255
              i32.and
              f64.const 0x1.c5613d7fdadf3p+596 (;=459303399419087200000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000;)
              local.get 23
              f64.min
              local.tee 31
              f64.const nan (;=NaN;)
              local.get 31
              local.get 31
              f64.eq
              select
              local.tee 23
              f32.demote_f64
              local.tee 29
              f32.const nan (;=NaN;)
              local.get 29
              local.get 29
              f32.eq
              select
              f32.store align=1
              local.get 23
              f64.abs
              local.get 4
              local.set 4
              local.set 23
              br 3 (;@2;)
            end
            local.get 3
            global.get 0
            i32.const 1
            i32.or
            i32.div_s
            global.get 2
            i32.const 869515707
            i32.shl
            i32.const 1
            i32.or
            i32.div_u
            i32.const 65520
            i32.and
            local.get 4
            i32.store align=1
            br 2 (;@2;)
          end
          global.get 0
          i32.const 4092
          i32.and
          i64.load16_u offset=290 align=1
          local.tee 6
          block (result i64) ;; label = @4
            i64.const -3223627746576695007
            i64.const 4294967295
            i64.and
            i64.const 4294967295
            i64.ne
            i64.extend_i32_u
            global.get 0
            br_if 0 (;@4;)
            local.tee 13
          end
          i64.rotl
          i32.wrap_i64
          local.set 15
        end
        local.get 10
        i32.const -1
        i32.const 1
        i32.or
        i32.rem_s
        i32.popcnt
        i32.const 4092
        i32.and
        memory.size
        local.get 28
        if (result i32) ;; label = @3
          global.get 0
        else
          i32.const 1
        end
        i32.add
        local.get 3
        local.tee 28
        i32.const 511
        i32.and
        memory.fill
        local.get 10
        local.set 19
        local.get 6
        i64.popcnt
        local.get 15
        if (result i64) ;; label = @3
          local.get 13
        else
          i64.const 54617
        end
        i64.xor
        call 10
        br 0 (;@2;)
      end
    else
      local.get 30
      i32.const 4092
      i32.and
      local.get 27
      f64.reinterpret_i64
      local.get 23
      local.tee 23
      f64.mul
      local.tee 31
      f64.const nan (;=NaN;)
      local.get 31
      local.get 31
      f64.eq
      select
      local.get 27
      f64.convert_i64_u
      local.tee 31
      f64.const nan (;=NaN;)
      local.get 31
      local.get 31
      f64.eq
      select
      local.get 23
      f64.copysign
      f64.eq
      i32.store16 offset=263 align=1
    end
  )
  (func (;13;) (type 1) (param i32) (result i32)
    (local i32 i32 f64 i32 i32 i32 i64 i32 i32 f64 f32)
    block (result i32) ;; label = @1
      local.get 0
      i32.const 2
      br_if 0 (;@1;)
      drop
      i32.const 439
    end
    local.get 1
    i32.const -2063590013
    if (result i32) ;; label = @1
      local.get 6
    else
      i32.const 1
    end
    select
    i32.const 63
    i32.and
    local.get 6
    i32.const 15
    i32.and
    i32.const 2883260
    i32.const 0
    i32.rotr
    i32.const 65520
    i32.and
    i32.load16_u align=1
    i32.const 15
    i32.and
    memory.init 1
    f32.const 0x1.c18108p+22 (;=7364674;)
    f32.const 0x1.fda208p-57 (;=0.000000000000000013813628;)
    f32.eq
    i32.const 65520
    i32.and
    i64.load8_u
    block (type 14) (param i64) (result i32 i32 f64) ;; label = @1
      local.set 7
      block (type 15) (result i32 i32 f64) ;; label = @2
        local.get 1
        local.get 5
        block (result i32) ;; label = @3
          local.get 1
          local.get 6
          br_if 0 (;@3;)
          local.tee 5
        end
        local.get 2
        i32.clz
        select
        local.get 0
        i32.ctz
        if (result f64) ;; label = @3
          local.get 4
          i32.const 255
          i32.and
          f64.load align=1
        else
          f64.const nan (;=NaN;)
          f64.const -inf (;=-inf;)
          f64.copysign
        end
        local.get 0
        i64.extend_i32_s
        i64.eqz
        br_if 1 (;@1;)
        local.set 3
        local.set 0
        local.set 4
        i32.const 0
        local.get 1
        i32.shr_u
        if (result i32) ;; label = @3
          local.get 6
          i32.eqz
        else
          block (result i32) ;; label = @4
            i32.const 0
            local.get 5
            br_if 0 (;@4;)
            drop
            i32.const 1727271170
          end
        end
        i32.const 65520
        i32.and
        local.get 3
        f64.store offset=154 align=1
        i64.const 48220
        local.get 7
        i64.const 1
        i64.or
        i64.div_s
        i32.wrap_i64
        global.get 0
        i32.const -860505189
        local.get 1
        global.get 2
        select
        if (result f64) ;; label = @3
          i32.const -2
          if (result f64) ;; label = @4
            local.get 3
          else
            local.get 3
          end
        else
          local.get 3
          f64.const nan (;=NaN;)
          f64.copysign
        end
        f32.const 0x1.fffffep+127 (;=340282350000000000000000000000000000000;)
        i32.trunc_sat_f32_s
        local.get 5
        global.get 0
        i32.const 1
        i32.or
        i32.rem_s
        i32.mul
        br_if 1 (;@1;)
        local.set 3
        local.set 4
        local.set 5
        block (result f64) ;; label = @3
          block (result f64) ;; label = @4
            block (result f64) ;; label = @5
              block (result f64) ;; label = @6
                block (result f64) ;; label = @7
                  block (result f64) ;; label = @8
                    block (result f64) ;; label = @9
                      f64.const nan (;=NaN;)
                      global.get 2
                      br_if 0 (;@9;)
                      local.tee 3
                    end
                    local.get 1
                    local.tee 0
                    br_if 0 (;@8;)
                    drop
                    f64.const 0x1.d6329f1c35ca5p+132 (;=10000000000000000000000000000000000000000;)
                  end
                  local.get 6
                  if (result i32) ;; label = @8
                    local.get 2
                    if (result i32) ;; label = @9
                      i32.const 3
                    else
                      global.get 2
                    end
                  else
                    local.get 3
                    f64.const -0x1.f2814bdaa2f04p-750 (;=-0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000032880079642939084;)
                    f64.ne
                  end
                  br_table 3 (;@4;) 2 (;@5;) 0 (;@7;) 4 (;@3;)
                end
                local.set 3
                local.get 2
                local.tee 0
                i32.const 3
                i32.and
                i32.const 1
                i32.add
                local.set 8
                local.get 8
                i32.const 255
                i32.and
                i32.load8_s offset=148
                loop (type 1) (param i32) (result i32) ;; label = @7
                  local.set 9
                  i64.const 1
                  block (result i64) ;; label = @8
                    i64.const -1
                    i32.const 0
                    br_if 0 (;@8;)
                    drop
                    i64.const 58172
                  end
                  i64.and
                  call 10
                  i64.const 536870912
                  i64.const 2147483647
                  i64.and
                  i64.const 256
                  i64.shl
                  local.set 7
                  block (result i32) ;; label = @8
                    i32.const -2147483648
                    local.get 9
                    br_if 0 (;@8;)
                    drop
                    local.get 4
                    local.tee 4
                  end
                  local.get 7
                  local.get 7
                  i64.lt_s
                  local.get 2
                  i32.const 127
                  i32.and
                  i32.const 7
                  i32.shr_s
                  i32.lt_u
                  i32.add
                  if (result f64) ;; label = @8
                    block (result f64) ;; label = @9
                      block (result f64) ;; label = @10
                        local.get 3
                        i32.const 25063
                        br_if 0 (;@10;)
                        local.tee 3
                      end
                      local.get 7
                      i64.eqz
                      br_if 0 (;@9;)
                      drop
                      local.get 3
                    end
                    f64.abs
                  else
                    f64.const 0x1.c73a5b4f6bfaap+234 (;=49091685637299590000000000000000000000000000000000000000000000000000000;)
                    block (result f64) ;; label = @9
                      block (result f64) ;; label = @10
                        local.get 3
                        i32.const 12126552
                        br_if 0 (;@10;)
                        local.tee 3
                      end
                      local.get 0
                      br_if 0 (;@9;)
                      local.tee 3
                    end
                    f64.mul
                    local.tee 10
                    f64.const nan (;=NaN;)
                    local.get 10
                    local.get 10
                    f64.eq
                    select
                  end
                  local.set 3
                  local.get 9
                  local.get 8
                  i32.const 1
                  i32.sub
                  local.tee 8
                  br_if 0 (;@7;)
                end
                local.set 0
                local.get 9
                i32.const 3
                local.get 4
                i32.const 1
                i32.or
                i32.div_s
                global.get 0
                i32.const 255
                i32.and
                i32.load8_u
                i32.gt_u
                i32.and
                if ;; label = @7
                  call 7
                  local.set 7
                  local.get 4
                  if (result i32) ;; label = @8
                    global.get 2
                  else
                    local.get 6
                  end
                  if ;; label = @8
                    unreachable
                  end
                end
                local.get 1
                i32.const 15
                i32.and
                i32.const 4
                i32.add
                call 2
                local.get 0
                if (result f64) ;; label = @7
                  f64.const nan (;=NaN;)
                else
                  local.get 3
                end
              end
              local.set 3
              local.get 8
              i32.ctz
              i32.ctz
              local.set 1
              local.get 0
              if (result f32) ;; label = @6
                f32.const -inf (;=-inf;)
                f32.abs
              else
                local.get 8
                if (result f32) ;; label = @7
                  f32.const 0x1.bd8bd4p+24 (;=29199316;)
                else
                  f32.const 0x1.p-149 (;=0.000000000000000000000000000000000000000000001;)
                end
              end
              i32.trunc_sat_f32_u
              local.set 6
              block (result f64) ;; label = @6
                local.get 3
                local.get 4
                br_if 0 (;@6;)
                local.tee 3
              end
              local.get 9
              br_if 2 (;@3;)
            end
            local.set 3
            i64.const 6230221701023935509
            local.get 7
            local.get 2
            select
            local.get 4
            i32.const 63
            i32.and
            i64.load align=1
            i64.shl
            f64.const nan (;=NaN;)
            local.tee 3
            i64.reinterpret_f64
            i64.rem_u
            local.get 7
            i64.rotl
            block (result i64) ;; label = @5
              local.get 7
              i64.const 4294967295
              i64.const 1
              i64.or
              i64.rem_u
              i64.const 24
              f64.const nan (;=NaN;)
              local.get 3
              local.get 9
              select
              local.get 3
              f64.ge
              select
              block (result i32) ;; label = @6
                block (result i32) ;; label = @7
                  local.get 6
                  if (result i32) ;; label = @8
                    i32.const 4
                  else
                    global.get 2
                  end
                  i32.const 61601
                  br_if 0 (;@7;)
                  local.tee 2
                end
                local.get 4
                br_if 0 (;@6;)
                drop
                i32.const 1
              end
              br_if 0 (;@5;)
              drop
              i64.const -3
              f32.convert_i64_u
              local.tee 11
              f32.const nan (;=NaN;)
              local.get 11
              local.get 11
              f32.eq
              select
              i64.trunc_f32_s
              i64.const 13623
              i64.const 1
              i64.or
              i64.div_u
            end
            i64.const 1
            i64.or
            i64.div_s
            local.set 7
            local.get 3
            local.get 3
            f64.copysign
            local.set 3
            local.get 9
            local.get 9
            local.get 0
            select
            local.tee 6
            i32.const 255
            i32.and
            local.get 1
            i32.const 63
            i32.and
            i32.load8_u offset=4294967288
            i32.extend8_s
            i32.const 65520
            i32.and
            local.get 1
            local.get 5
            i32.const 53503
            select
            i32.ctz
            i32.const 511
            i32.and
            memory.copy
            local.get 3
            local.tee 3
          end
          local.set 3
          local.get 1
          local.get 5
          local.get 2
          i32.mul
          i32.ne
          local.get 2
          i32.store8
          local.get 3
          local.tee 3
        end
        local.set 3
        local.get 5
        local.get 5
        i32.shr_s
        i32.const -3
        i32.const 1
        i32.or
        i32.rem_s
        i32.const 255
        i32.and
        local.get 7
        i64.const 7637007924168185210
        i64.xor
        local.get 7
        i64.add
        i64.const 3506184458976721
        global.get 0
        if (result i64) ;; label = @3
          i64.const 1568818
        else
          local.get 7
        end
        local.get 9
        select
        i64.rotr
        i64.store8
        global.get 2
        i32.extend8_s
        f32.const -0x0p+0 (;=-0;)
        i32.trunc_sat_f32_s
        local.get 7
        i32.wrap_i64
        i32.shl
        block (result i32) ;; label = @3
          i32.const 0
          local.get 1
          i32.const 43
          select
          i32.const -1
          br_if 0 (;@3;)
          drop
          local.get 0
          i32.ctz
        end
        local.get 7
        i32.const 2
        call_indirect (type 6)
        local.get 1
        i32.const 65520
        i32.and
        f64.const -0x1.ccccccccccccdp-1 (;=-0.9;)
        f64.const -0x1.00000001ccccdp+31 (;=-2147483648.9;)
        f64.min
        local.tee 10
        f64.const nan (;=NaN;)
        local.get 10
        local.get 10
        f64.eq
        select
        f64.neg
        f64.trunc
        local.tee 10
        f64.const nan (;=NaN;)
        local.get 10
        local.get 10
        f64.eq
        select
        f64.store offset=4294967288 align=1
        f32.const nan (;=NaN;)
        f64.promote_f32
        local.tee 10
        f64.const nan (;=NaN;)
        local.get 10
        local.get 10
        f64.eq
        select
        local.set 3
        local.get 7
        local.set 7
        local.get 0
        if (result f64) ;; label = @3
          f64.const 0x1.fffffep+127 (;=340282346638528860000000000000000000000;)
        else
          local.get 3
        end
        local.set 3
        global.get 0
        local.get 2
        i32.and
        local.get 9
        i32.const 18940
        i32.shl
        i32.xor
        i32.const 42
        local.tee 1
        local.get 3
        f64.const 0x1.ffffffffccccdp+31 (;=4294967295.9;)
        local.tee 3
        f64.sub
        local.tee 10
        f64.const nan (;=NaN;)
        local.get 10
        local.get 10
        f64.eq
        select
      end
    end
    local.set 3
    local.set 0
    local.set 5
    block (result i32) ;; label = @1
      global.get 2
      global.get 1
      f32.const nan (;=NaN;)
      f32.sub
      local.tee 11
      f32.const nan (;=NaN;)
      local.get 11
      local.get 11
      f32.eq
      select
      i32.reinterpret_f32
      br_if 0 (;@1;)
      local.tee 0
    end
  )
  (func (;14;) (type 16) (param f32) (result i32 f64)
    (local f64 i32 i64 i32 i32 f64)
    f64.const 0x1.fffffffep+30 (;=2147483647.5;)
    f64.neg
    local.set 1
    i32.const 0
    call 13
    local.set 2
    i32.const -1825942777
    call 13
    if ;; label = @1
      local.get 2
      i32.const 4092
      i32.and
      local.get 2
      i64.extend_i32_u
      block (result i64) ;; label = @2
        i64.const 56
        i64.const -9223372036854775808
        i64.const 1
        i64.or
        i64.div_u
        global.get 0
        i32.load16_s align=1
        br_if 0 (;@2;)
        local.tee 3
      end
      local.get 2
      i32.const 255
      i32.and
      i32.load8_u offset=4294967288
      global.get 0
      local.get 2
      i32.sub
      i32.const 1
      i32.or
      i32.rem_u
      select
      i64.store align=1
    end
    local.get 3
    local.get 3
    local.get 2
    select
    local.get 3
    i32.const 52
    local.get 2
    local.get 2
    select
    select
    local.get 3
    i64.const 1
    i64.or
    i64.rem_s
    local.set 3
    global.get 2
    local.get 2
    i32.or
    i32.const 1073741824
    i32.const 255
    i32.and
    i32.load8_u
    i32.xor
    i32.const 63
    i32.and
    local.get 3
    i64.store offset=4294967288 align=1
    block (result i32) ;; label = @1
      local.get 2
      if (result i32) ;; label = @2
        local.get 2
      else
        local.get 2
      end
      global.get 2
      call 13
      br_if 0 (;@1;)
      local.tee 2
    end
    i32.const 255
    i32.and
    i32.load16_s offset=129 align=1
    if ;; label = @1
      local.get 1
      local.get 1
      local.set 1
      local.set 1
    end
    local.get 5
    call 13
    block (result i32) ;; label = @1
      local.get 2
      i32.const 42
      br_if 0 (;@1;)
      local.tee 2
    end
    i32.sub
    i32.const 65528
    i32.and
    local.tee 4
    i32.const 38
    i32.add
    local.set 5
    loop ;; label = @1
      local.get 4
      local.get 4
      i32.load16_s align=1
      local.get 2
      i32.rotl
      local.tee 2
      i32.store8
      local.get 4
      i32.const 2
      i32.add
      local.tee 4
      local.get 5
      i32.lt_u
      br_if 0 (;@1;)
    end
    local.get 4
    global.get 0
    local.tee 2
    i32.load8_u
    i32.extend16_s
    i32.or
    local.set 2
    i32.const -2147483648
    if (result i32) ;; label = @1
      local.get 3
      i64.eqz
    else
      i32.const 46910
    end
    local.tee 2
    f64.const 0x1.fffffffffffffp+1023 (;=179769313486231570000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000;)
    f64.nearest
    local.tee 6
    f64.const nan (;=NaN;)
    local.get 6
    local.get 6
    f64.eq
    select
  )
  (data (;0;) "\d4\00\8e\1e\7f\16\be=o\c2\e8\82\e7:E\9f\13D|\b5\ff2}")
  (data (;1;) "(\b7pI'\b7r8\ba\bf\ba\dfO\fd=\dd\0a\c9")
)

