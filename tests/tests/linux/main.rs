//! The service under Linux on arm64: in the emulated Pi with a real kernel, and by qemu-user, from its Debian
//! package, for the quick loop. Built with the feature `emulator` only: the machine needs QEMU, the target
//! and Debian's arm64 packages, which `cargo xtask setup` brings.

mod chips;
#[path = "../common/connect.rs"]
mod connect;
mod machine_code;
mod package;
mod panel;
mod pi;
mod user;
