/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A fan on a PWM channel of 25 kHz, as fans with four wires have it. */
#ifndef XMAP_FAN_H
#define XMAP_FAN_H

#include "../xmap.h"

/* The least that a fan turns at. */
enum { XMAP_FAN_LEAST_PERCENT = 20 };

/* Sets how fast it turns, 0 to 100 percent of what it can; a little is the least that it turns at. */
static inline void xmap_fan_percent(int32_t channel, uint32_t percent) {
    if (percent != 0 && percent < XMAP_FAN_LEAST_PERCENT) percent = XMAP_FAN_LEAST_PERCENT;
    if (percent > 100) percent = 100;
    xmap_pwm_duty(channel, (int32_t)((percent * 65535 + 50) / 100));
}

#endif
