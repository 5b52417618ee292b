;; The button begins and ends the blinking of the lamp.
(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (import "gpio" "toggle" (func $toggle (param i32)))

  (global $blinking (mut i32) (i32.const 0))
  (global $pressed (mut i32) (i32.const 0))

  ;; Begins and ends the blinking. A host can call it.
  (func $blink (export "blink") (param $on i32)
    (global.set $blinking (local.get $on))
    (if (i32.eqz (local.get $on)) (then (call $set (i32.const @LAMP@) (i32.const 0)))))

  ;; How often the button was pressed.
  (func (export "presses") (result i32) (global.get $pressed))

  ;; panel.toml says on which edge of the button this is called.
  (func (export "on_press")
    (global.set $pressed (i32.add (global.get $pressed) (i32.const 1)))
    (call $blink (i32.eqz (global.get $blinking))))

  ;; Called twice a second.
  (func (export "on_tick")
    (if (global.get $blinking) (then (call $toggle (i32.const @LAMP@))))))
