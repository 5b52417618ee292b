//! What an interrupt costs, and how late the main loop is after one. A line for each figure: its name and the
//! number.

use core::arch::asm;
use core::fmt::Write as _;

use rpi4b::interrupts;
use xmap_bcm2711::{Clock, Counter as _, GenericTimer, Uart};

/// Alarms of which the latest counts.
const ALARMS: u64 = 1000;

pub(crate) fn measure(timer: GenericTimer, uart: &mut Uart<'_>) {
    let mut clock = Clock::new(timer);
    _ = writeln!(uart, "handler {}", handler());
    // From a sleep: the handler and the way back to the loop are in it.
    let (mut earliest, mut latest) = (u64::MAX, 0);
    for n in 0..ALARMS {
        // Periods that are no multiple of anything.
        let at_us = clock.now_us() + 211 + n % 97;
        interrupts::set_alarm(Some(at_us));
        interrupts::idle();
        let at = clock.ticks_at(at_us);
        let now = clock.counter().ticks();
        assert!(now >= at, "an alarm is not early");
        (earliest, latest) = (earliest.min(now - at), latest.max(now - at));
    }
    let ns = |ticks: u64| ticks * 1_000_000_000 / u64::from(timer.hz());
    _ = writeln!(uart, "late_ns_min {}\nlate_ns_max {}", ns(earliest), ns(latest));
}

/// Instructions of the timer's interrupt: from the vector's first up to and with its `eret`. Counted from
/// unmasking one that waits already: the emulator counts the time of a sleep as instructions.
fn handler() -> u32 {
    /// The first reading, and the unmasking.
    const AROUND: u32 = 2;
    let (before, after): (u64, u64);
    // SAFETY: leaves interrupts masked until the block below.
    unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) };
    interrupts::set_alarm(Some(0));
    // SAFETY: reads the counter and unmasks interrupts, which they were before, and nobody is in a critical
    // section; not `nomem`, as a handler runs meanwhile.
    unsafe {
        asm!(
            "isb",
            "mrs {before}, pmevcntr0_el0",
            "msr daifclr, #2",
            "mrs {after}, pmevcntr0_el0",
            before = out(reg) before,
            after = out(reg) after,
            options(nostack, preserves_flags),
        );
    }
    // It has noted the alarm: this does not sleep.
    interrupts::idle();
    (after as u32).wrapping_sub(before as u32) - AROUND
}
