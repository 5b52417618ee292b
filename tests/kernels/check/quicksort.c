// Quicksort of 1,000 numbers with insertion sort for short pieces: recursion, compares, swaps.
#include "kernel.h"

static int32_t items[1000];

static void insertion(int32_t *from, int32_t *to) {
    for (int32_t *i = from + 1; i <= to; i++) {
        int32_t item = *i, *j = i;
        for (; j > from && j[-1] > item; j--) *j = j[-1];
        *j = item;
    }
}

static void sort(int32_t *from, int32_t *to) {
    while (to - from > 12) {
        int32_t pivot = from[(to - from) / 2], *i = from, *j = to;
        while (i <= j) {
            while (*i < pivot) i++;
            while (*j > pivot) j--;
            if (i <= j) {
                int32_t item = *i;
                *i++ = *j, *j-- = item;
            }
        }
        if (j - from < to - i) sort(from, j), from = i;
        else sort(i, to), to = j;
    }
    insertion(from, to);
}

EXPORT uint32_t run(uint32_t n) {
    uint32_t state = 88675123, sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        for (int i = 0; i < 1000; i++) items[i] = (int32_t)next(&state);
        sort(items, items + 999);
        for (int i = 0; i < 1000; i += 97) sum = sum * 31 + (uint32_t)items[i];
    }
    return sum;
}
