//! The core's own registers (*Arm Architecture Reference Manual for A-profile*): generic timer,
//! exception syndrome, exception level.

use core::arch::asm;
use core::fmt;

use crate::Counter;

/// The generic timer's physical counter (Arm ARM, D12; *BCM2711 ARM Peripherals*, section 10.1). It
/// runs from power-on. Its rate is what the earlier boot stage wrote to `CNTFRQ_EL0`: 54 MHz on the
/// board, 62.5 MHz in the emulator.
#[derive(Clone, Copy, Debug)]
pub struct GenericTimer {
    hz: u32,
}

impl GenericTimer {
    /// The timer, if an earlier boot stage has said its rate.
    pub fn new() -> Option<Self> {
        let hz: u64;
        // SAFETY: reading CNTFRQ_EL0 has no side effect and is allowed at every level above EL0.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) hz, options(nomem, nostack, preserves_flags)) };
        // The upper half of the register is reserved.
        let hz = hz as u32;
        (hz != 0).then_some(Self { hz })
    }
}

impl Counter for GenericTimer {
    #[inline]
    fn ticks(&mut self) -> u64 {
        let ticks: u64;
        // The barrier keeps the counter from being read before the instructions in front of it.
        // SAFETY: reading CNTPCT_EL0 has no side effect and is allowed at EL2.
        unsafe { asm!("isb", "mrs {}, cntpct_el0", out(reg) ticks, options(nostack, preserves_flags)) };
        ticks
    }

    #[inline]
    fn hz(&self) -> u32 {
        self.hz
    }
}

/// Why the last exception to EL2 was taken, printed as `ESR 0x... FAR 0x...`.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// `ESR_EL2`: class in bits 31:26, syndrome below (Arm ARM, D19.2.37).
    pub esr: u64,
    /// `FAR_EL2`: the address that faulted, for aborts and alignment faults.
    pub far: u64,
}

impl Fault {
    /// Reads the syndrome registers; they keep their values until the next exception.
    pub fn read() -> Self {
        let (esr, far);
        // SAFETY: reading ESR_EL2 and FAR_EL2 has no side effect; this program runs at EL2.
        unsafe {
            asm!(
                "mrs {}, esr_el2",
                "mrs {}, far_el2",
                out(reg) esr,
                out(reg) far,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { esr, far }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ESR {:#010x} FAR {:#018x}", self.esr, self.far)
    }
}

/// The exception level that this code runs at, 0 to 3.
pub fn exception_level() -> u8 {
    let level: u64;
    // SAFETY: reading CurrentEL has no side effect.
    unsafe { asm!("mrs {}, CurrentEL", out(reg) level, options(nomem, nostack, preserves_flags)) };
    (level >> 2 & 0b11) as u8
}

/// Stops this core for good: interrupts masked, asleep.
pub fn halt() -> ! {
    // SAFETY: masking interrupts runs no code of anybody's.
    unsafe { asm!("msr daifset, #0xf", options(nomem, nostack, preserves_flags)) };
    loop {
        // SAFETY: waiting for an event changes no state of the program.
        unsafe { asm!("wfe", options(nomem, nostack, preserves_flags)) };
    }
}
