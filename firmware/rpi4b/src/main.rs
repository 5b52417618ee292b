#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! The program that is flashed to a Raspberry Pi 4B. On any other machine it only says so.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::fmt::Write as _;

    use aarch64_rt::entry;
    use rpi4b::startup;
    use xmap_bcm2711::{Clock, Counter as _, halt};

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let mut board = unsafe { startup::start(device_tree) };
        let hz = board.timer.hz();
        let now = Clock::new(board.timer).now_us();
        _ = writeln!(board.uart, "xmap rpi4b: {now} us after power-on, counter {hz} Hz");
        _ = match board.image {
            Some(image) => writeln!(board.uart, "panel: {} B at {:p}", image.len(), image.as_ptr()),
            None => writeln!(board.uart, "panel: none"),
        };
        halt()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("rpi4b is firmware: `cargo xtask image` builds it, `cargo xtask qemu` runs it.");
}
