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

impl GenericTimer {
    /// Asks for [`crate::Interrupt::Timer`] at this count or, where it has passed, at once; `None` takes it
    /// back. The interrupt stays until the next call: a handler makes one.
    pub fn interrupt_at(&mut self, ticks: Option<u64>) {
        // Bit 0 enables, bit 1 would mask (Arm ARM, CNTHP_CTL_EL2).
        let (control, compare) = (u64::from(ticks.is_some()), ticks.unwrap_or(u64::MAX));
        // SAFETY: the EL2 physical timer is this program's alone, and the interrupt is only taken where
        // `take_interrupts` has been promised a handler.
        unsafe {
            asm!(
                "msr cnthp_cval_el2, {compare}",
                "msr cnthp_ctl_el2, {control}",
                "isb",
                compare = in(reg) compare,
                control = in(reg) control,
                options(nostack, preserves_flags),
            );
        }
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

/// Takes interrupts at EL2 from now on.
///
/// # Safety
///
/// The vector saves every register that its handler changes, those of floating point included, the handler
/// can deal with every interrupt that was enabled, and nobody is in a critical section.
pub unsafe fn take_interrupts() {
    /// `HCR_EL2.IMO`: physical interrupts are taken at EL2.
    const IMO: u64 = 1 << 4;
    // SAFETY: the caller promises that interrupts may come.
    unsafe {
        asm!(
            "mrs {hcr}, hcr_el2",
            "orr {hcr}, {hcr}, {imo}",
            "msr hcr_el2, {hcr}",
            "isb",
            "msr daifclr, #2",
            hcr = out(reg) _,
            imo = in(reg) IMO,
            options(nostack, preserves_flags),
        );
    }
}

/// Sleeps until an interrupt is pending, also where the core masks it: it is taken when unmasked.
#[inline(always)]
pub fn wait_for_interrupt() {
    // The barrier ends stores before the core sleeps.
    // SAFETY: sleeping changes no state of the program. Not `nomem`: a handler may run right after.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) };
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
