//! Simulated serial ports: what arrives, what was sent, and the levels on the lines.

mod modbus;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use tiny_mapper::{BusStatus, Uart};
use xmap_boards::Line;
use xmap_image::{Parity, UartRow};

pub use modbus::ModbusSlave;

use crate::{EventKind, SimBoard};

/// A device at the other end of a serial port. A device that is written for a test implements this;
/// [`ModbusSlave`] is ready.
pub trait UartDevice: fmt::Debug + Send + Sync {
    /// Takes the bytes of a write, which end at this time. Returns those that it sends after a pause of four
    /// characters.
    fn take(&mut self, bytes: &[u8], now_us: u64) -> Vec<u8>;

    /// Sets something of the device from outside, as a script does (`set meter register3 230`).
    ///
    /// # Errors
    /// Why the device has not that, or not that value.
    fn set(&mut self, what: &str, value: &str) -> Result<(), String>;

    /// Returns something of the device; `None` where it has not that.
    fn get(&self, what: &str) -> Option<String>;

    /// Returns the same device once more, for a board that is copied.
    fn copied(&self) -> Box<dyn UartDevice>;
}

/// Bytes that a serial port sent or that a module took from it, as the record has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The port.
    pub port: u8,
    /// Whether they were sent.
    pub sent: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// `UART3 w 01 03 02`.
impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UART{} {}", self.port, if self.sent { 'w' } else { 'r' })?;
        self.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

/// The ports of a board, by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(BTreeMap<u8, Port>);

#[derive(Debug, Default)]
struct Port {
    /// Bytes that arrive, each with its time, and those that have.
    coming: VecDeque<(u64, u8)>,
    received: VecDeque<u8>,
    /// Bytes that were sent since this was last asked.
    sent: Vec<u8>,
    device: Option<Box<dyn UartDevice>>,
}

impl Clone for Port {
    fn clone(&self) -> Self {
        Self {
            coming: self.coming.clone(),
            received: self.received.clone(),
            sent: self.sent.clone(),
            device: self.device.as_ref().map(|device| device.copied()),
        }
    }
}

/// Characters of pause before a device answers: more than the 3.5 that end a frame of Modbus.
const ANSWER_AFTER: u32 = 4;

impl SimBoard {
    /// Connects a device to a serial port, in the place of the one that is there.
    pub fn attach_uart(&mut self, port: u8, device: impl UartDevice + 'static) {
        self.attach_uart_boxed(port, Box::new(device));
    }

    pub(crate) fn attach_uart_boxed(&mut self, port: u8, device: Box<dyn UartDevice>) {
        self.uart.0.entry(port).or_default().device = Some(device);
    }

    /// The device at a serial port.
    pub fn uart_device(&mut self, port: u8) -> Option<&mut dyn UartDevice> {
        Some(&mut **self.uart.0.get_mut(&port)?.device.as_mut()?)
    }

    /// Lets bytes arrive at a serial port, at this rate from now on, behind those that are on their way.
    pub fn receive(&mut self, row: &UartRow, bytes: &[u8]) {
        self.receive_from(row, bytes, self.time_us());
    }

    fn receive_from(&mut self, row: &UartRow, bytes: &[u8], from_us: u64) {
        let port = self.uart.0.entry(row.port_number()).or_default();
        let start_us = port.coming.back().map_or(from_us, |(time_us, _)| (*time_us).max(from_us));
        let arrivals = (1..).zip(bytes).map(|(n, byte)| (start_us + u64::from(row.wire_us(n)), *byte));
        port.coming.extend(arrivals);
    }

    /// Takes the bytes that a serial port has sent since this was last asked.
    pub fn take_sent(&mut self, port: u8) -> Vec<u8> {
        self.uart.0.get_mut(&port).map(|port| std::mem::take(&mut port.sent)).unwrap_or_default()
    }

    /// Takes what has arrived by now into the buffer of the port; what finds that full is lost.
    fn gather(&mut self, row: &UartRow) -> &mut Port {
        let now_us = self.time_us();
        let port = self.uart.0.entry(row.port_number()).or_default();
        while let Some((_, byte)) = port.coming.pop_front_if(|(time_us, _)| *time_us <= now_us) {
            if port.received.len() < row.rx_buffer() as usize {
                port.received.push_back(byte);
            }
        }
        port
    }

    /// One character on the sending line.
    fn character(&mut self, (line, row): (Line, &UartRow), start_us: u64, first_bit: u32, byte: u8) {
        let format = row.format();
        let data = (0..format.data).map(|bit| byte >> bit & 1 != 0);
        let ones = data.clone().filter(|bit| *bit).count() % 2 != 0;
        let parity = match format.parity {
            Parity::None => None,
            Parity::Even => Some(ones),
            Parity::Odd => Some(!ones),
        };
        let bits = std::iter::once(false).chain(data).chain(parity).chain([true]);
        let mut level = true;
        for (n, bit) in (0..).zip(bits) {
            let at_us = start_us + u64::from(first_bit + n) * 1_000_000 / u64::from(row.baud().max(1));
            self.advance(at_us.saturating_sub(self.time_us()));
            if bit != level {
                level = bit;
                self.note_bus(&[(line, bit)]);
            }
        }
    }
}

impl Uart for SimBoard {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        let port = *device.port(self.gpio().board().id)?;
        let start_us = self.time_us();
        if let Some(de) = device.de() {
            self.note_bus(&[(de, true)]);
        }
        for (n, byte) in (0..).zip(bytes) {
            self.character((port.tx, device), start_us, n * device.format().bits(), *byte);
        }
        let end_us = start_us + u64::from(device.wire_us(bytes.len() as u32));
        self.advance(end_us.saturating_sub(self.time_us()));
        if let Some(de) = device.de() {
            self.note_bus(&[(de, false)]);
        }
        let now_us = self.time_us();
        let other = self.uart.0.entry(port.number).or_default();
        other.sent.extend(bytes);
        let answer = other.device.as_mut().map_or(Vec::new(), |device| device.take(bytes, now_us));
        self.receive_from(device, &answer, now_us + u64::from(device.wire_us(ANSWER_AFTER)));
        let carried = Carried { port: port.number, sent: true, bytes: bytes.to_vec() };
        self.note_at(start_us, EventKind::Carried(carried));
        Some(BusStatus::Ok)
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        let number = device.port(self.gpio().board().id)?.number;
        let port = self.gather(device);
        let count = port.received.len().min(bytes.len());
        bytes.iter_mut().zip(port.received.drain(..count)).for_each(|(to, byte)| *to = byte);
        if count != 0 {
            let carried = Carried { port: number, sent: false, bytes: bytes[..count].to_vec() };
            self.note_at(self.time_us(), EventKind::Carried(carried));
        }
        Some(count)
    }
}
