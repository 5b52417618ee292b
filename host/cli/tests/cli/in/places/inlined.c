#include "xmap.h"

static volatile int32_t total;

static inline __attribute__((always_inline)) int32_t share(int32_t of, int32_t among) {
    return of / among;
}

XMAP_EXPORT(split) int32_t split(int32_t of, int32_t among) {
    total += share(of, among);
    return total + share(of + 1, among - 2);
}
