//! A program: its start, its events, its end.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use boa_engine::context::HostHooks;
use boa_engine::{Context, JsObject, JsResult, JsValue, js_string};

use crate::clock::{Clock, Random};
use crate::engine::{Engine, Export};
use crate::events::{Events, Task};
use crate::files::Files;
use crate::host::Host;
use crate::layout::Layout;
use crate::objects::{self, Mode};
use crate::output::{Output, Sink};
use crate::reenter::{self, Machine};
use crate::refs::Refs;
use crate::{Error, values};

/// Times that a program is resumed for a timeout that it does not take up.
const MOST_MISSED: u32 = 1000;

/// The options of a program.
#[derive(Clone, Debug)]
pub struct Options {
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// The folders whose files the program may use. Without any, files answer `ENOSYS` and output is written
    /// by line.
    pub folders: Vec<PathBuf>,
    /// The seed of random numbers; the operating system's without one.
    pub seed: Option<u64>,
    /// Milliseconds since 1970 at which time begins. It passes then only where the program waits or looks at
    /// it; without, it is the machine's.
    pub time_ms: Option<u64>,
    /// Where output goes.
    pub sink: Sink,
    /// The bytes that the module's own calls may take. Calls that go from Go to JavaScript and back take the
    /// thread's stack: see [`with_stack`].
    pub stack_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            args: vec!["js".to_owned()],
            env: Vec::new(),
            folders: Vec::new(),
            seed: None,
            time_ms: None,
            sink: Sink::Process,
            stack_bytes: 64 << 20,
        }
    }
}

/// A thread's stack with room for all calls of Go and JavaScript that may be within each other.
const STACK_BYTES: usize = 256 << 20;

/// Runs something on a thread whose stack has room for as many calls from Go to JavaScript and back as may be
/// within each other.
///
/// # Panics
/// Where it panics, and where the system gives no thread.
pub fn with_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, run).expect("the system gives a thread");
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Local time is UTC, as everywhere in this project.
struct Hooks;

impl HostHooks for Hooks {
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }
}

/// The state of a program that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It ended, with this code.
    Exited(i32),
    /// It waits for something that is still to come.
    Waiting,
    /// It waits, and nothing will come by itself.
    Idle,
}

/// A Go program and the JavaScript around it.
pub struct Program {
    pub(crate) engine: Engine,
    pub(crate) js: Context,
    pub(crate) host: Rc<Host>,
    layout: Layout,
}

impl Program {
    /// Loads a module; nothing of it has run then.
    ///
    /// # Errors
    /// [`Error`]; a folder that is none is [`Error::Module`].
    pub fn load(wasm: &[u8], options: &Options) -> Result<Self, Error> {
        let clock = options.time_ms.map_or_else(Clock::real, Clock::seeded);
        Self::load_at(wasm, options, clock)
    }

    pub(crate) fn load_at(wasm: &[u8], options: &Options, clock: Clock) -> Result<Self, Error> {
        let layout = Layout::new(&options.args, &options.env)?;
        let engine = Engine::new(wasm, options.stack_bytes)?;
        let mode = if options.folders.is_empty() { Mode::Stub } else { Mode::Real };
        let files = match mode {
            Mode::Stub => None,
            Mode::Real => {
                let files = Files::new(&options.folders);
                let files = files.map_err(|(folder, reason)| {
                    Error::Folder(folder.display().to_string(), reason.to_string())
                })?;
                Some(RefCell::new(files))
            }
        };
        let clock = Rc::new(clock);
        let context = Context::builder().host_hooks(Rc::new(Hooks)).clock(clock.clone()).build();
        let mut js = context.map_err(|error| Error::Module(error.to_string()))?;
        let go = objects::new_program(&mut js);
        let refs = Refs::new(js.global_object().into(), go.clone().into());
        let host = Rc::new(Host {
            refs: RefCell::new(Some(refs)),
            events: RefCell::new(Events::default()),
            clock,
            random: Random::new(options.seed),
            output: Output::new(options.sink.clone(), mode == Mode::Stub),
            files,
            exited: Cell::new(None),
            fatal: RefCell::new(None),
            go,
            registered: RefCell::new(Vec::new()),
            released: Cell::new(false),
            nested: Cell::new(0),
            board: RefCell::new(None),
        });
        js.insert_data(host.clone());
        objects::install(&mut js, mode).map_err(|error| Error::Module(error.to_string()))?;
        Ok(Self { engine, js, host, layout })
    }

    /// Starts the program: it runs until it waits or ends.
    ///
    /// # Errors
    /// [`Error`]. The end of the program is none.
    pub fn start(&mut self) -> Result<State, Error> {
        let Layout { bytes, argc, argv, .. } = &self.layout;
        self.engine.memory().write(Layout::ADDRESS as u32, bytes)?;
        let (engine, argc, argv) = (&mut self.engine, *argc, *argv);
        let started = reenter::run_module(&mut self.js, || engine.start(argc, argv));
        self.ended(started)?;
        self.microtasks()?;
        Ok(self.state())
    }

    /// Returns how the program is.
    pub fn state(&self) -> State {
        match self.host.exited.get() {
            Some(code) => State::Exited(code),
            None if self.host.events.borrow().is_empty() => State::Idle,
            None => State::Waiting,
        }
    }

    /// Lets the program handle the pending event.
    ///
    /// # Errors
    /// [`Error::Exited`] where it has ended before.
    pub fn resume(&mut self) -> Result<State, Error> {
        if let Some(code) = self.host.exited.get() {
            return Err(Error::Exited { code });
        }
        let engine = &mut self.engine;
        let resumed = reenter::run_module(&mut self.js, || engine.resume());
        self.ended(resumed)?;
        Ok(self.state())
    }

    /// Runs what is due, or else waits for the next timer; `until_ns` is how long at most, on the program's
    /// clock. Returns whether something ran.
    pub(crate) fn turn(&mut self, until_ns: Option<u64>) -> Result<bool, Error> {
        if self.host.exited.get().is_some() {
            return Ok(false);
        }
        let task = loop {
            let now = self.host.clock.elapsed_ns();
            if let Some(task) = self.host.events.borrow_mut().take(now) {
                break task;
            }
            let Some(due) = self.host.events.borrow().next_due() else { return Ok(false) };
            if until_ns.is_some_and(|until| due > until) {
                return Ok(false);
            }
            self.host.clock.wait_until(due);
        };
        match task {
            Task::Timeout(id) => self.fire(id)?,
            Task::Call(callback, args) | Task::Interval { callback, args, .. } => {
                self.call_back(&callback, &args)?;
            }
        }
        self.microtasks()?;
        Ok(true)
    }

    /// Calls a function between two events. The end of the program in it is no error; an exception is.
    pub(crate) fn call_back(&mut self, callback: &JsObject, args: &[JsValue]) -> Result<(), Error> {
        let done = self.run_js(|js| callback.call(&JsValue::undefined(), args, js));
        let done = done.and_then(|done| {
            done.map(drop).map_err(|error| Error::Thrown { import: "a callback", message: error.to_string() })
        });
        self.ended(done)
    }

    /// A timeout of Go is due. It is taken up once Go clears it; until then Go is resumed again.
    fn fire(&mut self, id: i32) -> Result<(), Error> {
        let mut missed = 0;
        self.resume()?;
        while self.host.exited.get().is_none() && self.host.events.borrow().is_scheduled(id) {
            missed += 1;
            if missed > MOST_MISSED {
                return Err(Error::MissedTimeout { id });
            }
            _ = self.host.output.line(2, "scheduleTimeoutEvent: missed timeout event");
            self.resume()?;
        }
        Ok(())
    }

    /// Runs events until the program ends or nothing will come by itself.
    ///
    /// # Errors
    /// [`Error`].
    pub fn run_events(&mut self) -> Result<State, Error> {
        while self.turn(None)? {}
        Ok(self.state())
    }

    /// Starts the program and runs it to its end, as `go run` does. Where it waits for what nothing will
    /// bring, Go reports a deadlock. Returns its exit code.
    ///
    /// # Errors
    /// [`Error`].
    pub fn run(&mut self) -> Result<i32, Error> {
        self.start()?;
        let done = self.run_events();
        let code = match done {
            Ok(State::Exited(code)) => Ok(code),
            Ok(_) => self.report_deadlock(),
            Err(error) => Err(error),
        };
        // The last line may have no line feed.
        _ = self.host.output.finish();
        code
    }

    /// Lets Go say which goroutines wait, and end the program.
    fn report_deadlock(&mut self) -> Result<i32, Error> {
        let event = JsObject::with_object_proto(self.js.intrinsics());
        let go = self.host.go.clone();
        let set = event
            .set(js_string!("id"), 0, true, &mut self.js)
            .and_then(|_| go.set(js_string!("_pendingEvent"), event.clone(), true, &mut self.js));
        set.map_err(|error| Error::Module(error.to_string()))?;
        match self.resume()? {
            State::Exited(code) => Ok(code),
            _ => Err(Error::NoAnswer { key: "main".to_owned() }),
        }
    }

    /// Writes what is left of the program's output.
    pub fn finish(&mut self) {
        _ = self.host.output.finish();
    }

    /// Runs JavaScript between two events.
    ///
    /// # Errors
    /// What ended the module, its end among that.
    pub(crate) fn run_js<R>(
        &mut self,
        run: impl FnOnce(&mut Context) -> JsResult<R>,
    ) -> Result<JsResult<R>, Error> {
        let js = &mut self.js;
        let done = reenter::run_js(&mut self.engine, || run(js));
        self.host.check()?;
        Ok(done)
    }

    /// Calls an export with the bits of its arguments.
    pub(crate) fn call_export(&mut self, export: &Export, args: &[u64]) -> Result<Vec<u64>, Error> {
        let engine = &mut self.engine;
        let done = reenter::run_module(&mut self.js, || engine.call(export, args));
        self.microtasks()?;
        done
    }

    fn microtasks(&mut self) -> Result<(), Error> {
        if self.host.exited.get().is_some() {
            return Ok(());
        }
        // A rejection that nobody handles is no error of the program.
        let ran = self.run_js(|js| js.run_jobs()).map(drop);
        self.ended(ran)
    }

    /// The end of the program is not an error of what ran then.
    fn ended(&self, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(Error::Exited { .. }) if self.host.exited.get().is_some() => Ok(()),
            done => done,
        }
    }

    /// Evaluates a text of JavaScript; for tests and tools.
    ///
    /// # Errors
    /// [`Error::Thrown`] with the exception.
    pub fn eval(&mut self, text: &str) -> Result<String, Error> {
        let done = self.run_js(|js| {
            let value = js.eval(boa_engine::Source::from_bytes(text))?;
            value.to_string(js).map(|text| text.to_std_string_lossy())
        })?;
        self.microtasks()?;
        done.map_err(|error| Error::Thrown { import: "eval", message: error.to_string() })
    }

    /// The bits by which Go would hold the value of a text of JavaScript; it counts as one reference.
    ///
    /// # Errors
    /// [`Error::Thrown`] with the exception, [`Error::Exited`].
    pub fn hold(&mut self, text: &str) -> Result<u64, Error> {
        let done = self.run_js(|js| js.eval(boa_engine::Source::from_bytes(text)))?;
        let value = done.map_err(|error| Error::Thrown { import: "eval", message: error.to_string() })?;
        self.host.with_refs(|refs| values::store(refs, &value))
    }

    /// The module's memory.
    pub fn memory(&mut self) -> crate::memory::Memory<'_> {
        self.engine.memory()
    }
}
