//! The device program: mounts the panel and serves the link, for ever.

use tiny_mapper::{LogLevel, Store};
use xmap_bcm2711::{Clock, Counter as _, GenericTimer, Pi, Uart, UartError};
use xmap_boards::BoardId;
use xmap_image::{Image, VerifyError, words_of};
use xmap_link::{Boot, ImageState, features};
use xmap_panel::{Identity, Panel, Record, Recorder, Rehearsal, Served, Service, Wire};

use crate::limits::{TEXT_BYTES, TRACE_ENTRIES};
use crate::startup::{Start, logger};
use crate::{HandoverError, Options};

/// What stands between a panel and the board's port: a record, and the host's world where it rehearses.
pub type Wrapped<P> = Rehearsal<Recorder<P, TRACE_ENTRIES, TEXT_BYTES>>;

/// The board, as this program sets it up. The module's messages wait in the recorder, not here.
pub type Board = Pi<'static, GenericTimer, fn(LogLevel, &str)>;

/// The board's port with its clock.
pub fn board(gpio: xmap_bcm2711::Gpio<'static>, timer: GenericTimer) -> Board {
    Pi::new(gpio, Clock::new(timer), |_, _| ())
}

/// Does everything that a port can do, with operands that nobody knows: for a program that is only
/// measured.
pub fn touch<P: tiny_mapper::Port>(port: &mut P) {
    use core::hint::black_box;

    use tiny_mapper::{Function, Pull};
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

/// Mounts what was handed over, and serves whoever asks.
pub fn run(start: Start, store: Store<'static>) -> ! {
    let Start { gpio, uart, timer, image, arguments, .. } = start;
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
    let mut port: Wrapped<Board> = Rehearsal::new(Recorder::new(board(gpio, timer)), options.rehearse);
    let mut served = match image {
        Ok(image) => mount(image.filter(|_| !options.safe), &mut port, store),
        Err(error) => {
            defmt::error!("hand-over: {=u16}", error.code());
            let state = ImageState::Rejected { code: error.code(), detail: error.detail() };
            Served::Nothing { port: &mut port, state }
        }
    };
    serve(Service::new(identity), LinkUart { uart, errors: 0 }, Clock::new(timer), &mut served)
}

/// Takes an image in and mounts it, in the place where it is.
fn mount<'a, 'p, P>(image: Option<&'a [u8]>, port: &'p mut P, store: Store<'a>) -> Served<'a, &'p mut P>
where
    P: tiny_mapper::Port + Record,
{
    let Some(bytes) = image else {
        defmt::warn!("no image");
        return Served::Nothing { port, state: ImageState::None };
    };
    let image = match words_of(bytes).and_then(Image::admit) {
        Ok(image) => image,
        Err(error) => {
            let (code, detail) = (u16::from(error.code()), detail(&error));
            defmt::error!("image rejected: reason {=u16}, at {=u32}", code, detail);
            return Served::Nothing { port, state: ImageState::Rejected { code, detail } };
        }
    };
    let (prefix, exports) = (image.hash_prefix().swap_bytes(), image.exports().len());
    match Panel::mount(image, port, store) {
        Ok(panel) => {
            defmt::info!("mounted {=u32:08x}: {=usize} exports", prefix, exports);
            Served::Panel(panel)
        }
        Err(failed) => {
            let state = failed.error.state();
            defmt::error!("not mounted {=u32:08x}", prefix);
            Served::Nothing { port: failed.port, state }
        }
    }
}

/// Answers, and sends the device's own log when there is time for it.
fn serve<P>(
    mut service: Service,
    mut wire: LinkUart,
    mut clock: Clock<GenericTimer>,
    served: &mut Served<'_, P>,
) -> !
where
    P: tiny_mapper::Port + Record,
{
    // What the module logged while it was mounted.
    service.send_texts(&mut wire, served);
    let mut bad = 0;
    loop {
        if !service.poll(&mut wire, served) {
            clock.delay_us(REST_US);
        }
        if let Some(trap) = service.take_trap() {
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

/// What the verifier's error points at: an index, or what was found instead.
fn detail(error: &VerifyError) -> u32 {
    use VerifyError as E;
    match *error {
        E::Format(n) | E::Board(n) | E::Export(n) | E::Signature(n) | E::Name(n) | E::Pin(n) | E::Data(n) => {
            n.into()
        }
        E::Section(section) => section as u32,
        E::Function(n)
        | E::Opcode(n)
        | E::Register(n)
        | E::Immediate(n)
        | E::Line(n)
        | E::Branch(n)
        | E::Call(n)
        | E::Global(n)
        | E::End(n) => n,
        // There is only one place for it.
        _ => 0,
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
