//! The table. A row's number is part of the image format: a new row goes to the end, and none is removed.

use crate::WasmType::{F64, I32, I64};
use crate::{Call, Capability, Cost, OpClass, Param, Row};

/// The class of a row; `None` for what only ends the call.
macro_rules! class {
    (None) => {
        None
    };
    ($class:ident) => {
        Some(OpClass::$class)
    };
}

macro_rules! host_functions {
    ($(
        $(#[cfg($feature:meta)])?
        #[doc = $doc:literal]
        $number:literal $function:ident $module:literal $name:literal
        ($($param:ident: $ty:ident),*) -> ($($result:ident)?),
        $capability:ident, $class:ident, $cost:expr, $call:ident;
    )*) => {
        /// A function that a module may import; the discriminant is the number of its row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HostFunction {
            $($(#[cfg($feature)])? #[doc = $doc] $function = $number,)*
        }

        impl HostFunction {
            /// Every host function, in the order of the rows.
            pub const ALL: &'static [HostFunction] = &[$($(#[cfg($feature)])? HostFunction::$function,)*];

            /// Returns the function with this number, if there is one.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($(#[cfg($feature)])? $number => Some(Self::$function),)*
                    _ => None,
                }
            }

            /// Returns the function's row.
            pub const fn row(self) -> &'static Row {
                match self {
                    $($(#[cfg($feature)])? Self::$function => const {
                        &Row {
                            module: $module,
                            name: $name,
                            params: &[$(Param { name: stringify!($param), ty: $ty }),*],
                            results: &[$($result)?],
                            capability: Capability::$capability,
                            class: class!($class),
                            cost: $cost,
                            call: Call::$call,
                            doc: $doc.trim_ascii(),
                        }
                    },)*
                }
            }
        }
    };
}

/// What is charged for bytes of memory that are filled.
const FILLED: Cost = Cost::Range { start: 0, len: 1, free: 0, writes: true };

/// What `log.message` is charged: the op itself pays for what one frame of the link carries.
const TEXT: Cost = Cost::Range { start: 1, len: 2, free: 256, writes: false };

/// What a transfer on a bus is charged.
const TRANSFER: Cost = Cost::Transfer { device: 0, write: [1, 2], read: Some([3, 4]) };

/// What is charged for bytes that are sent alone.
const SENT: Cost = Cost::Transfer { device: 0, write: [1, 2], read: None };

host_functions! {
    /// Drives a line high where `val` is not 0, else low.
    0 GpioSet "gpio" "set" (pin: I32, val: I32) -> (), Gpio, GpioWrite, Cost::Fixed, Ops;
    /// Returns the level of a line, 0 or 1.
    1 GpioGet "gpio" "get" (pin: I32) -> (I32), Gpio, GpioRead, Cost::Fixed, Ops;
    /// Drives a line to the opposite of its level.
    2 GpioToggle "gpio" "toggle" (pin: I32) -> (), Gpio, GpioWrite, Cost::Fixed, Ops;
    /// Drives lines of a bank: those of `clear` low, then those of `set` high.
    3 GpioWrite "gpio" "write" (bank: I32, set: I32, clear: I32) -> (), Gpio, GpioWrite, Cost::Fixed, Ops;
    /// Returns the levels of a bank's declared lines.
    4 GpioRead "gpio" "read" (bank: I32) -> (I32), Gpio, GpioRead, Cost::Fixed, Ops;
    /// Makes an `inout` line an output where `out` is not 0, else an input.
    5 GpioDirection "gpio" "direction" (pin: I32, out: I32) -> (), Gpio, GpioConfigure, Cost::Fixed, Ops;
    /// Connects a line's pull resistor: 0 none, 1 up, 2 down.
    6 GpioPull "gpio" "pull" (pin: I32, pull: I32) -> (), Gpio, GpioConfigure, Cost::Fixed, Ops;
    /// Returns the microseconds since boot.
    7 TimeNowUs "time" "now_us" () -> (I64), Clock, TimeNow, Cost::Fixed, Ops;
    /// Waits `us` microseconds.
    8 TimeDelayUs "time" "delay_us" (us: I32) -> (), Clock, TimeDelay, Cost::Wait { us: 0 }, Ops;
    /// Sends `len` bytes of UTF-8 at `ptr` to the host with a level: 0 DEBUG, 1 INFO, any other WARN.
    9 LogMessage "log" "message" (level: I32, ptr: I32, len: I32) -> (), Log, Log, TEXT, Ops;
    /// Fills `len` bytes at `ptr` with random numbers.
    10 RandomGet "random" "get" (ptr: I32, len: I32) -> (), Random, Random, FILLED, Row;
    /// Writes to an I2C device, then reads from it; returns how it ended (0 done).
    11 I2cWriteRead "i2c" "write_read" (device: I32, wptr: I32, wlen: I32, rptr: I32, rlen: I32) -> (I32),
        I2c, I2c, TRANSFER, Row;
    /// Writes to an SPI device and reads from it at once; returns how it ended (0 done).
    12 SpiTransfer "spi" "transfer" (device: I32, wptr: I32, wlen: I32, rptr: I32, rlen: I32) -> (I32),
        Spi, Spi, TRANSFER, Row;
    /// Returns the microseconds since 1970, UTC; negative while the time is not known.
    20 TimeUnixUs "time" "unix_us" () -> (I64), Clock, TimeNow, Cost::Fixed, Row;
    /// Returns the minute of the local day, 0 to 1439; -1 while the time is not known.
    21 TimeLocalMinute "time" "local_minute" () -> (I32), Clock, TimeNow, Cost::Fixed, Row;
    /// Ends the call with the trap `refused`, whose detail is `reason`; does not return.
    22 CallRefuse "call" "refuse" (reason: I32) -> (), Call, None, Cost::Fixed, Row;
    /// Sets how much of each period a PWM channel is high: 0 nothing, 65535 all of it.
    23 PwmDuty "pwm" "duty" (channel: I32, duty: I32) -> (), Pwm, Pwm, Cost::Fixed, Row;
    /// Sets how many microseconds of each period a PWM channel is high.
    24 PwmPulseUs "pwm" "pulse_us" (channel: I32, us: I32) -> (), Pwm, Pwm, Cost::Fixed, Row;
    /// Sends `len` bytes on a serial port; returns how it ended (0 done).
    25 UartWrite "uart" "write" (device: I32, ptr: I32, len: I32) -> (I32), Uart, Uart, SENT, Row;
    /// Takes up to `len` of the bytes that a serial port has received; returns how many.
    26 UartRead "uart" "read" (device: I32, ptr: I32, len: I32) -> (I32), Uart, Uart, Cost::Fixed, Row;
    /// Begins a span with this name; returns its number, which is not positive where it is not noted.
    27 TraceStartSpan "trace" "start_span" (ptr: I32, len: I32) -> (I32), Trace, Log, Cost::Fixed, Row;
    /// Ends a span, and those that were begun in it.
    28 TraceEndSpan "trace" "end_span" (span: I32) -> (), Trace, Log, Cost::Fixed, Row;
    /// Gives a span an integer by a key.
    29 TraceSetAttrI64 "trace" "set_attr_i64" (span: I32, kptr: I32, klen: I32, value: I64) -> (),
        Trace, Log, Cost::Fixed, Row;
    /// Gives a span a float by a key.
    30 TraceSetAttrF64 "trace" "set_attr_f64" (span: I32, kptr: I32, klen: I32, value: F64) -> (),
        Trace, Log, Cost::Fixed, Row;
    /// Gives a span a text by a key.
    31 TraceSetAttrStr "trace" "set_attr_str" (span: I32, kptr: I32, klen: I32, vptr: I32, vlen: I32) -> (),
        Trace, Log, Cost::Fixed, Row;
    #[cfg(feature = "uptime")]
    /// Returns the seconds since boot.
    255 TimeUptimeS "time" "uptime_s" () -> (I32), Clock, TimeNow, Cost::Fixed, Row;
}

impl HostFunction {
    /// Returns the function that a module imports by these names, if there is one.
    pub fn find(module: &str, name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| {
            let row = function.row();
            row.module == module && row.name == name
        })
    }

    /// Returns how many parameters and results the function has that `host_call` names by this number; none
    /// where there is no such function, or one with ops of its own.
    pub const fn arity(number: u8) -> Option<[u8; 2]> {
        let Some(function) = Self::from_u8(number) else { return None };
        let Row { params, results, call, .. } = function.row();
        match call {
            Call::Ops => None,
            Call::Row => Some([params.len() as u8, results.len() as u8]),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn rows_have_numbers_and_names_of_their_own() {
        for (n, function) in HostFunction::ALL.iter().enumerate() {
            let row = function.row();
            assert_eq!(HostFunction::from_u8(*function as u8), Some(*function));
            assert_eq!(HostFunction::find(row.module, row.name), Some(*function));
            assert!(HostFunction::ALL[..n].iter().all(|other| (*other as u8) < *function as u8));
            let lines = row.doc.lines().count();
            assert!(lines == 1 && row.doc.ends_with('.'), "{}.{}: {:?}", row.module, row.name, row.doc);
        }
    }

    #[test]
    fn costs_name_parameters_of_their_function() {
        for function in HostFunction::ALL {
            let row = function.row();
            let named = match row.cost {
                Cost::Fixed => Vec::new(),
                Cost::Wait { us } => vec![us],
                Cost::Range { start, len, .. } => vec![start, len],
                Cost::Transfer { device, write, read } => {
                    [&[device][..], &write[..], read.as_ref().map_or(&[][..], |read| &read[..])].concat()
                }
            };
            for n in named {
                assert_eq!(row.params[usize::from(n)].ty, I32, "{}.{}", row.module, row.name);
            }
        }
    }

    #[test]
    fn every_board_can_do_what_has_ops_of_its_own() {
        for function in HostFunction::ALL {
            let row = function.row();
            assert!(row.call == Call::Row || row.capability.is_universal(), "{function}");
            let arity = [row.params.len(), row.results.len()].map(|n| n as u8);
            let expected = (row.call == Call::Row).then_some(arity);
            assert_eq!(HostFunction::arity(*function as u8), expected, "{function}");
        }
        assert_eq!(HostFunction::arity(u8::MAX - 1), None);
    }
}
