//! Why a Go module did not do what it was asked.

use std::fmt;

/// Why a module was not loaded, does not go on, or did not answer a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no WebAssembly module, or one that the engine does not take.
    Module(String),
    /// A folder that the program was to have cannot be used: its path and the system's reason.
    Folder(String, String),
    /// The module is not a `GOOS=js` module: an export that each has is missing.
    NotGo {
        /// The export.
        missing: &'static str,
    },
    /// The module imports from `go`, as Go did before 1.21.
    OldGo,
    /// The module imports something that no dialect of `wasm_exec.js` has.
    Import {
        /// The module that it imports from.
        module: String,
        /// The name of the import.
        name: String,
    },
    /// Arguments and environment do not fit below the program's data.
    ArgumentsTooLong {
        /// The bytes that they take.
        bytes: usize,
    },
    /// The program ended, so that nothing of it can run.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A reference was finalized more often than it was handed out.
    DoubleFinalize {
        /// Its id.
        id: u32,
    },
    /// The module used a reference that it does not hold.
    StaleId {
        /// The id.
        id: u32,
    },
    /// A slice, a string or a value lies outside the module's memory.
    OutsideMemory {
        /// The first byte.
        address: i64,
        /// The number of bytes.
        length: i64,
        /// The bytes that the memory has.
        memory: usize,
    },
    /// The program does not take up a timeout that it asked for.
    MissedTimeout {
        /// The timeout's id.
        id: i32,
    },
    /// An import threw where Go expects a value; Node ends the program there.
    Thrown {
        /// The import.
        import: &'static str,
        /// The exception.
        message: String,
    },
    /// The module trapped.
    Trap(String),
    /// Nothing is registered under this key or name.
    UnknownKey {
        /// What was asked for.
        name: String,
        /// The keys that there are.
        known: Vec<String>,
    },
    /// No key can be made of a registered name.
    NoKey {
        /// The name.
        name: String,
    },
    /// Two registered names have the same key.
    DuplicateKey {
        /// The key.
        key: String,
        /// The names.
        names: [String; 2],
    },
    /// A function's property `signature` is none.
    Signature {
        /// The function.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// A line of a script is wrong, or cannot be done.
    Script {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The arguments of a call do not fit the signature.
    Arguments {
        /// The key.
        key: String,
        /// What does not fit.
        message: String,
    },
    /// A hook refused the call.
    Refused {
        /// The key.
        key: String,
        /// The hook's reason.
        reason: String,
    },
    /// The function was released.
    Released {
        /// The key.
        key: String,
    },
    /// The function threw, or a Go function panicked with a JavaScript error.
    Exception {
        /// The key.
        key: String,
        /// The exception.
        message: String,
    },
    /// The function waits for something that nothing will bring.
    NoAnswer {
        /// The key.
        key: String,
    },
    /// The operating system gave no random numbers.
    NoRandom,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(reason) => write!(f, "not a module that can run: {reason}"),
            Self::Folder(path, reason) => write!(f, "{path}: {reason}"),
            Self::NotGo { missing } => write!(f, "not a module of GOOS=js: it has no export `{missing}`"),
            Self::OldGo => f.write_str("built by Go before 1.21: it imports from `go` instead of `gojs`"),
            Self::Import { module, name } => {
                write!(f, "imports `{module}.{name}`, which wasm_exec does not have")
            }
            Self::ArgumentsTooLong { bytes } => write!(
                f,
                "total length of command line and environment variables exceeds limit: {bytes} bytes, less than {} fit",
                crate::layout::LIMIT_BYTES
            ),
            Self::Exited { code } => write!(f, "Go program has already exited, with code {code}"),
            Self::DoubleFinalize { id } => write!(f, "reference {id} was finalized twice"),
            Self::StaleId { id } => write!(f, "reference {id} is not held"),
            Self::OutsideMemory { address, length, memory } => {
                write!(f, "{length} bytes at {address} lie outside the memory of {memory} bytes")
            }
            Self::MissedTimeout { id } => write!(f, "the program does not take up its timeout {id}"),
            Self::Thrown { import, message } => write!(f, "{import} threw: {message}"),
            Self::Trap(reason) => write!(f, "trap: {reason}"),
            Self::UnknownKey { name, .. } => write!(f, "no function `{name}` is registered"),
            Self::NoKey { name } => write!(f, "`{name}`: no letter or digit is left for a key"),
            Self::DuplicateKey { key, names: [a, b] } => write!(f, "`{a}` and `{b}` both have the key {key}"),
            Self::Signature { name, message } => write!(f, "{name}: its signature: {message}"),
            Self::Script { line, message } => write!(f, "line {line}: {message}"),
            Self::Arguments { key, message } => write!(f, "{key}: {message}"),
            Self::Refused { key, reason } => write!(f, "{key}: refused: {reason}"),
            Self::Released { key } => write!(f, "{key}: the function was released"),
            Self::Exception { key, message } => write!(f, "{key}: {message}"),
            Self::NoAnswer { key } => write!(f, "{key}: the function waits for what nothing will bring"),
            Self::NoRandom => f.write_str("the operating system gives no random numbers"),
        }
    }
}

impl std::error::Error for Error {}
