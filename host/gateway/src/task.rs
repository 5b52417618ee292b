//! A session with a device: jobs, and news between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use xmap::text::{json as as_json, rejection_text, state_help, state_text};
use xmap::uses::broken;
use xmap_boards::{Board, LineSet, RegisterKind};
use xmap_client::{Client, Error, ErrorCode, Incoming, Switch, hex, run_call};
use xmap_compiler::codes::Code;
use xmap_image::{HOOKS, Image, Ty};
use xmap_link::{Access, DeviceEventKind, Export, ModuleStatus, TraceEntry, export_id, features};
use xmap_trust::{SEAL_WORDS, Seal};

use crate::device::{Answer, Ask, Job, Shared};
use crate::hub::Hub;
use crate::problem::Problem;
use crate::shelf::Shelf;
use crate::simulated::Simulated;
use crate::state::{ExportOf, keep};
use crate::uses::{Use, breaks};

/// How often to look for news while somebody watches.
const WATCHED: Duration = Duration::from_millis(100);
/// How often to ask how a device and its modules are.
const STATUS: Duration = Duration::from_secs(1);
/// Exports that are listed of a module: as many as a module of ours has at most, and a second of a serial
/// line.
const MOST_EXPORTS: u16 = 256;
/// Stores that are told in one look; a panel that drives a line as fast as it can has far more, and is not to
/// keep the device from its jobs.
const MOST_STORES: usize = 96;

/// The thread's side of a device.
pub(crate) struct Task {
    pub(crate) name: Arc<str>,
    shared: Arc<Shared>,
    hub: Hub,
    shelf: Arc<Shelf>,
    /// How often to look for news while nobody watches.
    look: Duration,
    /// Numbers of the next event and the next store.
    next_event: u32,
    next_store: u32,
    status_due: Instant,
    /// The images whose exports are listed.
    listed: Vec<Option<(u16, [u8; 32])>>,
    /// The handles of exports that callers hold.
    bound: BTreeMap<Use, u32>,
    /// Exports that callers hold and that are other ones now.
    lost: BTreeSet<Use>,
}

impl Task {
    pub(crate) fn new(
        name: Arc<str>,
        shared: Arc<Shared>,
        hub: Hub,
        shelf: Arc<Shelf>,
        look: Duration,
    ) -> Self {
        let status_due = Instant::now();
        let (bound, lost) = (BTreeMap::new(), BTreeSet::new());
        Self {
            name,
            shared,
            hub,
            shelf,
            look,
            next_event: 0,
            next_store: 0,
            status_due,
            listed: Vec::new(),
            bound,
            lost,
        }
    }

    /// Notes that there is no session.
    pub(crate) fn offline(&self, code: &str, text: &str) {
        let error = Some((code.to_string(), text.to_string()));
        let mut state = self.shared.state();
        let news = state.online || state.error != error;
        if state.online || state.error.is_none() {
            state.since = Instant::now();
        }
        state.online = false;
        state.error = error;
        drop(state);
        if news {
            self.hub.tell(&self.name, "online", json!({ "online": false, "code": code, "text": text }));
        }
    }

    /// Serves a session until it breaks; `Ok` where nobody wants it any more.
    pub(crate) fn serve(
        &mut self,
        mut client: Client,
        jobs: &Receiver<Job>,
        simulated: Option<&Simulated>,
    ) -> Result<(), Error> {
        client.need_access()?;
        self.begin(&mut client)?;
        let mut due = Instant::now();
        loop {
            match jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(job) => {
                    self.job(&mut client, job, simulated)?;
                    // What a job did is news at once.
                    due = Instant::now();
                    if self.shared.is_watched() {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            match self.look(&mut client) {
                Err(error) if error.code == ErrorCode::DeviceRestarted => {
                    client.greet()?;
                    self.begin(&mut client)?;
                }
                looked => looked?,
            }
            due = Instant::now() + self.rest();
        }
    }

    /// Returns the time until the next look.
    fn rest(&self) -> Duration {
        if self.shared.is_watched() {
            return WATCHED;
        }
        // How a trial ends is news that somebody waits for.
        let tried = self.shared.state().modules.iter().any(|of| of.trial_ms > 0);
        if tried { self.look.min(STATUS) } else { self.look }
    }

    /// Takes a device as it is at the beginning of a session.
    fn begin(&mut self, client: &mut Client) -> Result<(), Error> {
        self.listed.clear();
        // Handles ended with the session before.
        self.bound.clear();
        self.lost.clear();
        let status = client.status()?;
        // What was stored before anybody looked is not told.
        self.next_store = status.trace_next;
        self.next_event = 0;
        self.status_due = Instant::now();
        {
            let mut state = self.shared.state();
            state.hello = as_json::hello(client.hello());
            state.access = as_json::access(client.admission());
            state.status = Some(status);
            state.events.clear();
        }
        self.modules(client)?;
        self.look(client)?;
        let mut state = self.shared.state();
        state.online = true;
        state.error = None;
        state.since = Instant::now();
        state.counts.connects += 1;
        drop(state);
        self.hub.tell(&self.name, "online", json!({ "online": true }));
        Ok(())
    }

    /// Looks for news.
    fn look(&mut self, client: &mut Client) -> Result<(), Error> {
        self.stores(client)?;
        self.levels(client)?;
        let happened = self.events(client)?;
        self.messages(client);
        if happened || Instant::now() >= self.status_due {
            self.status_due = Instant::now() + STATUS;
            let status = client.status()?;
            self.shared.state().status = Some(status);
            self.modules(client)?;
            self.count(client)?;
        }
        self.hold(client)
    }

    /// Binds what callers hold, and gives back what none holds any more.
    fn hold(&mut self, client: &mut Client) -> Result<(), Error> {
        let wanted = self.shared.held.now();
        self.lost.retain(|of| wanted.contains(of));
        let gone: Vec<Use> = self.bound.keys().filter(|of| !wanted.contains(of)).cloned().collect();
        let new: Vec<Use> =
            wanted.into_iter().filter(|of| !self.bound.contains_key(of) && !self.lost.contains(of)).collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        for of in gone {
            if let Some(handle) = self.bound.remove(&of) {
                client.release(handle)?;
            }
        }
        for of in new {
            match client.bind_contract(&of.0, of.1) {
                Ok(handle) => _ = self.bound.insert(of, handle),
                Err(error) if is_broken(&error) => return Err(error),
                Err(error) => {
                    let problem = Problem::from(error);
                    let told =
                        json!({ "key": of.0, "code": problem.code.to_string(), "text": problem.detail });
                    self.lost.insert(of);
                    self.hub.tell(&self.name, "contract", told);
                }
            }
        }
        self.count(client)
    }

    /// Asks the device which exports are in use.
    fn count(&self, client: &mut Client) -> Result<(), Error> {
        let uses = client.uses()?;
        let mut state = self.shared.state();
        let key = |id: &u16| {
            let export = state.exports.iter().find(|export| export.id == *id);
            export.map_or_else(|| format!("#{id}"), |export| export.key.clone())
        };
        let uses = uses.iter().map(key).collect();
        state.uses = uses;
        Ok(())
    }

    fn levels(&self, client: &mut Client) -> Result<(), Error> {
        let levels = client.levels_at()?;
        let before = self.shared.state().levels.replace(levels);
        if before.is_none_or(|(_, banks)| banks != levels.1) {
            self.hub.tell(&self.name, "levels", json!({ "time_us": levels.0, "banks": levels.1 }));
        }
        Ok(())
    }

    fn stores(&mut self, client: &mut Client) -> Result<(), Error> {
        if client.hello().features & features::TRACE == 0 {
            return Ok(());
        }
        let mut told = 0;
        loop {
            let page = client.trace_page(self.next_store)?;
            if page.first > self.next_store {
                let lost = page.first - self.next_store;
                self.hub.tell(&self.name, "store", json!({ "lost": lost }));
            }
            self.next_store = page.first.saturating_add(page.entries.len() as u32);
            let lines = self.shared.state().lines(&self.shelf);
            for (number, entry) in (page.first..).zip(&page.entries) {
                if let Some(store) = store(client.board(), number, entry, |line| {
                    lines.iter().find(|(_, of)| of.line == line).map(|(_, of)| of.name.clone())
                }) {
                    keep(&mut self.shared.state().stores, store.clone());
                    self.hub.tell(&self.name, "store", store);
                }
            }
            told += page.entries.len();
            if page.entries.is_empty() || self.next_store >= page.next {
                return Ok(());
            }
            if told >= MOST_STORES {
                let lost = page.next - self.next_store;
                self.next_store = page.next;
                self.hub.tell(&self.name, "store", json!({ "lost": lost }));
                return Ok(());
            }
        }
    }

    /// Returns whether there were any.
    fn events(&mut self, client: &mut Client) -> Result<bool, Error> {
        if !client.has_modules() {
            return Ok(false);
        }
        let (events, next) = client.happenings(self.next_event)?;
        self.next_event = next;
        if events.is_empty() {
            return Ok(false);
        }
        let modules = client.modules()?;
        let maps = self.shelf.maps();
        for (number, event) in &events {
            let name = modules.iter().find(|module| module.module == event.module);
            let name = name.map_or("", |module| module.name.as_str());
            let mut event_json = as_json::happening(*number, event, name, &maps);
            if let DeviceEventKind::Trapped(trap)
            | DeviceEventKind::Mistaken(trap)
            | DeviceEventKind::Refused(trap) = &event.what
            {
                let id = export_id(event.module, trap.export);
                let state = self.shared.state();
                let key =
                    state.exports.iter().find(|export| export.id == id).map(|export| export.key.clone());
                event_json["key"] = key.into();
            }
            keep(&mut self.shared.state().events, event_json.clone());
            self.hub.tell(&self.name, "event", event_json);
        }
        Ok(true)
    }

    fn messages(&self, client: &mut Client) {
        for incoming in client.take_incoming() {
            if let Incoming::Message(message) = incoming {
                let message = json!({
                    "level": message.level.name(), "module": message.module, "text": message.text,
                });
                keep(&mut self.shared.state().log, message.clone());
                self.hub.tell(&self.name, "log", message);
            }
        }
    }

    /// Asks how the modules are, and for the exports of those that are new.
    fn modules(&mut self, client: &mut Client) -> Result<(), Error> {
        let modules = if client.has_modules() { client.modules()? } else { unswapped(client) };
        let now: Vec<_> =
            modules.iter().map(|module| module.image.map(|image| (module.generation, image.hash))).collect();
        if now != self.listed {
            // Of an image that is gone the handles are stale; the others are bound anew with them.
            for handle in std::mem::take(&mut self.bound).into_values() {
                client.release(handle)?;
            }
            self.lost.clear();
            let exports = exports(client, &modules)?;
            self.shared.state().exports = exports;
            self.listed = now;
        }
        let mut state = self.shared.state();
        let news = state.modules != modules;
        let changed = |a: &ModuleStatus, b: &ModuleStatus| {
            (a.life, a.generation, a.image, a.previous, a.trial_ms > 0)
                != (b.life, b.generation, b.image, b.previous, b.trial_ms > 0)
        };
        let exports_too = state.modules.len() != modules.len()
            || state.modules.iter().zip(&modules).any(|(before, now)| changed(before, now));
        state.modules = modules;
        drop(state);
        if news {
            let state = self.shared.state();
            let mut told = state.status_json(&self.shelf);
            if exports_too {
                // Lines and exports may be others now.
                told["changed"] = true.into();
            }
            drop(state);
            self.hub.tell(&self.name, "modules", told);
        }
        Ok(())
    }

    /// Carries out a job.
    ///
    /// # Errors
    /// The session broke; the job has its answer.
    fn job(&mut self, client: &mut Client, job: Job, simulated: Option<&Simulated>) -> Result<(), Error> {
        if job.reply.is_closed() {
            // Whoever asked is gone, and nothing has happened yet.
            return Ok(());
        }
        let began = Instant::now();
        let answer = self.answer(client, job.ask, simulated);
        self.status_due = Instant::now();
        {
            let mut state = self.shared.state();
            state.counts.busy_us += began.elapsed().as_micros() as u64;
            state.counts.failed += u64::from(answer.is_err());
        }
        let (answer, broken): (Answer, _) = match answer {
            Ok(answer) => (Ok(answer), None),
            Err(Failed::Refused(problem)) => (Err(*problem), None),
            Err(Failed::Link(error)) => {
                (Err(Problem::from(error.clone())), is_broken(&error).then_some(error))
            }
        };
        _ = job.reply.send(answer);
        broken.map_or(Ok(()), Err)
    }

    fn answer(
        &mut self,
        client: &mut Client,
        ask: Ask,
        simulated: Option<&Simulated>,
    ) -> Result<Json, Failed> {
        match ask {
            Ask::Call { key, args } => self.call(client, &key, &args),
            Ask::Drive { line, level } => {
                let Some(simulated) = simulated else {
                    let detail =
                        format!("{}: its inputs are wired, and are not the gateway's to drive", self.name);
                    return Err(Problem::new(StatusCode::CONFLICT, Code::NotSimulated, detail).into());
                };
                simulated.drive(line, level);
                Ok(json!({ "line": line.number(), "level": level }))
            }
            Ask::Swap { module, image, seal, force } => {
                let before = client.module(module)?;
                if let Some(before) = before.filter(|_| !force)
                    && let Some(message) = broken(client, &before, &image.image(), &self.shelf.maps())?
                {
                    return Err(breaks(message).into());
                }
                let swapped = self.swap(client, module, &image.image(), seal.as_deref())?;
                // Who is answered sees what runs now; a link that broke is noticed by the next look.
                _ = self.modules(client);
                Ok(swapped)
            }
            Ask::Hold => {
                self.hold(client)?;
                Ok(json!({ "uses": self.shared.state().uses }))
            }
            Ask::Confirm(module) => {
                client.confirm(module)?;
                Ok(json!({ "module": module, "confirmed": true }))
            }
            Ask::Rollback(module) => {
                let name = self.module_name(module);
                let switch = client.rollback(module)?;
                self.switched(client, &name, "rolled back", switch)
            }
            Ask::Reset(module) => {
                client.reset(Some(module))?;
                Ok(json!({ "module": module, "reset": true }))
            }
        }
    }

    fn call(&self, client: &mut Client, key: &str, args: &[String]) -> Result<Json, Failed> {
        let called = run_call(client, key, args)?;
        let mut state = self.shared.state();
        state.counts.calls += 1;
        state.counts.trapped += u64::from(called.outcome.is_err());
        drop(state);
        Ok(as_json::called(&called, &self.shelf.maps()))
    }

    fn swap(
        &self,
        client: &mut Client,
        module: u8,
        image: &Image<'_>,
        seal: Option<&Seal>,
    ) -> Result<Json, Failed> {
        self.shelf.add(image);
        let seal = seal.filter(|_| client.takes_seals());
        let of = image.bytes().len() + seal.map_or(0, |_| SEAL_WORDS * 4);
        let progress = |done: usize| {
            let told = json!({ "module": module, "bytes": done, "of": of });
            self.hub.tell(&self.name, "progress", told);
        };
        let switch = client.swap_sealed(module, image, seal, &mut |done| progress(done))?;
        let name = image.manifest().unwrap_or_default().module.to_owned();
        self.switched(client, &name, "swapped", switch)
    }

    fn switched(&self, client: &mut Client, name: &str, done: &str, switch: Switch) -> Result<Json, Failed> {
        let state = match switch {
            Ok(swapped) => return Ok(as_json::swapped(name, &swapped)),
            Err(state) => state,
        };
        let rejection = client.rejection(&state).map(|rejection| rejection_text(&rejection));
        let code = if rejection.is_some() { Code::Rejected } else { Code::NotSwapped };
        let why = rejection.unwrap_or_else(|| state_text(&state, &self.shelf.maps()));
        let help = state_help(&state).map_or_else(String::new, |help| format!("; {help}"));
        let detail = format!("{}: {name} was not {done}: {why}", self.name);
        let problem = Problem::new(StatusCode::CONFLICT, code, detail);
        Err(problem.help(format!("what ran before runs on{help}")).into())
    }

    fn module_name(&self, module: u8) -> String {
        let state = self.shared.state();
        let found = state.modules.iter().find(|of| of.module == module);
        found.map_or_else(String::new, |of| of.name.as_str().to_owned())
    }
}

/// Why a job came to nothing.
enum Failed {
    /// The link or the device.
    Link(Error),
    /// Another reason.
    Refused(Box<Problem>),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Link(error)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

/// Returns whether the session is over with this error.
fn is_broken(error: &Error) -> bool {
    use ErrorCode::{BadAnswer, DeviceRestarted, LinkBroken, NoAnswer};
    matches!(error.code, LinkBroken | NoAnswer | DeviceRestarted | BadAnswer)
}

/// The names and types of all exports, in the order of modules and numbers.
fn exports(client: &mut Client, modules: &[ModuleStatus]) -> Result<Vec<ExportOf>, Error> {
    let mut all = Vec::new();
    for module in modules {
        let count = module.image.map_or(0, |image| image.exports).min(MOST_EXPORTS);
        for number in 0..count {
            let id = export_id(module.module, number);
            let Some(described) = client.describe(&Export::Id(id))? else { continue };
            let key = described.key.as_str().to_owned();
            let types =
                |types: &[u8]| types.iter().map(|ty| Ty::from_u8(*ty).map_or("?", Ty::name)).collect();
            let word = key.rsplit_once('.').map_or(key.as_str(), |(_, word)| word);
            let hook = HOOKS.contains(&word);
            let contract = match client.contract(&Export::Id(id)) {
                Ok(found) => found.map(|(_, hash)| hex(&hash)),
                Err(error) if error.code == ErrorCode::NoFeature => None,
                Err(error) => return Err(error),
            };
            all.push(ExportOf {
                id,
                params: types(&described.params),
                results: types(&described.results),
                hook,
                contract,
                key,
            });
        }
    }
    Ok(all)
}

/// A store to a set or clear register, with the names of its lines.
fn store(
    board: &Board,
    number: u32,
    entry: &TraceEntry,
    name: impl Fn(u8) -> Option<String>,
) -> Option<Json> {
    let register = board.register_at(entry.offset)?;
    if entry.access != Access::Write || !register.kind.drives() {
        return None;
    }
    let high = register.kind == RegisterKind::Set;
    let lines = LineSet::of_bank(register.bank()?, entry.value).iter().map(|line| {
        let line = line.number();
        json!({ "line": line, "name": name(line) })
    });
    Some(json!({
        "number": number,
        "time_us": entry.time_us,
        "text": format!("{register} {:#010x}", entry.value),
        "high": high,
        "lines": lines.collect::<Vec<_>>(),
    }))
}

/// A device of earlier firmware has one module, and does not say how it is.
fn unswapped(client: &Client) -> Vec<ModuleStatus> {
    let image = client.hello().image;
    image.map(|image| ModuleStatus { image: Some(image), ..ModuleStatus::default() }).into_iter().collect()
}
