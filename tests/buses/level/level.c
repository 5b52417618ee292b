/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A pump that the level of a tank switches, as a converter on the SPI bus measures it. */
#include "xmap.h"

/* The device of panel.toml, and the lines. */
enum { ADC = 0, PUMP = 17, ALARM = 22 };

/* The pump runs from the one to the other; below the last the sensor is broken. */
enum { FULL = 800, EMPTY = 300, BROKEN = 20 };

static uint16_t last;

/* Measures one channel, 0 to 1023; the status of the transfer below zero. */
static int32_t measure(uint8_t number) {
    /* A start bit, then "single" and the channel. */
    uint8_t bytes[3] = {1, (uint8_t)(0x80 | number << 4), 0};
    int32_t status = xmap_spi_transfer(ADC, bytes, 3, bytes, 3);
    if (status != XMAP_BUS_OK) return -status;
    return (bytes[1] & 3) << 8 | bytes[2];
}

/* Ten times a second. */
XMAP_EXPORT(on_tick) void on_tick(void) {
    int32_t level = measure(0);
    bool broken = level < BROKEN;
    xmap_gpio_set(ALARM, broken);
    if (broken) {
        xmap_gpio_set(PUMP, false);
        return;
    }
    last = (uint16_t)level;
    if (level <= EMPTY) xmap_gpio_set(PUMP, true);
    if (level >= FULL) xmap_gpio_set(PUMP, false);
}

XMAP_EXPORT(level) uint16_t level(void) { return last; }

XMAP_EXPORT(channel) int32_t channel(uint8_t number) { return number < 8 ? measure(number) : -1; }
