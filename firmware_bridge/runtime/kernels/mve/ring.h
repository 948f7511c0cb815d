/* SPDX-License-Identifier: Apache-2.0
 * Scratch of the depthwise kernels (mve_depthwise.c). */
#ifndef TINYTL_KERNELS_MVE_RING_H
#define TINYTL_KERNELS_MVE_RING_H

#include <stdint.h>

/* params: those of a convolution (windows.h). */
uint64_t tinytl_mve_ring_scratch_bytes(const int32_t *params, uint32_t out_width, uint32_t channels);

#endif
