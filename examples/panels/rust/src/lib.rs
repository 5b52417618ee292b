#![no_std]
use xmap_guest::{State, gpio, log};

xmap_guest::panic_is_trap!();

const LAMP: u8 = 17;
static PRESSES: State<u32> = State::new(0);

#[unsafe(no_mangle)]
extern "C" fn lamp_set(on: bool) {
    gpio::set(LAMP, on);
}

#[unsafe(no_mangle)]
extern "C" fn on_press() {
    PRESSES.update(|n| n.wrapping_add(1));
    gpio::toggle(LAMP);
    log::info("button");
}
