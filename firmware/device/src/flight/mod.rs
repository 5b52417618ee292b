//! The flight recorder: what a device was told by the world, so that a simulator can play it again.
//!
//! A device does one thing at a time, and what it does follows from its images and from what it is told: the
//! times and levels that it reads, edges, answers of buses, random numbers, and what hosts ask for. The
//! recorder stands in front of the board and notes just that, in the order in which the device asks; what the
//! device does with it, a device that asks again in the same order does once more. No value says what it is:
//! the one that plays it knows what it asks for.
//!
//! What only accounts go by (histories, metrics, the meter of messages: [`crate::Board::stamp_us`]) is not
//! noted. An idle turn of the main loop leaves nothing.

mod noted;
mod operation;
mod reader;
mod snapshot;
mod tape;

use tiny_mapper::{
    BusStatus, Function, I2c, I2cRow, Layer, Port, Pull, Pwm, PwmRow, Random, Spi, SpiRow, Uart, UartRow,
};
use xmap_boards::{Bank, Line, PinMask};
use xmap_link::RecordingPage;

pub use self::noted::Noted;
pub use self::operation::{Arguments, FORMAT, MAX_ARGUMENTS, Operation};
pub use self::reader::{Next, Reader, Torn};
pub use self::snapshot::{BoardState, Sink, Snapshot, Write};
pub(crate) use self::snapshot::{Exchange, deadline, flag, line, signed, time, value};
use self::tape::Tape;
pub use self::tape::{Due, mix};
use crate::{Board, BoardLayer, Edge, Record, RecordLayer};

/// The head of a file that a recording is written to while it grows: "XREC", version 2, no stores, and as
/// many bytes as follow (docs/trace.md).
pub const GROWING: [u8; 21] = *b"XREC\x02\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0";

/// A board whose answers are noted while the device works.
///
/// It notes from the first operation on, until an owner's new policy changes what may run: what was noted up
/// to there stays. When its memory is nearly full, the older half goes, and what is left begins with a
/// snapshot.
#[derive(Debug)]
pub struct FlightRecorder<P, S> {
    port: P,
    tape: Tape<S>,
}

impl<P: Board, S: AsRef<[u8]> + AsMut<[u8]>> FlightRecorder<P, S> {
    /// A recorder with this much memory; without any, it notes nothing.
    pub fn new(port: P, memory: S) -> Self {
        let board = port.id();
        Self { port, tape: Tape::new(memory, board) }
    }
}

impl<P, S: AsRef<[u8]> + AsMut<[u8]>> FlightRecorder<P, S> {
    /// The port within.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// The port within.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// The port within, alone.
    pub fn into_port(self) -> P {
        self.port
    }

    /// Returns whether nothing more is noted.
    pub const fn has_ended(&self) -> bool {
        self.tape.has_ended()
    }

    /// Returns what was noted: whole operations, from the first one or from a snapshot on.
    pub fn recording(&self) -> Noted<'_> {
        self.tape.whole()
    }
}

tiny_mapper::over!([P, S] FlightRecorder<P, S> => port: P);

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> Layer for FlightRecorder<P, S> {
    #[inline]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.port.set(bank, mask);
        self.tape.drove(true, bank, mask);
    }

    #[inline]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.port.clear(bank, mask);
        self.tape.drove(false, bank, mask);
    }

    #[inline]
    fn level(&mut self, bank: Bank) -> PinMask {
        let levels = self.port.level(bank);
        self.tape.level(bank, levels);
        levels
    }

    fn is_output(&mut self, line: Line) -> bool {
        let output = self.port.is_output(line);
        self.tape.value(output.into());
        output
    }

    fn select(&mut self, line: Line, function: Function) {
        self.port.select(line, function);
        self.tape.did(mix::SELECT, line.number().into(), function as u32);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.port.pull(line, pull);
        self.tape.did(mix::PULL, line.number().into(), pull as u32);
    }

    #[inline]
    fn now_us(&mut self) -> u64 {
        let now_us = self.port.now_us();
        self.tape.time(now_us);
        now_us
    }

    fn delay_us(&mut self, us: u32) {
        self.port.delay_us(us);
        self.tape.did(mix::DELAY, 0, us);
    }

    fn unix_us(&mut self) -> i64 {
        let unix_us = self.port.unix_us();
        self.tape.wall(unix_us);
        unix_us
    }

    // What a board has not is what it answers nothing to, below: for a module both are the same trap.
    tiny_mapper::parts!(random: Random, i2c: I2c, spi: Spi, pwm: Pwm, uart: Uart);
}

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> Random for FlightRecorder<P, S> {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        let filled = self.port.random().is_some_and(|random| random.fill(bytes));
        self.tape.value(filled.into());
        if filled {
            self.tape.bytes(bytes);
        }
        filled
    }
}

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> I2c for FlightRecorder<P, S> {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let status = self.port.i2c().and_then(|i2c| i2c.write_read(device, write, read));
        self.tape.did_bytes(mix::BUS, write);
        self.tape.answer(status, read);
        status
    }
}

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> Spi for FlightRecorder<P, S> {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let status = self.port.spi().and_then(|spi| spi.transfer(device, write, read));
        self.tape.did_bytes(mix::BUS, write);
        self.tape.answer(status, read);
        status
    }
}

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> Pwm for FlightRecorder<P, S> {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        let done = self.port.pwm().is_some_and(|pwm| pwm.set(channel, high_ns));
        self.tape.did(mix::PWM, channel.line_number().into(), high_ns);
        self.tape.value(done.into());
        done
    }
}

impl<P: Port, S: AsRef<[u8]> + AsMut<[u8]>> Uart for FlightRecorder<P, S> {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        let status = self.port.uart().and_then(|uart| uart.write(device, bytes));
        self.tape.did_bytes(mix::BUS, bytes);
        self.tape.status(status);
        status
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        let count = self.port.uart().and_then(|uart| uart.read(device, bytes));
        self.tape.value(count.map_or(0, |count| count as u64 + 1));
        if let Some(read) = count.and_then(|count| bytes.get(..count)) {
            self.tape.bytes(read);
        }
        count
    }
}

impl<P: Record, S: AsRef<[u8]> + AsMut<[u8]>> RecordLayer for FlightRecorder<P, S> {
    fn recorded(&self, from: u32) -> Option<RecordingPage> {
        self.tape.page(from)
    }
}

impl<P: Board, S: AsRef<[u8]> + AsMut<[u8]>> BoardLayer for FlightRecorder<P, S> {
    fn take_edge(&mut self) -> Option<Edge> {
        let edge = self.port.take_edge();
        self.tape.edge(edge.as_ref());
        edge
    }

    fn lost_edges(&mut self) -> u32 {
        let lost = self.port.lost_edges();
        self.tape.value(lost.into());
        lost
    }

    fn stamp_us(&mut self) -> u64 {
        // Not noted: nothing but accounts goes by it.
        self.port.now_us()
    }

    fn set_unix_us(&mut self, unix_us: i64) -> bool {
        let done = self.port.set_unix_us(unix_us);
        self.tape.value(done.into());
        done
    }

    fn begin(&mut self, operation: &Operation<'_>) {
        self.tape.begin(operation);
    }

    #[inline]
    fn begin_turn(&mut self) -> u64 {
        let now_us = self.port.now_us();
        self.tape.begin_turn(now_us);
        now_us
    }

    #[inline]
    fn end(&mut self, changed: bool) -> Option<Due> {
        self.tape.end(changed)
    }

    fn note_state(&mut self, state: u32) -> bool {
        self.tape.state(state)
    }

    fn note_snapshot(&mut self, write: &mut Write<'_>) {
        // What is asked for here is no input: it is part of the snapshot.
        let mut of_board = BoardState { stores: self.port.stores(), ..BoardState::default() };
        let board = self.port.id().board();
        for line in (0..board.lines).filter_map(|number| board.line(number)) {
            if self.port.is_output(line)
                && let Some(outputs) = of_board.outputs.get_mut(line.bank() as usize)
            {
                *outputs |= line.mask();
            }
        }
        for (number, levels) in (0..).zip(&mut of_board.levels) {
            *levels = board.bank(number).map_or(0, |bank| self.port.level(bank));
        }
        self.tape.snapshot(of_board, write);
    }
}
