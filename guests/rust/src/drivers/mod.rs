// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drivers of chips that many panels have. Each names its device by the index of its table in the manifest,
//! and says what that table wants.

mod at24;
mod ds1307;
mod fan;
mod font;
mod lm75;
mod mcp23017;
mod mcp3008;
mod modbus;
mod pca9552;
mod pcf8574;
mod registers;
mod servo;
mod ssd1306;

pub use at24::At24;
pub use ds1307::{Ds1307, Time};
pub use fan::Fan;
pub use font::glyph;
pub use lm75::Lm75;
pub use mcp3008::Mcp3008;
pub use mcp23017::Mcp23017;
pub use modbus::{Modbus, ModbusError};
pub use pca9552::{Led, Pca9552};
pub use pcf8574::Pcf8574;
pub use registers::Registers;
pub use servo::Servo;
pub use ssd1306::Ssd1306;
