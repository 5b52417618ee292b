// The button begins and ends the blinking of the lamp. names.go has the lines of panel.toml.
package main

var (
	blinking bool
	pressed  uint32
)

// Begins and ends the blinking. A host can call it.
//
//go:wasmexport blink
func blink(on bool) {
	blinking = on
	if !on {
		LampSet(false)
	}
}

// How often the button was pressed.
//
//go:wasmexport presses
func presses() uint32 { return pressed }

// panel.toml says on which edge of the button this is called.
//
//go:wasmexport on_press
func onPress() {
	pressed++
	blink(!blinking)
}

// Called twice a second.
//
//go:wasmexport on_tick
func onTick() {
	if blinking {
		LampToggle()
	}
}

// Types as panel.toml has them, or it does not compile.
var (
	_ BlinkExport   = blink
	_ PressesExport = presses
)

func main() {}
