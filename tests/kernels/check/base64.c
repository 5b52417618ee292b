// Base64 of 768 bytes there and back: tables of bytes, shifts.
#include "kernel.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t plain[768], text[1024], back[768], value_of[256];

static void encode(const uint8_t *from, uint8_t *to, int len) {
    for (int i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)from[i] << 16 | from[i + 1] << 8 | from[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) *to++ = (uint8_t)ALPHABET[bits >> shift & 63];
    }
}

static int decode(const uint8_t *from, uint8_t *to, int len) {
    for (int i = 0; i < len; i += 4) {
        uint32_t bits = 0;
        for (int k = 0; k < 4; k++) {
            if (value_of[from[i + k]] == 255) return 0;
            bits = bits << 6 | value_of[from[i + k]];
        }
        *to++ = (uint8_t)(bits >> 16), *to++ = (uint8_t)(bits >> 8), *to++ = (uint8_t)bits;
    }
    return 1;
}

EXPORT uint32_t run(uint32_t n) {
    uint32_t state = 2463534242u, sum = 0;
    for (int i = 0; i < 256; i++) value_of[i] = 255;
    for (int i = 0; i < 64; i++) value_of[(uint8_t)ALPHABET[i]] = (uint8_t)i;
    for (uint32_t round = 0; round < n; round++) {
        for (int i = 0; i < 768; i++) plain[i] = (uint8_t)(next(&state) >> 9);
        encode(plain, text, 768);
        if (!decode(text, back, 1024)) return 0;
        for (int i = 0; i < 768; i++) sum = sum * 33 + (back[i] ^ (plain[i] == back[i]));
    }
    return sum;
}
