//! The simulated board: registers, a clock and a record, as a [`Port`](tiny_mapper::Port).

use std::collections::{BTreeMap, VecDeque};

use tiny_mapper::{Function, LogLevel, Pull, Random};
use xmap_boards::{Bank, BoardId, Line, LineSet, PinMask, Register, RegisterKind};
use xmap_device::{Board, Edge, Wall};

use crate::i2c::Buses;
use crate::pwm::Channels;
use crate::spi::SpiBuses;
use crate::uart::Ports;
use crate::{Access, Change, Contention, Drive, Event, EventKind, Gpio};

/// A board's GPIO block with virtual time and a record of everything that happens to it.
///
/// Time stands still unless someone lets it pass: [`SimBoard::advance`], or a module that waits. A
/// module's own computing takes none.
///
/// Accesses go through the registers, so that the record has what a logic analyser on the bus would
/// see: selecting a line's function is a load and a store of its register.
///
/// # Examples
///
/// ```
/// use tiny_mapper::{Function, prelude::*};
/// use xmap_boards::{Bank, Line};
/// use xmap_sim::SimBoard;
///
/// let lamp = Line::new(17).unwrap();
/// let mut board = SimBoard::new();
/// board.select(lamp, Function::Output);
/// board.set(Bank::Zero, lamp.mask());
/// assert!(board.is_high(lamp));
/// assert_eq!(board.accesses().last().unwrap().to_string(), "GPSET0 0x00020000");
/// ```
#[derive(Clone, Debug)]
pub struct SimBoard {
    gpio: Gpio,
    now_us: u64,
    wall: Wall,
    /// The state of the random numbers.
    random: u64,
    recording: bool,
    events: Vec<Event>,
    changes: Vec<Change>,
    step: u32,
    /// The levels that `changes` lead to.
    noted: LineSet,
    ready: Option<Ready>,
    /// Lines whose edges the device handles, and those that were read from the registers and not asked for
    /// yet.
    watched: LineSet,
    edges: VecDeque<Edge>,
    /// What is done to lines later, by its time and a number that keeps the order.
    scheduled: BTreeMap<(u64, u64), (Line, Drive)>,
    schedules: u64,
    /// The first scheduled level that met an output.
    contention: Option<Contention>,
    pub(crate) buses: Buses,
    pub(crate) spi: SpiBuses,
    pub(crate) pwm: Channels,
    pub(crate) uart: Ports,
}

/// The places in the record where a module's own part begins, and the levels there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) events: usize,
    pub(crate) changes: usize,
    pub(crate) levels: LineSet,
}

impl Default for SimBoard {
    fn default() -> Self {
        Self::new()
    }
}

impl SimBoard {
    /// Makes a Raspberry Pi 4B: see [`SimBoard::of`].
    pub fn new() -> Self {
        Self::of(BoardId::Rpi4b)
    }

    /// Makes a board as it is after reset, at time zero, that records.
    pub fn of(board: BoardId) -> Self {
        Self {
            gpio: Gpio::new(board),
            now_us: 0,
            wall: Wall::default(),
            random: 0,
            recording: true,
            events: Vec::new(),
            changes: Vec::new(),
            step: 0,
            noted: LineSet::EMPTY,
            ready: None,
            watched: LineSet::EMPTY,
            edges: VecDeque::new(),
            scheduled: BTreeMap::new(),
            schedules: 0,
            contention: None,
            buses: Buses::default(),
            spi: SpiBuses::default(),
            pwm: Channels::default(),
            uart: Ports::default(),
        }
    }

    /// Sets whether what happens is recorded from now on: it is, unless a benchmark or a long test, that
    /// looks at levels only, says otherwise. A record takes some 50 bytes for each access.
    pub fn record(&mut self, recording: bool) {
        self.recording = recording;
        // What changed meanwhile counts as one change now.
        self.note_changes();
    }

    /// Forgets what was recorded, in a long test that has looked at it.
    pub fn forget(&mut self) {
        self.events.clear();
        self.changes.clear();
        self.ready = None;
    }

    /// Lets time pass, in microseconds, with what is scheduled for it. The clock stops at its largest value.
    pub fn advance(&mut self, us: u64) {
        let end_us = self.now_us.saturating_add(us);
        while let Some(next) = self.scheduled.first_entry()
            && next.key().0 <= end_us
        {
            self.now_us = self.now_us.max(next.key().0);
            let (line, drive) = next.remove();
            self.drive_now(line, drive);
        }
        self.now_us = end_us;
    }

    /// Drives a line at a time that comes, also in the middle of a call that waits. What is scheduled for a
    /// time that has passed happens when time passes next.
    pub fn schedule(&mut self, time_us: u64, line: Line, drive: Drive) {
        self.schedules += 1;
        self.scheduled.insert((time_us, self.schedules), (line, drive));
    }

    /// Returns when something is scheduled next, in microseconds since the board was made; `u64::MAX` is
    /// never.
    pub fn next_scheduled_us(&self) -> u64 {
        self.scheduled.first_key_value().map_or(u64::MAX, |((time_us, _), _)| *time_us)
    }

    /// Forgets what is scheduled. Returns the first time for which something was.
    pub fn forget_scheduled(&mut self) -> Option<u64> {
        let first = self.scheduled.first_key_value().map(|((time_us, _), _)| *time_us);
        self.scheduled.clear();
        first
    }

    /// Takes the first contention of a scheduled level with an output.
    pub fn take_contention(&mut self) -> Option<Contention> {
        self.contention.take()
    }

    fn drive_now(&mut self, line: Line, drive: Drive) {
        let driven = match drive {
            Drive::Level(high) => self.drive(line, Some(high)),
            Drive::Release => self.drive(line, None),
            Drive::Press(us) => {
                let before = self.gpio.connected(line);
                let end_us = self.now_us.saturating_add(us);
                self.schedule(end_us, line, before.map_or(Drive::Release, Drive::Level));
                self.drive(line, Some(!self.is_high(line)))
            }
        };
        if let Err(contention) = driven {
            self.contention.get_or_insert(contention);
        }
    }

    /// Sets what the board's random numbers begin with, 0 unless set: the same numbers follow from the same
    /// seed. They are those of SplitMix64, whole words of 8 bytes, low byte first, for each request.
    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// The time, in microseconds since the board was made.
    pub fn time_us(&self) -> u64 {
        self.now_us
    }

    /// Connects a level to a line from outside (a button, a wire), or disconnects it with `None`.
    ///
    /// # Errors
    /// [`Contention`] where the line is an output.
    pub fn drive(&mut self, line: Line, level: Option<bool>) -> Result<(), Contention> {
        self.gpio.drive(line, level)?;
        self.push(EventKind::Driven { line, level });
        self.note_changes();
        Ok(())
    }

    /// Says which lines have auto direction (see [`Gpio`]).
    pub fn set_auto(&mut self, lines: LineSet) {
        self.gpio.set_auto(lines);
        self.note_changes();
    }

    /// Returns whether a line is high.
    pub fn is_high(&self, line: Line) -> bool {
        self.gpio.levels().contains(line)
    }

    /// Returns whether a line drives its pad.
    pub fn is_output(&self, line: Line) -> bool {
        self.gpio.driving().contains(line)
    }

    /// Returns the lines that are high.
    pub fn levels(&self) -> LineSet {
        self.gpio.levels()
    }

    /// Asks for edges of a line to be detected: rising, falling, both or none.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        let bank = line.bank();
        for (kind, on) in [(RegisterKind::Rising, rising), (RegisterKind::Falling, falling)] {
            let register = self.register(kind, bank);
            let others = self.load(register) & !line.mask();
            self.store(register, others | if on { line.mask() } else { 0 });
        }
    }

    /// Reads the edges that were seen in a bank and forgets those that it returns.
    pub fn take_edges(&mut self, bank: Bank) -> PinMask {
        let register = self.register(RegisterKind::Events, bank);
        let seen = self.load(register);
        if seen != 0 {
            self.store(register, seen);
        }
        seen
    }

    /// Reads the edges that were seen on these lines and forgets them. Leaves no record where there are none:
    /// the board's interrupt would not have come.
    fn take_watched(&mut self, bank: Bank, lines: PinMask) -> PinMask {
        let register = self.register(RegisterKind::Events, bank);
        if self.gpio.read(register) & lines == 0 {
            return 0;
        }
        let seen = self.load(register) & lines;
        self.store(register, seen);
        seen
    }

    fn register(&self, kind: RegisterKind, bank: Bank) -> Register {
        self.gpio.board().register(kind, bank)
    }

    /// Stores the bits of a line in a register, with a load before it.
    fn put(&mut self, kind: RegisterKind, line: Line, value: u32) {
        let board = self.gpio.board();
        let (register, bits) = (board.register_of(kind, line), kind.of(&board.gpio));
        let others = self.load(register) & !(bits.mask() << bits.shift(line));
        self.store(register, others | value << bits.shift(line));
    }

    /// Loads from a register; the record has it.
    #[inline]
    pub fn load(&mut self, register: Register) -> u32 {
        let value = self.gpio.read(register);
        if self.recording {
            self.push(EventKind::Access(Access { write: false, register, value }));
        }
        value
    }

    /// Stores to a register; the record has it.
    #[inline]
    pub fn store(&mut self, register: Register, value: u32) {
        self.gpio.write(register, value);
        if self.recording {
            self.push(EventKind::Access(Access { write: true, register, value }));
            self.note_changes();
        }
    }

    /// The registers, to look at without leaving a record.
    pub fn gpio(&self) -> &Gpio {
        &self.gpio
    }

    /// Everything that was recorded, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The register accesses that were recorded, in order.
    pub fn accesses(&self) -> impl DoubleEndedIterator<Item = &Access> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Access(access) => Some(access),
            _ => None,
        })
    }

    /// The changes of levels that were recorded, in order. Before the first one every line was low.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns where the part of the first module's image begins.
    pub(crate) fn ready(&self) -> Ready {
        self.ready.unwrap_or_default()
    }

    fn push(&mut self, kind: EventKind) {
        if self.recording {
            self.events.push(Event { time_us: self.now_us, end_us: self.now_us, kind });
        }
    }

    /// Records something that began at an earlier time and is over now.
    pub(crate) fn note_at(&mut self, time_us: u64, kind: EventKind) {
        if self.recording {
            self.events.push(Event { time_us, end_us: self.now_us, kind });
        }
    }

    /// Records levels that a bus has on its lines: the registers know nothing of them.
    pub(crate) fn note_bus(&mut self, levels: &[(Line, bool)]) {
        if levels.is_empty() || !self.recording {
            return;
        }
        for (line, high) in levels {
            self.changes.push(Change { time_us: self.now_us, step: self.step, line: *line, high: *high });
        }
        self.step = self.step.wrapping_add(1);
    }

    fn note_changes(&mut self) {
        let levels = self.gpio.levels();
        let changed = self.noted ^ levels;
        if changed.is_empty() || !self.recording {
            return;
        }
        self.noted = levels;
        for line in changed.iter() {
            let high = levels.contains(line);
            self.changes.push(Change { time_us: self.now_us, step: self.step, line, high });
        }
        self.step = self.step.wrapping_add(1);
    }
}

impl tiny_mapper::Gpio for SimBoard {
    #[inline]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.store(self.register(RegisterKind::Set, bank), mask);
    }

    #[inline]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.store(self.register(RegisterKind::Clear, bank), mask);
    }

    #[inline]
    fn level(&mut self, bank: Bank) -> PinMask {
        self.load(self.register(RegisterKind::Level, bank))
    }

    fn is_output(&mut self, line: Line) -> bool {
        let board = self.gpio.board();
        let select = &board.gpio.select;
        let word = self.load(board.register_of(RegisterKind::Select, line));
        word >> select.shift(line) & select.mask() == Function::Output as u32
    }

    fn select(&mut self, line: Line, function: Function) {
        self.gpio.leave_auto(line);
        self.note_changes();
        self.put(RegisterKind::Select, line, function as u32);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.put(RegisterKind::Pull, line, pull as u32);
    }
}

impl tiny_mapper::Clock for SimBoard {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }

    fn unix_us(&mut self) -> i64 {
        self.wall.unix_us(self.now_us)
    }

    fn delay_us(&mut self, us: u32) {
        self.advance(u64::from(us));
    }
}

impl tiny_mapper::Log for SimBoard {
    fn log(&mut self, level: LogLevel, text: &str) {
        if self.recording {
            self.push(EventKind::Log { level, text: text.to_owned() });
        }
    }
}

impl Random for SimBoard {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (z ^ z >> 31).to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(byte, random)| *byte = random);
        }
        true
    }
}

impl tiny_mapper::Port for SimBoard {
    tiny_mapper::parts!(random: Random, i2c: I2c, spi: Spi, pwm: Pwm, uart: Uart);
}

impl Board for SimBoard {
    fn id(&self) -> BoardId {
        self.gpio.board().id
    }

    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        SimBoard::detect(self, line, rising, falling);
        self.watched.put(line, rising || falling);
        self.take_watched(line.bank(), line.mask());
    }

    fn take_edge(&mut self) -> Option<Edge> {
        for bank in Bank::ALL {
            let seen = self.take_watched(bank, self.watched.bank(bank));
            if seen == 0 {
                continue;
            }
            let (time_us, levels) = (self.now_us, self.gpio.levels());
            let lines = LineSet::of_bank(bank, seen).iter();
            self.edges.extend(lines.map(|line| Edge { line, rising: levels.contains(line), time_us }));
        }
        self.edges.pop_front()
    }

    fn stores(&self) -> u32 {
        self.accesses().filter(|access| access.drives()).count() as u32
    }

    fn set_unix_us(&mut self, unix_us: i64) -> bool {
        self.wall.set(unix_us, self.now_us)
    }

    fn lines_ready(&mut self) {
        // The record of a plain trace begins with the first image.
        let (events, changes) = (self.events.len(), self.changes.len());
        self.ready.get_or_insert(Ready { events, changes, levels: self.gpio.levels() });
    }
}
