#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! Counts instructions, in the emulator under `-icount`. `cargo xtask bench` runs it.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::arch::asm;
    use core::fmt::Write as _;

    use aarch64_rt::entry;
    use rpi4b::startup;
    use tiny_mapper::Port as _;
    use xmap_bcm2711::{Clock, Pi, Pmu};
    use xmap_boards::Bank;

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let mut board = unsafe { startup::start(device_tree) };
        let pmu = Pmu::start();

        // The counter proves itself first: on code whose instructions can be counted on paper.
        let nothing = pmu.count(|| ());
        // SAFETY: does nothing.
        let straight = pmu.count(|| unsafe { asm!(".rept 100", "nop", ".endr", options(nomem, nostack)) });
        let looped = pmu.count(|| {
            // SAFETY: touches its own register and the flags alone.
            unsafe {
                asm!(
                    "mov {n}, #1000",
                    "0: subs {n}, {n}, #1",
                    "b.ne 0b",
                    n = out(reg) _,
                    options(nomem, nostack),
                );
            }
        });
        // A store to GPSET0: fetch the reference, fetch the block's address, add the offset, make the
        // mask, and the one `str`.
        let mut pi = Pi::new(board.gpio, Clock::new(board.timer), |_, _| ());
        let set = pmu.count(|| pi.set(Bank::Zero, 1 << 17));
        for (name, count, expected) in [
            ("nothing", nothing, 0),
            ("straight", straight, 100),
            ("loop", looped, 2001),
            ("gpio.set", set, 5),
        ] {
            _ = writeln!(
                board.uart,
                "count {name} {} instructions {} cycles",
                count.instructions, count.cycles
            );
            assert_eq!(count.instructions, expected, "{name}");
        }
        board.uart.flush();
        startup::stop(true)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("bench is firmware: `cargo xtask bench` runs it.");
}
