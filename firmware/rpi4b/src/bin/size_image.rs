#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! `size_base` and an image: verification and look-up by name. `cargo xtask bench` prints by how much it is
//! larger, and by how much `size_mapper` is larger than this. None is run.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::hint::black_box;

    use aarch64_rt::entry;
    use rpi4b::{device, startup};
    use xmap_image::{Image, words_of};

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let start = unsafe { startup::start(device_tree) };
        let mut board = device::board(start.gpio, start.timer);
        device::touch(&mut board);
        let bytes = start.image.ok().flatten().unwrap_or_default();
        device::touch_bytes(bytes);
        let Ok(image) = words_of(bytes).and_then(Image::verify) else { startup::stop(false) };
        let name = core::str::from_utf8(black_box(bytes)).unwrap_or_default();
        startup::stop(image.find(name).is_some())
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("size_image is firmware: `cargo xtask bench` measures it.");
}
