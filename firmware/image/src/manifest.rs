//! The manifest block: what no call reads, in postcard.

use heapless::Vec;
use serde::{Deserialize, Serialize};
use xmap_boards::Line;

use crate::{ALL_DAYS, DAY_MINUTES, FaultPolicy, Image, Keep, Persist, is_plain, limits};

/// Exports that the runtime itself calls, in each module that has them, in the order of a module's life.
/// They keep these names as their keys.
pub const HOOKS: [&str; 5] = ["_initialize", "on_mount", "export_cleanup", "on_unmount", ON_ARGUMENTS];

/// The export that says where the bytes of a host's `bytes` and `str` arguments are placed: it takes how many
/// there are, and returns an address, or 0 where it has no room.
pub const ON_ARGUMENTS: &str = "on_arguments";
/// Handlers that a manifest may declare.
pub const MAX_EVENTS: usize = 32;

/// The cold part of an image: names for people, and what the panel sets up once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// `[module] name`.
    #[serde(borrow)]
    pub module: &'a str,
    /// `[module] namespace`.
    pub namespace: &'a str,
    /// The names of declared lines, sorted by line; a line may have none.
    pub pins: Vec<PinName<'a>, { Line::COUNT as usize }>,
    /// The handlers that the runtime calls, in the order of the manifest.
    pub events: Vec<Event, MAX_EVENTS>,
    /// What the device does when something goes wrong. It stands behind the rest, and only where it is
    /// not the default: images of the first days have none.
    #[serde(skip)]
    pub policy: FaultPolicy,
}

/// The name of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinName<'a> {
    /// The line's number.
    pub line: u8,
    /// `name = "lamp"`.
    pub name: &'a str,
}

/// A handler and what calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The export, by its index.
    pub export: u16,
    /// What calls it.
    pub source: EventSource,
}

/// The source of an event, which calls a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventSource {
    /// `on = { pin, edge = "rising", debounce_us }`.
    Rising {
        /// The line's number.
        line: u8,
        /// Microseconds that the level must hold.
        debounce_us: u32,
    },
    /// `on = { pin, edge = "falling", debounce_us }`.
    Falling {
        /// The line's number.
        line: u8,
        /// Microseconds that the level must hold.
        debounce_us: u32,
    },
    /// `on = { pin, edge = "both", debounce_us }`.
    Both {
        /// The line's number.
        line: u8,
        /// Microseconds that the level must hold.
        debounce_us: u32,
    },
    /// `on = { every_us }`.
    Every {
        /// The period in microseconds.
        every_us: u32,
    },
    /// `on = { after_us }`: once, after the mount.
    After {
        /// The delay in microseconds.
        after_us: u32,
    },
    /// `on = { at, days }`: once on each of these days, in local time.
    At {
        /// The minute of the day, 0 to 1439.
        minute: u16,
        /// The days: bit 0 is Monday.
        days: u8,
    },
}

impl EventSource {
    /// The number of the line whose edges call the handler, if it is a line.
    pub const fn line(&self) -> Option<u8> {
        match self {
            Self::Rising { line, .. } | Self::Falling { line, .. } | Self::Both { line, .. } => Some(*line),
            Self::Every { .. } | Self::After { .. } | Self::At { .. } => None,
        }
    }

    /// Returns whether its numbers are in their ranges.
    const fn is_sound(&self) -> bool {
        match self {
            Self::At { minute, days } => *minute < DAY_MINUTES && *days != 0 && *days & !ALL_DAYS == 0,
            _ => true,
        }
    }
}

impl<'a> Manifest<'a> {
    /// Reads a manifest block; the strings stay where they are.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (mut manifest, rest) = postcard::take_from_bytes::<Self>(bytes).ok()?;
        if !rest.is_empty() {
            let (mut policy, rest) = postcard::take_from_bytes::<FaultPolicy>(rest).ok()?;
            // A default that is written out would be a second encoding of the same.
            if policy == FaultPolicy::default() {
                return None;
            }
            if !rest.is_empty() {
                let (persist, rest) = postcard::take_from_bytes(rest).ok()?;
                if !rest.is_empty() || persist == Persist::default() {
                    return None;
                }
                policy.persist = persist;
            }
            manifest.policy = policy;
        }
        Some(manifest)
    }

    /// The block that [`Manifest::decode`] reads.
    #[cfg(feature = "build")]
    pub(crate) fn encode(&self) -> postcard::Result<alloc::vec::Vec<u8>> {
        let mut block = postcard::to_allocvec(self)?;
        if self.policy != FaultPolicy::default() {
            block.extend(postcard::to_allocvec(&self.policy)?);
        }
        if self.policy.persist != Persist::default() {
            block.extend(postcard::to_allocvec(&self.policy.persist)?);
        }
        Ok(block)
    }

    /// Returns whether everything that it names is in the image, and no name acts on what shows it.
    pub(crate) fn fits(&self, image: &Image<'_>) -> bool {
        let declared = |line: u8| image.declared().has(line.into());
        let events = self.events.iter().all(|event| {
            usize::from(event.export) < image.exports().len()
                && event.source.is_sound()
                && event.source.line().is_none_or(declared)
        });
        let kept = self.policy.keep.iter().all(|keep| match *keep {
            Keep::Global(index) => usize::from(index) < image.globals().len(),
            Keep::Memory { from, bytes } => {
                u64::from(from) + u64::from(bytes) <= u64::from(image.header().memory_bytes)
            }
        });
        let sum = self.policy.keeps_once() && self.policy.kept_bytes() <= u64::from(limits::MAX_KEPT_BYTES);
        let persist = self.policy.persists_what_it_keeps();
        let plain = is_plain(self.module) && is_plain(self.namespace);
        let pins = self.pins.iter().all(|pin| declared(pin.line) && is_plain(pin.name));
        let contracts = image.carried_contracts().len();
        let contracts = contracts == 0 || contracts == image.exports().len();
        events && kept && sum && persist && plain && pins && contracts
    }
}

#[cfg(all(test, feature = "build"))]
mod tests {
    use super::*;

    /// A block with an element behind the policy; nothing behind it where `persist` is nothing.
    fn block(persist: &[u8]) -> alloc::vec::Vec<u8> {
        let policy = FaultPolicy { keep: [Keep::Global(0)].into_iter().collect(), ..FaultPolicy::default() };
        let mut block = Manifest { policy, ..Manifest::default() }.encode().unwrap();
        block.extend_from_slice(persist);
        block
    }

    #[test]
    fn each_element_behind_the_policy_has_one_encoding() {
        let persist =
            |behind: &[u8]| Manifest::decode(&block(behind)).map(|manifest| manifest.policy.persist);
        let found = [
            (&[][..], Persist::AsConfigured),
            (&[1, 60], Persist::EveryS(60)),
            (&[1, 0x80, 0xa3, 0x05], Persist::EveryS(86_400)),
            (&[2], Persist::Never),
        ];
        for (behind, expected) in found {
            assert_eq!(persist(behind), Some(expected));
            let manifest = Manifest::decode(&block(behind)).unwrap().encode().unwrap();
            assert_eq!(manifest, block(behind), "and it is written as it was read");
        }
        // The default that is written out, a number that means nothing, one that is cut, bytes behind it.
        for refused in [&[0][..], &[3], &[1], &[1, 0x80], &[2, 0], &[1, 60, 2], &[0, 2]] {
            assert_eq!(persist(refused), None, "{refused:?}");
        }
    }

    /// Without a policy there is nothing that it could stand behind.
    #[test]
    fn an_element_has_its_policy_before_it() {
        let plain = Manifest::default().encode().unwrap();
        let policy = postcard::to_allocvec(&FaultPolicy::default()).unwrap();
        for behind in [&[2][..], &[1, 60]] {
            assert!(Manifest::decode(&[&plain[..], behind].concat()).is_none());
            assert!(Manifest::decode(&[&plain[..], &policy, behind].concat()).is_none());
        }
    }
}
