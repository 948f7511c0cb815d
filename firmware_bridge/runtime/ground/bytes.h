/* SPDX-License-Identifier: Apache-2.0
 * Little-endian numbers in byte buffers, and the payload of an answer under construction. */
#ifndef TINYTL_LINK_BYTES_H
#define TINYTL_LINK_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static inline uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static inline void set32(uint8_t *at, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8u * i));
}

/* Grows by the put functions; the caller knows that it stays within TINYTL_MAX_PAYLOAD. */
typedef struct payload {
    uint8_t *data;
    uint32_t bytes;
} payload;

static inline void put_bytes(payload *out, const void *data, uint32_t bytes)
{
    memcpy(out->data + out->bytes, data, bytes);
    out->bytes += bytes;
}

static inline void put16(payload *out, uint32_t value)
{
    out->data[out->bytes++] = (uint8_t)value;
    out->data[out->bytes++] = (uint8_t)(value >> 8);
}

static inline void put32(payload *out, uint32_t value)
{
    set32(out->data + out->bytes, value);
    out->bytes += 4;
}

static inline void put_float(payload *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put32(out, bits);
}

#endif
