//! What the device says has happened, held against what is seen of it.

use std::collections::BTreeSet;

use xmap_device::{FORGIVEN_US, ImageHash};
use xmap_link::{DeviceEvent, DeviceEventKind, Life, RollbackReason};

use crate::machine::Machine;

/// A module at the end of a turn.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    hash: Option<ImageHash>,
    version: u32,
    runs: bool,
    on_trial: bool,
}

/// Restarts of a module after faults, none a minute after the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    restarts: u8,
    last_us: u64,
}

/// What is known of modules since the device's start.
#[derive(Debug, Default)]
pub(crate) struct Account {
    seen: [Seen; 2],
    /// Images whose trial failed, and that nobody has sent since.
    failed: [BTreeSet<ImageHash>; 2],
    chains: [Chain; 2],
    /// Transfers that the device has given up.
    pub(crate) transfers_ended: u64,
}

/// What a turn did to a module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Its outputs may have become safe, or it was loaded anew.
    pub(crate) may_be_safe: bool,
    /// The version that came to count as good, where another image may run since.
    pub(crate) confirmed: Option<u32>,
}

impl Account {
    /// A start: nothing is known but the transfers of the starts before.
    pub(crate) fn begin(&mut self) {
        *self = Self { transfers_ended: self.transfers_ended, ..Self::default() };
    }

    /// Checks what happened in a turn.
    pub(crate) fn check(&mut self, machine: &mut Machine<'_>) -> [Done; 2] {
        let events = machine.happened();
        let ended = events.iter().filter(|event| event.what == DeviceEventKind::TransferEnded).count();
        self.transfers_ended += ended as u64;
        [0, 1].map(|module| {
            let of: Vec<&DeviceEvent> = events.iter().filter(|event| event.module == module).collect();
            self.check_module(module, &of, machine)
        })
    }

    fn check_module(&mut self, module: u8, events: &[&DeviceEvent], machine: &mut Machine<'_>) -> Done {
        let index = usize::from(module);
        let now = Seen {
            hash: machine.device.image(module).map(|image| image.hash()),
            version: machine.version(module).unwrap_or(0),
            runs: machine.device.life(module) == Life::Running,
            on_trial: machine.is_on_trial(module),
        };
        let before = std::mem::replace(&mut self.seen[index], now);
        if events.is_empty() {
            return Done::default();
        }
        let has = |kind: fn(&DeviceEventKind) -> bool| events.iter().any(|event| kind(&event.what));
        let is_new = has(|what| matches!(what, DeviceEventKind::Swapped | DeviceEventKind::Mounted));
        let failed = has(|what| match what {
            DeviceEventKind::RolledBack(why) => *why != RollbackReason::Asked,
            _ => false,
        });
        if is_new {
            now.hash.map(|hash| self.failed[index].remove(&hash));
        } else if failed && now.hash != before.hash {
            // Where they are the same, the image before was that one, too, and good.
            self.failed[index].extend(before.hash);
        }
        if let Some(hash) = now.hash {
            assert!(
                !self.failed[index].contains(&hash),
                "module {module}: the image whose trial failed is back"
            );
        }
        // A trap ends a trial, whatever the image says of traps.
        let trapped = has(|what| matches!(what, DeviceEventKind::Trapped(_)));
        let otherwise = has(|what| {
            matches!(
                what,
                DeviceEventKind::Confirmed
                    | DeviceEventKind::Reset
                    | DeviceEventKind::NotMounted(_)
                    // The image before may have been the same.
                    | DeviceEventKind::RolledBack(_)
            )
        });
        if trapped && before.on_trial && before.runs && !is_new && !otherwise {
            let goes_on = now.runs && now.hash == before.hash;
            assert!(!goes_on, "module {module}: an image has trapped in its trial, and goes on");
        }
        self.count_restarts(module, events, machine);
        let confirmed = has(|what| matches!(what, DeviceEventKind::Confirmed)).then_some(before.version);
        let may_be_safe = has(|what| {
            matches!(
                what,
                DeviceEventKind::MadeSafe
                    | DeviceEventKind::Faulted
                    | DeviceEventKind::Reset
                    | DeviceEventKind::HostBack
            )
        });
        Done { may_be_safe, confirmed }
    }

    /// An image starts anew after faults as often as it says, until it has none for a while.
    fn count_restarts(&mut self, module: u8, events: &[&DeviceEvent], machine: &Machine<'_>) {
        let chain = &mut self.chains[usize::from(module)];
        for event in events {
            match event.what {
                DeviceEventKind::Restarted => {
                    if event.time_us.saturating_sub(chain.last_us) >= FORGIVEN_US {
                        chain.restarts = 0;
                    }
                    chain.restarts += 1;
                    chain.last_us = event.time_us;
                }
                DeviceEventKind::Swapped
                | DeviceEventKind::Mounted
                | DeviceEventKind::RolledBack(_)
                | DeviceEventKind::Reset => *chain = Chain::default(),
                _ => {}
            }
        }
        let Some(image) = machine.device.image(module) else { return };
        let most = image.manifest().map_or(0, |manifest| manifest.policy.restarts);
        assert!(
            chain.restarts <= most,
            "module {module}: {} restarts, and {most} are allowed",
            chain.restarts
        );
    }
}
