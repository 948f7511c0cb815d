/* SPDX-License-Identifier: Apache-2.0
 * kernels/dsp/halves.h, one instruction each (rescaling: two and four). GCC 12 fuses no rotation into
 * SXTB16 and has no SMMLA. */
#ifndef TINYTL_KERNELS_DSP_ARMV7EM_HALVES_H
#define TINYTL_KERNELS_DSP_ARMV7EM_HALVES_H

#include <stdint.h>

static inline uint32_t even_bytes(uint32_t word)
{
    uint32_t halves;
    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
}

static inline uint32_t odd_bytes(uint32_t word)
{
    uint32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}

static inline uint32_t add_even_bytes(uint32_t sum, uint32_t word)
{
    uint32_t halves;
    __asm__("sxtab16 %0, %1, %2" : "=r"(halves) : "r"(sum), "r"(word));
    return halves;
}

static inline uint32_t add_odd_bytes(uint32_t sum, uint32_t word)
{
    uint32_t halves;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(halves) : "r"(sum), "r"(word));
    return halves;
}

static inline uint32_t add_halves(uint32_t a, uint32_t b)
{
    uint32_t halves;
    __asm__("sadd16 %0, %1, %2" : "=r"(halves) : "r"(a), "r"(b));
    return halves;
}

static inline uint32_t sub_halves(uint32_t a, uint32_t b)
{
    uint32_t halves;
    __asm__("ssub16 %0, %1, %2" : "=r"(halves) : "r"(a), "r"(b));
    return halves;
}

static inline int8_t rescaled_saturating(uint32_t acc, const int32_t *words)
{
    int32_t output;
    __asm__("smmla %0, %1, %2, %3\n\tssat %0, #8, %0, asr #11" : "=r"(output) : "r"(acc), "r"(words[0]), "r"(words[1]));
    return (int8_t)output;
}

static inline int8_t rescaled_signed(int32_t twice, const int32_t *words)
{
    int32_t output;
    __asm__("smmlar %0, %1, %2, %3\n\tadd %0, %0, %1, asr #31\n\tasr %0, %0, %4\n\tssat %0, #8, %0"
            : "=&r"(output)
            : "r"(twice), "r"(words[0]), "r"(words[1]), "r"(words[2]));
    return (int8_t)output;
}

#endif
