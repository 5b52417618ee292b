//! Running a script, and the plain trace of a run.

use std::collections::HashMap;
use std::fmt;

use tiny_mapper::{CallError, LogLevel, Trap};
use xmap_boards::Line;
use xmap_device::{ModuleExport, NotCalled, Unplaced};
use xmap_image::{Plain, Stamp};
use xmap_link::Life;

use crate::script::{Action, ChipPlace, ChipStep, Step, When};
use crate::value::parse_whole;
use crate::{Access, Arguments, Contention, EventKind, Script, Sim, Standstill, Value, time};

/// Runs a script and shows, in order, what the plain trace of the run has: first what the module did since
/// the simulation began or was last asked ([`Sim::show_new`]), so for a new simulation its start function,
/// `_initialize` and `on_mount`; then, for each step, its stores and messages, the traps of the handlers that
/// ran in it, and a call's outcome.
///
/// A trap does not end the run. What follows it for the module, its policy says.
///
/// # Errors
/// [`StepError`] of the first step that could not be run, or whose expectation does not hold.
/// The steps before it have run, and what the step itself did up to there has been shown.
///
/// # Panics
/// Where a call's arguments do not fit the image: the script was checked against another one.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use xmap_sim::{Script, Sim, run};
///
/// let mut sim = Sim::load(&std::fs::read("panel.xmap")?)?;
/// let script = Script::parse("call lamp_on\nexpect lamp high\n", &sim.image())?;
/// run(&mut sim, &script, &mut |shown| println!("{shown}"))?;
/// # Ok(()) }
/// ```
pub fn run(sim: &mut Sim, script: &Script, show: &mut dyn FnMut(Shown)) -> Result<(), StepError> {
    let mut player = Player::new(sim, show);
    for step in script.unrolled() {
        player.play(sim, step, show)?;
    }
    player.finish(sim)
}

/// Says where in the author's source a trap happened: each as `file:line:column`.
pub type Places<'p> = dyn Fn(&Trap) -> Vec<String> + 'p;

/// Plays steps one after the other, and remembers what expectations ask for.
#[derive(Default)]
pub struct Player<'p> {
    places: Option<&'p Places<'p>>,
    /// The outcome of the latest call of each export, by its key.
    outcomes: HashMap<String, Shown>,
    /// Traps and messages since the latest step that was no expectation.
    traps: Vec<(String, Trap)>,
    messages: Vec<String>,
    /// The latest step that was no expectation, and the traps that no step has expected.
    at: usize,
    unexpected: Vec<Unexpected>,
    /// The step that scheduled the latest level.
    scheduled: usize,
}

/// A trap that no step expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Unexpected {
    /// The line of the script in which it happened, from 1; 0 before the first step.
    pub line: usize,
    /// The export, as a trace names it.
    pub name: String,
    /// The trap.
    pub trap: Trap,
}

impl<'p> Player<'p> {
    /// Begins with a simulation, and shows what its module did up to here.
    pub fn new(sim: &mut Sim, show: &mut dyn FnMut(Shown)) -> Self {
        sim.show_new(show);
        // Traps of before were the outcomes of calls that others made.
        _ = sim.new_traps();
        Self::default()
    }

    /// Returns where a trap is in the source, for `expect trap CODE at FILE:LINE`.
    pub fn with_places(self, places: &'p Places<'p>) -> Self {
        Self { places: Some(places), ..self }
    }

    /// Plays a step and shows what it did.
    ///
    /// # Errors
    /// Why it could not be played, or what was found in the place of what it expected. What it did up to
    /// there has been shown.
    ///
    /// # Panics
    /// As [`run`].
    pub fn play(&mut self, sim: &mut Sim, step: &Step, show: &mut dyn FnMut(Shown)) -> Result<(), StepError> {
        let error = |kind| StepError { line: step.at, kind };
        if !step.action.expects() {
            self.settle();
            self.messages.clear();
            self.at = step.at;
        }
        let (outcome, done) = self.act(sim, step).map_err(error)?;
        sim.show_new(&mut |shown| {
            if let Shown::Log(_, text) = &shown {
                self.messages.push(text.clone());
            }
            show(shown);
        });
        let mut traps = sim.new_traps();
        if let Some(Shown::Trapped { name, trap }) = &outcome {
            // The call's own trap happened as well, and is its outcome.
            let own = traps.iter().rposition(|(_, other)| other == trap);
            own.map(|at| traps.remove(at));
            self.traps.push((name.clone(), *trap));
        }
        for (name, trap) in traps {
            self.traps.push((name.clone(), trap));
            show(Shown::HandlerTrapped { name, trap });
        }
        outcome.into_iter().for_each(&mut *show);
        done.map_err(error)?;
        match sim.board_mut().take_contention() {
            Some(contention) => Err(error(StepErrorKind::Contention(contention))),
            None => Ok(()),
        }
    }

    /// Ends the script.
    ///
    /// # Errors
    /// [`StepErrorKind::NeverCame`].
    pub fn finish(&mut self, sim: &mut Sim) -> Result<(), StepError> {
        self.settle();
        match sim.board_mut().forget_scheduled() {
            Some(time_us) => {
                Err(StepError { line: self.scheduled, kind: StepErrorKind::NeverCame { time_us } })
            }
            None => Ok(()),
        }
    }

    /// Takes the traps that no step expected, up to the latest step that was no expectation; behind
    /// [`Player::finish`], all of them.
    pub fn unexpected(&mut self) -> Vec<Unexpected> {
        std::mem::take(&mut self.unexpected)
    }

    /// Forgets what was not expected up to here.
    fn settle(&mut self) {
        let line = self.at;
        self.unexpected.extend(self.traps.drain(..).map(|(name, trap)| Unexpected { line, name, trap }));
    }

    /// Does what a step says: a call's outcome, and what is to be reported behind what was shown.
    fn act(&mut self, sim: &mut Sim, step: &Step) -> Result<Acted, StepErrorKind> {
        let passed = |sim: &mut Sim, us| (None, sim.pass(us).map_err(StepErrorKind::Standstill));
        Ok(match &step.action {
            Action::Call { module, name, export, args, results } => {
                let of = ModuleExport { module: *module, export: *export };
                return self.call(sim, name, of, args, results);
            }
            Action::Level { line, high } => {
                sim.board_mut().drive(*line, Some(*high)).map_err(StepErrorKind::Contention)?;
                passed(sim, 0)
            }
            Action::Release { line } => {
                sim.board_mut().drive(*line, None).map_err(StepErrorKind::Contention)?;
                passed(sim, 0)
            }
            Action::Press { line, us } => (None, sim.press(*line, *us)),
            Action::At { when, line, drive } => {
                let time_us = match when {
                    When::Since(us) => *us,
                    When::In(us) => sim.time_us().saturating_add(*us),
                };
                if time_us < sim.time_us() {
                    return Err(StepErrorKind::Past { time_us, now_us: sim.time_us() });
                }
                self.scheduled = step.at;
                sim.board_mut().schedule(time_us, *line, *drive);
                passed(sim, 0)
            }
            Action::Advance { us } => passed(sim, *us),
            Action::SetClock { unix_us } => {
                // A script has times that the clock can have.
                sim.device().set_clock(*unix_us);
                passed(sim, 0)
            }
            Action::AdvanceTo { unix_us } => {
                let now_us = sim.device().clock().unix_us;
                if now_us < 0 {
                    return Err(StepErrorKind::NoTime);
                }
                let us = u64::try_from(unix_us - now_us);
                let past = |_| StepErrorKind::PastStamp { unix_us: *unix_us, now_us };
                passed(sim, us.map_err(past)?)
            }
            Action::Expect { line, high, within_us } => (None, expect_level(sim, *line, *high, *within_us)),
            Action::ExpectResults { name, key, results } => (None, self.expect_results(name, key, results)),
            Action::ExpectTrap { code, place } => (None, self.expect_trap(*code, place.as_ref())),
            Action::ExpectLog { text } => {
                let found = || match self.messages.last() {
                    Some(last) => format!("the last message is {last:?}"),
                    None => "there was no message".into(),
                };
                let holds = self.messages.iter().any(|message| message.contains(text));
                (None, holds_or(holds, || (format!("a message with {text:?}"), found())))
            }
            Action::Device { name, at, step } => (None, device(sim, name, *at, step)),
            Action::Beside { module, file, image } | Action::Swap { module, file, image } => {
                sim.device().heard();
                let swapped = sim.load_as(*module, &image.image());
                let refused = |error: xmap_device::Failure| StepErrorKind::NotSwapped {
                    file: file.clone(),
                    why: error.to_string(),
                };
                let passed = sim.pass(0).map_err(StepErrorKind::Standstill);
                (None, swapped.map_err(refused).and(passed))
            }
            Action::Reset => {
                sim.device().heard();
                for module in sim.modules() {
                    sim.device().reset(module).map_err(|_| StepErrorKind::NoPanel)?;
                }
                passed(sim, 0)
            }
            Action::Unmount => {
                if !sim.is_mounted() {
                    return Err(StepErrorKind::NoPanel);
                }
                // A trap of `on_unmount` is among those that happened.
                for module in sim.modules() {
                    _ = sim.device().unload(module);
                }
                passed(sim, 0)
            }
            Action::LoseHost { us } => passed(sim, *us),
            Action::FindHost => {
                sim.device().heard();
                passed(sim, 0)
            }
            Action::Repeat { .. } => unreachable!("it is unrolled"),
        })
    }

    fn call(
        &mut self,
        sim: &mut Sim,
        name: &str,
        of: ModuleExport,
        args: &Arguments,
        results: &Option<Vec<String>>,
    ) -> Result<Acted, StepErrorKind> {
        // A swap in a loop, or an image that was taken back, has changed what runs.
        let Some(image) = sim.image_of(of.module) else { return Err(StepErrorKind::NoPanel) };
        let export = of.export;
        let fits = image.find(name) == Some(export)
            && image.signature(export).is_some_and(|signature| signature.params().len() == args.raw.len());
        if !fits {
            return Err(StepErrorKind::OtherImage { name: name.to_owned() });
        }
        let key = image.key(export).unwrap_or_default().to_owned();
        // A host asked for it.
        sim.device().heard();
        let outcome = call(sim, name, of, args)?;
        let passed = sim.pass(0).map_err(StepErrorKind::Standstill);
        self.outcomes.insert(key.clone(), outcome.clone());
        let held = match results {
            Some(results) => self.expect_results(name, &key, results),
            None => Ok(()),
        };
        Ok((Some(outcome), passed.and(held)))
    }

    fn expect_results(&self, name: &str, key: &str, results: &[String]) -> Result<(), StepErrorKind> {
        let found = self.outcomes.get(key);
        let holds = match found {
            Some(Shown::Returned { values, .. }) => {
                values.iter().map(Value::to_string).eq(results.iter().cloned())
            }
            _ => false,
        };
        let found = || found.map_or_else(|| format!("`{name}` was not called"), |shown| format!("`{shown}`"));
        let wanted: String = results.iter().map(|value| format!(" {value}")).collect();
        holds_or(holds, || (format!("`{name} ->{wanted}`"), found()))
    }

    fn expect_trap(
        &mut self,
        code: tiny_mapper::TrapCode,
        place: Option<&(String, u32)>,
    ) -> Result<(), StepErrorKind> {
        let places = |trap: &Trap| self.places.map_or(Vec::new(), |places| places(trap));
        let is_there = |trap: &Trap| match place {
            None => true,
            Some((file, line)) => places(trap).iter().any(|place| is_place(place, file, *line)),
        };
        let found = self.traps.iter().position(|(_, trap)| trap.code == code && is_there(trap));
        if let Some(at) = found {
            self.traps.remove(at);
            return Ok(());
        }
        let wanted = match place {
            None => format!("a trap {code}"),
            Some((file, line)) => format!("a trap {code} at {file}:{line}"),
        };
        let one = |(name, trap): &(String, Trap)| match places(trap).first() {
            Some(place) => format!("`{name} trap {}` at {place}", trap.code),
            None if place.is_some() => format!("`{name} trap {}`, whose source line is not known", trap.code),
            None => format!("`{name} trap {}`", trap.code),
        };
        let found = if self.traps.is_empty() {
            "none was met in the step before".into()
        } else {
            self.traps.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        Err(StepErrorKind::Expected { wanted, found })
    }
}

/// A call's outcome, and what is to be reported behind what was shown.
type Acted = (Option<Shown>, Result<(), StepErrorKind>);

fn holds_or(holds: bool, texts: impl FnOnce() -> (String, String)) -> Result<(), StepErrorKind> {
    if holds {
        return Ok(());
    }
    let (wanted, found) = texts();
    Err(StepErrorKind::Expected { wanted, found })
}

/// Holds a line against a level.
fn expect_level(sim: &mut Sim, line: Line, high: bool, within_us: Option<u64>) -> Result<(), StepErrorKind> {
    let level = |high| if high { "high" } else { "low" };
    let name = sim.line_name(line);
    let (holds, within) = match within_us {
        None => (sim.level(line) == high, String::new()),
        Some(us) => {
            let reached = sim.pass_until_level(us, line, high).map_err(StepErrorKind::Standstill)?;
            (reached, format!(" within {}", time(us)))
        }
    };
    let now = time(sim.time_us());
    holds_or(holds, || {
        (format!("{name} {}{within}", level(high)), format!("it is {} at {now}", level(!high)))
    })
}

/// Does something to a device on a bus, or asks for something of it.
fn device(sim: &mut Sim, name: &str, at: ChipPlace, step: &ChipStep) -> Result<(), StepErrorKind> {
    let error = |why: String| StepErrorKind::Device { name: name.to_owned(), why };
    let not_connected = || error(NOT_CONNECTED.into());
    let board = sim.board_mut();
    match (step, at) {
        // The script was checked: a chip is one of its bus.
        (ChipStep::Connect(chip), ChipPlace::I2c { bus, address }) => {
            chip.device().into_iter().for_each(|chip| board.attach_boxed(bus, address, chip));
        }
        (ChipStep::Connect(chip), ChipPlace::Spi { bus, select }) => {
            chip.spi_device().into_iter().for_each(|chip| board.attach_spi_boxed(bus, select, chip));
        }
        (ChipStep::Connect(chip), ChipPlace::Pwm(line)) => {
            chip.pwm_device().into_iter().for_each(|chip| board.attach_pwm_boxed(line, chip));
        }
        (ChipStep::Connect(chip), ChipPlace::Uart(row)) => {
            chip.uart_device().into_iter().for_each(|chip| board.attach_uart_boxed(row.port_number(), chip));
        }
        (ChipStep::Disturb { clock, fault }, ChipPlace::I2c { bus, .. }) => {
            board.disturb(bus, *clock, *fault);
        }
        (ChipStep::Restore, ChipPlace::I2c { bus, .. }) => board.bring_back(bus),
        (ChipStep::Disturb { .. } | ChipStep::Restore, _) => {}
        (ChipStep::Set { what, value }, at) => match at {
            ChipPlace::Pwm(line) => {
                let now_us = board.time_us();
                let device = board.pwm_device(line);
                device.ok_or_else(|| error(NO_LOAD.into()))?.set(what, value, now_us).map_err(error)?;
            }
            ChipPlace::Uart(row) if what == "receive" => {
                let bytes = bytes_of(value).ok_or_else(|| error(UNFIT_BYTES.into()))?;
                board.receive(&row, &bytes);
            }
            ChipPlace::Uart(row) => {
                let device = board.uart_device(row.port_number());
                device.ok_or_else(|| error(NO_PEER.into()))?.set(what, value).map_err(error)?;
            }
            ChipPlace::I2c { bus, address } => {
                board.device(bus, address).ok_or_else(not_connected)?.set(what, value).map_err(error)?;
            }
            ChipPlace::Spi { bus, select } => {
                board.spi_device(bus, select).ok_or_else(not_connected)?.set(what, value).map_err(error)?;
            }
        },
        (ChipStep::Expect { what, value }, at) => {
            let found = match at {
                ChipPlace::Uart(row) if what == "sent" => {
                    let wanted = bytes_of(value).ok_or_else(|| error(UNFIT_BYTES.into()))?;
                    let found = board.take_sent(row.port_number());
                    return holds_or(found == wanted, || {
                        (format!("{name} sent {value}"), format!("it sent 0x{}", hex(&found)))
                    });
                }
                ChipPlace::Uart(row) => board.uart_device(row.port_number()).and_then(|peer| peer.get(what)),
                ChipPlace::Pwm(line) => {
                    let now_us = board.time_us();
                    let found = board.pwm_device(line).and_then(|load| load.get(what, now_us));
                    match (found, board.wave(line)) {
                        (Some(found), _) => Some(found),
                        (None, Some(wave)) => wave.get(what),
                        (None, None) => return Err(error("it was not set yet".into())),
                    }
                }
                ChipPlace::I2c { bus, address } => {
                    board.device(bus, address).ok_or_else(not_connected)?.get(what)
                }
                ChipPlace::Spi { bus, select } => {
                    board.spi_device(bus, select).ok_or_else(not_connected)?.get(what)
                }
            };
            let found = found.ok_or_else(|| error(format!("it has no `{what}`")))?;
            let same =
                found == *value || parse_whole(&found).is_some_and(|found| parse_whole(value) == Some(found));
            return holds_or(same, || (format!("{name} {what} {value}"), format!("it is {found}")));
        }
    }
    Ok(())
}

/// What a step needs for bytes.
const UNFIT_BYTES: &str = "bytes are `0x` and two digits for each";

/// Bytes as a step has them: `0x0103`.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0)?;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What helps where a step asks for a chip that is not there.
const NOT_CONNECTED: &str = "nothing is connected there: `connect` a chip first";

/// The same for a PWM channel, which only the module sets.
const NO_LOAD: &str = "the module sets a channel: `connect` a servo or a fan to set something of that";

/// The same for a serial port.
const NO_PEER: &str = "it has `receive`, and what a device has that is connected: `connect` one first";

/// Returns whether a place `file:line:column` is this line of a file with this path, or with this end of its
/// path.
fn is_place(place: &str, file: &str, line: u32) -> bool {
    let mut parts = place.rsplitn(3, ':');
    let (_, number, path) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let file = file.trim_start_matches("./");
    let ends =
        path.strip_suffix(file).is_some_and(|before| before.is_empty() || before.ends_with(['/', '\\']));
    ends && number.and_then(|number| number.parse().ok()) == Some(line)
}

fn call(sim: &mut Sim, name: &str, of: ModuleExport, args: &Arguments) -> Result<Shown, StepErrorKind> {
    let name = name.to_owned();
    Ok(match sim.call_alone(of, args) {
        Ok(values) => Shown::Returned { name, values },
        Err(NotCalled::Call(CallError::Trap(trap))) => Shown::Trapped { name, trap },
        Err(NotCalled::Unplaced(why)) => return Err(StepErrorKind::Unplaced { name, why }),
        Err(_) if sim.device().life(of.module) == Life::Faulted => Shown::Faulted { name },
        Err(error) => unreachable!("the script was checked against the image: {error:?}"),
    })
}

impl Shown {
    /// Returns what the plain trace shows of an event: stores to set and clear registers, and messages.
    pub fn of(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::Access(access) if access.drives() => Some(Self::Store(*access)),
            EventKind::Log { level, text } => Some(Self::Log(*level, text.clone())),
            _ => None,
        }
    }
}

/// A step that could not be run, though the script is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// The line of the script, from 1.
    pub line: usize,
    /// What was in the way.
    pub kind: StepErrorKind,
}

/// The kind of an error of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepErrorKind {
    /// A level from outside meets an output.
    Contention(Contention),
    /// Time does not pass.
    Standstill(Standstill),
    /// What was expected is not so.
    Expected {
        /// What was expected.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// A level is scheduled for a time that has passed.
    Past {
        /// That time.
        time_us: u64,
        /// The time.
        now_us: u64,
    },
    /// Time cannot pass to a time of the wall clock, which is not known.
    NoTime,
    /// The wall clock is beyond the time up to which time was to pass.
    PastStamp {
        /// That time, in microseconds since 1970.
        unix_us: i64,
        /// The time.
        now_us: i64,
    },
    /// The script ended before a level came that it scheduled.
    NeverCame {
        /// Its time.
        time_us: u64,
    },
    /// The device does not run an image that was to be loaded.
    NotSwapped {
        /// Its file.
        file: String,
        /// Why.
        why: String,
    },
    /// The image that runs by now has no such export.
    OtherImage {
        /// The export, as the script names it.
        name: String,
    },
    /// The bytes of the arguments found no place in the module.
    Unplaced {
        /// The export, as the script names it.
        name: String,
        /// Why not.
        why: Unplaced,
    },
    /// The panel was unmounted.
    NoPanel,
    /// A device on a bus has not what a step names.
    Device {
        /// Its name.
        name: String,
        /// Why not.
        why: String,
    },
}

impl fmt::Display for StepErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contention(contention) => contention.fmt(f),
            Self::Standstill(standstill) => standstill.fmt(f),
            Self::Expected { wanted, found } => write!(f, "expected {wanted}: {found}"),
            Self::Past { time_us, now_us } => {
                write!(f, "{} has passed: it is {}", time(*time_us), time(*now_us))
            }
            Self::NoTime => f.write_str("the time is not known: `clock TIME` sets it"),
            Self::PastStamp { unix_us, now_us } => {
                write!(f, "{} has passed: it is {}", Stamp(*unix_us), Stamp(*now_us))
            }
            Self::NeverCame { time_us } => {
                write!(f, "the script ends before {}, when this was to happen", time(*time_us))
            }
            Self::NotSwapped { file, why } => write!(f, "`{file}` was not loaded: {why}"),
            Self::OtherImage { name } => {
                write!(f, "the image that runs by now has no export `{name}` with these parameters")
            }
            Self::Unplaced { name, why } => write!(f, "`{name}`: {why}"),
            Self::NoPanel => f.write_str("the panel was unmounted"),
            Self::Device { name, why } => write!(f, "`{name}`: {why}"),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl std::error::Error for StepError {}

/// Something that a run shows, in its order. Prints as a line of the plain trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A store to a set or a clear register: `GPSET0 0x00020000`.
    Store(Access),
    /// A message of the module: `log INFO ready`.
    Log(LogLevel, String),
    /// A call that returned: `add -> 5`.
    Returned {
        /// The export, as the script names it.
        name: String,
        /// The results.
        values: Vec<Value>,
    },
    /// A call that did not: `add trap fuel`.
    Trapped {
        /// The export, as the script names it.
        name: String,
        /// Why, and where.
        trap: Trap,
    },
    /// A handler, or another function that the device calls by itself, that did not return:
    /// `panel.on_tick trap fuel`.
    HandlerTrapped {
        /// Its key; `start` for the start function.
        name: String,
        /// Why, and where.
        trap: Trap,
    },
    /// A call that the module does not take, as it rests after a fault: `add faulted`.
    Faulted {
        /// The export, as the script names it.
        name: String,
    },
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(access) => access.fmt(f),
            Self::Log(level, text) => write!(f, "log {} {}", level.name(), Plain(text)),
            Self::Returned { name, values } => {
                write!(f, "{name} ->")?;
                values.iter().try_for_each(|value| write!(f, " {value}"))
            }
            Self::Trapped { name, trap } | Self::HandlerTrapped { name, trap } => {
                write!(f, "{name} trap {}", trap.code)
            }
            Self::Faulted { name } => write!(f, "{name} faulted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_by_the_end_of_its_path() {
        let is = |file, line| is_place("./src/panel.c:12:5", file, line);
        assert!(is("panel.c", 12) && is("src/panel.c", 12) && is("./src/panel.c", 12));
        assert!(!is("anel.c", 12) && !is("panel.c", 13) && !is("", 12) && !is("other/panel.c", 12));
    }

    #[test]
    fn a_message_stays_on_its_line() {
        let shown = Shown::Log(tiny_mapper::LogLevel::Warn, "a\nb\\ é\u{7}".to_owned());
        assert_eq!(shown.to_string(), r"log WARN a\nb\ é\u{7}");
    }
}
