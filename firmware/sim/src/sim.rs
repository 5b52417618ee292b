//! A mounted image on a simulated board, for host tests and for the command line.

use std::fmt;

use tiny_mapper::{Counters, LogLevel, Store, Trap};
use xmap_boards::Line;
use xmap_image::{ExportId, Image, OwnedImage, PinMode, VerifyError, Word};
use xmap_panel::{MEMORY_BYTES_MAX, MountError, NotMounted, Panel, Suspended, check_lines, prepare_lines};

use crate::value::Unfit;
use crate::{Access, Contention, EventKind, Shown, Signal, SimBoard, Value};

/// A panel on a simulated board.
///
/// It owns everything: the image, the module's memory and the board. It is mounted when it is made, in
/// the same way as on a device ([`xmap_panel::Panel::mount`]).
///
/// # Examples
///
/// ```
/// # use xmap_image::{Entry, Export, ImageBuilder, Manifest, Op, PinMode, PinName, PinRow, Pull, Safe, Ty};
/// # use xmap_boards::{BoardId, Line};
/// # fn image() -> Vec<u32> {
/// #     let lines = [Line::new(17).unwrap(), Line::new(27).unwrap()];
/// #     let mut builder = ImageBuilder::new(BoardId::Rpi4b);
/// #     builder.pins = vec![
/// #         PinRow::new(lines[0], PinMode::Out, Safe::Low, Pull::None),
/// #         PinRow::new(lines[1], PinMode::In, Safe::Hold, Pull::Up),
/// #     ];
/// #     builder.manifest.pins.push(PinName { line: 17, name: "lamp" }).unwrap();
/// #     builder.manifest.pins.push(PinName { line: 27, name: "button" }).unwrap();
/// #     let export = |name: &str, params: &[Ty], results: &[Ty], first| Export {
/// #         key: format!("panel.{name}"),
/// #         name: name.into(),
/// #         params: params.into(),
/// #         results: results.into(),
/// #         entry: Entry::Direct { first, second: 0 },
/// #     };
/// #     builder.exports = vec![
/// #         export("lamp", &[Ty::Bool], &[], Op::LinePut.abc(17, 1, 0)),
/// #         export("button", &[], &[Ty::Bool], Op::LineGet.abc(1, 27, 0)),
/// #     ];
/// #     builder.build().unwrap()
/// # }
/// use xmap_sim::{Sim, Value};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The words of an image; from a file: `Sim::load(&std::fs::read("panel.xmap")?)`.
/// let mut sim = Sim::from_words(image())?;
/// let lamp = sim.line("lamp").expect("the manifest names it");
/// let button = sim.line("button").expect("the manifest names it");
///
/// sim.call("lamp", &[true.into()])?;
/// assert!(sim.level(lamp));
///
/// assert_eq!(sim.call("button", &[])?, [Value::Bool(true)], "pulled up");
/// sim.set_input(button, false)?;
/// sim.advance(20_000);
/// assert_eq!(sim.call("panel.button", &[])?, [Value::Bool(false)]);
///
/// let stores: Vec<String> = sim.stores().map(|store| store.to_string()).collect();
/// assert_eq!(stores, ["GPSET0 0x00020000"]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Sim {
    image: OwnedImage,
    board: SimBoard,
    stack: Vec<u64>,
    memory: Vec<u8>,
    globals: Vec<u64>,
    state: Suspended,
    /// The place in the record where the module's own events begin, and its changes of levels.
    events_from: usize,
    changes_from: usize,
    /// The levels there.
    levels_from: u64,
    /// The place in the record up to which [`Sim::show_new`] has shown it.
    shown: usize,
}

/// Why no simulation could begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum SimError {
    /// The bytes are not an image.
    Image(VerifyError),
    /// The image could not be mounted.
    Mount {
        /// Why.
        error: MountError,
        /// The board with its record, for a look at how far it came.
        board: Box<SimBoard>,
    },
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Mount { error, .. } => error.fmt(f),
        }
    }
}

impl std::error::Error for SimError {}

impl From<VerifyError> for SimError {
    fn from(error: VerifyError) -> Self {
        Self::Image(error)
    }
}

/// Why a call has no results.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The image has no export with this key or name.
    UnknownExport(String),
    /// The number of arguments is wrong.
    ArgumentCount {
        /// How many the export takes.
        expected: usize,
        /// How many there were.
        given: usize,
    },
    /// An argument is of another type than its parameter, or out of its range.
    Argument {
        /// Its position, from 0.
        position: usize,
        /// What the parameter takes.
        unfit: Unfit,
    },
    /// The call stopped. The panel can be called again.
    Trap(Trap),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExport(name) => write!(f, "the image has no export `{name}`"),
            Self::ArgumentCount { expected, given } => {
                write!(f, "the export takes {expected} arguments, and {given} were given")
            }
            Self::Argument { position, unfit } => write!(f, "argument {position}: {unfit}"),
            Self::Trap(trap) => trap.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}

impl Sim {
    /// Mounts the image that an `.xmap` file holds.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn load(bytes: &[u8]) -> Result<Self, SimError> {
        Self::from_image(OwnedImage::from_bytes(bytes)?)
    }

    /// Mounts the image that these words are, as the compiler or an `ImageBuilder` made them.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn from_words(words: Vec<Word>) -> Result<Self, SimError> {
        Self::from_image(OwnedImage::new(words)?)
    }

    /// Mounts an image on a new board.
    ///
    /// # Errors
    /// [`SimError::Mount`].
    pub fn from_image(image: OwnedImage) -> Result<Self, SimError> {
        let mut board = SimBoard::new();
        let view = image.image();
        let header = view.header();
        let most = (header.memory_max_pages as usize) << 16;
        let memory_bytes = most.min(MEMORY_BYTES_MAX).max(header.memory_bytes as usize);
        let (mut stack, mut memory) = (vec![0; view.stack_slots()], vec![0; memory_bytes]);
        let mut globals = vec![0; view.slots()];

        let bare = view.pins().iter().filter(|pin| pin.mode() == PinMode::Any);
        board.set_auto(bare.fold(0, |lines, pin| lines | pin.line().mask64()));
        if let Err(line) = check_lines(&view) {
            return Err(SimError::Mount { error: MountError::Reserved(line), board: Box::new(board) });
        }
        prepare_lines(&view, &mut board);
        let (events_from, changes_from) = (board.events().len(), board.changes().len());
        let levels_from = board.levels();

        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        let state = match Panel::boot(view, &mut board, store) {
            Ok(panel) => panel.suspend().2,
            Err(NotMounted { error, .. }) => {
                return Err(SimError::Mount { error, board: Box::new(board) });
            }
        };
        Ok(Self {
            image,
            board,
            stack,
            memory,
            globals,
            state,
            events_from,
            changes_from,
            levels_from,
            shown: events_from,
        })
    }

    /// Gives the panel to `f`, as it stands on the device.
    pub fn with_panel<T>(&mut self, f: impl FnOnce(&mut Panel<'_, &mut SimBoard>) -> T) -> T {
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        let mut panel = Panel::resume(self.image.image(), &mut self.board, store, self.state)
            .expect("the store is the one that the panel was made with");
        let value = f(&mut panel);
        self.state = panel.suspend().2;
        value
    }

    /// Calls an export by its key or its wasm name.
    ///
    /// # Errors
    /// [`CallError`]; nothing has run but where it is a trap.
    pub fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let image = self.image.image();
        let export = image.find(name).and_then(|id| Some((id, image.signature(id)?)));
        let (id, signature) = export.ok_or_else(|| CallError::UnknownExport(name.to_owned()))?;
        let (expected, given) = (signature.params().len(), args.len());
        if expected != given {
            return Err(CallError::ArgumentCount { expected, given });
        }
        let raw = signature.params().zip(args).enumerate().map(|(position, (ty, value))| {
            value.to_raw(ty).map_err(|unfit| CallError::Argument { position, unfit })
        });
        let raw: Vec<u64> = raw.collect::<Result<_, _>>()?;
        let types: Vec<_> = signature.results().collect();
        match self.call_raw(id, &raw) {
            Ok(results) => {
                Ok(types.into_iter().zip(results).map(|(ty, raw)| Value::from_raw(ty, raw)).collect())
            }
            Err(tiny_mapper::CallError::Trap(trap)) => Err(CallError::Trap(trap)),
            Err(tiny_mapper::CallError::ArgumentCount { expected, given }) => {
                Err(CallError::ArgumentCount { expected, given })
            }
            Err(_) => Err(CallError::UnknownExport(name.to_owned())),
        }
    }

    /// Calls an export with arguments as registers hold them.
    ///
    /// # Errors
    /// As [`tiny_mapper::Mapper::call`].
    pub fn call_raw(&mut self, id: ExportId, args: &[u64]) -> Result<Vec<u64>, tiny_mapper::CallError> {
        self.with_panel(|panel| panel.call(id, args).map(<[u64]>::to_vec))
    }

    /// The line that the manifest gives this name.
    pub fn line(&self, name: &str) -> Option<Line> {
        let manifest = self.image.manifest();
        manifest.pins.iter().find(|pin| pin.name == name).and_then(|pin| Line::new(pin.line))
    }

    /// Whether a line is high.
    pub fn level(&self, line: Line) -> bool {
        self.board.is_high(line)
    }

    /// Connects a level to a line from outside: a button, a wire.
    ///
    /// # Errors
    /// [`Contention`] where the line is an output.
    pub fn set_input(&mut self, line: Line, high: bool) -> Result<(), Contention> {
        self.board.drive(line, Some(high))
    }

    /// Disconnects what [`Sim::set_input`] connected: the line's pull says from now on.
    ///
    /// # Errors
    /// Never for a line that is an input; [`Contention`] is kept for symmetry with [`Sim::set_input`].
    pub fn release_input(&mut self, line: Line) -> Result<(), Contention> {
        self.board.drive(line, None)
    }

    /// Lets time pass, in microseconds.
    pub fn advance(&mut self, us: u64) {
        self.board.advance(us);
    }

    /// The time, in microseconds since the board was made.
    pub fn time_us(&self) -> u64 {
        self.board.time_us()
    }

    /// Every register access, with those at load.
    pub fn trace(&self) -> impl DoubleEndedIterator<Item = &Access> {
        self.board.accesses()
    }

    /// The module's stores to `GPSETn` and `GPCLRn`, from its start function on: what the plain
    /// trace shows.
    pub fn stores(&self) -> impl Iterator<Item = &Access> {
        self.board.events().iter().skip(self.events_from).filter_map(|event| match &event.kind {
            EventKind::Access(access) if access.drives() => Some(access),
            _ => None,
        })
    }

    /// The module's messages.
    pub fn log(&self) -> impl Iterator<Item = (LogLevel, &str)> {
        self.board.events().iter().filter_map(|event| match &event.kind {
            EventKind::Log { level, text } => Some((*level, text.as_str())),
            _ => None,
        })
    }

    /// Shows what the module did since this was last asked, as the plain trace has it.
    pub fn show_new(&mut self, show: &mut dyn FnMut(Shown)) {
        let new = self.board.events().iter().skip(self.shown);
        new.filter_map(|event| Shown::of(&event.kind)).for_each(show);
        self.shown = self.board.events().len();
    }

    /// The levels of the declared lines over time, from the module's start on. Of a module without a
    /// manifest, which may use any line, those that changed.
    pub fn signals(&self) -> Vec<Signal> {
        let image = self.image.image();
        let manifest = self.image.manifest();
        let changes = self.board.changes().get(self.changes_from..).unwrap_or_default();
        let signals = image.pins().iter().map(|pin| {
            let line = pin.line();
            let named = manifest.pins.iter().find(|name| name.line == line.number());
            Signal {
                name: named.map_or_else(|| format!("gpio{line}"), |pin| pin.name.to_owned()),
                line,
                initial: self.levels_from & line.mask64() != 0,
                changes: changes.iter().filter(|change| change.line == line).copied().collect(),
            }
        });
        signals.filter(|signal| !image.is_bare() || !signal.changes.is_empty()).collect()
    }

    /// The module's linear memory.
    pub fn memory(&self) -> &[u8] {
        self.memory.get(..self.state.memory_len()).unwrap_or_default()
    }

    /// What has been counted since the mount.
    pub fn counters(&self) -> Counters {
        self.state.counters()
    }

    /// The image.
    pub fn image(&self) -> Image<'_> {
        self.image.image()
    }

    /// The board.
    pub fn board(&self) -> &SimBoard {
        &self.board
    }

    /// The board, to look at it more closely: edges, registers, what is recorded.
    pub fn board_mut(&mut self) -> &mut SimBoard {
        &mut self.board
    }

    /// Ends the panel: calls `on_unmount`, if it has one, and brings the outputs into their safe
    /// state. Returns the board as it is then.
    ///
    /// # Errors
    /// The second value: [`MountError::Trap`] where `on_unmount` trapped.
    pub fn unmount(mut self) -> (SimBoard, Result<(), MountError>) {
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        let panel = Panel::resume(self.image.image(), &mut self.board, store, self.state)
            .expect("the store is the one that the panel was made with");
        let outcome = panel.unmount().2;
        (self.board, outcome)
    }
}
