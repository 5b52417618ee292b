// SPDX-License-Identifier: MIT OR Apache-2.0
//! One lifecycle on every platform: a trait, and a macro that makes its exports.

use core::num::NonZeroI32;

/// The context in which a panel is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Microseconds since boot.
    pub now_us: i64,
}

/// The handle that a panel has from its mount to its unmount: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handle(pub u32);

/// Why a panel is not mounted: the number that the host is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub NonZeroI32);

/// A panel's life. [`lifecycle!`](crate::lifecycle) makes its exports; `on_tick` runs where the manifest says
/// when: `on_tick = { on = { every = "10ms" } }`.
pub trait Lifecycle {
    /// Sets the panel up.
    ///
    /// # Errors
    /// Why it is not mounted.
    fn on_mount(context: &Context) -> Result<Handle, Error>;

    /// Runs in each period.
    fn on_tick(handle: Handle) {
        let _ = handle;
    }

    /// Ends the panel; the manifest's safe states follow.
    fn on_unmount(handle: Handle) {
        let _ = handle;
    }
}

/// Makes the exports `on_mount`, `on_tick` and `on_unmount` of a [`Lifecycle`].
#[macro_export]
macro_rules! lifecycle {
    ($panel:ty) => {
        static XMAP_HANDLE: $crate::State<u32> = $crate::State::new(0);

        #[unsafe(no_mangle)]
        extern "C" fn on_mount() -> i32 {
            let context = $crate::Context { now_us: $crate::time::now_us() };
            match <$panel as $crate::Lifecycle>::on_mount(&context) {
                Ok(handle) => {
                    XMAP_HANDLE.set(handle.0);
                    0
                }
                Err(error) => error.0.get(),
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn on_tick() {
            <$panel as $crate::Lifecycle>::on_tick($crate::Handle(XMAP_HANDLE.get()));
        }

        #[unsafe(no_mangle)]
        extern "C" fn on_unmount() {
            <$panel as $crate::Lifecycle>::on_unmount($crate::Handle(XMAP_HANDLE.get()));
        }
    };
}
