//! The device program: mounts the panel and serves the link, for ever.

use xmap_bcm2711::{Clock, Counter as _, GenericTimer, Uart, safe_stores};
use xmap_boards::BoardId;
use xmap_device::{
    Borrowed, Device, Failure, Identity, Recorder, Rehearsal, Service, Trust as _, Wire, make_safe,
};
use xmap_image::words_of;
use xmap_link::{Boot, Channel, ImageState, features};
use xmap_trust::{Piece, pieces};

pub use crate::board::{Board, board};
use crate::callers;
use crate::interrupts;
use crate::limits::{MODULES, SLOTS_A_MODULE, TEXT_BYTES, TRACE_ENTRIES, WATCHDOG_MS};
use crate::owner::{self, Owner};
use crate::startup::{Start, arena::SlotMemory, logger};
use crate::{HandoverError, Options};

/// What stands between a panel and the board's port: a record, and the host's world where it rehearses.
pub type Wrapped<P> = Rehearsal<Recorder<P, TRACE_ENTRIES, TEXT_BYTES>>;

/// Does everything that a port can do, with operands that nobody knows: for a program that is only
/// measured.
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
}

/// Does what every program does with bytes, for one that is only measured: copies what was handed over,
/// moves and clears a part, reads the rest as text. A program that serves the link needs all of it without
/// a mapper, so none of it is the mapper's.
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

/// The device program on this board.
pub type Pi4b<T = Owner> = Device<Borrowed<'static>, Wrapped<Board>, T>;

/// Mounts what was handed over, and serves whoever asks.
pub fn run(start: Start, rooms: [[SlotMemory; SLOTS_A_MODULE]; MODULES]) -> ! {
    let Start { gpio, uart, timer, image, arguments, origin, seed } = start;
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
    let port = Rehearsal::new(Recorder::new(board(gpio, timer)), options.rehearse);
    let mut device = Device::with_trust(port, rooms, owner::owner());
    match device.trust().policy() {
        Some(policy) => {
            defmt::info!("policy {=u32}: images need a seal; this one is from {=str}", policy.version, origin)
        }
        None => defmt::warn!("DEVELOPMENT build: any image is taken, whoever made it"),
    }
    let service = callers::service(identity, seed);
    match image {
        Ok(Some(bytes)) if !options.safe => install(bytes, origin, &mut device),
        Ok(_) => defmt::warn!("no image"),
        Err(error) => {
            defmt::error!("hand-over: {=u16}", error.code());
            device.set_image_state(ImageState::Rejected { code: error.code(), detail: error.detail() });
        }
    }
    interrupts::watch(WATCHDOG_MS, !options.no_watchdog);
    serve(service, LinkUart { uart }, Clock::new(timer), options.rehearse, device)
}

/// Puts the images that were handed over into modules, in their order: one, or a bundle of several, each with
/// its seal behind it.
fn install(bytes: &[u8], origin: &str, device: &mut Pi4b) {
    // An image says its own length, so what the boot stage hands over may end with padding of its own.
    let words = match words_of(bytes) {
        Ok(words) => words,
        Err(error) => return device.set_image_state(Failure::Image(error).state()),
    };
    for (number, piece) in (0..).zip(pieces(words)) {
        let outcome = piece.map_err(Failure::Image).and_then(|piece| {
            let words = taken(&piece, number, device.is_development());
            device.install_from(number, bytemuck::cast_slice(words), origin)
        });
        match outcome {
            Ok(()) => {
                let image = device.image(number);
                let (prefix, exports) =
                    image.map_or((0, 0), |i| (i.hash_prefix().swap_bytes(), i.exports().len()));
                defmt::info!("module {=u8} mounted {=u32:08x}: {=usize} exports", number, prefix, exports);
            }
            Err(failure) => {
                let state = failure.state();
                device.set_image_state(state);
                if let ImageState::Rejected { code, detail } = state {
                    defmt::error!("module {=u8} rejected: reason {=u16}, at {=u32}", number, code, detail);
                } else {
                    defmt::error!("module {=u8} not mounted", number);
                }
            }
        }
    }
}

/// What is given to the device of an image and its seal: both, where anybody looks at seals.
fn taken<'p>(piece: &Piece<'p>, number: u8, development: bool) -> &'p [u32] {
    if !development {
        return piece.whole;
    }
    if piece.seal.is_some() {
        defmt::warn!("module {=u8}: the seal behind it is not looked at", number);
    }
    piece.image
}

/// Runs events, answers, and sends the device's own log when there is time for it. Sleeps while there is
/// nothing to do.
fn serve(
    mut service: Service,
    mut wire: LinkUart,
    mut clock: Clock<GenericTimer>,
    rehearse: bool,
    mut device: Pi4b,
) -> ! {
    // What the module logged while it was mounted.
    service.send_texts(&mut wire, &mut device);
    let mut bad = 0;
    let mut safe = None;
    loop {
        interrupts::feed();
        let busy = device.poll();
        let asked = service.poll(&mut wire, &mut device);
        service.send_texts(&mut wire, &mut device);
        if service.wants_reset() {
            device.make_all_safe();
            interrupts::reset(&mut wire.uart);
        }
        keep_safe(&device, &mut safe);
        if let Some(trap) = device.take_trap() {
            defmt::warn!(
                "export {=u16} trapped: code {=u8} at op {=u32}, detail {=u32}",
                trap.export,
                trap.code,
                trap.op,
                trap.detail
            );
        }
        let now_bad = service.frames().bad();
        if now_bad != bad {
            defmt::warn!(
                "bad frame: {=u32} so far, {=u32} broken bytes",
                now_bad,
                interrupts::broken_bytes()
            );
            bad = now_bad;
        }
        let starved = interrupts::take_starved();
        if starved != 0 {
            defmt::error!(
                "outputs were made safe: the device did nothing else for {=u32} ms",
                WATCHDOG_MS / 2
            );
        }
        // What nobody may read waits, as far as there is room.
        if service.has_reader() {
            logger::drain(|part| service.send_bytes(&mut wire, Channel::Defmt, part));
        }
        if !busy && !asked {
            // In a rehearsal the host's cues are the device's time.
            let wake_us = if rehearse { u64::MAX } else { device.next_wake_us() };
            interrupts::set_alarm(Some(wake_us.min(clock.now_us() + FEED_US)));
            interrupts::idle();
        }
    }
}

/// Works out the stores that make the outputs of all active images safe, where those are others than before.
fn keep_safe(device: &Pi4b, before: &mut Option<[Option<u32>; MODULES]>) {
    let modules = [0, 1, 2, 3];
    let now = modules.map(|number| device.image(number).map(|image| image.hash_prefix()));
    if *before == Some(now) {
        return;
    }
    *before = Some(now);
    interrupts::set_safe(safe_stores(|port| {
        modules.iter().filter_map(|number| device.image(*number)).for_each(|image| make_safe(&image, port));
    }));
}

/// The UART as the link's wire.
struct LinkUart {
    uart: Uart<'static>,
}

impl Wire for LinkUart {
    fn read(&mut self) -> Option<u8> {
        interrupts::receive()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.uart.write(bytes);
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

    /// What it points at: the start of an image in the wrong place.
    pub const fn detail(&self) -> u32 {
        match self {
            Self::BadPlace(start, _) => *start as u32,
            _ => 0,
        }
    }
}
