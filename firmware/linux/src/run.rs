//! The main loop: runs events, answers hosts, and rests while there is nothing to do.

use std::iter;
use std::os::fd::AsFd as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use rustix::event::PollFlags;
use xmap_bcm2711::safe_stores;
use xmap_device::{GOOD_US, Identity, ModuleId, Record as _, Turns, make_safe_by_lines};
use xmap_image::ExportId;
use xmap_link::limits::MAX_MODULES;
use xmap_link::openmetrics::{self, Format, Snapshot};
use xmap_link::{ExportMetrics, HostCounts, Role};

use crate::clock::Clock;
use crate::config::{Config, RegistersAt};
use crate::desk::Desk;
use crate::device::{LinuxDevice, board, open};
use crate::error::Result;
use crate::flight::FlightFile;
use crate::guard::{Watch, Watchdog};
use crate::hosts::Host;
use crate::journal::{self, Journal};
use crate::keep::{DiskMemory, Fate, Keeper, Kept, Opened, Starts};
use crate::mount::{DefaultPanel, Mounting, Unusable};
use crate::notify::{self, Manager};
use crate::owner::{Door, owner};
use crate::places;
use crate::scrape::Scrapes;
use crate::sockets::Listener;
use crate::wake::{Signals, Timer, wait};
use crate::{detect, log, realtime};

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A signal asked for it.
    Stopped,
    /// A host asked for a restart of the device.
    Reset,
}

/// Microseconds after which a loop that has nothing to do says that it runs.
const ALIVE_US: u64 = 1_000_000;
/// Connections of a socket that are taken, and strangers that are answered, between two looks at events.
const A_TURN: usize = 64;

struct Daemon {
    device: Box<LinuxDevice>,
    identity: Identity,
    door: Door,
    clock: Clock,
    /// It ends before the sockets close.
    _desk: Desk,
    listeners: Arc<Vec<Listener>>,
    hosts: Vec<Host>,
    /// Who reads metrics.
    scrapes: Option<Scrapes>,
    /// Frames of hosts that are gone: good ones, bad ones.
    frames: [u32; 2],
    keeper: Option<Keeper>,
    /// Where the flight recorder's notes go.
    flight: Option<FlightFile>,
    timer: Timer,
    manager: Manager,
    guard: Watchdog,
    /// The images that the guard knows the safe states of, each with its generation: the same image may come
    /// again, as a host's own choice.
    guarded: Option<[Option<(u16, u32)>; MAX_MODULES]>,
    starts: Option<Starts>,
    /// When the start has gone well, unless a host is served before; `None` after that.
    good_us: Option<u64>,
    journal: Journal,
    /// Turns of the main loop, so that no stranger is always the first to be answered.
    turns: usize,
    /// How events and hosts share the time.
    shares: Turns,
    rehearse: bool,
}

/// Mounts what there is, and serves until a signal or a host ends it. The outputs are safe then, as the
/// manifests say.
///
/// # Errors
/// What keeps the device from starting. No register was written then.
pub fn run(config: &Config, signals: &Signals) -> Result<Ended> {
    let mut daemon = Daemon::start(config, signals)?;
    let served = panic::catch_unwind(AssertUnwindSafe(|| daemon.serve_until_the_end(signals)));
    daemon.guard.end();
    // Also where a mistake of this program ended it: images are still as they were admitted, and say what is
    // safe.
    daemon.device.make_all_safe();
    match served {
        Ok(ended) => {
            daemon.finish();
            Ok(ended)
        }
        Err(cause) => {
            daemon.end_recording();
            panic::resume_unwind(cause)
        }
    }
}

/// Reads the default panel's file, before anything of the hardware is touched. Where the command line names
/// it, it has to be one; where only the configuration does, the service is there for a host that sends
/// another.
fn read_default(config: &Config) -> Result<Option<Result<DefaultPanel, Unusable>>> {
    match config.panel.as_deref().map(DefaultPanel::read) {
        Some(Err(unusable)) if config.panel_named => Err(unusable.error),
        read => Ok(read),
    }
}

/// Mounts what the slots have, and the default panel where they have nothing. What is refused is in the
/// journal and in the status: the link is up, whatever that is.
fn mount(
    config: &Config,
    default: Option<Result<DefaultPanel, Unusable>>,
    kept: &Kept,
    (device, guard, starts): (&mut LinuxDevice, &Watchdog, Option<&Starts>),
) {
    if config.safe {
        return log::warn("safe: nothing is mounted, on purpose");
    }
    let mut mounting = Mounting { device, kept, starts, guard };
    mounting.mount_kept();
    match default {
        None => {}
        Some(Ok(panel)) => mounting.mount_default(&panel),
        Some(Err(Unusable { error, state })) => {
            log::failure(&error);
            if let Some(state) = state {
                mounting.device.set_image_state(state);
            }
        }
    }
    mounting.finish();
}

impl Daemon {
    fn start(config: &Config, signals: &Signals) -> Result<Self> {
        if let RegistersAt::Chip(_) = config.registers {
            // What any other machine is told first: nothing else can help there.
            detect::detect()?;
        }
        let default = read_default(config)?;
        // Locks and sockets first: a second service on this machine ends here, before it has touched a line.
        let (keeper, kept, starts, recordings) = match &config.state {
            Some(folder) => {
                let Opened { keeper, kept, starts, recordings } = Keeper::open(folder, config.keep_every_s)?;
                (Some(keeper), kept, Some(starts), Some(recordings))
            }
            None => {
                log::warn("no folder of slots: a restart brings the default panel");
                (None, Kept::default(), None, None)
            }
        };
        let recordings = recordings.filter(|_| config.record_bytes > 0);
        let flight = recordings.map(|folder| FlightFile::begin(folder, config.keep_every_s)).transpose()?;
        let mut listeners = Vec::new();
        if let Some(path) = &config.socket {
            listeners.push(Listener::unix(path, config.socket_mode)?);
        }
        if let Some(address) = config.tcp {
            listeners.push(Listener::tcp(address)?);
        }
        let scrapes = config.metrics.map(Scrapes::open).transpose()?;
        let timer = Timer::new()?;
        let door = Door::open(config)?;
        let guard = Watchdog::new();
        let memory = keeper.as_ref().map_or_else(DiskMemory::default, Keeper::memory);
        let watch = Watch { stop: signals.stop_flag(), starts: starts.clone(), ..Watch::default() };
        let (mut device, identity) = open(config, owner(config, memory)?, &guard, watch)?;
        realtime::request(config.realtime_priority);
        // Hosts are answered before the first module runs, whatever that one does.
        let listeners = Arc::new(listeners);
        let desk = Desk::open(listeners.clone(), guard.clone(), identity, door.is_guarded())?;
        for listener in listeners.iter() {
            log::info(format_args!("listening on {}", listener.port()));
        }
        if let Some(address) = scrapes.as_ref().and_then(|scrapes| scrapes.address().ok()) {
            log::info(format_args!("metrics on http://{address}/metrics"));
        }
        mount(config, default, &kept, (&mut device, &guard, starts.as_ref()));
        let clock = board(&mut device).clock();
        let mut daemon = Self {
            device,
            identity,
            door,
            clock,
            _desk: desk,
            listeners,
            hosts: Vec::new(),
            scrapes,
            frames: [0; 2],
            keeper,
            flight,
            timer,
            manager: Manager::from_environment(),
            guard,
            guarded: None,
            starts,
            good_us: Some(clock.now_us() + GOOD_US),
            journal: Journal::default(),
            turns: 0,
            shares: Turns::default(),
            rehearse: config.rehearse,
        };
        if let Some(keeper) = &mut daemon.keeper {
            keeper.mounted(&*daemon.device, &kept, clock.now_us());
        }
        let modules = (0..MAX_MODULES as u8).filter(|number| daemon.device.image(*number).is_some()).count();
        let status = format!("serving, {modules} of {MAX_MODULES} modules mounted");
        log::info(&status);
        notify::ready(&status);
        Ok(daemon)
    }

    fn serve_until_the_end(&mut self, signals: &Signals) -> Ended {
        loop {
            if signals.stop() {
                notify::stopping();
                return Ended::Stopped;
            }
            if self.turn(signals) {
                return Ended::Reset;
            }
        }
    }

    /// Does what there is to do, and rests where that was nothing. Whether a restart was asked for.
    fn turn(&mut self, signals: &Signals) -> bool {
        let now_us = self.clock.now_us();
        // Once a second, and not a second after each turn: the timer has to be set anew for each other time.
        let feed_us = self.manager.feed(now_us).min((now_us / ALIVE_US + 1) * ALIVE_US);
        self.guard.alive();
        self.guard.turned();
        self.note_start(now_us);
        let look_us = board(&mut self.device).gather();
        let mut busy = false;
        if self.shares.begin(now_us, self.heard_us(now_us)) {
            busy = self.device.poll();
            match busy {
                true => self.shares.ran(self.clock.now_us() - now_us),
                false => self.shares.rested(),
            }
        }
        self.keep();
        busy |= self.serve_all();
        self.tell_all();
        self.keep_safe();
        let grave = self.journal.tell(&mut self.device);
        let keep_us = self.settle().min(self.record(grave));
        self.hosts.iter_mut().for_each(Host::send);
        if self.hosts.iter().any(Host::wants_reset) {
            return true;
        }
        let deadline_us = self.clear_places().min(self.serve_metrics());
        // In a rehearsal the host's cues are the device's time.
        let wake_us = match self.shares.ends_us(self.heard_us(self.clock.now_us())) {
            Some(ends_us) => ends_us,
            None if self.rehearse => u64::MAX,
            None => self.device.next_wake_us(),
        };
        self.rest(
            signals,
            [wake_us, feed_us, look_us, keep_us, deadline_us].into_iter().fold(u64::MAX, u64::min),
            busy,
        );
        false
    }

    /// Returns when a host was last heard; now, where a request waits. In a rehearsal time is the host's.
    fn heard_us(&self, now_us: u64) -> Option<u64> {
        let waits = |host: &Host| host.has_received() && host.held().is_none();
        let heard = |host: &Host| if waits(host) { now_us } else { host.heard_us() };
        self.hosts.iter().map(heard).max().filter(|_| !self.rehearse)
    }

    /// Takes note that the start has gone well: the loop has turned for a while, or a host was served. After
    /// a hang it has to turn for as long again.
    fn note_start(&mut self, now_us: u64) {
        let Some(starts) = &self.starts else { return };
        if self.guard.take_hung() {
            self.good_us = Some(now_us + GOOD_US);
        }
        if self.good_us.is_some_and(|good_us| now_us >= good_us) {
            self.good_us = None;
            starts.good();
        }
    }

    /// Works out the stores that make the outputs of all active images safe, where those are others than
    /// before.
    fn keep_safe(&mut self) {
        let modules = ModuleId::ALL.map(ModuleId::number);
        let device = &self.device;
        let now =
            modules.map(|number| Some((device.generation(number), device.image(number)?.hash_prefix())));
        if self.guarded == Some(now) {
            return;
        }
        let before = self.guarded.replace(now);
        for ((number, before), now) in modules.into_iter().zip(before.into_iter().flatten()).zip(now) {
            if before != now && now.is_some() {
                self.device.clear_notes(number);
            }
        }
        if let Some(starts) = self.starts.as_ref().filter(|_| before.is_some()) {
            let images = modules.iter().filter_map(|number| self.device.image(*number));
            starts.set_running(images.map(|image| image.hash()));
        }
        self.guard.set_safe(safe_stores(|port| {
            let images = modules.iter().filter_map(|number| self.device.image(*number));
            images.for_each(|image| make_safe_by_lines(&image, port));
        }));
    }

    /// Answers a request of each host, and of some strangers. Whether there was one.
    fn serve_all(&mut self) -> bool {
        self.turns = self.turns.wrapping_add(1);
        let count = self.hosts.len();
        let (mut busy, mut strangers, mut full) = (false, 0, self.full());
        for number in 0..count {
            // Another one is the first each time, so that none has to wait for those before it.
            let number = (number + self.turns) % count;
            let is_served = self.hosts.get(number).is_some_and(Host::is_served);
            if !is_served && strangers >= A_TURN {
                continue;
            }
            if let Some(host) = self.hosts.get_mut(number).filter(|_| !is_served) {
                host.set_full(full);
            }
            let answered = self.serve(number);
            busy |= answered;
            if answered && !is_served {
                strangers += 1;
                if self.make_room_for(number) {
                    full = self.full();
                }
            }
        }
        busy
    }

    /// Up to which role a new session finds no room.
    fn full(&self) -> Option<Role> {
        places::full(self.hosts.iter().map(Host::seat), self.clock.now_us())
    }

    /// Has another host go, where this one has begun a session and there are too many. Whether it has begun
    /// one.
    fn make_room_for(&mut self, new: usize) -> bool {
        let begun = self.hosts.get(new).is_some_and(Host::is_served);
        let other = places::goes_for(self.hosts.iter().map(Host::seat), new, self.clock.now_us());
        if let Some(other) = other.filter(|_| begun).and_then(|other| self.hosts.get_mut(other)) {
            other.let_go();
        }
        begun
    }

    /// Answers one request of a host. What it changed is on the disk before the answer leaves.
    fn serve(&mut self, number: usize) -> bool {
        let now_us = self.clock.now_us();
        let ready = |host: &&mut Host| host.has_received() && !host.is_gone() && host.held().is_none();
        let Some(host) = self.hosts.get_mut(number).filter(ready) else { return false };
        if !host.serve(&mut self.device, now_us) {
            return false;
        }
        // Who is answered can bring another image: this one does not keep the device down.
        self.good_us = self.good_us.map(|good_us| good_us.min(now_us));
        // What the others hear, this one has heard.
        let texts = self.device.board_mut().take();
        texts.iter().for_each(|text| journal::message(text));
        let mut unread = 0;
        for (_, host) in self.hosts.iter_mut().enumerate().filter(|(other, _)| *other != number) {
            unread += texts.iter().filter(|text| host.tell(text)).count() as u32;
        }
        self.device.board_mut().count_unread(unread);
        let touched = self.hosts.get(number).map_or(0, Host::touched);
        if touched != 0 {
            self.hold(number, touched);
        }
        true
    }

    /// Gives the disk what counts as good now.
    fn keep(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.look(&*self.device, self.clock.now_us());
        }
    }

    /// Holds an answer back until what it says is on the disk.
    fn hold(&mut self, number: usize, touched: u16) {
        if let Some(keeper) = &mut self.keeper {
            keeper.hurry(touched);
        }
        self.keep();
        let Some(keeper) = &self.keeper else { return };
        let upto = keeper.items().latest;
        if keeper.items().fate(touched, upto) != Fate::Kept
            && let Some(host) = self.hosts.get_mut(number)
        {
            host.hold(touched, upto);
        }
    }

    /// Lets hosts go on whose answers waited for the disk. When the keeper has to be looked after again.
    fn settle(&mut self) -> u64 {
        let Some(keeper) = &mut self.keeper else { return u64::MAX };
        let now_us = self.clock.now_us();
        let next_us = keeper.settle(now_us);
        for host in &mut self.hosts {
            let Some((things, upto)) = host.held() else { continue };
            match keeper.items().fate(things, upto) {
                Fate::Pending => {}
                Fate::Kept => host.release(),
                Fate::Failed => host.release_unkept(),
            }
        }
        keeper.tell(&mut *self.device, now_us);
        next_us
    }

    /// Gives the disk what the flight recorder noted. When it has to be looked after again.
    fn record(&mut self, grave: bool) -> u64 {
        let now_us = self.clock.now_us();
        let Some(flight) = &mut self.flight else { return u64::MAX };
        flight.look(self.device.board_mut().port_mut().recording(), now_us, grave)
    }

    /// Sends what modules logged while no request was answered to everybody. What there is nobody to hear,
    /// such as the messages of the mount, waits for the first host, as on bare metal.
    fn tell_all(&mut self) {
        if !self.hosts.iter().any(Host::is_served) {
            return;
        }
        let board = self.device.board_mut();
        board.take_texts(&mut |_| ());
        let mut unread = 0;
        for text in board.take() {
            journal::message(&text);
            unread += self.hosts.iter_mut().filter_map(|host| host.tell(&text).then_some(())).count() as u32;
        }
        board.count_unread(unread);
    }

    /// Answers those who read metrics. When the first of them has had its time.
    fn serve_metrics(&mut self) -> u64 {
        let Some(mut scrapes) = self.scrapes.take() else { return u64::MAX };
        scrapes.serve(self.clock.now_us(), &mut |format| self.metrics(format));
        self.scrapes.insert(scrapes).deadline_us()
    }

    /// Returns what the device has counted, as text.
    fn metrics(&mut self, format: Format) -> String {
        let rows: Vec<_> = self.device.metrics().collect();
        let key = |row: &ExportMetrics| {
            let image = self.device.image(row.module)?;
            Some(image.key(ExportId(row.export?))?.to_owned())
        };
        let keys: Vec<String> = rows.iter().map(|row| key(row).unwrap_or_default()).collect();
        let exports: Vec<_> = keys.iter().map(String::as_str).zip(rows).collect();
        let modules: Vec<_> =
            ModuleId::ALL.into_iter().filter_map(|id| self.device.status(id.number())).collect();
        let capped = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (calls, mistakes) = (self.device.calls(), capped(self.device.mistakes()));
        let frames = self.hosts.iter().map(Host::frames).fold(self.frames, add);
        let board = self.device.board_mut();
        let hosts = HostCounts { mistakes, texts_lost: board.texts_lost(), lines_lost: board.lines_lost() };
        let mut text = String::new();
        let snapshot = Snapshot {
            uptime_us: self.clock.now_us(),
            calls: [capped(calls.0), capped(calls.1)],
            accesses: board.next(),
            frames,
            refused: None,
            hosts: &hosts,
            modules: &modules,
            exports: &exports,
        };
        openmetrics::write(&mut text, format, &snapshot).expect("a string takes any text");
        text
    }

    /// Ends the connections that are over, and those of strangers that have had their time. When the next one
    /// is due.
    fn clear_places(&mut self) -> u64 {
        let now_us = self.clock.now_us();
        let mut next_us = u64::MAX;
        for host in &mut self.hosts {
            match places::deadline_us(&host.seat()) {
                Some(end_us) if end_us <= now_us => host.let_go(),
                Some(end_us) => next_us = next_us.min(end_us),
                None => {}
            }
        }
        let (device, frames) = (&mut self.device, &mut self.frames);
        self.hosts.retain_mut(|host| {
            if host.is_gone() {
                host.end(device);
                *frames = add(*frames, host.frames());
            }
            !host.is_gone()
        });
        next_us
    }

    /// Waits until there is something to do, or only takes what has come.
    fn rest(&mut self, signals: &Signals, wake_us: u64, busy: bool) {
        // A socket is not listened to for some milliseconds where all its strangers have just come.
        let now_us = self.clock.now_us();
        let seats = || self.hosts.iter().map(Host::seat);
        let rooms: Vec<_> =
            (0..self.listeners.len()).map(|socket| places::room(seats(), socket, now_us)).collect();
        if !busy {
            let later = rooms.iter().filter(|room| !room.is_there()).map(|room| room.from_us);
            self.timer.set(self.clock.ns_at(later.fold(wake_us, u64::min)));
        }
        let when = |on, flags| if on { flags } else { PollFlags::empty() };
        let mut sources = vec![(signals.as_fd(), PollFlags::IN), (self.timer.as_fd(), PollFlags::IN)];
        sources.extend(self.keeper.iter().map(|keeper| (keeper.as_fd(), PollFlags::IN)));
        let first_listener = sources.len();
        let listeners = self.listeners.iter().zip(&rooms);
        sources.extend(
            listeners.map(|(listener, room)| (listener.as_fd(), when(room.is_there(), PollFlags::IN))),
        );
        let first_host = sources.len();
        for host in &self.hosts {
            let reads = when(!host.has_received(), PollFlags::IN);
            sources.push((host.as_fd(), reads | when(host.has_unsent(), PollFlags::OUT)));
        }
        let waiting = self.hosts.iter().any(|host| host.has_received() && host.held().is_none());
        sources.extend(self.scrapes.iter().flat_map(Scrapes::sources));
        sources.extend(board(&mut self.device).fds().into_iter().map(|fd| (fd, PollFlags::IN)));
        let woken = wait(&sources, !busy && !waiting);
        for (host, woken) in self.hosts.iter_mut().zip(woken.iter().skip(first_host)) {
            if *woken && !host.has_received() {
                host.receive();
            }
        }
        for number in 0..self.listeners.len() {
            if woken.get(first_listener + number) == Some(&true) {
                self.accept(number);
            }
        }
    }

    /// Takes in what has come to a socket, each as a stranger first.
    fn accept(&mut self, socket: usize) {
        let now_us = self.clock.now_us();
        let room = places::room(self.hosts.iter().map(Host::seat), socket, now_us);
        // `None` is a free place.
        let places = iter::repeat_n(None, room.free).chain(room.may_go.into_iter().map(Some));
        for stranger in places.take(A_TURN) {
            let Some(stream) = self.listeners.get(socket).and_then(Listener::accept) else { return };
            if let Some(stranger) = stranger.and_then(|number| self.hosts.get_mut(number)) {
                stranger.let_go();
            }
            self.hosts.push(Host::new(stream, self.door.session(self.identity), socket, now_us));
        }
    }

    /// Keeps what changed, and sends the answer to who asked for the end.
    fn finish(mut self) {
        let now_us = self.clock.now_us();
        self.hosts.iter_mut().for_each(Host::send);
        if let Some(keeper) = self.keeper.take() {
            keeper.finish(&*self.device, now_us);
        }
        if let Some(starts) = &self.starts {
            starts.good();
        }
        self.end_recording();
    }

    /// Writes what was noted up to here.
    fn end_recording(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.finish(self.device.board_mut().port_mut().recording());
        }
    }
}

/// Two counts of frames together.
fn add([a, b]: [u32; 2], [c, d]: [u32; 2]) -> [u32; 2] {
    [a.saturating_add(c), b.saturating_add(d)]
}
