/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Identifies a flash memory on the SPI bus. */
#include "xmap.h"

/* The device of panel.toml. */
enum { MEMORY = 0 };

/* The command, and the bytes that the memory has for it: as many, so that it is done with the command even where
   its selection is not seen. */
enum { READ_IDENTIFICATION = 0x9f, ANSWER = 6 };

/* The maker, the kind and the size, as 0xMMKKSS. */
XMAP_EXPORT(identify) uint32_t identify(void) {
    uint8_t bytes[1 + ANSWER] = {READ_IDENTIFICATION};
    if (xmap_spi_transfer(MEMORY, bytes, 1, bytes, sizeof bytes) != XMAP_BUS_OK) __builtin_trap();
    return (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}
