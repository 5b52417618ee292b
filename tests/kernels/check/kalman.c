// A Kalman filter of position and speed over 64 measurements, f64.
#include "kernel.h"

EXPORT uint32_t run(uint32_t n) {
    uint32_t state = 521288629, sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        double x = 0, v = 1, p00 = 1, p01 = 0, p10 = 0, p11 = 1, dt = 0.1;
        for (int i = 0; i < 64; i++) {
            double z = i * dt + ((double)(next(&state) & 1023) - 512) / 4096;
            x += dt * v;
            double q00 = p00 + dt * (p10 + p01) + dt * dt * p11 + 0.001, q01 = p01 + dt * p11;
            double q10 = p10 + dt * p11, q11 = p11 + 0.001;
            double s = q00 + 0.02, k0 = q00 / s, k1 = q10 / s, y = z - x;
            x += k0 * y, v += k1 * y;
            p00 = (1 - k0) * q00, p01 = (1 - k0) * q01, p10 = q10 - k1 * q00, p11 = q11 - k1 * q01;
        }
        sum = sum * 31 + (uint32_t)(int32_t)(x * 65536) + (uint32_t)(int32_t)(v * 65536);
    }
    return sum;
}
