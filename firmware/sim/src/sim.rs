//! A mounted image on a simulated board, for host tests and for the command line.

use std::collections::BTreeSet;

use tiny_mapper::{Counters, LogLevel, Trap, TrapCode};
use xmap_boards::Line;
use xmap_device::{Device, Failure, FlightRecorder, Limits, ModuleExport, MountError, NotCalled};
use xmap_image::{ExportId, Image, OwnedImage, PinMode, PinRow, Word, limits};
use xmap_link::limits::MAX_MODULES;
use xmap_link::{DeviceEvent, DeviceEventKind, Life, ModuleStatus, TraceEntry, TrapReport};

use crate::heap::{Heap, no_room, room};
use crate::script::places;
use crate::{
    Access, ArgumentError, Arguments, CallError, ChipPlace, Contention, Event, EventKind, Picture, Recording,
    Shown, Signal, SimBoard, SimError, StepErrorKind, Value,
};

/// The device of a simulation.
pub type SimDevice = Device<Heap, FlightRecorder<SimBoard, Vec<u8>>>;

/// Bytes that the flight recorder of a simulation has room for.
const RECORDED_BYTES: usize = 64 << 20;

/// A panel on a simulated board.
///
/// It owns everything: the device program ([`xmap_device::Device`], the one that is flashed), its memory and
/// the board. The image is mounted when the simulation is made, in the same way as on a device; its timers
/// and edges call their handlers when time passes and inputs change.
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
    device: SimDevice,
    /// Each op that runs is noted.
    watched: bool,
    /// The place in the record up to which [`Sim::show_new`] has shown it.
    shown: usize,
    /// What happened up to where [`Sim::happened`] has told it, and [`Sim::new_traps`].
    told: u32,
    trapped: u32,
    /// Traps that [`Sim::new_traps`] has not shown yet: the device's own list is short.
    traps: Vec<(String, Trap)>,
    /// The lines that the images declared, each with its name.
    lines: Vec<(Line, Option<String>)>,
    /// The lines of the buses that they have devices on, each with its name and its level before the first
    /// transfer.
    bus_lines: Vec<(Line, String, bool)>,
    /// The names of their devices, channels and ports, and where these are.
    devices: Vec<(String, ChipPlace)>,
    /// Whether one of them was without a manifest.
    bare: bool,
    /// The exports that were called or run as handlers: the beginnings of their images' hashes, and their
    /// numbers.
    reached: BTreeSet<(u32, u16)>,
    /// Their keys.
    reached_keys: BTreeSet<String>,
}

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
        Self::mount(image, false, 0)
    }

    /// [`Sim::from_image`], which notes each op that runs ([`Sim::seen_ops`]). It takes some times as long.
    ///
    /// # Errors
    /// [`SimError::Mount`].
    pub fn watched(image: OwnedImage) -> Result<Self, SimError> {
        Self::mount(image, true, 0)
    }

    /// [`Sim::from_image`] with a flight recorder ([`Sim::recording`]).
    ///
    /// # Errors
    /// [`SimError::Mount`].
    pub fn recorded(image: OwnedImage) -> Result<Self, SimError> {
        Self::recorded_within(image, RECORDED_BYTES)
    }

    /// [`Sim::recorded`] with room for so many bytes: the older half goes when they are full.
    ///
    /// # Errors
    /// [`SimError::Mount`].
    pub fn recorded_within(image: OwnedImage, bytes: usize) -> Result<Self, SimError> {
        Self::mount(image, false, bytes)
    }

    /// Returns what the flight recorder noted, where the simulation has one, with every store of the panel.
    pub fn recording(&self) -> Option<Recording> {
        let recorder = self.device.board();
        let mut recording = Recording::of(recorder.recording(), recorder.has_ended()).ok()?;
        let access = |event: &Event| match &event.kind {
            EventKind::Access(access) if access.drives() => Some((event.time_us, *access)),
            _ => None,
        };
        recording.stores = self
            .board()
            .events()
            .iter()
            .filter_map(access)
            .map(|(time_us, of)| TraceEntry {
                time_us,
                access: xmap_link::Access::Write,
                offset: of.register.offset(),
                value: of.value,
            })
            .collect();
        Some(recording)
    }

    fn mount(image: OwnedImage, watched: bool, recorded: usize) -> Result<Self, SimError> {
        let view = image.image();
        let mut board = SimBoard::of(view.board());
        let bare = view.pins().iter().filter(|pin| pin.mode() == PinMode::Any);
        board.set_auto(bare.map(PinRow::line).collect());
        let board = FlightRecorder::new(board, vec![0; recorded]);
        let mut device = Device::new(board, core::array::from_fn(|_| [no_room(), no_room()]));
        // Whoever simulates a panel owns it: `xmap verify` says what a device takes by default.
        device.set_limits(Limits::none());
        device.set_room(0, room(&view));
        device.set_machine_code(watched);
        match device.install(0, view.bytes()) {
            Ok(()) => {
                let shown = device.board().port().ready().events;
                let (told, trapped, traps, lines) = (0, 0, Vec::new(), Vec::new());
                let (reached, reached_keys) = (BTreeSet::new(), BTreeSet::new());
                let (bus_lines, devices, bare) = (Vec::new(), Vec::new(), false);
                let mut sim = Self {
                    device,
                    watched,
                    shown,
                    told,
                    trapped,
                    traps,
                    lines,
                    bus_lines,
                    devices,
                    bare,
                    reached,
                    reached_keys,
                };
                sim.note_lines(&view);
                Ok(sim)
            }
            Err(Failure::Mount(error)) => {
                Err(SimError::Mount { error, board: Box::new(device.into_board().into_port()) })
            }
            Err(Failure::Image(error)) => Err(SimError::Image(error)),
            Err(Failure::NoModule) => unreachable!("every device has a module 0"),
            Err(Failure::Trust(_)) => unreachable!("the device has neither policy nor limits"),
        }
    }

    /// Puts another image in the place of the one that runs, as `xmap swap` does on a device: between two
    /// events, with what both keep carried over, and on trial. The image before the one that runs is
    /// forgotten.
    ///
    /// # Errors
    /// Why it does not run; the one before goes on then.
    pub fn swap(&mut self, image: &Image<'_>) -> Result<(), Failure> {
        self.load_as(0, image)
    }

    /// Loads an image as a module, beside what else runs or in its place.
    ///
    /// # Errors
    /// Why it does not run; nothing has changed then.
    pub fn load_as(&mut self, module: u8, image: &Image<'_>) -> Result<(), Failure> {
        self.install(module, image)?;
        self.note_lines(image);
        Ok(())
    }

    /// The modules that have an image.
    pub fn modules(&self) -> Vec<u8> {
        (0..MAX_MODULES as u8).filter(|module| self.image_of(*module).is_some()).collect()
    }

    /// The image of a module.
    pub fn image_of(&self, module: u8) -> Option<Image<'_>> {
        self.device.image(module)
    }

    /// Returns which words of an image's code began an op that ran, where the simulation notes them. Direct
    /// entries have no code.
    pub fn seen_ops(&self, image: &Image<'_>) -> Vec<bool> {
        let mut seen = vec![false; image.code().len()];
        self.device.codes().for_each(|of| of.add_to(image, &mut seen));
        seen
    }

    /// Returns whether module 0 has an image: it has one until it is unloaded.
    pub fn is_mounted(&self) -> bool {
        self.device.image(0).is_some()
    }

    /// The keys of the exports that were called, and of the handlers that ran.
    pub fn reached(&self) -> &BTreeSet<String> {
        &self.reached_keys
    }

    /// Notes that an export of a module is run.
    pub(crate) fn reach(&mut self, module: u8, export: ExportId) {
        let Some(image) = self.device.image(module) else { return };
        if self.reached.insert((image.hash_prefix(), export.0)) {
            self.reached_keys.insert(image.key(export).unwrap_or_default().to_owned());
        }
    }

    /// Notes what the image's manifest says of lines, for what is shown of them behind its end.
    fn note_lines(&mut self, image: &Image<'_>) {
        let manifest = image.manifest().unwrap_or_default();
        self.bare |= image.is_bare();
        for bus in image.i2c().iter().filter_map(|row| row.bus(image.board())) {
            for (line, what) in [(bus.sda, "sda"), (bus.scl, "scl")] {
                // The lines of these buses are pulled up.
                self.note_bus_line(line, format!("i2c{}_{what}", bus.number), true);
            }
        }
        for (name, place) in places(image) {
            if self.device_name(&place).is_none() {
                self.devices.push((name.to_owned(), place));
            }
        }
        for row in image.uart() {
            let Some(port) = row.port(image.board()) else { continue };
            self.note_bus_line(port.tx, format!("uart{}_txd", port.number), true);
            if let Some(de) = row.de() {
                self.note_bus_line(de, format!("uart{}_de", port.number), false);
            }
        }
        for row in image.spi() {
            let (Some(bus), Some(select)) = (row.bus(image.board()), row.select_line(image.board())) else {
                continue;
            };
            let number = bus.number;
            for (line, what) in [(bus.sclk, "sclk"), (bus.mosi, "mosi"), (bus.miso, "miso")] {
                self.note_bus_line(line, format!("spi{number}_{what}"), false);
            }
            self.note_bus_line(select, format!("spi{number}_ce{}", row.select()), true);
        }
        for pin in image.pins() {
            let line = pin.line();
            let name = manifest.pins.iter().find(|name| name.line == line.number());
            let name = name.map(|name| name.name.to_owned());
            match self.lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, known)) => *known = name.or(known.take()),
                None => self.lines.push((line, name)),
            }
        }
    }

    fn note_bus_line(&mut self, line: Line, name: String, high: bool) {
        if self.bus_lines.iter().all(|(known, ..)| *known != line) {
            self.bus_lines.push((line, name, high));
        }
    }

    /// The name that a manifest gives the device, channel or port at a place.
    pub(crate) fn device_name(&self, place: &ChipPlace) -> Option<&str> {
        Some(&self.devices.iter().find(|(_, known)| known == place)?.0)
    }

    /// Returns what each display on an I2C bus shows, with its name in the manifest.
    pub fn pictures(&self) -> Vec<(&str, Picture)> {
        let shown = self.devices.iter().filter_map(|(name, place)| {
            let ChipPlace::I2c { bus, address } = *place else { return None };
            Some((name.as_str(), self.board().picture(bus, address)?))
        });
        shown.collect()
    }

    /// Returns what a line is called: `lamp (line 17)`, or `line 17`.
    pub(crate) fn line_name(&self, line: Line) -> String {
        self.name_of(line).map_or_else(|| format!("line {line}"), |name| format!("{name} (line {line})"))
    }

    /// The name that a manifest gives a line.
    pub fn name_of(&self, line: Line) -> Option<&str> {
        self.lines.iter().find(|(known, _)| *known == line)?.1.as_deref()
    }

    /// Turns the level of a line round for a time, in which everything goes on, as a finger on a button does.
    /// Then what was connected to it before is again.
    ///
    /// # Errors
    /// Where the line is an output, and where time does not pass.
    pub fn press(&mut self, line: Line, us: u64) -> Result<(), StepErrorKind> {
        let (before, level) = (self.board().gpio().connected(line), self.level(line));
        self.board_mut().drive(line, Some(!level)).map_err(StepErrorKind::Contention)?;
        self.pass(us).map_err(StepErrorKind::Standstill)?;
        self.board_mut().drive(line, before).map_err(StepErrorKind::Contention)?;
        self.pass(0).map_err(StepErrorKind::Standstill)
    }

    /// Puts an image into another module of the device: 1 to 3.
    ///
    /// # Errors
    /// Why it does not run; nothing of the device has changed then.
    pub fn install(&mut self, module: u8, image: &Image<'_>) -> Result<(), Failure> {
        self.device.set_room(module, room(image));
        // A slot with other memory knows nothing of it.
        self.device.set_machine_code(self.watched);
        self.device.install(module, image.bytes())
    }

    /// The device program.
    pub fn device(&mut self) -> &mut SimDevice {
        &mut self.device
    }

    /// Calls an export by its key or its wasm name.
    ///
    /// # Errors
    /// [`CallError`]; nothing has run but where it is a trap.
    ///
    /// # Panics
    /// As [`Sim::advance`].
    pub fn call(&mut self, name: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        let image = self.image();
        let export = image.find(name).and_then(|id| Some((id, image.signature(id)?)));
        let (id, signature) = export.ok_or_else(|| CallError::UnknownExport(name.to_owned()))?;
        let params: Vec<_> = signature.params().collect();
        let args = Arguments::of_values(&params, args).map_err(|error| match error {
            ArgumentError::Count { expected } => CallError::ArgumentCount { expected, given: args.len() },
            ArgumentError::Unfit { position, unfit } => CallError::Argument { position, unfit },
        })?;
        let outcome = self.call_alone(ModuleExport { module: 0, export: id }, &args);
        self.advance(0);
        match outcome {
            Ok(results) => Ok(results),
            Err(NotCalled::Call(tiny_mapper::CallError::Trap(trap))) => Err(CallError::Trap(trap)),
            Err(NotCalled::Unplaced(why)) => Err(CallError::Unplaced(why)),
            Err(_) if self.device.life(0) == Life::Faulted => Err(CallError::Faulted),
            Err(_) => Err(CallError::UnknownExport(name.to_owned())),
        }
    }

    /// Calls an export with arguments as registers hold them, and runs what falls due by it.
    ///
    /// # Errors
    /// As [`tiny_mapper::Mapper::call`]; a module that is faulted has no exports.
    ///
    /// # Panics
    /// As [`Sim::advance`].
    pub fn call_raw(&mut self, id: ExportId, args: &[u64]) -> Result<Vec<u64>, tiny_mapper::CallError> {
        let args = Arguments { raw: args.to_vec(), content: None };
        let outcome = self.run_export(ModuleExport { module: 0, export: id }, &args, &mut |_| {});
        self.advance(0);
        outcome.map_err(|error| match error {
            NotCalled::Call(error) => error,
            _ => tiny_mapper::CallError::UnknownExport,
        })
    }

    /// Calls an export; what falls due by it still waits.
    pub(crate) fn call_alone(&mut self, of: ModuleExport, args: &Arguments) -> Result<Vec<Value>, NotCalled> {
        let mut bytes = Vec::new();
        let raw = self.run_export(of, args, &mut |of| bytes.push(of.to_vec()))?;
        let image = self.image_of(of.module);
        let types: Vec<_> = image
            .and_then(|image| image.signature(of.export))
            .into_iter()
            .flat_map(|of| of.results())
            .collect();
        Ok(Value::of_results(&types, &raw, bytes))
    }

    fn run_export(
        &mut self,
        export: ModuleExport,
        args: &Arguments,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<u64>, NotCalled> {
        let mut results = [0; limits::MAX_PARAMS];
        self.reach(export.module, export.export);
        let count = match &args.content {
            None => self.device.call_reading(export, &args.raw, &mut results, each),
            Some(content) => {
                self.device.call_placing(export, &mut args.raw.clone(), content, &mut results, each)
            }
        }?;
        Ok(results[..count].to_vec())
    }

    /// The line that the manifest gives this name.
    pub fn line(&self, name: &str) -> Option<Line> {
        let image = self.image();
        let manifest = image.manifest().unwrap_or_default();
        manifest.pins.iter().find(|pin| pin.name == name).and_then(|pin| Line::new(pin.line))
    }

    /// Returns whether a line is high.
    pub fn level(&self, line: Line) -> bool {
        self.board().is_high(line)
    }

    /// Connects a level to a line from outside: a button, a wire.
    ///
    /// # Errors
    /// [`Contention`] where the line is an output.
    ///
    /// # Panics
    /// As [`Sim::advance`].
    pub fn set_input(&mut self, line: Line, high: bool) -> Result<(), Contention> {
        self.board_mut().drive(line, Some(high))?;
        self.advance(0);
        Ok(())
    }

    /// Disconnects what [`Sim::set_input`] connected: the line's pull says from now on.
    ///
    /// # Errors
    /// Never for a line that is an input; [`Contention`] is kept for symmetry with [`Sim::set_input`].
    pub fn release_input(&mut self, line: Line) -> Result<(), Contention> {
        self.board_mut().drive(line, None)?;
        self.advance(0);
        Ok(())
    }

    /// Lets time pass, in microseconds, with all that falls due in it: each event is handled at its time.
    ///
    /// # Panics
    /// Where it does not pass; [`Sim::pass`] returns that instead.
    pub fn advance(&mut self, us: u64) {
        if let Err(standstill) = self.pass(us) {
            panic!("{standstill}");
        }
    }

    /// The time, in microseconds since the board was made.
    pub fn time_us(&self) -> u64 {
        self.board().time_us()
    }

    /// Every register access, with those at load.
    pub fn trace(&self) -> impl DoubleEndedIterator<Item = &Access> {
        self.board().accesses()
    }

    /// The module's stores to set and clear registers, from its start function on: what the plain
    /// trace shows.
    pub fn stores(&self) -> impl Iterator<Item = &Access> {
        self.board().events().iter().skip(self.board().ready().events).filter_map(|event| match &event.kind {
            EventKind::Access(access) if access.drives() => Some(access),
            _ => None,
        })
    }

    /// The module's messages.
    pub fn log(&self) -> impl Iterator<Item = (LogLevel, &str)> {
        self.board().events().iter().filter_map(|event| match &event.kind {
            EventKind::Log { level, text } => Some((*level, text.as_str())),
            _ => None,
        })
    }

    /// Shows what the module did since this was last asked, as the plain trace has it.
    pub fn show_new(&mut self, show: &mut dyn FnMut(Shown)) {
        let new = self.board().events().iter().skip(self.shown);
        new.filter_map(|event| Shown::of(&event.kind)).for_each(show);
        self.shown = self.board().events().len();
    }

    /// The levels of the declared lines over time, from the module's start on. Of a module without a
    /// manifest, which may use any line, those that changed.
    pub fn signals(&self) -> Vec<Signal> {
        let changes = self.board().changes().get(self.board().ready().changes..).unwrap_or_default();
        let mut lines = self.lines.clone();
        lines.sort_by_key(|(line, _)| *line);
        let of = |line: Line| changes.iter().filter(move |change| change.line == line).copied().collect();
        let signals = lines.into_iter().map(|(line, name)| Signal {
            name: name.unwrap_or_else(|| format!("gpio{line}")),
            line,
            initial: self.board().ready().levels.contains(line),
            changes: of(line),
        });
        let signals = signals.filter(|signal| !self.bare || !signal.changes.is_empty());
        let buses = self.bus_lines.iter().map(|(line, name, high)| Signal {
            name: name.clone(),
            line: *line,
            initial: *high,
            changes: of(*line),
        });
        let channels = self.devices.iter().filter_map(|(name, place)| {
            let ChipPlace::Pwm(line) = *place else { return None };
            Some(Signal {
                name: name.clone(),
                line,
                initial: false,
                changes: self.board().wave_changes(line),
            })
        });
        signals.chain(buses).chain(channels).collect()
    }

    /// The module's linear memory.
    pub fn memory(&self) -> &[u8] {
        self.device.memory(0)
    }

    /// Returns what has been counted since the mount.
    pub fn counters(&self) -> Counters {
        self.device.counters(0)
    }

    /// Returns how the module is: where in its life, its events, its trial.
    pub fn status(&mut self) -> ModuleStatus {
        self.device.status(0).expect("every device has a module 0")
    }

    /// Returns what happened to the modules since this was last asked: traps, restarts, swaps.
    pub fn happened(&mut self) -> Vec<DeviceEvent> {
        let (all, next) = self.happenings(self.told);
        self.told = next;
        all
    }

    fn happenings(&self, mut from: u32) -> (Vec<DeviceEvent>, u32) {
        let mut all = Vec::new();
        loop {
            let page = self.device.happened(from);
            if page.entries.is_empty() {
                return (all, from);
            }
            from = page.first + page.entries.len() as u32;
            all.extend(page.entries);
        }
    }

    /// The traps of calls, handlers and hooks since this was last asked, in their order, each with the key of
    /// its export.
    pub(crate) fn new_traps(&mut self) -> Vec<(String, Trap)> {
        self.keep_traps();
        std::mem::take(&mut self.traps)
    }

    /// Takes over the device's list of what happened before it runs over.
    pub(crate) fn keep_traps(&mut self) {
        let (all, next) = self.happenings(self.trapped);
        self.trapped = next;
        let traps: Vec<_> = all.iter().filter_map(|happening| self.trap_of(happening)).collect();
        self.traps.extend(traps);
    }

    /// The ops that called the functions which were running at a trap, the innermost first: known of the
    /// latest trap of each module.
    pub fn callers(&self, trap: &Trap) -> &[u32] {
        let is_it = |of: &TrapReport| {
            (of.image, of.export, of.code, of.op, of.detail)
                == (trap.image, trap.export, trap.code as u8, trap.op, trap.detail)
        };
        let mut modules = (0..MAX_MODULES as u8).filter_map(|module| self.device.callers(module));
        modules.find(|callers| callers.trap.as_ref().is_some_and(is_it)).map_or(&[], |callers| &callers.ops)
    }

    fn trap_of(&self, happening: &DeviceEvent) -> Option<(String, Trap)> {
        let (DeviceEventKind::Trapped(report) | DeviceEventKind::Refused(report)) = happening.what else {
            return None;
        };
        let xmap_link::TrapReport { image, export, code, op, detail } = report;
        let trap = Trap { image, export, code: TrapCode::from_u8(code)?, op, detail };
        let id = ExportId(export);
        let key = self.device.image(happening.module).and_then(|image| Some(image.key(id)?.to_owned()));
        // The start function is no export, and the image of the trap may be gone by now.
        let name = if export == Trap::START { "start".to_owned() } else { format!("#{export}") };
        Some((key.unwrap_or(name), trap))
    }

    /// The image.
    ///
    /// # Panics
    /// Where the module was taken off the device by way of [`Sim::device`].
    pub fn image(&self) -> Image<'_> {
        self.device.image(0).expect("a simulation has an image from its beginning")
    }

    /// The board.
    pub fn board(&self) -> &SimBoard {
        self.device.board().port()
    }

    /// The board, to look at it more closely: edges, registers, what is recorded.
    pub fn board_mut(&mut self) -> &mut SimBoard {
        self.device.board_mut().port_mut()
    }

    /// Ends the panel: calls `on_unmount`, if it has one, and brings the outputs into their safe
    /// state. Returns the board as it is then.
    ///
    /// # Errors
    /// The second value: [`MountError::Trap`] where `on_unmount` trapped.
    pub fn unmount(mut self) -> (SimBoard, Result<(), MountError>) {
        let outcome = self.device.unload(0);
        (self.device.into_board().into_port(), outcome)
    }
}
