// A lamp and its push button: every clean press toggles the lamp. The same as tests/panels/lamp/lamp.c.
package main

import "xmap"

const (
	lamp   = 17
	status = 22
	button = 27
	// Contacts of a cheap button settle within this time.
	debounceUs = 5000
)

var state struct {
	down, candidate    bool
	sinceUs, pressedUs int64
	heldMs, presses    uint32
}

//go:wasmexport on_mount
func onMount() int32 {
	xmap.Set(status, false)
	xmap.Log(xmap.Info, "lamp: mounted")
	return 0
}

//go:wasmexport on_unmount
func onUnmount() {
	xmap.Set(lamp, false)
	xmap.Set(status, true)
}

//go:wasmexport lamp_on
func lampOn() { xmap.Set(lamp, true) }

//go:wasmexport lamp_off
func lampOff() { xmap.Set(lamp, false) }

//go:wasmexport lamp_toggle
func lampToggle() { xmap.Toggle(lamp) }

//go:wasmexport lamp_set
func lampSet(on bool) { xmap.Set(lamp, on) }

//go:wasmexport lamp_lit
func lampLit() bool { return xmap.Get(lamp) }

// To be called every few milliseconds; true where a press has just been accepted.
//
//go:wasmexport poll
func poll() bool {
	down, now := !xmap.Get(button), xmap.NowUs()
	if down != state.candidate {
		state.candidate, state.sinceUs = down, now
		return false
	}
	if down == state.down || now-state.sinceUs < debounceUs {
		return false
	}
	state.down = down
	if !down {
		state.heldMs = uint32((now - state.pressedUs) / 1000)
		xmap.Log(xmap.Debug, "button up")
		return false
	}
	state.pressedUs = now
	state.presses++
	xmap.Log(xmap.Debug, "button down")
	lampToggle()
	return true
}

//go:wasmexport presses
func presses() uint32 { return state.presses }

//go:wasmexport held_ms
func heldMs() uint32 { return state.heldMs }

// A period of zero is the caller's mistake: the division panics.
//
//go:wasmexport blinks_per_minute
func blinksPerMinute(periodMs uint32) uint32 { return 60000 / periodMs }

// Blinks the status light; a long series runs into the time limit and traps.
//
//go:wasmexport blink
func blink(times, periodMs uint32) {
	half := periodMs * 500
	for range times {
		xmap.Set(status, true)
		xmap.DelayUs(half)
		xmap.Set(status, false)
		xmap.DelayUs(half)
	}
}

//go:wasmexport forget
func forget() {
	state.presses, state.heldMs = 0, 0
	xmap.Log(xmap.Warn, "counters cleared")
}

// A worker that adds up what it is sent, over channels, with garbage enough for the collector.
//
//go:wasmexport sum
func sum(n uint32) uint32 {
	numbers, total := make(chan []uint32), make(chan uint32)
	go func() {
		all := uint32(0)
		for chunk := range numbers {
			for _, one := range chunk {
				all += one
			}
		}
		total <- all
	}()
	for i := range n {
		chunk := make([]uint32, 256)
		chunk[i%256] = i
		numbers <- chunk
	}
	close(numbers)
	return <-total
}

func main() {}
