//! Plays a recording again: the device program on a simulated board whose answers are the recorded ones.

use std::fmt;

use tiny_mapper::{
    BusStatus, Function, Gpio, I2c, I2cRow, Layer, LogLevel, Pull, Pwm, PwmRow, Random, Spi, SpiRow, Uart,
    UartRow,
};
use xmap_boards::{Bank, Line, LineSet, PinMask, RegisterKind};
use xmap_device::{
    Arguments, BoardLayer, BoardState, Device, Due, Edge, Limits, ModuleExport, Next, NotRestored, Operation,
    Reader, Snapshot, Torn, mix,
};
use xmap_image::{Image, OwnedImage, PinRow, limits};
use xmap_link::TraceEntry;

use crate::heap::{Heap, no_room, room};
use crate::seen::SeenOps;
use crate::{Access, Event, EventKind, Recording, Signal, SimBoard};

/// The simulated board, with recorded answers in the place of its own.
#[derive(Debug)]
pub struct Playback<'r> {
    board: SimBoard,
    reader: Reader<'r>,
    /// The device asked for what the recording does not have.
    torn: Option<Torn>,
    digest: u32,
    /// The number of the next store, and those that are known from this number on.
    next_store: u32,
    known: (u32, &'r [TraceEntry]),
    /// The first store that was another one.
    differs: Option<StoreDiffers>,
    outputs: LineSet,
    compared: u32,
    /// Values that were read.
    inputs: u64,
    /// Operations within operations: outside of them nothing was noted.
    depth: u32,
}

/// A store that is not the one of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreDiffers {
    /// Its number, from 0 at the device's start.
    pub number: u32,
    /// The store of the device.
    pub recorded: Access,
    /// What the simulator stored.
    pub played: Access,
}

impl<'r> Playback<'r> {
    fn read<T: Default>(&mut self, read: impl FnOnce(&mut Reader<'r>) -> Result<T, Torn>) -> T {
        if self.torn.is_some() || self.depth == 0 {
            return T::default();
        }
        self.inputs += 1;
        read(&mut self.reader).unwrap_or_else(|torn| {
            self.torn = Some(torn);
            T::default()
        })
    }

    fn stored(&mut self, kind: RegisterKind, bank: Bank, mask: PinMask) {
        self.digest = mix::drove(self.digest, kind == RegisterKind::Set, bank as u32, mask);
        let number = self.next_store;
        self.next_store = number.wrapping_add(1);
        let (first, stores) = self.known;
        let Some(recorded) = number.checked_sub(first).and_then(|at| stores.get(at as usize)) else { return };
        let register = self.board.gpio().board().register(kind, bank);
        self.compared += 1;
        if (register.offset(), mask) != (recorded.offset, recorded.value) && self.differs.is_none() {
            let of = self.board.gpio().board().register_at(recorded.offset).unwrap_or(register);
            self.differs = Some(StoreDiffers {
                number,
                recorded: Access { write: true, register: of, value: recorded.value },
                played: Access { write: true, register, value: mask },
            });
        }
    }

    /// Returns how a transfer ended; what was read is in its place.
    fn answer(&mut self, read: &mut [u8]) -> Option<BusStatus> {
        let status = self.read(Reader::status)?;
        let len = read.len();
        put(read, self.read(|reader| reader.take(len)));
        Some(status)
    }

    fn did(&mut self, what: u32, which: u32, value: u32) {
        self.digest = mix::into(self.digest, what, which, value);
    }

    fn did_bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.did(mix::BUS, 0, (*byte).into()));
    }

    /// Makes the board what it was when a snapshot was made of it.
    fn restore(&mut self, of: &Snapshot) {
        let BoardState { stores, outputs, levels } = of.of_board;
        (self.digest, self.next_store, self.outputs) = (of.digest, stores, LineSet::from_banks(&outputs));
        let (board, levels) = (&mut self.board, LineSet::from_banks(&levels));
        // What led there is not known: the record begins with the levels.
        board.record(false);
        board.advance(of.last_us);
        let all = board.gpio().board();
        for line in (0..all.lines).filter_map(|number| all.line(number)) {
            if self.outputs.contains(line) {
                if levels.contains(line) {
                    Gpio::set(board, line.bank(), line.mask());
                }
                board.select(line, Function::Output);
            } else {
                _ = board.drive(line, Some(levels.contains(line)));
            }
        }
        board.record(true);
    }
}

tiny_mapper::over!(['r] Playback<'r> => board: SimBoard);

impl Layer for Playback<'_> {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        Gpio::set(&mut self.board, bank, mask);
        self.stored(RegisterKind::Set, bank, mask);
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.board.clear(bank, mask);
        self.stored(RegisterKind::Clear, bank, mask);
    }

    fn level(&mut self, bank: Bank) -> PinMask {
        let levels = self.read(|reader| reader.levels(bank));
        // What the board shows of its inputs is what the device saw.
        let inputs = !self.outputs.bank(bank);
        let changed = (self.board.levels().bank(bank) ^ levels) & inputs;
        for line in (0..32).filter(|bit| changed >> bit & 1 != 0) {
            if let Some(line) = Line::new(bank as u8 * 32 + line) {
                _ = self.board.drive(line, Some(levels & line.mask() != 0));
            }
        }
        levels
    }

    fn is_output(&mut self, _: Line) -> bool {
        self.read(Reader::flag)
    }

    fn select(&mut self, line: Line, function: Function) {
        self.outputs.put(line, function == Function::Output);
        self.board.select(line, function);
        self.did(mix::SELECT, line.number().into(), function as u32);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.board.pull(line, pull);
        self.did(mix::PULL, line.number().into(), pull as u32);
    }

    fn now_us(&mut self) -> u64 {
        if self.depth == 0 {
            return self.board.time_us();
        }
        let now_us = self.read(Reader::time_us);
        let passed = now_us.saturating_sub(self.board.time_us());
        self.board.advance(passed);
        now_us
    }

    fn delay_us(&mut self, us: u32) {
        self.board.advance(us.into());
        self.did(mix::DELAY, 0, us);
    }

    fn unix_us(&mut self) -> i64 {
        self.read(Reader::unix_us)
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        tiny_mapper::Log::log(&mut self.board, level, text);
    }

    tiny_mapper::parts!(random: Random, i2c: I2c, spi: Spi, pwm: Pwm, uart: Uart);
}

/// Puts recorded bytes in their place.
fn put(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

impl Random for Playback<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        let filled = self.read(Reader::flag);
        if filled {
            let len = bytes.len();
            put(bytes, self.read(|reader| reader.take(len)));
        }
        filled
    }
}

impl I2c for Playback<'_> {
    fn write_read(&mut self, _: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        self.did_bytes(write);
        self.answer(read)
    }
}

impl Spi for Playback<'_> {
    fn transfer(&mut self, _: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        self.did_bytes(write);
        self.answer(read)
    }
}

impl Pwm for Playback<'_> {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        if let Some(pwm) = tiny_mapper::Port::pwm(&mut self.board) {
            pwm.set(channel, high_ns);
        }
        self.did(mix::PWM, channel.line_number().into(), high_ns);
        self.read(Reader::flag)
    }
}

impl Uart for Playback<'_> {
    fn write(&mut self, _: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        self.did_bytes(bytes);
        self.read(Reader::status)
    }

    fn read(&mut self, _: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        let count = Playback::read(self, Reader::varint).checked_sub(1)? as usize;
        let read = Playback::read(self, |reader| reader.take(count));
        put(bytes, read);
        Some(count.min(bytes.len()))
    }
}

impl BoardLayer for Playback<'_> {
    fn take_edge(&mut self) -> Option<Edge> {
        self.read(Reader::edge)
    }

    fn lost_edges(&mut self) -> u32 {
        self.read(Reader::number)
    }

    fn begin(&mut self, _: &Operation<'_>) {
        self.depth += 1;
    }

    fn begin_turn(&mut self) -> u64 {
        self.begin(&Operation::Turn);
        self.now_us()
    }

    fn end(&mut self, _: bool) -> Option<Due> {
        self.depth = self.depth.saturating_sub(1);
        None
    }

    fn stamp_us(&mut self) -> u64 {
        self.board.time_us()
    }

    fn set_unix_us(&mut self, _: i64) -> bool {
        self.read(Reader::flag)
    }
}

/// What does not go as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The image with this content hash is not at hand.
    NoImage([u8; 32]),
    /// A store is another one.
    Store(StoreDiffers),
    /// The outputs since the start are others, though each store that is known is the same.
    Outputs,
    /// What the modules hold is something else.
    State,
    /// The device asks for something else than the one that was recorded, or the recording is damaged.
    Torn,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage(hash) => {
                f.write_str("the image ")?;
                hash.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("... was mounted, and is not at hand")
            }
            Self::Store(StoreDiffers { number, recorded, played }) => {
                write!(f, "store {number} was {recorded}, and is {played}")
            }
            Self::Outputs => f.write_str("the outputs are others"),
            Self::State => f.write_str("memory or globals of a module are others"),
            Self::Torn => f.write_str("the device asks for something else than was recorded"),
        }
    }
}

/// Where a replay stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// What the device has done: turns, calls, swaps.
    pub operations: u64,
    /// Values that it read.
    pub inputs: u64,
    /// Stores to set and clear registers that it made.
    pub stores: u32,
    /// Those that were compared with recorded ones.
    pub compared: u32,
    /// Checks of the state that held.
    pub checks: u64,
    /// The time that it began with: not 0, where what was before is not in the recording.
    pub from_us: u64,
    /// The time that it read last, in microseconds since its start.
    pub time_us: u64,
}

/// A recording that is played again.
#[derive(Debug)]
pub struct Replay<'r> {
    device: Device<Heap, Playback<'r>>,
    images: &'r [OwnedImage],
    recording: &'r Recording,
    played: Played,
    /// The rounds of checks.
    rounds: u32,
    /// The number of the first store that it makes.
    from_store: u32,
    /// The export that a call ran last, for what is said of a difference.
    called: Option<ModuleExport>,
}

impl<'r> Replay<'r> {
    /// Begins with a device as it is at its start. The images are those that it mounted, in any order.
    ///
    /// # Errors
    /// [`Difference::Torn`] where the recording is none.
    pub fn new(recording: &'r Recording, images: &'r [OwnedImage]) -> Result<Self, Difference> {
        let (reader, _) = Reader::new(&recording.noted).map_err(|_| Difference::Torn)?;
        let board = Playback {
            board: SimBoard::of(recording.board),
            reader,
            torn: None,
            digest: 0,
            next_store: 0,
            known: (recording.first_store, &recording.stores),
            differs: None,
            outputs: LineSet::EMPTY,
            compared: 0,
            inputs: 0,
            depth: 0,
        };
        let mut device = Device::new(board, core::array::from_fn(|_| [no_room(), no_room()]));
        device.set_limits(Limits::none());
        device.set_machine_code(true);
        Ok(Self {
            device,
            images,
            recording,
            played: Played::default(),
            rounds: 0,
            from_store: 0,
            called: None,
        })
    }

    /// Does what the device did next. Returns whether there was anything.
    ///
    /// # Errors
    /// [`Difference`].
    pub fn step(&mut self) -> Result<bool, Difference> {
        match self.go_on() {
            // The power went while the device wrote it.
            Err(Difference::Torn) if self.is_over() => Ok(false),
            went => went,
        }
    }

    /// Returns whether the recording has nothing more, as the device that wrote it had no more time.
    fn is_over(&self) -> bool {
        let reader = &self.device.board().reader;
        // A file system that lost power may leave zeros, which are no operation.
        let rest = self.recording.noted.get(reader.at()..).unwrap_or_default();
        self.recording.growing && (reader.is_short() || rest.iter().all(|byte| *byte == 0))
    }

    fn go_on(&mut self) -> Result<bool, Difference> {
        let mut scratch = Arguments::new();
        let next = self.device.board_mut().reader.next(&mut scratch).map_err(|Torn| Difference::Torn)?;
        match next {
            None => return Ok(false),
            Some(Next::Check { outputs, state }) => {
                self.rounds += 1;
                if self.device.board().digest != outputs {
                    return Err(Difference::Outputs);
                }
                if self.device.state_digest(self.rounds) != state {
                    return Err(Difference::State);
                }
                self.played.checks += 1;
            }
            Some(Next::Snapshot { of, device }) => self.stand(&of, device)?,
            Some(Next::Operation(operation)) => {
                self.played.operations += 1;
                self.device.codes().for_each(SeenOps::forget_last);
                self.play(operation)?;
            }
        }
        let board = self.device.board();
        self.played = Played {
            inputs: board.inputs,
            stores: board.next_store.wrapping_sub(self.from_store),
            compared: board.compared,
            time_us: board.reader.last_us(),
            ..self.played
        };
        match (board.differs, board.torn) {
            (Some(differs), _) => Err(Difference::Store(differs)),
            (None, Some(Torn)) => Err(Difference::Torn),
            (None, None) => Ok(true),
        }
    }

    /// Begins with a snapshot, or holds the device against one that comes later.
    fn stand(&mut self, of: &Snapshot, bytes: &[u8]) -> Result<(), Difference> {
        if self.played.operations > 0 {
            return if self.snapshot() == bytes { Ok(()) } else { Err(Difference::State) };
        }
        let device = &mut self.device;
        (self.rounds, self.from_store) = (of.checks, of.of_board.stores);
        self.played.from_us = of.last_us;
        device.board_mut().restore(of);
        let images = self.images;
        let restored = device.restore(bytes, &mut |hash| {
            let image = image(images, hash).ok()?;
            Some((image, room(&image)))
        });
        restored.map_err(|not| match not {
            NotRestored::NoImage(hash) => Difference::NoImage(hash),
            NotRestored::Torn => Difference::Torn,
        })
    }

    fn play(&mut self, operation: Operation<'_>) -> Result<(), Difference> {
        let device = &mut self.device;
        let mut results = [0; limits::MAX_PARAMS];
        match operation {
            Operation::Turn => _ = device.poll(),
            Operation::Heard => device.heard(),
            Operation::Call { export, args, placed } => {
                self.called = Some(export);
                // However it ended: what followed is part of it.
                _ = match placed {
                    None => device.call(export, args, &mut results),
                    Some(content) => {
                        let mut args = args.to_vec();
                        device.call_placing(export, &mut args, content, &mut results, &mut |_| {})
                    }
                };
            }
            Operation::Install { module, hash, kept } => {
                let image = image(self.images, &hash)?;
                device.set_room(module, room(&image));
                device.set_machine_code(true);
                _ = device.install_kept(module, image.bytes(), "", kept);
            }
            Operation::SetAside { module, hash } => {
                let image = image(self.images, &hash)?;
                device.set_room(module, room(&image));
                _ = device.set_aside(module, image.bytes(), "", 0);
            }
            Operation::Forget(module) => device.set_room(module, no_room()),
            Operation::Confirm(module) => _ = device.confirm(module),
            Operation::Rollback(module) => _ = device.rollback(module),
            Operation::Reset(module) => _ = device.reset(module),
            Operation::Unload(module) => _ = device.unload(module),
            Operation::Bind { host, export, held: false } => _ = device.bind(host, export),
            Operation::Bind { host, export, held: true } => _ = device.bind_held(host, export),
            Operation::Release { host, handle } => _ = device.release(host, handle),
            Operation::EndSession(host) => device.end_session(host),
            Operation::SetClock(unix_us) => _ = device.set_clock(unix_us),
            Operation::Look => _ = device.clock(),
            Operation::MakeSafe => device.make_all_safe(),
            // It is the last.
            Operation::Policy => {}
        }
        Ok(())
    }

    /// Plays on to the end, or to the first time that is not before this one.
    ///
    /// # Errors
    /// [`Difference`].
    pub fn run(&mut self, until_us: u64) -> Result<Played, Difference> {
        while self.played.time_us < until_us && self.step()? {}
        Ok(self.played)
    }

    /// Returns what the device is now, as a snapshot has it.
    pub fn snapshot(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.device.snapshot(&mut |part| bytes.extend(part));
        bytes
    }

    /// Returns where it stands.
    pub const fn played(&self) -> Played {
        self.played
    }

    /// Returns the simulated board with what it recorded: register accesses, levels, messages.
    pub fn board(&self) -> &SimBoard {
        &self.device.board().board
    }

    /// Returns what the modules did, from the first one's start function on: what a plain trace is made of.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.board().events().iter().skip(self.board().ready().events)
    }

    /// The levels of the lines that the images declare, over time.
    pub fn signals(&self) -> Vec<Signal> {
        let mut lines: Vec<(Line, Option<String>)> = Vec::new();
        for image in self.images.iter().map(OwnedImage::image) {
            let manifest = image.manifest().unwrap_or_default();
            for line in image.pins().iter().map(PinRow::line) {
                let name = manifest.pins.iter().find(|name| name.line == line.number());
                let name = name.map(|name| name.name.to_owned());
                match lines.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, known)) => *known = known.take().or(name),
                    None => lines.push((line, name)),
                }
            }
        }
        lines.sort_by_key(|(line, _)| *line);
        let changes = self.board().changes();
        let signal = |(line, name): (Line, Option<String>)| Signal {
            name: name.unwrap_or_else(|| format!("gpio{line}")),
            line,
            initial: false,
            changes: changes.iter().filter(|change| change.line == line).copied().collect(),
        };
        lines.into_iter().map(signal).collect()
    }

    /// The active image of a module.
    pub fn image(&self, module: u8) -> Option<Image<'_>> {
        self.device.image(module)
    }

    /// The op that ran last in what the device did last, with the image that it is of: the place of a
    /// difference.
    pub fn last_op(&self) -> Option<(Image<'_>, u32)> {
        (0..xmap_link::limits::MAX_MODULES as u8).find_map(|module| {
            let image = self.device.image(module)?;
            let op = self.device.codes().find_map(|code| code.last(&image))?;
            Some((image, op))
        })
    }

    /// The export that a host called last.
    pub const fn called(&self) -> Option<ModuleExport> {
        self.called
    }

    /// The messages of the modules.
    pub fn log(&self) -> impl Iterator<Item = (LogLevel, &str)> {
        self.board().events().iter().filter_map(|event| match &event.kind {
            EventKind::Log { level, text } => Some((*level, text.as_str())),
            _ => None,
        })
    }
}

fn image<'i>(images: &'i [OwnedImage], hash: &[u8; 32]) -> Result<Image<'i>, Difference> {
    let mut images = images.iter().map(OwnedImage::image);
    images.find(|image| image.hash() == *hash).ok_or(Difference::NoImage(*hash))
}
