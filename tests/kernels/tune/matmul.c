// Product of two matrices of 24 x 24 f32.
#include "kernel.h"

#define N 24
static float a[N][N], b[N][N], c[N][N];

EXPORT uint32_t run(uint32_t n) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (float)(i * j % 7) * 0.25f, b[i][j] = (float)(i + j) / N;
    float sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                float dot = 0;
                for (int k = 0; k < N; k++) dot += a[i][k] * b[k][j];
                c[i][j] = dot;
            }
        a[round % N][0] = c[3][5] * 0.001f;
        sum += c[round % N][7];
    }
    union { float f; uint32_t u; } bits = {sum};
    return bits.u;
}
