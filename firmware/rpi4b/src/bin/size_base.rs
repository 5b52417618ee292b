#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! What there is without a mapper: start-up, every operation of the board's port, and what every program does
//! with bytes. `size_mapper` is
//! this program and a mapper; `cargo xtask bench` prints by how much it is larger. Neither is run.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use aarch64_rt::entry;
    use rpi4b::{device, startup};

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let start = unsafe { startup::start(device_tree) };
        let mut board = device::board(start.gpio, start.timer);
        device::touch(&mut board);
        let bytes = start.image.ok().flatten().unwrap_or_default();
        device::touch_bytes(bytes);
        startup::stop(true)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("size_base is firmware: `cargo xtask bench` measures it.");
}
