//! Programs that are built to be measured: none is run.

/// Makes a program whose size is measured: start-up, every operation of the board's port, what every program
/// does with an image's bytes, and then `$more` with both, which gives whether all went well.
#[macro_export]
macro_rules! measured {
    ($name:literal, |$board:ident, $bytes:ident| $more:expr) => {
        #[cfg(target_os = "none")]
        #[allow(unsafe_code)]
        mod device {
            use aarch64_rt::entry;

            entry!(main);
            fn main(device_tree: u64, _: u64, _: u64, _: u64) -> ! {
                // SAFETY: the first and only call, with x0 as it came.
                let start = unsafe { $crate::startup::start(device_tree) };
                let mut $board = $crate::device::board(start.gpio, start.timer);
                $crate::device::touch(&mut $board);
                let $bytes = start.image.ok().flatten().unwrap_or_default();
                $crate::device::touch_bytes($bytes);
                $crate::startup::stop($more)
            }
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            println!(concat!($name, " is firmware: `cargo xtask bench` measures it."));
        }
    };
}
