// Numbers written as text and read again: divisions, a state for each character.
#include "kernel.h"

static char text[512];

static int format(char *to, int32_t value) {
    char digits[12];
    int len = 0, count = 0;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (value < 0) to[len++] = '-';
    do digits[count++] = (char)('0' + rest % 10), rest /= 10;
    while (rest);
    while (count) to[len++] = digits[--count];
    return len;
}

static uint32_t parse(const char *from, const char *end) {
    uint32_t sum = 0, value = 0;
    int negative = 0;
    for (; from < end; from++) {
        char c = *from;
        if (c == '-') negative = 1;
        else if (c >= '0' && c <= '9') value = value * 10 + (uint32_t)(c - '0');
        else if (c == ',') sum = sum * 17 + (negative ? 0u - value : value), value = 0, negative = 0;
        else return 0;
    }
    return sum;
}

EXPORT uint32_t run(uint32_t n) {
    uint32_t state = 362436069, sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        int len = 0;
        for (int i = 0; i < 32; i++) {
            len += format(text + len, (int32_t)next(&state) >> (i & 15));
            text[len++] = ',';
        }
        sum = sum * 31 + parse(text, text + len);
    }
    return sum;
}
