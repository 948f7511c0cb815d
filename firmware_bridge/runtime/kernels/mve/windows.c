/* SPDX-License-Identifier: Apache-2.0
 * Windows as rows of bytes (windows.h): whole blocks are copied, each piece over what the one before
 * has written too much. */
#include "kernels/mve/windows.h"

/* blocks: of a piece, a constant where this is inlined; 0 for any number. */
static inline void gather(const mve_windows *w, uint32_t offset, int8_t *to, uint32_t blocks)
{
    const int8_t *const *piece = w->pieces;
    const uint32_t bytes = w->bytes; /* a store to an int8 may alias anything */
    uint32_t left = w->count;
    do {
        const int8_t *from = *piece++ + offset;
        if (blocks == 0)
            mve_copy(to, from, bytes);
        for (uint32_t i = 0; i < blocks; i++)
            mve_copy_block(to + 16u * i, from + 16u * i);
        to += bytes;
    } while (--left);
}

static void gather_0(const mve_windows *w, uint32_t offset, int8_t *to)
{
    gather(w, offset, to, 0);
}

static void gather_1(const mve_windows *w, uint32_t offset, int8_t *to)
{
    gather(w, offset, to, 1);
}

static void gather_2(const mve_windows *w, uint32_t offset, int8_t *to)
{
    gather(w, offset, to, 2);
}

static void gather_3(const mve_windows *w, uint32_t offset, int8_t *to)
{
    gather(w, offset, to, 3);
}

mve_gather *tinytl_mve_gather_for(uint32_t bytes)
{
    static mve_gather *const by_blocks[] = {gather_0, gather_1, gather_2, gather_3};
    const uint32_t blocks = (bytes + 15u) / 16u;
    return by_blocks[blocks < 4u ? blocks : 0u];
}
