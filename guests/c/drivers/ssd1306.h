/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Displays SSD1306 on I2C: 128 by 64 or 32 pixels, without a copy of them in memory. write_max = 32, timeout 5 ms. */
#ifndef XMAP_SSD1306_H
#define XMAP_SSD1306_H

#include "font.h"
#include "../xmap.h"

/* Bytes of the picture in a transfer. */
enum { XMAP_SSD1306_CHUNK = 31 };

/* Sends commands, up to 31 bytes. Returns enum xmap_bus. */
static inline int32_t xmap_ssd1306_commands(int32_t device, const uint8_t *commands, uint32_t len) {
    uint8_t bytes[1 + XMAP_SSD1306_CHUNK];
    bytes[0] = 0x00;
    for (uint32_t i = 0; i < len && i < XMAP_SSD1306_CHUNK; i++) bytes[1 + i] = commands[i];
    return xmap_i2c_write_read(device, bytes, 1 + len, bytes, 0);
}

/* Turns a panel of 64 or 32 rows on. What it shows is what its memory has: clear it first. */
static inline int32_t xmap_ssd1306_begin(int32_t device, uint8_t rows) {
    const uint8_t commands[] = {
        0xae,                                        /* off */
        0xa8, (uint8_t)(rows - 1), 0xd3, 0x00, 0x40, /* rows, no offset, the first line */
        0x8d, 0x14,                                  /* the charge pump, without which it is dark */
        0x20, 0x00,                                  /* from column to column, then from page to page */
        0xa1, 0xc8, 0xda, rows == 64 ? 0x12 : 0x02,  /* as panels are wired */
        0x81, 0x7f, 0xa4, 0xa6, 0xaf                 /* contrast; what the memory has, not inverted; on */
    };
    return xmap_ssd1306_commands(device, commands, sizeof commands);
}

/* Says where the next bytes go: from this page of eight rows and this column on, up to the right edge. */
static inline int32_t xmap_ssd1306_at(int32_t device, uint8_t page, uint8_t column) {
    const uint8_t commands[] = {0x21, column, 127, 0x22, page, 7};
    return xmap_ssd1306_commands(device, commands, sizeof commands);
}

/* Sends columns of eight pixels, bit 0 the upper one; with `bytes` zero, dark ones. */
static inline int32_t xmap_ssd1306_columns(int32_t device, const uint8_t *bytes, uint32_t len) {
    uint8_t chunk[1 + XMAP_SSD1306_CHUNK];
    chunk[0] = 0x40;
    while (len != 0) {
        uint32_t n = len < XMAP_SSD1306_CHUNK ? len : XMAP_SSD1306_CHUNK;
        for (uint32_t i = 0; i < n; i++) chunk[1 + i] = bytes ? bytes[i] : 0;
        int32_t status = xmap_i2c_write_read(device, chunk, 1 + n, chunk, 0);
        if (status != XMAP_BUS_OK) return status;
        if (bytes) bytes += n;
        len -= n;
    }
    return XMAP_BUS_OK;
}

/* Makes a panel of so many rows dark. */
static inline int32_t xmap_ssd1306_clear(int32_t device, uint8_t rows) {
    int32_t status = xmap_ssd1306_at(device, 0, 0);
    return status == XMAP_BUS_OK ? xmap_ssd1306_columns(device, 0, rows * 16) : status;
}

/* Writes a text of `len` characters, six columns each, as far as the right edge. */
static inline int32_t xmap_ssd1306_text(int32_t device, uint8_t page, uint8_t column, const char *text,
                                        uint32_t len) {
    int32_t status = xmap_ssd1306_at(device, page, column);
    for (uint32_t i = 0; i < len && column <= 122 && status == XMAP_BUS_OK; i++, column += 6) {
        const uint8_t *glyph = xmap_font(text[i]);
        uint8_t columns[6] = {glyph[0], glyph[1], glyph[2], glyph[3], glyph[4], 0};
        status = xmap_ssd1306_columns(device, columns, 6);
    }
    return status;
}

/* Sets how bright it is, 0 to 255. */
static inline int32_t xmap_ssd1306_contrast(int32_t device, uint8_t contrast) {
    const uint8_t commands[] = {0x81, contrast};
    return xmap_ssd1306_commands(device, commands, sizeof commands);
}

#endif
