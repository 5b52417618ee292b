//! The most memory that the service takes, whatever images and hosts make of it.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::log;

/// Bytes of writable memory that the program may map: eight slots have 150 MiB, and kept state on its way to
/// the disk four times 4 MiB, a few times over. Beyond it an allocation fails, and the program ends as by any
/// other mistake. The unit says the same of memory that is in use (`MemoryMax`).
pub const MOST_BYTES: u64 = 384 << 20;

/// Sets the limit, unless the system has a lower one already.
pub fn set() {
    let before = getrlimit(Resource::Data);
    let lower = |limit: Option<u64>| Some(limit.map_or(MOST_BYTES, |limit| limit.min(MOST_BYTES)));
    let limit = rustix::process::Rlimit { current: lower(before.current), maximum: lower(before.maximum) };
    if let Err(error) = setrlimit(Resource::Data, limit) {
        log::warn(format_args!("memory is not limited ({error})"));
    }
}
