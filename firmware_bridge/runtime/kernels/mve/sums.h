/* SPDX-License-Identifier: Apache-2.0
 * Sums of bytes over the places of a window, eight channels at a time: contract of plain/sums.c and armv81m/sums.c. */
#ifndef TINYTL_KERNELS_MVE_SUMS_H
#define TINYTL_KERNELS_MVE_SUMS_H

#include "kernels/block_pooling.h"

enum { MVE_SUMS = 8 };

void tinytl_mve_sum_places(const int8_t *first, const pool_places *places, int32_t sums[MVE_SUMS]);

#endif
