/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A Modbus RTU master on a serial port: registers of slaves. The port wants write_max = 8, rx_buffer = 256. */
#ifndef XMAP_MODBUS_H
#define XMAP_MODBUS_H

#include "../xmap.h"

/* How a request ended: enum xmap_bus, XMAP_BUS_TIMEOUT where no answer came, or one of these. */
enum {
    XMAP_MODBUS_DAMAGED = 100,  /* the answer is not one to this request */
    XMAP_MODBUS_EXCEPTION = 128 /* and the slave's number for why: 2 is a register that is not there */
};

static inline uint16_t xmap_modbus_sum_(const uint8_t *bytes, uint32_t len) {
    uint16_t sum = 0xffff;
    for (uint32_t i = 0; i < len; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xa001 : sum >> 1;
    }
    return sum;
}

/* Sends a request of 6 bytes and waits for an answer of `len` bytes, both without their sums. */
static inline int32_t xmap_modbus_ask_(int32_t port, uint8_t *frame, uint32_t len, uint32_t limit_us) {
    uint8_t address = frame[0], function = frame[1];
    /* What came before is no answer. */
    while (xmap_uart_read(port, frame + 8, 8) != 0) {}
    uint16_t sum = xmap_modbus_sum_(frame, 6);
    frame[6] = (uint8_t)sum, frame[7] = (uint8_t)(sum >> 8);
    int32_t status = xmap_uart_write(port, frame, 8);
    if (status != XMAP_BUS_OK) return status;
    uint32_t got = 0, want = len + 2;
    for (uint32_t waited = 0; got < want; waited += 500) {
        if (waited >= limit_us) return got == 0 ? XMAP_BUS_TIMEOUT : XMAP_MODBUS_DAMAGED;
        xmap_time_delay_us(500);
        got += (uint32_t)xmap_uart_read(port, frame + got, want - got);
        /* What the slave refuses is shorter. */
        if (got >= 2 && frame[1] == (function | 0x80)) want = 5;
    }
    sum = xmap_modbus_sum_(frame, want - 2);
    if (frame[0] != address || (frame[1] & 0x7f) != function || frame[want - 2] != (uint8_t)sum ||
        frame[want - 1] != (uint8_t)(sum >> 8))
        return XMAP_MODBUS_DAMAGED;
    return frame[1] & 0x80 ? XMAP_MODBUS_EXCEPTION + frame[2] : XMAP_BUS_OK;
}

/* Registers that xmap_modbus_read takes at most at once. */
enum { XMAP_MODBUS_MOST = 16 };

/* Reads up to 16 holding registers of a slave; waits up to `limit_us` for its answer. */
static inline int32_t xmap_modbus_read(int32_t port, uint8_t slave, uint16_t first, uint8_t count,
                                       uint16_t *registers, uint32_t limit_us) {
    if (count == 0 || count > XMAP_MODBUS_MOST) return XMAP_MODBUS_EXCEPTION + 3;
    /* No longer list of values: a compiler would call memset for what it leaves out. */
    uint8_t frame[5 + 2 * XMAP_MODBUS_MOST];
    frame[0] = slave, frame[1] = 3, frame[2] = (uint8_t)(first >> 8), frame[3] = (uint8_t)first;
    frame[4] = 0, frame[5] = count;
    int32_t status = xmap_modbus_ask_(port, frame, 3 + 2 * (uint32_t)count, limit_us);
    if (status != XMAP_BUS_OK) return status;
    if (frame[2] != 2 * count) return XMAP_MODBUS_DAMAGED;
    for (uint32_t i = 0; i < count; i++)
        registers[i] = (uint16_t)(frame[3 + 2 * i] << 8 | frame[4 + 2 * i]);
    return status;
}

/* Writes a holding register of a slave. */
static inline int32_t xmap_modbus_write(int32_t port, uint8_t slave, uint16_t reg, uint16_t value,
                                        uint32_t limit_us) {
    uint8_t frame[16];
    frame[0] = slave, frame[1] = 6, frame[2] = (uint8_t)(reg >> 8), frame[3] = (uint8_t)reg;
    frame[4] = (uint8_t)(value >> 8), frame[5] = (uint8_t)value;
    return xmap_modbus_ask_(port, frame, 6, limit_us);
}

#endif
