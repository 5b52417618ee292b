;; wasmi 2.0.0 gives the second call a global 5 that differs from process to process. By wasmtime 50 it is 0xc3e1909ef62f729c.
;; call e0 0x41effffffffccccd 0x7ff8000000000000
;; call e2 0x7ff8000000000000
;; call e2 0xbfeccccccccccccd
;; call e2 0x7ff8000000000000
;; fuel 7 0x1388
(module
  (type (;0;) (func (param f64) (result i64 f32)))
  (type (;1;) (func (param f64)))
  (type (;2;) (func (param f64 f64)))
  (table (;0;) 0 17 funcref)
  (global (;0;) i32 i32.const 54371658 i32.const -897102504 i32.const -1607724084 i32.const 1362793169 i32.sub i32.sub i32.add i32.const -1981746338 i32.const 1798532698 i32.add i32.add i32.const 862265364 i32.add)
  (global (;1;) (mut i32) i32.const -1780579829 i32.const 2143707014 i32.sub i32.const 1732048771 i32.const 1806172263 i32.sub i32.const 2080072091 i32.sub i32.const 1393130755 i32.const -1380418004 i32.sub i32.sub i32.mul)
  (global (;2;) (mut i64) i64.const -117061516317070556 i64.const 7129907538926253211 i64.const -603801713751332127 i64.const 8537876558956137637 i64.const 7639023958368884899 i64.const 7638282571083019440 i64.sub i64.const -6554928715044605248 i64.mul i64.sub i64.mul i64.mul i64.mul i64.const 2337267860297468963 i64.const -8715267067111205142 i64.add i64.add)
  (global (;3;) (mut i64) i64.const 0)
  (global (;4;) (mut i32) i32.const 0)
  (global (;5;) (mut i64) i64.const 0)
  (global (;6;) (mut i32) i32.const 0)
  (global (;7;) (mut i32) i32.const 5000)
  (export "e0" (func 0))
  (export "e2" (func 2))
  (export "g1" (global 1))
  (export "g2" (global 2))
  (export "g3" (global 3))
  (export "g4" (global 4))
  (export "g5" (global 5))
  (export "g6" (global 6))
  (export "g7" (global 7))
  (elem (;0;) externref)
  (func (;0;) (type 2) (param f64 f64)
    (local f32 i32 i64 f32 f64)
    global.get 7
    i32.eqz
    if ;; label = @1
      unreachable
    end
    global.get 7
    i32.const 1
    i32.sub
    global.set 7
    ref.null extern
    f64.const -nan:0xfdfffffffffff (;=NaN;)
    local.get 0
    global.get 0
    i32.eqz
    i32.eqz
    ref.null func
    block ;; label = @1
      elem.drop 0
      ref.null extern
      block ;; label = @2
        block ;; label = @3
          i32.const -4194304
          global.set 1
          block (result i64) ;; label = @4
            block (result f64) ;; label = @5
              table.size 0
              nop
              table.size 0
              i32.ge_u
              f64.convert_i32_s
              table.size 0
              loop (result externref) ;; label = @6
                global.get 7
                i32.eqz
                if ;; label = @7
                  unreachable
                end
                global.get 7
                i32.const 1
                i32.sub
                global.set 7
                i64.const -2097153
                local.get 0
                i32.trunc_sat_f64_s
                block ;; label = @7
                  global.get 0
                  i64.extend_i32_u
                  br 1 (;@6;)
                  f32.const -0x1.1d763ap+23 (;=-9354013;)
                  i64.trunc_sat_f32_u
                  block (result f64) ;; label = @8
                    i32.const -33554433
                    i32.popcnt
                    f32.convert_i32_s
                    f32.neg
                    f32.const -0x1p+97 (;=-158456330000000000000000000000;)
                    i64.trunc_f32_s
                    table.size 0
                    local.get 0
                    i64.trunc_sat_f64_u
                    ref.null extern
                    loop ;; label = @9
                      global.get 7
                      i32.eqz
                      if ;; label = @10
                        unreachable
                      end
                      global.get 7
                      i32.const 1
                      i32.sub
                      global.set 7
                    end
                    f64.const nan (;=NaN;)
                    nop
                    local.get 0
                    f64.gt
                    table.get 0
                    f32.const 0x1.16262p-74 (;=0.00000000000000000000005751985;)
                    f64.const -0x1.7d89732e94a3cp-248 (;=-0.0000000000000000000000000000000000000000000000000000000000000000000000000032950170974564833;)
                    f64.abs
                    f64.abs
                    f64.neg
                    elem.drop 0
                    local.get 0
                    i64.trunc_sat_f64_u
                    i64.extend16_s
                    global.get 1
                    f32.convert_i32_s
                    ref.null extern
                    table.size 0
                    global.get 1
                    loop (result externref) ;; label = @9
                      global.get 7
                      i32.eqz
                      if ;; label = @10
                        unreachable
                      end
                      global.get 7
                      i32.const 1
                      i32.sub
                      global.set 7
                      elem.drop 0
                      br 0 (;@9;)
                      ref.null extern
                      block ;; label = @10
                        ref.null func
                        f32.const 0x1p-125 (;=0.000000000000000000000000000000000000023509887;)
                        local.get 1
                        elem.drop 0
                        i32.trunc_f64_s
                        f64.convert_i32_s
                        i64.reinterpret_f64
                        i64.ctz
                        block ;; label = @11
                          f64.const -0x1.fffffffffffffp+960 (;=-19490628022799996000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000;)
                          f64.neg
                          i64.trunc_f64_s
                          i32.const -114522497
                          i32.clz
                          i32.eqz
                          br 8 (;@3;)
                          i32.eqz
                          local.get 1
                          table.size 0
                          i32.popcnt
                          br 9 (;@2;)
                          f32.reinterpret_i32
                          br 11
                          f32.const -nan:0x7f7fff (;=NaN;)
                          global.get 2
                          i64.const -16
                          i64.lt_u
                          ref.null extern
                          f32.const 0x1.p-135 (;=0.000000000000000000000000000000000000000022959;)
                          i64.trunc_f32_s
                          i64.clz
                          i64.eqz
                          i32.eqz
                          i32.ctz
                          i32.const 594633759
                          global.set 1
                          f64.convert_i32_s
                          block ;; label = @12
                            block ;; label = @13
                            end
                            br 6 (;@6;)
                          end
                          table.size 0
                          table.get 0
                          global.get 2
                          elem.drop 0
                          f64.convert_i64_s
                          block ;; label = @12
                            local.get 0
                            block (type 1) (param f64) ;; label = @13
                              i64.trunc_f64_u
                              elem.drop 0
                              nop
                              f64.const -nan:0xffffffc000000 (;=NaN;)
                              local.tee 1
                              i64.trunc_sat_f64_u
                              i64.ne
                              global.set 1
                            end
                            global.get 1
                            i64.extend_i32_u
                            i64.popcnt
                            f32.convert_i64_u
                            f32.trunc
                            local.tee 2
                            f32.const nan (;=NaN;)
                            local.get 2
                            local.get 2
                            f32.eq
                            select
                            i64.const 1073741823
                            ref.null func
                            f64.const -0x1.bf60009365caap+863 (;=-107477613031821270000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000;)
                            global.get 1
                            global.set 1
                            i64.trunc_f64_s
                            i64.const 137438953471
                            elem.drop 0
                            global.get 3
                            i64.xor
                            global.set 3
                            global.get 3
                            i64.xor
                            global.set 3
                            drop
                            global.get 3
                            i64.xor
                            global.set 3
                            i32.reinterpret_f32
                            global.get 4
                            i32.xor
                            global.set 4
                          end
                          i64.reinterpret_f64
                          global.get 5
                          i64.xor
                          global.set 5
                          drop
                          i64.reinterpret_f64
                          global.get 5
                          i64.xor
                          global.set 5
                          drop
                          global.get 6
                          i32.xor
                          global.set 6
                          i32.reinterpret_f32
                          global.get 4
                          i32.xor
                          global.set 4
                          i32.reinterpret_f32
                          global.get 4
                          i32.xor
                          global.set 4
                          i64.reinterpret_f64
                          global.get 5
                          i64.xor
                          global.set 5
                          global.get 6
                          i32.xor
                          global.set 6
                          global.get 3
                          i64.xor
                          global.set 3
                        end
                        global.get 3
                        i64.xor
                        global.set 3
                        i32.reinterpret_f32
                        global.get 4
                        i32.xor
                        global.set 4
                        drop
                      end
                    end
                    drop
                    global.get 6
                    i32.xor
                    global.set 6
                    global.get 6
                    i32.xor
                    global.set 6
                    drop
                    i32.reinterpret_f32
                    global.get 4
                    i32.xor
                    global.set 4
                    global.get 3
                    i64.xor
                    global.set 3
                    i64.reinterpret_f64
                    global.get 5
                    i64.xor
                    global.set 5
                    i32.reinterpret_f32
                    global.get 4
                    i32.xor
                    global.set 4
                    drop
                    drop
                    global.get 3
                    i64.xor
                    global.set 3
                    global.get 6
                    i32.xor
                    global.set 6
                    global.get 3
                    i64.xor
                    global.set 3
                    i32.reinterpret_f32
                    global.get 4
                    i32.xor
                    global.set 4
                    f64.const -0x1.bb03f5bd20dbep-920 (;=-0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000019524634570903008;)
                  end
                  i64.reinterpret_f64
                  global.get 5
                  i64.xor
                  global.set 5
                  global.get 3
                  i64.xor
                  global.set 3
                  global.get 3
                  i64.xor
                  global.set 3
                end
                global.get 6
                i32.xor
                global.set 6
                global.get 3
                i64.xor
                global.set 3
                ref.null extern
              end
              drop
              global.get 6
              i32.xor
              global.set 6
            end
            i64.reinterpret_f64
            global.get 5
            i64.xor
            global.set 5
            i64.const 7751706339645729308
          end
          global.get 3
          i64.xor
          global.set 3
        end
      end
      drop
    end
    drop
    global.get 6
    i32.xor
    global.set 6
    i64.reinterpret_f64
    global.get 5
    i64.xor
    global.set 5
    i64.reinterpret_f64
    global.get 5
    i64.xor
    global.set 5
    drop
  )
  (func (;1;) (type 1) (param f64)
    (local externref i32 i64 f32 f64)
    global.get 7
    i32.eqz
    if ;; label = @1
      unreachable
    end
    global.get 7
    i32.const 1
    i32.sub
    global.set 7
    block (result f32) ;; label = @1
      ref.null func
      ref.null extern
      i32.const 113785078
      loop ;; label = @2
        global.get 7
        i32.eqz
        if ;; label = @3
          unreachable
        end
        global.get 7
        i32.const 1
        i32.sub
        global.set 7
        i32.const 131072
        f64.const 0x1p+1 (;=2;)
        f64.abs
        ref.null extern
        ref.null extern
        global.get 1
        table.get 0
        br 2
        ref.is_null
        i32.ctz
        f32.convert_i32_u
        i32.trunc_f32_s
        global.set 1
        i32.const 131071
        table.size 0
        i32.rotl
        f32.reinterpret_i32
        global.get 2
        br 0 (;@2;)
        loop (result f64) ;; label = @3
          global.get 7
          i32.eqz
          if ;; label = @4
            unreachable
          end
          global.get 7
          i32.const 1
          i32.sub
          global.set 7
          local.get 0
          elem.drop 0
          ref.null extern
          i64.const 3478094624678559766
          table.size 0
          i64.extend_i32_u
          i64.extend32_s
          f32.const 0x1.9a61dp-66 (;=0.000000000000000000021725446;)
          i64.const 1402161360228274193
          global.get 3
          i64.xor
          global.set 3
          i32.reinterpret_f32
          global.get 4
          i32.xor
          global.set 4
          global.get 3
          i64.xor
          global.set 3
          global.get 3
          i64.xor
          global.set 3
          drop
        end
        i64.reinterpret_f64
        global.get 5
        i64.xor
        global.set 5
        global.get 3
        i64.xor
        global.set 3
        i32.reinterpret_f32
        global.get 4
        i32.xor
        global.set 4
        drop
        drop
        i64.reinterpret_f64
        global.get 5
        i64.xor
        global.set 5
        global.get 6
        i32.xor
        global.set 6
      end
      global.get 6
      i32.xor
      global.set 6
      drop
      drop
      f32.const 0x1p-125 (;=0.000000000000000000000000000000000000023509887;)
    end
    i32.reinterpret_f32
    global.get 4
    i32.xor
    global.set 4
  )
  (func (;2;) (type 1) (param f64)
    (local i32 f64 f64 i32 i64 f32 f64)
    global.get 7
    i32.eqz
    if ;; label = @1
      unreachable
    end
    global.get 7
    i32.const 1
    i32.sub
    global.set 7
    global.get 2
    f64.convert_i64_u
    ref.null func
    table.size 0
    i64.extend_i32_s
    i32.const -1152552083
    local.get 0
    global.get 2
    i64.eqz
    f32.convert_i32_s
    f64.const -nan:0xfffffffffff00 (;=NaN;)
    local.get 1
    if (type 1) (param f64) ;; label = @1
      local.get 0
      f64.add
      local.tee 2
      f64.const nan (;=NaN;)
      local.get 2
      local.get 2
      f64.eq
      select
      f64.ceil
      local.tee 3
      f64.const nan (;=NaN;)
      local.get 3
      local.get 3
      f64.eq
      select
      nop
      block (type 0) (param f64) (result i64 f32) ;; label = @2
        i32.trunc_sat_f64_u
        br_if 2
        block (result i32) ;; label = @3
          local.get 0
          i64.const -576460752303423489
          global.get 3
          i64.xor
          global.set 3
          i64.reinterpret_f64
          global.get 5
          i64.xor
          global.set 5
          i32.const 33554432
        end
        global.get 6
        i32.xor
        global.set 6
        i64.const 4
        f32.const 0x1.3333fcp-126 (;=0.000000000000000000000000000000000000014106073;)
      end
      i32.reinterpret_f32
      global.get 4
      i32.xor
      global.set 4
      global.get 3
      i64.xor
      global.set 3
    else
      i64.reinterpret_f64
      global.get 5
      i64.xor
      global.set 5
    end
    i32.reinterpret_f32
    global.get 4
    i32.xor
    global.set 4
    i64.reinterpret_f64
    global.get 5
    i64.xor
    global.set 5
    global.get 6
    i32.xor
    global.set 6
    global.get 3
    i64.xor
    global.set 3
    drop
    i64.reinterpret_f64
    global.get 5
    i64.xor
    global.set 5
  )
)
