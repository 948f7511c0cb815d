/* SPDX-License-Identifier: Apache-2.0
 * Windows as rows of bytes (windows.h): whole blocks are copied, each piece over what the one before has written too much. */
#include "kernels/mve/windows.h"

/* blocks: a constant where this is inlined, 0 for any number. */
static inline void gather(const mve_windows *w, uint32_t offset, int8_t *to, uint32_t blocks)
{
    const int8_t *const *piece = w->pieces, *const *end = piece + w->count;
    for (; piece < end; piece++, to += w->bytes) {
        const int8_t *from = *piece + offset;
        if (blocks == 0)
            mve_copy(to, from, w->bytes);
        for (uint32_t i = 0; i < blocks; i++)
            mve_copy_block(to + 16u * i, from + 16u * i);
    }
}

void tinytl_mve_gather(const mve_windows *w, uint32_t offset, int8_t *to)
{
    switch ((w->bytes + 15u) / 16u) {
    case 1: gather(w, offset, to, 1); break;
    case 2: gather(w, offset, to, 2); break;
    case 3: gather(w, offset, to, 3); break;
    case 4: gather(w, offset, to, 4); break;
    default: gather(w, offset, to, 0);
    }
}
