//! From the boot stage's jump to a program with caches, a console and its peripherals.
//!
//! The Raspberry Pi's firmware (and the emulator) starts core 0 at EL2 at the image's first byte,
//! with the device tree's address in `x0`. `aarch64-rt` turns on the MMU and the caches with the table
//! below before any Rust code runs, clears `.bss` and sets the stack and the exception vectors.

pub mod arena;
pub mod logger;
pub mod once;

use core::arch::naked_asm;
use core::fmt::Write as _;
use core::panic::PanicInfo;
use core::slice;

use aarch64_paging::descriptor::El23Attributes;
use aarch64_paging::mair::{Mair, MairAttribute, NormalMemory};
use aarch64_rt::{ExceptionHandlers, InitialPagetable, RegisterStateRef};
use dtoolkit::fdt::Fdt;
use tiny_mapper::Pull;
use xmap_bcm2711::{
    Fault, GenericTimer, Interrupt, LASTING_PLACE, Peripherals, PinFunction, UNCACHED, Uart, exception_level,
    take_interrupts,
};
use xmap_boards::Line;

use crate::handover::{Handover, HandoverError, MEMORY_END};
use crate::interrupts::{self, Hardware};

/// The link's rate in baud, 8 data bits, no parity, one stop bit.
pub const BAUD: u32 = 115_200;

/// The link's lines: TXD0 and RXD0 as alternate function 0 (*BCM2711 ARM Peripherals*, section 5.3).
const TXD0: Line = line(14);
const RXD0: Line = line(15);

const GIB: usize = 1 << 30;

/// Attribute 0: device memory, attribute 1: write-back cached memory.
const MAIR: Mair = Mair::EMPTY.with_attribute(0, MairAttribute::DEVICE_NGNRE).with_attribute(
    1,
    MairAttribute::normal(
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
    ),
);

const MEMORY: El23Attributes = El23Attributes::VALID
    .union(El23Attributes::USER_RES1)
    .union(El23Attributes::ATTRIBUTE_INDEX_1)
    .union(El23Attributes::INNER_SHAREABLE)
    .union(El23Attributes::ACCESSED);

const DEVICES: El23Attributes = El23Attributes::VALID
    .union(El23Attributes::USER_RES1)
    .union(El23Attributes::ATTRIBUTE_INDEX_0)
    .union(El23Attributes::ACCESSED)
    .union(El23Attributes::XN);

// The first GiB is memory, the fourth holds the peripherals (from 0xfe00_0000 up). The fifth shows the first
// once more, as device memory: the words that outlive a reset are reached there and nowhere else, so that no
// cache has them. Nothing else is mapped, so that a stray access there is a fault and not a write.
aarch64_rt::initial_pagetable!(
    {
        let mut blocks = [0; 512];
        blocks[0] = MEMORY.bits();
        blocks[3] = DEVICES.bits() | (3 * GIB);
        blocks[UNCACHED / GIB] = DEVICES.bits();
        InitialPagetable(blocks)
    },
    MAIR.0
);

const _: () = assert!(MEMORY_END == GIB, "the table and the hand-over agree");

unsafe extern "C" {
    /// The first free address behind the program and its stack (aarch64-rt's `image.ld`).
    static dma_region: u8;
}

/// The program's world at its first line.
pub struct Start {
    /// The lines.
    pub gpio: xmap_bcm2711::Gpio<'static>,
    /// The controllers of buses.
    pub buses: crate::board::Buses,
    /// The controller of the SD card.
    pub sd: xmap_bcm2711::SdBlock<'static>,
    /// The older controller of the same kind.
    pub emmc: xmap_bcm2711::SdBlock<'static>,
    /// The console and the link, enabled at [`BAUD`].
    pub uart: Uart<'static>,
    /// The counter behind the clock.
    pub timer: GenericTimer,
    /// The panel's image, if one was handed over; what is wrong with the hand-over, if anything is.
    pub image: Result<Option<&'static [u8]>, HandoverError>,
    /// The command line; empty where none could be read.
    pub arguments: &'static str,
    /// Where the boot stage had the image from.
    pub origin: &'static str,
    /// Random bytes for this start; empty where none could be read.
    pub seed: &'static [u8],
    /// The partition that the boot loader says it booted from, and whether on a trial.
    pub booted: Option<(u32, bool)>,
    /// The mailbox to the VideoCore's firmware.
    pub mailbox: xmap_bcm2711::Mailbox<'static>,
}

/// Takes the board over: console first, so that everything after it can say what is wrong. Interrupts are
/// taken when it returns.
///
/// # Safety
///
/// Called once, first, with `x0` as the program was entered with.
pub unsafe fn start(device_tree: u64) -> Start {
    // SAFETY: this is a BCM2711, the page table above maps its peripherals as device memory to their
    // own addresses and the first GiB where it says, as the program's first act this is the only user of the
    // blocks, and nothing is put where the lasting words are: no section, no room, nothing that was handed
    // over.
    let Peripherals {
        mut gpio,
        pads,
        i2c,
        spi,
        pwm,
        serial,
        serial_receivers,
        sd,
        emmc,
        uart,
        receiver,
        gic,
        watchdog,
        lasting,
        mailbox,
    } = unsafe { Peripherals::new() };
    gpio.pull(TXD0, Pull::None);
    gpio.pull(RXD0, Pull::Up);
    gpio.select(TXD0, PinFunction::Alt0);
    gpio.select(RXD0, PinFunction::Alt0);
    let Some(uart) = uart.enable(BAUD) else { unreachable!("the UART's clock makes {BAUD} baud") };
    let Some(timer) = GenericTimer::new() else { panic!("the boot stage did not set CNTFRQ_EL0") };
    assert_eq!(exception_level(), 2, "exception level");

    let pending = gic.start(&Interrupt::ALL);
    interrupts::start(Hardware {
        pending,
        receiver: Some(receiver),
        serial: serial_receivers,
        pads,
        timer,
        watchdog,
        lasting,
    });
    // SAFETY: `irq_current` below saves what its handler changes, the handler knows all that were enabled,
    // and this is no critical section, as it is the program's beginning.
    unsafe { take_interrupts() };

    // SAFETY: the caller passes the address on as it came.
    let handover = unsafe { device_tree_at(device_tree) }
        .and_then(|tree| Handover::read(tree, (&raw const dma_region).addr(), &taken()));
    let (image, arguments, origin, seed, booted) = match handover {
        Ok(Handover { image, arguments, origin, seed, booted }) => {
            (Ok(image), arguments, origin, seed, booted)
        }
        // Not the end: the program can still say so over the link.
        Err(error) => (Err(error), "", "boot", &[][..], None),
    };
    let bytes = |place: core::ops::Range<usize>| {
        let first = core::ptr::with_exposed_provenance(place.start);
        // SAFETY: `Handover::read` has checked that the place is memory that is mapped, behind the
        // program and its stack, and not where something else will be; the boot stage has filled it, and
        // nothing of this program writes there.
        unsafe { slice::from_raw_parts(first, place.len()) }
    };
    let buses = crate::board::Buses { i2c, spi, pwm, serial };
    Start {
        gpio,
        buses,
        sd,
        emmc,
        uart,
        timer,
        image: image.map(|place| place.map(bytes)),
        arguments,
        origin,
        seed,
        booted,
        mailbox,
    }
}

/// Addresses where nothing that was handed over may be.
fn taken() -> [core::ops::Range<usize>; 2] {
    [LASTING_PLACE, arena::place()]
}

/// The device tree at this address.
///
/// # Safety
///
/// `address` is what the boot stage left in `x0`, and nothing has written behind the program since.
unsafe fn device_tree_at(address: u64) -> Result<Fdt<'static>, HandoverError> {
    /// Magic and total size, both big-endian.
    const HEADER: usize = 8;
    const MAGIC: u32 = 0xd00d_feed;

    let start = usize::try_from(address).map_err(|_| HandoverError::NoDeviceTree)?;
    if start == 0 || !start.is_multiple_of(8) || start > MEMORY_END - HEADER {
        return Err(HandoverError::NoDeviceTree);
    }
    let first = core::ptr::with_exposed_provenance::<u32>(start);
    // SAFETY: the address is aligned, not null, and eight bytes there are in mapped memory, which
    // any bit pattern makes two valid words.
    let [magic, size] = unsafe { first.cast::<[u32; 2]>().read() };
    let size = u32::from_be(size) as usize;
    if u32::from_be(magic) != MAGIC || size > MEMORY_END - start {
        return Err(HandoverError::NoDeviceTree);
    }
    // Its texts are used for ever, and modules will write to the rooms.
    if taken().iter().any(|taken| start < taken.end && start + size > taken.start) {
        return Err(HandoverError::NoDeviceTree);
    }
    // SAFETY: the whole tree is in mapped memory and not where something else will be; the boot stage wrote
    // it, and nothing writes it now.
    let bytes = unsafe { slice::from_raw_parts(first.cast(), size) };
    Fdt::new(bytes).map_err(|_| HandoverError::BadDeviceTree)
}

/// Ends the program: halts the core, or ends the emulator with the exit status.
pub fn stop(success: bool) -> ! {
    #[cfg(feature = "semihosting")]
    semihosting::process::exit(i32::from(!success));
    #[cfg(not(feature = "semihosting"))]
    {
        _ = success;
        xmap_bcm2711::halt()
    }
}

/// The console for the program's last words.
fn last_words() -> Uart<'static> {
    // SAFETY: called on the way to `halt` or `stop` alone, on the one core that runs: whoever had the
    // UART never runs again.
    unsafe { Peripherals::new() }.uart
}

/// Makes the outputs safe, as far as a mounted image has said how, prints the message and stops; the watchdog
/// resets the chip later, if it was started.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    interrupts::make_safe();
    let mut uart = last_words();
    _ = writeln!(uart, "\nPANIC {}", info.message());
    if let Some(place) = info.location() {
        _ = writeln!(uart, "  at {}:{}", place.file(), place.line());
    }
    uart.flush();
    stop(false)
}

/// Interrupts are handled. No other exception is expected: each makes the outputs safe, prints what and
/// where, and stops.
struct Exceptions;

aarch64_rt::exception_handlers!(Exceptions);

impl ExceptionHandlers for Exceptions {
    extern "C" fn sync_current(state: RegisterStateRef<'_>) {
        report("synchronous exception", &state)
    }

    /// The vector has saved the core's registers; this saves those of floating point as well, which
    /// any Rust code may use to copy memory, and which the interrupted code may be in the middle of using.
    #[unsafe(naked)]
    extern "C" fn irq_current(_: RegisterStateRef<'_>) {
        naked_asm!(
            "sub sp, sp, #(16 + 16 + 32 * 16)",
            "stp x29, x30, [sp]",
            "mov x29, sp",
            "mrs x0, fpcr",
            "mrs x1, fpsr",
            "stp x0, x1, [sp, #16]",
            "stp q0, q1, [sp, #32]",
            "stp q2, q3, [sp, #64]",
            "stp q4, q5, [sp, #96]",
            "stp q6, q7, [sp, #128]",
            "stp q8, q9, [sp, #160]",
            "stp q10, q11, [sp, #192]",
            "stp q12, q13, [sp, #224]",
            "stp q14, q15, [sp, #256]",
            "stp q16, q17, [sp, #288]",
            "stp q18, q19, [sp, #320]",
            "stp q20, q21, [sp, #352]",
            "stp q22, q23, [sp, #384]",
            "stp q24, q25, [sp, #416]",
            "stp q26, q27, [sp, #448]",
            "stp q28, q29, [sp, #480]",
            "stp q30, q31, [sp, #512]",
            "bl {handle}",
            "ldp q0, q1, [sp, #32]",
            "ldp q2, q3, [sp, #64]",
            "ldp q4, q5, [sp, #96]",
            "ldp q6, q7, [sp, #128]",
            "ldp q8, q9, [sp, #160]",
            "ldp q10, q11, [sp, #192]",
            "ldp q12, q13, [sp, #224]",
            "ldp q14, q15, [sp, #256]",
            "ldp q16, q17, [sp, #288]",
            "ldp q18, q19, [sp, #320]",
            "ldp q20, q21, [sp, #352]",
            "ldp q22, q23, [sp, #384]",
            "ldp q24, q25, [sp, #416]",
            "ldp q26, q27, [sp, #448]",
            "ldp q28, q29, [sp, #480]",
            "ldp q30, q31, [sp, #512]",
            "ldp x0, x1, [sp, #16]",
            "msr fpcr, x0",
            "msr fpsr, x1",
            "ldp x29, x30, [sp]",
            "add sp, sp, #(16 + 16 + 32 * 16)",
            "ret",
            handle = sym handle_interrupt,
        )
    }

    extern "C" fn fiq_current(state: RegisterStateRef<'_>) {
        report("fast interrupt", &state)
    }

    extern "C" fn serror_current(state: RegisterStateRef<'_>) {
        report("system error", &state)
    }
}

extern "C" fn handle_interrupt() {
    interrupts::handle();
}

fn report(what: &str, state: &RegisterStateRef<'_>) -> ! {
    interrupts::make_safe();
    let mut uart = last_words();
    _ = writeln!(uart, "\nFAULT {what}: ELR {:#018x} {}", state.elr, Fault::read());
    uart.flush();
    stop(false)
}

const fn line(number: u8) -> Line {
    match Line::new(number) {
        Some(line) => line,
        None => panic!("no such line"),
    }
}
