// CRC-32 (IEEE 802.3), one table look-up a byte: loads, shifts and logic in a loop.
typedef unsigned int u32;

static u32 table[256];
static unsigned char buffer[1 << 20];

// Fills the table, and the buffer with bytes that do not repeat for long.
__attribute__((export_name("prepare"))) void prepare(void) {
    for (u32 n = 0; n < 256; n++) {
        u32 crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        table[n] = crc;
    }
    u32 state = 1;
    for (u32 n = 0; n < sizeof buffer; n++) {
        state = state * 1664525u + 1013904223u;
        buffer[n] = (unsigned char)(state >> 24);
    }
}

// The checksum of the buffer.
__attribute__((export_name("crc32"))) u32 crc32(void) {
    u32 crc = ~0u;
    for (u32 n = 0; n < sizeof buffer; n++)
        crc = table[(crc ^ buffer[n]) & 0xff] ^ crc >> 8;
    return ~crc;
}
