/* SPDX-License-Identifier: Apache-2.0
 * Words as two 16-bit halves, and rescaling of one sum: one instruction each on Cortex-M4, plain C elsewhere. */
#ifndef TINYTL_KERNELS_DSP_HALVES_H
#define TINYTL_KERNELS_DSP_HALVES_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_SIMD32) && __ARM_FEATURE_SIMD32
#include "kernels/dsp/armv7em/halves.h"
#else
#include "kernels/dsp/plain/halves.h"
#endif

static inline uint32_t load_word(const int8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

#endif
