// Mandelbrot's set on 32 x 32 points, at most 100 rounds each, f64.
#include "kernel.h"

EXPORT uint32_t run(uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t round = 0; round < n; round++)
        for (int py = 0; py < 32; py++)
            for (int px = 0; px < 32; px++) {
                double x0 = px / 32.0 * 3.0 - 2.1 + round * 1e-6, y0 = py / 32.0 * 2.4 - 1.2, x = 0, y = 0;
                int i = 0;
                while (i < 100 && x * x + y * y <= 4.0) {
                    double t = x * x - y * y + x0;
                    y = 2 * x * y + y0, x = t, i++;
                }
                sum = sum * 5 + (uint32_t)i;
            }
    return sum;
}
