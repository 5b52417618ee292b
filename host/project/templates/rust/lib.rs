#![no_std]
//! The button begins and ends the blinking of the lamp.

/// The lines of panel.toml.
mod names;

use names::lamp;
use xmap_guest::State;

xmap_guest::panic_is_trap!();
// Types as panel.toml has them, or it does not compile.
names::check_exports!();

static BLINKING: State<bool> = State::new(false);
static PRESSED: State<u32> = State::new(0);

/// Begins and ends the blinking. A host can call it.
#[unsafe(no_mangle)]
extern "C" fn blink(on: bool) {
    BLINKING.set(on);
    if !on {
        lamp::set(false);
    }
}

/// Returns how often the button was pressed.
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
        lamp::toggle();
    }
}
