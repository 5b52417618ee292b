// CRC-16/MODBUS of 256 bytes, bit by bit.
#include "kernel.h"

static uint8_t frame[256];

EXPORT uint32_t run(uint32_t n) {
    uint32_t sum = 0;
    for (int i = 0; i < 256; i++) frame[i] = (uint8_t)(i * 13 + 5);
    for (uint32_t round = 0; round < n; round++) {
        uint16_t crc = 0xffff;
        for (int i = 0; i < 256; i++) {
            crc ^= frame[i];
            for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa001) : (uint16_t)(crc >> 1);
        }
        frame[round & 255] = (uint8_t)crc;
        sum = sum * 31 + crc;
    }
    return sum;
}
