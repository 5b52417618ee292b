//! The device's end of the link: requests in, responses out, over any wire.

use tiny_mapper::{CallError, Port, Trap};
use xmap_boards::Bank;
use xmap_image::{ExportId, Image, Ty};
use xmap_link::limits::{MAX_ARGS, MAX_BANKS, MAX_FRAME};
use xmap_link::{
    Args, Boot, Described, Export, FrameCounters, FrameReader, Hello, ImageInfo, ImageState, PROTOCOL,
    Refusal, Request, Responder, Response, Status, TrapReport, encode_text,
};

use crate::{Cue, MountError, Panel, Record};

/// A stream of bytes to a host: a UART, a socket, a buffer in a test.
pub trait Wire {
    /// The next byte that has arrived, or `None` where none has. Does not wait.
    fn read(&mut self) -> Option<u8>;

    /// Sends bytes; waits until they are on their way.
    fn write(&mut self, bytes: &[u8]);
}

/// What a device says of itself, whatever is mounted.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The board, by its number in the image format.
    pub board: u16,
    /// What the program was started for.
    pub boot: Boot,
    /// Bits of [`xmap_link::features`].
    pub features: u32,
    /// Ticks of the clock in a second, as the hardware reports them.
    pub clock_hz: u32,
    /// The firmware's version; what does not fit a greeting is cut off.
    pub firmware: &'static str,
}

/// What a service serves: a mounted panel, or a port without one and why.
// A panel is large; there is one in a device, and it does not move.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Served<'a, P> {
    /// A panel.
    Panel(Panel<'a, P>),
    /// None: calls are refused, and the status says why.
    Nothing {
        /// The port, for levels and time.
        port: P,
        /// What became of the image.
        state: ImageState,
    },
}

impl<P> Served<'_, P> {
    fn image(&self) -> Option<&Image<'_>>
    where
        P: Port,
    {
        match self {
            Self::Panel(panel) => Some(panel.image()),
            Self::Nothing { .. } => None,
        }
    }

    fn port(&mut self) -> &mut P
    where
        P: Port,
    {
        match self {
            Self::Panel(panel) => panel.port_mut(),
            Self::Nothing { port, .. } => port,
        }
    }
}

/// Serves a host. One request is answered at a time; a module's messages go out before the answer.
#[derive(Debug)]
pub struct Service {
    identity: Identity,
    reader: FrameReader,
    responder: Responder,
    trapped: Option<TrapReport>,
}

impl Service {
    /// A service that has heard nothing yet.
    pub const fn new(identity: Identity) -> Self {
        Self { identity, reader: FrameReader::new(), responder: Responder::new(), trapped: None }
    }

    /// Takes the bytes that have arrived and answers the first request among them. Returns whether
    /// there was one; where not, all bytes were taken and the caller may rest until the next.
    pub fn poll<P: Port + Record>(&mut self, wire: &mut impl Wire, served: &mut Served<'_, P>) -> bool {
        while let Some(byte) = wire.read() {
            let counters = self.reader.counters();
            let Some(frame) = self.reader.feed(byte) else { continue };
            let refused = self.responder.refused();
            let context = Context {
                identity: &self.identity,
                refused,
                frames_good: counters.good.saturating_add(1),
                frames_bad: counters.bad(),
            };
            let trapped = &mut self.trapped;
            let answer = self.responder.respond(&frame, |request| {
                let response = context.serve(request, served);
                if let Response::Trapped(trap) = &response {
                    *trapped = Some(*trap);
                }
                response
            });
            send_texts(wire, served.port());
            wire.write(answer);
            return true;
        }
        false
    }

    /// The trap of the latest call that trapped since this was last asked, for the device's own log.
    pub const fn take_trap(&mut self) -> Option<TrapReport> {
        self.trapped.take()
    }

    /// How frames fared so far.
    pub const fn frames(&self) -> FrameCounters {
        self.reader.counters()
    }

    /// Sends the messages that are waiting: for what a module logs while no request is answered.
    pub fn send_texts<P: Port + Record>(&mut self, wire: &mut impl Wire, served: &mut Served<'_, P>) {
        send_texts(wire, served.port());
    }
}

fn send_texts(wire: &mut impl Wire, record: &mut impl Record) {
    let mut buffer = [0; MAX_FRAME];
    record.take_texts(&mut |text| {
        // A piece fits a frame by the link's own limits.
        if let Ok(frame) = encode_text(&text, &mut buffer) {
            wire.write(frame);
        }
    });
}

/// What an answer needs beside what is served.
struct Context<'s> {
    identity: &'s Identity,
    refused: u32,
    frames_good: u32,
    frames_bad: u32,
}

impl Context<'_> {
    fn serve<P: Port + Record>(&self, request: Request, served: &mut Served<'_, P>) -> Response {
        match request {
            Request::Hello { nonce, .. } => Response::Hello(self.hello(nonce, served)),
            Request::Status => Response::Status(self.status(served)),
            Request::Trace { from } => Response::Trace(served.port().trace(from)),
            Request::Levels => levels(served.port()),
            Request::Rehearse { lines, levels: given, advance_us } => {
                let port = served.port();
                if port.rehearse(&Cue { lines, levels: given, advance_us }) {
                    levels(port)
                } else {
                    Response::Refused(Refusal::Unsupported)
                }
            }
            Request::Call { export, args } => {
                let Served::Panel(panel) = served else { return Response::Refused(Refusal::NoImage) };
                call(panel, &export, &args).unwrap_or_else(Response::Refused)
            }
            Request::Describe { export } => {
                let Some(image) = served.image() else { return Response::Refused(Refusal::NoImage) };
                describe(image, &export).map_or_else(Response::Refused, Response::Described)
            }
            // Features::SWAP is not among those that this device names.
            _ => Response::Refused(Refusal::Unsupported),
        }
    }

    fn hello<P: Port>(&self, nonce: u32, served: &Served<'_, P>) -> Hello {
        let identity = self.identity;
        let mut hello = Hello {
            protocol: PROTOCOL,
            nonce,
            board: identity.board,
            boot: identity.boot,
            features: identity.features,
            clock_hz: identity.clock_hz,
            firmware: Default::default(),
            image: served.image().map(|image| ImageInfo {
                hash: image.hash(),
                version: image.header().version,
                exports: image.exports().len() as u16,
            }),
        };
        let room = hello.firmware.capacity();
        let cut = identity.firmware.floor_char_boundary(room);
        _ = hello.firmware.push_str(identity.firmware.get(..cut).unwrap_or_default());
        hello
    }

    fn status<P: Port + Record>(&self, served: &mut Served<'_, P>) -> Status {
        let (image, calls, traps) = match served {
            Served::Panel(panel) => {
                let counters = panel.counters();
                (ImageState::Mounted, capped(counters.calls), capped(counters.traps))
            }
            Served::Nothing { state, .. } => (*state, 0, 0),
        };
        let port = served.port();
        Status {
            uptime_us: port.now_us(),
            image,
            calls,
            traps,
            refused: self.refused,
            frames_good: self.frames_good,
            frames_bad: self.frames_bad,
            trace_next: port.next(),
            trace_lost: port.lost(),
        }
    }
}

fn levels<P: Port>(port: &mut P) -> Response {
    let mut banks = [0; MAX_BANKS];
    for (levels, bank) in banks.iter_mut().zip(Bank::ALL) {
        *levels = port.level(bank);
    }
    Response::Levels { time_us: port.now_us(), banks }
}

fn capped(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn find(image: &Image<'_>, export: &Export) -> Result<ExportId, Refusal> {
    match export {
        Export::Id(id) if usize::from(*id) < image.exports().len() => Ok(ExportId(*id)),
        Export::Name(name) => image.find(name).ok_or(Refusal::UnknownExport),
        Export::Id(_) => Err(Refusal::UnknownExport),
    }
}

/// The export, where a host may call it: what it takes and gives fits a message, and none of it is
/// an address, which means nothing outside the module.
fn callable(image: &Image<'_>, export: &Export) -> Result<ExportId, Refusal> {
    let id = find(image, export)?;
    let signature = image.signature(id).ok_or(Refusal::UnknownExport)?;
    let address = |ty| matches!(ty, Ty::BytesPtr | Ty::StrPtr | Ty::Len);
    let fits = signature.params().len() <= MAX_ARGS && signature.results().len() <= MAX_ARGS;
    if fits && !signature.params().chain(signature.results()).any(address) {
        Ok(id)
    } else {
        Err(Refusal::NotCallable)
    }
}

fn call<P: Port>(panel: &mut Panel<'_, P>, export: &Export, args: &Args) -> Result<Response, Refusal> {
    let id = callable(panel.image(), export)?;
    match panel.call(id, args) {
        Ok(results) => Args::try_from(results)
            .map(|results| Response::Returned { results })
            .map_err(|_| Refusal::NotCallable),
        Err(CallError::Trap(trap)) => Ok(Response::Trapped(report(trap))),
        Err(CallError::ArgumentCount { expected, .. }) => {
            Err(Refusal::ArgumentCount { expected: expected as u8 })
        }
        Err(_) => Err(Refusal::UnknownExport),
    }
}

fn describe(image: &Image<'_>, export: &Export) -> Result<Described, Refusal> {
    let id = find(image, export)?;
    let signature = image.signature(id).ok_or(Refusal::UnknownExport)?;
    let mut described = Described {
        id: id.0,
        key: Default::default(),
        params: signature.params().take(MAX_ARGS).map(|ty| ty as u8).collect(),
        results: signature.results().take(MAX_ARGS).map(|ty| ty as u8).collect(),
    };
    let key = image.key(id).unwrap_or_default();
    let cut = key.floor_char_boundary(described.key.capacity());
    _ = described.key.push_str(key.get(..cut).unwrap_or_default());
    Ok(described)
}

/// A trap as it travels.
fn report(trap: Trap) -> TrapReport {
    let Trap { image, export, code, op, detail } = trap;
    TrapReport { image, export, code: code as u8, op, detail }
}

impl MountError {
    /// What became of the image, as a status reports it.
    pub fn state(&self) -> ImageState {
        // What verification cannot show, and a mount found, has codes of its own from 256 on.
        let rejected = |code, detail: usize| ImageState::Rejected { code, detail: detail as u32 };
        match self {
            Self::Manifest(error) => rejected(error.code().into(), 0),
            Self::Reserved(line) => rejected(256, line.line.number().into()),
            Self::Load(tiny_mapper::LoadError::Stack { needed, .. }) => rejected(257, *needed),
            Self::Load(tiny_mapper::LoadError::Memory { needed, .. }) => rejected(258, *needed),
            Self::Load(tiny_mapper::LoadError::Globals { needed, .. }) => rejected(259, *needed),
            Self::Load(tiny_mapper::LoadError::Unsupported) => rejected(261, 0),
            Self::Signature(hook) => rejected(260, *hook as usize),
            Self::Trap(_, trap) => ImageState::MountTrapped(report(*trap)),
            Self::Refused { result } => ImageState::MountRefused { result: *result },
        }
    }
}
