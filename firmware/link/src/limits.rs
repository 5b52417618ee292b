//! What a frame and its messages may be at most; each number with its reason.

/// Bytes of a frame's payload. The largest message is a full page of the trace; a frame of this
/// size takes 45 ms at 115,200 baud, and one lost byte costs no more than that again.
pub const MAX_PAYLOAD: usize = 512;

/// Bytes that a frame carries: the channel, the payload, the checksum.
pub const MAX_CONTENT: usize = 1 + MAX_PAYLOAD + CHECKSUM_BYTES;

/// Bytes on the wire: COBS adds one byte for each 254 begun, the delimiters are two.
pub const MAX_FRAME: usize = MAX_CONTENT + MAX_CONTENT.div_ceil(254) + 2;

/// Bytes of the checksum.
pub const CHECKSUM_BYTES: usize = 4;

/// Arguments of a call, or its results. Sixteen of ten bytes each leave room for a name in a frame;
/// an export with more is for modules to call, not for a host.
pub const MAX_ARGS: usize = 16;

/// Bytes of all `bytes` and `str` results of a call: with sixteen results they fit a tagged frame.
pub const MAX_RESULT_BYTES: usize = 256;

/// Bytes of all `bytes` and `str` arguments of a call: with sixteen arguments and a name they fit a tagged
/// frame.
pub const MAX_ARGUMENT_BYTES: usize = 240;

/// Bytes of a name in a message. An export with a longer key is called by its number.
pub const MAX_NAME: usize = 64;

/// Entries of one page of the trace: each takes at most 19 bytes, and a page must fit a payload.
pub const MAX_TRACE_ENTRIES: usize = 24;

/// Bytes of text in one frame. A longer message travels in pieces; with 256 a piece leaves the UART
/// in 25 ms, so that a response never waits long behind one.
pub const MAX_TEXT: usize = 256;

/// Bytes of the firmware's version in a greeting: `255.255.255-something`.
pub const MAX_VERSION: usize = 24;

/// Banks of lines whose levels are reported: the BCM2711 has two.
pub const MAX_BANKS: usize = 2;

/// Bytes of an image in one message: a chunk and its head fit a payload, and one is under way for 40 ms at
/// 115,200 baud.
pub const MAX_CHUNK: usize = 448;

/// Bytes of a recording in one message: a page and its head fit a payload.
pub const MAX_RECORDING: usize = 440;

/// Happenings of one page: each takes at most 40 bytes.
pub const MAX_HAPPENINGS: usize = 12;

/// Modules that a device runs side by side.
pub use xmap_boards::MAX_MODULES;

/// Bytes of a module's name in a status; a longer one is cut.
pub const MAX_MODULE_NAME: usize = 32;

/// Bytes of a nonce: so many that two random ones are never the same.
pub const NONCE_BYTES: usize = 32;

/// Bytes of a tag: whoever guesses one is right once in 2^128.
pub const TAG_BYTES: usize = 16;

/// Bytes that a tagged frame has beside its message: the counter and the tag.
pub const TAGGED_BYTES: usize = 8 + TAG_BYTES;

/// Bytes of a message with its sequence number in a tagged frame.
pub const MAX_TAGGED: usize = MAX_PAYLOAD - TAGGED_BYTES;

/// Bytes of what comes unasked in a tagged frame: one says which channel's it is.
pub const MAX_TAGGED_STREAM: usize = MAX_TAGGED - 1;

/// Role keys of a device: an owner, and for each kind of caller one or two.
pub const MAX_ROLE_KEYS: usize = 8;

/// Patterns of exports of a role key.
pub const MAX_PATTERNS: usize = 8;
/// Bytes of an origin, or of a module's name, in a report of what was refused: as many as a seal has for
/// them.
pub const MAX_REASON: usize = 64;
/// Limits that a message has the values of: twice those that there are.
pub const MAX_LIMITS: usize = 16;
/// Bytes of the hash of an export's contract, as an image has them.
pub const CONTRACT_BYTES: usize = 8;
/// Uses of one page: three bytes each, and a page is short.
pub const MAX_USES: usize = 32;
/// Functions of a call stack in a message: the innermost, and one that calls itself may have more.
pub const MAX_CALLERS: usize = 16;
/// Bytes of a firmware's seal.
pub const FIRMWARE_SEAL: usize = 120;
/// Bytes of events that stand together and share a time: a page of what a device has noted. With its head a
/// block is 256 bytes.
pub const RING_BLOCK_BYTES: usize = 240;
/// Blocks of what a device has noted: 4 KiB, some 1,000 events.
pub const RING_BLOCKS: usize = 16;
/// Spans of a call that are open at once: a place of one is four bits of an attribute.
pub const MAX_OPEN_SPANS: usize = 16;
/// Bytes of a name, a key or a value that is no number of the map; what is longer is cut. Two of them and a
/// head fit a third of a block.
pub const MAX_SPAN_TEXT: usize = 32;
