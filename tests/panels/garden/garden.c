/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A garden that is watered at seven in the morning, and in the evening of working days for half as long. */
#include "xmap.h"

enum { VALVE = 17, NIGHT_LIGHT = 22 };

static uint16_t minutes = 10;
static uint16_t left;
static uint32_t mornings, evenings, nights;

static void water(uint16_t for_minutes) {
    left = for_minutes;
    xmap_gpio_set(VALVE, for_minutes != 0);
}

XMAP_EXPORT(on_morning) void on_morning(void) {
    mornings++;
    water(minutes);
}

XMAP_EXPORT(on_evening) void on_evening(void) {
    evenings++;
    water(minutes / 2);
}

/* In the hour that a change to summer time leaves out, and that a change back brings twice. */
XMAP_EXPORT(on_night) void on_night(void) {
    nights++;
    xmap_gpio_toggle(NIGHT_LIGHT);
}

XMAP_EXPORT(on_minute) void on_minute(void) {
    if (left && --left == 0) xmap_gpio_set(VALVE, false);
}

XMAP_EXPORT(set_minutes) void set_minutes(uint16_t value) { minutes = value; }

/* Mornings, evenings and nights so far, in a hundred each. */
XMAP_EXPORT(count) uint32_t count(void) { return (mornings * 100 + evenings) * 100 + nights; }

XMAP_EXPORT(minute) int32_t minute(void) { return xmap_time_local_minute(); }

/* Hours since 1970. */
XMAP_EXPORT(hours) int64_t hours(void) {
    int64_t unix_us = xmap_time_unix_us();
    return unix_us < 0 ? -1 : unix_us / INT64_C(3600000000);
}
