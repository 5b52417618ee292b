/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* LED driver PCA9552 on I2C: sixteen LEDs. write_max = 3, read_max = 1. */
#ifndef XMAP_PCA9552_H
#define XMAP_PCA9552_H

#include "registers.h"

/* States of an LED; the last two blink at a rate of xmap_pca9552_blink. */
enum xmap_pca9552_led { XMAP_LED_ON = 0, XMAP_LED_OFF = 1, XMAP_LED_BLINK0 = 2, XMAP_LED_BLINK1 = 3 };

/* Sets the state of an LED, 0 to 15. */
static inline int32_t xmap_pca9552_set(int32_t device, uint8_t led, uint8_t state) {
    uint8_t reg = (uint8_t)(6 + led / 4), shift = (uint8_t)(led % 4 * 2), states;
    int32_t status = xmap_read8(device, reg, &states);
    if (status != XMAP_BUS_OK) return status;
    return xmap_write8(device, reg, (uint8_t)((states & ~(3 << shift)) | (state & 3) << shift));
}

/* Sets one of two rates: a period of (prescaler + 1) / 44 seconds, of which an LED is on (256 - duty) / 256. */
static inline int32_t xmap_pca9552_blink(int32_t device, uint8_t rate, uint8_t prescaler, uint8_t duty) {
    /* Bit 4 lets the register grow. */
    uint8_t bytes[3] = {(uint8_t)(0x10 | (2 + 2 * (rate & 1))), prescaler, duty};
    return xmap_i2c_write_read(device, bytes, 3, bytes, 0);
}

#endif
