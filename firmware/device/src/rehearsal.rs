//! A port whose inputs and clock are a host's, so that a script runs where nobody can press a button.

use heapless::Deque;
use tiny_mapper::{Function, Layer, Port, Pull};
use xmap_boards::{Bank, Line, PinMask};
use xmap_link::limits::MAX_BANKS;

use crate::{Board, BoardLayer, Edge, Record, RecordLayer};

/// What a host makes of the world in one step of a rehearsal ([`xmap_link::Request::Rehearse`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// The lines that `levels` are for, a word for each bank.
    pub lines: [u32; MAX_BANKS],
    /// Their levels.
    pub levels: [u32; MAX_BANKS],
    /// Microseconds that pass after that.
    pub advance_us: u64,
}

/// A port on its way to hardware that a rehearsal can take the inputs and the clock of.
///
/// Without a rehearsal everything passes through. In one, stores, function selects and pulls still go
/// to the port within, and the level of an output is read back there; the level of an input is what
/// the host connected, or that of its pull; time begins at 0, and passes by [`Record::rehearse`] and
/// by the module's waits alone, which take no real time.
#[derive(Debug)]
pub struct Rehearsal<P> {
    port: P,
    stage: Option<Stage>,
}

/// The world of a rehearsal. A set of lines has a word for each bank.
#[derive(Debug, Default)]
struct Stage {
    now_us: u64,
    /// Lines that are outputs.
    outputs: [PinMask; MAX_BANKS],
    /// Lines with a pull-up.
    pulled_up: [PinMask; MAX_BANKS],
    /// Lines that the host has connected something to.
    driven: [PinMask; MAX_BANKS],
    /// What it connected.
    levels: [PinMask; MAX_BANKS],
    /// Lines whose rising and falling edges are looked for.
    detected: [[PinMask; MAX_BANKS]; 2],
    /// The edges that nobody has asked for yet, and those that found no room.
    edges: Deque<Edge, EDGES>,
    lost: u32,
}

/// Edges that a rehearsal keeps: every line of a cue has one at most, and a host sends them one by one.
const EDGES: usize = 64;

impl Stage {
    /// What an input of this bank reads.
    fn inputs(&self, bank: Bank) -> PinMask {
        let bank = bank as usize;
        self.driven[bank] & self.levels[bank] | !self.driven[bank] & self.pulled_up[bank]
    }

    fn take(&mut self, cue: &Cue) {
        let before = Bank::ALL.map(|bank| self.inputs(bank));
        for bank in 0..MAX_BANKS {
            self.driven[bank] |= cue.lines[bank];
            self.levels[bank] = self.levels[bank] & !cue.lines[bank] | cue.levels[bank] & cue.lines[bank];
        }
        for line in (0..Line::COUNT).filter_map(Line::new) {
            let (bank, mask) = (line.bank() as usize, line.mask());
            let level = self.inputs(line.bank()) & mask;
            let rising = level != 0;
            let seen = self.detected[usize::from(!rising)][bank] & !self.outputs[bank] & mask != 0;
            if level != before[bank] & mask
                && seen
                && self.edges.push_back(Edge { line, rising, time_us: self.now_us }).is_err()
            {
                self.lost = self.lost.saturating_add(1);
            }
        }
        self.now_us = self.now_us.saturating_add(cue.advance_us);
    }
}

/// `lines` with `line` in it or not.
fn put(lines: &mut [PinMask; MAX_BANKS], line: Line, is_in: bool) {
    let bank = &mut lines[line.bank() as usize];
    *bank = *bank & !line.mask() | if is_in { line.mask() } else { 0 };
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
                let outputs = stage.outputs[bank as usize];
                levels & outputs | stage.inputs(bank) & !outputs
            }
        }
    }

    fn is_output(&mut self, line: Line) -> bool {
        match &self.stage {
            None => self.port.is_output(line),
            Some(stage) => stage.outputs[line.bank() as usize] & line.mask() != 0,
        }
    }

    fn select(&mut self, line: Line, function: Function) {
        if let Some(stage) = &mut self.stage {
            put(&mut stage.outputs, line, function == Function::Output);
        }
        self.port.select(line, function);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        if let Some(stage) = &mut self.stage {
            put(&mut stage.pulled_up, line, pull == Pull::Up);
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

    fn delay_us(&mut self, us: u32) {
        match &mut self.stage {
            None => self.port.delay_us(us),
            Some(stage) => stage.now_us = stage.now_us.saturating_add(u64::from(us)),
        }
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
                put(&mut stage.detected[0], line, rising);
                put(&mut stage.detected[1], line, falling);
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

    fn lost_edges(&mut self) -> u32 {
        match &mut self.stage {
            Some(stage) => core::mem::take(&mut stage.lost),
            None => self.port.lost_edges(),
        }
    }
}
