/* A short press turns the lamp round, a long one the fan. */
#include "names.h"

enum { LONG_US = 1000000 };

static int64_t down_us;
static uint32_t count;

/* Runs when the button has kept its new level for 20 ms, pressed (low) or let go. */
XMAP_EXPORT(on_button) void on_button(void) {
    if (!button_get()) {
        down_us = xmap_time_now_us();
        return;
    }
    count++;
    if (xmap_time_now_us() - down_us < LONG_US)
        lamp_toggle();
    else
        fan_toggle();
}

XMAP_EXPORT(presses) uint32_t presses(void) { return count; }
