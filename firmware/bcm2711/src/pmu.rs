//! The core's performance counters (Arm ARM, D13): what a stretch of code costs.
//!
//! In the emulator under `-icount shift=0` both are exact and the same in every run: an instruction
//! takes one nanosecond, which is one cycle of its 1 GHz counter.

use core::arch::asm;
use core::mem::ManuallyDrop;

/// `PMCR_EL0`: enable (bit 0), reset event counters (1), reset the cycle counter (2), 64-bit cycle
/// counter (6).
const CONTROL: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 6;
/// `PMEVTYPERn_EL0` and `PMCCFILTR_EL0`: count at EL2 too (NSH, bit 27).
const COUNT_AT_EL2: u64 = 1 << 27;
/// The event "instruction architecturally executed" (Arm ARM, D13.12).
const INST_RETIRED: u64 = 0x08;
/// `PMCNTENSET_EL0`: event counter 0 and the cycle counter.
const ENABLE: u64 = 1 | 1 << 31;

/// Instructions from the first reading, itself included, to the first of the work: two readings and the call.
const BEFORE: u32 = 3;

/// The performance counters, counting.
#[derive(Debug)]
pub struct Pmu {
    /// What two readings around an empty function differ by.
    overhead: Count,
}

/// The counts between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Instructions retired.
    pub instructions: u32,
    /// Cycles of the core.
    pub cycles: u64,
}

impl Pmu {
    /// Starts both counters at zero.
    pub fn start() -> Self {
        // SAFETY: the performance counters are this program's alone; they raise no interrupt, as
        // none is enabled in PMINTENSET_EL1 after reset, and no memory is touched.
        unsafe {
            asm!(
                "msr pmevtyper0_el0, {event}",
                "msr pmccfiltr_el0, {filter}",
                "msr pmcntenset_el0, {enable}",
                "msr pmcr_el0, {control}",
                "isb",
                event = in(reg) INST_RETIRED | COUNT_AT_EL2,
                filter = in(reg) COUNT_AT_EL2,
                enable = in(reg) ENABLE,
                control = in(reg) CONTROL,
                options(nostack, preserves_flags),
            );
        }
        let mut pmu = Self { overhead: Count { instructions: 0, cycles: 0 } };
        pmu.overhead = pmu.count(|| ());
        pmu
    }

    /// Returns what `work` costs as a function of its own, beyond what an empty function costs.
    pub fn count<W: FnOnce()>(&self, work: W) -> Count {
        self.count_from(work).0
    }

    /// Returns how many instructions have been retired since start-up, modulo 2^32; this reading itself is
    /// the next.
    #[inline(always)]
    pub fn retired() -> u32 {
        let retired: u64;
        // SAFETY: reading the counter has no side effect. Not `nomem`: loads and stores in front of it
        // stay there.
        unsafe { asm!("mrs {}, pmevcntr0_el0", out(reg) retired, options(nostack, preserves_flags)) };
        // An event counter has 32 bits before PMUv3p5; the upper half is reserved.
        retired as u32
    }

    /// As [`Pmu::count`], and what [`Pmu::retired`] would have said at the first instruction of `work`.
    #[inline(never)]
    pub fn count_from<W: FnOnce()>(&self, work: W) -> (Count, u32) {
        let mut work = ManuallyDrop::new(work);
        let work: *mut ManuallyDrop<W> = &raw mut work;
        let (before, after): (u64, u64);
        let (begin, end): (u64, u64);
        // One block from the first reading to the second, so that the compiler can put nothing of its own
        // between them. The barriers keep the work inside. SAFETY: `run::<W>` is a C function of one pointer,
        // to a local that is used nowhere else and runs once; the ABI's clobbers are declared, the readings
        // in between survive in registers that a call keeps, and reading the counters has no side effect.
        unsafe {
            asm!(
                "isb",
                "mrs x20, pmevcntr0_el0",
                "mrs x21, pmccntr_el0",
                "blr {run}",
                "isb",
                "mrs x22, pmevcntr0_el0",
                "mrs x23, pmccntr_el0",
                run = in(reg) run::<W> as unsafe extern "C" fn(*mut ManuallyDrop<W>),
                in("x0") work,
                out("x20") before,
                out("x21") begin,
                out("x22") after,
                out("x23") end,
                clobber_abi("C"),
            );
        }
        let count = Count {
            // An event counter has 32 bits before PMUv3p5; the upper half is reserved.
            instructions: (after as u32).wrapping_sub(before as u32).wrapping_sub(self.overhead.instructions),
            cycles: end.wrapping_sub(begin).wrapping_sub(self.overhead.cycles),
        };
        (count, (before as u32).wrapping_add(BEFORE))
    }
}

/// Runs the work.
///
/// # Safety
///
/// `work` is valid, used by nobody else, and not run a second time.
unsafe extern "C" fn run<W: FnOnce()>(work: *mut ManuallyDrop<W>) {
    // SAFETY: the caller promises that the pointer may be used.
    let work = unsafe { &mut *work };
    // SAFETY: the caller promises that nobody takes the work again.
    let work = unsafe { ManuallyDrop::take(work) };
    work();
}
