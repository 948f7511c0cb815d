/* SPDX-License-Identifier: Apache-2.0
 * The windows of a convolution as rows of a matrix: taps_h · taps_w · channels bytes, where padding is the
 * input's zero point. */
#ifndef TINYTL_KERNELS_MVE_WINDOWS_H
#define TINYTL_KERNELS_MVE_WINDOWS_H

#include "kernels/mve/ring.h"

typedef struct mve_windows {
    const int8_t *const *pieces;
    uint32_t count, bytes; /* pieces, at least one; bytes of each */
} mve_windows;

/* Copies the window that lies `offset` bytes behind the pieces. Up to 15 bytes beyond the window are written. */
typedef void mve_gather(const mve_windows *windows, uint32_t offset, int8_t *to);

/* Return the fastest one for pieces of some bytes. */
mve_gather *tinytl_mve_gather_for(uint32_t bytes);

#endif
