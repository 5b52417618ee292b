// Package xmap declares the guest ABI for panels in Go: what each function does stands in docs/guest.md.
//
// A panel is built by the standard toolchain, 1.24 or later, and exports functions by //go:wasmexport:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -o panel.wasm .
package xmap

import "unsafe"

// Pull is a pull resistor.
type Pull int32

// The pulls of a line that can be an input.
const (
	PullNone Pull = iota
	PullUp
	PullDown
)

// Level is the level of a message.
type Level int32

// The levels of messages.
const (
	Debug Level = iota
	Info
	Warn
)

// Set drives an output.
func Set(pin int32, high bool) { gpioSet(pin, bit(high)) }

// Get returns a line's level.
func Get(pin int32) bool { return gpioGet(pin) != 0 }

// Toggle drives an output to the opposite of its level.
func Toggle(pin int32) { gpioToggle(pin) }

// Write drives lines of a bank: those of clear low, then those of set high.
func Write(bank int32, set, clear uint32) { gpioWrite(bank, int32(set), int32(clear)) }

// Read returns the levels of a bank's declared lines.
func Read(bank int32) uint32 { return uint32(gpioRead(bank)) }

// Direction makes an inout line an output or an input.
func Direction(pin int32, out bool) { gpioDirection(pin, bit(out)) }

// SetPull connects a line's pull resistor.
func SetPull(pin int32, pull Pull) { gpioPull(pin, int32(pull)) }

// NowUs returns the microseconds since boot.
func NowUs() int64 { return timeNowUs() }

// UnixUs returns the microseconds since 1970, UTC; negative while the time is not known. It may go back.
func UnixUs() int64 { return timeUnixUs() }

// LocalMinute returns the minute of the day in the manifest's zone; -1 while the time is not known.
func LocalMinute() int32 { return timeLocalMinute() }

// DelayUs waits. Nothing else of the panel runs meanwhile, goroutines included: time.Sleep lets them run.
func DelayUs(us uint32) { timeDelayUs(int32(us)) }

// Refuse ends the call with the trap refused and this reason: the panel says no, and no policy follows.
func Refuse(reason int32) { callRefuse(reason) }

// Bus says how a transfer on a bus ended.
type Bus int32

// How a transfer ends: well, without an acknowledgement, at the manifest's time limit, against another
// controller, on a line that is held low, with bytes lost.
const (
	BusOK Bus = iota
	BusNack
	BusTimeout
	BusArbitrationLost
	BusBusy
	BusOverrun
)

// I2CWriteRead writes bytes to an I2C device, then reads some after a repeated start; without either it sends
// the address alone. device is the index of a table [i2c.NAME] of the manifest, from 0.
func I2CWriteRead(device int32, write, read []byte) Bus {
	return Bus(i2cWriteRead(device, unsafe.Pointer(unsafe.SliceData(write)), int32(len(write)),
		unsafe.Pointer(unsafe.SliceData(read)), int32(len(read))))
}

// SPITransfer sends bytes to an SPI device and takes as many as read holds of those that come meanwhile, with
// zeros behind what is sent. device is the index of a table [spi.NAME] of the manifest, from 0.
func SPITransfer(device int32, write, read []byte) Bus {
	return Bus(spiTransfer(device, unsafe.Pointer(unsafe.SliceData(write)), int32(len(write)),
		unsafe.Pointer(unsafe.SliceData(read)), int32(len(read))))
}

// PWMDuty sets how much of each period a PWM channel is high: 0 nothing, 65535 all of it. channel is the index of
// a table [pwm.NAME] of the manifest, from 0.
func PWMDuty(channel int32, duty uint16) { pwmDuty(channel, int32(duty)) }

// PWMPulseUs sets how many microseconds of each period a PWM channel is high; more than the period is a trap.
func PWMPulseUs(channel int32, us uint32) { pwmPulseUs(channel, int32(us)) }

// UARTWrite sends bytes on a serial port, and returns when the last has left. device is the index of a table
// [uart.NAME] of the manifest, from 0.
func UARTWrite(device int32, bytes []byte) Bus {
	return Bus(uartWrite(device, unsafe.Pointer(unsafe.SliceData(bytes)), int32(len(bytes))))
}

// UARTRead takes bytes that a serial port has received, as many as buffer holds, and returns how many; it waits
// for none.
func UARTRead(device int32, buffer []byte) int {
	return int(uartRead(device, unsafe.Pointer(unsafe.SliceData(buffer)), int32(len(buffer))))
}

// StartSpan begins a span within the one that is open, and returns its number. Names, keys and texts that are
// constants are no bytes of the trace. A call ends what it leaves open; wrong uses are told, and nothing traps.
func StartSpan(name string) int32 {
	return traceStartSpan(unsafe.Pointer(unsafe.StringData(name)), int32(len(name)))
}

// EndSpan ends a span, and those that were begun in it.
func EndSpan(span int32) { traceEndSpan(span) }

// SetAttrI64 gives an open span an integer by a key.
func SetAttrI64(span int32, key string, value int64) {
	traceSetAttrI64(span, unsafe.Pointer(unsafe.StringData(key)), int32(len(key)), value)
}

// SetAttrF64 gives an open span a float by a key.
func SetAttrF64(span int32, key string, value float64) {
	traceSetAttrF64(span, unsafe.Pointer(unsafe.StringData(key)), int32(len(key)), value)
}

// SetAttrStr gives an open span a text by a key.
func SetAttrStr(span int32, key, text string) {
	traceSetAttrStr(span, unsafe.Pointer(unsafe.StringData(key)), int32(len(key)),
		unsafe.Pointer(unsafe.StringData(text)), int32(len(text)))
}

// Log sends a line of text to the host.
func Log(level Level, text string) {
	logMessage(int32(level), unsafe.Pointer(unsafe.StringData(text)), int32(len(text)))
}

// Most bytes that a call of a host may bring.
const argumentBytes = 4096

var arguments []byte

// onArguments lets hosts call functions with `str` and `bytes` parameters: what a call brings stands in a slice
// of its own, which is the module's until the next call.
//
//go:wasmexport on_arguments
func onArguments(bytes uint32) uint32 {
	if bytes > argumentBytes {
		return 0
	}
	if uint32(len(arguments)) < bytes {
		arguments = make([]byte, bytes)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(arguments))))
}

// Bytes returns what stands at the address and of the length of a `bytes` parameter; it is not a copy.
func Bytes(address, length uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(address))), length)
}

// Text returns a copy of what stands at the address and of the length of a `str` parameter.
func Text(address, length uint32) string { return string(Bytes(address, length)) }

func bit(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

//go:wasmimport gpio set
func gpioSet(pin, val int32)

//go:wasmimport gpio get
func gpioGet(pin int32) int32

//go:wasmimport gpio toggle
func gpioToggle(pin int32)

//go:wasmimport gpio write
func gpioWrite(bank, set, clear int32)

//go:wasmimport gpio read
func gpioRead(bank int32) int32

//go:wasmimport gpio direction
func gpioDirection(pin, out int32)

//go:wasmimport gpio pull
func gpioPull(pin, pull int32)

//go:wasmimport time now_us
func timeNowUs() int64

//go:wasmimport time unix_us
func timeUnixUs() int64

//go:wasmimport time local_minute
func timeLocalMinute() int32

//go:wasmimport time delay_us
func timeDelayUs(us int32)

//go:wasmimport log message
func logMessage(level int32, ptr unsafe.Pointer, len int32)

//go:wasmimport call refuse
func callRefuse(reason int32)

//go:wasmimport i2c write_read
func i2cWriteRead(device int32, wptr unsafe.Pointer, wlen int32, rptr unsafe.Pointer, rlen int32) int32

//go:wasmimport spi transfer
func spiTransfer(device int32, wptr unsafe.Pointer, wlen int32, rptr unsafe.Pointer, rlen int32) int32

//go:wasmimport pwm duty
func pwmDuty(channel int32, duty int32)

//go:wasmimport pwm pulse_us
func pwmPulseUs(channel int32, us int32)

//go:wasmimport uart write
func uartWrite(device int32, ptr unsafe.Pointer, len int32) int32

//go:wasmimport uart read
func uartRead(device int32, ptr unsafe.Pointer, len int32) int32

//go:wasmimport trace start_span
func traceStartSpan(ptr unsafe.Pointer, len int32) int32

//go:wasmimport trace end_span
func traceEndSpan(span int32)

//go:wasmimport trace set_attr_i64
func traceSetAttrI64(span int32, kptr unsafe.Pointer, klen int32, value int64)

//go:wasmimport trace set_attr_f64
func traceSetAttrF64(span int32, kptr unsafe.Pointer, klen int32, value float64)

//go:wasmimport trace set_attr_str
func traceSetAttrStr(span int32, kptr unsafe.Pointer, klen int32, vptr unsafe.Pointer, vlen int32)
