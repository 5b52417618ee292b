/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A servo on a PWM channel with a period of 20 ms. */
#ifndef XMAP_SERVO_H
#define XMAP_SERVO_H

#include "../xmap.h"

/* Turns to so many degrees, 0 to 180: pulses of 1 to 2 ms. More is 180. */
static inline void xmap_servo_degrees(int32_t channel, uint32_t degrees) {
    xmap_pwm_pulse_us(channel, 1000 + (degrees > 180 ? 180 : degrees) * 1000 / 180);
}

/* Sends no pulse: the servo holds nothing. */
static inline void xmap_servo_release(int32_t channel) { xmap_pwm_pulse_us(channel, 0); }

#endif
