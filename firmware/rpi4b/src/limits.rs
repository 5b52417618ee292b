//! What the device program has room for; each number with its reason. `boards/rpi4b/memory.ld` says where
//! it is. What a module may have is the board's ([`xmap_boards::Limits`]), the same on every target.

use xmap_boards::RPI4B;

/// Modules that are mounted side by side.
pub const MODULES: usize = 4;

/// Images of a module that the device holds: the one that runs, and the one that takes over.
pub const SLOTS_A_MODULE: usize = 2;

/// Words of an image.
pub const IMAGE_WORDS: usize = RPI4B.limits.image_bytes / 4;

/// Bytes of a module's linear memory.
pub const MEMORY_BYTES: usize = RPI4B.limits.memory_bytes;

/// Slots for globals, tables and segments of an image.
pub const SLOTS: usize = RPI4B.limits.slots;

/// Slots of the mapper's register stack.
pub const STACK_SLOTS: usize = xmap_image::limits::WINDOW + RPI4B.limits.stack_slots;

const _: () = assert!(
    RPI4B.limits.stack_slots == xmap_image::limits::MAX_STACK_SLOTS as usize,
    "every stack that an image may ask for is there"
);

/// Register stores that are held for the host: more than any panel makes in a script, 24 bytes each.
pub const TRACE_ENTRIES: usize = 16_384;

/// Bytes of a module's messages between two answers. A call that logs more loses the rest, which is counted.
pub const TEXT_BYTES: usize = 16_384;

/// Bytes that the flight recorder has room for: 4 million events of a timer that reads one input.
pub const FLIGHT_BYTES: usize = 16 << 20;

/// Bytes of the link that wait for the main loop: what arrives in 350 ms at 115,200 baud.
pub const RECEIVED_BYTES: usize = 4096;

/// Bytes of a module's serial port that wait for it: the most that an image may ask for.
pub const SERIAL_BYTES: usize = xmap_image::limits::MAX_UART_BYTES;

/// Edges that wait for the main loop: those of a contact that bounces every 50 us for 10 ms. 16 bytes each.
pub const EDGES: usize = 256;

/// What the main loop has, in milliseconds, before the watchdog resets the chip; after half of it the outputs
/// are made safe. Nearly the longest that the hardware can wait.
pub const WATCHDOG_MS: u32 = 15_000;

/// Microseconds of a module's waits that feed the watchdog between two turns of the main loop, in all: what
/// is beyond is a hang.
pub const FED_US_MAX: u32 = 4_000_000;

/// Bytes of the device's own log (defmt, encoded) that wait to be sent.
pub const LOG_BYTES: usize = 4096;

/// Pages (4 KiB each) of the program's own stack: it holds the record of register stores, and room
/// for the record to be moved while it is made.
pub const STACK_PAGES: usize = 512;
