/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Converter MCP3008 on SPI: eight voltages to 10 bits. mode = 0, max_bytes = 3, clock up to 1.35 MHz at 2.7 V. */
#ifndef XMAP_MCP3008_H
#define XMAP_MCP3008_H

#include "../xmap.h"

/* Measures a channel, 0 to 7: 0 to 1023. Returns enum xmap_bus; `value` is only changed by XMAP_BUS_OK. */
static inline int32_t xmap_mcp3008_read(int32_t device, uint8_t channel, uint16_t *value) {
    /* A start bit, then "one channel against ground" and which. */
    uint8_t bytes[3] = {1, (uint8_t)(0x80 | (channel & 7) << 4), 0};
    int32_t status = xmap_spi_transfer(device, bytes, 3, bytes, 3);
    if (status == XMAP_BUS_OK) *value = (uint16_t)((bytes[1] & 3) << 8 | bytes[2]);
    return status;
}

#endif
