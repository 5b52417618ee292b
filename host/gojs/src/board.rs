//! A program that drives a simulated board: `gpio`, `log` and `time` on its global object, and a script.

use std::cell::RefMut;
use std::collections::VecDeque;
use std::rc::Rc;

use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsValue};
use tiny_mapper::{Function, Gpio, Log, LogLevel, Pull};
use xmap_boards::{Bank, Line, LineSet};
use xmap_compiler::manifest::Manifest;
use xmap_image::{PinMode, Safe};
use xmap_sim::{EventKind, Shown, SimBoard};

use crate::clock::Clock;
use crate::host::Host;
use crate::objects::{Native, arg, object, set_global, text};
use crate::registry::Registry;
use crate::signature::Answer;
use crate::{Error, Options, Program, State};

/// Events without time between them after which a script ends.
const MOST_AT_ONCE: u32 = 100_000;

/// A board and the functions that wait for its edges.
#[derive(Debug)]
pub(crate) struct Wiring {
    sim: SimBoard,
    watches: Vec<Watch>,
    /// Functions whose edge has come, each with the level.
    ready: VecDeque<(JsObject, bool)>,
    /// The changes of levels that the watches have seen.
    seen: usize,
    /// The lines that may be driven, and those that may be used at all; bit *n* is line *n*.
    outputs: LineSet,
    declared: LineSet,
}

/// A function that waits for an edge.
#[derive(Clone, Debug)]
struct Watch {
    line: Line,
    rising: bool,
    falling: bool,
    debounce_ns: u64,
    callback: JsObject,
    /// The level that counts, and when a new one does.
    level: bool,
    due_ns: Option<u64>,
    is_on: bool,
}

impl Watch {
    fn wants(&self, high: bool) -> bool {
        self.is_on && if high { self.rising } else { self.falling }
    }
}

impl Wiring {
    /// A board with the lines of a manifest as a device has them before a panel's code runs: outputs in their
    /// safe state, inputs with their pulls.
    fn new(manifest: &Manifest) -> Self {
        let (mut sim, mut outputs, mut declared) =
            (SimBoard::of(manifest.board().id), LineSet::EMPTY, LineSet::EMPTY);
        for pin in &manifest.pins {
            let (line, mode) = (pin.line.value, pin.mode.value);
            declared.put(line, true);
            match pin.safe {
                Safe::Low => sim.clear(line.bank(), line.mask()),
                Safe::High => sim.set(line.bank(), line.mask()),
                _ => {}
            }
            if mode != PinMode::In {
                outputs.put(line, true);
            }
            if mode == PinMode::Out {
                sim.select(line, Function::Output);
            } else {
                sim.select(line, Function::Input);
                sim.pull(line, pin.pull);
            }
        }
        let seen = sim.changes().len();
        Self { sim, watches: Vec::new(), ready: VecDeque::new(), seen, outputs, declared }
    }

    /// Takes the next change of a level that a function waits for. With a time to settle, the change counts
    /// after that time.
    fn take_edge(&mut self, now_ns: u64) -> Option<(JsObject, bool)> {
        while self.ready.is_empty() {
            let change = self.sim.changes().get(self.seen).copied()?;
            self.seen += 1;
            for watch in self.watches.iter_mut().filter(|watch| watch.line == change.line) {
                if watch.debounce_ns > 0 {
                    let settles = (change.high != watch.level).then(|| now_ns + watch.debounce_ns);
                    watch.due_ns = settles;
                } else {
                    watch.level = change.high;
                    if watch.wants(change.high) {
                        self.ready.push_back((watch.callback.clone(), change.high));
                    }
                }
            }
        }
        self.ready.pop_front()
    }

    /// Takes a level that has settled.
    fn take_settled(&mut self, now_ns: u64) -> Option<(JsObject, bool)> {
        let due = |watch: &&mut Watch| watch.due_ns.is_some_and(|due| due <= now_ns);
        while let Some(watch) = self.watches.iter_mut().find(due) {
            watch.due_ns = None;
            watch.level = !watch.level;
            if watch.wants(watch.level) {
                return Some((watch.callback.clone(), watch.level));
            }
        }
        None
    }

    fn next_settled(&self) -> Option<u64> {
        self.watches.iter().filter_map(|watch| watch.due_ns).min()
    }

    /// The board's time is the program's.
    fn sync(&mut self, clock: &Clock) {
        let behind = (clock.elapsed_ns() / 1000).saturating_sub(self.sim.time_us());
        self.sim.advance(behind);
    }
}

/// Puts `gpio`, `log` and `time` on the global object.
fn install(js: &mut Context) -> JsResult<()> {
    let gpio: [(&str, Native); 9] = [
        ("set", set),
        ("get", get),
        ("toggle", toggle),
        ("write", write),
        ("read", read),
        ("direction", direction),
        ("pull", pull),
        ("on", on),
        ("off", off),
    ];
    let gpio = object(js, &gpio);
    set_global(js, "gpio", gpio)?;
    let log = object(js, &[("message", message)]);
    set_global(js, "log", log)?;
    let time = object(js, &[("now_us", now_us)]);
    set_global(js, "time", time)
}

/// Uses the board, whose time is made the program's first.
fn with_board<R>(js: &Context, use_it: impl FnOnce(&mut Wiring) -> JsResult<R>) -> JsResult<R> {
    let host = Host::of(js);
    let mut board = RefMut::filter_map(host.board.borrow_mut(), Option::as_mut)
        .map_err(|_| JsNativeError::error().with_message("there is no board"))?;
    board.sync(&host.clock);
    use_it(&mut board)
}

/// A line that is declared, and as an output where it is to be driven.
fn line(args: &[JsValue], drive: bool, js: &mut Context) -> JsResult<Line> {
    let number = arg(args, 0).to_number(js)?;
    let board = with_board(js, |board| Ok(board.sim.gpio().board()))?;
    let found = board.line(number as u8).filter(|line| f64::from(line.number()) == number);
    let line =
        found.ok_or_else(|| JsNativeError::range().with_message(format!("there is no line {number}")))?;
    let (declared, outputs) = with_board(js, |board| Ok((board.declared, board.outputs)))?;
    if !declared.contains(line) {
        return Err(JsNativeError::range().with_message(format!("line {line} is not declared")).into());
    }
    if drive && !outputs.contains(line) {
        return Err(JsNativeError::range().with_message(format!("line {line} is an input")).into());
    }
    Ok(line)
}

fn drive(line: Line, high: bool, board: &mut Wiring) {
    if high { board.sim.set(line.bank(), line.mask()) } else { board.sim.clear(line.bank(), line.mask()) }
}

fn set(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (line, high) = (line(args, true, js)?, arg(args, 1).to_boolean());
    with_board(js, |board| {
        drive(line, high, board);
        Ok(JsValue::undefined())
    })
}

fn get(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let line = line(args, false, js)?;
    with_board(js, |board| Ok((board.sim.level(line.bank()) & line.mask() != 0).into()))
}

fn toggle(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let line = line(args, true, js)?;
    with_board(js, |board| {
        let high = board.sim.level(line.bank()) & line.mask() != 0;
        drive(line, !high, board);
        Ok(JsValue::undefined())
    })
}

fn bank(args: &[JsValue], js: &mut Context) -> JsResult<Bank> {
    let number = arg(args, 0).to_u32(js)?;
    let board = with_board(js, |board| Ok(board.sim.gpio().board()))?;
    let bank = board.bank(number);
    bank.ok_or_else(|| JsNativeError::range().with_message(format!("there is no bank {number}")).into())
}

fn write(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (bank, high, low) = (bank(args, js)?, arg(args, 1).to_u32(js)?, arg(args, 2).to_u32(js)?);
    with_board(js, |board| {
        if (high | low) & !board.outputs.bank(bank) != 0 {
            return Err(JsNativeError::range().with_message("a line is no declared output").into());
        }
        for (mask, is_high) in [(low, false), (high, true)] {
            match (mask, is_high) {
                (0, _) => {}
                (mask, true) => board.sim.set(bank, mask),
                (mask, false) => board.sim.clear(bank, mask),
            }
        }
        Ok(JsValue::undefined())
    })
}

fn read(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let bank = bank(args, js)?;
    with_board(js, |board| Ok((board.sim.level(bank) & board.declared.bank(bank)).into()))
}

fn direction(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (line, out) = (line(args, true, js)?, arg(args, 1).to_boolean());
    with_board(js, |board| {
        board.sim.select(line, if out { Function::Output } else { Function::Input });
        Ok(JsValue::undefined())
    })
}

fn pull(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (line, kind) = (line(args, false, js)?, arg(args, 1).to_u32(js)?);
    let pull = match kind {
        0 => Pull::None,
        1 => Pull::Up,
        2 => Pull::Down,
        _ => return Err(JsNativeError::range().with_message(format!("there is no pull {kind}")).into()),
    };
    with_board(js, |board| {
        board.sim.pull(line, pull);
        Ok(JsValue::undefined())
    })
}

/// `gpio.on(line, edge, callback, debounce_us)`: the callback gets the level that the line has now.
fn on(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (line, edge) = (line(args, false, js)?, text(args, 1, js)?);
    let (rising, falling) = match edge.as_str() {
        "rising" => (true, false),
        "falling" => (false, true),
        "both" => (true, true),
        _ => return Err(JsNativeError::range().with_message(format!("`{edge}` is no edge")).into()),
    };
    let callback = arg(args, 2).as_callable();
    let callback =
        callback.ok_or_else(|| JsNativeError::typ().with_message("the callback is no function"))?;
    let debounce_us = if args.len() > 3 { arg(args, 3).to_length(js)? } else { 0 };
    with_board(js, |board| {
        let level = board.sim.is_high(line);
        let debounce_ns = debounce_us.saturating_mul(1000);
        let watch = Watch { line, rising, falling, debounce_ns, callback, level, due_ns: None, is_on: true };
        board.watches.push(watch);
        Ok(JsValue::from((board.watches.len() - 1) as u32))
    })
}

fn off(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let at = arg(args, 0).to_u32(js)? as usize;
    with_board(js, |board| {
        if let Some(watch) = board.watches.get_mut(at) {
            watch.is_on = false;
        }
        Ok(JsValue::undefined())
    })
}

fn message(_: &JsValue, args: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    let (level, text) = (arg(args, 0).to_u32(js)?, text(args, 1, js)?);
    let level = match level {
        0 => LogLevel::Debug,
        1 => LogLevel::Info,
        _ => LogLevel::Warn,
    };
    with_board(js, |board| {
        board.sim.log(level, &text);
        Ok(JsValue::undefined())
    })
}

fn now_us(_: &JsValue, _: &[JsValue], js: &mut Context) -> JsResult<JsValue> {
    with_board(js, |board| Ok((board.sim.time_us() as f64).into()))
}

/// A program on a simulated board, which a script plays.
pub struct BoardRun {
    program: Program,
    registry: Registry,
    namespace: String,
    /// The events of the board that have been shown.
    shown: usize,
}

impl BoardRun {
    /// Loads a program on a board with the lines of a manifest. Time is the board's, and begins at zero.
    ///
    /// # Errors
    /// As [`Program::load`].
    pub fn load(wasm: &[u8], options: &Options, manifest: &Manifest) -> Result<Self, Error> {
        let mut program = Program::load_at(wasm, options, Clock::still())?;
        let wiring = Wiring::new(manifest);
        let shown = wiring.sim.events().len();
        *program.host.board.borrow_mut() = Some(wiring);
        install(&mut program.js).map_err(|error| Error::Module(error.to_string()))?;
        let namespace = manifest.module.namespace.value.clone();
        Ok(Self { program, registry: Registry::default(), namespace, shown })
    }

    /// Starts the program and plays a script: its lines are `call`, `level` and `advance`, as those of
    /// `xmap sim`. Shows what the plain trace has.
    ///
    /// # Errors
    /// [`Error::Script`], or what ended the program.
    pub fn play(&mut self, script: &str, show: &mut dyn FnMut(&str)) -> Result<State, Error> {
        let steps = parse(script)?;
        self.program.start()?;
        self.pass(0, 0)?;
        self.show(show);
        for (line, step) in &steps {
            let mut outcome = None;
            match step {
                Step::Call(name, args) => outcome = Some(self.call(name, args)?),
                Step::Level(at, high) => self.level(*line, *at, *high)?,
                Step::Advance(_) => {}
            }
            let us = if let Step::Advance(us) = step { *us } else { 0 };
            self.pass(*line, us)?;
            self.show(show);
            if let Some(outcome) = outcome {
                show(&outcome);
            }
        }
        self.program.finish();
        Ok(self.program.state())
    }

    /// The program.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    fn call(&mut self, name: &str, args: &[String]) -> Result<String, Error> {
        // What the program has registered by now.
        self.registry = Registry::of(&mut self.program, &self.namespace)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let answer: Option<Answer> = self.registry.call_text(&mut self.program, name, &args)?;
        Ok(answer.map_or_else(|| format!("{name} ->"), |answer| format!("{name} -> {answer}")))
    }

    fn board<R>(&mut self, use_it: impl FnOnce(&mut Wiring, &Clock) -> R) -> R {
        let host: Rc<Host> = self.program.host.clone();
        let mut board = host.board.borrow_mut();
        let board = board.as_mut().expect("it is there from the beginning");
        board.sync(&host.clock);
        use_it(board, &host.clock)
    }

    fn level(&mut self, at: usize, line: u8, high: bool) -> Result<(), Error> {
        let wrong = |message: String| Error::Script { line: at, message };
        let line = Line::new(line).ok_or_else(|| wrong(format!("there is no line {line}")))?;
        let driven = self.board(|board, _| board.sim.drive(line, Some(high)));
        driven.map_err(|contention| wrong(contention.to_string()))
    }

    /// Lets time pass with all that falls due in it.
    fn pass(&mut self, line: usize, us: u64) -> Result<(), Error> {
        let clock = self.program.host.clock.clone();
        let until = clock.elapsed_ns().saturating_add(us.saturating_mul(1000));
        let mut at_once = 0;
        while self.program.host.exited.get().is_none() {
            let now = clock.elapsed_ns();
            let edge = self.board(|board, _| board.take_edge(now).or_else(|| board.take_settled(now)));
            let ran = match edge {
                Some((callback, high)) => {
                    self.program.call_back(&callback, &[JsValue::from(high)])?;
                    true
                }
                None => self.program.turn(Some(now))?,
            };
            if ran {
                at_once += 1;
                if at_once > MOST_AT_ONCE {
                    let message = "events follow each other without time between them".to_owned();
                    return Err(Error::Script { line, message });
                }
                continue;
            }
            let settled = self.board(|board, _| board.next_settled());
            let timer = self.program.host.events.borrow().next_due();
            match [settled, timer].into_iter().flatten().min() {
                Some(next) if next <= until => {
                    clock.wait_until(next);
                    at_once = 0;
                }
                _ => break,
            }
        }
        clock.wait_until(until);
        Ok(())
    }

    /// Shows the stores and messages since this was last asked.
    fn show(&mut self, show: &mut dyn FnMut(&str)) {
        let from = self.shown;
        let (lines, shown) = self.board(|board, _| {
            let new = board.sim.events().get(from..).unwrap_or_default();
            let lines = new.iter().filter_map(|event| match &event.kind {
                EventKind::Access(access) if access.drives() => Some(Shown::Store(*access).to_string()),
                EventKind::Log { level, text } => Some(Shown::Log(*level, text.clone()).to_string()),
                _ => None,
            });
            (lines.collect::<Vec<_>>(), board.sim.events().len())
        });
        self.shown = shown;
        lines.iter().for_each(|line| show(line));
    }
}

enum Step {
    Call(String, Vec<String>),
    Level(u8, bool),
    Advance(u64),
}

/// Reads a script; every line before any of them runs.
fn parse(text: &str) -> Result<Vec<(usize, Step)>, Error> {
    let mut steps = Vec::new();
    for (at, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let words: Vec<&str> = words.collect();
        let wrong = |message: String| Error::Script { line: at, message };
        let step = match words.as_slice() {
            [] => continue,
            ["call", name, args @ ..] => {
                Step::Call((*name).to_owned(), args.iter().map(|arg| (*arg).to_owned()).collect())
            }
            ["level", line, level @ ("0" | "1")] => {
                let line =
                    line.parse().map_err(|_| wrong(format!("expected a line's number, found `{line}`")))?;
                Step::Level(line, *level == "1")
            }
            ["advance", us] => {
                Step::Advance(us.parse().map_err(|_| wrong(format!("expected microseconds, found `{us}`")))?)
            }
            [word, ..] => {
                let message =
                    format!("expected `call NAME`, `level LINE 0|1` or `advance US`, found `{word}`");
                return Err(wrong(message));
            }
        };
        steps.push((at, step));
    }
    Ok(steps)
}
