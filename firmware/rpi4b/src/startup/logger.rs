//! The device's own log: defmt messages, encoded, that wait until the link has time for them.
//!
//! Whoever logs never waits for the UART. A message that finds no room is lost as a whole and counted,
//! so that what is sent always decodes.

use core::cell::{Cell, RefCell};

use critical_section::{Mutex, RestoreState};
use defmt::Encoder;
use heapless::Vec;
use xmap_bcm2711::{Clock, GenericTimer};
use xmap_link::limits::MAX_TAGGED_STREAM;

use crate::limits::LOG_BYTES;

struct Log {
    encoder: Encoder,
    bytes: Vec<u8, LOG_BYTES>,
    /// Where the message that is being written begins.
    begun: usize,
    /// It has found no room.
    cut: bool,
    lost: u32,
}

static LOG: Mutex<RefCell<Log>> = Mutex::new(RefCell::new(Log {
    encoder: Encoder::new(),
    bytes: Vec::new(),
    begun: 0,
    cut: false,
    lost: 0,
}));

/// What ends the critical section of the message that is being written.
static ENTERED: Mutex<Cell<Option<RestoreState>>> = Mutex::new(Cell::new(None));

impl Log {
    fn begin(&mut self) {
        (self.begun, self.cut) = (self.bytes.len(), false);
        let Self { encoder, bytes, cut, .. } = self;
        encoder.start_frame(|part| *cut |= bytes.extend_from_slice(part).is_err());
    }

    fn write(&mut self, part: &[u8]) {
        let Self { encoder, bytes, cut, .. } = self;
        encoder.write(part, |part| *cut |= bytes.extend_from_slice(part).is_err());
    }

    fn end(&mut self) {
        let Self { encoder, bytes, cut, .. } = self;
        encoder.end_frame(|part| *cut |= bytes.extend_from_slice(part).is_err());
        if self.cut {
            self.bytes.truncate(self.begun);
            self.lost = self.lost.saturating_add(1);
        }
    }
}

#[defmt::global_logger]
struct Logger;

// SAFETY: from `acquire` to `release` interrupts are masked, and one core runs: nobody else can log in
// between.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: `release` leaves the critical section again, as defmt's macros call both.
        let state = unsafe { critical_section::acquire() };
        critical_section::with(|cs| {
            assert!(ENTERED.borrow(cs).replace(Some(state)).is_none(), "a log message within another");
            LOG.borrow_ref_mut(cs).begin();
        });
    }

    unsafe fn flush() {}

    unsafe fn release() {
        let entered = critical_section::with(|cs| {
            LOG.borrow_ref_mut(cs).end();
            ENTERED.borrow(cs).take()
        });
        if let Some(state) = entered {
            // SAFETY: the state is that of `acquire`, and taken once.
            unsafe { critical_section::release(state) };
        }
    }

    unsafe fn write(bytes: &[u8]) {
        critical_section::with(|cs| LOG.borrow_ref_mut(cs).write(bytes));
    }
}

defmt::timestamp!("{=u64:us}", GenericTimer::new().map_or(0, |timer| Clock::new(timer).now_us()));

/// Hands what waits to `send`, in parts that fit a frame of either kind, and forgets it.
pub fn drain(mut send: impl FnMut(&[u8])) {
    let lost = critical_section::with(|cs| core::mem::take(&mut LOG.borrow_ref_mut(cs).lost));
    let mut waiting = critical_section::with(|cs| core::mem::take(&mut LOG.borrow_ref_mut(cs).bytes));
    if lost > 0 {
        defmt::warn!("{=u32} log messages were lost", lost);
    }
    waiting.chunks(MAX_TAGGED_STREAM).for_each(&mut send);
    waiting.clear();
}
