#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! What travels between a device and its host.
//!
//! Over any byte stream (a UART, the emulator's socket) both sides send *frames*: a channel byte,
//! a payload and a CRC-32, made free of zero bytes by COBS, between two zero bytes. Requests and
//! responses are postcard messages behind a sequence number; raw defmt bytes and the text of a
//! module's messages have channels of their own. `docs/link.md` has every byte.
//!
//! - [`FrameReader`] takes bytes one by one and hands out the frames that arrived whole.
//! - [`encode_request`], [`encode_response`], [`encode_text`] and [`encode_bytes`] write one frame
//!   into the caller's buffer of [`limits::MAX_FRAME`] bytes.
//! - [`Responder`] is the device's side of the rules: it greets, it refuses what it cannot read, and
//!   it answers a repeated request without running it twice.
//! - [`Exchange`] is the host's side: when to send, when to repeat, when to give up.
//! - [`AuthResponder`] is a responder for those alone who have one of the device's [`RoleKeys`], [`Session`]
//!   the host's side of it: each frame has a counter and a tag that only the other side can make.
//!
//! No message names a register to write: a host calls exports, and reads.
//!
//! # Examples
//!
//! ```
//! use xmap_link::{Channel, Export, FrameReader, Request, decode_request, encode_request, limits};
//!
//! let call = Request::Call {
//!     export: Export::name("lamp_on").unwrap(),
//!     args: [1].into_iter().collect(),
//! };
//! let mut buffer = [0; limits::MAX_FRAME];
//! let sent = encode_request(7, &call, &mut buffer).unwrap();
//!
//! let mut reader: FrameReader = FrameReader::new();
//! let mut got = None;
//! for byte in sent {
//!     if let Some(frame) = reader.feed(*byte) {
//!         assert_eq!(frame.channel, Channel::Request as u8);
//!         got = Some(decode_request(frame.payload).unwrap());
//!     }
//! }
//! assert_eq!(got, Some((7, call)));
//! ```

mod decode;
mod encode;
mod exchange;
mod firmware;
mod frame;
mod guard;
mod kept;
mod keys;
pub mod limits;
mod lock;
mod message;
mod metrics;
pub mod openmetrics;
mod operate;
mod respond;
pub mod ring;
mod role;
mod session;
mod tagged;
mod text;
mod trust;

pub use decode::{DecodeError, decode_request, decode_response};
pub use encode::{EncodeError, encode_bytes, encode_request, encode_response, encode_text};
pub use exchange::{Exchange, Retry, Step};
pub use firmware::{
    FirmwareAnswer, FirmwareBack, FirmwareContent, FirmwareRequest, FirmwareSlot, FirmwareStanding,
    FirmwareStatus, NoFirmware,
};
pub use frame::{Channel, Frame, FrameCounters, FrameReader};
pub use guard::{AuthResponder, Caller, FULL_RETRY_MS, Reply};
pub use kept::{KeepFault, KeepStatus, Thing};
pub use keys::{KEYS_FORMAT, KEYS_MAGIC, KeysError, MAX_KEYS_BYTES, Pattern, RoleKey, RoleKeys};
pub use lock::{Nonce, Nonces, RoleKeyId, Secret, Tag};
pub use message::{
    Access, Args, ArgumentBytes, Boot, Chunk, ClockStatus, Described, EDITION, Export, Hello, ImageInfo,
    ImageState, MAX_POSITION, Name, PROTOCOL, RecordingPage, Refusal, Request, Response, ResultBytes, Status,
    Trace, TraceEntries, TraceEntry, TrapReport, Types, export_id, features, split_export_id,
};
pub use metrics::{BOUNDS_US, BUCKETS, ExportMetrics, MAX_METRICS, MetricsPage};
pub use operate::{
    Callers, DeviceEvent, DeviceEventKind, DeviceEvents, HostCounts, Life, ModuleStatus, RollbackReason,
};
pub use respond::Responder;
pub use ring::{RingPage, SpanParent};
pub use role::Role;
pub use session::{Opening, Session};
pub use text::{Level, Text, decode_text, pieces, text_payload};
pub use trust::{POLICY_CODES, PolicyState, Rejection, TrustStatus};
