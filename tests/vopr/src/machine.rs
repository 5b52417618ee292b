//! A device from power-on to its end: the device program, its keeper and its services, on the simulated
//! board. What it does is what the main loop on bare metal does (`firmware/rpi4b/src/device.rs`), for several
//! hosts.

use tiny_mapper::Clock as _;
use xmap_bodies::card::{Card, Fault, Random};
use xmap_device::{
    Device, Fate, GOOD_US, Identity, ImageHash, Keeper, Memory as _, Mounting, Owned, Recorder, Remembered,
    Service, SlotMemory, Starts, Tried, Wire,
};
use xmap_image::limits;
use xmap_link::limits::MAX_MODULES;
use xmap_link::{Boot, DeviceEvent, EDITION, Request, Thing};
use xmap_sim::{Heap, SimBoard};
use xmap_store::Store;

use crate::HOSTS;
use crate::images::{Images, Kind, WIRE, root, stated_hash};
use crate::line::{Line, Weather};

/// Changed state is written as often.
const KEEP_US: u64 = 5_000_000;
/// Microseconds that some sectors take.
const STEP_US: u64 = 2000;
/// The longest rest of the main loop.
const REST_US: u64 = 1_000_000;

const IDENTITY: Identity =
    Identity { board: 1, boot: Boot::Normal, features: 0, clock_hz: 54_000_000, firmware: "0" };

type Own = Device<Heap, Recorder<SimBoard, 16, 64>, Owned<Remembered>>;

/// What a device has said that a restart brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// At least this version of a module.
    Image(u8, u32),
    /// At least this version of the policy.
    Policy(u32),
}

/// An answer that waits until what it says is kept.
struct Held {
    things: u16,
    upto: u64,
    answer: Vec<u8>,
    promises: Vec<Promise>,
}

/// A device that has power.
pub(crate) struct Machine<'m> {
    pub(crate) device: Own,
    keeper: Keeper<'m, Card>,
    services: [Service; HOSTS],
    held: [Option<Held>; HOSTS],
    starts: Starts,
    good_us: Option<u64>,
    running: Option<[Option<(u16, u32)>; MAX_MODULES]>,
    /// The number of the first event that was not looked at.
    event: u32,
}

/// What came of a turn of the main loop.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) busy: bool,
    /// The host has asked for a restart.
    pub(crate) restarts: bool,
    pub(crate) promises: Vec<Promise>,
    /// An answer was given up, as what it says is not kept.
    pub(crate) swallowed: bool,
    /// Something happened to bytes on their way to a host.
    pub(crate) harm: bool,
}

/// The starts are counted while images are mounted.
struct AtBoot {
    starts: Starts,
}

impl Mounting<Own> for AtBoot {
    fn set_aside(&mut self, hash: &ImageHash) -> Option<u8> {
        self.starts.set_aside(hash)
    }

    fn begin(&mut self, hash: &ImageHash, _: &[u8], _: &Own) {
        self.starts.begin(hash);
    }

    fn ended(&mut self, _: u8, hash: &ImageHash, tried: Tried<'_>, _: &mut Own) {
        if let Tried::Failed(_) = tried {
            self.starts.gave_up(hash);
        }
    }
}

/// The device's end of its lines to one host.
struct End<'w> {
    now_us: u64,
    lines: &'w mut [Line; 2],
    weather: &'w Weather,
    random: &'w mut Random,
    /// The latest frame of an answer, while it is held back.
    answer: Option<Vec<u8>>,
    harm: bool,
}

impl End<'_> {
    fn send(&mut self, bytes: &[u8]) {
        self.harm |= self.lines[1].send(self.now_us, bytes, self.weather, self.random);
    }
}

impl Wire for End<'_> {
    fn read(&mut self) -> Option<u8> {
        self.lines[0].take(self.now_us)
    }

    fn write(&mut self, bytes: &[u8]) {
        let before = self.answer.replace(bytes.to_vec());
        self.send(&before.unwrap_or_default());
    }

    fn origin(&self) -> &'static str {
        WIRE
    }
}

fn room() -> SlotMemory<Heap> {
    SlotMemory {
        words: vec![0; 1024],
        stack: vec![0; limits::WINDOW + 192],
        globals: vec![0; 8],
        memory: vec![0; 64],
    }
}

impl<'m> Machine<'m> {
    /// Starts a device with a card, and what memory that outlives a reset has of its starts.
    pub(crate) fn boot(mut card: Card, starts: Starts, scratch: &'m mut [u32], images: &mut Images) -> Self {
        card.on();
        let mut keeper = Keeper::new(Store::open(card).expect("the area is one"), scratch, KEEP_US);
        let memory = keeper.remembered();
        let owner = Owned::new(root().public(), images.policy(1), memory).expect("the policy is the owner's");
        let rooms = std::array::from_fn(|_| [room(), room()]);
        let mut device = Device::with_trust(Recorder::new(SimBoard::new()), rooms, owner);
        let mut target = AtBoot { starts };
        keeper.mount(&mut device, &mut target);
        if device.image(0).is_none() {
            let flashed = images.image(0, 1, Kind::Good);
            keeper.install((0, flashed), (&stated_hash(flashed), WIRE), &mut device, &mut target);
        }
        target.starts.mounted();
        keeper.mounted(&device, 0);
        Self {
            device,
            keeper,
            services: [const { Service::new(IDENTITY) }; HOSTS],
            held: [const { None }; HOSTS],
            starts: target.starts,
            good_us: Some(GOOD_US),
            running: None,
            event: 0,
        }
    }

    pub(crate) fn now_us(&mut self) -> u64 {
        self.device.board_mut().now_us()
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, us: u64) {
        self.device.board_mut().port_mut().advance(us);
    }

    pub(crate) fn card(&mut self) -> &mut Card {
        self.keeper.store().disk_mut()
    }

    /// Returns what happened since this was asked last.
    pub(crate) fn happened(&mut self) -> Vec<DeviceEvent> {
        let mut all = Vec::new();
        loop {
            let page = self.device.happened_in(EDITION, self.event);
            self.event = page.first + page.entries.len() as u32;
            if page.entries.is_empty() {
                return all;
            }
            all.extend(page.entries);
        }
    }

    /// Returns whether the start counts as one that went well.
    pub(crate) const fn is_good(&self) -> bool {
        self.good_us.is_none()
    }

    /// Returns whether all that a restart should find is on the card.
    pub(crate) fn is_kept(&self) -> bool {
        self.device.keep_status().missing == 0
    }

    /// Returns how many handles hosts hold by a contract.
    pub(crate) fn handles(&self) -> usize {
        self.device.uses().count()
    }

    /// Returns the request for a handle of an export by its contract, if it is there.
    pub(crate) fn bind(&self, name: &str) -> Option<Request> {
        let of = self.device.find(name)?;
        let hash = self.device.image(of.module)?.contract(of.export)?;
        Some(Request::BindContract { export: xmap_link::Export::name(name)?, hash })
    }

    /// Returns whether the image of a module is on trial.
    pub(crate) fn is_on_trial(&mut self, module: u8) -> bool {
        self.device.status(module).is_some_and(|status| status.trial_ms > 0)
    }

    /// Returns the version of the image that a module runs.
    pub(crate) fn version(&self, module: u8) -> Option<u32> {
        Some(self.device.image(module)?.header().version)
    }

    /// Returns the version of the image that a restart should bring, if the one that runs is it.
    pub(crate) fn good(&self, module: u8) -> Option<u32> {
        self.device.stored(module).filter(|stored| !stored.on_trial)?;
        self.version(module)
    }

    /// Returns the hash of that image.
    pub(crate) fn good_hash(&self, module: u8) -> Option<ImageHash> {
        self.device.stored(module).filter(|stored| !stored.on_trial).map(|stored| stored.hash)
    }

    /// Returns the policy's version, and the highest version of a module that is remembered.
    pub(crate) fn policy(&mut self) -> u32 {
        self.device.trust_status().policy.unwrap_or(0)
    }

    pub(crate) fn highest(&self, module: &str) -> u32 {
        self.device.trust().memory().highest(module)
    }

    /// Takes the card out, and the account of starts that memory has.
    pub(crate) fn end(mut self) -> (Card, Starts) {
        let starts = Starts::new(self.starts.rows().iter().copied());
        (self.card().clone(), starts)
    }

    /// Writes what has changed, as before a restart that somebody asked for.
    pub(crate) fn finish(&mut self) {
        self.device.make_all_safe();
        let mut now_us = self.now_us();
        self.keeper.finish(&self.device, Some(self.device.trust().memory()), || {
            now_us += STEP_US;
            now_us
        });
    }

    /// One turn of the main loop.
    pub(crate) fn turn(
        &mut self,
        lines: &mut [[Line; 2]; HOSTS],
        (base_us, weather): (u64, &Weather),
        random: &mut Random,
    ) -> Turn {
        let mut turn = Turn { busy: self.device.poll(), ..Turn::default() };
        let mut asked = false;
        for (host, lines) in lines.iter_mut().enumerate() {
            if self.held[host].is_some() {
                continue;
            }
            let now_us = base_us + self.now_us();
            let mut wire = End { now_us, lines, weather, random, answer: Some(Vec::new()), harm: false };
            if self.services[host].poll(&mut wire, &mut self.device) {
                asked = true;
                self.hold(host, &mut wire, &mut turn);
            }
            self.services[host].send_texts(&mut wire, &mut self.device);
            let answer = wire.answer.take().unwrap_or_default();
            wire.send(&answer);
            turn.harm |= wire.harm;
            turn.restarts |= self.services[host].wants_reset();
        }
        self.keep(lines, (base_us, weather), random, &mut turn);
        self.note_start(asked);
        self.note_images();
        turn.busy |= asked;
        turn
    }

    /// Holds an answer back until what it says is kept.
    fn hold(&mut self, host: usize, wire: &mut End<'_>, turn: &mut Turn) {
        let things = self.services[host].touched();
        if things == 0 {
            return;
        }
        let now_us = self.now_us();
        self.keeper.hurry(things);
        self.keeper.look(&self.device, Some(self.device.trust().memory()), now_us);
        let upto = self.keeper.items().latest;
        let mut promises: Vec<Promise> = (0..2)
            .filter(|module| things & Thing::Image.bit(*module) != 0)
            .filter_map(|module| Some(Promise::Image(module, self.version(module)?)))
            .collect();
        if things & Thing::Policy.bit(0) != 0 {
            promises.push(Promise::Policy(self.policy()));
        }
        if self.keeper.items().fate(things, upto) == Fate::Kept {
            turn.promises.extend(promises);
            return;
        }
        let answer = wire.answer.take().unwrap_or_default();
        self.held[host] = Some(Held { things, upto, answer, promises });
    }

    /// Writes some of what a restart should find, and lets answers go that waited for it.
    fn keep(
        &mut self,
        lines: &mut [[Line; 2]; HOSTS],
        (base_us, weather): (u64, &Weather),
        random: &mut Random,
        turn: &mut Turn,
    ) {
        let now_us = self.now_us();
        self.keeper.look(&self.device, Some(self.device.trust().memory()), now_us);
        if self.keeper.is_busy() {
            // What a card refuses is tried again.
            let refused = self.keeper.step(now_us);
            turn.harm |= matches!(refused, Err(xmap_store::StoreError::Disk(Fault::Bad)));
            self.advance(STEP_US);
        }
        for (held, lines) in self.held.iter_mut().zip(lines) {
            let Some(Held { things, upto, .. }) = held else { continue };
            let fate = self.keeper.items().fate(*things, *upto);
            if fate == Fate::Pending {
                continue;
            }
            if let Some(Held { answer, promises, .. }) = held.take() {
                // These hosts do not ask what is kept: one that is told so must be able to believe it.
                if fate == Fate::Kept {
                    turn.harm |= lines[1].send(base_us + now_us, &answer, weather, random);
                    turn.promises.extend(promises);
                } else {
                    turn.swallowed = true;
                }
            }
        }
        self.keeper.report(&mut self.device, now_us);
        turn.busy |= self.keeper.is_busy();
    }

    fn note_start(&mut self, asked: bool) {
        let now_us = self.now_us();
        if asked {
            self.good_us = self.good_us.map(|_| now_us);
        }
        if self.good_us.take_if(|good_us| *good_us <= now_us).is_some() {
            self.starts.good();
        }
    }

    fn note_images(&mut self) {
        let device = &self.device;
        let now = std::array::from_fn(|module| {
            Some((device.generation(module as u8), device.image(module as u8)?.hash_prefix()))
        });
        if self.running == Some(now) {
            return;
        }
        if self.running.replace(now).is_some() {
            let images = (0..MAX_MODULES as u8).filter_map(|module| device.image(module));
            self.starts.set_running(images.map(|image| image.hash()));
        }
    }

    /// Returns when the main loop has something to do, on the device's clock.
    pub(crate) fn wake_us(&mut self) -> u64 {
        let rest_us = self.now_us() + REST_US;
        let good_us = self.good_us.unwrap_or(u64::MAX);
        self.device.next_wake_us().min(self.keeper.next_us()).min(good_us).min(rest_us)
    }
}
