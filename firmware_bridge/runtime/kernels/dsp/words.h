/* SPDX-License-Identifier: Apache-2.0
 * Words of four int8, from any address. */
#ifndef TINYTL_KERNELS_DSP_WORDS_H
#define TINYTL_KERNELS_DSP_WORDS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t load_word(const int8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

#endif
