//! What keeps the service from starting, and what it stops for.

use std::fmt;

/// The number of an error, in the one list of `docs/errors.md` (area 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Code {
    /// The configuration cannot be read, or a key or value in it means nothing.
    Config = 1201,
    /// This machine is not a Raspberry Pi 4B.
    Board = 1202,
    /// The chip's registers cannot be mapped.
    Registers = 1203,
    /// The file that stands in for the registers is none.
    RegisterFile = 1204,
    /// A socket cannot be listened on.
    Socket = 1205,
    /// The folder of the persistent slots cannot be used.
    State = 1206,
    /// Another xmapd runs with the same folder or socket.
    Running = 1207,
    /// The operating system refused something that the service cannot do without.
    System = 1208,
    /// The keys or the policy that the configuration names cannot be used.
    Keys = 1209,
    /// The panel that the command line names cannot be used.
    Panel = 1210,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::Config,
        Self::Board,
        Self::Registers,
        Self::RegisterFile,
        Self::Socket,
        Self::State,
        Self::Running,
        Self::System,
        Self::Keys,
        Self::Panel,
    ];
}

/// An error with its code, what is wrong and where, and the way out where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: Code,
    /// What is wrong, with the file or device that it is about.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without help.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    /// Returns what the operating system refused.
    pub fn system(what: &str, error: impl fmt::Display) -> Self {
        Self::new(Code::System, format!("{what}: {error}"))
    }

    /// The same with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[X{:04}]: {}", self.code as u16, self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "\nhelp: {help}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_like_those_of_xmap() {
        let error = Error::new(Code::Board, "an x86 is not a Raspberry Pi 4B").help("use --registers FILE");
        assert_eq!(
            error.to_string(),
            "error[X1202]: an x86 is not a Raspberry Pi 4B\nhelp: use --registers FILE"
        );
    }

    /// The list of all errors is `xmap`'s, and has these under the same numbers.
    #[test]
    fn every_code_is_in_the_one_list() {
        let listed: Vec<u16> = xmap_compiler::diagnostic::Code::ALL
            .iter()
            .map(|code| *code as u16)
            .filter(|code| code / 100 == 12)
            .collect();
        assert_eq!(listed, Code::ALL.map(|code| code as u16));
    }
}
