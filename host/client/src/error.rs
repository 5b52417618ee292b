//! Why a device did not do what it was asked.

use std::{fmt, io};

/// The kind of an error, with its number of docs/errors.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum ErrorCode {
    /// The port cannot be opened.
    PortUnavailable = 901,
    /// The device does not answer.
    NoAnswer = 902,
    /// The device refused the request.
    DeviceRefused = 903,
    /// The text names no port.
    BadPort = 904,
    /// The device speaks another version of the protocol.
    OtherProtocol = 905,
    /// The link broke.
    LinkBroken = 906,
    /// The answer makes no sense.
    BadAnswer = 907,
    /// The device has restarted, or has forgotten the session.
    DeviceRestarted = 908,
    /// The device has no such export.
    CallName = 909,
    /// An argument does not fit the export.
    CallArgument = 910,
    /// Register accesses or events were overwritten before they were read.
    TraceLost = 911,
    /// The time for everything ([`crate::Options::total`]) is up.
    TimeIsUp = 913,
    /// The device has no such module.
    NoSuchModule = 915,
    /// The firmware lacks what was asked for.
    NoFeature = 916,
    /// The device is busy with another image.
    DeviceBusy = 917,
    /// The device answers only to those who have a key.
    KeyRequired = 919,
    /// The device does not know the key.
    KeyUnknown = 920,
    /// The key's role is too low.
    RoleTooLow = 921,
    /// The export is not on the key's list.
    ExportNotAllowed = 922,
    /// The device cannot begin a session.
    NoSessions = 923,
    /// The device is open to everybody and takes no key.
    DeviceIsOpen = 924,
    /// What answers does not have the key.
    NotTheDevice = 925,
    /// What was asked for was done, and is not on the device's disk.
    NotKept = 926,
    /// The device takes no firmware over the link.
    NoFirmwareSlots = 928,
    /// The operating system gives no random numbers.
    NoRandom = 1107,
    /// The export is not what this client was made for.
    OtherContract = 1606,
}

impl ErrorCode {
    /// Every kind.
    pub const ALL: [Self; 26] = [
        Self::PortUnavailable,
        Self::NoAnswer,
        Self::DeviceRefused,
        Self::BadPort,
        Self::OtherProtocol,
        Self::LinkBroken,
        Self::BadAnswer,
        Self::DeviceRestarted,
        Self::CallName,
        Self::CallArgument,
        Self::TraceLost,
        Self::TimeIsUp,
        Self::NoSuchModule,
        Self::NoFeature,
        Self::DeviceBusy,
        Self::KeyRequired,
        Self::KeyUnknown,
        Self::RoleTooLow,
        Self::ExportNotAllowed,
        Self::NoSessions,
        Self::DeviceIsOpen,
        Self::NotTheDevice,
        Self::NotKept,
        Self::NoFirmwareSlots,
        Self::NoRandom,
        Self::OtherContract,
    ];

    /// The number, as printed behind its `X`.
    pub const fn number(self) -> u16 {
        self as u16
    }
}

/// Why a device did not do what it was asked. Its `Display` is the number and the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind.
    pub code: ErrorCode,
    /// The port, as the caller named it.
    pub port: String,
    /// What happened, in one sentence that begins with the port.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// The names that there are, where one was asked for that there is not.
    pub unknown: Option<Box<Unknown>>,
}

/// A name that a device does not have, beside those that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name that was asked for.
    pub name: String,
    /// The names that there are.
    pub known: Vec<String>,
}

impl Error {
    /// An error of a port; `message` begins with the port's name.
    pub fn new(code: ErrorCode, port: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, port: port.into(), message: message.into(), help: None, unknown: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<Option<String>>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// The same with the names that there are.
    #[must_use]
    pub fn known(self, name: &str, known: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let known = known.into_iter().map(Into::into).collect();
        Self { unknown: Some(Box::new(Unknown { name: name.into(), known })), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X{:04}: {}", self.code.number(), self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for Error {}

/// The operating system's reason, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
