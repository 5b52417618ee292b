//! A port whose inputs and clock are a host's, so that a script runs where nobody can press a button.

use heapless::Deque;
use tiny_mapper::{BusStatus, Function, I2c, I2cRow, Layer, Port, Pull, Spi, SpiRow, Uart, UartRow};
use xmap_boards::{Bank, Line, LineSet, PinMask};

use crate::{Board, BoardLayer, Edge, Record, RecordLayer, Wall};

/// The world that a host makes in one step of a rehearsal ([`xmap_link::Request::Rehearse`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// The lines that `levels` are for.
    pub lines: LineSet,
    /// Their levels.
    pub levels: LineSet,
    /// Microseconds that pass after that.
    pub advance_us: u64,
}

/// A port on its way to hardware that a rehearsal can take the inputs and the clock of.
///
/// Without a rehearsal everything passes through. In one, stores, function selects and pulls still go
/// to the port within, and the level of an output is read back there; the level of an input is what
/// the host connected, or that of its pull; time begins at 0, and passes by [`Record::rehearse`], by the
/// module's waits, which take no real time, and by what its transfers on buses take on the wire.
#[derive(Debug)]
pub struct Rehearsal<P> {
    port: P,
    stage: Option<Stage>,
}

/// The world of a rehearsal.
#[derive(Debug, Default)]
struct Stage {
    now_us: u64,
    wall: Wall,
    /// Lines that are outputs.
    outputs: LineSet,
    /// Lines with a pull-up.
    pulled_up: LineSet,
    /// Lines that the host has connected something to.
    driven: LineSet,
    /// What it connected.
    levels: LineSet,
    /// Lines whose rising and falling edges are looked for.
    detected: [LineSet; 2],
    /// The edges that nobody has asked for yet, and those that found no room.
    edges: Deque<Edge, EDGES>,
    lost: u32,
}

/// Edges that a rehearsal keeps: every line of a cue has one at most, and a host sends them one by one.
const EDGES: usize = 64;

impl Stage {
    /// Returns the levels of lines as inputs.
    fn inputs(&self) -> LineSet {
        self.driven & self.levels | (self.pulled_up - self.driven)
    }

    fn take(&mut self, cue: &Cue) {
        let before = self.inputs();
        self.driven |= cue.lines;
        self.levels = (self.levels - cue.lines) | cue.levels & cue.lines;
        let inputs = self.inputs();
        for line in ((before ^ inputs) - self.outputs).iter() {
            let rising = inputs.contains(line);
            if self.detected[usize::from(!rising)].contains(line)
                && self.edges.push_back(Edge { line, rising, time_us: self.now_us }).is_err()
            {
                self.lost = self.lost.saturating_add(1);
            }
        }
        self.pass(cue.advance_us);
    }

    /// Lets time pass.
    fn pass(&mut self, us: u64) {
        self.now_us = self.now_us.saturating_add(us);
    }
}

impl<P> Rehearsal<P> {
    /// A port that passes everything through, or that rehearses from its first access on: it has to
    /// see how each line is set up.
    pub fn new(port: P, rehearse: bool) -> Self {
        Self { port, stage: rehearse.then(Stage::default) }
    }

    /// The port within.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }
}

tiny_mapper::over!([P] Rehearsal<P> => port: P);

impl<P: Port> Layer for Rehearsal<P> {
    #[inline]
    fn level(&mut self, bank: Bank) -> PinMask {
        let levels = self.port.level(bank);
        match &self.stage {
            None => levels,
            Some(stage) => {
                let outputs = stage.outputs.bank(bank);
                levels & outputs | stage.inputs().bank(bank) & !outputs
            }
        }
    }

    fn is_output(&mut self, line: Line) -> bool {
        match &self.stage {
            None => self.port.is_output(line),
            Some(stage) => stage.outputs.contains(line),
        }
    }

    fn select(&mut self, line: Line, function: Function) {
        if let Some(stage) = &mut self.stage {
            stage.outputs.put(line, function == Function::Output);
        }
        self.port.select(line, function);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        if let Some(stage) = &mut self.stage {
            stage.pulled_up.put(line, pull == Pull::Up);
        }
        self.port.pull(line, pull);
    }

    #[inline]
    fn now_us(&mut self) -> u64 {
        match &self.stage {
            None => self.port.now_us(),
            Some(stage) => stage.now_us,
        }
    }

    fn i2c(&mut self) -> Option<&mut dyn I2c> {
        match self.port.i2c() {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn uart(&mut self) -> Option<&mut dyn Uart> {
        match self.port.uart() {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn spi(&mut self) -> Option<&mut dyn Spi> {
        match self.port.spi() {
            Some(_) => Some(self),
            None => None,
        }
    }

    fn unix_us(&mut self) -> i64 {
        match &self.stage {
            None => self.port.unix_us(),
            Some(stage) => stage.wall.unix_us(stage.now_us),
        }
    }

    fn delay_us(&mut self, us: u32) {
        match &mut self.stage {
            None => self.port.delay_us(us),
            Some(stage) => stage.pass(us.into()),
        }
    }
}

/// A bus is the board's own; what a transfer takes on the wire passes on the stage.
impl<P: Port> I2c for Rehearsal<P> {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let status = self.port.i2c()?.write_read(device, write, read)?;
        if let Some(stage) = &mut self.stage {
            let us = match status {
                BusStatus::Ok => device.wire_us(write.len() as u32, read.len() as u32),
                // An address that nobody has.
                BusStatus::Nack => device.wire_us(0, 0),
                _ => device.worst_us(),
            };
            stage.pass(us.into());
        }
        Some(status)
    }
}

/// What a write takes on the wire passes on the stage.
impl<P: Port> Uart for Rehearsal<P> {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        let status = self.port.uart()?.write(device, bytes)?;
        if let Some(stage) = &mut self.stage {
            let us = match status {
                BusStatus::Ok => device.wire_us(bytes.len() as u32),
                _ => device.worst_us(),
            };
            stage.pass(us.into());
        }
        Some(status)
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        self.port.uart()?.read(device, bytes)
    }
}

/// As for the I2C buses.
impl<P: Port> Spi for Rehearsal<P> {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        let status = self.port.spi()?.transfer(device, write, read)?;
        if let Some(stage) = &mut self.stage {
            let us = match status {
                BusStatus::Ok => device.wire_us(write.len().max(read.len()) as u32),
                _ => device.timeout_us(),
            };
            stage.pass(us.into());
        }
        Some(status)
    }
}

impl<P: Record> RecordLayer for Rehearsal<P> {
    fn rehearse(&mut self, cue: &Cue) -> bool {
        match &mut self.stage {
            Some(stage) => {
                stage.take(cue);
                true
            }
            None => self.port.rehearse(cue),
        }
    }
}

impl<P: Board> BoardLayer for Rehearsal<P> {
    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        match &mut self.stage {
            Some(stage) => {
                stage.detected[0].put(line, rising);
                stage.detected[1].put(line, falling);
            }
            None => self.port.detect(line, rising, falling),
        }
    }

    fn take_edge(&mut self) -> Option<Edge> {
        match &mut self.stage {
            Some(stage) => stage.edges.pop_front(),
            None => self.port.take_edge(),
        }
    }

    // Whatever they are for, times are those of the stage.
    #[inline]
    fn begin_turn(&mut self) -> u64 {
        match &self.stage {
            None => self.port.begin_turn(),
            Some(stage) => stage.now_us,
        }
    }

    #[inline]
    fn stamp_us(&mut self) -> u64 {
        match &self.stage {
            None => self.port.stamp_us(),
            Some(stage) => stage.now_us,
        }
    }

    fn set_unix_us(&mut self, unix_us: i64) -> bool {
        match &mut self.stage {
            Some(stage) => stage.wall.set(unix_us, stage.now_us),
            None => self.port.set_unix_us(unix_us),
        }
    }

    fn lost_edges(&mut self) -> u32 {
        match &mut self.stage {
            Some(stage) => core::mem::take(&mut stage.lost),
            None => self.port.lost_edges(),
        }
    }
}
