#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! The program that is flashed to a Raspberry Pi 4B. On any other machine it only says so.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod start {
    use aarch64_rt::entry;
    use rpi4b::startup::{self, arena};
    use rpi4b::{device, limits};

    /// By it a host knows the board of this program before it seals it.
    #[used]
    static MARK: [u8; 16] = xmap_trust::firmware_mark(xmap_boards::BoardId::Rpi4b as u16);

    entry!(main, { limits::STACK_PAGES });
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let start = unsafe { startup::start(device_tree) };
        let Some(rooms) = arena::take() else { unreachable!("nobody has taken them") };
        let Some(scratch) = arena::scratch() else { unreachable!("nobody has taken it") };
        let Some(flight) = arena::flight() else { unreachable!("nobody has taken it") };
        device::run(start, rooms, scratch, flight)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("rpi4b is firmware: `cargo xtask image` builds it, `cargo xtask qemu` runs it.");
}
