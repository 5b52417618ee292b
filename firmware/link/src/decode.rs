//! Payloads to messages.

use core::fmt;

use serde::Deserialize;

use crate::{PROTOCOL, Request, Response};

/// Why a payload is not a message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than a sequence number: there is nobody to answer.
    NoSequence,
    /// A kind of message that this side does not know: the other side is newer.
    Unknown {
        /// The sequence number.
        seq: u16,
        /// The kind's number.
        kind: u32,
    },
    /// The kind is known, its fields are not what they should be.
    Malformed {
        /// The sequence number.
        seq: u16,
    },
    /// The request was refused for a reason that this side does not know: the device is newer. As with each
    /// refusal, nothing has happened.
    UnknownRefusal {
        /// The sequence number.
        seq: u16,
        /// The refusal's number.
        refusal: u32,
    },
    /// A greeting of another protocol version: only its first two fields have a meaning here.
    OtherProtocol {
        /// The sequence number.
        seq: u16,
        /// The nonce that it repeats.
        nonce: u32,
        /// The version that the device speaks.
        protocol: u16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSequence => f.write_str("a message without a sequence number"),
            Self::Unknown { kind, .. } => write!(f, "a message of unknown kind {kind}"),
            Self::Malformed { .. } => f.write_str("a message whose fields do not decode"),
            Self::UnknownRefusal { refusal, .. } => write!(f, "a refusal of unknown number {refusal}"),
            Self::OtherProtocol { protocol, .. } => {
                write!(f, "protocol version {protocol} instead of {PROTOCOL}")
            }
        }
    }
}

impl core::error::Error for DecodeError {}

/// Kinds of [`Request`]; a test holds it to the enum.
const REQUESTS: u32 = 39;
/// Kinds of [`Response`]; a test holds it to the enum.
const RESPONSES: u32 = 30;
/// Variants of [`crate::Refusal`]; a test holds it to the enum.
const REFUSALS: u32 = 26;
/// The kind of [`Response::Refused`].
const REFUSED: u32 = 1;

/// Reads the payload of a [`crate::Channel::Request`] frame: the sequence number and the request.
///
/// A greeting of any protocol version decodes: its two fields never change, and what a later version
/// may append is skipped.
///
/// # Errors
///
/// See [`DecodeError`]. Never panics, for any bytes.
pub fn decode_request(payload: &[u8]) -> Result<(u16, Request), DecodeError> {
    let (seq, body) = sequence(payload)?;
    let (request, rest) = message::<Request>(seq, body, REQUESTS)?;
    if rest.is_empty() || matches!(request, Request::Hello { .. }) {
        Ok((seq, request))
    } else {
        Err(DecodeError::Malformed { seq })
    }
}

/// Reads the payload of a [`crate::Channel::Response`] frame: the request's sequence number and the response.
///
/// # Errors
///
/// See [`DecodeError`]; a greeting of another protocol version is [`DecodeError::OtherProtocol`].
/// Never panics, for any bytes.
pub fn decode_response(payload: &[u8]) -> Result<(u16, Response), DecodeError> {
    let (seq, body) = sequence(payload)?;
    // Kind, protocol, nonce: the part of a greeting that never changes.
    if let Ok(((0, protocol, nonce), _)) = postcard::take_from_bytes::<(u32, u16, u32)>(body)
        && protocol != PROTOCOL
    {
        return Err(DecodeError::OtherProtocol { seq, nonce, protocol });
    }
    // Refusals grow without a new protocol: what they all say, that nothing has happened, is known.
    if let Ok(((REFUSED, refusal), _)) = postcard::take_from_bytes::<(u32, u32)>(body)
        && refusal >= REFUSALS
    {
        return Err(DecodeError::UnknownRefusal { seq, refusal });
    }
    let (response, rest) = message::<Response>(seq, body, RESPONSES)?;
    if rest.is_empty() { Ok((seq, response)) } else { Err(DecodeError::Malformed { seq }) }
}

fn sequence(payload: &[u8]) -> Result<(u16, &[u8]), DecodeError> {
    let (seq, body) = payload.split_first_chunk().ok_or(DecodeError::NoSequence)?;
    Ok((u16::from_le_bytes(*seq), body))
}

fn message<'a, T: Deserialize<'a>>(
    seq: u16,
    body: &'a [u8],
    kinds: u32,
) -> Result<(T, &'a [u8]), DecodeError> {
    match postcard::take_from_bytes::<u32>(body) {
        Ok((kind, _)) if kind >= kinds => Err(DecodeError::Unknown { seq, kind }),
        _ => postcard::take_from_bytes(body).map_err(|_| DecodeError::Malformed { seq }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    /// The kind that docs/link.md gives each request. A new variant does not compile until it has one.
    fn request_kind(request: &Request) -> u32 {
        match request {
            Request::Hello { .. } => 0,
            Request::Status => 1,
            Request::Call { .. } => 2,
            Request::Trace { .. } => 3,
            Request::Levels => 4,
            Request::Describe { .. } => 5,
            Request::Rehearse { .. } => 6,
            Request::Module { .. } => 7,
            Request::Begin { .. } => 8,
            Request::Chunk { .. } => 9,
            Request::Commit { .. } => 10,
            Request::Abort { .. } => 11,
            Request::Confirm { .. } => 12,
            Request::Rollback { .. } => 13,
            Request::Reset { .. } => 14,
            Request::Happened { .. } => 15,
            Request::Bind { .. } => 16,
            Request::CallHandle { .. } => 17,
            Request::Release { .. } => 18,
            Request::Open { .. } => 19,
            Request::Trust => 20,
            Request::Policy { .. } => 21,
            Request::Hosts => 22,
            Request::Edition { .. } => 23,
            Request::Kept => 24,
            Request::Limits => 25,
            Request::CallBytes { .. } => 26,
            Request::Contract { .. } => 27,
            Request::BindContract { .. } => 28,
            Request::Uses { .. } => 29,
            Request::Clock => 30,
            Request::SetClock { .. } => 31,
            Request::CallWith { .. } => 32,
            Request::Metrics { .. } => 33,
            Request::Callers { .. } => 34,
            Request::Firmware(_) => 35,
            Request::Ring { .. } => 36,
            Request::Parent(_) => 37,
            Request::Recording { .. } => 38,
        }
    }

    /// The number that docs/link.md gives each refusal.
    fn refusal_number(refusal: &Refusal) -> u32 {
        match refusal {
            Refusal::HelloFirst => 0,
            Refusal::Unsupported => 1,
            Refusal::BadMessage => 2,
            Refusal::NoImage => 3,
            Refusal::UnknownExport => 4,
            Refusal::ArgumentCount { .. } => 5,
            Refusal::NotCallable => 6,
            Refusal::StaleHandle => 7,
            Refusal::NoHandle => 8,
            Refusal::NoModule => 9,
            Refusal::Faulted => 10,
            Refusal::Busy { .. } => 11,
            Refusal::NoTransfer => 12,
            Refusal::BadChunk { .. } => 13,
            Refusal::TooLarge { .. } => 14,
            Refusal::NoPrevious => 15,
            Refusal::NotOnTrial => 16,
            Refusal::KeyRequired => 17,
            Refusal::UnknownKey => 18,
            Refusal::NoSession => 19,
            Refusal::RoleTooLow { .. } => 20,
            Refusal::ExportNotAllowed => 21,
            Refusal::NoRandom => 22,
            Refusal::OtherContract => 23,
            Refusal::NoArguments => 24,
            Refusal::NoRoom => 25,
        }
    }

    #[test]
    fn refusals_have_the_numbers_of_the_document() {
        let refusals = [
            Refusal::HelloFirst,
            Refusal::Unsupported,
            Refusal::BadMessage,
            Refusal::NoImage,
            Refusal::UnknownExport,
            Refusal::ArgumentCount { expected: 1 },
            Refusal::NotCallable,
            Refusal::StaleHandle,
            Refusal::NoHandle,
            Refusal::NoModule,
            Refusal::Faulted,
            Refusal::Busy { retry_ms: 1 },
            Refusal::NoTransfer,
            Refusal::BadChunk { expected: 1 },
            Refusal::TooLarge { most: 1 },
            Refusal::NoPrevious,
            Refusal::NotOnTrial,
            Refusal::KeyRequired,
            Refusal::UnknownKey,
            Refusal::NoSession,
            Refusal::RoleTooLow { needs: Role::Operate },
            Refusal::ExportNotAllowed,
            Refusal::NoRandom,
            Refusal::OtherContract,
            Refusal::NoArguments,
            Refusal::NoRoom,
        ];
        assert_eq!(refusals.len(), REFUSALS as usize);
        let mut buffer = [0; 64];
        for (number, refusal) in refusals.iter().enumerate() {
            let bytes = postcard::to_slice(&Response::Refused(*refusal), &mut buffer).unwrap();
            let numbers = [u32::from(bytes[0]), u32::from(bytes[1]), refusal_number(refusal)];
            assert_eq!(numbers, [REFUSED, number as u32, number as u32]);
        }
    }

    #[test]
    fn a_refusal_of_a_later_version_is_a_refusal() {
        // Whatever fields it has behind its number.
        let later = DecodeError::UnknownRefusal { seq: 1, refusal: REFUSALS };
        assert_eq!(decode_response(&[1, 0, 1, REFUSALS as u8]), Err(later));
        assert_eq!(decode_response(&[1, 0, 1, REFUSALS as u8, 0xff, 3]), Err(later));
        assert_eq!(later.to_string(), "a refusal of unknown number 26");
    }

    /// The kind that docs/link.md gives each response.
    fn response_kind(response: &Response) -> u32 {
        match response {
            Response::Hello(_) => 0,
            Response::Refused(_) => 1,
            Response::Status(_) => 2,
            Response::Returned { .. } => 3,
            Response::Trapped(_) => 4,
            Response::Trace(_) => 5,
            Response::Levels { .. } => 6,
            Response::Described(_) => 7,
            Response::Module(_) => 8,
            Response::Staging { .. } => 9,
            Response::Swapped { .. } => 10,
            Response::NotSwapped { .. } => 11,
            Response::Done => 12,
            Response::Happened(_) => 13,
            Response::Bound { .. } => 14,
            Response::Opened { .. } => 15,
            Response::Trust(_) => 16,
            Response::Policy(_) => 17,
            Response::Hosts(_) => 18,
            Response::Kept(_) => 19,
            Response::Limits { .. } => 20,
            Response::ReturnedBytes { .. } => 21,
            Response::Contract { .. } => 22,
            Response::Uses { .. } => 23,
            Response::Clock(_) => 24,
            Response::Metrics(_) => 25,
            Response::Callers(_) => 26,
            Response::Firmware(_) => 27,
            Response::Ring(_) => 28,
            Response::Recording(_) => 29,
        }
    }

    #[test]
    fn kinds_are_those_of_the_document() {
        let mut buffer = [0; 512];
        let requests = [
            Request::Hello { protocol: 1, nonce: 2 },
            Request::Status,
            Request::Call { export: Export::Id(1), args: Args::new() },
            Request::Trace { from: 0 },
            Request::Levels,
            Request::Describe { export: Export::Id(1) },
            Request::Rehearse { lines: [1, 0], levels: [1, 0], advance_us: 5 },
            Request::Module { module: 0 },
            Request::Begin { module: 0, bytes: 4, hash: [1; 32], token: 2 },
            Request::Chunk { token: 2, offset: 0, data: Chunk::new() },
            Request::Commit { token: 2 },
            Request::Abort { token: 2 },
            Request::Confirm { module: 0 },
            Request::Rollback { module: 0 },
            Request::Reset { module: None },
            Request::Happened { from: 0 },
            Request::Bind { export: Export::Id(1) },
            Request::CallHandle { handle: 1, args: Args::new() },
            Request::Release { handle: 1 },
            Request::Open { key: RoleKeyId([1; 8]), nonce: [2; 32] },
            Request::Trust,
            Request::Policy { bytes: 4, token: 2 },
            Request::Hosts,
            Request::Edition { edition: 1 },
            Request::Kept,
            Request::Limits,
            Request::CallBytes { export: Export::Id(1), args: Args::new() },
            Request::Contract { export: Export::Id(1) },
            Request::BindContract { export: Export::Id(1), hash: [1; 8] },
            Request::Uses { from: 0 },
            Request::Clock,
            Request::SetClock { unix_us: 1 },
            Request::CallWith { export: Export::Id(1), args: Args::new(), bytes: ArgumentBytes::new() },
            Request::Metrics { from: 0 },
            Request::Callers { module: 0 },
            Request::Firmware(FirmwareRequest::Status),
            Request::Ring { from: 0 },
            Request::Parent(SpanParent { trace: [1; 16], span: [2; 8] }),
            Request::Recording { from: 0 },
        ];
        assert_eq!(requests.len(), REQUESTS as usize);
        for (kind, request) in requests.iter().enumerate() {
            let bytes = postcard::to_slice(request, &mut buffer).unwrap();
            let numbers = [u32::from(bytes[0]), request_kind(request)];
            assert_eq!(numbers, [kind as u32; 2]);
        }
        let trap = TrapReport { image: 1, export: 2, code: 3, op: 4, detail: 5 };
        let responses = [
            Response::Hello(Hello {
                protocol: 1,
                nonce: 2,
                board: 1,
                boot: Boot::Normal,
                features: 0,
                clock_hz: 0,
                firmware: Default::default(),
                image: None,
            }),
            Response::Refused(Refusal::NoImage),
            Response::Status(Status::default()),
            Response::Returned { results: Args::new() },
            Response::Trapped(trap),
            Response::Trace(Trace::default()),
            Response::Levels { time_us: 0, banks: [0; 2] },
            Response::Described(Described {
                id: 0,
                key: Name::new(),
                params: Types::new(),
                results: Types::new(),
            }),
            Response::Module(ModuleStatus::default()),
            Response::Staging { next: 0 },
            Response::Swapped { module: 0, generation: 1, trial_ms: 0 },
            Response::NotSwapped { state: ImageState::None },
            Response::Done,
            Response::Happened(DeviceEvents::default()),
            Response::Bound { handle: 0 },
            Response::Opened { nonce: [0; 32], role: Role::Observe, proof: [0; 16] },
            Response::Trust(TrustStatus { policy: None, rejected: 0, last: None }),
            Response::Policy(PolicyState::Taken { version: 1, stopped: 0 }),
            Response::Hosts(HostCounts::default()),
            Response::Kept(KeepStatus::default()),
            Response::Limits { values: Default::default() },
            Response::ReturnedBytes { results: Args::new(), bytes: ResultBytes::new() },
            Response::Contract { id: 1, hash: [1; 8] },
            Response::Uses { next: 0, exports: Default::default() },
            Response::Clock(ClockStatus::default()),
            Response::Metrics(MetricsPage::default()),
            Response::Callers(Callers::default()),
            Response::Firmware(FirmwareAnswer::None(NoFirmware::NoSlots)),
            Response::Ring(RingPage::default()),
            Response::Recording(RecordingPage::default()),
        ];
        assert_eq!(responses.len(), RESPONSES as usize);
        for (kind, response) in responses.iter().enumerate() {
            let bytes = postcard::to_slice(response, &mut buffer).unwrap();
            let numbers = [u32::from(bytes[0]), response_kind(response)];
            assert_eq!(numbers, [kind as u32; 2]);
        }
    }

    #[test]
    fn the_first_kind_behind_the_last_is_unknown() {
        let unknown = |kind| Err(DecodeError::Unknown { seq: 1, kind });
        assert_eq!(decode_request(&[1, 0, REQUESTS as u8, 0]).map(drop), unknown(REQUESTS));
        assert_eq!(decode_response(&[1, 0, RESPONSES as u8, 0]).map(drop), unknown(RESPONSES));
        assert_eq!(decode_request(&[1]).map(drop), Err(DecodeError::NoSequence));
    }
}
