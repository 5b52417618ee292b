//! A greeted device and what it can be asked.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use xmap_boards::{Board, BoardId, RPI4B};
use xmap_link::limits::{MAX_ARGS, MAX_ARGUMENT_BYTES};
use xmap_link::{
    Args, ArgumentBytes, Described, EDITION, Export, Hello, PROTOCOL, Refusal, Request, Response, Role,
    Status, Trace, TraceEntry, TrapReport, export_id, features,
};

use crate::error::{Error, ErrorCode};
use crate::inbox::Incoming;
use crate::port::{PortName, Wire};
use crate::session::{KEY_HELP, Options, Session};

/// The outcome of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned; results as registers hold them.
    Returned(Vec<u64>),
    /// It trapped.
    Trapped(TrapReport),
}

/// The admission of hosts to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Whoever reaches it: a development device.
    Open,
    /// Those who have a key, and this client has none.
    KeyRequired,
    /// This client, as its key's role says.
    Role(Role),
}

/// A session with a device.
///
/// Each method asks once, asks again where no answer comes, and gives up with [`ErrorCode::NoAnswer`]. A call
/// that was asked for twice has still run once (docs/link.md, *Repeating*). The other errors of every method
/// are [`ErrorCode::LinkBroken`], [`ErrorCode::DeviceRefused`], [`ErrorCode::DeviceRestarted`] and
/// [`ErrorCode::BadAnswer`]; of a device that asks for keys also [`ErrorCode::KeyRequired`],
/// [`ErrorCode::RoleTooLow`] and [`ErrorCode::ExportNotAllowed`].
pub struct Client {
    session: Session,
    hello: Hello,
}

/// Answers of a rehearsal in a row in which no time passes: more events than that at one time are none of a
/// panel's.
const MOST_STILL: u32 = 64;

impl Client {
    /// Opens a port and greets the device; with a key ([`Options::key`]) it begins an authenticated session.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PortUnavailable`], [`ErrorCode::OtherProtocol`], and those of every method; with a key
    /// [`ErrorCode::KeyUnknown`], [`ErrorCode::NoSessions`], [`ErrorCode::DeviceIsOpen`],
    /// [`ErrorCode::NotTheDevice`].
    pub fn connect(port: &PortName, options: &Options) -> Result<Self, Error> {
        Self::greeted(Session::open(port, options)?)
    }

    /// The same over a wire that is open already ([`Wire::over`]).
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub fn over(wire: Wire, options: &Options) -> Result<Self, Error> {
        Self::greeted(Session::over(wire, options))
    }

    /// Ends the session and returns its wire.
    pub fn into_wire(self) -> Wire {
        self.session.into_wire()
    }

    fn greeted(mut session: Session) -> Result<Self, Error> {
        let hello = begin(&mut session)?;
        Ok(Self { session, hello })
    }

    /// Starts a new session on the same port, as after a restart of the device.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OtherProtocol`], and those of every method.
    pub fn greet(&mut self) -> Result<&Hello, Error> {
        self.session.forget();
        self.hello = begin(&mut self.session)?;
        Ok(&self.hello)
    }

    /// Returns who the device said it is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Returns the board that the device said it is; the Raspberry Pi 4B where this client does not know it.
    pub fn board(&self) -> &'static Board {
        BoardId::from_u16(self.hello.board).map_or(&RPI4B, BoardId::board)
    }

    /// Returns who may ask the device what.
    pub fn admission(&self) -> Admission {
        match self.session.role() {
            Some(role) => Admission::Role(role),
            None if self.hello.features & features::GUARDED != 0 => Admission::KeyRequired,
            None => Admission::Open,
        }
    }

    /// The error for a device that answers nothing without a key, where there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::KeyRequired`].
    pub fn need_access(&self) -> Result<(), Error> {
        match self.admission() {
            Admission::KeyRequired => {
                let message = "the device answers only to those who have a key";
                Err(self.error(ErrorCode::KeyRequired, message).help(KEY_HELP.to_string()))
            }
            Admission::Open | Admission::Role(_) => Ok(()),
        }
    }

    /// Holds the session against a role that the device itself does not ask for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RoleTooLow`]; none of a device that is open to whoever reaches it.
    pub fn need_role(&self, needs: Role) -> Result<(), Error> {
        match self.admission() {
            Admission::Role(role) if role < needs => {
                let message = format!("this takes a key of the role {needs}, and the key's role is {role}");
                Err(self.error(ErrorCode::RoleTooLow, &message))
            }
            _ => self.need_access(),
        }
    }

    /// The port's name.
    pub fn port(&self) -> &str {
        self.session.port()
    }

    /// Returns how the device is.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn status(&mut self) -> Result<Status, Error> {
        match self.session.ask(&Request::Status)? {
            Response::Status(status) => Ok(status),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Runs an export. `args` are registers: 32-bit types zero-extended.
    ///
    /// # Errors
    ///
    /// See [`Client`]; more than [`MAX_ARGS`] arguments are [`ErrorCode::CallArgument`].
    pub fn call(&mut self, export: &Export, args: &[u64]) -> Result<Outcome, Error> {
        let args = self.fitting(args)?;
        match self.session.ask(&Request::Call { export: export.clone(), args })? {
            Response::Returned { results } => Ok(Outcome::Returned(results.to_vec())),
            Response::Trapped(trap) => Ok(Outcome::Trapped(trap)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Runs an export that has `bytes` or `str` results, as [`Client::call`]; with the content of these, one
    /// behind the other, as far as it fits an answer.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn call_bytes(&mut self, export: &Export, args: &[u64]) -> Result<(Outcome, Vec<u8>), Error> {
        let args = self.fitting(args)?;
        match self.session.ask(&Request::CallBytes { export: export.clone(), args })? {
            Response::ReturnedBytes { results, bytes } => {
                Ok((Outcome::Returned(results.to_vec()), bytes.to_vec()))
            }
            Response::Trapped(trap) => Ok((Outcome::Trapped(trap), Vec::new())),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Runs an export with the content of its `bytes` and `str` arguments, as [`Client::call_bytes`]:
    /// `content` has it, one behind the other, and `args` of each its length behind a 0.
    ///
    /// # Errors
    ///
    /// As [`Client::call`]; more than [`MAX_ARGUMENT_BYTES`] are [`ErrorCode::CallArgument`], and a module
    /// that does not take them [`ErrorCode::DeviceRefused`].
    pub fn call_with(
        &mut self,
        export: &Export,
        args: &[u64],
        content: &[u8],
    ) -> Result<(Outcome, Vec<u8>), Error> {
        let args = self.fitting(args)?;
        let bytes = ArgumentBytes::from_slice(content).map_err(|_| {
            let message = format!(
                "{} bytes of text and bytes, at most {MAX_ARGUMENT_BYTES} fit a call over the link",
                content.len()
            );
            self.error(ErrorCode::CallArgument, &message)
        })?;
        match self.session.ask(&Request::CallWith { export: export.clone(), args, bytes })? {
            Response::ReturnedBytes { results, bytes } => {
                Ok((Outcome::Returned(results.to_vec()), bytes.to_vec()))
            }
            Response::Trapped(trap) => Ok((Outcome::Trapped(trap), Vec::new())),
            other => Err(self.unwanted(&other)),
        }
    }

    fn fitting(&self, args: &[u64]) -> Result<Args, Error> {
        Args::try_from(args).map_err(|_| {
            let message = format!("{} arguments, at most {MAX_ARGS} fit a call over the link", args.len());
            self.error(ErrorCode::CallArgument, &message)
        })
    }

    /// The name and the types of an export; `None` where the image has no such export.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn describe(&mut self, export: &Export) -> Result<Option<Described>, Error> {
        match self.session.ask(&Request::Describe { export: export.clone() })? {
            Response::Described(described) => Ok(Some(described)),
            Response::Refused(Refusal::UnknownExport) => Ok(None),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Returns the key of an export of the image that a module runs now; `None` where it has no such export.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn export_key(&mut self, module: u8, position: u16) -> Result<Option<String>, Error> {
        let described = self.describe(&Export::Id(export_id(module, position)))?;
        Ok(described.map(|described| described.key.as_str().to_owned()))
    }

    /// The levels of all lines, a word for each bank.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn levels(&mut self) -> Result<[u32; 2], Error> {
        self.levels_at().map(|(_, banks)| banks)
    }

    /// The same with the time at which they were read, in microseconds since the device started.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn levels_at(&mut self) -> Result<(u64, [u32; 2]), Error> {
        match self.session.ask(&Request::Levels)? {
            Response::Levels { time_us, banks } => Ok((time_us, banks)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// Connects levels to lines, a word for each bank, and lets time pass, on a device that was started
    /// for a rehearsal; gives the levels of all lines after that.
    ///
    /// # Errors
    ///
    /// See [`Client`]; any other device refuses.
    pub fn rehearse(
        &mut self,
        lines: [u32; 2],
        levels: [u32; 2],
        advance_us: u64,
    ) -> Result<[u32; 2], Error> {
        let (mut now_us, mut banks) = self.cue(lines, levels, 0)?;
        let end_us = now_us.saturating_add(advance_us);
        let mut still = 0;
        // A device answers after a number of events, however far it has come by then.
        while now_us < end_us {
            let before_us = now_us;
            (now_us, banks) = self.cue([0; 2], [0; 2], end_us - now_us)?;
            still = if now_us > before_us { 0 } else { still + 1 };
            if still > MOST_STILL {
                return Err(self.error(ErrorCode::BadAnswer, "its time does not pass"));
            }
        }
        Ok(banks)
    }

    /// A step of a rehearsal: the device's time behind it, and the levels.
    fn cue(&mut self, lines: [u32; 2], levels: [u32; 2], advance_us: u64) -> Result<(u64, [u32; 2]), Error> {
        match self.session.ask(&Request::Rehearse { lines, levels, advance_us })? {
            Response::Levels { time_us, banks } => Ok((time_us, banks)),
            other => Err(self.unwanted(&other)),
        }
    }

    /// One page of the register trace, from entry `from` on.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn trace_page(&mut self, from: u32) -> Result<Trace, Error> {
        match self.session.ask(&Request::Trace { from })? {
            // A page from before the place asked for would lead `trace` round in circles.
            Response::Trace(page) if page.first >= from || page.entries.is_empty() => Ok(page),
            other => Err(self.unwanted(&other)),
        }
    }

    /// All register accesses from number `from` on, each with its number. Where some were overwritten
    /// before they could be read, the numbers have a gap.
    ///
    /// # Errors
    ///
    /// See [`Client`].
    pub fn trace(&mut self, from: u32) -> Result<Vec<(u32, TraceEntry)>, Error> {
        let mut entries = Vec::new();
        let mut from = from;
        // The end as the first page has it: a device that goes on recording is not followed for ever.
        let mut end = None;
        loop {
            let page = self.trace_page(from)?;
            entries.extend((page.first..).zip(page.entries.iter().copied()));
            from = page.first.saturating_add(page.entries.len() as u32);
            if page.entries.is_empty() || from >= *end.get_or_insert(page.next) {
                return Ok(entries);
            }
        }
    }

    /// Returns what came unasked since the last time, oldest first; waits for nothing.
    pub fn take_incoming(&mut self) -> impl Iterator<Item = Incoming> + use<> {
        self.session.take_incoming().into_iter()
    }

    /// Listens for at most `time`; gives what came unasked, oldest first, as soon as there is any.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::LinkBroken`].
    pub fn listen(&mut self, time: Duration) -> Result<impl Iterator<Item = Incoming> + use<>, Error> {
        Ok(self.session.listen(time)?.into_iter())
    }

    /// One request and its answer, which may be a refusal.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Response, Error> {
        self.session.ask(request)
    }

    /// Returns what is left of the time for everything ([`Options::total`]).
    pub(super) fn left(&self) -> Option<Duration> {
        self.session.left()
    }

    pub(super) fn time_is_up(&self) -> Error {
        self.session.time_is_up()
    }

    /// An error of this port.
    pub(super) fn error(&self, code: ErrorCode, message: &str) -> Error {
        self.session.error(code, message)
    }

    /// The error for an answer that is none to the request.
    pub(super) fn unwanted(&self, response: &Response) -> Error {
        unwanted(&self.session, response)
    }
}

/// Greets the device, and begins a session if there is a key. What it says of itself within one is what
/// counts.
fn begin(session: &mut Session) -> Result<Hello, Error> {
    let hello = greet(session)?;
    session.authenticate(hello.features & features::GUARDED != 0)?;
    let hello = if session.role().is_none() { hello } else { greet(session)? };
    // A guarded device without a session answers nothing beyond the greeting.
    let answers = session.role().is_some() || hello.features & features::GUARDED == 0;
    if answers && hello.features & features::EDITION != 0 {
        match session.ask(&Request::Edition { edition: EDITION })? {
            // A device that has no place for this host says so again with the next request.
            Response::Done | Response::Refused(_) => {}
            other => return Err(unwanted(session, &other)),
        }
    }
    Ok(hello)
}

fn greet(session: &mut Session) -> Result<Hello, Error> {
    // Differs from run to run: it tells this session's answers from those to an earlier one.
    let nonce = RandomState::new().hash_one(session.port()) as u32;
    match session.ask(&Request::Hello { protocol: PROTOCOL, nonce })? {
        Response::Hello(hello) => Ok(hello),
        other => Err(unwanted(session, &other)),
    }
}

fn unwanted(session: &Session, response: &Response) -> Error {
    match response {
        Response::Refused(refusal) => {
            session.error(ErrorCode::DeviceRefused, &format!("the request was refused: {refusal}"))
        }
        _ => session.error(ErrorCode::BadAnswer, "the answer is one to another request"),
    }
}
