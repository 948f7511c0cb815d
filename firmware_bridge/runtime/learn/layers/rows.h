/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops that a step spends its time in, over one row of weights, or four or five at once, which share each number
 * of the input. Every variant computes each number by the same fused operations in the same order (product.h), so all
 * give the same bits. Included by product.c alone.
 *
 *     dot      bias + Σ weights[i] input[i]
 *     gather   d_input[i] += d weights[i]
 *     update   weights[i] += step input[i]
 */
#ifndef TINYTL_LEARN_ROWS_H
#define TINYTL_LEARN_ROWS_H

#include <stdint.h>

#define TINYTL_BLOCK 5u

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__GNUC__) && !defined(TINYTL_FUSED_EXACT)
#include "learn/layers/rows_vfpv4.h"
#else
#include "learn/layers/rows_portable.h"
#endif

/* How many of `left` rows go next: fours, and a five where fours would leave a remainder. */
static inline uint32_t next_rows(uint32_t left)
{
    return left < 4u ? left : left % 4u == 0 || left == 4u ? 4u : TINYTL_BLOCK;
}

/* weights: [count][in], bias, sums: [count]. */
static void dot_rows(const float *weights, uint32_t count, uint32_t in, const float *input, const float *bias,
                     float *sums)
{
    if (count == TINYTL_BLOCK)
        dot_five(weights, in, input, bias, sums);
    else if (count == 4u)
        dot_four(weights, in, input, bias, sums);
    else
        for (uint32_t r = 0; r < count; r++)
            sums[r] = dot_row(weights + r * in, in, input, bias[r]);
}

static void gather_rows(const float *const *rows, const float *d, uint32_t count, uint32_t in, float *d_input)
{
    if (count == TINYTL_BLOCK)
        gather_five(rows, d, in, d_input);
    else if (count == 4u)
        gather_four(rows, d, in, d_input);
    else
        for (uint32_t r = 0; r < count; r++)
            gather_row(rows[r], d[r], in, d_input);
}

static void update_rows(float *const *rows, const float *steps, uint32_t count, const float *input, uint32_t in)
{
    if (count == TINYTL_BLOCK)
        update_five(rows, steps, input, in);
    else if (count == 4u)
        update_four(rows, steps, input, in);
    else
        for (uint32_t r = 0; r < count; r++)
            update_row(rows[r], steps[r], input, in);
}

#endif
