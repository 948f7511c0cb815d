/* SPDX-License-Identifier: Apache-2.0
 * CRC-32/ISO-HDLC (reflected 0xEDB88320): ten words at a time without any table, what is left a nibble at a time
 * with one of 64 bytes.
 *
 * x^300 + x^155 + x^117 + x^89 + 1 is a multiple of the CRC's polynomial, the only one of five terms below degree 515.
 * So a set bit of the data may be taken out if the bits 145, 183, 211 and 300 places behind it are turned over: the
 * checksum stays. A word taken out so is eight shifts and exclusive-ors into words that come later, and a Cortex-M
 * shifts for nothing. What words yet to come are to be turned over with waits in ten registers. After Russell,
 * arXiv:2412.16398; table lookups take at least three instructions and a load of flash a byte, and 4 KB. */
#include <string.h>

#include "tinytl.h"

enum { WORDS = 10, WORD_BYTES = 4, BLOCK_BYTES = WORDS * WORD_BYTES };

static uint32_t by_nibbles(uint32_t crc, const uint8_t *byte, size_t bytes)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    while (bytes-- > 0) {
        crc ^= *byte++;
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return crc;
}

static uint32_t word_at(const uint8_t *byte)
{
    uint32_t word;
    memcpy(&word, byte, sizeof word);
    return word;
}

/* Take out word n of a block. a to j: what words n to n + 9 are to be turned over with; afterwards a holds that of
 * word n + 10. Places in words: 145 = 4 · 32 + 17, 183 = 5 · 32 + 23, 211 = 6 · 32 + 19, 300 = 9 · 32 + 12. */
#define TAKE_OUT(n, a, b, c, d, e, f, g, h, i, j)                   \
    do {                                                            \
        const uint32_t word = word_at(byte + (n) * WORD_BYTES) ^ a; \
        e ^= word << 17;                                            \
        f ^= word >> 15 ^ word << 23;                               \
        g ^= word >> 9 ^ word << 19;                                \
        h ^= word >> 13;                                            \
        j ^= word << 12;                                            \
        a = word >> 20;                                             \
    } while (0)

uint32_t tinytl_crc32(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *byte = data;
    crc = ~crc;
    if (bytes >= 2 * BLOCK_BYTES) {
        uint32_t a = crc, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0;
        do {
            TAKE_OUT(0, a, b, c, d, e, f, g, h, i, j);
            TAKE_OUT(1, b, c, d, e, f, g, h, i, j, a);
            TAKE_OUT(2, c, d, e, f, g, h, i, j, a, b);
            TAKE_OUT(3, d, e, f, g, h, i, j, a, b, c);
            TAKE_OUT(4, e, f, g, h, i, j, a, b, c, d);
            TAKE_OUT(5, f, g, h, i, j, a, b, c, d, e);
            TAKE_OUT(6, g, h, i, j, a, b, c, d, e, f);
            TAKE_OUT(7, h, i, j, a, b, c, d, e, f, g);
            TAKE_OUT(8, i, j, a, b, c, d, e, f, g, h);
            TAKE_OUT(9, j, a, b, c, d, e, f, g, h, i);
            byte += BLOCK_BYTES;
            bytes -= BLOCK_BYTES;
        } while (bytes >= 2 * BLOCK_BYTES);
        const uint32_t turned[WORDS] = {a, b, c, d, e, f, g, h, i, j};
        crc = 0;
        for (uint32_t n = 0; n < WORDS; n++, byte += WORD_BYTES)
            crc = by_nibbles(crc ^ turned[n], byte, WORD_BYTES);
        bytes -= BLOCK_BYTES;
    }
    return ~by_nibbles(crc, byte, bytes);
}
