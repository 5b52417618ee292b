/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A lamp and its push button: every clean press toggles the lamp. */
#include "xmap.h"

enum { LAMP = 17, STATUS = 22, BUTTON = 27 };

/* Contacts of a cheap button settle within this time. */
#define DEBOUNCE_US 5000

static struct {
    bool down;           /* the debounced state */
    bool candidate;      /* the level that was seen last */
    int64_t since_us;    /* when the candidate was seen first */
    int64_t pressed_us;  /* when the button went down */
    uint32_t held_ms;
    uint32_t presses;
} button;

XMAP_EXPORT(on_mount) int32_t on_mount(void) {
    xmap_gpio_set(STATUS, 0);
    XMAP_LOG(XMAP_INFO, "lamp: mounted");
    return 0;
}

XMAP_EXPORT(on_unmount) void on_unmount(void) {
    xmap_gpio_set(LAMP, 0);
    xmap_gpio_set(STATUS, 1);
}

XMAP_EXPORT(lamp_on) void lamp_on(void) { xmap_gpio_set(LAMP, 1); }

XMAP_EXPORT(lamp_off) void lamp_off(void) { xmap_gpio_set(LAMP, 0); }

XMAP_EXPORT(lamp_toggle) void lamp_toggle(void) { xmap_gpio_toggle(LAMP); }

XMAP_EXPORT(lamp_set) void lamp_set(bool on) { xmap_gpio_set(LAMP, on); }

XMAP_EXPORT(lamp_lit) bool lamp_lit(void) { return xmap_gpio_get(LAMP); }

/* To be called every few milliseconds; true where a press has just been accepted. */
XMAP_EXPORT(poll) bool poll(void) {
    bool down = !xmap_gpio_get(BUTTON);
    int64_t now_us = xmap_time_now_us();

    if (down != button.candidate) {
        button.candidate = down;
        button.since_us = now_us;
        return false;
    }
    if (down == button.down || now_us - button.since_us < DEBOUNCE_US) return false;

    button.down = down;
    if (!down) {
        button.held_ms = (uint32_t)((now_us - button.pressed_us) / 1000);
        XMAP_LOG(XMAP_DEBUG, "button up");
        return false;
    }
    button.pressed_us = now_us;
    button.presses++;
    XMAP_LOG(XMAP_DEBUG, "button down");
    lamp_toggle();
    return true;
}

XMAP_EXPORT(presses) uint32_t presses(void) { return button.presses; }

/* How long the button was held when it was last let go. */
XMAP_EXPORT(held_ms) uint32_t held_ms(void) { return button.held_ms; }

/* A period of zero is the caller's mistake: the division traps. */
XMAP_EXPORT(blinks_per_minute) uint32_t blinks_per_minute(uint32_t period_ms) {
    return 60000 / period_ms;
}

/* Blinks the status light; a long series runs into the time limit and traps. */
XMAP_EXPORT(blink) void blink(uint8_t times, uint16_t period_ms) {
    uint32_t half_us = period_ms * UINT32_C(500);
    for (uint8_t i = 0; i < times; i++) {
        xmap_gpio_set(STATUS, 1);
        xmap_time_delay_us(half_us);
        xmap_gpio_set(STATUS, 0);
        xmap_time_delay_us(half_us);
    }
}

XMAP_EXPORT(forget) void forget(void) {
    button.presses = 0;
    button.held_ms = 0;
    XMAP_LOG(XMAP_WARN, "counters cleared");
}
