(module
    (global $seconds (mut i32) (i32.const 0))
    (func (export "seconds") (result i32) (global.get $seconds))
    (func (export "tick")
        (global.set $seconds (i32.add (global.get $seconds) (i32.const 1)))))
