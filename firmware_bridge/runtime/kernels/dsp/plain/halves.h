/* SPDX-License-Identifier: Apache-2.0
 * kernels/dsp/halves.h in plain C. */
#ifndef TINYTL_KERNELS_DSP_PLAIN_HALVES_H
#define TINYTL_KERNELS_DSP_PLAIN_HALVES_H

#include "kernels/dsp/plain/rescale.h"

static inline uint32_t halves(uint32_t low, uint32_t high)
{
    return (low & 0xFFFFu) | high << 16;
}

static inline uint32_t signed_byte(uint32_t word, int place)
{
    return (uint32_t)(int32_t)(int8_t)(uint8_t)(word >> 8 * place);
}

/* Bytes 0 and 2, or 1 and 3, sign-extended; the same added to two halves. */
static inline uint32_t even_bytes(uint32_t word)
{
    return halves(signed_byte(word, 0), signed_byte(word, 2));
}

static inline uint32_t odd_bytes(uint32_t word)
{
    return halves(signed_byte(word, 1), signed_byte(word, 3));
}

static inline uint32_t add_halves(uint32_t a, uint32_t b)
{
    return halves(a + b, (a >> 16) + (b >> 16));
}

static inline uint32_t sub_halves(uint32_t a, uint32_t b)
{
    return halves(a - b, (a >> 16) - (b >> 16));
}

static inline uint32_t add_even_bytes(uint32_t sum, uint32_t word)
{
    return add_halves(sum, even_bytes(word));
}

static inline uint32_t add_odd_bytes(uint32_t sum, uint32_t word)
{
    return add_halves(sum, odd_bytes(word));
}

static inline int8_t rescaled_saturating(uint32_t acc, const int32_t *words)
{
    return rescale_saturating(acc, words);
}

static inline int8_t rescaled_signed(int32_t twice, const int32_t *words)
{
    return rescale_signed(twice, words);
}

#endif
