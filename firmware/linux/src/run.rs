//! The main loop: runs events, answers hosts, and rests while there is nothing to do.

use std::os::fd::AsFd as _;

use rustix::event::PollFlags;
use xmap_panel::{Identity, Service};

use crate::clock::Clock;
use crate::config::Config;
use crate::device::{LinuxDevice, board, mount_default, open};
use crate::error::Result;
use crate::hosts::{Host, MAX_HOSTS, MAX_WAITING, Texts};
use crate::notify::{self, Manager};
use crate::sockets::Listener;
use crate::wake::{Signals, Timer, wait};
use crate::{log, realtime};

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A signal asked for it.
    Stopped,
    /// A host asked for a restart of the device.
    Reset,
}

struct Daemon {
    device: Box<LinuxDevice>,
    identity: Identity,
    clock: Clock,
    listeners: Vec<Listener>,
    hosts: Vec<Host>,
    timer: Timer,
    manager: Manager,
    rehearse: bool,
}

/// Mounts what there is, and serves until a signal or a host ends it. The outputs are safe then, as the manifests say.
///
/// # Errors
/// What keeps the device from starting. No register was written then.
pub fn run(config: &Config, signals: &mut Signals) -> Result<Ended> {
    // Sockets first: a second service on this machine ends here, before it has touched a line.
    let mut listeners = Vec::new();
    if let Some(path) = &config.socket {
        listeners.push(Listener::unix(path, config.socket_mode)?);
    }
    if let Some(address) = config.tcp {
        listeners.push(Listener::tcp(address)?);
    }
    let timer = Timer::new()?;
    let (mut device, identity) = open(config)?;
    realtime::request(config.realtime_priority);
    if config.safe {
        log::warn("safe: nothing is mounted, on purpose");
    } else if let Some(panel) = &config.panel {
        mount_default(panel, &mut device);
    }
    for listener in &listeners {
        log::info(format_args!("listening on {}", listener.port()));
    }
    notify::ready("serving");
    let clock = board(&mut device).clock();
    let manager = Manager::from_environment();
    let rehearse = config.rehearse;
    let hosts = Vec::new();
    let mut daemon = Daemon { device, identity, clock, listeners, hosts, timer, manager, rehearse };
    let ended = loop {
        if signals.stop() {
            notify::stopping();
            break Ended::Stopped;
        }
        if daemon.turn(signals) {
            break Ended::Reset;
        }
    };
    daemon.device.make_all_safe();
    // The answer to who asked for it is on its way.
    daemon.hosts.iter_mut().for_each(Host::send);
    Ok(ended)
}

impl Daemon {
    /// Does what there is to do, and rests where that was nothing. Whether a restart was asked for.
    fn turn(&mut self, signals: &Signals) -> bool {
        let feed_us = self.manager.feed(self.clock.now_us());
        let look_us = board(&mut self.device).gather();
        let mut busy = self.device.poll();
        let mut texts = Vec::new();
        for host in &mut self.hosts {
            busy |= host.serve(&mut self.device, &mut texts);
        }
        let mut more = Texts::default();
        Service::new(self.identity).send_texts(&mut more, &mut self.device);
        texts.extend(more.0);
        if let Some(trap) = self.device.take_trap() {
            log::warn(format_args!(
                "image {:08x}, export {}: trap {} at op {}, detail {}",
                trap.image.swap_bytes(),
                trap.export,
                trap.code,
                trap.op,
                trap.detail
            ));
        }
        for host in &mut self.hosts {
            if !texts.is_empty() {
                host.tell(&texts);
            }
            host.send();
        }
        if self.hosts.iter().any(Host::wants_reset) {
            return true;
        }
        self.hosts.retain(|host| !host.is_gone());
        // In a rehearsal the host's cues are the device's time.
        let wake_us = if self.rehearse { u64::MAX } else { self.device.next_wake_us() };
        self.rest(signals, wake_us.min(feed_us).min(look_us), busy);
        false
    }

    /// Waits until there is something to do, or only takes what has come.
    fn rest(&mut self, signals: &Signals, wake_us: u64, busy: bool) {
        if !busy {
            self.timer.set(self.clock.ns_at(wake_us));
        }
        let room = self.hosts.len() < MAX_HOSTS + MAX_WAITING;
        let mut sources = vec![(signals.as_fd(), PollFlags::IN), (self.timer.as_fd(), PollFlags::IN)];
        let first_listener = sources.len();
        let listens = if room { PollFlags::IN } else { PollFlags::empty() };
        sources.extend(self.listeners.iter().map(|listener| (listener.as_fd(), listens)));
        let first_host = sources.len();
        for host in &self.hosts {
            let reads = if host.has_received() { PollFlags::empty() } else { PollFlags::IN };
            let writes = if host.has_unsent() { PollFlags::OUT } else { PollFlags::empty() };
            sources.push((host.as_fd(), reads | writes));
        }
        let edges = board(&mut self.device).fds();
        sources.extend(edges.into_iter().map(|fd| (fd, PollFlags::IN)));
        let rest = !busy && !self.hosts.iter().any(Host::has_received);
        let woken = wait(&sources, rest);
        for (host, woken) in self.hosts.iter_mut().zip(woken.iter().skip(first_host)) {
            if *woken && !host.has_received() {
                host.receive();
            }
        }
        for (listener, woken) in self.listeners.iter().zip(woken.iter().skip(first_listener)) {
            if *woken
                && room
                && let Some(stream) = listener.accept()
            {
                let served = self.hosts.iter().filter(|host| host.is_served()).count();
                self.hosts.push(if served < MAX_HOSTS {
                    Host::served(stream, self.identity)
                } else {
                    Host::refused(stream, self.identity)
                });
            }
        }
    }
}
