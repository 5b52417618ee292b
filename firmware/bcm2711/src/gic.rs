//! The interrupt controller, a GIC-400 (*ARM Generic Interrupt Controller Architecture Specification*,
//! version 2.0; *BCM2711 ARM Peripherals*, section 6).
//!
//! The program runs in the Non-secure world, behind an earlier boot stage that has put every interrupt into
//! group 1. It sees the banked Non-secure registers then: bit 0 of both control registers enables group 1.
//! The emulator's controller has one world, with every interrupt in group 0, and bit 0 enables that. So one
//! value serves both, and so does one acknowledge register. (The crate `arm-gic` 0.10 assumes the
//! secure view: it would set bit 1, read the aliased registers, which read as zero here, and has no way
//! to route a shared interrupt to a core.)

use safe_mmio::{
    UniqueMmioPointer, field,
    fields::{ReadOnly, ReadPure, ReadPureWrite, WriteOnly},
};

/// The distributor's registers that are used (specification, section 4.1.2).
#[derive(Debug)]
#[repr(C)]
pub struct DistributorRegisters {
    /// `GICD_CTLR`
    ctlr: ReadPureWrite<u32>,
    /// `GICD_TYPER`: bits 4:0 are the number of groups of 32 interrupts, less one.
    typer: ReadPure<u32>,
    reserved_008: [u32; 62],
    /// `GICD_ISENABLERn`: a one enables, a zero does nothing.
    isenabler: [ReadPureWrite<u32>; 32],
    /// `GICD_ICENABLERn`: a one disables.
    icenabler: [ReadPureWrite<u32>; 32],
    reserved_200: [u32; 128],
    /// `GICD_IPRIORITYRn`, a byte for each interrupt.
    ipriorityr: [ReadPureWrite<u8>; 1024],
    /// `GICD_ITARGETSRn`, a byte for each interrupt: bit *n* is core *n*. Those of private interrupts are
    /// fixed.
    itargetsr: [ReadPureWrite<u8>; 1024],
}

/// The core's interface that is used (specification, section 4.1.3).
#[derive(Debug)]
#[repr(C)]
pub struct CoreRegisters {
    /// `GICC_CTLR`
    ctlr: ReadPureWrite<u32>,
    /// `GICC_PMR`: only interrupts of a lower number, which is a higher priority, are signalled.
    pmr: ReadPureWrite<u32>,
    reserved_08: u32,
    /// `GICC_IAR`: reading it takes the interrupt.
    iar: ReadOnly<u32>,
    /// `GICC_EOIR`
    eoir: WriteOnly<u32>,
}

/// An interrupt that this crate knows, by its number at the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    /// The EL2 physical timer: private interrupt 10 (Linux' `bcm2711.dtsi`: the fourth of the timer's).
    Timer = 16 + 10,
    /// An edge on lines 0 to 27: VideoCore interrupt 49, shared interrupt 113 (section 6.2.4, figure 9).
    GpioLow = 32 + 113,
    /// An edge on lines 28 to 45.
    GpioMiddle = 32 + 114,
    /// An edge on lines 46 to 57.
    GpioHigh = 32 + 115,
    /// Any of the PL011 UARTs: VideoCore interrupt 57, shared interrupt 121.
    Uart = 32 + 121,
}

impl Interrupt {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Timer, Self::GpioLow, Self::GpioMiddle, Self::GpioHigh, Self::Uart];

    /// The interrupt with this number, if this crate knows it.
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            26 => Some(Self::Timer),
            145 => Some(Self::GpioLow),
            146 => Some(Self::GpioMiddle),
            147 => Some(Self::GpioHigh),
            153 => Some(Self::Uart),
            _ => None,
        }
    }
}

/// `GICD_CTLR` and `GICC_CTLR`: signal interrupts.
const ENABLE: u32 = 1;
/// `GICC_CTLR` bits 8:5: what an earlier boot stage decided about signals that bypass the controller.
const BYPASS: u32 = 0b1111 << 5;
/// One priority for all: no handler is interrupted by another.
const PRIORITY: u8 = 0xa0;
/// All of them are signalled.
const PRIORITY_MASK: u32 = 0xf0;
/// Core 0.
const CORE: u8 = 1;
/// Numbers from here on are no interrupts: 1023 is "there is none".
const SPECIAL: u32 = 1020;
/// `GICC_IAR` bits 9:0.
const NUMBER: u32 = 0x3ff;

/// The controller, as an earlier boot stage left it.
#[derive(Debug)]
pub struct Gic<'a> {
    distributor: UniqueMmioPointer<'a, DistributorRegisters>,
    core: UniqueMmioPointer<'a, CoreRegisters>,
}

impl<'a> Gic<'a> {
    /// The driver for this controller, used on core 0.
    pub const fn new(
        distributor: UniqueMmioPointer<'a, DistributorRegisters>,
        core: UniqueMmioPointer<'a, CoreRegisters>,
    ) -> Self {
        Self { distributor, core }
    }

    /// Signals these interrupts to core 0 from now on, and no others. The core takes them once it unmasks
    /// them.
    pub fn start(mut self, interrupts: &[Interrupt]) -> Pending<'a> {
        field!(self.distributor, ctlr).write(0);
        let groups = field!(self.distributor, typer).read() as usize & 0b1_1111;
        for group in 0..=groups {
            if let Some(mut register) = field!(self.distributor, icenabler).get(group) {
                register.write(u32::MAX);
            }
        }
        for &interrupt in interrupts {
            let number = interrupt as usize;
            if let Some(mut register) = field!(self.distributor, ipriorityr).get(number) {
                register.write(PRIORITY);
            }
            if let Some(mut register) = field!(self.distributor, itargetsr).get(number) {
                register.write(CORE);
            }
            if let Some(mut register) = field!(self.distributor, isenabler).get(number / 32) {
                register.write(1 << (number % 32));
            }
        }
        field!(self.core, pmr).write(PRIORITY_MASK);
        field!(self.core, ctlr).modify(|ctlr| ctlr & BYPASS | ENABLE);
        field!(self.distributor, ctlr).write(ENABLE);
        Pending { core: self.core }
    }
}

/// The interrupts that wait for the core.
#[derive(Debug)]
pub struct Pending<'a> {
    core: UniqueMmioPointer<'a, CoreRegisters>,
}

/// An interrupt that was taken, for [`Pending::end`].
#[derive(Debug)]
#[must_use = "an interrupt that is not ended keeps all others away"]
pub struct Taken(u32);

impl Taken {
    /// Returns which it is; `None` where this crate does not know it.
    pub const fn interrupt(&self) -> Option<Interrupt> {
        Interrupt::new(self.0 & NUMBER)
    }
}

impl Pending<'_> {
    /// Takes the next interrupt, if there is one.
    pub fn take(&mut self) -> Option<Taken> {
        let acknowledged = field!(self.core, iar).read();
        (acknowledged & NUMBER < SPECIAL).then_some(Taken(acknowledged))
    }

    /// Says that an interrupt was handled: its source has let go of it, or it comes again.
    pub fn end(&mut self, taken: Taken) {
        field!(self.core, eoir).write(taken.0);
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use core::ptr::NonNull;

    use super::*;

    #[test]
    fn offsets_are_the_specifications() {
        assert_eq!(offset_of!(DistributorRegisters, isenabler), 0x100);
        assert_eq!(offset_of!(DistributorRegisters, icenabler), 0x180);
        assert_eq!(offset_of!(DistributorRegisters, ipriorityr), 0x400);
        assert_eq!(offset_of!(DistributorRegisters, itargetsr), 0x800);
        assert_eq!(offset_of!(CoreRegisters, iar), 0x0c);
        assert_eq!(offset_of!(CoreRegisters, eoir), 0x10);
    }

    #[test]
    fn numbers_lead_back_to_their_interrupts() {
        for interrupt in Interrupt::ALL {
            assert_eq!(Interrupt::new(interrupt as u32), Some(interrupt));
        }
        let known = (0..1024).filter(|number| Interrupt::new(*number).is_some()).count();
        assert_eq!(known, Interrupt::ALL.len());
    }

    /// Byte *n* of a block of registers.
    fn byte(words: &[u32], at: usize) -> u8 {
        words[at / 4].to_le_bytes()[at % 4]
    }

    #[test]
    fn start_routes_what_was_asked_for_and_disables_the_rest() {
        let mut distributor = [0u32; size_of::<DistributorRegisters>() / 4];
        // 7 groups of 32 interrupts, as the BCM2711 has them.
        distributor[1] = 6;
        let mut core = [0u32; size_of::<CoreRegisters>() / 4];
        core[0] = 0x1e7;
        // SAFETY: the words are borrowed for longer than the driver lives, are as large as the block and
        // aligned to more than it, and any bit pattern is a valid register.
        let block = unsafe { UniqueMmioPointer::new(NonNull::from(&mut distributor).cast()) };
        // SAFETY: as above.
        let interface = unsafe { UniqueMmioPointer::new(NonNull::from(&mut core).cast()) };
        _ = Gic::new(block, interface).start(&[Interrupt::Timer, Interrupt::Uart]);
        assert_eq!(distributor[0], 1, "GICD_CTLR");
        assert_eq!(
            distributor[0x180 / 4..][..8],
            [u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX, 0]
        );
        let mut enabled = [0; 32];
        (enabled[0], enabled[4]) = (1 << 26, 1 << 25);
        assert_eq!(distributor[0x100 / 4..][..32], enabled);
        for (number, used) in (0..1024).map(|number| (number, number == 26 || number == 153)) {
            assert_eq!(byte(&distributor, 0x400 + number), if used { 0xa0 } else { 0 }, "{number}");
            assert_eq!(byte(&distributor, 0x800 + number), u8::from(used), "{number}");
        }
        assert_eq!(core, [0x1e1, 0xf0, 0, 0, 0]);
    }

    #[test]
    fn an_interrupt_is_ended_with_what_was_read() {
        // Bits 12:10 are the core that sent a software interrupt: they go back as they came.
        for (iar, interrupt) in [
            (153, Some(Some(Interrupt::Uart))),
            (0x41a, Some(Some(Interrupt::Timer))),
            (99, Some(None)),
            (1022, None),
            (1023, None),
        ] {
            let mut core = [0, 0, 0, iar, 0];
            // SAFETY: as in the test before.
            let interface = unsafe { UniqueMmioPointer::new(NonNull::from(&mut core).cast()) };
            let mut pending = Pending { core: interface };
            let taken = pending.take();
            assert_eq!(taken.as_ref().map(Taken::interrupt), interrupt, "{iar}");
            let ended = taken.is_some();
            if let Some(taken) = taken {
                pending.end(taken);
            }
            assert_eq!(core[4], if ended { iar } else { 0 }, "{iar}");
        }
    }
}
