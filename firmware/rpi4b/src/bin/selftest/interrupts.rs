//! Interrupts on the emulated chip: its controller, timer and UART are modelled, edge detection is not (the
//! unit tests of `pads.rs` and `notes.rs` have that).

use core::arch::asm;

use rpi4b::interrupts;
use rpi4b::limits::RECEIVED_BYTES;
use xmap_bcm2711::{Clock, GenericTimer, Gpio, PinFunction, SafeStores};
use xmap_boards::{Bank, Line, LineSet};

/// An alarm ends the sleep, is never early, comes once, can be taken back, and is not lost to a busy loop.
pub(crate) fn alarms(timer: GenericTimer) {
    let mut clock = Clock::new(timer);
    // Whatever came before.
    interrupts::set_alarm(Some(0));
    interrupts::idle();
    for wait_us in [0, 1, 1000, 50_000] {
        let at = clock.now_us() + wait_us;
        interrupts::set_alarm(Some(at));
        interrupts::idle();
        let late = clock.now_us().checked_sub(at);
        assert!(late.is_some_and(|late| late < 1_000_000), "an alarm after {wait_us} us: {late:?}");
    }
    let begun = clock.now_us();
    interrupts::set_alarm(Some(begun + 1000));
    interrupts::set_alarm(None);
    clock.delay_us(2000);
    interrupts::set_alarm(Some(begun + 20_000));
    interrupts::idle();
    assert!(clock.now_us() >= begun + 20_000, "an alarm that was taken back");
    // It comes while the loop is busy: the sleep ends at once.
    interrupts::set_alarm(Some(clock.now_us() + 100));
    clock.delay_us(1000);
    interrupts::idle();
    // At every place of the way into the sleep. One that is lost would be a sleep for ever.
    for nops in 0..2000 {
        interrupts::set_alarm(Some(clock.now_us() + 2));
        for _ in 0..nops % 100 {
            core::hint::spin_loop();
        }
        interrupts::idle();
    }
}

/// No interrupt changes a register of floating point.
pub(crate) fn registers_are_kept(timer: GenericTimer) {
    let mut clock = Clock::new(timer);
    for _ in 0..100 {
        interrupts::set_alarm(Some(clock.now_us() + 20));
        let wrong: u64;
        // SAFETY: changes the registers that it names alone, and no memory.
        unsafe {
            asm!(
                // Both halves of register n are n + 1 and its complement.
                ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
                "mov {x}, #\\n + 1",
                "mov v\\n\\().d[0], {x}",
                "mvn {x}, {x}",
                "mov v\\n\\().d[1], {x}",
                ".endr",
                "mov {wrong}, xzr",
                "mov {count}, #20000",
                "2: subs {count}, {count}, #1",
                "b.ne 2b",
                ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31",
                "mov {x}, v\\n\\().d[0]",
                "sub {x}, {x}, #\\n + 1",
                "orr {wrong}, {wrong}, {x}",
                "mov {x}, v\\n\\().d[1]",
                "mvn {x}, {x}",
                "sub {x}, {x}, #\\n + 1",
                "orr {wrong}, {wrong}, {x}",
                ".endr",
                x = out(reg) _,
                count = out(reg) _,
                wrong = out(reg) wrong,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
                out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _,
                out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _,
                out("v22") _, out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _,
                out("v29") _, out("v30") _, out("v31") _,
                options(nostack),
            );
        }
        assert_eq!(wrong, 0, "registers after an interrupt");
        interrupts::idle();
    }
}

/// The test's host sends this many bytes, byte *n* being *n* modulo 251: more than may wait.
const SENT: usize = RECEIVED_BYTES + 2000;

/// Bytes are taken from the UART while the loop is busy, in order; those without room wait in the UART.
pub(crate) fn bytes_are_received(timer: GenericTimer) {
    let mut clock = Clock::new(timer);
    let (mut busy, mut taken) = (0, 0);
    while taken < SENT {
        if taken == 0 {
            // The host may be slow to begin.
            interrupts::idle();
        }
        clock.delay_us(20_000);
        let before = taken;
        while let Some(byte) = interrupts::receive() {
            assert_eq!(usize::from(byte), taken % 251, "byte {taken}");
            taken += 1;
        }
        busy = busy.max(taken - before);
    }
    assert_eq!(interrupts::broken_bytes(), 0);
    assert!(busy > 32, "the FIFO alone would have kept {busy} for a busy loop");
}

/// Checks that the handler makes the outputs safe where the main loop does not feed, after half the time.
pub(crate) fn a_loop_that_hangs_is_noticed(mut gpio: Gpio<'static>, timer: GenericTimer) {
    const TIMEOUT_MS: u32 = 400;
    let mut clock = Clock::new(timer);
    let [low, high, float] = [17, 18, 19].map(|number| Line::new(number).expect("a line"));
    for line in [low, high, float] {
        gpio.select(line, PinFunction::Output);
    }
    gpio.set(Bank::Zero, low.mask() | float.mask());
    gpio.clear(Bank::Zero, high.mask());
    interrupts::set_safe(SafeStores {
        set: LineSet::of(high),
        clear: LineSet::of(low),
        float: LineSet::of(float),
    });
    let driven = low.mask() | high.mask();
    // The emulator would end if the hardware were started.
    interrupts::watch(TIMEOUT_MS, false);
    for _ in 0..10 {
        clock.delay_us(TIMEOUT_MS * 1000 / 10);
        interrupts::feed();
    }
    assert_eq!(interrupts::take_starved(), 0, "a loop that feeds");
    assert_eq!(gpio.level(Bank::Zero) & driven, low.mask(), "a loop that feeds");
    assert!(!gpio.is_input(float), "a loop that feeds");

    // The loop hangs; interrupts still come.
    clock.delay_us(TIMEOUT_MS * 1000);
    assert_eq!(interrupts::take_starved(), 1, "a loop that hangs");
    assert_eq!(gpio.level(Bank::Zero) & driven, high.mask(), "a loop that hangs");
    assert_eq!([low, high, float].map(|line| gpio.is_input(line)), [false, false, true]);
    // Once: the loop may come back.
    clock.delay_us(TIMEOUT_MS * 1000);
    assert_eq!(interrupts::take_starved(), 0, "made safe once");
}
