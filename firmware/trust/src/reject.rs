//! Why an image is refused: the lines that people read, and the numbers that travel.

use core::fmt;

use xmap_abi::HostFunction;
use xmap_image::{Op, VerifyError};

use crate::{Exceeded, Limit, ModuleName, Origin, SealError};

/// Why an image is not to run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// There is no seal, or no well-formed one.
    Seal(SealError),
    /// No trusted key has the seal's key id.
    UnknownKey,
    /// The signature is not that key's.
    BadSignature,
    /// The image, or the key that sealed it, is revoked.
    Revoked,
    /// The image is not the one that was sealed, or not the one that its module is pinned to.
    HashMismatch,
    /// It came from there, and the seal, the key or a pin names other origins.
    UntrustedOrigin(Origin),
    /// The key may not sign this module.
    KeyNotAllowed(ModuleName),
    /// It is older than what the device had, or than the policy wants.
    Rollback {
        /// Its version.
        found: u32,
        /// The lowest that is taken.
        have: u32,
    },
    /// The key may not sign for this board.
    Board(u16),
    /// What was sealed is no valid image, or another module, version or board than its seal says.
    Image(Option<VerifyError>),
    /// It declares a line that the key may not use.
    Line(u8),
    /// It has an operation that the key may not use.
    Op(Op),
    /// It calls a host function that the key may not use, by its row.
    HostCall(HostFunction),
    /// The device has no room to remember the version of another module.
    Memory,
    /// It asks for more than the owner or the device's configuration allows.
    Limit(Exceeded),
}

/// The number of [`Reject::Limit`] for the first limit; each has its own, so that the number alone names it.
const LIMIT_CODES: u8 = 32;

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reject: ")?;
        match self {
            Self::Seal(error) => error.fmt(f),
            Self::UnknownKey => f.write_str("unknown key"),
            Self::BadSignature => f.write_str("bad signature"),
            Self::Revoked => f.write_str("revoked"),
            Self::HashMismatch => f.write_str("hash mismatch"),
            Self::UntrustedOrigin(origin) => write!(f, "untrusted origin {origin}"),
            Self::KeyNotAllowed(_) => f.write_str("key not allowed for this module"),
            Self::Rollback { found, have } => write!(f, "rollback {found} < {have}"),
            Self::Board(board) => write!(f, "board {board} not allowed"),
            Self::Image(Some(error)) => error.fmt(f),
            Self::Image(None) => f.write_str("the seal speaks of another module, version or board"),
            Self::Line(line) => write!(f, "line {line} not allowed"),
            Self::Op(op) => write!(f, "operation {} not allowed", op.text()),
            Self::HostCall(function) => write!(f, "operation {function} not allowed"),
            Self::Memory => f.write_str("the device cannot remember another module"),
            Self::Limit(exceeded) => exceeded.fmt(f),
        }
    }
}

impl core::error::Error for Reject {}

impl Reject {
    /// Its number: 1 and up, the same in every version.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Seal(_) => 1,
            Self::UnknownKey => 2,
            Self::BadSignature => 3,
            Self::Revoked => 4,
            Self::HashMismatch => 5,
            Self::UntrustedOrigin(_) => 6,
            Self::KeyNotAllowed(_) => 7,
            Self::Rollback { .. } => 8,
            Self::Board(_) => 9,
            Self::Image(_) => 10,
            Self::Line(_) => 11,
            Self::Op(_) | Self::HostCall(_) => 12,
            Self::Memory => 13,
            Self::Limit(exceeded) => LIMIT_CODES + exceeded.limit as u8,
        }
    }

    /// Returns what a host needs beside the number to tell the same: two numbers and a text.
    pub fn details(&self) -> ([u32; 2], &str) {
        match self {
            Self::Seal(SealError::Length) => ([1, 0], ""),
            Self::Seal(SealError::Magic) => ([2, 0], ""),
            Self::Seal(SealError::Format(format)) => ([3, u32::from(*format)], ""),
            Self::Seal(SealError::Text) => ([4, 0], ""),
            Self::UntrustedOrigin(origin) => ([0; 2], origin),
            Self::KeyNotAllowed(module) => ([0; 2], module),
            Self::Rollback { found, have } => ([*found, *have], ""),
            Self::Board(board) => ([u32::from(*board), 0], ""),
            Self::Image(Some(error)) => ([u32::from(error.code()), error.place().unwrap_or(0)], ""),
            Self::Line(line) => ([u32::from(*line), 0], ""),
            Self::Op(op) => ([*op as u32, 0], ""),
            Self::HostCall(function) => ([Op::HostCall as u32, *function as u32], ""),
            Self::Limit(exceeded) => ([exceeded.asked, exceeded.allowed], ""),
            Self::UnknownKey
            | Self::BadSignature
            | Self::Revoked
            | Self::HashMismatch
            | Self::Image(None)
            | Self::Memory => ([0; 2], ""),
        }
    }

    /// The reason with this number and these details, as another machine told them. `None` where there is no
    /// such number, or its details are none. What is wrong with an image that does not verify comes back as
    /// "none of what its seal says": the verifier's own code says more.
    pub fn from_parts(code: u8, details: [u32; 2], text: &str) -> Option<Self> {
        let [first, second] = details;
        Some(match code {
            1 => Self::Seal(match first {
                1 => SealError::Length,
                2 => SealError::Magic,
                3 => SealError::Format(second.try_into().ok()?),
                4 => SealError::Text,
                _ => return None,
            }),
            2 => Self::UnknownKey,
            3 => Self::BadSignature,
            4 => Self::Revoked,
            5 => Self::HashMismatch,
            6 => Self::UntrustedOrigin(Origin::try_from(text).ok()?),
            7 => Self::KeyNotAllowed(ModuleName::try_from(text).ok()?),
            8 => Self::Rollback { found: first, have: second },
            9 => Self::Board(first.try_into().ok()?),
            10 => Self::Image(None),
            11 => Self::Line(first.try_into().ok()?),
            12 => match u8::try_from(first).ok().and_then(Op::from_u8)? {
                Op::HostCall => Self::HostCall(HostFunction::from_u8(second.try_into().ok()?)?),
                op => Self::Op(op),
            },
            13 => Self::Memory,
            _ => {
                let limit = Limit::from_u8(code.checked_sub(LIMIT_CODES)?)?;
                Self::Limit(Exceeded { limit, asked: first, allowed: second })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_a_number_of_its_own_and_a_line() {
        for limit in Limit::ALL {
            let reject = Reject::Limit(Exceeded { limit, asked: 7, allowed: 5 });
            let (details, text) = reject.details();
            assert_eq!((details, text), ([7, 5], ""));
            assert_eq!(Reject::from_parts(reject.code(), details, text), Some(reject.clone()));
        }
        assert_eq!(Reject::from_parts(LIMIT_CODES + 8, [0; 2], ""), None);
    }

    #[test]
    fn what_travels_comes_back_as_the_same_line() {
        let all = [
            Reject::Seal(SealError::Length),
            Reject::Seal(SealError::Magic),
            Reject::Seal(SealError::Format(9)),
            Reject::Seal(SealError::Text),
            Reject::UnknownKey,
            Reject::BadSignature,
            Reject::Revoked,
            Reject::HashMismatch,
            Reject::UntrustedOrigin("https://evil.example".try_into().unwrap()),
            Reject::KeyNotAllowed("hall".try_into().unwrap()),
            Reject::Rollback { found: 7, have: 8 },
            Reject::Board(2),
            Reject::Image(None),
            Reject::Line(17),
            Reject::Op(Op::GpioSet),
            Reject::HostCall(HostFunction::RandomGet),
            Reject::Memory,
        ];
        let mut codes: heapless::Vec<u8, 16> = heapless::Vec::new();
        for reject in all {
            let (details, text) = reject.details();
            assert_eq!(Reject::from_parts(reject.code(), details, text), Some(reject.clone()));
            if !codes.contains(&reject.code()) {
                codes.push(reject.code()).unwrap();
            }
        }
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], "every number, and each its own");
        for (code, details) in [(0, [0; 2]), (14, [0; 2]), (1, [5, 0]), (1, [3, 1 << 16]), (12, [300, 0])] {
            assert_eq!(Reject::from_parts(code, details, ""), None);
        }
    }
}
