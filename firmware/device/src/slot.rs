//! A slot: room for one image, and the state of its module while nobody calls it.

use heapless::Vec;
use tiny_mapper::{LoadError, Port, Store, Suspended};
use xmap_image::{
    Event, FaultPolicy, HASH_WORD, HASH_WORDS, Image, Keep, MAX_EVENTS, Persist, VerifiedImage, VerifyError,
    Word,
};
use xmap_link::Life;
use xmap_trust::{Limit, Origin};

use crate::flight::{Exchange, flag, value};
use crate::lifecycle::{Step, next};
use crate::meter::Meter;
use crate::modules::ModuleId;
use crate::{Board, Called, Hook, MachineCode, MountError, Panel, Ram, Ring, SlotMemory, Torn, Traced};

/// What a device needs of an image's manifest block again and again: decoded once, when the image is
/// admitted.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) policy: FaultPolicy,
    pub(crate) events: Vec<Event, MAX_EVENTS>,
    /// Whether nothing of the module is noted in the ring.
    pub(crate) untraced: bool,
}

/// A slot.
#[derive(Debug)]
pub(crate) struct Slot<R: Ram> {
    /// The module that it is one of.
    module: ModuleId,
    /// The words, while no image stands in them. One of this and `image` is there.
    words: Option<R::Words>,
    image: Option<VerifiedImage<R::Words>>,
    /// Where the image came from, where anybody asks.
    origin: Origin,
    declared: Declared,
    /// The policy's version, and the highest version of the module, with which the image was last allowed to
    /// run.
    allowed: Option<(u32, u32)>,
    stack: R::Slots,
    globals: R::Slots,
    memory: R::Bytes,
    code: R::Code,
    /// Whether machine code is made of images.
    makes_code: bool,
    state: Option<Suspended>,
    /// Calls and traps that are in the module's accounts already.
    settled: (u64, u64),
    life: Life,
    texts: Meter,
}

impl<R: Ram> Slot<R> {
    pub(crate) fn new(module: ModuleId, room: SlotMemory<R>) -> Self {
        let SlotMemory { words, stack, globals, memory } = room;
        Self {
            module,
            words: Some(words),
            image: None,
            origin: Origin::new(),
            declared: Declared::default(),
            allowed: None,
            stack,
            globals,
            memory,
            code: R::Code::default(),
            makes_code: false,
            state: None,
            settled: (0, 0),
            life: Life::Unloaded,
            texts: Meter::new(Limit::Log.default()),
        }
    }

    pub(crate) fn life(&self) -> Life {
        self.life
    }

    /// Takes a step. One that cannot be taken is a mistake of the device program; the state stays.
    pub(crate) fn step(&mut self, step: Step) {
        let next = next(self.life, step);
        debug_assert!(next.is_some(), "{:?} cannot {step:?}", self.life);
        self.life = next.unwrap_or(self.life);
    }

    /// Returns whether the image is loaded: its state is there.
    pub(crate) const fn is_loaded(&self) -> bool {
        self.image.is_some() && self.state.is_some()
    }

    /// The words, to write an image into; `None` while one stands there.
    pub(crate) fn words_mut(&mut self) -> Option<&mut [u32]> {
        self.words.as_deref_mut()
    }

    /// Gives up the image, where there is one.
    pub(crate) fn clear(&mut self) {
        if let Some(image) = self.image.take() {
            self.words = Some(image.into_words());
            self.step(Step::Unload);
        }
        self.code.forget();
        self.state = None;
        self.settled = (0, 0);
        self.allowed = None;
    }

    /// Lets images that are loaded from now on run as machine code, where the target has such.
    pub(crate) fn set_machine_code(&mut self, on: bool) {
        self.makes_code = on;
    }

    pub(crate) const fn makes_code(&self) -> bool {
        self.makes_code
    }

    /// Puts an image that was admitted before into new memory, and loads it. `None` where it is not one that
    /// could have been.
    pub(crate) fn put<P: Port>(
        &mut self,
        (module, room): (ModuleId, SlotMemory<R>),
        image: &Image<'_>,
        makes_code: bool,
        port: &mut P,
    ) -> Option<()> {
        *self = Self { makes_code, ..Self::new(module, room) };
        let words = image.words();
        self.words_mut()?.get_mut(..words.len())?.copy_from_slice(words);
        self.admit(words.len() * 4, None).ok()?;
        self.load(port).ok()
    }

    /// The machine code of the image.
    pub(crate) const fn code(&self) -> &R::Code {
        &self.code
    }

    /// Returns whether the image runs as machine code.
    pub(crate) fn runs_machine_code(&self) -> bool {
        self.code.machine().is_some()
    }

    /// Makes an image of the first `bytes` of the words, whose hash is the one that was announced, if any
    /// was.
    pub(crate) fn admit(&mut self, bytes: usize, announced: Option<[u8; 32]>) -> Result<(), VerifyError> {
        if !bytes.is_multiple_of(4) {
            return Err(VerifyError::Alignment);
        }
        let stated = self.words.as_deref().unwrap_or_default().get(HASH_WORD..HASH_WORD + HASH_WORDS);
        let stated = stated.map(bytemuck::cast_slice::<u32, u8>);
        if announced.is_some_and(|hash| stated != Some(&hash[..])) {
            return Err(VerifyError::Hash);
        }
        self.take(|words| VerifiedImage::admit(words, bytes / 4))
    }

    /// Makes an image of the first `len` words, whose hash is known to be that of a seal.
    pub(crate) fn admit_verified(&mut self, len: usize) -> Result<(), VerifyError> {
        self.take(|words| VerifiedImage::verify(words, len))
    }

    fn take(
        &mut self,
        admit: impl FnOnce(R::Words) -> Result<VerifiedImage<R::Words>, (R::Words, VerifyError)>,
    ) -> Result<(), VerifyError> {
        let words = self.words.take().ok_or(VerifyError::Length)?;
        match admit(words) {
            Ok(image) => {
                self.declared = {
                    let manifest = image.manifest();
                    let untraced = image.image().is_untraced();
                    Declared { policy: manifest.policy, events: manifest.events, untraced }
                };
                self.image = Some(image);
                self.step(Step::Verify);
                Ok(())
            }
            Err((words, error)) => {
                self.words = Some(words);
                Err(error)
            }
        }
    }

    /// Notes where the image came from.
    pub(crate) fn set_origin(&mut self, origin: &Origin) {
        self.origin.clone_from(origin);
    }

    /// Returns whether the image was allowed by the policy of this version, with this highest version of its
    /// module.
    pub(crate) fn is_allowed_by(&self, policy: u32, highest: u32) -> bool {
        self.allowed == Some((policy, highest))
    }

    /// Notes that it was.
    pub(crate) fn set_allowed_by(&mut self, policy: u32, highest: u32) {
        self.allowed = Some((policy, highest));
    }

    /// The image, the words behind it, and where it came from.
    pub(crate) fn admitted(&self) -> Option<(Image<'_>, &[Word], &Origin)> {
        let image = self.image.as_ref()?;
        Some((image.image(), image.behind(), &self.origin))
    }

    /// Returns what the image's manifest block says; the default, where there was none yet.
    pub(crate) fn declared(&self) -> &Declared {
        &self.declared
    }

    #[inline]
    pub(crate) fn image(&self) -> Option<Image<'_>> {
        self.image.as_ref().map(VerifiedImage::image)
    }

    /// Returns whether the image can be loaded here.
    pub(crate) fn fits(&mut self) -> Result<(), LoadError> {
        let Some(image) = &self.image else { return Ok(()) };
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        store.fits(&image.image())
    }

    /// Loads the image: its state is that of the beginning.
    pub(crate) fn load<P: Port>(&mut self, port: &mut P) -> Result<(), LoadError> {
        let Some(image) = &self.image else { return Ok(()) };
        // After a restart it is there.
        if self.makes_code && self.code.machine().is_none() {
            self.code.make(&image.image());
        }
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        self.state = Some(Panel::load(image.image(), port, store)?.suspend().2);
        self.settled = (0, 0);
        Ok(())
    }

    /// Gives the loaded module to `f`; `None` where none is loaded.
    #[inline]
    pub(crate) fn with<B: Board, T>(
        &mut self,
        board: &mut B,
        ring: &mut Ring,
        f: impl FnOnce(&mut Panel<'_, Traced<'_, B>>) -> T,
    ) -> Option<T> {
        let image = self.image.as_ref()?.image();
        if !self.texts.is_full() {
            self.texts.fill(board.stamp_us());
        }
        board.allow_text(self.module.number(), self.texts.left());
        let store = Store { stack: &mut self.stack, memory: &mut self.memory, globals: &mut self.globals };
        let mut panel = Panel::resume(image, Traced { board, ring }, store, self.state?).ok()?;
        #[cfg(feature = "machine-code")]
        panel.mapper_mut().set_machine(self.code.machine());
        let value = f(&mut panel);
        let (Traced { board, .. }, _, state) = panel.suspend();
        self.state = Some(state);
        if let Some(left) = board.text_left().filter(|left| *left < self.texts.left()) {
            self.texts.spend(left, board.stamp_us());
        }
        Some(value)
    }

    /// Gives the loaded module to `f`, which calls functions that the device calls by itself; where the
    /// module has one of them, the ring has a note of it.
    pub(crate) fn with_hook<B: Board>(
        &mut self,
        board: &mut B,
        ring: &mut Ring,
        (module, hooks): (u8, &[Hook]),
        f: impl FnOnce(&mut Panel<'_, Traced<'_, B>>) -> Result<(), MountError>,
    ) -> Result<(), MountError> {
        let has = |image: Image<'_>| {
            hooks.iter().any(|hook| match hook {
                Hook::Start => image.header().start.is_some(),
                hook => image.find_name(hook.name()).is_some(),
            })
        };
        let on = Ring::BUILT && !self.declared.untraced && self.image().is_some_and(has);
        ring.begin(Called::Hook(module), on, board.stamp_us());
        let outcome = self.with(board, ring, f).unwrap_or(Ok(()));
        let trap = if let Err(MountError::Trap(_, trap)) = &outcome { Some(trap) } else { None };
        ring.end(trap, board.stamp_us());
        outcome
    }

    /// Sets how many bytes of messages the module may log in a second.
    pub(crate) fn set_text_limit(&mut self, per_s: u32) {
        self.texts.set(per_s);
    }

    /// Returns what the module has counted since it was loaded.
    pub(crate) fn counters(&self) -> tiny_mapper::Counters {
        self.state.map(|state| state.counters()).unwrap_or_default()
    }

    /// The ops that called the functions which were running at the latest trap, as long as nothing else runs.
    pub(crate) fn callers(&self) -> impl Iterator<Item = u32> + '_ {
        tiny_mapper::callers(&self.stack, self.counters().trapped_base)
    }

    /// Calls and traps that are not in the module's accounts yet.
    pub(crate) fn unsettled(&self) -> (u64, u64) {
        let now = self.counters();
        (now.calls.wrapping_sub(self.settled.0), now.traps.wrapping_sub(self.settled.1))
    }

    /// Takes the calls and traps to the accounts.
    pub(crate) fn settle(&mut self) -> (u64, u64) {
        let new = self.unsettled();
        let now = self.counters();
        self.settled = (now.calls, now.traps);
        new
    }

    /// Returns a digest of a part of what the module holds: some of its globals and of its memory, others in
    /// each round.
    pub(crate) fn digest(&self, round: u32) -> u32 {
        const SLOTS: usize = 32;
        const BYTES: usize = 256;
        let Some(image) = self.image() else { return 0 };
        let globals = self.globals.get(..image.slots().min(self.globals.len())).unwrap_or_default();
        let part = |len: usize, of: usize| {
            let from = (round as usize % len.div_ceil(of).max(1)) * of;
            from..len.min(from + of)
        };
        let into = |all: u32, one: u32| (all.rotate_left(5) ^ one).wrapping_mul(0x0100_0193);
        let slots = globals.get(part(globals.len(), SLOTS)).unwrap_or_default();
        let digest =
            slots.iter().fold(round, |all, slot| into(into(all, *slot as u32), (*slot >> 32) as u32));
        let bytes = self.memory().get(part(self.memory().len(), BYTES)).unwrap_or_default();
        bytes.as_chunks::<4>().0.iter().fold(digest, |all, word| into(all, u32::from_le_bytes(*word)))
    }

    /// The module's linear memory.
    pub(crate) fn memory(&self) -> &[u8] {
        let len = self.state.map_or(0, |state| state.memory_len());
        self.memory.get(..len).unwrap_or_default()
    }

    /// Exchanges what the module has come to: where it is in its life, its memory and its globals. A reader
    /// finds the image loaded.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        const LIVES: [Life; 6] =
            [Life::Unloaded, Life::Verified, Life::Mounted, Life::Running, Life::Faulted, Life::Unmounted];
        let mut life = LIVES.iter().position(|life| *life == self.life).unwrap_or(0) as u8;
        value(with, &mut life)?;
        self.life = *LIVES.get(usize::from(life)).ok_or(Torn)?;
        let mut loaded = self.state.is_some();
        flag(with, &mut loaded)?;
        self.state = self.state.filter(|_| loaded);
        let (Some(slots), true) = (self.image().map(|image| image.slots()), loaded) else {
            return if loaded { Err(Torn) } else { Ok(()) };
        };
        let mut pages = self.state.ok_or(Torn)?.pages();
        value(with, &mut pages)?;
        self.state = self.state.map(|state| state.with_pages(pages));
        let len = self.state.map_or(0, |state| state.memory_len());
        with.memory(self.memory.get_mut(..len).ok_or(Torn)?)?;
        let globals = self.globals.get_mut(..slots).ok_or(Torn)?;
        globals.iter_mut().try_for_each(|slot| with.number(slot))
    }

    /// Takes over what both images keep: row for row, as the compiler has listed them in the same order.
    /// Nothing where their layouts differ.
    pub(crate) fn carry(&mut self, from: &Self) -> bool {
        let (old, new) = (&from.declared.policy, &self.declared.policy);
        if new.layout == 0 || old.layout != new.layout || from.state.is_none() {
            return false;
        }
        for (source, target) in old.keep.iter().zip(&new.keep) {
            match (*source, *target) {
                (Keep::Global(source), Keep::Global(target)) => {
                    let value = from.globals.get(usize::from(source)).copied();
                    if let (Some(value), Some(slot)) = (value, self.globals.get_mut(usize::from(target))) {
                        *slot = value;
                    }
                }
                (Keep::Memory { from: source, bytes }, Keep::Memory { from: target, bytes: room }) => {
                    let range = |from: u32| from as usize..from as usize + bytes.min(room) as usize;
                    let value = from.memory.get(range(source));
                    if let (Some(value), Some(place)) = (value, self.memory.get_mut(range(target))) {
                        place.copy_from_slice(value);
                    }
                }
                // The same layout lists the same kinds.
                _ => {}
            }
        }
        true
    }

    /// Hands out what the image keeps, row for row, and the layout that this has; `None` where it keeps
    /// nothing.
    pub(crate) fn kept(&self, each: &mut dyn FnMut(&[u8])) -> Option<u32> {
        let policy = &self.declared.policy;
        if policy.layout == 0 || self.state.is_none() {
            return None;
        }
        for row in &policy.keep {
            match *row {
                Keep::Global(at) => {
                    each(&self.globals.get(usize::from(at)).copied().unwrap_or_default().to_le_bytes());
                }
                Keep::Memory { from, bytes } => {
                    let range = from as usize..from as usize + bytes as usize;
                    each(self.memory.get(range).unwrap_or_default());
                }
            }
        }
        Some(policy.layout)
    }

    /// Puts what an image of this layout has kept into its places; nothing where the layout is another one,
    /// bytes are missing, or the image begins with its own values after each restart.
    pub(crate) fn restore(&mut self, layout: u32, mut bytes: &[u8]) -> bool {
        let policy = &self.declared.policy;
        let wanted = policy.keep.iter().map(|row| match *row {
            Keep::Global(_) => 8,
            Keep::Memory { bytes, .. } => bytes as usize,
        });
        if policy.layout == 0 || policy.layout != layout || wanted.sum::<usize>() != bytes.len() {
            return false;
        }
        if policy.persist == Persist::Never {
            return false;
        }
        for row in &policy.keep {
            match *row {
                Keep::Global(at) => {
                    let Some((value, rest)) = bytes.split_first_chunk() else { return false };
                    if let Some(slot) = self.globals.get_mut(usize::from(at)) {
                        *slot = u64::from_le_bytes(*value);
                    }
                    bytes = rest;
                }
                Keep::Memory { from, bytes: len } => {
                    let Some((value, rest)) = bytes.split_at_checked(len as usize) else { return false };
                    if let Some(place) = self.memory.get_mut(from as usize..from as usize + value.len()) {
                        place.copy_from_slice(value);
                    }
                    bytes = rest;
                }
            }
        }
        true
    }
}
