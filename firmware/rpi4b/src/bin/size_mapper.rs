#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! `size_base` and a mapper: verification, load, look-up by name, calls. `cargo xtask bench` prints by how
//! much it is larger. Neither is run.

rpi4b::measured!("size_mapper", |board, bytes| {
    use core::hint::black_box;

    use rpi4b::startup;
    use tiny_mapper::{Mapper, STACK_SLOTS, Store};
    use xmap_image::{Image, words_of};

    let (mut stack, mut memory, mut globals) = ([0; STACK_SLOTS], [0; 64], [0; 4]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let Ok(image) = words_of(bytes).and_then(Image::verify) else { startup::stop(false) };
    let Ok(mut mapper) = Mapper::load(image, board, store) else { startup::stop(false) };
    let name = core::str::from_utf8(black_box(bytes)).unwrap_or_default();
    let Some(export) = mapper.find(name) else { startup::stop(false) };
    mapper.start().is_ok() && mapper.call(export, black_box(&[])).is_ok()
});
