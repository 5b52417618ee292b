(module
    (import "i2c" "write_read" (func $i2c (param i32 i32 i32 i32 i32) (result i32)))
    (memory 1)
    ;; On; page 0, column 36, which is the left one; a diagonal.
    (data (i32.const 0) "\80\af\80\b0\80\04\80\12\40\01\02\04\08")
    (func (export "show") (result i32)
        (call $i2c (i32.const 0) (i32.const 0) (i32.const 13) (i32.const 0) (i32.const 0))))
