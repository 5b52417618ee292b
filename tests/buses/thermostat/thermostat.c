/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A heater that a thermometer on the I2C bus switches, with hysteresis. */
#include "xmap.h"

/* The device of panel.toml, and the lines. */
enum { TEMP = 0, HEATER = 17, ALARM = 22 };

/* Registers of the thermometer. */
enum { TEMPERATURE = 0, CONFIGURATION = 1, TWELVE_BITS = 0x60 };

/* Readings that may fail one after the other before the heater goes off. */
enum { MOST_FAILURES = 3 };

/* Temperatures are in sixteenths of a degree, as the chip has them. */
static int16_t wanted = 20 * 16;
static int16_t band = 8;
static int16_t last;
static uint8_t failures;
static bool heating;

static void heat(bool on) {
    heating = on;
    xmap_gpio_set(HEATER, on);
}

/* Reads the temperature; the status of the transfer. */
static int32_t measure(void) {
    uint8_t bytes[2] = {TEMPERATURE};
    int32_t status = xmap_i2c_write_read(TEMP, bytes, 1, bytes, 2);
    if (status == XMAP_BUS_OK) last = (int16_t)(bytes[0] << 8 | bytes[1]) >> 4;
    return status;
}

/* Every second. */
XMAP_EXPORT(on_second) void on_second(void) {
    if (measure() != XMAP_BUS_OK) {
        if (++failures == MOST_FAILURES) {
            XMAP_LOG(XMAP_WARN, "no thermometer");
            heat(false);
            xmap_gpio_set(ALARM, 1);
        }
        return;
    }
    if (failures >= MOST_FAILURES) {
        XMAP_LOG(XMAP_INFO, "the thermometer is back");
        xmap_gpio_set(ALARM, 0);
    }
    failures = 0;
    if (heating ? last >= wanted + band : last <= wanted - band) heat(!heating);
}

/* Measures in sixteenths of a degree from now on; before, in halves. */
XMAP_EXPORT(precise) int32_t precise(void) {
    uint8_t bytes[2] = {CONFIGURATION, TWELVE_BITS};
    return xmap_i2c_write_read(TEMP, bytes, 2, bytes, 0);
}

XMAP_EXPORT(want) void want(int8_t degrees) { wanted = degrees * 16; }

XMAP_EXPORT(sixteenths) int32_t sixteenths(void) { return last; }

XMAP_EXPORT(is_heating) bool is_heating(void) { return heating; }
