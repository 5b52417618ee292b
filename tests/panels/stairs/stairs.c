/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A stairwell light: on at a press or when the door opens, off after a while, with a warning before. */
#include "xmap.h"

enum { LIGHT = 17, GLOW = 22, DOOR = 24, BUTTON = 27 };

/* Times in tenths of a second, as the timer counts them. */
enum { WARNING_DS = 30, MAX_SECONDS = 600 };

/* Kept when a new version takes over: build.sh exports the variable's address. */
uint32_t presses;

static uint16_t hold_ds = 50;
static uint16_t left;
static bool open;

static void light(bool on) {
    xmap_gpio_set(LIGHT, on);
    /* The glow lamp in the button shows where it is in the dark. */
    xmap_gpio_set(GLOW, !on);
}

XMAP_EXPORT(on_mount) int32_t on_mount(void) {
    /* An open door has to be seen now: its edge is past. */
    open = xmap_gpio_get(DOOR);
    light(false);
    return 0;
}

XMAP_EXPORT(on_unmount) void on_unmount(void) { XMAP_LOG(XMAP_DEBUG, "stairs: off"); }

XMAP_EXPORT(on_button) void on_button(void) {
    presses++;
    left = hold_ds;
    light(true);
}

XMAP_EXPORT(on_door) void on_door(void) {
    open = xmap_gpio_get(DOOR);
    if (!open) return;
    XMAP_LOG(XMAP_INFO, "door open");
    left = hold_ds;
    light(true);
}

/* Every tenth of a second. While the door is open, the time does not run. */
XMAP_EXPORT(on_tick) void on_tick(void) {
    if (left == 0 || open) return;
    left--;
    if (left == 0) {
        light(false);
    } else if (left == WARNING_DS) {
        /* A blink: dark for one tick. */
        xmap_gpio_set(LIGHT, 0);
    } else if (left == WARNING_DS - 1) {
        xmap_gpio_set(LIGHT, 1);
    }
}

/* How long the light stays on. A light that never is, or for ever, is the caller's mistake. */
XMAP_EXPORT(set_seconds) void set_seconds(uint16_t seconds) {
    if (seconds == 0 || seconds > MAX_SECONDS) {
        XMAP_LOG(XMAP_WARN, "seconds: 1 to 600");
        __builtin_trap();
    }
    hold_ds = seconds * 10;
}

XMAP_EXPORT(left_ds) uint16_t left_ds(void) { return left; }

XMAP_EXPORT(pressed) uint32_t pressed(void) { return presses; }

XMAP_EXPORT(lit) bool lit(void) { return xmap_gpio_get(LIGHT); }
