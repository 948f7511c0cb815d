/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that a step spends its time in, over one row of weights or a block of four. Every variant computes each number
 * by the same fused operations in the same order (product.h), so all give the same bits. Included by product.c alone.
 *
 *     dot_row       sum + Σ weights[i] input[i]
 *     gather_row    d_input[i] += d weights[i]
 *     update_row    weights[i] += step input[i]
 */
#ifndef TINYTL_LEARN_ROWS_H
#define TINYTL_LEARN_ROWS_H

#define TINYTL_BLOCK 4u

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__GNUC__) && !defined(TINYTL_FUSED_EXACT)
#include "learn/rows_vfpv4.h"
#else
#include "learn/rows_portable.h"
#endif

#endif
