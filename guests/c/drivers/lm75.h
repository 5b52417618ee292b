/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Thermometers LM75 and TMP105 on I2C. write_max = 3, read_max = 2. */
#ifndef XMAP_LM75_H
#define XMAP_LM75_H

#include "registers.h"

/* Reads the temperature in sixteenths of a degree. An LM75, and a TMP105 after power-on, has halves. */
static inline int32_t xmap_lm75_read(int32_t device, int16_t *sixteenths) {
    uint16_t raw;
    int32_t status = xmap_read16(device, 0, &raw);
    if (status == XMAP_BUS_OK) *sixteenths = (int16_t)raw >> 4;
    return status;
}

/* Sets the resolution of a TMP105: 9 to 12 bits, of which 12 are sixteenths of a degree. */
static inline int32_t xmap_tmp105_resolution(int32_t device, uint8_t bits) {
    uint8_t configuration;
    int32_t status = xmap_read8(device, 1, &configuration);
    if (status != XMAP_BUS_OK) return status;
    return xmap_write8(device, 1, (uint8_t)((configuration & ~0x60) | ((bits - 9) & 3) << 5));
}

#endif
