// SPDX-License-Identifier: MIT OR Apache-2.0

// A program that registers functions and waits.
package main

import (
	"syscall/js"
	"time"
)

//go:wasmexport double
func double(x int64) int64 { return 2 * x }

//go:wasmexport half
func half(x float64) float64 { return x / 2 }

type function = func(args []js.Value) any

func of(f function) js.Func {
	return js.FuncOf(func(this js.Value, args []js.Value) any { return f(args) })
}

func register(name, signature string, f function) {
	wrapped := of(f)
	if signature != "" {
		wrapped.Set("signature", signature)
	}
	js.Global().Set(name, wrapped)
}

func main() {
	lit := false
	register("Add Numbers", "(a: i32, b: i32) -> i32", func(args []js.Value) any {
		return args[0].Int() + args[1].Int()
	})
	register("greet", "(name: str) -> str", func(args []js.Value) any { return "hello " + args[0].String() })
	register("untyped", "", func(args []js.Value) any { return len(args) })
	register("slow", "() -> bool", func([]js.Value) any {
		time.Sleep(20 * time.Millisecond)
		return true
	})
	register("stuck", "", func([]js.Value) any {
		<-make(chan int)
		return nil
	})
	register("later", "() -> i32", func([]js.Value) any {
		return js.Global().Call("eval", "new Promise((done) => setTimeout(() => done(7), 5))")
	})
	register("never", "", func([]js.Value) any { return js.Global().Call("eval", "new Promise(() => {})") })
	register("misfit", "() -> u8", func([]js.Value) any { return 300 })
	register("end", "", func([]js.Value) any { panic("the end") })
	gone := of(func([]js.Value) any { return nil })
	js.Global().Set("gone", gone)
	gone.Release()
	on, off := of(func([]js.Value) any { lit = true; return nil }), of(func([]js.Value) any { lit = false; return nil })
	isLit := of(func([]js.Value) any { return map[string]any{"lit": lit} })
	js.Global().Set("Lamp One", map[string]any{"On": on.Value, "off": off.Value, "lit": isLit.Value})
	select {}
}
