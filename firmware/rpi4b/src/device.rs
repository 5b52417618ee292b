//! The device program: mounts the panel and serves the link, for ever.

use xmap_bcm2711::{Clock, Counter as _, GenericTimer, Uart, UartError, Watchdog};
use xmap_boards::BoardId;
use xmap_image::{bundle, words_of};
use xmap_link::{Boot, ImageState, features};
use xmap_panel::{Borrowed, Device, Failure, Identity, Recorder, Rehearsal, Service, Wire};

pub use crate::board::{Board, board};
use crate::limits::{MODULES, SLOTS_A_MODULE, TEXT_BYTES, TRACE_ENTRIES};
use crate::startup::{Start, arena::Room, logger};
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

/// Microseconds between two looks at a UART that has nothing: less than the first byte of a full FIFO
/// takes to be pushed out (16 bytes, 1.4 ms at 115,200 baud), and long enough that the bus, and the emulator's
/// thread that serves it, has time for others.
const REST_US: u32 = 20;

/// The device program on this board.
pub type Pi4b = Device<Borrowed<'static>, Wrapped<Board>>;

/// Mounts what was handed over, and serves whoever asks.
pub fn run(start: Start, rooms: [[Room; SLOTS_A_MODULE]; MODULES]) -> ! {
    let Start { gpio, uart, watchdog, timer, image, arguments, .. } = start;
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
    let mut device = Device::new(port, rooms);
    match image {
        Ok(Some(bytes)) if !options.safe => install(bytes, &mut device),
        Ok(_) => defmt::warn!("no image"),
        Err(error) => {
            defmt::error!("hand-over: {=u16}", error.code());
            device.set_image_state(ImageState::Rejected { code: error.code(), detail: error.detail() });
        }
    }
    let wire = LinkUart { uart, errors: 0 };
    serve(Service::new(identity), wire, Clock::new(timer), watchdog, device)
}

/// Puts the images that were handed over into modules, in their order: one, or a bundle of several.
fn install(bytes: &[u8], device: &mut Pi4b) {
    // An image says its own length, so what the boot stage hands over may end with padding of its own.
    let words = match words_of(bytes) {
        Ok(words) => words,
        Err(error) => return device.set_image_state(Failure::Image(error).state()),
    };
    for (number, image) in (0..).zip(bundle(words)) {
        let outcome = match image {
            Ok(words) => device.install(number, bytemuck::cast_slice(words)),
            Err(error) => Err(Failure::Image(error)),
        };
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

/// Runs events, answers, and sends the device's own log when there is time for it.
fn serve(
    mut service: Service,
    mut wire: LinkUart,
    mut clock: Clock<GenericTimer>,
    mut watchdog: Watchdog<'static>,
    mut device: Pi4b,
) -> ! {
    // What the module logged while it was mounted.
    service.send_texts(&mut wire, &mut device);
    let mut bad = 0;
    loop {
        let busy = device.poll();
        let asked = service.poll(&mut wire, &mut device);
        service.send_texts(&mut wire, &mut device);
        if service.wants_reset() {
            device.make_all_safe();
            wire.uart.flush();
            watchdog.reset();
        }
        if !busy && !asked {
            clock.delay_us(REST_US);
        }
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
            defmt::warn!("bad frame: {=u32} so far, {=u32} broken bytes", now_bad, wire.errors);
            bad = now_bad;
        }
        logger::drain(|frame| wire.write(frame));
    }
}

/// The UART as the link's wire. A broken byte is dropped: the frame that it was in fails its checksum.
struct LinkUart {
    uart: Uart<'static>,
    /// Bytes that did not arrive whole.
    errors: u32,
}

impl Wire for LinkUart {
    fn read(&mut self) -> Option<u8> {
        loop {
            match self.uart.read() {
                Ok(byte) => return byte,
                Err(UartError::Overrun | UartError::Framing | UartError::Break) => {
                    self.errors = self.errors.saturating_add(1);
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.uart.write(bytes);
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
