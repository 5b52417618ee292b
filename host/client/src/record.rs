//! What a device did between two moments, as the plain lines of the simulator.

use tiny_mapper::{Trap, TrapCode};
use xmap_boards::Board;
use xmap_image::Plain;
use xmap_link::{Access, DeviceEventKind, TraceEntry, TrapReport};

use crate::client::Client;
use crate::error::{Error, ErrorCode};
use crate::inbox::{Incoming, Message};

/// Follows a device's register trace and its messages.
#[derive(Debug)]
pub struct Recorder {
    next: u32,
}

impl Recorder {
    /// Starts at this moment: what came before is not shown.
    ///
    /// # Errors
    ///
    /// Those of every method of [`Client`].
    pub fn start(client: &mut Client) -> Result<Self, Error> {
        let next = client.status()?.trace_next;
        client.take_incoming().for_each(drop);
        Ok(Self { next })
    }

    /// Starts with the access of this number, 0 being the first after boot. What has come unasked and
    /// was not taken yet counts as well.
    pub const fn since(next: u32) -> Self {
        Self { next }
    }

    /// Returns what happened since the last time, in order: `GPSET0 0x00020000` for each store to a set or
    /// clear register, `log LEVEL TEXT` for each message. defmt frames are dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TraceLost`] where the device has overwritten accesses before they were read, and those
    /// of every method of [`Client`].
    pub fn lines(&mut self, client: &mut Client) -> Result<Vec<String>, Error> {
        let entries = client.trace(self.next)?;
        for (number, _) in &entries {
            let lost = number - self.next;
            if lost > 0 {
                let message = format!("{lost} register accesses were overwritten before they were read");
                return Err(client.error(ErrorCode::TraceLost, &message));
            }
            self.next = number.saturating_add(1);
        }
        let board = client.board();
        let messages = client.take_incoming().filter_map(|incoming| match incoming {
            Incoming::Message(message) => Some(message),
            Incoming::Defmt(_) => None,
        });
        Ok(merge(board, &entries, messages))
    }
}

/// Follows the traps of handlers, and of the other functions that a device calls by itself.
#[derive(Debug, Default)]
pub struct HandlerTraps {
    next: u32,
}

impl HandlerTraps {
    /// Starts with the happening of this number, 0 being the first after boot.
    pub const fn since(next: u32) -> Self {
        Self { next }
    }

    /// The traps since the last time as the plain trace has them, `panel.on_tick trap fuel`, with the key of
    /// the export. `own` is the trap of a call that was made since: it happened as well, and is told as the
    /// call's outcome.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TraceLost`] where the device no longer holds what happened since the last time, and those
    /// of every method of [`Client`].
    pub fn lines(&mut self, client: &mut Client, own: Option<&TrapReport>) -> Result<Vec<String>, Error> {
        let (happenings, next) = client.happenings(self.next)?;
        if let Some((first, _)) = happenings.first()
            && *first > self.next
        {
            let message = format!("{} happenings were overwritten before they were read", first - self.next);
            return Err(client.error(ErrorCode::TraceLost, &message));
        }
        self.next = next;
        let traps = happenings.into_iter().filter_map(|(_, happening)| match happening.what {
            DeviceEventKind::Trapped(report) | DeviceEventKind::Refused(report) => {
                Some((happening.module, report))
            }
            _ => None,
        });
        let mut traps: Vec<(u8, TrapReport)> = traps.collect();
        if let Some(at) = own.and_then(|own| traps.iter().rposition(|(_, report)| report == own)) {
            traps.remove(at);
        }
        traps.into_iter().map(|(module, report)| handler_trap(client, module, &report)).collect()
    }
}

fn handler_trap(client: &mut Client, module: u8, trap: &TrapReport) -> Result<String, Error> {
    let key = match trap.export {
        Trap::START => "start".to_owned(),
        export => client.export_key(module, export)?.unwrap_or_else(|| format!("#{export}")),
    };
    Ok(match TrapCode::from_u8(trap.code) {
        Some(code) => format!("{key} trap {code}"),
        None => format!("{key} trap {}", trap.code),
    })
}

/// Accesses and messages in the order in which they happened.
fn merge(
    board: &Board,
    entries: &[(u32, TraceEntry)],
    messages: impl Iterator<Item = Message>,
) -> Vec<String> {
    // A message with n accesses before it stands in front of access n.
    let messages = messages.map(|message| {
        ((message.trace_at, false), format!("log {} {}", message.level.name(), Plain(&message.text)))
    });
    let stores = entries.iter().filter_map(|(number, entry)| Some(((*number, true), store(board, entry)?)));
    let mut lines: Vec<_> = messages.chain(stores).collect();
    lines.sort_by_key(|(order, _)| *order);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The plain line of an access: stores to set and clear registers have one.
fn store(board: &Board, entry: &TraceEntry) -> Option<String> {
    let register = board.register_at(entry.offset)?;
    let drives = entry.access == Access::Write && register.kind.drives();
    drives.then(|| format!("{register} {:#010x}", entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_boards::RPI4B;
    use xmap_link::Level;

    fn entry(access: Access, offset: u16, value: u32) -> TraceEntry {
        TraceEntry { time_us: 0, access, offset, value }
    }

    #[test]
    fn messages_stand_where_they_were_sent() {
        let entries = [
            (7, entry(Access::Read, 0x34, 1)),
            (8, entry(Access::Write, 0x1c, 0x2_0000)),
            (9, entry(Access::Write, 0x04, 0x1_0000)),
            (10, entry(Access::Write, 0x2c, 1)),
            (11, entry(Access::Read, 0x1c, 0)),
        ];
        let message =
            |trace_at, text: &str| Message { trace_at, level: Level::Warn, text: text.into(), module: None };
        let messages = [message(8, "a"), message(8, "b"), message(9, "c"), message(11, "d")];
        let lines = merge(&RPI4B, &entries, messages.into_iter());
        assert_eq!(
            lines,
            [
                "log WARN a",
                "log WARN b",
                "GPSET0 0x00020000",
                "log WARN c",
                "GPCLR1 0x00000001",
                "log WARN d"
            ]
        );
    }
}
