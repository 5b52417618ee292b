/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls each driver of guests/c/drivers, so that a script can hold it against its chip. */
#include "drivers/at24.h"
#include "drivers/ds1307.h"
#include "drivers/fan.h"
#include "drivers/lm75.h"
#include "drivers/mcp23017.h"
#include "drivers/mcp3008.h"
#include "drivers/modbus.h"
#include "drivers/pca9552.h"
#include "drivers/pcf8574.h"
#include "drivers/registers.h"
#include "drivers/servo.h"
#include "drivers/ssd1306.h"
#include "xmap.h"

/* The devices of panel.toml, by their kinds. */
enum { TEMP, CLOCK, MEMORY, SMALL, PINS, PORT, LEDS, BYTES, WORDS, SCREEN };
enum { ADC = 0, FLAP = 0, VENT = 1, METER = 0 };

static const struct xmap_at24 memory = {MEMORY, 2, 32}, small = {SMALL, 1, 8};

/* A value, or the status of its transfer below zero. */
static int32_t value_or(int32_t status, int32_t value) { return status == XMAP_BUS_OK ? value : -status; }

XMAP_EXPORT(temperature) int32_t temperature(void) {
    int16_t sixteenths = 0;
    int32_t status = xmap_lm75_read(TEMP, &sixteenths);
    return value_or(status, sixteenths);
}

XMAP_EXPORT(resolution) int32_t resolution(uint8_t bits) { return xmap_tmp105_resolution(TEMP, bits); }

XMAP_EXPORT(set_clock) int32_t set_clock(uint16_t year, uint8_t hour, uint8_t minute) {
    struct xmap_ds1307 time = {0, minute, hour, 7, 28, 11, year, false};
    return xmap_ds1307_set(CLOCK, &time);
}

static struct xmap_ds1307 now(void) {
    struct xmap_ds1307 time = {0};
    if (xmap_ds1307_read(CLOCK, &time) != XMAP_BUS_OK) __builtin_trap();
    return time;
}

XMAP_EXPORT(date) uint32_t date(void) {
    struct xmap_ds1307 time = now();
    return time.year * 10000u + time.month * 100u + time.day;
}

XMAP_EXPORT(clock) uint32_t clock(void) {
    struct xmap_ds1307 time = now();
    return time.weekday * 1000000u + time.hour * 10000u + time.minute * 100u + time.second;
}

XMAP_EXPORT(remember) int32_t remember(uint8_t byte) { return xmap_ds1307_store(CLOCK, 55, byte); }

XMAP_EXPORT(recall) int32_t recall(void) {
    uint8_t byte = 0;
    int32_t status = xmap_ds1307_load(CLOCK, 55, &byte, 1);
    return value_or(status, byte);
}

static int32_t write_to(const struct xmap_at24 *chip, uint16_t place, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return xmap_at24_write(chip, place, bytes, 4);
}

static uint32_t read_from(const struct xmap_at24 *chip, uint16_t place) {
    uint8_t bytes[4];
    if (xmap_at24_read(chip, place, bytes, 4) != XMAP_BUS_OK) __builtin_trap();
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

XMAP_EXPORT(keep) int32_t keep(uint16_t place, uint32_t value) { return write_to(&memory, place, value); }
XMAP_EXPORT(kept) uint32_t kept(uint16_t place) { return read_from(&memory, place); }
XMAP_EXPORT(keep_small) int32_t keep_small(uint16_t place, uint32_t value) {
    return write_to(&small, place, value);
}
XMAP_EXPORT(kept_small) uint32_t kept_small(uint16_t place) { return read_from(&small, place); }

XMAP_EXPORT(pins) int32_t pins(uint8_t drive) {
    uint8_t levels = 0;
    int32_t status = xmap_pcf8574_write(PINS, drive);
    if (status == XMAP_BUS_OK) status = xmap_pcf8574_read(PINS, &levels);
    return value_or(status, levels);
}

XMAP_EXPORT(port) int32_t port(uint16_t inputs, uint16_t pulled_up, uint16_t drive) {
    uint16_t levels = 0;
    int32_t status = xmap_mcp23017_inputs(PORT, inputs, pulled_up);
    if (status == XMAP_BUS_OK) status = xmap_mcp23017_write(PORT, drive);
    if (status == XMAP_BUS_OK) status = xmap_mcp23017_read(PORT, &levels);
    return value_or(status, levels);
}

XMAP_EXPORT(led) int32_t led(uint8_t number, uint8_t state) { return xmap_pca9552_set(LEDS, number, state); }

XMAP_EXPORT(blink) int32_t blink(uint8_t rate, uint8_t prescaler, uint8_t duty) {
    return xmap_pca9552_blink(LEDS, rate, prescaler, duty);
}

XMAP_EXPORT(byte) int32_t byte(uint8_t place, uint8_t value) {
    uint8_t found = 0;
    int32_t status = xmap_write8(BYTES, place, value);
    if (status == XMAP_BUS_OK) status = xmap_read8(BYTES, place, &found);
    return value_or(status, found);
}

XMAP_EXPORT(word) int32_t word(uint8_t place, uint16_t value) {
    uint16_t found = 0;
    int32_t status = xmap_write16(WORDS, place, value);
    if (status == XMAP_BUS_OK) status = xmap_read16(WORDS, place, &found);
    return value_or(status, found);
}

XMAP_EXPORT(volts) int32_t volts(uint8_t channel) {
    uint16_t found = 0;
    int32_t status = xmap_mcp3008_read(ADC, channel, &found);
    return value_or(status, found);
}

XMAP_EXPORT(show) int32_t show(uint32_t number) {
    char text[] = "Count: 000";
    for (int i = 9; i > 6; i--, number /= 10) text[i] = (char)('0' + number % 10);
    int32_t status = xmap_ssd1306_begin(SCREEN, 64);
    if (status == XMAP_BUS_OK) status = xmap_ssd1306_clear(SCREEN, 64);
    if (status == XMAP_BUS_OK) status = xmap_ssd1306_text(SCREEN, 1, 4, text, sizeof text - 1);
    /* As much as has room. */
    if (status == XMAP_BUS_OK) status = xmap_ssd1306_text(SCREEN, 7, 110, "#{}%", 4);
    return status;
}

XMAP_EXPORT(bright) int32_t bright(uint8_t contrast) { return xmap_ssd1306_contrast(SCREEN, contrast); }

XMAP_EXPORT(turn) void turn(uint32_t degrees) { xmap_servo_degrees(FLAP, degrees); }
XMAP_EXPORT(release) void release(void) { xmap_servo_release(FLAP); }
XMAP_EXPORT(vent) void vent(uint32_t percent) { xmap_fan_percent(VENT, percent); }

XMAP_EXPORT(meter) int32_t meter(uint8_t slave, uint16_t first) {
    uint16_t registers[2] = {0};
    int32_t status = xmap_modbus_read(METER, slave, first, 2, registers, 100000);
    return value_or(status, (registers[0] & 0x7fff) << 16 | registers[1]);
}

XMAP_EXPORT(set_meter) int32_t set_meter(uint8_t slave, uint16_t place, uint16_t value) {
    return xmap_modbus_write(METER, slave, place, value, 100000);
}
