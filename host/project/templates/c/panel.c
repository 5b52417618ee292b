#include "names.h" /* the lines and the functions of panel.toml */

static bool blinking;
static uint32_t pressed;

/* Begins and ends the blinking. A host can call it. */
XMAP_EXPORT(blink) void blink(bool on) {
    blinking = on;
    if (!on) lamp_set(false);
}

/* How often the button was pressed. */
XMAP_EXPORT(presses) uint32_t presses(void) { return pressed; }

/* panel.toml says on which edge of the button this is called. */
XMAP_EXPORT(on_press) void on_press(void) {
    pressed++;
    blink(!blinking);
}

/* Called twice a second. */
XMAP_EXPORT(on_tick) void on_tick(void) {
    if (blinking) lamp_toggle();
}
