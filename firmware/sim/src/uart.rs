//! Simulated serial ports: what arrives, what was sent, and the levels on the lines.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use tiny_mapper::{BusStatus, Uart};
use xmap_boards::Line;
use xmap_image::{Parity, UartRow};

use crate::{EventKind, SimBoard};

/// Bytes that a serial port sent, as the record has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The port.
    pub port: u8,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// `UART3 w 01 03 02`.
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UART{} w", self.port)?;
        self.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

/// The ports of a board, by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(BTreeMap<u8, Port>);

#[derive(Clone, Debug, Default)]
struct Port {
    /// Bytes that arrive, each with its time, and those that have.
    coming: VecDeque<(u64, u8)>,
    received: VecDeque<u8>,
    /// Bytes that were sent since this was last asked.
    sent: Vec<u8>,
}

impl SimBoard {
    /// Lets bytes arrive at a serial port, at this rate from now on, behind those that are on their way.
    pub fn receive(&mut self, row: &UartRow, bytes: &[u8]) {
        let now_us = self.time_us();
        let port = self.uart.0.entry(row.port_number()).or_default();
        let start_us = port.coming.back().map_or(now_us, |(time_us, _)| (*time_us).max(now_us));
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
        self.uart.0.entry(port.number).or_default().sent.extend(bytes);
        self.note_at(start_us, EventKind::Sent(Sent { port: port.number, bytes: bytes.to_vec() }));
        Some(BusStatus::Ok)
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        device.port(self.gpio().board().id)?;
        let port = self.gather(device);
        let count = port.received.len().min(bytes.len());
        bytes.iter_mut().zip(port.received.drain(..count)).for_each(|(to, byte)| *to = byte);
        Some(count)
    }
}
