/* SPDX-License-Identifier: Apache-2.0
 * Copies and fills of a few bytes to a few hundred: a call of memcpy costs more than they do. `count` may be 0. */
#ifndef TINYTL_KERNELS_MVE_COPYING_H
#define TINYTL_KERNELS_MVE_COPYING_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE

#include <arm_mve.h>

/* The loop's predication stops at the last byte: nothing beside the two runs is read or written. */
static inline void mve_copy(int8_t *to, const int8_t *from, uint32_t count)
{
    __asm volatile("wlstp.8 lr, %2, 2f\n"
                   "1: vldrb.8 q0, [%1], #16\n vstrb.8 q0, [%0], #16\n letp lr, 1b\n"
                   "2:"
                   : "+r"(to), "+r"(from)
                   : "r"(count)
                   : "lr", "q0", "memory");
}

static inline void mve_fill(int8_t *to, int8_t value, uint32_t count)
{
    __asm volatile("vdup.8 q0, %1\n wlstp.8 lr, %2, 2f\n"
                   "1: vstrb.8 q0, [%0], #16\n letp lr, 1b\n"
                   "2:"
                   : "+r"(to)
                   : "r"(value), "r"(count)
                   : "lr", "q0", "memory");
}

/* 16 bytes. */
static inline void mve_copy_block(int8_t *to, const int8_t *from)
{
    vstrbq_s8(to, vldrbq_s8(from));
}

#else

static inline void mve_copy(int8_t *to, const int8_t *from, uint32_t count)
{
    memcpy(to, from, count);
}

static inline void mve_fill(int8_t *to, int8_t value, uint32_t count)
{
    memset(to, value, count);
}

static inline void mve_copy_block(int8_t *to, const int8_t *from)
{
    memcpy(to, from, 16);
}

#endif

#endif
