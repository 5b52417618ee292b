/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Expander PCF8574 on I2C: eight pins. write_max = 1, read_max = 1. */
#ifndef XMAP_PCF8574_H
#define XMAP_PCF8574_H

#include "../xmap.h"

/* Drives pins low where `pins` has a zero, and lets go of the others, which are inputs then. */
static inline int32_t xmap_pcf8574_write(int32_t device, uint8_t pins) {
    return xmap_i2c_write_read(device, &pins, 1, &pins, 0);
}

/* Reads the levels of the pins. Returns enum xmap_bus; `pins` is only changed by XMAP_BUS_OK. */
static inline int32_t xmap_pcf8574_read(int32_t device, uint8_t *pins) {
    uint8_t levels;
    int32_t status = xmap_i2c_write_read(device, &levels, 0, &levels, 1);
    if (status == XMAP_BUS_OK) *pins = levels;
    return status;
}

#endif
