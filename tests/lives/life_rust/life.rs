#![no_std]
use xmap_guest::{Context, Error, Handle, Lifecycle, gpio, log};

xmap_guest::panic_is_trap!();

const LAMP: u8 = 17;

struct Hall;

impl Lifecycle for Hall {
    fn on_mount(context: &Context) -> Result<Handle, Error> {
        if context.now_us < 0 {
            return Err(Error(core::num::NonZeroI32::MIN));
        }
        log::info("mounted");
        gpio::set(LAMP, true);
        Ok(Handle(7))
    }

    fn on_tick(handle: Handle) {
        if handle == Handle(7) {
            gpio::toggle(LAMP);
        }
    }

    fn on_unmount(handle: Handle) {
        if handle == Handle(7) {
            gpio::set(LAMP, false);
        }
        log::info("unmounted");
    }
}

xmap_guest::lifecycle!(Hall);
