//! A whole device at the end of the link, and hosts that ask for anything in any order.

use std::collections::VecDeque;

use xmap_boards::{BoardId, Line, LineSet};
use xmap_device::{Device, FlightRecorder, Identity, Recorder, Service, SlotMemory, Wire};
use xmap_image::{
    Confirm, Entry, Event, EventSource, Export as Row, FaultPolicy, Function, ImageBuilder, Keep, OnFault,
    OnOverrun, Op, OwnedImage, Persist, PinMode, PinRow, Pull, Safe, Ty, limits, reseal,
};
use xmap_link::limits::{MAX_CHUNK, MAX_FRAME, MAX_MODULES};
use xmap_link::*;
use xmap_sim::{Heap, Recording, Replay, SimBoard};

use super::entropy::Entropy;
use super::invariants;

const IDENTITY: Identity =
    Identity { board: 1, boot: Boot::Normal, features: 0, clock_hz: 1_000_000, firmware: "0" };
/// Hosts that talk to the device at once.
const HOSTS: usize = 2;
/// The lines of the images here: no other one may be written.
const LINES: [u8; 12] = [4, 5, 6, 12, 16, 17, 22, 23, 24, 25, 27, 42];

type Board = FlightRecorder<Recorder<SimBoard, 16, 64>, Vec<u8>>;

/// Bytes of the flight recorder: so few that most sessions begin a half with a snapshot.
const FLIGHT_BYTES: usize = 1408;

/// How far an input got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    /// Images that took another one's place.
    pub swapped: u32,
    /// Images that were accepted and did not stay.
    pub taken_back: u32,
    /// Images that were refused.
    pub refused: u32,
    /// Calls that trapped.
    pub trapped: u32,
    /// Calls of handles whose image was gone.
    pub stale: u32,
    /// Begins that were refused because another host was there first.
    pub busy: u32,
    /// Images that came back because a host asked.
    pub rolled_back: u32,
    /// Images that were refused because of one that is active in another module.
    pub beside_active: u32,
    /// Images that were refused because of one that may come back there.
    pub beside_returning: u32,
    /// Handles that another host tried to use.
    pub foreign: u32,
    /// Looks at a module that rests in its safe state.
    pub resting: u32,
    /// Looks at two modules that run side by side.
    pub side_by_side: u32,
    /// Recordings that were played again, and those of them that began with a snapshot.
    pub replayed: [u32; 2],
}

impl Reached {
    /// Adds what another input reached.
    pub fn add(&mut self, other: Self) {
        let Self { swapped, taken_back, refused, trapped, stale, busy, .. } = other;
        let Self { rolled_back, beside_active, beside_returning, foreign, resting, side_by_side, .. } = other;
        let [replayed, from_snapshots] = &mut self.replayed;
        for (sum, more) in [
            (&mut self.swapped, swapped),
            (&mut self.taken_back, taken_back),
            (&mut self.refused, refused),
            (&mut self.trapped, trapped),
            (&mut self.stale, stale),
            (&mut self.busy, busy),
            (&mut self.rolled_back, rolled_back),
            (&mut self.beside_active, beside_active),
            (&mut self.beside_returning, beside_returning),
            (&mut self.foreign, foreign),
            (&mut self.resting, resting),
            (&mut self.side_by_side, side_by_side),
            (replayed, other.replayed[0]),
            (from_snapshots, other.replayed[1]),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Plays what the bytes say. Whatever is asked, a module that has an image keeps one, a refusal changes
/// nothing, an image that fails leaves the one before, a handle never reaches another image, no line is
/// written that no image declares, and after each step
///
/// - a line has one driver, and nobody else declares it; names, keys, edges and pulls have one owner;
/// - a module that runs has its outputs as outputs, and one that rests has them in their safe state;
/// - an image has a generation of its own;
///
/// and what the flight recorder noted plays again in the end.
pub fn link_operate(data: &[u8]) -> Reached {
    let mut entropy = Entropy::of(data);
    let steps = 8 + entropy.below(60);
    operate(&mut entropy, steps)
}

/// The same for as many steps as are wanted.
pub fn operate(entropy: &mut Entropy<'_>, steps: u32) -> Reached {
    let mut bench = Bench::new();
    for _ in 0..steps {
        bench.step(entropy);
        bench.check();
    }
    bench.replay();
    bench.reached
}

#[derive(Default)]
struct Memory {
    to_device: VecDeque<u8>,
    to_host: Vec<u8>,
}

impl Wire for Memory {
    fn read(&mut self) -> Option<u8> {
        self.to_device.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.to_host.extend_from_slice(bytes);
    }
}

/// A host, and what it believes.
struct Host {
    service: Service,
    wire: Memory,
    seq: u16,
    transfer: Option<Sending>,
    /// Its handles, each with the module and the generation that it is for.
    handles: Vec<(u32, u8, u16)>,
}

/// An image on its way.
struct Sending {
    module: u8,
    token: u32,
    hash: [u8; 32],
    bytes: Vec<u8>,
    /// How much of it has gone.
    at: usize,
}

/// What is held against the state before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    generation: u16,
    hash: Option<[u8; 32]>,
}

struct Bench {
    device: Device<Heap, Board>,
    hosts: [Host; HOSTS],
    seen: [Seen; MAX_MODULES],
    happened: u32,
    /// Every image that was sent whole.
    images: Vec<OwnedImage>,
    reached: Reached,
}

impl Bench {
    fn new() -> Self {
        let room = || SlotMemory {
            words: vec![0; 1024],
            stack: vec![0; limits::WINDOW + 192],
            globals: vec![0; 4],
            memory: vec![0; 64],
        };
        let board = FlightRecorder::new(Recorder::new(SimBoard::new()), vec![0; FLIGHT_BYTES]);
        let host = || Host {
            service: Service::new(IDENTITY),
            wire: Memory::default(),
            seq: 0,
            transfer: None,
            handles: Vec::new(),
        };
        let mut bench = Self {
            device: Device::new(board, std::array::from_fn(|_| [room(), room()])),
            hosts: [host(), host()],
            seen: [Seen { generation: 0, hash: None }; MAX_MODULES],
            happened: 0,
            images: Vec::new(),
            reached: Reached::default(),
        };
        for host in 0..HOSTS {
            bench.ask(host, &Request::Hello { protocol: PROTOCOL, nonce: 1 });
        }
        bench
    }

    fn ask(&mut self, host: usize, request: &Request) -> Response {
        let Host { service, wire, seq, .. } = &mut self.hosts[host];
        *seq = seq.wrapping_add(1);
        let mut buffer = [0; MAX_FRAME];
        wire.to_device.extend(encode_request(*seq, request, &mut buffer).expect("a request fits"));
        while service.poll(wire, &mut self.device) {}
        let mut reader: FrameReader = FrameReader::new();
        let mut answer = None;
        for byte in wire.to_host.drain(..) {
            if let Some(frame) = reader.feed(byte)
                && frame.channel == Channel::Response as u8
            {
                let (got, response) = decode_response(frame.payload).expect("the device's own answer");
                assert_eq!((got, answer.is_none()), (*seq, true), "one answer to each request");
                answer = Some(response);
            }
        }
        answer.expect("an answer")
    }

    fn see(&mut self, module: u8) -> Seen {
        let status = self.device.status(module).expect("each module has a status");
        Seen { generation: status.generation, hash: status.image.map(|image| image.hash) }
    }

    fn step(&mut self, entropy: &mut Entropy<'_>) {
        let host = entropy.below(HOSTS as u32) as usize;
        let module = entropy.pick(&[0, 0, 0, 0, 1, 1, 2, 3, 4]);
        match entropy.below(24) {
            0..3 | 18..24 => {
                // Mostly in one go and one after the other, as hosts do.
                if entropy.below(4) != 0 {
                    self.abort(host);
                }
                self.begin(host, module, entropy);
                if entropy.below(8) != 0 {
                    self.chunks(host, entropy);
                    self.commit(host);
                }
            }
            3 => self.chunks(host, entropy),
            4 => self.commit(host),
            5 => self.abort(host),
            6..8 => {
                // The last is longer than a transfer is held.
                let us =
                    u64::from(entropy.pick(&[100u32, 100, 3_000, 3_000, 20_000, 20_000, 20_000, 5_100_000]));
                self.device.pass(us, |board, us| board.port_mut().port_mut().advance(us));
            }
            8..11 => self.call(host, entropy),
            11 | 16 | 17 => self.handle(host, entropy),
            12 => {
                let request = entropy.pick(&[0, 1]);
                let request =
                    if request == 0 { Request::Confirm { module } } else { Request::Rollback { module } };
                let response = self.ask(host, &request);
                self.reached.rolled_back += u32::from(matches!(response, Response::Swapped { .. }));
                // The way back is never refused for what another module got meanwhile.
                let fits =
                    matches!(response, Response::Done | Response::Swapped { .. } | Response::Refused(_));
                assert!(fits, "{request:?}: {response:?}");
            }
            13 => {
                let module = (entropy.below(8) != 0).then_some(module);
                let response = self.ask(host, &Request::Reset { module });
                assert!(matches!(response, Response::Done | Response::Refused(_)), "{response:?}");
            }
            14 => {
                let request = match entropy.below(4) {
                    0 => Request::Module { module },
                    1 => Request::Happened { from: entropy.pick(&[0, self.happened, u32::MAX]) },
                    2 => Request::Status,
                    _ => Request::Describe { export: Export::Id(entropy.u32() as u16 & 0x3007) },
                };
                self.ask(host, &request);
            }
            _ => {
                // Bytes that are nothing, and then a greeting.
                let noise = entropy.below(20);
                self.hosts[host].wire.to_device.extend((0..noise).map(|_| entropy.u8()));
                self.hosts[host].wire.to_device.push_back(0);
                let Host { service, wire, .. } = &mut self.hosts[host];
                while service.poll(wire, &mut self.device) {}
                wire.to_host.clear();
                self.ask(host, &Request::Hello { protocol: PROTOCOL, nonce: entropy.u32() });
            }
        }
    }

    fn abort(&mut self, host: usize) {
        if let Some(Sending { token, .. }) = self.hosts[host].transfer.take() {
            let response = self.ask(host, &Request::Abort { token });
            assert!(matches!(response, Response::Done | Response::Refused(Refusal::NoTransfer)));
        }
    }

    fn begin(&mut self, host: usize, module: u8, entropy: &mut Entropy<'_>) {
        let mut words = image(entropy);
        match entropy.below(24) {
            // On its way, or before it was hashed.
            0 => words[entropy.clone().below(40) as usize] ^= 1 << entropy.below(32),
            1 => {
                let at = 28 + entropy.below(words.len() as u32 - 28) as usize;
                words[at] ^= 1 << entropy.below(32);
                reseal(&mut words);
            }
            _ => {}
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.images.extend(OwnedImage::new(words).ok());
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[xmap_image::HASH_WORD * 4..][..32]);
        let size = if entropy.below(12) == 0 { entropy.pick(&[1, 4, 1 << 20]) } else { 0 };
        let size = size + bytes.len() as u32;
        let token = entropy.below(4);
        match self.ask(host, &Request::Begin { module, bytes: size, hash, token }) {
            Response::Staging { next } => {
                let next = next as usize;
                assert!(next <= bytes.len());
                self.hosts[host].transfer = Some(Sending { module, token, hash, bytes, at: next });
            }
            Response::Refused(Refusal::Busy { .. }) => self.reached.busy += 1,
            Response::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn chunks(&mut self, host: usize, entropy: &mut Entropy<'_>) {
        let Some(mut sending) = self.hosts[host].transfer.take() else { return };
        for _ in 0..3 + entropy.below(3) {
            // Now and then from the wrong place, or too little.
            let from = if entropy.below(24) == 0 { entropy.below(2000) as usize } else { sending.at };
            let most = if entropy.below(12) == 0 { entropy.pick(&[1, 0]) } else { MAX_CHUNK };
            let data = sending.bytes.get(from..).unwrap_or_default().iter().take(most).copied().collect();
            match self.ask(host, &Request::Chunk { token: sending.token, offset: from as u32, data }) {
                Response::Staging { next } | Response::Refused(Refusal::BadChunk { expected: next }) => {
                    sending.at = next as usize;
                }
                Response::Refused(_) => {}
                other => panic!("{other:?}"),
            }
        }
        self.hosts[host].transfer = Some(sending);
    }

    fn commit(&mut self, host: usize) {
        let Some(sending) = self.hosts[host].transfer.take() else { return };
        let Sending { module, hash, token, .. } = sending;
        let before: [Seen; MAX_MODULES] = std::array::from_fn(|n| self.see(n as u8));
        let answer = self.ask(host, &Request::Commit { token });
        let after: [Seen; MAX_MODULES] = std::array::from_fn(|n| self.see(n as u8));
        match answer {
            Response::Swapped { module: of, generation, .. } => {
                // The token may have been another host's: they choose badly here.
                let at = usize::from(of);
                assert_ne!(before[at].generation, generation);
                assert_eq!(after[at].generation, generation);
                if of == module && after[at].hash == Some(hash) {
                    self.reached.swapped += 1;
                }
                assert!((0..MAX_MODULES).all(|n| n == at || before[n] == after[n]), "another module changed");
            }
            Response::NotSwapped { state } => {
                assert!(!matches!(state, ImageState::Mounted | ImageState::None), "{state:?}");
                assert!(before == after, "an image that failed changed something");
                self.reached.refused += 1;
                match state {
                    ImageState::Rejected { code: 271..=276, .. } => self.reached.beside_active += 1,
                    ImageState::Rejected { code: 281..=286, .. } => self.reached.beside_returning += 1,
                    _ => {}
                }
            }
            Response::Refused(_) => {
                assert!(before == after, "a refusal changed something");
                self.hosts[host].transfer = Some(sending);
            }
            other => panic!("{other:?}"),
        }
    }

    fn call(&mut self, host: usize, entropy: &mut Entropy<'_>) {
        let export = match entropy.below(3) {
            0 => Export::name(entropy.pick(&["put", "a.put", "b.trip", "trip", "spin", "none"]))
                .expect("short"),
            _ => Export::Id(entropy.u32() as u16 & 0x1007),
        };
        let args = (0..entropy.below(8) / 7).map(|_| u64::from(entropy.u8() % 2)).collect();
        match self.ask(host, &Request::Call { export, args }) {
            Response::Trapped(_) => self.reached.trapped += 1,
            Response::Returned { .. } | Response::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn handle(&mut self, host: usize, entropy: &mut Entropy<'_>) {
        let handles = &self.hosts[host].handles;
        if handles.is_empty() || entropy.below(3) == 0 {
            let id = entropy.u32() as u16 & 0x1007;
            let module = (id >> 12) as u8;
            let generation = self.see(module).generation;
            match self.ask(host, &Request::Bind { export: Export::Id(id) }) {
                Response::Bound { handle } => self.hosts[host].handles.push((handle, module, generation)),
                Response::Refused(_) => {}
                other => panic!("{other:?}"),
            }
            return;
        }
        let at = entropy.below(handles.len() as u32) as usize;
        let (handle, module, generation) = handles[at];
        if entropy.below(4) == 0 {
            let request = match entropy.below(2) {
                0 => Request::Release { handle },
                _ => Request::CallHandle { handle, args: Args::new() },
            };
            // The numbers can be guessed, and are of no use to anybody else.
            let answer = self.ask(1 - host, &request);
            assert_eq!(answer, Response::Refused(Refusal::StaleHandle), "{request:?} of another host");
            self.reached.foreign += 1;
            return;
        }
        // What the request itself sets off (a host that is back) may not bring a new image.
        let there = self.see(module).generation == generation;
        let request = match entropy.below(3) {
            0 => Request::Release { handle },
            _ => Request::CallHandle { handle, args: Args::new() },
        };
        let response = self.ask(host, &request);
        if !there {
            assert_eq!(response, Response::Refused(Refusal::StaleHandle), "{request:?}");
            self.reached.stale += 1;
        }
        if matches!(request, Request::Release { .. }) || !there {
            self.hosts[host].handles.swap_remove(at);
        }
    }

    /// Checks what holds between any two requests.
    fn check(&mut self) {
        for module in 0..MAX_MODULES as u8 {
            let status = self.device.status(module).expect("each module has a status");
            let before = self.seen[usize::from(module)];
            let now = self.see(module);
            assert!(
                matches!(status.life, Life::Unloaded | Life::Running | Life::Faulted),
                "module {module} is {:?} between two requests",
                status.life
            );
            assert_eq!(status.life == Life::Unloaded, now.hash.is_none());
            assert!(before.hash.is_none() || now.hash.is_some(), "module {module} lost its image");
            assert!(now.generation >= before.generation);
            assert!(
                now.hash == before.hash || now.generation != before.generation,
                "module {module} runs another image under the same generation"
            );
            assert!(status.trial_ms == 0 || status.previous, "a trial with no way back");
            self.seen[usize::from(module)] = now;
        }
        let mut page = self.device.happened(self.happened);
        while !page.entries.is_empty() {
            assert!(page.first >= self.happened && page.first + page.entries.len() as u32 <= page.next);
            let back = |entry: &&DeviceEvent| {
                matches!(
                    entry.what,
                    DeviceEventKind::RolledBack(RollbackReason::Trap(_) | RollbackReason::Unconfirmed)
                )
            };
            self.reached.taken_back += page.entries.iter().filter(back).count() as u32;
            self.happened = page.first + page.entries.len() as u32;
            page = self.device.happened(self.happened);
        }
        self.reached.side_by_side += u32::from(invariants::check_owners(&self.device) > 1);
        self.check_lines();
    }

    /// Plays what the flight recorder noted: it gives the same outputs and the same state.
    fn replay(&mut self) {
        let recorder = self.device.board();
        assert!(!recorder.has_ended(), "a snapshot of these modules has room");
        let recording = Recording::of(recorder.recording(), false).expect("it begins as one");
        let mut replay = Replay::new(&recording, &self.images).expect("it can be played");
        let played = replay.run(u64::MAX);
        let at = replay.played();
        let played = played.unwrap_or_else(|error| panic!("{error}, at {at:?}"));
        let mut own: Vec<u8> = Vec::new();
        self.device.snapshot(&mut |part| own.extend(part));
        assert_eq!(replay.snapshot(), own, "the device is another one than what played");
        self.reached.replayed[0] += 1;
        self.reached.replayed[1] += u32::from(played.from_us > 0);
    }

    /// The lines of a module that runs are what it declares, and those of a module that rests are safe.
    fn check_lines(&mut self) {
        let ours: LineSet = LINES.into_iter().filter_map(Line::new).collect();
        for access in self.device.board().port().port().accesses().filter(|access| access.drives()) {
            let bank = access.register.bank().expect("what drives has a bit for each line");
            assert_eq!(access.value & !ours.bank(bank), 0, "{access}");
        }
        self.device.board_mut().port_mut().port_mut().forget();
        self.reached.resting += invariants::check_lines(&self.device, |board| board.port().port());
    }
}

/// A small image: an output and some lines more; exports that work, trap and spin; and any policy.
fn image(entropy: &mut Entropy<'_>) -> Vec<u32> {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    b.manifest.module = entropy.pick(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    b.version = entropy.below(4);
    let line = |n| Line::new(n).expect("a line");
    let output = entropy.pick(&LINES);
    let safe = [Safe::Low, Safe::High, Safe::Hold, Safe::Float];
    let mut turned = None;
    for n in LINES {
        let pull = entropy.pick(&[Pull::Up, Pull::Up, Pull::Up, Pull::None]);
        let row = match entropy.below(24) {
            _ if n == output => PinRow::new(line(n), PinMode::Out, entropy.pick(&safe), Pull::None),
            0 => PinRow::new(line(n), PinMode::In, Safe::Hold, pull),
            1 => {
                turned = Some(n);
                let mode = entropy.pick(&[PinMode::InOut, PinMode::InOut, PinMode::Any]);
                PinRow::new(line(n), mode, entropy.pick(&safe), pull)
            }
            _ => continue,
        };
        b.pins.push(row);
    }
    let input = b.pins.iter().find(|pin| pin.mode() == PinMode::In).map(|pin| pin.line().number());
    b.globals = vec![0, 5];
    let ret = Op::Ret.abc(0, 0, 0);
    let trap = Op::Unreachable.abc(0, 0, 0);
    let mut works = vec![Op::LineSet.abc(output, 0, 0), Op::LineClear.abc(output, 0, 0)];
    if let Some(line) = turned {
        let [place, high] = [Op::Const32.a16(2, line.into()), Op::Const32.a16(3, 1)];
        works.extend([place, high, Op::LineSet.abc(line, 0, 0), Op::GpioDirection.abc(2, 3, 0)]);
    }
    works.push(ret);
    // Now and then a key that another module's image may have as well.
    let shared = entropy.below(8) == 0;
    // Back to itself: ends with the fuel.
    let spins = [Op::Br.a24(-1), ret];
    let mut code = |name: &'static str, results: &[Ty], code: Vec<u32>| {
        let function = b.functions.len() as u32;
        b.functions.push(Function { frame: 16, params: 0, results: results.len() as u8, code });
        let key = match name {
            "on_mount" | "on_unmount" => name.to_string(),
            "trip" if shared => "shared.trip".to_string(),
            _ => format!("{}.{name}", b.manifest.module),
        };
        let entry = Entry::Code { function, fuel: 200 };
        b.exports.push(Row { key, name: name.into(), params: vec![], results: results.to_vec(), entry });
    };
    code("put", &[], works.clone());
    code("trip", &[], vec![trap, ret]);
    code("spin", &[], spins.to_vec());
    let tick = entropy.below(6);
    code("tick", &[], if tick == 0 { vec![trap, ret] } else { works.clone() });
    code("edge", &[], works);
    match entropy.below(12) {
        0 => code("on_mount", &[Ty::I32], vec![Op::Const32.a16(1, 3), ret]),
        1 => code("on_mount", &[Ty::I32], vec![trap, ret]),
        _ => code("on_mount", &[Ty::I32], vec![Op::Const32.a16(1, 0), ret]),
    }
    if entropy.below(4) == 0 {
        code("on_unmount", &[], vec![trap, ret]);
    }
    let mut keys: Vec<&str> = b.exports.iter().map(|row| row.key.as_str()).collect();
    keys.sort_unstable();
    let place = |name| keys.iter().position(|key| key.ends_with(name)).expect("it is there") as u16;
    let [tick, edge] = [".tick", ".edge"].map(place);
    if entropy.below(2) == 0 {
        let every_us = entropy.pick(&[5_000, 100_000]);
        let tick = Event { export: tick, source: EventSource::Every { every_us } };
        assert!(b.manifest.events.push(tick).is_ok());
    }
    if let Some(line) = input.filter(|_| entropy.below(2) == 0) {
        let edge = Event { export: edge, source: EventSource::Both { line, debounce_us: 0 } };
        assert!(b.manifest.events.push(edge).is_ok());
    }
    let fault = [OnFault::Hold, OnFault::Safe, OnFault::Restart];
    b.manifest.policy = FaultPolicy {
        on_trap: entropy.pick(&fault),
        on_fuel: entropy.pick(&fault),
        restarts: entropy.below(3) as u8,
        on_overrun: entropy.pick(&[OnOverrun::DropOldest, OnOverrun::DropNewest]),
        coalesce: entropy.below(2) == 0,
        link_timeout_ms: entropy.pick(&[0, 0, 20]),
        confirm_ms: entropy.pick(&[0, 0, 5, 5, 3000]),
        confirm: Confirm::Device,
        layout: entropy.below(3),
        keep: heapless_of(entropy),
        persist: Persist::AsConfigured,
    };
    if b.manifest.policy.confirm_ms > 0 && entropy.below(2) == 0 {
        b.manifest.policy.confirm = Confirm::Host;
    }
    if b.manifest.policy.keep.is_empty() {
        b.manifest.policy.layout = 0;
    } else {
        let persists = [Persist::AsConfigured, Persist::EveryS(60), Persist::Never];
        b.manifest.policy.persist = entropy.pick(&persists);
    }
    b.build().expect("an image by the book")
}

/// Some of the globals are kept, or none.
fn heapless_of<C: FromIterator<Keep>>(entropy: &mut Entropy<'_>) -> C {
    (0..entropy.below(3) as u16).map(Keep::Global).collect()
}
