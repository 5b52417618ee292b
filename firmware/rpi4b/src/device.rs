//! The device program: mounts the panel and serves the link, for ever.

use heapless::Vec;
use xmap_bcm2711::{Clock, Counter as _, GenericTimer, Mailbox, Uart, safe_stores};
use xmap_boards::BoardId;
use xmap_device::{
    Borrowed, Device, Failure, Fate, FlightRecorder, GOOD_US, Identity, ImageHash, Keeper, Mounting,
    Recorder, Rehearsal, Service, Starts, Tried, Trust as _, Turns, Wire, check_lines, install_counted,
    make_safe_by_lines,
};
use xmap_image::{HASH_WORD, HASH_WORDS, Image, words_of};
use xmap_link::limits::MAX_FRAME;
use xmap_link::{Boot, Channel, ImageState, features};
use xmap_trust::{Piece, pieces};
use xmap_update::Next;

pub use crate::board::{Board, board};
use crate::callers;
use crate::card::{self, StoreDisk};
use crate::interrupts;
use crate::limits::{MODULES, SLOTS_A_MODULE, TEXT_BYTES, TRACE_ENTRIES, WATCHDOG_MS};
use crate::owner::{self, Owner};
use crate::startup::{Start, arena, arena::SlotMemory, logger};
use crate::{HandoverError, Options, random};

/// What stands between a panel and the board's port: a record, and the host's world where it rehearses.
pub type Wrapped<P> = Rehearsal<Recorder<P, TRACE_ENTRIES, TEXT_BYTES>>;

/// That port with the flight recorder in front of it.
pub type Flown<P> = FlightRecorder<Wrapped<P>, &'static mut [u8]>;

/// Puts the flight recorder in front of a port, with its own memory: for a program that is only measured.
///
/// # Panics
/// Where somebody has that memory.
pub fn flown<P: xmap_device::Board>(port: Wrapped<P>) -> Flown<P> {
    FlightRecorder::new(port, arena::flight().expect("nobody has taken it"))
}

/// Does everything that a port can do, with operands that nobody knows: for a program that is only
/// measured. Never inlined, so that each of these programs has the same one.
#[inline(never)]
pub fn touch<P: tiny_mapper::Port>(port: &mut P) {
    use core::hint::black_box;

    use tiny_mapper::{Function, LogLevel, Pull};
    use xmap_boards::{Bank, Line};

    let bank = if black_box(true) { Bank::Zero } else { Bank::One };
    let Some(line) = Line::new(black_box(17)) else { return };
    port.set(bank, black_box(1));
    port.clear(bank, black_box(1));
    black_box(port.level(bank));
    port.select(line, if black_box(true) { Function::Input } else { Function::Output });
    port.pull(line, if black_box(true) { Pull::Up } else { Pull::Down });
    black_box(port.now_us());
    port.delay_us(black_box(1));
    port.log(LogLevel::Warn, black_box(""));
    black_box(port.random().is_some_and(|random| random.fill(black_box(&mut [0; 4]))));
}

/// Does what every program does with bytes, for one that is only measured: copies what was handed over,
/// moves and clears a part, reads the rest as text. A program that serves the link needs all of it without
/// a mapper, so none of it is the mapper's. Never inlined, as [`touch`].
#[inline(never)]
pub fn touch_bytes(bytes: &[u8]) {
    use core::hint::black_box;

    let mut buffer = [0; 64];
    let some = bytes.len().min(buffer.len());
    for (to, from) in buffer.get_mut(..some).into_iter().zip(bytes.get(..some)) {
        to.copy_from_slice(from);
    }
    let moved = black_box(some / 2);
    buffer.copy_within(moved..some.max(moved), 0);
    if let Some(rest) = black_box(&mut buffer).get_mut(some..) {
        rest.fill(black_box(0));
    }
    _ = black_box(core::str::from_utf8(black_box(&buffer)));
}

/// Microseconds between two feedings of the watchdog while nothing else happens.
const FEED_US: u64 = 1_000_000;

/// Microseconds between two writes of retained state that changes, at least, where an image does not say it:
/// as the service under Linux.
const KEEP_EVERY_US: u64 = 300_000_000;

/// The device program on this board.
pub type Pi4b<T = Owner> = Device<Borrowed<'static>, Flown<Board>, T>;

/// Mounts what was handed over, and serves whoever asks.
pub fn run(
    start: Start,
    rooms: [[SlotMemory; SLOTS_A_MODULE]; MODULES],
    scratch: &'static mut [u32],
    flight: &'static mut [u8],
) -> ! {
    let Start { gpio, buses, sd, emmc, mut uart, timer, image, arguments, origin, seed, booted, mailbox } =
        start;
    let options = Options::of(arguments);
    defmt::info!("xmap {=str} on rpi4b, counter {=u32} Hz", env!("CARGO_PKG_VERSION"), timer.hz());
    if options.rehearse {
        defmt::warn!("rehearsal: inputs and clock are the host's");
    }
    let identity = Identity {
        board: BoardId::Rpi4b as u16,
        boot: if options.safe { Boot::Safe } else { Boot::Normal },
        features: features::TRACE
            | features::DEFMT
            | features::TEXT
            | if options.rehearse { features::REHEARSAL } else { 0 },
        clock_hz: timer.hz(),
        firmware: env!("CARGO_PKG_VERSION"),
    };
    let card = if options.no_store {
        None
    } else {
        card::start(if options.card_behind_emmc { emmc } else { sd }, timer)
    };
    let firmwares = card::firmwares(card, booted, owner::root());
    if let Ok((_, Next::Reset)) = &firmwares {
        defmt::warn!("autoboot.txt was mended: the firmware that counts as good is next");
        interrupts::reset(&mut uart);
    }
    let board = board(gpio, timer).with_buses(buses).with_firmwares(firmwares.map(|(slots, _)| slots));
    let flight = flight.get_mut(..options.record_bytes.unwrap_or(usize::MAX).min(flight.len()));
    let flight = flight.unwrap_or_default();
    let port = FlightRecorder::new(Rehearsal::new(Recorder::new(board), options.rehearse), flight);
    let store = card.and_then(card::open);
    let mut keeper = store.map(|store| Keeper::new(store, scratch, KEEP_EVERY_US));
    let memory = keeper.as_mut().map(Keeper::remembered).unwrap_or_default();
    let mut device = Device::with_trust(port, rooms, owner::owner(memory));
    match device.trust().policy() {
        Some(policy) => {
            defmt::info!("policy {=u32}: images need a seal; this one is from {=str}", policy.version, origin)
        }
        None => defmt::warn!("DEVELOPMENT build: any image is taken, whoever made it"),
    }
    random::seed(seed);
    let service = callers::service(identity, seed);
    let on_card = keeper.as_mut().map(Keeper::starts).unwrap_or_default();
    let mut starts = interrupts::starts().unwrap_or(on_card);
    // From here on: what hangs in its mount is no reason to stay down.
    interrupts::watch(WATCHDOG_MS, !options.no_watchdog);
    let mut clock = Clock::new(timer);
    if let Some(keeper) = &mut keeper
        && let Err(error) = keeper.keep_starts(&starts, clock.now_us())
    {
        card::log(error);
    }
    let mut target = AtBoot { starts: &mut starts };
    if let Some(keeper) = keeper.as_mut().filter(|_| !options.safe) {
        keeper.mount(&mut device, &mut target);
    }
    match image {
        Ok(Some(bytes)) if !options.safe => {
            install(bytes, origin, &mut device, keeper.as_mut(), &mut target);
        }
        Ok(_) => defmt::warn!("no image"),
        Err(error) => {
            defmt::error!("hand-over: {=u16}", error.code());
            device.set_image_state(ImageState::Rejected { code: error.code(), detail: error.detail() });
        }
    }
    starts.mounted();
    interrupts::keep_starts(&starts);
    if let Some(keeper) = &mut keeper {
        keeper.mounted(&device, clock.now_us());
    }
    let main_loop = MainLoop {
        service,
        wire: LinkUart { uart, answer: None },
        keeper,
        held: None,
        good_us: Some(clock.now_us() + GOOD_US),
        began_us: clock.now_us(),
        mailbox,
        clock,
        rehearse: options.rehearse,
        device,
        starts,
        running: None,
        turns: Turns::default(),
        heard_us: None,
    };
    main_loop.serve()
}

/// What happens while images are mounted: starts are counted, the interrupt handler knows the safe states,
/// and the log has what became of each.
struct AtBoot<'s> {
    starts: &'s mut Starts,
}

impl Mounting<Pi4b> for AtBoot<'_> {
    fn set_aside(&mut self, hash: &ImageHash) -> Option<u8> {
        self.starts.set_aside(hash)
    }

    fn begin(&mut self, hash: &ImageHash, image: &[u8], device: &Pi4b) {
        self.starts.begin(hash);
        interrupts::keep_starts(self.starts);
        if let Some(Ok(piece)) = words_of(image).ok().and_then(|words| pieces(words).next()) {
            make_known(piece.image, device);
        }
        interrupts::feed();
    }

    fn ended(&mut self, module: u8, hash: &ImageHash, tried: Tried<'_>, device: &mut Pi4b) {
        match tried {
            Tried::SetAside(unclean) => {
                defmt::error!("module {=u8} set aside: {=u8} starts did not end well", module, unclean);
            }
            Tried::Damaged => defmt::error!("module {=u8}: a record of the store is damaged", module),
            Tried::Without => {
                defmt::warn!("module {=u8}: not mounted with the state that it kept, tried without", module);
            }
            Tried::Mounted(older) => {
                let image = device.image(module);
                let (prefix, exports) =
                    image.map_or((0, 0), |i| (i.hash_prefix().swap_bytes(), i.exports().len()));
                defmt::info!("module {=u8} mounted {=u32:08x}: {=usize} exports", module, prefix, exports);
                if older {
                    defmt::warn!("module {=u8}: that is not the newest image of the store", module);
                }
            }
            Tried::Failed(failure) => {
                self.starts.gave_up(hash);
                let state = failure.state();
                device.set_image_state(state);
                if let ImageState::Rejected { code, detail } = state {
                    defmt::error!("module {=u8} rejected: reason {=u16}, at {=u32}", module, code, detail);
                } else {
                    defmt::error!("module {=u8} not mounted", module);
                }
            }
        }
    }
}

/// Puts the images that were handed over into modules that have none, in their order: one, or a bundle of
/// several, each with its seal behind it.
fn install(
    bytes: &[u8],
    origin: &str,
    device: &mut Pi4b,
    mut keeper: Option<&mut Keeper<'static, StoreDisk>>,
    target: &mut AtBoot<'_>,
) {
    // An image says its own length, so what the boot stage hands over may end with padding of its own.
    let words = match words_of(bytes) {
        Ok(words) => words,
        Err(error) => return device.set_image_state(Failure::Image(error).state()),
    };
    for (number, piece) in (0..).zip(pieces(words)) {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                let failure = Failure::Image(error);
                target.ended(number, &[0; 32], Tried::Failed(&failure), device);
                continue;
            }
        };
        if device.image(number).is_some() {
            compare(piece.image, number, device);
            continue;
        }
        let image = (number, bytemuck::cast_slice(taken(&piece, number, device.is_development())));
        let hash = stated_hash(piece.image);
        match &mut keeper {
            Some(keeper) => keeper.install(image, (&hash, origin), device, target),
            None => install_counted(image, (&hash, origin), None, false, (&mut *device, &mut *target)),
        }
    }
}

/// Takes note where the card's own panel is newer than what the store has: the store wins.
fn compare(words: &[u32], number: u8, device: &mut Pi4b) {
    let (Ok(own), Some(running)) = (Image::verify(words), device.image(number)) else { return };
    let name = |image: &Image<'_>| {
        image.manifest().is_ok_and(|own| running.manifest().is_ok_and(|m| m.module == own.module))
    };
    let newer = name(&own) && own.header().version > running.header().version;
    if newer {
        device.note_newer_default(number);
        defmt::warn!("module {=u8}: panel.xmap is newer than the image of the store, which runs", number);
    }
}

/// The content hash that an image states.
fn stated_hash(words: &[u32]) -> ImageHash {
    let mut hash = [0; 32];
    let stated = words.get(HASH_WORD..HASH_WORD + HASH_WORDS).unwrap_or_default();
    hash.as_chunks_mut::<4>().0.iter_mut().zip(stated).for_each(|(to, word)| *to = word.to_le_bytes());
    hash
}

/// Gives the interrupt handler the safe states of what is mounted, and of an image that is about to be.
fn make_known(words: &[u32], device: &Pi4b) {
    interrupts::set_safe(safe_stores(|port| {
        (0..MODULES as u8).filter_map(|number| device.image(number)).for_each(|image| {
            make_safe_by_lines(&image, port);
        });
        if let Ok(image) = Image::verify(words)
            && check_lines(&image).is_ok()
        {
            make_safe_by_lines(&image, port);
        }
    }));
}

/// Returns what is given to the device of an image and its seal: both, where anybody looks at seals.
fn taken<'p>(piece: &Piece<'p>, number: u8, development: bool) -> &'p [u32] {
    if !development {
        return piece.whole;
    }
    if piece.seal.is_some() {
        defmt::warn!("module {=u8}: the seal behind it is not looked at", number);
    }
    piece.image
}

/// The device program at work.
struct MainLoop {
    service: Service,
    wire: LinkUart,
    clock: Clock<GenericTimer>,
    rehearse: bool,
    device: Pi4b,
    /// Keeps the device in the card's store, where it has one.
    keeper: Option<Keeper<'static, StoreDisk>>,
    /// What the latest answer waits for, by [`xmap_link::Thing::bit`], and the number of the change.
    held: Option<(u16, u64)>,
    starts: Starts,
    /// When the start has gone well, unless a host is served before; `None` after that.
    good_us: Option<u64>,
    /// The images that run, each with its generation.
    running: Option<[Option<(u16, u32)>; MODULES]>,
    turns: Turns,
    /// When a host was answered last.
    heard_us: Option<u64>,
    /// When the main loop began.
    began_us: u64,
    /// The way to the next start, if that is a trial.
    mailbox: Mailbox<'static>,
}

impl MainLoop {
    /// Runs events, answers, and sends the device's own log when there is time for it. Sleeps while there is
    /// nothing to do.
    fn serve(mut self) -> ! {
        // What the module logged while it was mounted.
        self.service.send_texts(&mut self.wire, &mut self.device);
        let mut bad = 0;
        loop {
            interrupts::feed();
            let mut busy = false;
            let now_us = self.clock.now_us();
            if self.turns.begin(now_us, self.heard_us(now_us)) {
                busy = self.device.poll();
                match busy {
                    true => self.turns.ran(self.clock.now_us() - now_us),
                    false => self.turns.rested(),
                }
            }
            let asked = self.answer();
            let writes = self.keep();
            self.service.send_texts(&mut self.wire, &mut self.device);
            self.note_start(asked);
            if self.service.wants_reset() {
                self.device.make_all_safe();
                self.finish();
                interrupts::reset(&mut self.wire.uart);
            }
            self.judge_firmware(asked);
            self.note_images();
            if let Some(trap) = self.device.take_trap() {
                defmt::warn!(
                    "export {=u16} trapped: code {=u8} at op {=u32}, detail {=u32}",
                    trap.export,
                    trap.code,
                    trap.op,
                    trap.detail
                );
            }
            let now_bad = self.service.frames().bad();
            if now_bad != bad {
                defmt::warn!(
                    "bad frame: {=u32} so far, {=u32} broken bytes",
                    now_bad,
                    interrupts::broken_bytes()
                );
                bad = now_bad;
            }
            // What nobody may read waits, as far as there is room.
            if self.service.has_reader() {
                logger::drain(|part| self.service.send_bytes(&mut self.wire, Channel::Defmt, part));
            }
            if !busy && !asked && !writes {
                let now_us = self.clock.now_us();
                // In a rehearsal the host's cues are the device's time.
                let wake_us = match self.turns.ends_us(self.heard_us(now_us)) {
                    Some(ends_us) => ends_us,
                    None if self.rehearse => u64::MAX,
                    None => self.device.next_wake_us(),
                };
                let good_us = self.good_us.unwrap_or(u64::MAX);
                let keep_us = self.keeper.as_ref().map_or(u64::MAX, Keeper::next_us);
                interrupts::set_alarm(Some(wake_us.min(now_us + FEED_US).min(good_us).min(keep_us)));
                interrupts::idle();
            }
        }
    }

    /// Restarts with the firmware that a host wants tried, or with the one before where this one does not
    /// prove itself.
    fn judge_firmware(&mut self, asked: bool) {
        let tries = self.service.wants_trial();
        // On a guarded device a greeting is anybody's.
        let asked = asked && self.service.role().is_some();
        let ran_us = self.clock.now_us() - self.began_us;
        if !tries && !self.device.judge_firmware(asked, ran_us) {
            return;
        }
        self.device.make_all_safe();
        self.finish();
        if tries && let Err(error) = self.mailbox.try_next() {
            // The start that follows is one as any other, and says that the firmware went back.
            defmt::error!("no trial: {=u8}", error as u8);
        }
        interrupts::reset(&mut self.wire.uart);
    }

    /// Answers a request. What it made count as good is on the card before the answer leaves.
    fn answer(&mut self) -> bool {
        if self.held.is_some() {
            return false;
        }
        self.wire.answer = Some(Vec::new());
        let asked = self.service.poll(&mut self.wire, &mut self.device);
        let things = self.service.touched();
        if let Some(keeper) = self.keeper.as_mut().filter(|_| asked && things != 0) {
            keeper.hurry(things);
            keeper.look(&self.device, owner::memory(self.device.trust()), self.clock.now_us());
            let upto = keeper.items().latest;
            self.held = (keeper.items().fate(things, upto) != Fate::Kept).then_some((things, upto));
        }
        if self.held.is_none() {
            self.wire.release();
        }
        asked
    }

    /// Writes some of what a restart should find, and lets an answer go that waited for it. Returns whether
    /// there is more to write.
    fn keep(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else { return false };
        let now_us = self.clock.now_us();
        keeper.look(&self.device, owner::memory(self.device.trust()), now_us);
        if let Err(error) = keeper.step(now_us) {
            card::log(error);
        }
        if let Some((things, upto)) = self.held {
            match keeper.items().fate(things, upto) {
                Fate::Pending => {}
                // A host that knows how to ask what is kept gets its answer; any other would take it for the
                // whole truth, and gets none.
                Fate::Failed if self.service.edition() == 0 => (self.held, self.wire.answer) = (None, None),
                Fate::Kept | Fate::Failed => {
                    self.held = None;
                    self.wire.release();
                }
            }
        }
        keeper.report(&mut self.device, now_us);
        keeper.is_busy()
    }

    /// Writes what has changed, and waits for it: the device restarts.
    fn finish(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.finish(&self.device, owner::memory(self.device.trust()), || {
                interrupts::feed();
                self.clock.now_us()
            });
        }
    }

    /// Returns when a host was last heard; now, where bytes wait. In a rehearsal time is the host's.
    fn heard_us(&self, now_us: u64) -> Option<u64> {
        let heard_us = if interrupts::has_received() { Some(now_us) } else { self.heard_us };
        heard_us.filter(|_| !self.rehearse)
    }

    /// Takes note that the start has gone well: the loop has turned for a while, or a host was answered.
    /// After a hang it has to turn for as long again.
    fn note_start(&mut self, asked: bool) {
        let now_us = self.clock.now_us();
        if interrupts::take_starved() != 0 {
            defmt::error!(
                "outputs were made safe: the device did nothing else for {=u32} ms",
                WATCHDOG_MS / 2
            );
            self.good_us = Some(now_us + GOOD_US);
        }
        if asked {
            self.heard_us = Some(now_us);
            // Who is answered can bring another image: this one does not keep the device down.
            self.good_us = self.good_us.map(|_| now_us);
        }
        if self.good_us.take_if(|good_us| *good_us <= now_us).is_some() {
            self.starts.good();
            self.keep_starts();
        }
    }

    /// Keeps the account of starts for the program after a reset, and for the one after a loss of power.
    fn keep_starts(&mut self) {
        interrupts::keep_starts(&self.starts);
        if let Some(keeper) = &mut self.keeper {
            keeper.note_starts(&self.starts);
        }
    }

    /// Works out the stores that make the outputs of all active images safe, where those are others than
    /// before, and takes note of images that a host has brought.
    fn note_images(&mut self) {
        let modules: [u8; MODULES] = [0, 1, 2, 3];
        let device = &self.device;
        let now =
            modules.map(|number| Some((device.generation(number), device.image(number)?.hash_prefix())));
        if self.running == Some(now) {
            return;
        }
        let before = self.running.replace(now);
        let images = || modules.iter().filter_map(|number| device.image(*number));
        interrupts::set_safe(safe_stores(|port| images().for_each(|image| make_safe_by_lines(&image, port))));
        let Some(before) = before else { return };
        self.starts.set_running(images().map(|image| image.hash()));
        self.keep_starts();
        for ((number, before), now) in modules.into_iter().zip(before).zip(now) {
            if before != now && now.is_some() {
                self.device.clear_notes(number);
            }
        }
    }
}

/// The UART as the link's wire.
struct LinkUart {
    uart: Uart<'static>,
    /// The latest frame of a request's answer, while it is made and held back; what is written before it is
    /// on its way.
    answer: Option<Vec<u8, MAX_FRAME>>,
}

impl LinkUart {
    /// Sends the answer that was held back.
    fn release(&mut self) {
        if let Some(answer) = self.answer.take() {
            self.uart.write(&answer);
        }
    }
}

impl Wire for LinkUart {
    fn read(&mut self) -> Option<u8> {
        interrupts::receive()
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(answer) = &mut self.answer else { return self.uart.write(bytes) };
        self.uart.write(answer);
        answer.clear();
        if answer.extend_from_slice(bytes).is_err() {
            // None is longer than a frame.
            self.uart.write(bytes);
        }
    }

    fn origin(&self) -> &'static str {
        "uart"
    }
}

impl HandoverError {
    /// The reason as a status has it: behind those of verification (1 to 255) and of the mount (256 up).
    pub const fn code(&self) -> u16 {
        match self {
            Self::NoDeviceTree => 512,
            Self::BadDeviceTree => 513,
            Self::BadProperty(_) => 514,
            Self::BadPlace(..) => 515,
        }
    }

    /// Returns what it points at: the start of an image in the wrong place.
    pub const fn detail(&self) -> u32 {
        match self {
            Self::BadPlace(start, _) => *start as u32,
            _ => 0,
        }
    }
}
