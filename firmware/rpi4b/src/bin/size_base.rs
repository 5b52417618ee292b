#![cfg_attr(target_os = "none", no_std, no_main)]
#![deny(unsafe_code)]
//! What there is without a mapper: start-up, every operation of the board's port, and what every program
//! does with bytes. `size_mapper` is this program and a mapper; `cargo xtask bench` prints by how much it is
//! larger. Neither is run.

rpi4b::measured!("size_base", |board, bytes| true);
