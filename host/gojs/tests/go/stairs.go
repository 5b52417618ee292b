// SPDX-License-Identifier: MIT OR Apache-2.0

// The stairwell light of tests/panels/stairs, in Go.
package main

import "syscall/js"

const (
	lightLine = 17
	glowLine  = 22
	doorLine  = 24
	button    = 27

	warningDs = 30
)

var (
	gpio    = js.Global().Get("gpio")
	holdDs  = 50
	left    = 0
	presses = 0
	open    = false
)

func light(on bool) {
	gpio.Call("set", lightLine, on)
	gpio.Call("set", glowLine, !on)
}

func onButton() {
	presses++
	left = holdDs
	light(true)
}

func onDoor() {
	open = gpio.Call("get", doorLine).Bool()
	if !open {
		return
	}
	js.Global().Get("log").Call("message", 1, "door open")
	left = holdDs
	light(true)
}

func onTick() {
	if left == 0 || open {
		return
	}
	left--
	switch left {
	case 0:
		light(false)
	case warningDs:
		gpio.Call("set", lightLine, false)
	case warningDs - 1:
		gpio.Call("set", lightLine, true)
	}
}

func handler(f func()) js.Func {
	return js.FuncOf(func(js.Value, []js.Value) any {
		f()
		return nil
	})
}

func register(name, signature string, f func(args []js.Value) any) {
	wrapped := js.FuncOf(func(_ js.Value, args []js.Value) any { return f(args) })
	wrapped.Set("signature", signature)
	js.Global().Set(name, wrapped)
}

func main() {
	open = gpio.Call("get", doorLine).Bool()
	light(false)
	gpio.Call("on", button, "falling", handler(onButton), 20000)
	gpio.Call("on", doorLine, "both", handler(onDoor), 5000)
	js.Global().Call("setInterval", handler(onTick), 100)

	js.Global().Set("on_button", handler(onButton))
	js.Global().Set("on_door", handler(onDoor))
	js.Global().Set("on_tick", handler(onTick))
	register("set_seconds", "(seconds: u16)", func(args []js.Value) any {
		holdDs = args[0].Int() * 10
		return nil
	})
	register("left", "() -> u16", func([]js.Value) any { return left })
	register("left_ds", "() -> u16", func([]js.Value) any { return left })
	register("pressed", "() -> u32", func([]js.Value) any { return presses })
	register("lit", "() -> bool", func([]js.Value) any { return gpio.Call("get", lightLine) })
	select {}
}
