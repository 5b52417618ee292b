// Words of a text counted and found: strings, Boyer, Moore and Horspool's table of skips.
#include "kernel.h"

static char text[1024];

static uint32_t length(const char *s) {
    uint32_t n = 0;
    while (s[n]) n++;
    return n;
}

static uint32_t occurrences(const char *needle) {
    uint8_t skip[128];
    uint32_t len = length(needle), found = 0;
    for (int i = 0; i < 128; i++) skip[i] = (uint8_t)len;
    for (uint32_t i = 0; i + 1 < len; i++) skip[(uint8_t)needle[i] & 127] = (uint8_t)(len - 1 - i);
    for (uint32_t at = 0; at + len <= sizeof text;) {
        uint32_t i = len;
        while (i && text[at + i - 1] == needle[i - 1]) i--;
        if (!i) found++;
        at += skip[(uint8_t)text[at + len - 1] & 127];
    }
    return found;
}

EXPORT uint32_t run(uint32_t n) {
    static const char *const WORDS[] = {"valve", "sensor", "relay", "tank", "level", "pump", "alarm", "door"};
    uint32_t state = 777, sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        uint32_t at = 0, words = 0;
        while (at < sizeof text) {
            const char *word = WORDS[next(&state) >> 7 & 7];
            while (*word && at < sizeof text) text[at++] = *word++;
            if (at < sizeof text) text[at++] = ' ';
        }
        for (uint32_t i = 0, inside = 0; i < sizeof text; i++) {
            int letter = text[i] >= 'a' && text[i] <= 'z';
            words += letter && !inside, inside = (uint32_t)letter;
        }
        for (int i = 0; i < 8; i++) sum = sum * 7 + occurrences(WORDS[i]);
        sum += words;
    }
    return sum;
}
