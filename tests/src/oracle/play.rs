//! A script, the time that passes in it, and what follows a fault.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

use super::engine::{Guest, Refusal};
use super::events::Events;
use super::{Arg, Manifest, OnFault, Script, Step};

/// A minute after the last restart, those before count no more (docs/manifest.md, `[policy]`).
const FORGIVEN_US: u64 = 60_000_000;

/// Events at one point of time that end a run as an error (docs/cli.md, *Scripts*).
const AT_ONCE: u32 = 1_000;

/// What a script came to.
#[derive(Debug)]
pub struct Run {
    /// The plain trace.
    pub trace: String,
    /// The handlers that were called by what they wait for.
    pub handled: BTreeSet<String>,
}

/// Loads a module, mounts it and runs a script.
///
/// # Errors
///
/// Where the module cannot be loaded or mounted, or the script does not fit it. A trap in a call or a handler
/// is no error: it stands in the trace.
pub fn run(manifest: &Manifest, wasm: &[u8], script: &Script) -> Result<Run> {
    let mut guest = Guest::new(manifest, wasm)?;
    if let Err(refusal) = guest.mount(None)? {
        bail!("{refusal}");
    }
    let mut play = Play {
        manifest,
        guest,
        events: Events::default(),
        rests: false,
        restarts: 0,
        restarted_us: 0,
        traps: Vec::new(),
        handled: BTreeSet::new(),
    };
    play.arm();
    for (i, step) in script.steps.iter().enumerate() {
        play.step(step).with_context(|| match step {
            Step::Call { name, .. } => format!("step {}: `{name}`", i + 1),
            _ => format!("step {}", i + 1),
        })?;
    }
    Ok(Run { trace: play.guest.store.into_data().trace, handled: play.handled })
}

struct Play<'m> {
    manifest: &'m Manifest,
    guest: Guest,
    events: Events,
    /// After a fault: no calls, no events.
    rests: bool,
    restarts: u32,
    restarted_us: u64,
    /// Lines for the traps of handlers in this step.
    traps: Vec<String>,
    handled: BTreeSet<String>,
}

impl Play<'_> {
    fn now_us(&self) -> u64 {
        self.guest.store.data().now_us()
    }

    fn arm(&mut self) {
        let board = self.guest.store.data();
        self.events = Events::arm(self.manifest, board.now_us(), &board.clock, |line| board.level(line));
    }

    /// Looks for edges.
    fn look(&mut self) {
        let board = self.guest.store.data();
        self.events.look(board.now_us(), |line| board.level(line));
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        let outcome = match step {
            Step::Level { line, high } => {
                let free = self.guest.store.data_mut().drive_from_outside(*line, *high);
                ensure!(free, "line {line} is an output, or no line of the board");
                self.look();
                self.pass(0)?;
                None
            }
            Step::Advance(us) => {
                self.pass(*us)?;
                None
            }
            Step::Clock(unix_us) => {
                let now_us = self.now_us();
                let anew = self.guest.store.data_mut().clock.set(*unix_us, now_us);
                self.events.set_clock(now_us, &self.guest.store.data().clock, anew);
                self.pass(0)?;
                None
            }
            Step::AdvanceTo(unix_us) => {
                let now = self.guest.store.data().clock.unix_us(self.now_us());
                ensure!(now >= 0, "the time is not known");
                self.pass(u64::try_from(unix_us - now).context("that time has passed")?)?;
                None
            }
            Step::Call { name, args } => Some(self.call(name, args)?),
            Step::Swap => {
                self.swap()?;
                None
            }
        };
        let traps = std::mem::take(&mut self.traps);
        let board = self.guest.store.data_mut();
        traps.iter().chain(&outcome).for_each(|line| board.tell(line));
        Ok(())
    }

    /// A call behind the events that wait; the line for its outcome.
    fn call(&mut self, name: &str, args: &[Arg]) -> Result<String> {
        self.handle_waiting()?;
        if self.rests {
            return Ok(format!("{name} faulted"));
        }
        let outcome = self.guest.call_by_text(self.manifest, name, args)?;
        self.look();
        let line = match outcome {
            Ok(text) => format!("{name} ->{text}"),
            Err(code) => {
                self.fault(code)?;
                format!("{name} trap {code}")
            }
        };
        self.pass(0)?;
        Ok(line)
    }

    /// Time passes, and each handler is called at its time, or as soon as the one before is done.
    fn pass(&mut self, us: u64) -> Result<()> {
        let end_us = self.now_us().checked_add(us).context("the time does not exist")?;
        let (mut at_once, mut at_us) = (0, self.now_us());
        loop {
            let now_us = self.now_us();
            if now_us != at_us {
                (at_once, at_us) = (0, now_us);
            }
            if now_us <= end_us
                && let Some((name, key)) = self.events.take(now_us, &self.guest.store.data().clock)?
            {
                self.handle(name, &key)?;
                at_once += 1;
                ensure!(at_once < AT_ONCE || self.now_us() != now_us, "events without time passing: {key}");
                continue;
            }
            if now_us >= end_us {
                return Ok(());
            }
            let next_us = self.events.next_us().map_or(end_us, |next_us| next_us.min(end_us));
            self.guest.store.data_mut().advance(next_us - now_us);
        }
    }

    /// The events that wait now; not those that fall due meanwhile.
    fn handle_waiting(&mut self) -> Result<()> {
        let now_us = self.now_us();
        while let Some((name, key)) = self.events.take(now_us, &self.guest.store.data().clock)? {
            self.handle(name, &key)?;
        }
        Ok(())
    }

    /// The module leaves and comes back, as docs/lifecycle.md and docs/manifest.md have it: state begins anew
    /// but for what is kept, timers of the same key and period go on, lines stay as they are.
    fn swap(&mut self) -> Result<()> {
        self.handle_waiting()?;
        if !self.rests && self.guest.has("on_unmount") {
            let outcome = self.guest.call("on_unmount", &[])?;
            ensure!(outcome.is_ok(), "on_unmount trapped");
        }
        if let Err(refusal) = self.guest.mount(Some(&self.manifest.keep))? {
            bail!("{refusal}");
        }
        if self.rests {
            self.guest.store.data_mut().wake(self.manifest);
        }
        let before = std::mem::take(&mut self.events);
        self.arm();
        self.events.go_on(&before);
        (self.rests, self.restarts) = (false, 0);
        Ok(())
    }

    fn handle(&mut self, name: String, key: &str) -> Result<()> {
        let outcome = self.guest.call(&name, &[])?;
        self.handled.insert(name);
        self.look();
        if let Err(code) = outcome {
            self.traps.push(format!("{key} trap {code}"));
            self.fault(code)?;
        }
        Ok(())
    }

    /// Does what the policy has follow a fault.
    fn fault(&mut self, code: &str) -> Result<()> {
        let policy = self.manifest.policy;
        let follows = if code == "fuel" { policy.on_fuel.unwrap_or(policy.on_trap) } else { policy.on_trap };
        let now_us = self.now_us();
        if now_us - self.restarted_us >= FORGIVEN_US {
            self.restarts = 0;
        }
        match follows {
            OnFault::Hold => Ok(()),
            OnFault::Restart if self.restarts < policy.restarts => {
                self.restarts += 1;
                self.restarted_us = now_us;
                self.restart()
            }
            OnFault::Safe | OnFault::Restart => {
                self.rest();
                Ok(())
            }
        }
    }

    fn rest(&mut self) {
        self.guest.store.data_mut().make_safe(self.manifest);
        self.rests = true;
        self.events = Events::default();
    }

    fn restart(&mut self) -> Result<()> {
        let board = self.guest.store.data_mut();
        board.make_safe(self.manifest);
        board.prepare(self.manifest);
        match self.guest.mount(None)? {
            Ok(()) => self.arm(),
            Err(refusal) => {
                if let Refusal::Trapped { name, code } = refusal {
                    self.traps.push(format!("{name} trap {code}"));
                }
                self.rest();
            }
        }
        Ok(())
    }
}
