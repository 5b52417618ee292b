// Two builds of one panel: in the second, `moved.wasm`, the variables stand elsewhere.
//
//   clang-19 --target=wasm32-unknown-unknown -mcpu=mvp -O2 -ffreestanding -nostdlib \
//     -Wl,--no-entry -Wl,--export=counter -Wl,--export=history -Wl,-z,stack-size=4096 -Wl,--strip-all \
//     counter.c -o counter.wasm
//   the same with -DMOVED and -o moved.wasm
#include <stdint.h>

#ifdef MOVED
uint32_t table[64] = {1, 2, 3};
#endif
uint32_t counter = 7;
uint32_t history[4] = {1, 2, 3, 4};

__attribute__((export_name("press"))) void press(void) {
    counter++;
    history[counter & 3] = counter;
#ifdef MOVED
    table[counter & 63]++;
#endif
}

__attribute__((export_name("count"))) uint32_t count(void) { return counter + history[0]; }
