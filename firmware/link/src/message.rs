//! The messages.
//!
//! Their encoding is part of the protocol: the order of variants and fields is never changed. A new
//! kind of message goes to the end of its enum and needs no new [`PROTOCOL`]: a side that does not
//! know it says so. A change of a message that exists needs one.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::firmware::{FirmwareAnswer, FirmwareRequest};
use crate::kept::KeepStatus;
use crate::limits::{
    CONTRACT_BYTES, MAX_ARGS, MAX_ARGUMENT_BYTES, MAX_BANKS, MAX_CHUNK, MAX_LIMITS, MAX_NAME, MAX_RECORDING,
    MAX_RESULT_BYTES, MAX_TRACE_ENTRIES, MAX_USES, MAX_VERSION,
};
use crate::metrics::MetricsPage;
use crate::operate::{Callers, DeviceEvents, HostCounts, ModuleStatus};
use crate::ring::{RingPage, SpanParent};
use crate::trust::{PolicyState, TrustStatus};
use crate::{Nonce, Role, RoleKeyId, Tag};

/// The version of these messages.
pub const PROTOCOL: u16 = 1;

/// What came to these messages without a new version: a host says how much of it it knows
/// ([`Request::Edition`]), and gets no more in answers to requests that are older. 0 is what version 1 began
/// with.
pub const EDITION: u8 = 3;

/// Arguments or results, as the mapper's registers hold them: 32-bit types stand zero-extended.
pub type Args = Vec<u64, MAX_ARGS>;

/// The wall clock of a device, and the schedules that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// Microseconds since 1970, UTC; negative while the time is not known.
    pub unix_us: i64,
    /// How many handlers are called at a time of the day.
    pub schedules: u8,
    /// When the first of them is to run, in microseconds since 1970; negative where none is.
    pub next_us: i64,
}

/// The name or key of an export.
pub type Name = String<MAX_NAME>;

/// Types of parameters or results, by their numbers in the image format.
pub type Types = Vec<u8, MAX_ARGS>;

/// Entries of one page of the trace.
pub type TraceEntries = Vec<TraceEntry, MAX_TRACE_ENTRIES>;

/// What a host asks.
// A chunk sets the size on purpose: there is one request at a time and no heap.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Kind 0, the first of each session: who are you? The layout never changes.
    Hello {
        /// The version that the host speaks.
        protocol: u16,
        /// Any number; the answer repeats it, so that an answer to an earlier session is known as one.
        nonce: u32,
    },
    /// Kind 1: how are you? Answered by [`Response::Status`].
    Status,
    /// Kind 2: run an export. Answered by [`Response::Returned`] or [`Response::Trapped`].
    Call {
        /// Which one.
        export: Export,
        /// Its arguments.
        args: Args,
    },
    /// Kind 3: the register accesses from number `from` on. Answered by [`Response::Trace`].
    Trace {
        /// The number of the first entry wanted; entries are numbered from 0 at boot.
        from: u32,
    },
    /// Kind 4: the levels of all lines. Answered by [`Response::Levels`].
    Levels,
    /// Kind 5: the name and the types of an export. Answered by [`Response::Described`].
    Describe {
        /// Which one.
        export: Export,
    },
    /// Kind 6: connect levels to lines and let time pass, on a device that was started for a rehearsal
    /// ([`features::REHEARSAL`]). Answered by [`Response::Levels`], as they are then; any other device
    /// refuses with [`Refusal::Unsupported`].
    Rehearse {
        /// The lines that `levels` are for, a word for each bank; the others keep what they have.
        lines: [u32; MAX_BANKS],
        /// Their levels.
        levels: [u32; MAX_BANKS],
        /// Microseconds that pass after that.
        advance_us: u64,
    },
    /// Kind 7: how is this module? Answered by [`Response::Module`].
    Module {
        /// Its number, from 0.
        module: u8,
    },
    /// Kind 8: an image follows, for the inactive slot of a module. Answered by [`Response::Staging`];
    /// refused with [`Refusal::Busy`] while another host's transfer is under way.
    Begin {
        /// The module's number, from 0.
        module: u8,
        /// Bytes of the image, a multiple of four.
        bytes: u32,
        /// SHA-256 of the image as its header has it.
        hash: [u8; 32],
        /// Any number that another host would not choose; the rest of the transfer repeats it.
        token: u32,
    },
    /// Kind 9: a part of the image. Answered by [`Response::Staging`].
    Chunk {
        /// The transfer's.
        token: u32,
        /// Its place in the image, in bytes: where the last one ended.
        offset: u32,
        /// The bytes.
        data: Chunk,
    },
    /// Kind 10: all of the image has come; verify it and switch. Answered by [`Response::Swapped`] or
    /// [`Response::NotSwapped`].
    Commit {
        /// The transfer's.
        token: u32,
    },
    /// Kind 11: forget the transfer. Answered by [`Response::Done`].
    Abort {
        /// The transfer's.
        token: u32,
    },
    /// Kind 12: the new image is good; its trial ends. Answered by [`Response::Done`].
    Confirm {
        /// The module's number.
        module: u8,
    },
    /// Kind 13: go back to the image before this one. Answered by [`Response::Swapped`] or
    /// [`Response::NotSwapped`].
    Rollback {
        /// The module's number.
        module: u8,
    },
    /// Kind 14: load a module anew, or restart the device. Answered by [`Response::Done`]; a device that
    /// restarts answers first.
    Reset {
        /// The module's number; `None` is the device.
        module: Option<u8>,
    },
    /// Kind 15: what happened, from number `from` on. Answered by [`Response::Happened`].
    Happened {
        /// The number of the first one wanted; they are numbered from 0 at boot.
        from: u32,
    },
    /// Kind 16: a handle for an export. Answered by [`Response::Bound`].
    Bind {
        /// Which one.
        export: Export,
    },
    /// Kind 17: run the export that a handle stands for. Answered as [`Request::Call`]; refused with
    /// [`Refusal::StaleHandle`] when its image is no longer there.
    CallHandle {
        /// The handle.
        handle: u32,
        /// The arguments.
        args: Args,
    },
    /// Kind 18: give a handle back. Answered by [`Response::Done`].
    Release {
        /// The handle.
        handle: u32,
    },
    /// Kind 19: begin an authenticated session with this key. Answered by [`Response::Opened`].
    Open {
        /// Which key.
        key: RoleKeyId,
        /// A new random number.
        nonce: Nonce,
    },
    /// Kind 20: whose images does the device take, and what has it refused? Answered by [`Response::Trust`].
    Trust,
    /// Kind 21: a policy of the device's owner follows, in chunks and with a commit as an image does.
    /// Answered by [`Response::Staging`]; a development device refuses with [`Refusal::Unsupported`].
    Policy {
        /// Bytes of the signed policy.
        bytes: u32,
        /// Any number that another host would not choose; the rest of the transfer repeats it.
        token: u32,
    },
    /// Kind 22: how do hosts fare? Answered by [`Response::Hosts`].
    Hosts,
    /// Kind 23: the host knows the messages up to this edition. It holds until the next greeting. Answered by
    /// [`Response::Done`].
    Edition {
        /// At most [`EDITION`] counts.
        edition: u8,
    },
    /// Kind 24: what outlives a restart? Answered by [`Response::Kept`].
    Kept,
    /// Kind 25: what may an image ask for? Answered by [`Response::Limits`].
    Limits,
    /// Kind 26: run an export that has results of the types `bytes` and `str`, and read these. Answered by
    /// [`Response::ReturnedBytes`] or [`Response::Trapped`].
    CallBytes {
        /// Which one.
        export: Export,
        /// Its arguments.
        args: Args,
    },
    /// Kind 27: the hash of what callers of an export go by. Answered by [`Response::Contract`].
    Contract {
        /// Which one.
        export: Export,
    },
    /// Kind 28: a handle for an export that is what the host was made for. Answered by [`Response::Bound`];
    /// refused with [`Refusal::OtherContract`] where it is not.
    BindContract {
        /// Which one.
        export: Export,
        /// The hash that the host was made for.
        hash: [u8; CONTRACT_BYTES],
    },
    /// Kind 29: the exports that hosts hold handles of by [`Request::BindContract`]. Answered by
    /// [`Response::Uses`].
    Uses {
        /// The first place wanted; places are numbered from 0.
        from: u16,
    },
    /// Kind 30: what does the wall clock say? Answered by [`Response::Clock`].
    Clock,
    /// Kind 31: set the wall clock. Answered by [`Response::Clock`], as it is then; a device that has its
    /// operating system's clock refuses with [`Refusal::Unsupported`].
    SetClock {
        /// Microseconds since 1970, UTC.
        unix_us: i64,
    },
    /// Kind 32: run an export with the content of its `bytes` and `str` arguments, which the device places
    /// where the module's `on_arguments` says. Answered as [`Request::CallBytes`]; refused with
    /// [`Refusal::NoArguments`] or [`Refusal::NoRoom`].
    CallWith {
        /// Which one.
        export: Export,
        /// Its arguments: of each `bytes` and `str` anything in the place of the address, then its length.
        args: Args,
        /// The bytes of each `bytes` and `str`, one behind the other.
        bytes: ArgumentBytes,
    },
    /// Kind 33: what was counted of exports? Answered by [`Response::Metrics`].
    Metrics {
        /// The first place wanted; places are numbered from 0.
        from: u16,
    },
    /// Kind 34: by which calls did a module come to its latest trap? Answered by [`Response::Callers`].
    Callers {
        /// Its number.
        module: u8,
    },
    /// Kind 35: which firmwares are there, and another one follows. Answered by [`Response::Firmware`] and by
    /// what [`FirmwareRequest`] says.
    Firmware(FirmwareRequest),
    /// Kind 36: what was noted of calls, from number `from` on. Answered by [`Response::Ring`]; refused with
    /// [`Refusal::Unsupported`] by a device that notes nothing.
    Ring {
        /// The number of the first event wanted.
        from: u32,
    },
    /// Kind 37: the next call of this session belongs to a span of the caller's, as W3C's Trace Context has
    /// it. Answered by [`Response::Done`]; refused with [`Refusal::Unsupported`] by a device that notes
    /// nothing.
    Parent(SpanParent),
    /// Kind 38: a page of what the flight recorder noted. Answered by [`Response::Recording`]; refused with
    /// [`Refusal::Unsupported`] by a device without one.
    Recording {
        /// The first byte wanted; bytes are numbered from 0.
        from: u32,
    },
}

/// The bytes of arguments.
pub type ArgumentBytes = Vec<u8, MAX_ARGUMENT_BYTES>;

/// The bytes of results.
pub type ResultBytes = Vec<u8, MAX_RESULT_BYTES>;

/// A part of an image on its way.
pub type Chunk = Vec<u8, MAX_CHUNK>;

/// An export, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Export {
    /// By its position in the image, in bits 0 to 11, and its module, in bits 12 and 13: no look-up on the
    /// device.
    Id(u16),
    /// By its key, or by the name that the module gave it.
    Name(Name),
}

/// Bits of an export's number on the link that are its position; its module stands above them.
const POSITION_BITS: u32 = 12;

/// Returns the number of an export on the link: of a module, and of its position in the image.
pub const fn export_id(module: u8, position: u16) -> u16 {
    (module as u16) << POSITION_BITS | position
}

/// Returns the module and the position that an export's number on the link has.
pub const fn split_export_id(id: u16) -> (u8, u16) {
    ((id >> POSITION_BITS) as u8, id & MAX_POSITION)
}

/// The last position of an export that has a number on the link.
pub const MAX_POSITION: u16 = (1 << POSITION_BITS) - 1;

impl Export {
    /// An export by name; `None` where the name is longer than [`MAX_NAME`] bytes.
    pub fn name(name: &str) -> Option<Self> {
        Name::try_from(name).ok().map(Self::Name)
    }
}

/// What a device answers.
// The largest variant sets the size on purpose: a device has one response at a time and no heap.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// Kind 0: answers [`Request::Hello`].
    Hello(Hello),
    /// Kind 1: answers any request that was not carried out; nothing has happened.
    Refused(Refusal),
    /// Kind 2: answers [`Request::Status`].
    Status(Status),
    /// Kind 3: the call returned.
    Returned {
        /// Its results.
        results: Args,
    },
    /// Kind 4: the call trapped; what it had stored until then stays stored.
    Trapped(TrapReport),
    /// Kind 5: answers [`Request::Trace`].
    Trace(Trace),
    /// Kind 6: answers [`Request::Levels`].
    Levels {
        /// Microseconds since boot, when they were read.
        time_us: u64,
        /// One word for each bank; bit *n* of word *b* is line 32 *b* + *n*.
        banks: [u32; MAX_BANKS],
    },
    /// Kind 7: answers [`Request::Describe`].
    Described(Described),
    /// Kind 8: answers [`Request::Module`].
    Module(ModuleStatus),
    /// Kind 9: answers [`Request::Begin`] and [`Request::Chunk`].
    Staging {
        /// Bytes that have come: where the next chunk begins.
        next: u32,
    },
    /// Kind 10: the image runs.
    Swapped {
        /// The module's number.
        module: u8,
        /// The module's generation now: handles of earlier ones are stale.
        generation: u16,
        /// Milliseconds of its trial; 0 where it has none.
        trial_ms: u32,
    },
    /// Kind 11: the image does not run, and the one before it does.
    NotSwapped {
        /// What became of the image.
        state: ImageState,
    },
    /// Kind 12: done.
    Done,
    /// Kind 13: answers [`Request::Happened`].
    Happened(DeviceEvents),
    /// Kind 14: answers [`Request::Bind`].
    Bound {
        /// The handle: an index and a generation.
        handle: u32,
    },
    /// Kind 15: the authenticated session can begin. It takes the place of another one with its first
    /// request.
    Opened {
        /// A number that the device has never used before.
        nonce: Nonce,
        /// The key's role.
        role: Role,
        /// Shows that the device has the key.
        proof: Tag,
    },
    /// Kind 16: answers [`Request::Trust`].
    Trust(TrustStatus),
    /// Kind 17: answers [`Request::Commit`] where a policy was sent.
    Policy(PolicyState),
    /// Kind 18: answers [`Request::Hosts`].
    Hosts(HostCounts),
    /// Kind 19: answers [`Request::Kept`].
    Kept(KeepStatus),
    /// Kind 20: answers [`Request::Limits`].
    Limits {
        /// The value of each limit, in the order of their numbers (`xmap_trust::Limit`). A newer device may
        /// have more.
        values: Vec<u32, MAX_LIMITS>,
    },
    /// Kind 21: answers [`Request::CallBytes`]: the call returned.
    ReturnedBytes {
        /// Its results: of each `bytes` and `str` an address in the module's memory and a length.
        results: Args,
        /// The bytes of each `bytes` and `str`, one behind the other, as far as there is room.
        bytes: ResultBytes,
    },
    /// Kind 22: answers [`Request::Contract`].
    Contract {
        /// The export's number.
        id: u16,
        /// The hash.
        hash: [u8; CONTRACT_BYTES],
    },
    /// Kind 23: answers [`Request::Uses`].
    Uses {
        /// The place behind the last of this page; 0 where there are no more.
        next: u16,
        /// The numbers of the exports, one for each handle.
        exports: Vec<u16, MAX_USES>,
    },
    /// Kind 24: answers [`Request::Clock`] and [`Request::SetClock`].
    Clock(ClockStatus),
    /// Kind 25: answers [`Request::Metrics`].
    Metrics(MetricsPage),
    /// Kind 26: answers [`Request::Callers`].
    Callers(Callers),
    /// Kind 27: answers [`Request::Firmware`], and [`Request::Chunk`] and [`Request::Commit`] of a firmware.
    Firmware(FirmwareAnswer),
    /// Kind 28: answers [`Request::Ring`].
    Ring(RingPage),
    /// Kind 29: answers [`Request::Recording`].
    Recording(RecordingPage),
}

/// A page of a recording (docs/link.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingPage {
    /// The number of its first byte, among all that were ever noted: a later one than was asked for, where
    /// that is gone.
    pub first: u32,
    /// The number behind the last byte that there is.
    pub next: u32,
    /// Nothing more will come: the memory is too small, or what follows cannot be played.
    pub ended: bool,
    /// The bytes.
    pub bytes: Vec<u8, MAX_RECORDING>,
}

/// The greeting of a device. The first two fields never change, in any protocol version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that the device speaks.
    pub protocol: u16,
    /// The nonce of the request.
    pub nonce: u32,
    /// The board, by its number in the image format.
    pub board: u16,
    /// What the program was started for.
    pub boot: Boot,
    /// What it can do: see [`features`].
    pub features: u32,
    /// Ticks of its clock in a second, as the hardware reports them: 54,000,000 on a Pi 4B.
    pub clock_hz: u32,
    /// The firmware's version.
    pub firmware: String<MAX_VERSION>,
    /// The image that calls go to, if one is mounted.
    pub image: Option<ImageInfo>,
}

/// Bits of [`Hello::features`].
pub mod features {
    /// Register accesses are recorded: [`Request::Trace`](crate::Request::Trace) gives them.
    pub const TRACE: u32 = 1 << 0;
    /// Frames of [`Channel::Defmt`](crate::Channel::Defmt) come.
    pub const DEFMT: u32 = 1 << 1;
    /// Frames of [`Channel::Text`](crate::Channel::Text) come.
    pub const TEXT: u32 = 1 << 2;
    /// The device was started for a rehearsal: its inputs and its clock are the host's, by
    /// [`Request::Rehearse`](crate::Request::Rehearse).
    pub const REHEARSAL: u32 = 1 << 3;
    /// Images can be swapped: the requests from [`Request::Module`](crate::Request::Module) on.
    pub const SWAP: u32 = 1 << 4;
    /// Only an authenticated session gets answers: [`Request::Open`](crate::Request::Open). Without this bit
    /// the device is open to whoever reaches it.
    pub const GUARDED: u32 = 1 << 5;
    /// Images need a seal that the device's policy allows; [`Request::Trust`](crate::Request::Trust) and
    /// [`Request::Policy`](crate::Request::Policy) are there. Without it the device is a development build.
    pub const TRUST: u32 = 1 << 6;
    /// The device is a service under Linux.
    pub const LINUX: u32 = 1 << 8;
    /// A file stands in for the chip's registers: no pin moves.
    pub const SIMULATED: u32 = 1 << 9;
    /// The device takes [`crate::Request::Edition`] and answers [`crate::Request::Kept`].
    pub const EDITION: u32 = 1 << 10;
    /// An image runs as machine code; without this bit all images are interpreted.
    pub const MACHINE_CODE: u32 = 1 << 11;
}

/// The purpose that a device's program was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boot {
    /// To run the image that it was given.
    Normal,
    /// To wait for help: no image is mounted on purpose, and outputs are as they were at reset.
    Safe,
}

/// A mounted image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Its content hash (SHA-256), as its header has it.
    pub hash: [u8; 32],
    /// The module's version.
    pub version: u32,
    /// How many exports it has; their numbers are 0 up to this, exclusive.
    pub exports: u16,
}

/// The state of the image that the device was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageState {
    /// It was given none.
    #[default]
    None,
    /// It runs.
    Mounted,
    /// It failed verification.
    Rejected {
        /// The verifier's code.
        code: u16,
        /// The verifier's detail: an index or an offset.
        detail: u32,
    },
    /// Its `on_mount` said no.
    MountRefused {
        /// What `on_mount` returned.
        result: i32,
    },
    /// Its start function, `_initialize` or `on_mount` trapped.
    MountTrapped(TrapReport),
}

impl ImageState {
    /// Returns the trap that kept the image from being mounted, if one did.
    pub const fn trap(&self) -> Option<&TrapReport> {
        if let Self::MountTrapped(trap) = self { Some(trap) } else { None }
    }
}

/// A trap, as the mapper reports it; the host turns it into a message and a place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrapReport {
    /// First four bytes of the image's hash, as a little-endian word.
    pub image: u32,
    /// The export that was called.
    pub export: u16,
    /// The mapper's trap code.
    pub code: u8,
    /// Index of the op in the code section; all ones where no op was run.
    pub op: u32,
    /// What the code says of it.
    pub detail: u32,
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The session has not begun: a greeting of the device's own protocol version comes first. A
    /// device that has restarted answers this, so that no call reaches another image than was greeted.
    HelloFirst,
    /// A message of a kind that this device does not know, or a feature that it lacks.
    Unsupported,
    /// The message does not decode.
    BadMessage,
    /// No image is mounted; [`Request::Status`] says why.
    NoImage,
    /// The image has no such export.
    UnknownExport,
    /// The call has another number of arguments than the export has parameters.
    ArgumentCount {
        /// How many the export has.
        expected: u8,
    },
    /// The export has more parameters or results than a message can hold.
    NotCallable,
    /// The handle's image was replaced, or the handle was given back.
    StaleHandle,
    /// All handles are taken.
    NoHandle,
    /// The device has no module with this number.
    NoModule,
    /// The module is faulted: it takes no calls until it is reset or replaced.
    Faulted,
    /// Another transfer is under way, or the module is on trial.
    Busy {
        /// Milliseconds after which it is worth another try.
        retry_ms: u32,
    },
    /// There is no transfer with this token: it was never begun, has ended, or was given up for silence.
    NoTransfer,
    /// A chunk is not where the last one ended, or goes beyond the announced end.
    BadChunk {
        /// Where the next one begins.
        expected: u32,
    },
    /// The image is larger than a slot.
    TooLarge {
        /// Bytes of a slot.
        most: u32,
    },
    /// There is no image to go back to.
    NoPrevious,
    /// Nothing is on trial.
    NotOnTrial,
    /// The device answers authenticated sessions alone.
    KeyRequired,
    /// The device has no such key.
    UnknownKey,
    /// The device has no such session (any more), or the frame is not of it.
    NoSession,
    /// The key's role does not include this request.
    RoleTooLow {
        /// The least role that does.
        needs: Role,
    },
    /// The export is not on the key's list.
    ExportNotAllowed,
    /// The device has no random numbers to begin a session with.
    NoRandom,
    /// The export is not what the host was made for: its contract has another hash.
    OtherContract,
    /// The module takes no bytes of a host: it has no `on_arguments`.
    NoArguments,
    /// The module has no room for the bytes of the arguments.
    NoRoom,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HelloFirst => f.write_str("it has restarted since it was greeted"),
            Self::Unsupported => f.write_str("it does not know this request"),
            Self::BadMessage => f.write_str("the request does not decode"),
            Self::NoImage => f.write_str("no image is mounted"),
            Self::UnknownExport => f.write_str("the image has no such export"),
            Self::ArgumentCount { expected: 1 } => f.write_str("the export takes 1 argument"),
            Self::ArgumentCount { expected } => {
                write!(f, "the export takes {expected} arguments")
            }
            Self::NotCallable => f.write_str("the export cannot be called from a host"),
            Self::StaleHandle => f.write_str("the handle's image is no longer there"),
            Self::NoHandle => f.write_str("all handles are taken"),
            Self::NoModule => f.write_str("it has no module with this number"),
            Self::Faulted => f.write_str("the module is faulted; `xmap reset` loads it anew"),
            Self::Busy { retry_ms } => {
                write!(f, "the device is busy with other hosts; try again in {} s", retry_ms.div_ceil(1000))
            }
            Self::NoTransfer => f.write_str("the transfer has ended"),
            Self::BadChunk { expected } => write!(f, "the next chunk begins at byte {expected}"),
            Self::TooLarge { most } => write!(f, "a slot holds {most} bytes"),
            Self::NoPrevious => f.write_str("there is no image to go back to"),
            Self::NotOnTrial => f.write_str("nothing is on trial"),
            Self::KeyRequired => f.write_str("it answers only to those who have a key"),
            Self::UnknownKey => f.write_str("it does not know this key"),
            Self::NoSession => f.write_str("it does not know this session"),
            Self::RoleTooLow { needs } => write!(f, "this takes a key of the role {needs}"),
            Self::ExportNotAllowed => f.write_str("the export is not on the key's list"),
            Self::NoRandom => f.write_str("it has no random numbers for a session"),
            Self::OtherContract => f.write_str("the export is not what this client was made for"),
            Self::NoArguments => {
                f.write_str("the module takes no text or bytes: it exports no `on_arguments`")
            }
            Self::NoRoom => f.write_str("the module has no room for this text or these bytes"),
        }
    }
}

/// The status of a device. Counters start at boot and stop at their largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Microseconds since boot.
    pub uptime_us: u64,
    /// What became of the image.
    pub image: ImageState,
    /// Calls that were run, whoever asked for them.
    pub calls: u32,
    /// Those of them that trapped.
    pub traps: u32,
    /// Requests that were refused.
    pub refused: u32,
    /// Frames that arrived whole.
    pub frames_good: u32,
    /// Frames that did not: noise, lost bytes, a wrong checksum.
    pub frames_bad: u32,
    /// Register accesses recorded: the number that the next one will have.
    pub trace_next: u32,
    /// Register accesses that are no longer held.
    pub trace_lost: u32,
}

/// One page of the register trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The number of the first entry of this page: that asked for, or the oldest that is still held.
    pub first: u32,
    /// The number that the next access will have. There is more to ask for while
    /// `first + entries.len()` is below it.
    pub next: u32,
    /// The accesses, oldest first.
    pub entries: TraceEntries,
}

impl Trace {
    /// Returns how many of the entries asked for were overwritten before they could be read.
    pub const fn lost(&self, from: u32) -> u32 {
        self.first.saturating_sub(from)
    }
}

/// One access to a register of the GPIO block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEntry {
    /// Microseconds since boot.
    pub time_us: u64,
    /// A write or a read.
    pub access: Access,
    /// Offset of the register in the GPIO block, in bytes: 0x1c is GPSET0
    /// (*BCM2711 ARM Peripherals*, section 5.2).
    pub offset: u16,
    /// What was written or read.
    pub value: u32,
}

/// The direction of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// A store.
    Write,
    /// A load.
    Read,
}

/// An export's name and types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its position in the image.
    pub id: u16,
    /// Its key, cut to [`MAX_NAME`] bytes.
    pub key: Name,
    /// Types of the parameters.
    pub params: Types,
    /// Types of the results.
    pub results: Types,
}
