#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! `size_base` and an image: verification and look-up by name. `cargo xtask bench` prints by how much it is
//! larger, and by how much `size_mapper` is larger than this. None is run.

rpi4b::measured!("size_image", |board, bytes| {
    let Ok(image) = xmap_image::words_of(bytes).and_then(xmap_image::Image::verify) else {
        rpi4b::startup::stop(false)
    };
    let name = core::str::from_utf8(core::hint::black_box(bytes)).unwrap_or_default();
    image.find(name).is_some()
});
