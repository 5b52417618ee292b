#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! `size_base` and a mapper: verification, load, look-up by name, calls. `cargo xtask bench` prints by how
//! much it is larger. Neither is run.

#[cfg(target_os = "none")]
#[allow(unsafe_code)]
mod device {
    use core::hint::black_box;

    use aarch64_rt::entry;
    use rpi4b::{device, startup};
    use tiny_mapper::{Mapper, STACK_SLOTS, Store};
    use xmap_image::{Image, words_of};

    entry!(main);
    fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
        // SAFETY: the first and only call, with x0 as it came.
        let start = unsafe { startup::start(device_tree) };
        let mut board = device::board(start.gpio, start.timer);
        device::touch(&mut board);
        let bytes = start.image.ok().flatten().unwrap_or_default();
        device::touch_bytes(bytes);
        let (mut stack, mut memory, mut globals) = ([0; STACK_SLOTS], [0; 64], [0; 4]);
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        let Ok(image) = words_of(bytes).and_then(Image::verify) else { startup::stop(false) };
        let Ok(mut mapper) = Mapper::load(image, board, store) else { startup::stop(false) };
        let name = core::str::from_utf8(black_box(bytes)).unwrap_or_default();
        let Some(export) = mapper.find(name) else { startup::stop(false) };
        let good = mapper.start().is_ok() && mapper.call(export, black_box(&[])).is_ok();
        startup::stop(good)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("size_mapper is firmware: `cargo xtask bench` measures it.");
}
