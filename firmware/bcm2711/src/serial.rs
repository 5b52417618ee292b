//! The PL011 UARTs 3 to 5 (section 11): serial ports of modules.
//!
//! Two drivers have each block. [`SerialPort`] sets it up and sends, for the main loop; [`SerialReceiver`]
//! takes what arrives, for an interrupt handler. The data register is written by the first and read by the
//! second, and the registers of interrupts are the second's: setting up only forbids them.

use safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite};
use tiny_mapper::{BusStatus, Format, Parity, Pull, UartRow};
use xmap_boards::UartPort;

use crate::gpio::alternate;
use crate::registers::chip_block;
use crate::uart::CLOCK_HZ;
use crate::{Apart, Clock, Counter, Gpio, PinFunction, Registers};

/// The registers of a UART (section 11.5).
#[derive(Debug)]
#[repr(C)]
pub struct SerialRegisters {
    /// `DR`: a byte to send, or one that came, with its errors.
    data: ReadWrite<u32>,
    reserved_04: [u32; 5],
    /// `FR`: what the FIFOs have.
    flags: ReadPure<u32>,
    reserved_1c: [u32; 2],
    /// `IBRD`: clocks in a sixteenth of a bit.
    divider: ReadPureWrite<u32>,
    /// `FBRD`: and 64ths of a clock.
    fraction: ReadPureWrite<u32>,
    /// `LCRH`: the format of characters.
    line: ReadPureWrite<u32>,
    /// `CR`: control.
    control: ReadPureWrite<u32>,
    /// `IFLS`: how full the FIFOs are that ask for an interrupt.
    levels: ReadPureWrite<u32>,
    /// `IMSC`: the interrupts that are asked for.
    mask: ReadPureWrite<u32>,
    reserved_3c: u32,
    /// `MIS`: those of them that wait.
    pending: ReadPure<u32>,
    /// `ICR`: lets go of interrupts. Nobody loads it.
    clear: ReadPureWrite<u32>,
}

/// A register of a UART.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SerialRegister {
    /// `DR`.
    Data,
    /// `FR`, which is read-only.
    Flags,
    /// `IBRD`.
    Divider,
    /// `FBRD`.
    Fraction,
    /// `LCRH`.
    Line,
    /// `CR`.
    Control,
    /// `IFLS`.
    Levels,
    /// `IMSC`.
    Mask,
    /// `MIS`, which is read-only.
    Pending,
    /// `ICR`.
    Clear,
}

chip_block! {
    /// The registers of a UART of the chip.
    pub struct SerialBlock { registers: SerialRegisters }
    SerialRegister {
        Data => registers.data,
        Divider => registers.divider,
        Fraction => registers.fraction,
        Line => registers.line,
        Control => registers.control,
        Levels => registers.levels,
        Mask => registers.mask,
        Clear => registers.clear,
    }
    reads {
        Flags => registers.flags,
        Pending => registers.pending,
    }
}

/// Flags: a byte is being sent, or waits for it. It lasts to the end of the last stop bit.
const BUSY: u32 = 1 << 3;
/// Flags: no byte has come.
const RECEIVED_NONE: u32 = 1 << 4;
/// Flags: the sending FIFO is full.
const SENDING_FULL: u32 = 1 << 5;
/// Data: the byte came with a wrong stop bit, a wrong parity, or as a line that is held low. (Bit 11 says
/// that others behind it were lost: this one is whole.)
const BROKEN: u32 = 0b111 << 8;
/// Line: there is a parity bit; it makes the number of ones even; two stop bits; FIFOs; 8 data bits.
const PARITY: u32 = 1 << 1;
const EVEN: u32 = 1 << 2;
const TWO_STOP_BITS: u32 = 1 << 3;
const FIFOS: u32 = 1 << 4;
const SEVEN_BITS: u32 = 0b10 << 5;
const EIGHT_BITS: u32 = 0b11 << 5;
/// Control: the UART is on, and sends and receives.
const ON: u32 = 1 | 1 << 8 | 1 << 9;
/// Levels: an interrupt at 4 received bytes, an eighth of the FIFO, so that the handler has the time of 28
/// more: 280 us at 1 Mbaud.
const EARLY: u32 = 0;
/// Interrupts: the receiving FIFO has as many bytes as that, or fewer, and then nothing for the time of 32
/// bits.
const RECEIVED: u32 = 1 << 4 | 1 << 6;
/// All interrupts.
const ALL: u32 = 0x7ff;
/// Bytes of the receiving FIFO.
const FIFO: usize = 32;

/// The sending half of a UART, and what sets it up.
#[derive(Debug)]
pub struct SerialPort<R> {
    registers: R,
    /// What it is set up for.
    row: Option<UartRow>,
}

/// The receiving half of a UART.
#[derive(Debug)]
pub struct SerialReceiver<R> {
    registers: R,
}

/// A UART of the chip.
pub type ChipSerial = SerialPort<SerialBlock<'static>>;
/// The receiving half of a UART of the chip.
pub type ChipSerialReceiver = SerialReceiver<SerialBlock<'static>>;

impl<R: Registers<Register = SerialRegister>> SerialPort<R> {
    /// The driver for this block.
    pub const fn new(registers: R) -> Self {
        Self { registers, row: None }
    }

    /// Makes the port ready: sets it up where it is another row's, and connects its lines. Returns whether it
    /// was set up anew, after which its receiving half has to [listen](SerialReceiver::listen); `None` where
    /// no UART is there.
    #[inline(never)]
    pub fn prepare(
        &mut self,
        gpio: &mut Gpio<'_>,
        (port, apart): (&'static UartPort, Apart),
        row: &UartRow,
    ) -> Option<bool> {
        let is_new = self.row != Some(*row);
        if is_new {
            self.row = None;
            if !self.set_up(row) {
                return None;
            }
            self.row = Some(*row);
            // A line that nothing is connected to is quiet.
            gpio.pull(port.rx, Pull::Up);
        }
        // Another module may have had the lines meanwhile. The port is quiet before it drives one.
        for line in [port.tx, port.rx] {
            apart(&mut || gpio.select(line, alternate(port.alt)));
        }
        Some(is_new)
    }

    /// Sets rate and format, and starts the UART with empty FIFOs and without interrupts. Returns whether
    /// there is one.
    fn set_up(&mut self, row: &UartRow) -> bool {
        let (divider, fraction) = divider(row.baud());
        self.registers.store(SerialRegister::Control, 0);
        self.registers.store(SerialRegister::Mask, 0);
        // Without FIFOs for a moment: that empties them.
        self.registers.store(SerialRegister::Line, 0);
        self.registers.store(SerialRegister::Divider, divider);
        self.registers.store(SerialRegister::Fraction, fraction);
        // The rate counts from this store on (section 11.5, `LCRH`).
        self.registers.store(SerialRegister::Line, line(row.format()));
        self.registers.store(SerialRegister::Levels, EARLY);
        self.registers.store(SerialRegister::Clear, ALL);
        self.registers.store(SerialRegister::Control, ON);
        self.registers.load(SerialRegister::Divider) == divider
    }

    /// Sends bytes, with the line that drives the bus high meanwhile. Returns how it ended, at the limit of
    /// the row that the port was prepared for at the latest.
    #[inline(never)]
    pub fn write<C: Counter>(
        &mut self,
        (gpio, clock): (&mut Gpio<'_>, &mut Clock<C>),
        apart: Apart,
        bytes: &[u8],
    ) -> BusStatus {
        let Some(row) = self.row else { return BusStatus::Busy };
        let until_us = clock.now_us() + u64::from(row.worst_us());
        if let Some(de) = row.de() {
            // Low before it is an output, so that nobody is driven off the bus.
            gpio.clear(de.bank(), de.mask());
            apart(&mut || gpio.select(de, PinFunction::Output));
            gpio.set(de.bank(), de.mask());
        }
        let is_late = &mut || clock.now_us() > until_us;
        let sent = bytes.iter().all(|byte| {
            let has_room = self.until(is_late, SENDING_FULL);
            if has_room {
                self.registers.store(SerialRegister::Data, (*byte).into());
            }
            has_room
        });
        // The last bit has left before the bus is let go.
        let sent = sent && self.until(is_late, BUSY);
        if let Some(de) = row.de() {
            gpio.clear(de.bank(), de.mask());
        }
        if !sent {
            // What waits is not to follow later: the next call sets the port up anew, with empty FIFOs.
            self.registers.store(SerialRegister::Control, 0);
            self.row = None;
        }
        if sent { BusStatus::Ok } else { BusStatus::Timeout }
    }

    /// Waits until a flag is clear. Returns whether it was before the time limit.
    fn until(&mut self, is_late: &mut dyn FnMut() -> bool, flag: u32) -> bool {
        loop {
            // The clock first: what came before the limit counts, however late this program looks.
            let late = is_late();
            if self.registers.load(SerialRegister::Flags) & flag == 0 {
                return true;
            }
            if late {
                return false;
            }
            core::hint::spin_loop();
        }
    }
}

impl<R: Registers<Register = SerialRegister>> SerialReceiver<R> {
    /// The driver for this block.
    pub const fn new(registers: R) -> Self {
        Self { registers }
    }

    /// Asks for an interrupt where bytes have arrived.
    pub fn listen(&mut self) {
        self.registers.store(SerialRegister::Mask, RECEIVED);
    }

    /// Returns whether the interrupt was this UART's.
    pub fn is_due(&mut self) -> bool {
        self.registers.load(SerialRegister::Pending) & RECEIVED != 0
    }

    /// Lets go of the interrupt, and gives all bytes that have arrived, but for those that came broken.
    #[inline(never)]
    pub fn take(&mut self, mut note: impl FnMut(u8)) {
        // First: a byte that comes from here on asks again.
        self.registers.store(SerialRegister::Clear, RECEIVED);
        // No more than the FIFO has and what comes meanwhile: the rest asks again.
        for _ in 0..2 * FIFO {
            if self.registers.load(SerialRegister::Flags) & RECEIVED_NONE != 0 {
                break;
            }
            let data = self.registers.load(SerialRegister::Data);
            if data & BROKEN == 0 {
                note(data as u8);
            }
        }
    }
}

/// Returns the clocks in a sixteenth of a bit, and the 64ths of one, rounded.
const fn divider(baud: u32) -> (u32, u32) {
    let baud = if baud == 0 { 1 } else { baud };
    let fractions = (4 * CLOCK_HZ + baud / 2) / baud;
    (fractions / 64, fractions % 64)
}

/// Returns the register of a format.
const fn line(format: Format) -> u32 {
    let parity = match format.parity {
        Parity::None => 0,
        Parity::Even => PARITY | EVEN,
        Parity::Odd => PARITY,
    };
    let data = if format.data == 7 { SEVEN_BITS } else { EIGHT_BITS };
    FIFOS | data | parity | if format.stop == 2 { TWO_STOP_BITS } else { 0 }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::vec::Vec;

    use xmap_boards::{BoardId, Line};

    use super::*;
    use crate::model::{LINES, Steps, block};

    /// A UART as the chip has it. Each look at the flags is the time of a character.
    #[derive(Default)]
    struct Model {
        divider: u32,
        fraction: u32,
        line: u32,
        control: u32,
        levels: u32,
        mask: u32,
        cleared: Vec<u32>,
        out: VecDeque<u8>,
        sent: Vec<u8>,
        received: VecDeque<u32>,
        /// Bytes after which nothing leaves any more.
        stops: Option<usize>,
        /// There is none: registers are zero whatever is stored.
        is_absent: bool,
    }

    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Model>>);

    impl Registers for Shared {
        type Register = SerialRegister;

        fn load(&mut self, register: SerialRegister) -> u32 {
            let model = &mut *self.0.borrow_mut();
            if model.is_absent {
                return 0;
            }
            match register {
                SerialRegister::Flags => {
                    let flags = if model.out.is_empty() { 0 } else { BUSY }
                        | if model.received.is_empty() { RECEIVED_NONE } else { 0 }
                        | if model.out.len() == FIFO { SENDING_FULL } else { 0 };
                    if model.stops != Some(model.sent.len())
                        && let Some(byte) = model.out.pop_front()
                    {
                        model.sent.push(byte);
                    }
                    flags
                }
                SerialRegister::Data => model.received.pop_front().expect("a byte has come"),
                SerialRegister::Pending => model.mask & if model.received.is_empty() { 0 } else { RECEIVED },
                SerialRegister::Divider => model.divider,
                other => panic!("{other:?} is not loaded"),
            }
        }

        fn store(&mut self, register: SerialRegister, value: u32) {
            let model = &mut *self.0.borrow_mut();
            let is_off = model.control == 0;
            match register {
                SerialRegister::Data => {
                    assert!(!is_off && model.out.len() < FIFO, "a byte is lost");
                    model.out.push_back(value as u8);
                }
                SerialRegister::Line => {
                    assert!(is_off, "the format changes while it runs");
                    if value & FIFOS == 0 {
                        model.out.clear();
                        model.received.clear();
                    }
                    model.line = value;
                }
                SerialRegister::Divider => model.divider = value,
                SerialRegister::Fraction => {
                    (model.fraction, model.line) = (value, 0);
                }
                SerialRegister::Control => model.control = value,
                SerialRegister::Levels => model.levels = value,
                SerialRegister::Mask => model.mask = value,
                SerialRegister::Clear => model.cleared.push(value),
                other => panic!("{other:?} is not stored to"),
            }
        }
    }

    fn row(baud: u32, format: &str, de: Option<u8>) -> UartRow {
        UartRow::new(3, baud, Format::parse(format).unwrap(), de.and_then(Line::new), [256, 256])
    }

    /// Prepares the port for a row. Returns what that gave, and the words of the lines' block.
    fn prepared(port: &mut SerialPort<Shared>, row: &UartRow) -> (Option<bool>, [u32; LINES]) {
        let mut lines = [0; LINES];
        let place = row.port(BoardId::Rpi4b).unwrap();
        let found = port.prepare(&mut Gpio::new(block(&mut lines)), (place, |f| f()), row);
        (found, lines)
    }

    fn write(port: &mut SerialPort<Shared>, bytes: &[u8]) -> (BusStatus, u64, [u32; LINES]) {
        let mut lines = [0; LINES];
        let mut clock = Clock::new(Steps::US);
        let status = port.write((&mut Gpio::new(block(&mut lines)), &mut clock), |f| f(), bytes);
        (status, clock.counter().0, lines)
    }

    #[test]
    fn offsets_are_the_manuals() {
        assert_eq!(offset_of!(SerialRegisters, flags), 0x18);
        assert_eq!(offset_of!(SerialRegisters, divider), 0x24);
        assert_eq!(offset_of!(SerialRegisters, line), 0x2c);
        assert_eq!(offset_of!(SerialRegisters, mask), 0x38);
        assert_eq!(offset_of!(SerialRegisters, pending), 0x40);
        assert_eq!(offset_of!(SerialRegisters, clear), 0x44);
    }

    #[test]
    fn every_rate_is_near() {
        for baud in [300, 9_600, 19_200, 57_600, 115_200, 460_800, 1_000_000] {
            let (whole, fraction) = divider(baud);
            assert!((1..0x1_0000).contains(&whole) && fraction < 64, "{baud}");
            let made = f64::from(4 * CLOCK_HZ) / f64::from(whole * 64 + fraction);
            assert!((made / f64::from(baud) - 1.0).abs() < 0.003, "{baud}: {made}");
        }
        assert_eq!(divider(115_200), (26, 3));
    }

    #[test]
    fn formats_are_the_registers() {
        for (format, bits) in
            [("8N1", 0x70), ("7E1", 0x56), ("8O1", 0x72), ("8E2", 0x7e), ("7N2", 0x58), ("7O2", 0x5a)]
        {
            assert_eq!(line(Format::parse(format).unwrap()), bits, "{format}");
        }
    }

    #[test]
    fn a_port_is_set_up_once_for_a_row() {
        let model = Shared::default();
        let mut port = SerialPort::new(model.clone());
        model.0.borrow_mut().received.extend([1, 2]);
        let (found, lines) = prepared(&mut port, &row(9_600, "8E1", Some(17)));
        assert_eq!(found, Some(true));
        // ALT4 of lines 4 and 5, line 5 pulled up.
        assert_eq!((lines[0], lines[1], lines[0xe4 / 4]), (0b011 << 12 | 0b011 << 15, 0, 1 << 10));
        {
            let model = model.0.borrow();
            assert_eq!((model.divider, model.fraction, model.line), (312, 32, 0x76));
            assert_eq!((model.control, model.levels, model.mask), (ON, 0, 0));
            assert!(model.received.is_empty(), "what came before is nobody's");
        }
        // The lines are connected at each call, and nothing else is done.
        model.0.borrow_mut().divider = 0;
        let (found, lines) = prepared(&mut port, &row(9_600, "8E1", Some(17)));
        assert_eq!((found, lines[0], lines[1]), (Some(false), 0b011 << 12 | 0b011 << 15, 0));
        // Another row is another port.
        assert_eq!(prepared(&mut port, &row(300, "8N1", None)).0, Some(true));
        assert_eq!(model.0.borrow().divider, 10_000);
    }

    #[test]
    fn a_port_that_is_not_there_is_said() {
        let model = Shared::default();
        model.0.borrow_mut().is_absent = true;
        let mut port = SerialPort::new(model);
        let (found, lines) = prepared(&mut port, &row(9_600, "8N1", Some(17)));
        assert_eq!((found, lines), (None, [0; LINES]), "its lines are left alone");
    }

    #[test]
    fn bytes_leave_with_the_bus_driven() {
        let model = Shared::default();
        let mut port = SerialPort::new(model.clone());
        prepared(&mut port, &row(115_200, "8N1", Some(17)));
        let all: Vec<u8> = (0..=255).collect();
        let (status, _, lines) = write(&mut port, &all);
        assert_eq!((status, &model.0.borrow().sent), (BusStatus::Ok, &all));
        // Line 17 is an output.
        assert_eq!(
            (lines[1], lines[0x1c / 4], lines[0x28 / 4]),
            (1 << 21, 1 << 17, 1 << 17),
            "high, then low"
        );
        assert_eq!(write(&mut port, &[]).0, BusStatus::Ok);
    }

    #[test]
    fn a_write_that_does_not_end_is_ended() {
        let row = row(115_200, "8N1", Some(17));
        for stops in [0, 1, 5, 200] {
            let model = Shared::default();
            let mut port = SerialPort::new(model.clone());
            prepared(&mut port, &row);
            model.0.borrow_mut().stops = Some(stops);
            let (status, ticks, lines) = write(&mut port, &[0x55; 256]);
            assert_eq!(status, BusStatus::Timeout);
            assert!(ticks <= u64::from(row.worst_us()) + 3, "{ticks}");
            assert_eq!(lines[0x28 / 4], 1 << 17, "the bus is let go");
            // The next one is whole, without what was left.
            {
                let mut model = model.0.borrow_mut();
                model.stops = None;
                model.sent.clear();
            }
            assert_eq!(prepared(&mut port, &row).0, Some(true));
            assert_eq!(write(&mut port, &[1, 2, 3]).0, BusStatus::Ok);
            assert_eq!(model.0.borrow().sent, [1, 2, 3]);
        }
    }

    #[test]
    fn what_arrives_whole_is_taken() {
        let model = Shared::default();
        let mut receiver = SerialReceiver::new(model.clone());
        receiver.listen();
        assert!(!receiver.is_due());
        // Frame, parity and break errors; an overrun behind a byte that is whole.
        let arrives = [0x41, 0x100 | 0x42, 0x200 | 0x43, 0x400, 0x800 | 0x44, 0x45];
        model.0.borrow_mut().received.extend(arrives);
        assert!(receiver.is_due());
        let mut bytes = Vec::new();
        receiver.take(|byte| bytes.push(byte));
        assert_eq!(bytes, [0x41, 0x44, 0x45]);
        assert!(!receiver.is_due());
        assert_eq!(model.0.borrow().cleared, [RECEIVED]);
        // A line that never falls silent does not keep the handler.
        model.0.borrow_mut().received.extend([7; 1_000]);
        bytes.clear();
        receiver.take(|byte| bytes.push(byte));
        assert_eq!(bytes.len(), 64);
        assert!(receiver.is_due());
    }
}
