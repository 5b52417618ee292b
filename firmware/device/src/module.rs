//! A module of a device: two slots, of which one is active, and what is known of both.

use tiny_mapper::Trap;
use xmap_image::{ExportId, FaultPolicy, Image};
use xmap_link::limits::MAX_CALLERS;
use xmap_link::{Callers, ImageInfo, ImageState, Life, ModuleStatus, TrapReport, export_id, split_export_id};

use crate::device::report;
use crate::flight::{Exchange, deadline, flag, time, value};
use crate::metrics::Metrics;
use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::{Ram, SlotMemory, Torn};

/// An export of one of a device's modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleExport {
    /// The module's number.
    pub module: u8,
    /// The export of its active image.
    pub export: ExportId,
}

impl ModuleExport {
    /// The number on the link.
    pub const fn id(self) -> u16 {
        export_id(self.module, self.export.0)
    }

    /// The export with this number on the link.
    pub const fn from_id(id: u16) -> Self {
        let (module, position) = split_export_id(id);
        Self { module, export: ExportId(position) }
    }
}

/// What a module's events and faults came to since boot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Calls and traps of images that are gone.
    pub(crate) calls: u64,
    pub(crate) traps: u64,
    /// Those of all traps that a host's own arguments caused.
    pub(crate) mistakes: u64,
    /// Those of all traps that were calls which the module refused.
    pub(crate) refused: u64,
    pub(crate) events: u32,
    pub(crate) missed: u32,
    pub(crate) dropped: u32,
    pub(crate) coalesced: u32,
    pub(crate) restarts: u32,
    pub(crate) late_us: u32,
    pub(crate) trap: Option<TrapReport>,
}

/// One of a module's two slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The active slot.
    Active,
    /// The other one: that of the next image, or of the one before.
    Other,
}

/// A module.
#[derive(Debug)]
pub(crate) struct Module<R: Ram> {
    slots: [Slot<R>; 2],
    active: usize,
    /// What became of the image that the module was given last, as long as none runs.
    pub(crate) state: ImageState,
    /// Grows with each image that becomes active.
    pub(crate) generation: u16,
    pub(crate) tally: Tally,
    /// How it came to its latest trap.
    pub(crate) callers: Callers,
    /// What was counted of the exports of the active image.
    pub(crate) metrics: Metrics,
    /// When the trial of the active image ends.
    pub(crate) trial_us: Option<u64>,
    /// Whether the active image failed its trial and stays all the same, as nothing may take its place. It
    /// never counts as good.
    pub(crate) failed: bool,
    /// Whether the image of the other slot never counted as good: a host broke its trial off, or it failed.
    pub(crate) unproven: bool,
    /// Whether the image before the active one is kept to go back to.
    pub(crate) previous: bool,
    /// Restarts since the module last ran for a while without a fault, and when the last one was.
    pub(crate) restarts: u8,
    pub(crate) restarted_us: u64,
    /// Whether the module rests because no host is heard.
    pub(crate) host_lost: bool,
    /// Whether an overrun was told since the queue last had room.
    pub(crate) overrun_told: bool,
}

impl<R: Ram> Module<R> {
    pub(crate) fn new(id: ModuleId, rooms: [SlotMemory<R>; 2]) -> Self {
        Self {
            slots: rooms.map(|room| Slot::new(id, room)),
            active: 0,
            state: ImageState::None,
            generation: 0,
            tally: Tally::default(),
            callers: Callers::default(),
            metrics: Metrics::default(),
            trial_us: None,
            failed: false,
            unproven: false,
            previous: false,
            restarts: 0,
            restarted_us: 0,
            host_lost: false,
            overrun_told: false,
        }
    }

    #[inline]
    pub(crate) fn active(&self) -> &Slot<R> {
        &self.slots[self.active & 1]
    }

    #[inline]
    pub(crate) fn active_mut(&mut self) -> &mut Slot<R> {
        &mut self.slots[self.active & 1]
    }

    pub(crate) fn inactive(&self) -> &Slot<R> {
        &self.slots[1 - (self.active & 1)]
    }

    pub(crate) fn inactive_mut(&mut self) -> &mut Slot<R> {
        &mut self.slots[1 - (self.active & 1)]
    }

    pub(crate) fn slot(&self, place: Place) -> &Slot<R> {
        match place {
            Place::Active => self.active(),
            Place::Other => self.inactive(),
        }
    }

    pub(crate) fn slot_mut(&mut self, place: Place) -> &mut Slot<R> {
        match place {
            Place::Active => self.active_mut(),
            Place::Other => self.inactive_mut(),
        }
    }

    /// The image that may come back: it keeps its lines, keys and name from the images of other modules.
    pub(crate) fn returning(&self) -> Option<Image<'_>> {
        self.inactive().image().filter(|_| self.previous)
    }

    /// Forgets the image before the active one: nothing goes back to it, and nothing of it is reserved.
    pub(crate) fn forget_previous(&mut self) {
        (self.previous, self.unproven) = (false, false);
        self.inactive_mut().clear();
    }

    /// Takes both images away. The module waits for another one, and for nothing else.
    pub(crate) fn vacate(&mut self, state: ImageState) {
        self.settle_counters();
        self.forget_previous();
        self.metrics.clear();
        self.active_mut().clear();
        (self.trial_us, self.host_lost, self.restarts, self.state) = (None, false, 0, state);
        self.failed = false;
    }

    /// The active slot and the other.
    pub(crate) fn both_mut(&mut self) -> (&mut Slot<R>, &mut Slot<R>) {
        let [first, second] = &mut self.slots;
        if self.active & 1 == 0 { (first, second) } else { (second, first) }
    }

    /// Makes the other slot the active one: handles of the image before are stale from here on.
    pub(crate) fn turn(&mut self) {
        self.unproven = self.trial_us.take().is_some() || self.failed;
        self.settle_counters();
        self.metrics.clear();
        self.active = 1 - (self.active & 1);
        self.generation = self.generation.wrapping_add(1);
        self.restarts = 0;
        (self.host_lost, self.failed) = (false, false);
    }

    /// Begins the trial of the active image. Returns whether it wants one.
    pub(crate) fn begin_trial(&mut self, now_us: u64) -> bool {
        let confirm_ms = self.policy().confirm_ms;
        self.trial_us = (confirm_ms != 0).then(|| now_us.saturating_add(u64::from(confirm_ms) * 1000));
        self.trial_us.is_some()
    }

    /// Takes what the active image has counted to the accounts, before it counts anew or rests.
    pub(crate) fn settle_counters(&mut self) {
        let (calls, traps) = self.active_mut().settle();
        self.tally.calls = self.tally.calls.wrapping_add(calls);
        self.tally.traps = self.tally.traps.wrapping_add(traps);
    }

    /// Exchanges what both slots and the module itself have come to. Accounts are no part of it.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        self.active_mut().exchange(with)?;
        self.inactive_mut().exchange(with)?;
        value(with, &mut self.generation)?;
        deadline(with, &mut self.trial_us)?;
        value(with, &mut self.restarts)?;
        time(with, &mut self.restarted_us)?;
        let flags = [
            &mut self.failed,
            &mut self.unproven,
            &mut self.previous,
            &mut self.host_lost,
            &mut self.overrun_told,
        ];
        flags.into_iter().try_for_each(|bit| flag(with, bit))
    }

    /// The policy of the active image.
    pub(crate) fn policy(&self) -> &FaultPolicy {
        &self.active().declared().policy
    }

    pub(crate) fn image(&self) -> Option<Image<'_>> {
        self.active().image()
    }

    pub(crate) fn life(&self) -> Life {
        self.active().life()
    }

    /// Notes by which calls the active image came to a trap, before anything else of it runs.
    #[cold]
    pub(crate) fn note_callers(&mut self, trap: Trap) {
        if trap.op == Trap::NO_OP {
            return;
        }
        let mut links = self.slots[self.active & 1].callers();
        let ops = links.by_ref().take(MAX_CALLERS).collect();
        let more = links.next().is_some();
        drop(links);
        self.callers = Callers { trap: Some(report(trap)), ops, more };
    }

    /// Returns whether the ring has notes of the active image.
    pub(crate) fn is_traced(&self) -> bool {
        !self.active().declared().untraced
    }

    /// Calls that were run since boot, and those that trapped by the module's own doing.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let (calls, traps) = self.active().unsettled();
        let others = self.tally.mistakes.wrapping_add(self.tally.refused);
        let traps = self.tally.traps.wrapping_add(traps).wrapping_sub(others);
        (self.tally.calls.wrapping_add(calls), traps)
    }

    pub(crate) fn status(&self, number: u8, now_us: u64) -> ModuleStatus {
        let image = self.image();
        let mut status = ModuleStatus {
            module: number,
            life: self.life(),
            image: image.as_ref().map(image_info),
            generation: self.generation,
            trial_ms: self.trial_us.map_or(0, |end| capped(end.saturating_sub(now_us).div_ceil(1000).max(1))),
            previous: self.previous,
            calls: capped(self.calls().0),
            traps: capped(self.calls().1),
            events: self.tally.events,
            missed: self.tally.missed,
            dropped: self.tally.dropped,
            coalesced: self.tally.coalesced,
            restarts: self.tally.restarts,
            late_us: self.tally.late_us,
            trap: self.tally.trap,
            ..ModuleStatus::default()
        };
        if let Some(image) = image {
            let name = image.manifest().map_or("", |manifest| manifest.module);
            let cut = name.floor_char_boundary(status.name.capacity());
            _ = status.name.push_str(name.get(..cut).unwrap_or_default());
        }
        status
    }
}

/// An image as the link describes it.
pub(crate) fn image_info(image: &Image<'_>) -> ImageInfo {
    ImageInfo { hash: image.hash(), version: image.header().version, exports: image.exports().len() as u16 }
}

/// A counter as it travels: it stops at its largest value.
pub(crate) fn capped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
