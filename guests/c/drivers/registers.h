/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Registers of 8 and 16 bits behind a pointer of one byte: most sensors on I2C. write_max = 3, read_max = 2. */
#ifndef XMAP_REGISTERS_H
#define XMAP_REGISTERS_H

#include "../xmap.h"

/* Reads a register of 8 bits. Returns enum xmap_bus; `value` is only changed by XMAP_BUS_OK. */
static inline int32_t xmap_read8(int32_t device, uint8_t reg, uint8_t *value) {
    uint8_t byte;
    int32_t status = xmap_i2c_write_read(device, &reg, 1, &byte, 1);
    if (status == XMAP_BUS_OK) *value = byte;
    return status;
}

/* Writes a register of 8 bits. */
static inline int32_t xmap_write8(int32_t device, uint8_t reg, uint8_t value) {
    uint8_t bytes[2] = {reg, value};
    return xmap_i2c_write_read(device, bytes, 2, bytes, 0);
}

/* Reads a register of 16 bits, whose higher byte comes first. */
static inline int32_t xmap_read16(int32_t device, uint8_t reg, uint16_t *value) {
    uint8_t bytes[2];
    int32_t status = xmap_i2c_write_read(device, &reg, 1, bytes, 2);
    if (status == XMAP_BUS_OK) *value = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return status;
}

/* Writes a register of 16 bits. */
static inline int32_t xmap_write16(int32_t device, uint8_t reg, uint16_t value) {
    uint8_t bytes[3] = {reg, (uint8_t)(value >> 8), (uint8_t)value};
    return xmap_i2c_write_read(device, bytes, 3, bytes, 0);
}

#endif
