/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The light of a stairwell: a press gives three minutes of light on every floor, ten seconds
 * before the end it dims to the lamp at the door, and the pump keeps the cellar dry.
 */
#include "xmap.h"

enum { LAMP = 17, PUMP = 24, FLOAT_SWITCH = 25, BUTTON = 27 };
enum { FLOORS = 4 };
enum phase { DARK = 0, LIT = 1, WARNING = 2 };

static const uint8_t floor_pin[FLOORS] = {5, 6, 13, 19};

#define EVERY_FLOOR (XMAP_BIT(5) | XMAP_BIT(6) | XMAP_BIT(13) | XMAP_BIT(19))
#define LIGHT_US INT64_C(180000000)
#define WARNING_US INT64_C(10000000)
#define SELFTEST_US 50000

static int64_t light_until_us;
static uint32_t presses;
static bool was_down;
static enum phase phase;
static uint8_t chase;

/* These forward to one native operation, so their entries in the image hold it themselves. */
XMAP_EXPORT(call_gpio_set) void call_gpio_set(uint8_t pin, bool val) { xmap_gpio_set(pin, val); }
XMAP_EXPORT(lamp_on) void lamp_on(void) { xmap_gpio_set(LAMP, 1); }
XMAP_EXPORT(lamp_off) void lamp_off(void) { xmap_gpio_set(LAMP, 0); }
XMAP_EXPORT(lamp_toggle) void lamp_toggle(void) { xmap_gpio_toggle(LAMP); }
XMAP_EXPORT(pump_on) void pump_on(void) { xmap_gpio_set(PUMP, 1); }
XMAP_EXPORT(pump_off) void pump_off(void) { xmap_gpio_set(PUMP, 0); }
XMAP_EXPORT(all_off) void all_off(void) {
    xmap_gpio_write(0, 0, XMAP_BIT(LAMP) | XMAP_BIT(PUMP) | EVERY_FLOOR);
}

/* Both close to ground. */
XMAP_EXPORT(button_down) bool button_down(void) { return !xmap_gpio_get(BUTTON); }
XMAP_EXPORT(water_high) bool water_high(void) { return !xmap_gpio_get(FLOAT_SWITCH); }

XMAP_EXPORT(on_mount) int32_t on_mount(void) {
    all_off();
    XMAP_LOG(XMAP_INFO, "stairwell: ready");
    return 0;
}

XMAP_EXPORT(on_unmount) void on_unmount(void) { all_off(); }

/* False where the house has no such floor. */
XMAP_EXPORT(floor_light) bool floor_light(uint8_t floor, bool on) {
    if (floor >= FLOORS) return false;
    xmap_gpio_set(floor_pin[floor], on);
    return true;
}

/* Lights the next floor alone, upwards and then from the ground again; returns its number. */
XMAP_EXPORT(chase_step) uint8_t chase_step(void) {
    uint32_t on = XMAP_BIT(floor_pin[chase]);
    xmap_gpio_write(0, on, EVERY_FLOOR & ~on);
    uint8_t shown = chase;
    chase = (chase + 1) % FLOORS;
    return shown;
}

static void enter(enum phase next) {
    if (next == phase) return;
    phase = next;
    switch (next) {
    case LIT:
        xmap_gpio_write(0, XMAP_BIT(LAMP) | EVERY_FLOOR, 0);
        XMAP_LOG(XMAP_INFO, "stairwell: light");
        break;
    case WARNING:
        xmap_gpio_write(0, XMAP_BIT(LAMP), EVERY_FLOOR);
        break;
    case DARK:
        xmap_gpio_write(0, 0, XMAP_BIT(LAMP) | EVERY_FLOOR);
        break;
    }
}

/* To be called often; returns the phase. */
XMAP_EXPORT(tick) uint8_t tick(void) {
    int64_t now_us = xmap_time_now_us();
    bool down = button_down();
    if (down && !was_down) {
        presses++;
        light_until_us = now_us + LIGHT_US;
    }
    was_down = down;

    int64_t left_us = light_until_us - now_us;
    enter(left_us <= 0 ? DARK : left_us <= WARNING_US ? WARNING : LIT);
    xmap_gpio_set(PUMP, water_high());
    return phase;
}

/* Seconds of light that are left, rounded up. */
XMAP_EXPORT(light_left_s) uint32_t light_left_s(void) {
    int64_t left_us = light_until_us - xmap_time_now_us();
    return left_us <= 0 ? 0 : (uint32_t)((left_us + 999999) / 1000000);
}

/* Since the mount. In the first second there is no such figure: the division by zero traps. */
XMAP_EXPORT(presses_per_hour) uint32_t presses_per_hour(void) {
    uint32_t seconds = (uint32_t)(xmap_time_now_us() / 1000000);
    return presses * 3600 / seconds;
}

/* Each output by itself for a moment; returns how many of them went high when told to. */
XMAP_EXPORT(selftest) uint8_t selftest(void) {
    static const uint8_t output[] = {LAMP, 5, 6, 13, 19, PUMP};
    uint8_t good = 0;
    for (unsigned i = 0; i < sizeof output; i++) {
        xmap_gpio_set(output[i], 1);
        xmap_time_delay_us(SELFTEST_US);
        good += xmap_gpio_get(output[i]);
        xmap_gpio_set(output[i], 0);
    }
    if (good != sizeof output) XMAP_LOG(XMAP_WARN, "stairwell: an output is stuck");
    return good;
}
