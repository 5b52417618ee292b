// What the kernels in C share. `run(n)` does n rounds of work and returns a checksum; NATIVE makes a program
// of it, `kernel N`, which prints the checksum.
#include <stdint.h>

#ifdef NATIVE
#include <stdio.h>
#include <stdlib.h>
#define EXPORT __attribute__((noinline))
uint32_t run(uint32_t n);
int main(int argc, char **argv) {
    printf("%u\n", run(argc > 1 ? (uint32_t)strtoul(argv[1], 0, 10) : 1));
    return 0;
}
#else
#define EXPORT __attribute__((visibility("default"), export_name("run")))
#endif

// The next of a sequence of pseudo-random numbers (Marsaglia's xorshift).
static inline uint32_t next(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    return *state = x;
}
