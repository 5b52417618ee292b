//! What the compiler proves about pins: a host call whose line is constant names a line that
//! the manifest declares for it. Lines that only a call knows are left to the mapper's masks.

use xmap_abi::{Capability, Cost, HostFunction};
use xmap_boards::{Bank, Line};
use xmap_image::{FULL_DUTY, PinMode, limits};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::ir::Func;
use crate::manifest::{At, I2cDevice, Manifest, SpiDevice, Uart, and, lines_text};
use crate::program::too_complex;
use crate::wasm::{LineTable, WasmModule};
use crate::work::Exhausted;

/// Checks host calls of one function, and names places in it.
pub struct PinCheck<'a> {
    /// The module's file, for messages.
    pub file: &'a str,
    /// The module.
    pub module: &'a WasmModule<'a>,
    /// Its line table.
    pub lines: &'a LineTable<'a>,
    /// What the panel declares.
    pub manifest: &'a Manifest,
    /// The function.
    pub function: u32,
}

impl PinCheck<'_> {
    /// A place in the function.
    pub fn place(&self, offset: u32) -> Place {
        Place::Wasm {
            file: self.file.to_string(),
            function: Some(self.module.function_name(self.function)),
            offset: Some(u64::from(offset)),
            source: self.lines.find(offset),
        }
    }

    /// The line of a host call that reads it.
    ///
    /// # Errors
    /// X0301 where there is no such line, X0302 where the board needs it, X0306 where it is not declared.
    pub fn readable(&self, function: HostFunction, line: u64, offset: u32) -> Result<Line, Diagnostic> {
        let board = self.manifest.board();
        let found = u8::try_from(line).ok().and_then(|number| board.line(number));
        let Some(found) = found else {
            let message =
                format!("{function} uses line {}: {} has no such line", line as u32 as i32, board.name);
            return Err(Diagnostic::new(Code::NoSuchLine, self.place(offset), message));
        };
        if self.manifest.pin(found.number()).is_some() {
            return Ok(found);
        }
        if let Some(reason) = board.reserved(found) {
            let message = format!("{function} uses line {found}, which is reserved for {reason}");
            return Err(Diagnostic::new(Code::ReservedLine, self.place(offset), message));
        }
        let message = format!("{function} uses line {found}, which is not declared");
        Err(self.declared_here(Diagnostic::new(Code::UndeclaredLine, self.place(offset), message), found))
    }

    /// The line of a host call that drives it.
    ///
    /// # Errors
    /// As [`PinCheck::readable`], and X0307 where it is an input.
    pub fn writable(&self, function: HostFunction, line: u64, offset: u32) -> Result<Line, Diagnostic> {
        let found = self.readable(function, line, offset)?;
        match self.manifest.pin(found.number()) {
            Some(pin) if pin.mode.value == PinMode::In => {
                let message = format!("{function} drives line {found}, which is an input");
                let here = self.manifest.place(&pin.mode.span);
                let text = format!("line {found} is declared here");
                Err(Diagnostic::new(Code::WriteToInput, self.place(offset), message)
                    .note(here, text)
                    .help("declare it `mode = \"out\"` or `\"inout\"`, or drive another line".to_string()))
            }
            _ => Ok(found),
        }
    }

    /// The line of `gpio.direction` or `gpio.pull`.
    ///
    /// # Errors
    /// As [`PinCheck::readable`], and X0308 where the line's mode does not allow it.
    pub fn configurable(&self, function: HostFunction, line: u64, offset: u32) -> Result<Line, Diagnostic> {
        let found = self.readable(function, line, offset)?;
        let Some(pin) = self.manifest.pin(found.number()) else { return Ok(found) };
        let fixed = match function {
            HostFunction::GpioDirection => matches!(pin.mode.value, PinMode::In | PinMode::Out),
            _ => pin.mode.value == PinMode::Out,
        };
        if !fixed {
            return Ok(found);
        }
        let message = match function {
            HostFunction::GpioDirection => format!("gpio.direction changes line {found}, which is not inout"),
            _ => format!("gpio.pull changes line {found}, which is an output"),
        };
        let here = self.manifest.place(&pin.mode.span);
        Err(Diagnostic::new(Code::NotInOut, self.place(offset), message)
            .note(here, format!("line {found} is declared here"))
            .help("declare it `mode = \"inout\"`".to_string()))
    }

    /// The bank of a host call.
    ///
    /// # Errors
    /// X0301 where there is no such bank.
    pub fn bank(&self, function: HostFunction, bank: u64, offset: u32) -> Result<Bank, Diagnostic> {
        let board = self.manifest.board();
        u32::try_from(bank).ok().and_then(|number| board.bank(number)).ok_or_else(|| {
            let banks =
                board.banks().map(|(bank, first, last)| format!("{} (lines {first} to {last})", bank as u8));
            let banks = and(&banks.collect::<Vec<_>>());
            let message = format!("{function} uses bank {}: the banks are {banks}", bank as u32 as i32);
            Diagnostic::new(Code::NoSuchLine, self.place(offset), message)
        })
    }

    /// Checks each line of a mask that `gpio.write` drives.
    ///
    /// # Errors
    /// As [`PinCheck::writable`], for the lowest line that is wrong.
    pub fn writable_mask(&self, bank: Bank, mask: u64, offset: u32) -> Result<(), Diagnostic> {
        for bit in (0..32u64).filter(|bit| mask >> bit & 1 != 0) {
            self.writable(HostFunction::GpioWrite, 32 * bank as u64 + bit, offset)?;
        }
        Ok(())
    }

    /// A constant range of memory that a host call reads or fills.
    ///
    /// # Errors
    /// X0506 where it is outside the memory.
    pub fn range(&self, function: HostFunction, start: u64, len: u64, offset: u32) -> Result<(), Diagnostic> {
        let memory = self.memory_bytes();
        if start + len <= memory {
            return Ok(());
        }
        let verb = match function.row().cost {
            Cost::Range { writes: true, .. } => "fills",
            Cost::Transfer { .. } => "uses",
            _ if function == HostFunction::UartRead => "fills",
            _ => "reads",
        };
        let message =
            format!("{function} {verb} 0x{start:x} to 0x{:x}, the memory ends at 0x{memory:x}", start + len);
        Err(Diagnostic::new(Code::ConstantTrap, self.place(offset), message))
    }

    /// The constant device and lengths of a transfer.
    ///
    /// # Errors
    /// X1306 where the manifest declares no such device, X1307 where the transfer is longer than it says.
    pub fn transfer(
        &self,
        function: HostFunction,
        device: Option<u64>,
        lengths: [Option<u64>; 2],
        offset: u32,
    ) -> Result<(), Diagnostic> {
        // Of each device its name, and for writes and reads the most bytes and the key that says them.
        type Declared<'m> = (&'m At<String>, [(u32, &'static str); 2]);
        let (kind, table, keys) = match function.row().capability {
            Capability::Spi => ("SPI device", "spi", "`bus`, `cs` and `max_bytes`"),
            Capability::Uart => ("serial port", "uart", "`port` and `baud`"),
            _ => ("I2C device", "i2c", "`bus`, `address`, `write_max` and `read_max`"),
        };
        let devices: Vec<Declared<'_>> = match function.row().capability {
            Capability::Spi => {
                let of = |device: &'_ SpiDevice| [(device.row.max_bytes(), "max_bytes"); 2];
                self.manifest.spi.iter().map(|device| (&device.name, of(device))).collect()
            }
            Capability::Uart => {
                let of = |device: &'_ Uart| [(device.row.write_max(), "write_max"); 2];
                self.manifest.uart.iter().map(|device| (&device.name, of(device))).collect()
            }
            _ => {
                let of = |device: &'_ I2cDevice| {
                    [(device.row.write_max(), "write_max"), (device.row.read_max(), "read_max")]
                };
                self.manifest.i2c.iter().map(|device| (&device.name, of(device))).collect()
            }
        };
        let declared = || match devices.first() {
            Some((name, _)) => (self.manifest.place(&name.span), "devices are declared from here on"),
            None => {
                (self.manifest.place(&self.manifest.module.name.span), "this manifest declares no device")
            }
        };
        let help = format!("declare it: `[{table}.NAME]` with {keys}");
        if devices.is_empty() {
            let message = format!("{function}: no {kind} is declared");
            let (place, note) = declared();
            let error = Diagnostic::new(Code::UndeclaredDevice, self.place(offset), message);
            let error = if self.manifest.is_bare() { error } else { error.note(place, note) };
            return Err(error.help(help));
        }
        let Some(index) = device else { return Ok(()) };
        let Some((name, most)) = usize::try_from(index).ok().and_then(|index| devices.get(index)) else {
            let message = format!(
                "{function} uses device {}: the manifest declares {}, counted from 0",
                index as u32 as i32,
                devices.len()
            );
            let (place, note) = declared();
            let error = Diagnostic::new(Code::UndeclaredDevice, self.place(offset), message);
            return Err(error.note(place, note).help(help));
        };
        let words = [("writes", "to"), ("reads", "from")];
        for ((len, (most, key)), (verb, to)) in lengths.into_iter().zip(most).zip(words) {
            if let Some(len) = len.filter(|len| *len > u64::from(*most)) {
                let (text, note) = (&name.value, self.manifest.place(&name.span));
                let message = format!("{function} {verb} {len} bytes {to} `{text}`, {key} is {most}");
                return Err(Diagnostic::new(Code::LongTransfer, self.place(offset), message)
                    .note(note, format!("`{text}` is declared here"))
                    .help(format!("raise `{key}`, or transfer less at once")));
            }
        }
        Ok(())
    }

    /// The constant channel and value of a call that sets a PWM channel.
    ///
    /// # Errors
    /// X1306 where the manifest declares no such channel, X0506 where the value is beyond what there is.
    pub fn channel(
        &self,
        function: HostFunction,
        channel: Option<u64>,
        value: Option<u64>,
        offset: u32,
    ) -> Result<(), Diagnostic> {
        let channels = &self.manifest.pwm;
        let help = "declare it: `[pwm.NAME]` with `line` and `period_us`";
        let undeclared = |message: String| {
            Err(Diagnostic::new(Code::UndeclaredDevice, self.place(offset), message).help(help.to_string()))
        };
        if channels.is_empty() {
            return undeclared(format!("{function}: no PWM channel is declared"));
        }
        let known = match channel.map(|index| usize::try_from(index).ok().and_then(|n| channels.get(n))) {
            Some(None) => {
                let index = channel.unwrap_or_default() as u32 as i32;
                let all = channels.len();
                return undeclared(format!(
                    "{function} sets channel {index}: the manifest declares {all}, counted from 0"
                ));
            }
            Some(known) => known,
            None => None,
        };
        let Some(value) = value else { return Ok(()) };
        let (most, what) = match (function, known) {
            (HostFunction::PwmDuty, _) => (u64::from(FULL_DUTY), "a duty is 0 to 65535".to_string()),
            (_, Some(channel)) => {
                let period_us = channel.row.period_us();
                (period_us.into(), format!("the period of `{}` is {period_us} us", channel.name.value))
            }
            (_, None) => return Ok(()),
        };
        if value <= most {
            return Ok(());
        }
        Err(self.constant_trap(offset, format!("{function} with {}: {what}", value as u32)))
    }

    /// A constant argument that only can trap.
    pub fn constant_trap(&self, offset: u32, message: String) -> Diagnostic {
        Diagnostic::new(Code::ConstantTrap, self.place(offset), message)
    }

    /// The function's values do not fit its registers.
    pub(crate) fn too_many_registers(&self, func: &Func, needed: usize) -> Diagnostic {
        let name = self.module.function_name(func.index);
        let most = limits::MAX_FRAME - 1;
        let message = format!("{name} needs {needed} registers, at most {most} exist");
        Diagnostic::new(Code::TooManyRegisters, self.place(self.start()), message)
            .help("pass fewer parameters, arguments or results: a pointer to them in memory".to_string())
    }

    /// The function takes more of the compiler's time than it may.
    pub(crate) fn too_complex(&self, exhausted: Exhausted) -> Diagnostic {
        too_complex(self.file, self.module, self.function, exhausted)
    }

    /// The function has too many words of code.
    pub(crate) fn too_long(&self, func: &Func, words: usize) -> Diagnostic {
        let name = self.module.function_name(func.index);
        let most = limits::MAX_FUNCTION_WORDS;
        let message = format!("{name} takes {words} words of code, at most {most} fit");
        Diagnostic::new(Code::FunctionTooLong, self.place(self.start()), message)
    }

    fn start(&self) -> u32 {
        self.module.body(self.function).map_or(0, |body| body.range().start as u32)
    }

    /// Bytes of linear memory that the module has at load.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let pages = self.module.memory.map_or(0, |(pages, _)| pages);
        (pages * 65_536).min(self.manifest.limits.memory_bytes.value)
    }

    /// Adds where the panel's lines are declared, and what to write there.
    fn declared_here(&self, diagnostic: Diagnostic, line: Line) -> Diagnostic {
        let help = format!("declare it in [pins]: `{line} = {{ name = \"...\", mode = \"out\" }}`");
        match self.manifest.pins.last() {
            Some(pin) if !self.manifest.is_bare() => diagnostic
                .note(self.manifest.place(&pin.line.span), "the panel's lines are declared here")
                .help(help),
            None if !self.manifest.is_bare() => {
                let span = self.manifest.module.name.span.clone();
                diagnostic.note(self.manifest.place(&span), "this manifest declares no line").help(help)
            }
            _ => {
                let lines = lines_text(self.manifest.module.board.value.header);
                diagnostic.help(format!("a module without a manifest may use the lines {lines}"))
            }
        }
    }
}
