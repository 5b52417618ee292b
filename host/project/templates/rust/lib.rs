#![no_std]
//! The button begins and ends the blinking of the lamp.

use xmap_guest::{State, gpio};

xmap_guest::panic_is_trap!();

/// The line of the lamp, as panel.toml declares it.
const LAMP: u8 = @LAMP@;

static BLINKING: State<bool> = State::new(false);
static PRESSED: State<u32> = State::new(0);

/// Begins and ends the blinking. A host can call it.
#[unsafe(no_mangle)]
extern "C" fn blink(on: bool) {
    BLINKING.set(on);
    if !on {
        gpio::set(LAMP, false);
    }
}

/// How often the button was pressed.
#[unsafe(no_mangle)]
extern "C" fn presses() -> u32 {
    PRESSED.get()
}

/// panel.toml says on which edge of the button this is called.
#[unsafe(no_mangle)]
extern "C" fn on_press() {
    PRESSED.update(|n| n.wrapping_add(1));
    blink(!BLINKING.get());
}

/// Called twice a second.
#[unsafe(no_mangle)]
extern "C" fn on_tick() {
    if BLINKING.get() {
        gpio::toggle(LAMP);
    }
}
