//! What is looked at: a panel on the simulated board, or a device at a port.

use std::path::Path;
use std::time::{Duration, Instant};

use xmap::text::{Maps, happening_line};
use xmap_boards::{Board, Line};
use xmap_client::{Client, Incoming, run_call_in};
use xmap_compiler::map::SourceMap;
use xmap_image::{ExportId, Image, PinMode};
use xmap_link::{DeviceEvent, Export, ModuleStatus, export_id};
use xmap_sim::{Script, Shown, Sim, run};

/// How long a key presses an input.
const PRESS_US: u64 = 50_000;
/// Exports that are asked for of each module: a device with more shows these.
const MOST_EXPORTS: u16 = 256;

/// A line of the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineShown {
    pub(crate) line: Line,
    pub(crate) name: String,
    /// Something outside may drive it.
    pub(crate) is_input: bool,
    pub(crate) high: bool,
}

/// An export, and the types of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportShown {
    pub(crate) key: String,
    pub(crate) types: String,
}

/// The state of a panel at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) title: String,
    pub(crate) time_us: u64,
    pub(crate) lines: Vec<LineShown>,
    pub(crate) exports: Vec<ExportShown>,
    pub(crate) metrics: Vec<String>,
}

/// A running panel.
pub(crate) trait Source {
    /// Lets time pass, and gives the state. What happened and what was said goes to `events` and `log`.
    fn look(&mut self, events: &mut Vec<String>, log: &mut Vec<String>) -> Result<Shot, String>;
    /// Calls an export: its key and its arguments. Returns the outcome as a line.
    fn call(&mut self, text: &str) -> Result<String, String>;
    /// Presses an input for a moment.
    fn press(&mut self, line: Line) -> Result<(), String>;
    /// Turns the level of an input round.
    fn turn(&mut self, line: Line) -> Result<(), String>;
}

fn metrics(modules: &[ModuleStatus]) -> Vec<String> {
    let one = |of: &ModuleStatus| {
        let ModuleStatus { module, name, life, calls, traps, events, missed, late_us, .. } = of;
        [
            format!("{module} {name}: {life:?}, {calls} calls, {traps} traps"),
            format!("  {events} events, {missed} missed, latest {late_us} us"),
        ]
    };
    modules.iter().flat_map(one).collect()
}

/// The lines that an image declares, with the manifest's names.
fn declared(image: &Image<'_>) -> Vec<LineShown> {
    let manifest = image.manifest().unwrap_or_default();
    let one = |pin: &xmap_image::PinRow| {
        let line = pin.line();
        let name = manifest.pins.iter().find(|named| named.line == line.number());
        let name = name.map_or_else(|| format!("line {line}"), |named| named.name.to_owned());
        LineShown { line, name, is_input: pin.mode() != PinMode::Out, high: false }
    };
    image.pins().iter().map(one).collect()
}

/// How the time of a simulated panel passes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As ours does since then.
    Ours(Instant),
    /// By so much with each look.
    Steps(Duration),
}

impl Pace {
    /// Time that passes as ours does, from now on.
    pub(crate) fn ours() -> Self {
        Self::Ours(Instant::now())
    }
}

/// A panel on the simulated board.
pub(crate) struct Simulated {
    sim: Sim,
    map: Option<SourceMap>,
    lines: Vec<LineShown>,
    exports: Vec<ExportShown>,
    pace: Pace,
    /// Time that keys have let pass by themselves.
    ahead_us: u64,
}

impl Simulated {
    /// Builds a panel where it has to be, and mounts it.
    pub(crate) fn new(path: &Path, pace: Pace) -> Result<Self, String> {
        let (image, map) = xmap_project::panel(path, &mut |_| {}).map_err(|errors| errors.to_string())?;
        let view = image.image();
        let lines = declared(&view);
        let ids = (0..view.exports().len()).map(|n| ExportId(n as u16));
        let one = |id| {
            let signature = view.signature(id)?;
            let params: Vec<&str> = signature.params().map(xmap_image::Ty::name).collect();
            Some(ExportShown { key: view.key(id)?.to_owned(), types: format!("({})", params.join(", ")) })
        };
        let exports = ids.filter_map(one).collect();
        let sim = Sim::from_image(image.clone()).map_err(|error| error.to_string())?;
        Ok(Self { sim, map, lines, exports, pace, ahead_us: 0 })
    }
}

impl Source for Simulated {
    fn look(&mut self, events: &mut Vec<String>, log: &mut Vec<String>) -> Result<Shot, String> {
        let us = match self.pace {
            Pace::Ours(began) => {
                let now_us = began.elapsed().as_micros() as u64 + self.ahead_us;
                now_us.saturating_sub(self.sim.time_us())
            }
            Pace::Steps(step) => step.as_micros() as u64,
        };
        self.sim.pass(us).map_err(|standstill| standstill.to_string())?;
        self.sim.show_new(&mut |shown| {
            if matches!(shown, Shown::Log(..)) {
                log.push(shown.to_string());
            }
        });
        let mut maps = Maps::default();
        self.map.clone().into_iter().for_each(|map| maps.add(map));
        let status = self.sim.status();
        let line = |event: &DeviceEvent| happening_line(event, &status.name, &maps);
        events.extend(self.sim.happened().iter().map(line));
        let mut lines = self.lines.clone();
        lines.iter_mut().for_each(|of| of.high = self.sim.level(of.line));
        Ok(Shot {
            title: format!("{} on the simulated board", status.name),
            time_us: self.sim.time_us(),
            lines,
            exports: self.exports.clone(),
            metrics: metrics(&[status]),
        })
    }

    fn call(&mut self, text: &str) -> Result<String, String> {
        let script = Script::parse(&format!("call {text}"), &self.sim.image());
        let script = script.map_err(|error| error.kind.to_string())?;
        let mut outcome = String::new();
        let show = &mut |shown: Shown| {
            if !matches!(shown, Shown::Store(_)) {
                outcome = shown.to_string();
            }
        };
        run(&mut self.sim, &script, show).map_err(|error| error.kind.to_string())?;
        Ok(outcome)
    }

    fn press(&mut self, line: Line) -> Result<(), String> {
        self.ahead_us += PRESS_US;
        self.sim.press(line, PRESS_US).map_err(|error| error.to_string())
    }

    fn turn(&mut self, line: Line) -> Result<(), String> {
        let high = self.sim.level(line);
        self.sim.set_input(line, !high).map_err(|error| error.to_string())
    }
}

/// A device at a port.
pub(crate) struct Remote {
    client: Client,
    lines: Vec<LineShown>,
    /// The exports, and the generations of the modules that they were asked of.
    exports: Vec<ExportShown>,
    known: Vec<u16>,
    next: u32,
}

impl Remote {
    /// A device that was greeted; the names of lines are those of a panel, where there is one.
    pub(crate) fn new(client: Client, names: Option<&Path>) -> Result<Self, String> {
        let lines = match names {
            Some(path) => {
                let (image, _) =
                    xmap_project::panel(path, &mut |_| {}).map_err(|errors| errors.to_string())?;
                declared(&image.image())
            }
            None => header(client.board()),
        };
        Ok(Self { client, lines, exports: Vec::new(), known: Vec::new(), next: 0 })
    }

    fn ask_exports(&mut self, modules: &[ModuleStatus]) -> Result<(), xmap_client::Error> {
        let generations: Vec<u16> = modules.iter().map(|module| module.generation).collect();
        if self.known == generations {
            return Ok(());
        }
        self.exports.clear();
        for module in modules.iter().filter(|module| module.image.is_some()) {
            for position in 0..MOST_EXPORTS {
                let id = Export::Id(export_id(module.module, position));
                let Some(described) = self.client.describe(&id)? else { break };
                let key = described.key.as_str().to_owned();
                let types = format!("({} values)", described.params.len());
                self.exports.push(ExportShown { key, types });
            }
        }
        self.known = generations;
        Ok(())
    }
}

/// The lines of a board's header.
fn header(board: &Board) -> Vec<LineShown> {
    let lines = (0..board.lines).filter_map(|n| board.line(n)).filter(|line| board.header.contains(*line));
    lines.map(|line| LineShown { line, name: format!("line {line}"), is_input: false, high: false }).collect()
}

impl Source for Remote {
    fn look(&mut self, events: &mut Vec<String>, log: &mut Vec<String>) -> Result<Shot, String> {
        let mut ask = || -> Result<Shot, xmap_client::Error> {
            let modules = self.client.modules()?;
            self.ask_exports(&modules)?;
            let (time_us, banks) = self.client.levels_at()?;
            let (happened, next) = self.client.happenings(self.next)?;
            self.next = next;
            let maps = Maps::default();
            for (_, event) in happened {
                let name = modules.get(usize::from(event.module)).map_or("", |module| module.name.as_str());
                events.push(happening_line(&event, name, &maps));
            }
            for incoming in self.client.listen(Duration::from_millis(50))? {
                if let Incoming::Message(message) = incoming {
                    let module = message.module.and_then(|number| modules.get(usize::from(number)));
                    let of = module.map_or(String::new(), |module| format!("{}: ", module.name));
                    log.push(format!("log {:?} {of}{}", message.level, message.text.escape_debug()));
                }
            }
            let mut lines = self.lines.clone();
            for of in &mut lines {
                let number = usize::from(of.line.number());
                of.high = banks.get(number / 32).is_some_and(|bank| bank >> (number % 32) & 1 == 1);
            }
            let title = format!("{} at {}", self.client.board().name, self.client.port());
            let (exports, metrics) = (self.exports.clone(), metrics(&modules));
            Ok(Shot { title, time_us, lines, exports, metrics })
        };
        ask().map_err(|error| error.to_string())
    }

    fn call(&mut self, text: &str) -> Result<String, String> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let args: Vec<String> = words.collect();
        let called = run_call_in(&mut self.client, None, &name, &args).map_err(|error| error.to_string())?;
        Ok(called.to_string())
    }

    fn press(&mut self, _: Line) -> Result<(), String> {
        Err("a key presses inputs of a simulated board alone".into())
    }

    fn turn(&mut self, line: Line) -> Result<(), String> {
        self.press(line)
    }
}
