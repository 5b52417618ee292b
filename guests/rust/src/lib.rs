// SPDX-License-Identifier: MIT OR Apache-2.0
#![no_std]
//! What a panel written in Rust may call.
//!
//! Every function here forwards to a WebAssembly import that `xmap build` turns into one native
//! operation. `docs/guest.md` has the exact compiler flags and the whole table.
//!
//! A `pin` is a GPIO line number as the manifest's `[pins]` table declares it. A line that is not
//! declared, or a write to an input, is a compile-time error where the number is constant and a
//! trap where it is not. A call that cannot be done does not return; how a transfer on a bus ended is a
//! value ([`i2c::Error`]).
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! use xmap_guest::{State, gpio};
//!
//! xmap_guest::panic_is_trap!();
//!
//! static PRESSES: State<u32> = State::new(0);
//!
//! #[unsafe(no_mangle)]
//! extern "C" fn press() -> u32 {
//!     gpio::toggle(17);
//!     PRESSES.update(|n| n.wrapping_add(1))
//! }
//! ```

#[cfg(not(target_arch = "wasm32"))]
compile_error!("xmap-guest is for panels: build it with --target wasm32-unknown-unknown");

mod state;

pub use state::State;

/// The imports themselves, with their WebAssembly types.
mod abi {
    // SAFETY: names and types are those of the guest ABI. Each of these functions takes numbers
    // alone, or a pointer that the caller below takes from a live `&str`; none of them keeps it.
    #[link(wasm_import_module = "gpio")]
    unsafe extern "C" {
        #[link_name = "set"]
        pub(crate) safe fn gpio_set(pin: i32, val: i32);
        #[link_name = "get"]
        pub(crate) safe fn gpio_get(pin: i32) -> i32;
        #[link_name = "toggle"]
        pub(crate) safe fn gpio_toggle(pin: i32);
        #[link_name = "write"]
        pub(crate) safe fn gpio_write(bank: i32, set: u32, clear: u32);
        #[link_name = "read"]
        pub(crate) safe fn gpio_read(bank: i32) -> u32;
        #[link_name = "direction"]
        pub(crate) safe fn gpio_direction(pin: i32, out: i32);
        #[link_name = "pull"]
        pub(crate) safe fn gpio_pull(pin: i32, pull: i32);
    }

    // SAFETY: as above.
    #[link(wasm_import_module = "time")]
    unsafe extern "C" {
        #[link_name = "now_us"]
        pub(crate) safe fn time_now_us() -> i64;
        #[link_name = "delay_us"]
        pub(crate) safe fn time_delay_us(us: u32);
        #[link_name = "unix_us"]
        pub(crate) safe fn time_unix_us() -> i64;
        #[link_name = "local_minute"]
        pub(crate) safe fn time_local_minute() -> i32;
    }

    // SAFETY: as above. A range outside linear memory is a trap, never an access.
    #[link(wasm_import_module = "log")]
    unsafe extern "C" {
        #[link_name = "message"]
        pub(crate) safe fn log_message(level: i32, ptr: *const u8, len: usize);
    }

    // SAFETY: names and types are those of the guest ABI. The function writes the range, so that a caller
    // needs it to be the caller's.
    #[link(wasm_import_module = "random")]
    unsafe extern "C" {
        #[link_name = "get"]
        pub(crate) fn random_get(ptr: *mut u8, len: usize);
    }

    // SAFETY: as above.
    #[link(wasm_import_module = "call")]
    unsafe extern "C" {
        #[link_name = "refuse"]
        pub(crate) safe fn call_refuse(reason: i32);
    }

    // SAFETY: as above: it reads the first range and writes the second one.
    #[link(wasm_import_module = "i2c")]
    unsafe extern "C" {
        #[link_name = "write_read"]
        pub(crate) fn i2c_write_read(
            device: i32,
            wptr: *const u8,
            wlen: usize,
            rptr: *mut u8,
            rlen: usize,
        ) -> i32;
    }

    // SAFETY: names and types are those of the guest ABI: `write` reads its range, `read` writes it.
    #[link(wasm_import_module = "uart")]
    unsafe extern "C" {
        #[link_name = "write"]
        pub(crate) fn uart_write(device: i32, ptr: *const u8, len: usize) -> i32;
        #[link_name = "read"]
        pub(crate) fn uart_read(device: i32, ptr: *mut u8, len: usize) -> i32;
    }

    // SAFETY: names and types are those of the guest ABI, and numbers alone are passed.
    #[link(wasm_import_module = "pwm")]
    unsafe extern "C" {
        #[link_name = "duty"]
        pub(crate) safe fn pwm_duty(channel: i32, duty: i32);
        #[link_name = "pulse_us"]
        pub(crate) safe fn pwm_pulse_us(channel: i32, us: u32);
    }

    // SAFETY: as for `log`: a range outside linear memory is a trap, never an access.
    #[link(wasm_import_module = "trace")]
    unsafe extern "C" {
        #[link_name = "start_span"]
        pub(crate) safe fn trace_start_span(ptr: *const u8, len: usize) -> i32;
        #[link_name = "end_span"]
        pub(crate) safe fn trace_end_span(span: i32);
        #[link_name = "set_attr_i64"]
        pub(crate) safe fn trace_set_attr_i64(span: i32, kptr: *const u8, klen: usize, value: i64);
        #[link_name = "set_attr_f64"]
        pub(crate) safe fn trace_set_attr_f64(span: i32, kptr: *const u8, klen: usize, value: f64);
        #[link_name = "set_attr_str"]
        pub(crate) safe fn trace_set_attr_str(
            span: i32,
            kptr: *const u8,
            klen: usize,
            vptr: *const u8,
            vlen: usize,
        );
    }

    // SAFETY: as above for `random`: it reads the first range and writes the second one.
    #[link(wasm_import_module = "spi")]
    unsafe extern "C" {
        #[link_name = "transfer"]
        pub(crate) fn spi_transfer(
            device: i32,
            wptr: *const u8,
            wlen: usize,
            rptr: *mut u8,
            rlen: usize,
        ) -> i32;
    }
}

/// Buses, whatever their kind.
pub mod bus {
    /// Why a transfer did not end well.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(i32)]
    pub enum Error {
        /// The device did not acknowledge.
        Nack = 1,
        /// It was not done at the manifest's time limit, and was ended.
        Timeout = 2,
        /// Another controller drove the bus.
        ArbitrationLost = 3,
        /// A line was held low, and could not be freed.
        Busy = 4,
        /// Bytes were lost.
        Overrun = 5,
    }

    impl Error {
        pub(crate) fn of(status: i32) -> Result<(), Self> {
            match status {
                0 => Ok(()),
                1 => Err(Self::Nack),
                2 => Err(Self::Timeout),
                3 => Err(Self::ArbitrationLost),
                4 => Err(Self::Busy),
                _ => Err(Self::Overrun),
            }
        }
    }
}

/// Serial ports.
pub mod uart {
    use crate::abi;

    pub use crate::bus::Error;

    /// Sends bytes, and returns when the last has left. `device` is the index of a table `[uart.NAME]` of the
    /// manifest, from 0.
    ///
    /// # Errors
    /// How the write ended, where it did not end well.
    #[inline]
    pub fn write(device: i32, bytes: &[u8]) -> Result<(), Error> {
        // SAFETY: the range is that of a live slice, which is borrowed for this call alone.
        Error::of(unsafe { abi::uart_write(device, bytes.as_ptr(), bytes.len()) })
    }

    /// Takes bytes that were received, as many as the buffer holds, and returns how many; it waits for none.
    #[inline]
    pub fn read(device: i32, buffer: &mut [u8]) -> usize {
        // SAFETY: the range is that of a live slice, which is borrowed for this call alone.
        (unsafe { abi::uart_read(device, buffer.as_mut_ptr(), buffer.len()) }) as usize
    }
}

/// PWM channels.
pub mod pwm {
    use crate::abi;

    /// Sets how much of each period a channel is high: 0 nothing, 65535 all of it. `channel` is the index of
    /// a table `[pwm.NAME]` of the manifest, from 0.
    #[inline]
    pub fn duty(channel: i32, duty: u16) {
        abi::pwm_duty(channel, duty.into());
    }

    /// Sets how many microseconds of each period a channel is high; more than the period is a trap.
    #[inline]
    pub fn pulse_us(channel: i32, us: u32) {
        abi::pwm_pulse_us(channel, us);
    }
}

/// Devices on SPI buses.
pub mod spi {
    use crate::abi;

    pub use crate::bus::Error;

    /// Sends bytes to a device and takes as many as `read` holds of those that come meanwhile, with zeros
    /// behind what is sent. `device` is the index of a table `[spi.NAME]` of the manifest, from 0.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    #[inline]
    pub fn transfer(device: i32, write: &[u8], read: &mut [u8]) -> Result<(), Error> {
        let (rptr, rlen) = (read.as_mut_ptr(), read.len());
        // SAFETY: both ranges are those of live slices, which are borrowed for this call alone.
        Error::of(unsafe { abi::spi_transfer(device, write.as_ptr(), write.len(), rptr, rlen) })
    }
}

/// Devices on I2C buses.
pub mod i2c {
    use crate::abi;

    pub use crate::bus::Error;

    /// Writes bytes to a device, then reads some after a repeated start; without either it sends the address
    /// alone. `device` is the index of a table `[i2c.NAME]` of the manifest, from 0.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    #[inline]
    pub fn write_read(device: i32, write: &[u8], read: &mut [u8]) -> Result<(), Error> {
        let (rptr, rlen) = (read.as_mut_ptr(), read.len());
        // SAFETY: both ranges are those of live slices, which are borrowed for this call alone.
        Error::of(unsafe { abi::i2c_write_read(device, write.as_ptr(), write.len(), rptr, rlen) })
    }

    /// Writes bytes to a device.
    ///
    /// # Errors
    /// As [`write_read`].
    #[inline]
    pub fn write(device: i32, bytes: &[u8]) -> Result<(), Error> {
        write_read(device, bytes, &mut [])
    }
}

/// The call that is running.
pub mod call {
    use crate::abi;

    /// Ends the call with the trap `refused` and this reason: the panel says no, and no policy follows.
    #[inline]
    pub fn refuse(reason: i32) -> ! {
        abi::call_refuse(reason);
        core::arch::wasm32::unreachable()
    }
}

/// Random numbers.
pub mod random {
    use crate::abi;

    /// Fills the bytes with random numbers; a trap on a board that has none.
    #[inline]
    pub fn get(bytes: &mut [u8]) {
        // SAFETY: the range is that of a live slice, which is borrowed for this call alone.
        unsafe { abi::random_get(bytes.as_mut_ptr(), bytes.len()) }
    }
}

/// General-purpose lines.
pub mod gpio {
    use crate::abi;

    /// The pull resistor of a line.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(i32)]
    pub enum Pull {
        /// No resistor.
        None = 0,
        /// Towards 3.3 V.
        Up = 1,
        /// Towards ground.
        Down = 2,
    }

    /// Drives an output high (`true`) or low.
    #[inline]
    pub fn set(pin: u8, high: bool) {
        abi::gpio_set(pin.into(), high.into());
    }

    /// The level of a line; of an output, what the pin really carries.
    #[inline]
    pub fn get(pin: u8) -> bool {
        abi::gpio_get(pin.into()) != 0
    }

    /// Reads the level of an output, then drives the opposite.
    #[inline]
    pub fn toggle(pin: u8) {
        abi::gpio_toggle(pin.into());
    }

    /// Drives up to 32 lines of one bank (bank 0 has lines 0-31, bank 1 the next) in one store for each
    /// mask: first the lines of `clear` go low, then those of `set` go high. A zero mask stores
    /// nothing.
    #[inline]
    pub fn write(bank: u8, set: u32, clear: u32) {
        abi::gpio_write(bank.into(), set, clear);
    }

    /// The levels of a bank's declared lines, line 32 * bank in bit 0; other bits are 0.
    #[inline]
    pub fn read(bank: u8) -> u32 {
        abi::gpio_read(bank.into())
    }

    /// Makes a line that the manifest declares `inout` an output or an input.
    #[inline]
    pub fn direction(pin: u8, out: bool) {
        abi::gpio_direction(pin.into(), out.into());
    }

    /// Connects a line's pull resistor.
    #[inline]
    pub fn pull(pin: u8, pull: Pull) {
        abi::gpio_pull(pin.into(), pull as i32);
    }

    /// The bit of a line in the masks of [`write`] and [`read`], within the line's bank.
    #[inline]
    pub const fn bit(pin: u8) -> u32 {
        1 << (pin & 31)
    }
}

/// The clock.
pub mod time {
    use crate::abi;

    /// Microseconds since boot; never goes back.
    #[inline]
    pub fn now_us() -> i64 {
        abi::time_now_us()
    }

    /// Microseconds since 1970, UTC; negative while the time is not known. It may go back.
    #[inline]
    pub fn unix_us() -> i64 {
        abi::time_unix_us()
    }

    /// Minute of the day in the manifest's zone, 0 to 1439; -1 while the time is not known.
    #[inline]
    pub fn local_minute() -> i32 {
        abi::time_local_minute()
    }

    /// Busy wait of `us` microseconds, counted against the export's time limit.
    #[inline]
    pub fn delay_us(us: u32) {
        abi::time_delay_us(us);
    }
}

/// Messages to the host.
pub mod log {
    use crate::abi;

    /// For whoever looks for a mistake in the panel.
    #[inline]
    pub fn debug(text: &str) {
        abi::log_message(0, text.as_ptr(), text.len());
    }

    /// For whoever runs the panel.
    #[inline]
    pub fn info(text: &str) {
        abi::log_message(1, text.as_ptr(), text.len());
    }

    /// For whoever should look at the panel.
    #[inline]
    pub fn warn(text: &str) {
        abi::log_message(2, text.as_ptr(), text.len());
    }
}

/// Spans: what a call does, and for how long.
///
/// Names, keys and texts that are constants are no bytes of the image. A call ends what it leaves open. Wrong
/// uses are told, and nothing traps.
pub mod trace {
    use crate::abi;

    /// An open span, which ends where it is dropped.
    #[derive(Debug)]
    pub struct Span(i32);

    /// Begins a span within the one that is open.
    #[inline(always)]
    pub fn span(name: &str) -> Span {
        Span(start_span(name))
    }

    impl Span {
        /// Gives the span an integer by a key.
        #[inline(always)]
        pub fn set_i64(&self, key: &str, value: i64) {
            set_attr_i64(self.0, key, value);
        }

        /// Gives the span a float by a key.
        #[inline(always)]
        pub fn set_f64(&self, key: &str, value: f64) {
            set_attr_f64(self.0, key, value);
        }

        /// Gives the span a text by a key.
        #[inline(always)]
        pub fn set_str(&self, key: &str, text: &str) {
            set_attr_str(self.0, key, text);
        }
    }

    impl Drop for Span {
        #[inline(always)]
        fn drop(&mut self) {
            end_span(self.0);
        }
    }

    /// Begins a span within the one that is open; returns its number.
    #[inline(always)]
    pub fn start_span(name: &str) -> i32 {
        abi::trace_start_span(name.as_ptr(), name.len())
    }

    /// Ends a span, and those that were begun in it.
    #[inline(always)]
    pub fn end_span(span: i32) {
        abi::trace_end_span(span);
    }

    /// Gives an open span an integer by a key.
    #[inline(always)]
    pub fn set_attr_i64(span: i32, key: &str, value: i64) {
        abi::trace_set_attr_i64(span, key.as_ptr(), key.len(), value);
    }

    /// Gives an open span a float by a key.
    #[inline(always)]
    pub fn set_attr_f64(span: i32, key: &str, value: f64) {
        abi::trace_set_attr_f64(span, key.as_ptr(), key.len(), value);
    }

    /// Gives an open span a text by a key.
    #[inline(always)]
    pub fn set_attr_str(span: i32, key: &str, text: &str) {
        abi::trace_set_attr_str(span, key.as_ptr(), key.len(), text.as_ptr(), text.len());
    }
}

/// Defines the panic handler: a panic becomes the trap `unreachable`, and no formatting code is
/// linked in.
#[macro_export]
macro_rules! panic_is_trap {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            core::arch::wasm32::unreachable()
        }
    };
}

mod arguments;
pub mod drivers;
mod lifecycle;

pub use arguments::{Arguments, bytes, text};
pub use lifecycle::{Context, Error, Handle, Lifecycle};
