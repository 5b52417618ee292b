/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* EEPROMs 24Cxx on I2C. write_max = 2 + page (1 + page up to 256 bytes), read_max as much as is read at once. */
#ifndef XMAP_AT24_H
#define XMAP_AT24_H

#include "../xmap.h"

struct xmap_at24 {
    int32_t device;
    uint8_t address_bytes; /* 1 up to 256 bytes (24C02), else 2 */
    uint8_t page;          /* bytes of a page: 8 for a 24C02, 32 for a 24C32; at most 32 */
};

/* Polls of a chip that writes, a millisecond each: data sheets say 5 to 10 ms. */
enum { XMAP_AT24_POLLS = 20 };

static inline uint32_t xmap_at24_place_(const struct xmap_at24 *chip, uint32_t at, uint8_t *bytes) {
    if (chip->address_bytes == 1) {
        bytes[0] = (uint8_t)at;
        return 1;
    }
    bytes[0] = (uint8_t)(at >> 8);
    bytes[1] = (uint8_t)at;
    return 2;
}

/* Waits until the chip has written. Returns XMAP_BUS_NACK where it does not come to an end. */
static inline int32_t xmap_at24_ready(const struct xmap_at24 *chip) {
    int32_t status = XMAP_BUS_NACK;
    for (int polls = 0; polls < XMAP_AT24_POLLS && status == XMAP_BUS_NACK; polls++) {
        xmap_time_delay_us(1000);
        status = xmap_i2c_write_read(chip->device, &status, 0, &status, 0);
    }
    return status;
}

/* Reads bytes. Returns enum xmap_bus. */
static inline int32_t xmap_at24_read(const struct xmap_at24 *chip, uint32_t at, void *bytes, uint32_t len) {
    uint8_t place[2];
    return xmap_i2c_write_read(chip->device, place, xmap_at24_place_(chip, at, place), bytes, len);
}

/* Writes bytes, page by page, and waits until the chip has each. */
static inline int32_t xmap_at24_write(const struct xmap_at24 *chip, uint32_t at, const uint8_t *bytes,
                                      uint32_t len) {
    uint8_t buffer[34];
    while (len != 0) {
        uint32_t n = chip->page - at % chip->page;
        if (n > len) n = len;
        uint32_t used = xmap_at24_place_(chip, at, buffer);
        for (uint32_t i = 0; i < n; i++) buffer[used + i] = bytes[i];
        int32_t status = xmap_i2c_write_read(chip->device, buffer, used + n, buffer, 0);
        if (status == XMAP_BUS_OK) status = xmap_at24_ready(chip);
        if (status != XMAP_BUS_OK) return status;
        at += n, bytes += n, len -= n;
    }
    return XMAP_BUS_OK;
}

#endif
