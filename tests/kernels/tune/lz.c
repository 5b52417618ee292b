// A small LZ77 codec over 2 KiB of text: a hash of three bytes, copies that overlap.
#include "kernel.h"

#define LEN 2048
static uint8_t plain[LEN], packed[LEN * 2], back[LEN];
static uint16_t heads[256];

static uint32_t pack(void) {
    uint32_t out = 0;
    for (int i = 0; i < 256; i++) heads[i] = 0xffff;
    for (uint32_t at = 0; at < LEN;) {
        uint32_t best = 0, from = 0;
        if (at + 3 < LEN) {
            uint32_t hash = (plain[at] * 33u ^ plain[at + 1] * 7u ^ plain[at + 2]) & 255;
            from = heads[hash], heads[hash] = (uint16_t)at;
            if (from != 0xffff)
                while (best < 255 && at + best < LEN && plain[from + best] == plain[at + best]) best++;
        }
        if (best >= 4) {
            packed[out++] = 1, packed[out++] = (uint8_t)best;
            packed[out++] = (uint8_t)(at - from), packed[out++] = (uint8_t)((at - from) >> 8);
            at += best;
        } else packed[out++] = 0, packed[out++] = plain[at++];
    }
    return out;
}

static uint32_t unpack(uint32_t len) {
    uint32_t out = 0;
    for (uint32_t at = 0; at < len;)
        if (packed[at]) {
            uint32_t count = packed[at + 1], from = out - (packed[at + 2] | (uint32_t)packed[at + 3] << 8);
            for (at += 4; count; count--) back[out++] = back[from++];
        } else back[out++] = packed[at + 1], at += 2;
    return out;
}

EXPORT uint32_t run(uint32_t n) {
    static const char WORDS[] = "lamp pump relay panel register line bank image the of and on off";
    uint32_t state = 123456789, sum = 0;
    for (uint32_t round = 0; round < n; round++) {
        for (int i = 0; i < LEN; i++)
            plain[i] = (uint8_t)(i & 31 ? WORDS[(uint32_t)(i + (i >> 6) * 5) % (sizeof WORDS - 1)] : next(&state));
        uint32_t len = pack();
        if (unpack(len) != LEN) return 0;
        for (int i = 0; i < LEN; i++) sum = sum * 3 + back[i];
        sum += len;
    }
    return sum;
}
