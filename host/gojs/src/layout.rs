//! Arguments and environment, as they lie in the module's memory before it starts.

use crate::Error;

/// Where the strings begin.
const START: usize = 4096;
/// The linker puts no data of the program below this address (`wasmMinDataAddr` of Go's linker).
const DATA: usize = START + 8192;
/// Bytes that strings and pointers stay below.
pub const LIMIT_BYTES: usize = DATA - START;

/// Arguments and environment in the form that `run` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The bytes from address 4096 on.
    pub bytes: Vec<u8>,
    /// The number of arguments.
    pub argc: i32,
    /// The address of the pointers: those of the arguments, zero, those of the environment, zero.
    pub argv: i32,
    /// Those pointers.
    pub pointers: Vec<u64>,
}

impl Layout {
    /// Where [`Self::bytes`] go.
    pub const ADDRESS: usize = START;

    /// Lays out arguments, the program's name first, and an environment, whose names are put in order.
    ///
    /// # Errors
    /// [`Error::ArgumentsTooLong`].
    pub fn new(args: &[String], env: &[(String, String)]) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let mut pointers = Vec::new();
        let mut string = |text: &str| {
            let pointer = (START + bytes.len()) as u64;
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            pointer
        };
        pointers.extend(args.iter().map(|arg| string(arg)));
        pointers.push(0);
        // JavaScript's order of strings: by UTF-16 units. The last of two equal names stands.
        let mut env: Vec<&(String, String)> = env.iter().collect();
        env.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
        let mut kept: Vec<&(String, String)> = Vec::with_capacity(env.len());
        for pair in env {
            kept.pop_if(|last| last.0 == pair.0);
            kept.push(pair);
        }
        pointers.extend(kept.iter().map(|(name, value)| string(&format!("{name}={value}"))));
        pointers.push(0);
        let argv = START + bytes.len();
        bytes.extend(pointers.iter().flat_map(|pointer: &u64| pointer.to_le_bytes()));
        if bytes.len() >= LIMIT_BYTES {
            return Err(Error::ArgumentsTooLong { bytes: bytes.len() });
        }
        // Both fit 31 bits: the limit is below.
        Ok(Self { bytes, argc: args.len() as i32, argv: argv as i32, pointers })
    }
}
