package main

import "xmap"

const lamp = 17

var presses int

//go:wasmexport lamp_set
func lampSet(on bool) { xmap.Set(lamp, on) }

//go:wasmexport on_press
func onPress() {
	presses++
	xmap.Toggle(lamp)
	xmap.Log(xmap.Info, "button")
}

func main() {}
