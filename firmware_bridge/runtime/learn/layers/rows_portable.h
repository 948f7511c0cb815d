/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h in C: rows of a block share each loaded number.
 */
#ifndef TINYTL_LEARN_ROWS_PORTABLE_H
#define TINYTL_LEARN_ROWS_PORTABLE_H

#include <stdint.h>

#include "learn/arithmetic/fused.h"

static inline float dot_row(const float *weights, uint32_t in, const float *input, float sum)
{
    for (uint32_t i = 0; i < in; i++)
        sum = TINYTL_FUSED(weights[i], input[i], sum);
    return sum;
}

static inline void dot_four(const float *w, uint32_t in, const float *input, const float *bias, float *sums)
{
    float s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];
    for (uint32_t i = 0; i < in; i++, w++) {
        s0 = TINYTL_FUSED(w[0], input[i], s0);
        s1 = TINYTL_FUSED(w[in], input[i], s1);
        s2 = TINYTL_FUSED(w[2u * in], input[i], s2);
        s3 = TINYTL_FUSED(w[3u * in], input[i], s3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

static inline void dot_five(const float *weights, uint32_t in, const float *input, const float *bias, float *sums)
{
    dot_four(weights, in, input, bias, sums);
    sums[4] = dot_row(weights + 4u * in, in, input, bias[4]);
}

static inline void gather_row(const float *weights, float d, uint32_t in, float *d_input)
{
    for (uint32_t i = 0; i < in; i++)
        d_input[i] = TINYTL_FUSED(d, weights[i], d_input[i]);
}

static inline void gather_four(const float *const *rows, const float *d, uint32_t in, float *d_input)
{
    for (uint32_t i = 0; i < in; i++) {
        float sum = TINYTL_FUSED(d[0], rows[0][i], d_input[i]);
        sum = TINYTL_FUSED(d[1], rows[1][i], sum);
        sum = TINYTL_FUSED(d[2], rows[2][i], sum);
        d_input[i] = TINYTL_FUSED(d[3], rows[3][i], sum);
    }
}

static inline void gather_five(const float *const *rows, const float *d, uint32_t in, float *d_input)
{
    gather_four(rows, d, in, d_input);
    gather_row(rows[4], d[4], in, d_input);
}

static inline void update_row(float *weights, float step, const float *input, uint32_t in)
{
    for (uint32_t i = 0; i < in; i++)
        weights[i] = TINYTL_FUSED(step, input[i], weights[i]);
}

static inline void update_four(float *const *rows, const float *steps, const float *input, uint32_t in)
{
    for (uint32_t r = 0; r < 4u; r++)
        update_row(rows[r], steps[r], input, in);
}

static inline void update_five(float *const *rows, const float *steps, const float *input, uint32_t in)
{
    update_four(rows, steps, input, in);
    update_row(rows[4], steps[4], input, in);
}

#endif
