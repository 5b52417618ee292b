/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Expander MCP23017 on I2C: sixteen pins, port A in the lower half. write_max = 3, read_max = 2. */
#ifndef XMAP_MCP23017_H
#define XMAP_MCP23017_H

#include "../xmap.h"

/* Registers of port A; those of port B follow each. */
enum {
    XMAP_MCP23017_IODIR = 0x00,
    XMAP_MCP23017_GPINTEN = 0x04,
    XMAP_MCP23017_GPPU = 0x0c,
    XMAP_MCP23017_INTF = 0x0e,
    XMAP_MCP23017_INTCAP = 0x10,
    XMAP_MCP23017_GPIO = 0x12,
    XMAP_MCP23017_OLAT = 0x14
};

/* Writes a register of both ports. */
static inline int32_t xmap_mcp23017_put(int32_t device, uint8_t reg, uint16_t value) {
    uint8_t bytes[3] = {reg, (uint8_t)value, (uint8_t)(value >> 8)};
    return xmap_i2c_write_read(device, bytes, 3, bytes, 0);
}

/* Reads a register of both ports. Returns enum xmap_bus; `value` is only changed by XMAP_BUS_OK. */
static inline int32_t xmap_mcp23017_get(int32_t device, uint8_t reg, uint16_t *value) {
    uint8_t bytes[2];
    int32_t status = xmap_i2c_write_read(device, &reg, 1, bytes, 2);
    if (status == XMAP_BUS_OK) *value = (uint16_t)(bytes[0] | bytes[1] << 8);
    return status;
}

/* Sets which pins are inputs, and which of them are pulled up. */
static inline int32_t xmap_mcp23017_inputs(int32_t device, uint16_t inputs, uint16_t pulled_up) {
    int32_t status = xmap_mcp23017_put(device, XMAP_MCP23017_GPPU, pulled_up);
    return status == XMAP_BUS_OK ? xmap_mcp23017_put(device, XMAP_MCP23017_IODIR, inputs) : status;
}

/* Drives the outputs. */
static inline int32_t xmap_mcp23017_write(int32_t device, uint16_t pins) {
    return xmap_mcp23017_put(device, XMAP_MCP23017_OLAT, pins);
}

/* Reads the levels of all pins. */
static inline int32_t xmap_mcp23017_read(int32_t device, uint16_t *pins) {
    return xmap_mcp23017_get(device, XMAP_MCP23017_GPIO, pins);
}

#endif
