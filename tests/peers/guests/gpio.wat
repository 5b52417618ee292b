;; The smallest panel: one native function behind an export, and a guest that calls it in a loop.
(module
  (import "gpio" "set" (func $set (param $line i32) (param $value i32)))

  (func (export "call_gpio_set") (param $line i32) (param $value i32)
    (call $set (local.get $line) (local.get $value)))

  ;; Line 17 high and low, `n` times: the line stands in the code.
  (func (export "blink") (param $n i32)
    (loop $again
      (call $set (i32.const 17) (i32.const 1))
      (call $set (i32.const 17) (i32.const 0))
      (br_if $again
        (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))

  ;; The same with a line that only the call knows.
  (func (export "blink_line") (param $line i32) (param $n i32)
    (loop $again
      (call $set (local.get $line) (i32.const 1))
      (call $set (local.get $line) (i32.const 0))
      (br_if $again
        (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
