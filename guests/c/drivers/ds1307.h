/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Clocks DS1307 and DS1338 on I2C, for the years 2000 to 2099. write_max = 8, read_max = 7; more for memory. */
#ifndef XMAP_DS1307_H
#define XMAP_DS1307_H

#include "../xmap.h"

struct xmap_ds1307 {
    uint8_t second, minute, hour; /* 0 to 59, 0 to 59, 0 to 23 */
    uint8_t weekday;              /* 1 is Sunday */
    uint8_t day, month;           /* from 1 */
    uint16_t year;                /* 2000 to 2099 */
    bool stopped;                 /* the oscillator stands, and the time is not known */
};

static inline uint8_t xmap_ds1307_digits_(uint8_t n) { return (uint8_t)(n / 10 << 4 | n % 10); }
static inline uint8_t xmap_ds1307_number_(uint8_t n) { return (uint8_t)((n >> 4) * 10 + (n & 15)); }

/* Reads the time. Returns enum xmap_bus; `time` is only changed by XMAP_BUS_OK. */
static inline int32_t xmap_ds1307_read(int32_t device, struct xmap_ds1307 *time) {
    uint8_t r[7] = {0};
    int32_t status = xmap_i2c_write_read(device, r, 1, r, 7);
    if (status != XMAP_BUS_OK) return status;
    time->stopped = r[0] >> 7;
    time->second = xmap_ds1307_number_(r[0] & 0x7f);
    time->minute = xmap_ds1307_number_(r[1] & 0x7f);
    /* Bit 6: twelve hours, where bit 5 is the afternoon. */
    time->hour = r[2] & 0x40 ? (uint8_t)(xmap_ds1307_number_(r[2] & 0x1f) % 12 + (r[2] & 0x20 ? 12 : 0))
                             : xmap_ds1307_number_(r[2] & 0x3f);
    time->weekday = r[3] & 7;
    time->day = xmap_ds1307_number_(r[4] & 0x3f);
    time->month = xmap_ds1307_number_(r[5] & 0x1f);
    time->year = (uint16_t)(2000 + xmap_ds1307_number_(r[6]));
    return status;
}

/* Sets the time, and lets the clock run. */
static inline int32_t xmap_ds1307_set(int32_t device, const struct xmap_ds1307 *time) {
    uint8_t r[8] = {0,
                    xmap_ds1307_digits_(time->second),
                    xmap_ds1307_digits_(time->minute),
                    xmap_ds1307_digits_(time->hour),
                    time->weekday,
                    xmap_ds1307_digits_(time->day),
                    xmap_ds1307_digits_(time->month),
                    xmap_ds1307_digits_((uint8_t)(time->year - 2000))};
    return xmap_i2c_write_read(device, r, 8, r, 0);
}

/* Reads bytes that the chip keeps: 56 of them, `at` from 0. */
static inline int32_t xmap_ds1307_load(int32_t device, uint8_t at, void *bytes, uint8_t len) {
    uint8_t from = (uint8_t)(8 + at);
    return xmap_i2c_write_read(device, &from, 1, bytes, len);
}

/* Writes one byte that the chip keeps. */
static inline int32_t xmap_ds1307_store(int32_t device, uint8_t at, uint8_t byte) {
    uint8_t bytes[2] = {(uint8_t)(8 + at), byte};
    return xmap_i2c_write_read(device, bytes, 2, bytes, 0);
}

#endif
