//! Lets time pass on a simulated device, within limits: a module whose handlers keep each other busy must
//! not keep a test or a command line busy for ever.

use std::fmt;

use xmap_boards::Line;
use xmap_device::Waiting;
use xmap_image::EventSource;

use crate::{Sim, SimBoard, time};

/// Events that are handled at one point of virtual time. More than these are a feedback: a device would do
/// nothing else from then on.
pub const MAX_EVENTS_AT_ONCE: u32 = 1_000;

/// Events that are handled while time passes once, for 60 days of a timer of one second and more.
pub const MAX_EVENTS: u32 = 10_000_000;

/// The end of virtual time, in microseconds since the board was made: 100 years.
pub const MAX_TIME_US: u64 = 100 * 365 * 86_400 * 1_000_000;

/// Why time does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standstill {
    /// [`MAX_EVENTS_AT_ONCE`] events came without time between them.
    Feedback {
        /// The key of the handler that ran last.
        handler: String,
        /// The line that it waits for, if it waits for one.
        line: Option<Line>,
        /// When, in microseconds.
        time_us: u64,
    },
    /// [`MAX_EVENTS`] events came before the time had passed.
    Events {
        /// The key of the handler that ran last.
        handler: String,
        /// When, in microseconds.
        time_us: u64,
    },
    /// The time would go beyond [`MAX_TIME_US`].
    End,
}

impl fmt::Display for Standstill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feedback { handler, line, time_us } => {
                write!(f, "{MAX_EVENTS_AT_ONCE} events without time passing, at {}", time(*time_us))?;
                write!(f, ": the handler `{handler}` is called again and again")?;
                match line {
                    Some(line) => write!(f, " by edges of line {line}"),
                    None => Ok(()),
                }
            }
            Self::Events { handler, time_us } => {
                write!(f, "{MAX_EVENTS} events before the time has passed, at {}", time(*time_us))?;
                write!(f, ", the last for the handler `{handler}`")
            }
            Self::End => write!(f, "virtual time ends after {MAX_TIME_US} us, which is 100 years"),
        }
    }
}

impl std::error::Error for Standstill {}

/// Events between two looks at what happened: each adds three things at most to a list of some dozens.
const KEPT_EVERY: u32 = 8;

impl Sim {
    /// Lets time pass, in microseconds, with all that falls due in it: each event is handled at its time.
    ///
    /// # Errors
    /// [`Standstill`]: the events up to there have been handled.
    pub fn pass(&mut self, us: u64) -> Result<(), Standstill> {
        self.pass_within(us, MAX_EVENTS, &mut |_| false).map(drop)
    }

    /// Lets time pass until a line has a level, or had it for a moment, but no longer than this. Returns
    /// whether it had.
    ///
    /// # Errors
    /// As [`Sim::pass`].
    pub fn pass_until_level(&mut self, us: u64, line: Line, high: bool) -> Result<bool, Standstill> {
        let from = self.board().changes().len();
        self.pass_within(us, MAX_EVENTS, &mut |board| {
            let changes = board.changes().get(from..).unwrap_or_default();
            board.is_high(line) == high
                || changes.iter().any(|change| change.line == line && change.high == high)
        })
    }

    /// Lets time pass until `stop` says yes. Returns whether it did.
    fn pass_within(
        &mut self,
        us: u64,
        most: u32,
        stop: &mut dyn FnMut(&SimBoard) -> bool,
    ) -> Result<bool, Standstill> {
        let end_us = self.time_us().checked_add(us).filter(|end_us| *end_us <= MAX_TIME_US);
        let end_us = end_us.ok_or(Standstill::End)?;
        let (mut events, mut at_once, mut at_us) = (0, 0, self.time_us());
        loop {
            if stop(self.board()) {
                return Ok(true);
            }
            let now_us = self.time_us();
            if now_us != at_us {
                (at_once, at_us) = (0, now_us);
            }
            // A handler that waits takes time of its own, and may go beyond the end.
            if now_us <= end_us
                && let Some(event) = self.device().poll_event()
            {
                self.reach(event.module.number(), event.export);
                (events, at_once) = (events + 1, at_once + 1);
                if events % KEPT_EVERY == 0 {
                    self.keep_traps();
                }
                if at_once == MAX_EVENTS_AT_ONCE && self.time_us() == now_us {
                    let (handler, line) = self.handler(event);
                    return Err(Standstill::Feedback { handler, line, time_us: now_us });
                }
                if events == most {
                    let (handler, _) = self.handler(event);
                    return Err(Standstill::Events { handler, time_us: now_us });
                }
                continue;
            }
            if now_us >= end_us {
                return Ok(false);
            }
            let wake_us = self.device().next_wake_us().min(self.board().next_scheduled_us());
            self.board_mut().advance(wake_us.clamp(now_us, end_us) - now_us);
        }
    }

    /// The key of an event's handler, and the line that it waits for.
    fn handler(&mut self, event: Waiting) -> (String, Option<Line>) {
        let Some(image) = self.device().image(event.module.number()) else { return Default::default() };
        let key = image.key(event.export).unwrap_or_default().to_owned();
        let manifest = image.manifest().unwrap_or_default();
        let source = manifest.events.iter().find(|handler| handler.export == event.export.0);
        let line = match source.map(|handler| handler.source) {
            Some(
                EventSource::Rising { line, .. }
                | EventSource::Falling { line, .. }
                | EventSource::Both { line, .. },
            ) => Line::new(line),
            _ => None,
        };
        (key, line)
    }
}

#[cfg(test)]
mod tests {
    use xmap_boards::BoardId;
    use xmap_image::{Entry, Event, Export, Function, ImageBuilder, Op};

    use super::*;

    /// Handlers of timers; each waits for some microseconds.
    fn timers(timers: &[(u32, u16)]) -> Sim {
        let mut builder = ImageBuilder::new(BoardId::Rpi4b);
        for (n, (every_us, wait_us)) in (0..).zip(timers) {
            let code = [Op::Const32.a16(1, *wait_us), Op::TimeDelay.abc(1, 0, 0), Op::Ret.abc(0, 0, 0)];
            let code = if *wait_us == 0 { code[2..].to_vec() } else { code.to_vec() };
            builder.functions.push(Function { frame: 2, params: 0, results: 0, code });
            builder.exports.push(Export {
                key: format!("panel.t{n:02}"),
                name: format!("t{n:02}"),
                params: Vec::new(),
                results: Vec::new(),
                entry: Entry::Code { function: u32::from(n), fuel: 1000 },
            });
            let event = Event { export: n, source: EventSource::Every { every_us: *every_us } };
            builder.manifest.events.push(event).unwrap();
        }
        Sim::from_words(builder.build().unwrap()).unwrap()
    }

    #[test]
    fn a_storm_of_timers_ends() {
        let mut sim = timers(&[(1, 0); 16]);
        let Err(Standstill::Events { handler, time_us }) =
            sim.pass_within(MAX_TIME_US, 10_000, &mut |_| false)
        else {
            panic!("it went on");
        };
        assert_eq!((handler.as_str(), time_us), ("panel.t15", 10_000 / 16));
    }

    #[test]
    fn handlers_that_are_slower_than_their_timers_let_time_pass() {
        let mut sim = timers(&[(1, 1000), (3, 20)]);
        sim.pass_within(100_000, 10_000, &mut |_| false).unwrap();
        assert!((100_000..110_000).contains(&sim.time_us()), "{}", sim.time_us());
    }

    #[test]
    fn time_ends() {
        let mut sim = timers(&[]);
        assert_eq!(sim.pass(u64::MAX), Err(Standstill::End));
        assert_eq!(sim.pass(MAX_TIME_US), Ok(()));
        assert_eq!((sim.pass(1), sim.pass(0)), (Err(Standstill::End), Ok(())));
    }
}
