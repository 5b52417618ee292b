#include "xmap.h"

/* An allocator that counts; nothing is used twice. */
static uint8_t heap[256];
static uint32_t used, freed;

XMAP_EXPORT(export_alloc) uint8_t *export_alloc(uint32_t len) {
    uint8_t *at = heap + used;
    used += len;
    return at;
}

XMAP_EXPORT(export_free) void export_free(const uint8_t *at, uint32_t len) {
    (void)at;
    (void)len;
    freed++;
}

XMAP_EXPORT(export_freed) uint32_t export_freed(void) { return freed; }

/* A host writes no memory. */
XMAP_EXPORT(export_poke) void export_poke(uint8_t *at, uint8_t byte) { *at = byte; }

static uint8_t found[2];

/* Borrows the key: copies what it keeps, frees nothing. */
XMAP_EXPORT(export_read) const uint8_t *export_read(const uint8_t *key, uint32_t len) {
    for (uint32_t n = 0; n < len && n < 2; n++)
        found[n] = key[n];
    return found;
}

/* Owns the image: frees it, once. */
XMAP_EXPORT(export_compress) uint32_t export_compress(uint32_t img_ptr, uint32_t img_len, float q) {
    union {
        float number;
        uint32_t bits;
    } of = {.number = q};
    export_free((const uint8_t *)img_ptr, img_len);
    return of.bits;
}
