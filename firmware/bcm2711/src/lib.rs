#![cfg_attr(not(test), no_std)]
//! Registers of the BCM2711, the chip of the Raspberry Pi 4B: GPIO, clock, UART, I2C, SPI, PWM, SD card,
//! interrupt controller, watchdog, and the core's performance counters. The crate where unsafe lives.
//!
//! Sections are those of *BCM2711 ARM Peripherals*. Its addresses of the form `0x7eXX_XXXX` are the
//! bus's; the cores see the same registers at `0xfeXX_XXXX` ("low peripheral" mode, section 1.2.4).
//!
//! What needs no hardware (which register, which bits, ticks to microseconds) is plain arithmetic
//! and is tested on the host, and so are the drivers, on registers that are ordinary memory.
//! [`Peripherals::new`] is the one place where an address becomes a register.

mod bits;
mod bsc;
mod clock;
mod core_clock;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod core_registers;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod critical;
mod gic;
mod gpio;
mod lasting;
mod mailbox;
mod mmio;
#[cfg(test)]
mod model;
mod pads;
mod peripherals;
mod pi;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod pmu;
mod pwm;
mod registers;
mod safe_port;
mod sd;
mod serial;
mod spi;
mod uart;
mod watchdog;

pub use bsc::{Bsc, BscBlock, BscRegister, BscRegisters, ChipBsc};
pub use clock::{Clock, Counter};
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use core_registers::{Fault, GenericTimer, exception_level, halt, take_interrupts, wait_for_interrupt};
pub use gic::{CoreRegisters, DistributorRegisters, Gic, Interrupt, Pending, Taken};
pub use gpio::{Apart, Gpio, GpioRegisters, PinFunction};
pub use lasting::{LASTING_PLACE, LASTING_WORDS, Lasting, LastingRegisters};
pub use mailbox::{Mailbox, MailboxError, MailboxRegisters, MailboxWords};
pub use pads::{Pads, Prepared, SafeStores, Seen, rose};
pub use peripherals::{
    GPIO_ADDRESS, I2C_BUSES, Peripherals, SERIAL_PORTS, UNCACHED, bus_devices, link_as_serial,
};
pub use pi::Pi;
#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use pmu::{Count, Pmu};
pub use pwm::{ChipPwm, PwmBlock, PwmClockRegisters, PwmController, PwmRegister, PwmRegisters};
pub use registers::Registers;
pub use safe_port::{SafePort, safe_stores};
pub use sd::{BLOCK, CardError, ChipHost, HostRegister, SdBlock, SdCard, SdHost, SdRegisters};
pub use serial::{
    ChipSerial, ChipSerialReceiver, SerialBlock, SerialPort, SerialReceiver, SerialRegister, SerialRegisters,
};
pub use spi::{ChipSpi, SpiBlock, SpiController, SpiRegister, SpiRegisters};
pub use uart::{Receiver, Uart, UartError};
pub use watchdog::{Watchdog, WatchdogRegisters};
